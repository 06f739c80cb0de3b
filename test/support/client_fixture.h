#pragma once

// A loop, a redis-server and a ResourceClient with an event source.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "sake/sake.h"

#include "support/cache_fixture.h"
#include "support/loop.h"
#include "support/redis_client.h"
#include "support/redis_server.h"

namespace sake::test {

class ClientFixture {
 public:
  explicit ClientFixture(Options options = {}, bool is_managed = false) {
    if (options.address == CacheFixture::default_address) options.address = server.address();
    auto made = ResourceClient::create(loop.get(), std::move(options), {&source, is_managed});
    REQUIRE_MESSAGE(made, describe(made.error()));
    client = std::move(made).value();
  }

  /// Makes a request and runs until its answer is there.
  template <typename T>
  typename Request<T>::Answer run(Request<T> request) {
    std::optional<typename Request<T>::Answer> told;
    request.then([&](typename Request<T>::Answer answer) {
      told.emplace(std::move(answer));
      uv_stop(loop.get());
    });
    CHECK_MESSAGE(!told, "an answer came inside of the call");
    loop.run_until([&] { return told.has_value(); });
    return std::move(*told);
  }
  Status open() { return run(client->open()); }
  Status close() { return run(client->close()); }

  /// The answer of a call that is awaited later.
  std::shared_ptr<std::optional<Status>> begin(Request<void> request) {
    auto told = std::make_shared<std::optional<Status>>();
    request.then([told, this](Status status) {
      *told = std::move(status);
      uv_stop(loop.get());
    });
    return told;
  }

  void flush() {
    bool flushed = false;
    REQUIRE(client->cache() != nullptr);
    client->cache()->flush([&](const Status&) {
      flushed = true;
      uv_stop(loop.get());
    });
    loop.run_until(flushed);
  }
  void apply(std::string_view t, const nlohmann::json& d) {
    CHECK(source.dispatch({.frame = CacheFixture::frame(t, d)}).ok());
    flush();
  }

  bool has_role(std::string_view id) {
    redis.select(6);
    return redis.command("EXISTS", id).integer == 1;
  }

  Loop loop;
  RedisServer server;
  RedisClient redis{server.socket_path()};
  EventSource source;
  std::unique_ptr<ResourceClient> client;
};

}  // namespace sake::test
