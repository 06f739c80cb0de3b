// ResourceClient and EventSource: when a cache is there, when events have effect, and what becomes of those it refuses.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "sake/sake.h"

#include "support/cache_fixture.h"
#include "support/client_fixture.h"
#include "support/command_proxy.h"
#include "support/loop.h"
#include "support/redis_client.h"
#include "support/redis_server.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;

std::string role_frame(std::string_view id, std::optional<std::uint64_t> sequence = std::nullopt) {
  return CacheFixture::frame("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", id}}}}, sequence);
}

/// A listener that takes as many dispatches as it is told to.
struct Counting final : DispatchListener {
  Status on_dispatch(const RawDispatch& dispatch) override {
    if (taken == takes) return Error{.code = Errc::over_capacity};
    ++taken;
    frames.emplace_back(dispatch.frame);
    return {};
  }
  void on_skip(std::uint32_t, std::uint32_t) override { ++skips; }

  std::size_t takes = 1000;
  std::size_t taken = 0;
  std::size_t skips = 0;
  std::vector<std::string> frames;
};

Errc code_of(const std::optional<Status>& told) {
  REQUIRE(told.has_value());
  REQUIRE_FALSE(told->ok());
  return told->error().code;
}

TEST_CASE("a client is opened and closed as often as one likes, with the same options") {
  int asked = 0;
  Options options;
  options.filters.accepts = [&](const Candidate&) { return ++asked != 0; };
  ClientFixture fixture(std::move(options));
  CHECK_FALSE(fixture.client->is_alive());
  CHECK(fixture.client->cache() == nullptr);
  CHECK(fixture.close().ok());
  REQUIRE(fixture.client->changeable_options() != nullptr);
  fixture.client->changeable_options()->with_index_override(Resource::role, 20);
  for (int round = 1; round <= 3; ++round) {
    CAPTURE(round);
    CHECK(fixture.open().ok());
    CHECK(fixture.open().ok());
    CHECK(fixture.client->is_alive());
    CHECK(fixture.client->changeable_options() == nullptr);
    CHECK(fixture.client->options().get_index_override(Resource::role) == 20);
    REQUIRE(fixture.client->cache() != nullptr);
    CHECK(fixture.client->cache()->shard().dispatch_frame(role_frame(std::to_string(round))).ok());
    fixture.flush();
    CHECK(asked == round);
    fixture.redis.select(20);
    CHECK(fixture.redis.command("DBSIZE").integer == round);
    CHECK(fixture.close().ok());
    CHECK_FALSE(fixture.client->is_alive());
    CHECK(fixture.client->cache() == nullptr);
    CHECK(fixture.close().ok());
  }
}

TEST_CASE("what cannot work is refused when the client is made") {
  Loop loop;
  EventSource source;
  const auto refusal = [&](Options options, ClientOptions client) {
    const auto made = ResourceClient::create(loop.get(), std::move(options), client);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Errc::invalid_argument);
    return made.error().text;
  };
  CHECK(refusal({}, {.event_managed = true}).starts_with("event_managed: "));
  CHECK(refusal({.address = "http://localhost"}, {}).find("redis://") != std::string::npos);
  CHECK(refusal({.resources = {}}, {.event_manager = &source, .event_managed = true}).starts_with("resources: "));
  bool told = false;
  source.starting([&](const Status&) { told = true; });
  CHECK(told);  // Nobody has stayed behind in it.
}

TEST_CASE("events have effect from open to close and not otherwise") {
  ClientFixture fixture;
  CHECK(fixture.source.dispatch({.frame = role_frame("1")}).ok());
  const auto opened = fixture.begin(fixture.client->open());
  CHECK(fixture.source.dispatch({.frame = role_frame("2")}).ok());  // While it connects.
  fixture.loop.run_until([&] { return opened->has_value(); });
  const std::string data = R"({"guild_id":"100","role":{"id":"3"}})";
  CHECK(fixture.source.dispatch({.event = "GUILD_ROLE_CREATE", .data = data}).ok());
  fixture.flush();
  const auto closed = fixture.begin(fixture.client->close());
  CHECK(fixture.source.dispatch({.frame = role_frame("4")}).ok());
  fixture.loop.run_until([&] { return closed->has_value(); });
  CHECK(fixture.source.dispatch({.frame = role_frame("5")}).ok());
  CHECK(fixture.open().ok());
  CHECK(fixture.source.dispatch({.shard_id = 1, .shard_count = 2, .frame = role_frame("6")}).ok());
  fixture.flush();
  for (const auto& [id, is_there] :
       {std::pair{"1", false}, {"2", true}, {"3", true}, {"4", false}, {"5", false}, {"6", true}}) {
    CAPTURE(id);
    CHECK(fixture.has_role(id) == is_there);
  }
  const Status refused = fixture.source.dispatch({.shard_id = 2, .shard_count = 2, .frame = role_frame("7")});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == Errc::invalid_argument);
}

