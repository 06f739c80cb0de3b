// A program that is linked as a build without TLS is.

#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <uv.h>

#include "sake/cache.h"

using namespace sake;

namespace {

std::string refusal(Options options) {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  const auto cache = Cache::open(&loop, std::move(options), [](Status) { FAIL("called although it was refused"); });
  REQUIRE_FALSE(cache.has_value());
  CHECK(cache.error().code == Errc::invalid_argument);
  CHECK(cache.error().cause == Cause::none);
  CHECK(uv_loop_close(&loop) == 0);
  return cache.error().text;
}

}  // namespace

TEST_CASE("a build without TLS refuses an address that asks for it, and says how to get it") {
  const std::string text = refusal({.address = "rediss://:hunter2@127.0.0.1"});
  CHECK(text == "the Redis address cannot work: this build has no TLS: rebuild with -Dtls=enabled");
  CHECK(refusal({.address = "rediss://127.0.0.1", .tls = {.ca_file = "any"}}) == text);
}

TEST_CASE("a build without TLS refuses settings that contradict each other") {
  CHECK(refusal({.address = "unix:///absent", .tls = {.key_file = "any"}}).starts_with("tls.key_file: "));
}
