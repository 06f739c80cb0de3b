#include "base/backoff.h"

#include <cstdint>
#include <initializer_list>

#include <doctest/doctest.h>

using sake::base::Backoff;
using namespace std::chrono_literals;

TEST_CASE("without luck the delay doubles up to its bound and stays there") {
  Backoff backoff(50ms, 400ms);
  for (const auto delay : {50ms, 100ms, 200ms, 400ms, 400ms, 400ms}) CHECK(backoff.next(UINT32_MAX) == delay);
}

TEST_CASE("jitter takes away up to half of the delay") {
  Backoff backoff(100ms, 100ms);
  CHECK(backoff.next(0) == 50ms);
  CHECK(backoff.next(UINT32_MAX) == 100ms);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const auto delay = backoff.next(i * 4'294'967);
    CHECK(delay >= 50ms);
    CHECK(delay <= 100ms);
  }
}

TEST_CASE("a bound that is no power of two times the first delay is met exactly") {
  Backoff backoff(30ms, 100ms);
  for (const auto delay : {30ms, 60ms, 100ms, 100ms}) CHECK(backoff.next(UINT32_MAX) == delay);
}

TEST_CASE("a success starts the delays over") {
  Backoff backoff(50ms, 400ms);
  backoff.next(0);
  backoff.next(0);
  backoff.reset();
  CHECK(backoff.next(UINT32_MAX) == 50ms);
}

TEST_CASE("a delay is never zero, so that a dead server cannot make the loop spin") {
  Backoff backoff(1ms, 1ms);
  CHECK(backoff.next(0) == 1ms);
}