TEST_CASE("an event-managed client opens and closes with its program, each time") {
  ClientFixture fixture({}, true);
  for (int round = 0; round < 2; ++round) {
    std::optional<Status> told;
    const auto tell = [&](Status status) {
      told = std::move(status);
      uv_stop(fixture.loop.get());
    };
    fixture.source.starting(tell);
    CHECK_FALSE(told);
    fixture.loop.run_until([&] { return told.has_value(); });
    CHECK(told->ok());
    CHECK(fixture.client->is_alive());
    CHECK(fixture.open().ok());  // By hand too.
    told.reset();
    fixture.source.stopping(tell);
    CHECK_FALSE(told);
    fixture.loop.run_until([&] { return told.has_value(); });
    CHECK_FALSE(fixture.client->is_alive());
  }
  fixture.client.reset();
  bool told = false;
  fixture.source.starting([&](const Status&) { told = true; });
  CHECK(told);
}

TEST_CASE("a client that its user opens does not mind the program's start") {
  ClientFixture fixture;
  bool told = false;
  fixture.source.starting([&](const Status&) { told = true; });
  CHECK(told);
  fixture.loop.run_for_turns(10);
  CHECK(fixture.client->cache() == nullptr);
}

TEST_CASE("closing ends an opening, and opening waits for a closing") {
  ClientFixture fixture;
  auto opened = fixture.begin(fixture.client->open());
  auto closed = fixture.begin(fixture.client->close());
  fixture.loop.run_until([&] { return closed->has_value(); });
  CHECK((*closed)->ok());
  fixture.loop.run_until([&] { return opened->has_value(); });
  CHECK(code_of(*opened) == Errc::closed_client);

  CHECK(fixture.open().ok());
  closed = fixture.begin(fixture.client->close());
  opened = fixture.begin(fixture.client->open());
  fixture.loop.run_until([&] { return opened->has_value(); });
  CHECK((*opened)->ok());
  CHECK((*closed)->ok());
  CHECK(fixture.client->is_alive());

  closed = fixture.begin(fixture.client->close());
  opened = fixture.begin(fixture.client->open());
  const auto again = fixture.begin(fixture.client->close());
  fixture.loop.run_until([&] { return again->has_value() && opened->has_value(); });
  CHECK(code_of(*opened) == Errc::closed_client);
  CHECK((*closed)->ok());
  CHECK((*again)->ok());
  CHECK(fixture.client->cache() == nullptr);
}

TEST_CASE("a client that cannot be opened is closed, and can be tried again") {
  Options options;
  options.open_timeout = std::chrono::milliseconds(100);
  ClientFixture fixture(std::move(options));
  fixture.server.stop();
  const Status failed = fixture.open();
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().code == Errc::backend_error);
  CHECK(fixture.client->cache() == nullptr);
  fixture.server.start();
  fixture.client->changeable_options()->open_timeout = std::chrono::seconds(10);
  CHECK(fixture.open().ok());
  CHECK(fixture.client->is_alive());
}

