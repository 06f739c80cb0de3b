// Session records: how far a shard has come, for a process that starts again and resumes.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"
#include "support/command_proxy.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;

Json ready(const std::string& session_id, Json guilds = Json::array()) {
  return {{"user", {{"id", "1"}, {"username", "me"}}},
          {"guilds", std::move(guilds)},
          {"session_id", session_id},
          {"resume_gateway_url", "wss://gateway.example/\"quoted\""}};
}

Json message(std::uint64_t id) { return {{"id", std::to_string(id)}, {"channel_id", "2"}, {"guild_id", "100"}}; }

Result<Session> session_of(CacheFixture& fixture, std::uint32_t id = 0, std::uint32_t count = 1) {
  std::optional<Result<Session>> answer;
  fixture.cache().get_session(id, count, [&](Result<Session> result) {
    answer = std::move(result);
    uv_stop(fixture.loop.get());  // It is told before the loop waits, which it need not then.
  });
  CHECK_FALSE(answer);
  fixture.loop.run_until([&] { return answer.has_value(); });
  return std::move(*answer);
}

void run_until_recorded(CacheFixture& fixture, std::uint64_t sequence) {
  fixture.loop.run_until([&] { return fixture.stats().shards.at(0).recorded_sequence == sequence; });
}

}  // namespace

TEST_CASE("the record says how far the shard has come, and what Discord wants to hear") {
  CacheFixture fixture;
  CHECK(session_of(fixture).error().code == Errc::entry_not_found);
  fixture.apply("READY", ready("abc"), 1);
  fixture.apply("MESSAGE_CREATE", message(5), 2);
  run_until_recorded(fixture, 2);
  const auto session = session_of(fixture);
  REQUIRE(session);
  CHECK(session->shard_id == 0);
  CHECK(session->shard_count == 1);
  CHECK(session->session_id == "abc");
  CHECK(session->resume_gateway_url == "wss://gateway.example/\"quoted\"");
  CHECK(session->sequence == 2);
  CHECK(session->dirty_guilds.empty());
  CHECK(fixture.lifetime_ms(9, "sake:session:0:1") > 3'500'000);
}

TEST_CASE("the mark stays before the first event without an outcome, and the lag is told") {
  CacheFixture fixture;
  CommandProxy proxy(fixture.loop.get(), fixture.server.socket_path());
  fixture.reopen({.address = proxy.address()});
  fixture.apply("READY", ready("abc"), 1);
  run_until_recorded(fixture, 1);
  fixture.loop.run_until([&] { return fixture.stats().pending_bytes == 0; });
  proxy.hold_replies(10);
  fixture.feed_event("MESSAGE_CREATE", message(5), 2);
  fixture.feed_event("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "7"}}}}, 3);
  fixture.loop.run_until([&] { return fixture.event_stats("GUILD_ROLE_CREATE").applied == 1; });
  fixture.loop.run_for(std::chrono::milliseconds(300));
  CHECK(session_of(fixture)->sequence == 1);
  CHECK(fixture.stats().shards.at(0).lag == 2);
  proxy.release_replies();
  run_until_recorded(fixture, 3);
  CHECK(session_of(fixture)->sequence == 3);
  CHECK(fixture.stats().shards.at(0).lag == 0);
}

TEST_CASE("records are written at most every 250 ms, and the last one at close") {
  CacheFixture fixture;
  fixture.apply("READY", ready("abc"), 1);
  const auto begin = std::chrono::steady_clock::now();
  const std::uint64_t before = fixture.stats().checks;
  for (std::uint64_t s = 2; s < 300; ++s) fixture.apply("MESSAGE_CREATE", message(s), s);
  const auto quarters = (std::chrono::steady_clock::now() - begin) / std::chrono::milliseconds(250) + 1;
  // Two commands a record, and the other checks of at most one second more.
  CHECK(fixture.stats().checks - before <= static_cast<std::uint64_t>(2 * quarters + 4 + quarters));
  fixture.close();
  CHECK(fixture.json_at(9, "sake:session:0:1")["sequence"] == 299);
}

TEST_CASE("a process that starts again resumes from the record, and takes what came before for duplicates") {
  CacheFixture fixture;
  fixture.apply("READY", ready("abc", {{{"id", "100"}, {"unavailable", true}}}), 1);
  fixture.apply("GUILD_CREATE", {{"id", "100"}, {"name", "guild"}, {"member_count", 0}}, 2);
  fixture.apply("MESSAGE_CREATE", message(5), 3);
  fixture.reopen({});
  const auto session = session_of(fixture);
  REQUIRE(session);
  CHECK(session->sequence == 3);
  CHECK(fixture.shard().resume(*session).ok());
  CHECK(fixture.shard().resume(*session).error().code == Errc::invalid_argument);
  CHECK(fixture.apply("MESSAGE_CREATE", message(5), 3).ignored_as("duplicate"));
  CHECK(fixture.apply("MESSAGE_CREATE", message(6), 4) == Outcome::applied);
  CHECK(fixture.apply("RESUMED", Json::object(), 5) == Outcome::applied);
  CHECK(fixture.stats().guilds_owned == 1);
  run_until_recorded(fixture, 5);
  CHECK(session_of(fixture)->session_id == "abc");
}

TEST_CASE("guilds that were dirty are dirty again after a resume") {
  CacheFixture fixture;
  fixture.apply("READY", ready("abc"), 1);
  fixture.apply("GUILD_CREATE", {{"id", "100"}, {"name", "guild"}, {"member_count", 0}}, 2);
  fixture.client.select(9);
  fixture.client.command("SET", "1:100:6", "no set");
  fixture.client.select(0);
  CHECK(fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "7"}}}}, 3) == Outcome::failed);
  fixture.reopen({});
  const auto session = session_of(fixture);
  REQUIRE(session);
  CHECK(session->dirty_guilds == std::vector<std::uint64_t>{100});
  CHECK(fixture.cache().dirty_guilds().empty());
  CHECK(fixture.shard().resume(*session).ok());
  CHECK(fixture.cache().dirty_guilds() == std::vector<std::uint64_t>{100});
}

