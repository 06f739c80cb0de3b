// How long the engine keeps the host's loop: by the CPU time of its longest turn, so that a busy machine does not
// count.

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"
#include "support/command_proxy.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr std::chrono::microseconds longest_allowed = 20ms;
constexpr std::size_t frame_bytes = 1'000'000;

std::string text(std::size_t number) { return std::to_string(number); }

Json user(std::size_t i) {
  return {{"id", text(100'000'000'000'000'000 + i)},
          {"username", "user" + text(i)},
          {"global_name", "User \u00e9\u00e8 " + text(i)},
          {"avatar", "0123456789abcdef0123456789abcdef"},
          {"discriminator", "0"},
          {"public_flags", 64},
          {"bot", false}};
}

Json member(std::size_t i) {
  return {{"user", user(i)},
          {"nick", i % 3 == 0 ? Json("nick " + text(i)) : Json()},
          {"roles", {text(200'000'000'000'000'000 + i % 50), text(200'000'000'000'000'000 + i % 7)}},
          {"joined_at", "2024-01-01T00:00:00.000000+00:00"},
          {"premium_since", nullptr},
          {"deaf", false},
          {"mute", false},
          {"flags", 0},
          {"pending", false},
          {"communication_disabled_until", nullptr}};
}

Json guild(std::size_t members) {
  Json d = {{"id", "100"}, {"name", "large"}, {"member_count", members}, {"joined_at", "2024-01-01T00:00:00+00:00"}};
  for (std::size_t i = 0; i < 100; ++i) {
    d["roles"].push_back(
        {{"id", text(200'000'000'000'000'000 + i)}, {"name", "role " + text(i)}, {"permissions", "8"}});
    d["emojis"].push_back({{"id", text(300'000'000'000'000'000 + i)}, {"name", "emoji"}, {"animated", false}});
    d["channels"].push_back(
        {{"id", text(400'000'000'000'000'000 + i)}, {"type", i % 4 == 0 ? 2 : 0}, {"name", "channel"}});
  }
  for (std::size_t i = 0; i < members; ++i) {
    d["members"].push_back(member(i));
    if (i % 4 == 0)
      d["presences"].push_back({{"user", {{"id", text(100'000'000'000'000'000 + i)}}},
                                {"status", "online"},
                                {"activities", {{{"name", "a game"}, {"type", 0}}}},
                                {"client_status", {{"desktop", "online"}}}});
    if (i % 20 == 0)
      d["voice_states"].push_back({{"user_id", text(100'000'000'000'000'000 + i)},
                                   {"channel_id", text(400'000'000'000'000'000 + i % 80 / 4 * 4)},
                                   {"session_id", "0123456789abcdef"}});
  }
  return d;
}

void check_turns(CacheFixture& fixture) {
  const auto longest = fixture.stats().longest_turn;
  CHECK(longest > 0us);
  CHECK_MESSAGE(longest <= longest_allowed, "the longest turn took ", longest.count(), " us");
}

/// As many members as make a frame of a megabyte.
std::size_t members_of_large_frame() {
  const std::size_t without = CacheFixture::frame("GUILD_CREATE", guild(0), 1).size();
  const std::size_t with = CacheFixture::frame("GUILD_CREATE", guild(1000), 1).size();
  return (frame_bytes - without) * 1000 / (with - without);
}

TEST_CASE("a GUILD_CREATE of a megabyte keeps the loop for at most 20 ms at a time") {
  CacheFixture fixture;
  const std::size_t members = members_of_large_frame();
  const std::string frame = CacheFixture::frame("GUILD_CREATE", guild(members), 1);
  CHECK(frame.size() > frame_bytes * 9 / 10);
  CHECK(fixture.apply_frame(frame) == Outcome::applied);
  check_turns(fixture);
  // The same again, and one that takes most of it away: both read what is stored.
  CHECK(fixture.apply("GUILD_CREATE", guild(members), 2) == Outcome::applied);
  CHECK(fixture.apply("GUILD_CREATE", guild(10), 3) == Outcome::applied);
  CHECK(fixture.members_of(4, "100").size() == 10);
  check_turns(fixture);
}

TEST_CASE("leaving a large guild keeps the loop for at most 20 ms at a time") {
  CacheFixture fixture({.secondary_indices = SecondaryIndices::all()});
  CHECK(fixture.apply("GUILD_CREATE", guild(members_of_large_frame()), 1) == Outcome::applied);
  CHECK(fixture.apply("GUILD_DELETE", {{"id", "100"}}, 2) == Outcome::applied);
  CHECK_FALSE(fixture.exists(4, "100"));
  check_turns(fixture);
}

TEST_CASE("chunks of a thousand members keep the loop for at most 20 ms at a time") {
  CacheFixture fixture;
  for (std::size_t chunk = 0; chunk < 5; ++chunk) {
    Json d = {{"guild_id", "100"}, {"chunk_index", chunk}, {"chunk_count", 5}};
    for (std::size_t i = 0; i < 1000; ++i) {
      d["members"].push_back(member(chunk * 1000 + i));
      d["members"].back()["bio"] = std::string(400, 'b');
    }
    fixture.feed_event("GUILD_MEMBERS_CHUNK", d, chunk + 1);
  }
  fixture.flush();
  CHECK(fixture.members_of(4, "100").size() == 5000);
  check_turns(fixture);
}

TEST_CASE("a message of a megabyte that is updated and reacted to keeps the loop for at most 20 ms at a time") {
  CacheFixture fixture;
  Json message = {{"id", "900"}, {"channel_id", "7"}, {"guild_id", "100"}};
  for (int i = 0; i < 1000; ++i) message["embeds"].push_back({{"title", "t"}, {"description", std::string(950, 'd')}});
  CHECK(fixture.apply("MESSAGE_CREATE", message, 1) == Outcome::applied);
  CHECK(fixture.apply("MESSAGE_UPDATE", message, 2) == Outcome::applied);
  CHECK(fixture.apply("MESSAGE_REACTION_ADD", {{"user_id", "5"},
                                               {"channel_id", "7"},
                                               {"message_id", "900"},
                                               {"guild_id", "100"},
                                               {"emoji", {{"id", nullptr}, {"name", "x"}}}}) == Outcome::applied);
  check_turns(fixture);
}

TEST_CASE("a backlog that is applied at once after open keeps the loop for at most 20 ms at a time") {
  CacheFixture fixture;
  bool opened = false;
  Options options{.address = fixture.server.address()};
  auto cache = Cache::open(fixture.loop.get(), std::move(options), [&](Status) { opened = true; });
  REQUIRE(cache.has_value());
  int ended = 0;
  constexpr int count = 20'000;
  for (int i = 0; i < count; ++i) {
    const std::string frame = CacheFixture::frame(
        "MESSAGE_CREATE",
        {{"id", text(1000 + static_cast<std::size_t>(i))}, {"channel_id", "7"}, {"content", std::string(500, 'c')}});
    REQUIRE((*cache)->shard().dispatch_frame(frame, [&](const EventResult&) { ++ended; }).ok());
  }
  while (ended < count) fixture.loop.run_for_turns(1);
  CHECK(opened);
  const auto longest = (*cache)->stats().longest_turn;
  CHECK_MESSAGE(longest <= longest_allowed, "the longest turn took ", longest.count(), " us");
}

TEST_CASE("a lane that goes on after a long wait keeps the loop for at most 20 ms at a time") {
  CacheFixture fixture;
  CommandProxy proxy(fixture.loop.get(), fixture.server.socket_path());
  Options options{.address = proxy.address()};
  fixture.reopen(std::move(options));
  proxy.hold_replies(4);
  fixture.feed_event("GUILD_MEMBER_UPDATE", {{"guild_id", "100"}, {"user", user(1)}});
  for (std::size_t i = 0; i < 25'000; ++i)
    fixture.feed_event(
        "MESSAGE_CREATE",
        {{"id", text(1000 + i)}, {"channel_id", "7"}, {"guild_id", "100"}, {"content", std::string(500, 'c')}});
  fixture.loop.run_for_turns(20);
  CHECK(fixture.stats().events_pending == 25'001);
  proxy.release_replies();
  fixture.flush();
  check_turns(fixture);
}

}  // namespace
}  // namespace sake::test