TEST_CASE("a dispatch that the cache refuses is offered again, and to nobody twice") {
  RedisServer server;
  Loop loop;
  CommandProxy proxy(loop.get(), server.socket_path());
  EventSource source;
  Counting other;
  source.subscribe(other);
  Options options{.address = proxy.address(), .pending_bytes_max = 20'000};
  auto client = std::move(ResourceClient::create(loop.get(), std::move(options), {&source})).value();
  std::optional<Status> opened;
  client->open().then([&](Status status) { opened = std::move(status); });
  loop.run_until([&] { return opened.has_value() && client->cache()->pending_bytes() == 0; });
  proxy.hold_replies();

  bool has_capacity = false;
  source.on_capacity([&] {
    has_capacity = true;
    uv_stop(loop.get());
  });
  std::size_t number = 0;
  std::string refused;
  while (refused.empty()) {
    std::string frame = role_frame(std::to_string(++number), number);
    const Status status = source.dispatch({.frame = frame});
    if (status) continue;
    CHECK(status.error().code == Errc::over_capacity);
    refused = std::move(frame);
  }
  CHECK(number > 10);
  CHECK(other.taken == number);
  CHECK_FALSE(source.dispatch({.frame = refused}).ok());
  CHECK_FALSE(source.dispatch({.frame = refused}).ok());
  CHECK(other.taken == number);
  // The other shard's are refused for the same reason, and remembered apart.
  CHECK_FALSE(source.dispatch({.shard_id = 1, .shard_count = 2, .frame = role_frame("900")}).ok());
  CHECK(other.taken == number + 1);

  proxy.release_replies();
  loop.run_until(has_capacity);
  CHECK(source.dispatch({.frame = refused}).ok());
  CHECK(source.dispatch({.frame = role_frame(std::to_string(number + 1), number + 1)}).ok());
  source.skip(1, 2);
  CHECK(other.skips == 0);  // It has taken what the client refused.
  CHECK(source.dispatch({.shard_id = 1, .shard_count = 2, .frame = role_frame("901")}).ok());
  CHECK(other.taken == number + 3);
  bool flushed = false;
  client->cache()->flush([&](const Status&) { flushed = true; });
  loop.run_until([&] { return flushed; });
  CHECK(client->cache()->stats().skipped == 1);
  RedisClient redis(server.socket_path());
  redis.select(6);
  CHECK(redis.command("DBSIZE").integer == static_cast<std::int64_t>(number + 2));
  CHECK(redis.command("EXISTS", "900").integer == 0);
  client.reset();
}

TEST_CASE("a listener that goes while dispatches are told is not called any more") {
  EventSource source;
  Counting first, last;
  struct Leaving final : DispatchListener {
    Leaving(EventSource& from, DispatchListener& other) : source(from), leaves(other) {}
    Status on_dispatch(const RawDispatch&) override {
      source.unsubscribe(leaves);
      source.unsubscribe(*this);
      return {};
    }
    void on_skip(std::uint32_t, std::uint32_t) override {}
    EventSource& source;
    DispatchListener& leaves;
  } leaving(source, last);
  source.subscribe(first);
  source.subscribe(first);
  source.subscribe(static_cast<DispatchListener&>(leaving));
  source.subscribe(last);
  CHECK(source.dispatch({.frame = "a"}).ok());
  CHECK(source.dispatch({.frame = "b"}).ok());
  CHECK(first.frames == std::vector<std::string>{"a", "b"});
  CHECK(last.taken == 0);
}

TEST_CASE("a client may be destroyed in the answer to close, while it is open, and while it opens") {
  ClientFixture fixture;
  CHECK(fixture.open().ok());
  bool gone = false;
  fixture.client->close().then([&](Status status) {
    CHECK(status.ok());
    fixture.client.reset();
    gone = true;
    uv_stop(fixture.loop.get());
  });
  fixture.loop.run_until(gone);

  for (const bool waits : {false, true}) {
    auto made = ResourceClient::create(fixture.loop.get(), {.address = fixture.server.address()}, {&fixture.source});
    REQUIRE(made);
    fixture.client = std::move(made).value();
    auto opened = fixture.begin(fixture.client->open());
    if (waits) fixture.loop.run_until([&] { return opened->has_value(); });
    const auto closed = waits ? fixture.begin(fixture.client->close()) : opened;
    fixture.client.reset();
    fixture.loop.run_until([&] { return closed->has_value(); });
    CHECK(code_of(*closed) == Errc::closed_client);
    CHECK(fixture.source.dispatch({.frame = role_frame("1")}).ok());
  }
}

TEST_CASE("a thousand calls wait for one end, and no more") {
  ClientFixture fixture;
  int opened = 0;
  int refused = 0;
  for (int i = 0; i < 1003; ++i)
    fixture.client->open().then([&](const Status& status) {
      if (status) ++opened;
      if (!status && status.error().code == Errc::over_capacity) ++refused;
      uv_stop(fixture.loop.get());
    });
  fixture.loop.run_until([&] { return opened + refused == 1003; });
  CHECK(refused == 3);
}

}  // namespace
}  // namespace sake::test