TEST_CASE("another number of shards voids the records, also when it changes back") {
  CacheFixture fixture;
  fixture.apply("READY", ready("one"), 1);
  run_until_recorded(fixture, 1);
  CHECK(session_of(fixture, 0, 1));
  CHECK(session_of(fixture, 0, 2).error().code == Errc::entry_not_found);
  fixture.reopen({});
  fixture.shard(0, 2);
  fixture.apply("READY", ready("two"), 1);
  fixture.loop.run_until([&] { return fixture.stats().shards.at(0).recorded_sequence == 1; });
  CHECK(session_of(fixture, 0, 2)->session_id == "two");
  CHECK(session_of(fixture, 0, 1).error().code == Errc::entry_not_found);
  fixture.reopen({});
  CHECK(fixture.shard(0, 1).resume(Session{.shard_id = 0, .shard_count = 2}).error().code == Errc::invalid_argument);
}

TEST_CASE("a new session replaces the record, and a forgotten one leaves none") {
  CacheFixture fixture;
  fixture.apply("READY", ready("abc"), 1);
  fixture.apply("MESSAGE_CREATE", message(5), 20);
  run_until_recorded(fixture, 20);
  fixture.apply("READY", ready("def"), 1);
  run_until_recorded(fixture, 1);
  const auto session = session_of(fixture);
  CHECK(session->session_id == "def");
  CHECK(session->sequence == 1);
  fixture.shard().forget();
  CHECK(session_of(fixture).error().code == Errc::entry_not_found);
  fixture.apply("MESSAGE_CREATE", message(6), 2);
  fixture.close();
  CHECK_FALSE(fixture.exists(9, "sake:session:0:1"));
}

TEST_CASE("after a loss of data nothing can be resumed until the next READY") {
  CacheFixture fixture;
  fixture.apply("READY", ready("abc"), 1);
  fixture.apply("MESSAGE_CREATE", message(5), 2);
  run_until_recorded(fixture, 2);
  fixture.client.command("FLUSHALL");
  fixture.apply("MESSAGE_CREATE", message(6), 3);
  fixture.loop.run_until([&] { return fixture.stats().backend_resets == 1; });
  fixture.apply("MESSAGE_CREATE", message(7), 4);
  fixture.loop.run_for(std::chrono::milliseconds(300));
  CHECK(session_of(fixture).error().code == Errc::entry_not_found);
  fixture.apply("READY", ready("def"), 1);
  run_until_recorded(fixture, 1);
  CHECK(session_of(fixture)->session_id == "def");
}

TEST_CASE("a record that is none is an error that names database and key, and never shows what it holds") {
  CacheFixture fixture;
  fixture.open();
  for (const char* text : {"no json", "{}", R"({"session_id":"s3cret"})", R"({"session_id":"s3cret","sequence":"9"})",
                           R"({"session_id":"s3cret","sequence":-1})", "[]"}) {
    CAPTURE(text);
    fixture.client.select(9);
    fixture.client.command("SET", "sake:session:0:1", text);
    fixture.client.command("SET", "sake:session:count", "1");
    fixture.client.select(0);
    const auto session = session_of(fixture);
    REQUIRE_FALSE(session);
    CHECK(session.error().code == Errc::invalid_data_found);
    CHECK(session.error().text.find("database 9, key sake:session:0:1") != std::string::npos);
    CHECK(session.error().text.find("s3cret") == std::string::npos);
  }
}

TEST_CASE("reading a session ends once, however the cache ends") {
  CacheFixture fixture;
  fixture.open();
  int ended = 0;
  fixture.cache().get_session(0, 1, [&](Result<Session> result) {
    CHECK(result.error().code != Errc::invalid_argument);
    ++ended;
  });
  bool closed = false;
  fixture.cache().close([&] { closed = true; });
  fixture.loop.run_until(closed);
  CHECK(ended == 1);
  fixture.cache().get_session(0, 1, [&](Result<Session> result) {
    CHECK(result.error().code == Errc::closed_client);
    ++ended;
  });
  fixture.loop.run_until([&] { return ended == 2; });
}

}  // namespace sake::test
