#pragma once

// Makes a request of a cache and runs the loop until its answer is there.
//
//   Result<Role> role = answer(fixture, fixture.cache().get_role(61));

#include <optional>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "sake/sake.h"

#include "support/cache_fixture.h"

namespace sake::test {

template <typename T>
typename Request<T>::Answer answer(CacheFixture& fixture, Request<T> request) {
  std::optional<typename Request<T>::Answer> told;
  request.then([&](typename Request<T>::Answer answer) {
    told.emplace(std::move(answer));
    uv_stop(fixture.loop.get());
  });
  CHECK_MESSAGE(!told, "an answer came inside of the call");
  fixture.loop.run_until([&] { return told.has_value(); });
  return std::move(*told);
}

/// All entities of a collection; fails the test when they cannot be had.
inline std::vector<Entity> all_of(CacheFixture& fixture, EntityIterator iterator) {
  auto found = answer(fixture, iterator.collect());
  REQUIRE_MESSAGE(found, describe(found.error()));
  return std::move(found).value();
}
template <typename T>
std::vector<Entity> all_of(CacheFixture& fixture, CacheIterator<T> iterator) {
  auto found = answer(fixture, iterator.collect());
  REQUIRE_MESSAGE(found, describe(found.error()));
  std::vector<Entity> entities;
  for (const T& each : found.value()) entities.push_back(each.entity());
  return entities;
}

}  // namespace sake::test
