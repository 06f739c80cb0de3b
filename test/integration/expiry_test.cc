// How long what is stored lives: the lifetime of each key, and who renews it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr std::int64_t without_lifetime = -1;
constexpr std::int64_t without_key = -2;
constexpr std::int64_t week_ms = 7 * 24 * 3600 * 1000;

/// Everything of one guild that has a lifetime of its own.
Json guild_create(std::string_view id = "100") {
  const std::string prefix(id);
  return {{"id", id},
          {"name", "g"},
          {"member_count", 1},
          {"roles", {{{"id", prefix + "6"}}}},
          {"emojis", {{{"id", prefix + "0"}}}},
          {"channels", {{{"id", prefix + "2"}, {"type", 2}}}},
          {"members", {{{"user", {{"id", "5"}, {"username", "u"}}}}}},
          {"presences", {{{"user", {{"id", "5"}}}, {"status", "idle"}}}},
          {"voice_states", {{{"user_id", "5"}, {"channel_id", prefix + "2"}}}},
          {"threads", {{{"id", prefix + "1"}, {"parent_id", prefix + "2"}, {"type", 11}}}},
          {"stickers", {{{"id", prefix + "3"}}}},
          {"stage_instances", {{{"id", prefix + "4"}, {"channel_id", prefix + "2"}}}},
          {"guild_scheduled_events", {{{"id", prefix + "5"}}}},
          {"soundboard_sounds", {{{"sound_id", prefix + "7"}}}}};
}

using Key = std::pair<int, std::string>;

/// The keys that guild_create() leaves, those of references apart.
std::vector<Key> keys_of(const std::string& guild = "100") {
  return {{0, guild + "0"},  {1, guild},        {2, guild + "2"},  {4, guild},
          {5, guild},        {6, guild + "6"},  {8, guild},        {11, guild + "1"},
          {12, guild + "3"}, {13, guild + "4"}, {14, guild + "5"}, {15, guild + "7"}};
}
std::vector<Key> references_of(const std::string& guild = "100") {
  return {{9, "1:" + guild + ":0"},  {9, "1:" + guild + ":2"},  {9, "1:" + guild + ":6"},  {9, "2:" + guild + "2:8"},
          {9, "1:" + guild + ":11"}, {9, "1:" + guild + ":12"}, {9, "1:" + guild + ":13"}, {9, "1:" + guild + ":14"},
          {9, "1:" + guild + ":15"}, {9, "2:" + guild + "2:11"}};
}

Json member(std::string_view user = "5", std::string_view guild = "100") {
  return {{"guild_id", guild}, {"user", {{"id", user}, {"username", "u"}}}};
}

Json message(std::string_view id = "900") {
  return {{"id", id},
          {"channel_id", "7"},
          {"guild_id", "100"},
          {"author", {{"id", "5"}, {"username", "u"}}},
          {"content", "c"}};
}

std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

/// As Discord writes times, `ms` from now.
std::string timestamp(std::int64_t ms_from_now) {
  const std::int64_t at = now_ms() + ms_from_now;
  const std::time_t seconds = static_cast<std::time_t>(at / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return std::string(text, size) + "." + std::to_string(1000 + at % 1000).substr(1) + "000+00:00";
}

void check_lives(CacheFixture& fixture, const Key& key, std::int64_t expected_ms) {
  CAPTURE(key.first);
  CAPTURE(key.second);
  const std::int64_t lifetime = fixture.lifetime_ms(key.first, key.second);
  CHECK(lifetime <= expected_ms);
  CHECK(lifetime > expected_ms - 2000);
}

void check_lives_for_ever(CacheFixture& fixture, const Key& key) {
  CAPTURE(key.first);
  CAPTURE(key.second);
  CHECK(fixture.lifetime_ms(key.first, key.second) == without_lifetime);
}

/// As if that much of its lifetime had passed.
void shorten(CacheFixture& fixture, const Key& key, std::int64_t to_ms) {
  fixture.client.select(key.first);
  REQUIRE(fixture.client.command("PEXPIRE", key.second, std::to_string(to_ms)).integer == 1);
  fixture.client.select(0);
}

/// Runs the loop until the condition holds, which is asked every few milliseconds.
void wait_until(CacheFixture& fixture, const std::function<bool()>& holds, std::chrono::milliseconds bound = 20s) {
  const auto end = std::chrono::steady_clock::now() + bound;
  while (!holds()) {
    REQUIRE_MESSAGE(std::chrono::steady_clock::now() < end, "the condition did not come true");
    fixture.loop.run_for(5ms);
  }
}

// ------------------------------------------------------------------------------------------------ default_expire

TEST_CASE("what has no lifetime of its own lives a week, and references twice as long") {
  CacheFixture fixture;
  fixture.apply("GUILD_CREATE", guild_create());
  for (const Key& key : keys_of()) check_lives(fixture, key, week_ms);
  for (const Key& key : references_of()) check_lives(fixture, key, 2 * week_ms);
}

TEST_CASE("default_expire is honoured to the millisecond") {
  CacheFixture fixture({.default_expire = 12'345ms});
  fixture.apply("GUILD_CREATE", guild_create());
  for (const Key& key : keys_of()) check_lives(fixture, key, 12'345);
  for (const Key& key : references_of()) check_lives(fixture, key, 24'690);
}

TEST_CASE("every lifetime may be given in seconds with a fraction") {
  CacheFixture fixture(
      {.default_expire = 40.5, .user_expire = 30.25, .message_expire = 20.125, .invite_expire = 10.75});
  fixture.apply("GUILD_CREATE", guild_create());
  fixture.apply("MESSAGE_CREATE", message());
  fixture.apply("INVITE_CREATE", {{"code", "aB1"}, {"channel_id", "7"}});
  for (const Key& key : keys_of()) check_lives(fixture, key, 40'500);
  for (const Key& key : references_of()) check_lives(fixture, key, 81'000);
  check_lives(fixture, {7, "5"}, 30'250);
  check_lives(fixture, {10, "900"}, 20'125);
  check_lives(fixture, {3, "aB1"}, 10'750);
}

TEST_CASE("each lifetime may be none") {
  const Lifetime nones[] = {Lifetime::never, std::nullopt, std::numeric_limits<double>::infinity(),
                            std::numeric_limits<double>::quiet_NaN()};
  for (const Lifetime& none : nones) {
    CacheFixture fixture({.default_expire = none, .user_expire = none, .message_expire = none, .invite_expire = none});
    fixture.apply("GUILD_CREATE", guild_create());
    fixture.apply("MESSAGE_CREATE", message());
    fixture.apply("INVITE_CREATE", {{"code", "aB1"}, {"channel_id", "7"}});
    for (const Key& key : keys_of()) check_lives_for_ever(fixture, key);
    for (const Key& key : references_of()) check_lives_for_ever(fixture, key);
    check_lives_for_ever(fixture, {7, "5"});
    check_lives_for_ever(fixture, {10, "900"});
    check_lives_for_ever(fixture, {3, "aB1"});
  }
}

TEST_CASE("without a default the others keep their own lifetimes") {
  CacheFixture fixture({.default_expire = Lifetime::never});
  fixture.apply("GUILD_CREATE", guild_create());
  fixture.apply("MESSAGE_CREATE", message());
  check_lives_for_ever(fixture, {1, "100"});
  check_lives_for_ever(fixture, {9, "1:100:6"});
  check_lives(fixture, {7, "5"}, 3'600'000);
  check_lives(fixture, {10, "900"}, 300'000);
}

TEST_CASE("records are given their lifetime at every write") {
  CacheFixture fixture({.default_expire = 60s});
  fixture.apply("GUILD_CREATE", guild_create());
  for (const Key& key : std::vector<Key>{{1, "100"}, {2, "1002"}, {6, "1006"}, {0, "1000"}})
    shorten(fixture, key, 9000);
  fixture.apply("GUILD_UPDATE", {{"id", "100"}, {"name", "other"}});
  fixture.apply("CHANNEL_UPDATE", {{"id", "1002"}, {"guild_id", "100"}, {"type", 2}});
  fixture.apply("GUILD_ROLE_UPDATE", {{"guild_id", "100"}, {"role", {{"id", "1006"}}}});
  fixture.apply("GUILD_EMOJIS_UPDATE", {{"guild_id", "100"}, {"emojis", {{{"id", "1000"}}}}});
  for (const Key& key : std::vector<Key>{{1, "100"}, {2, "1002"}, {6, "1006"}, {0, "1000"}})
    check_lives(fixture, key, 60'000);
}

// ------------------------------------------------------------------------------------------------ Hashes and sets

TEST_CASE("the hashes and sets of an owned guild are given their lifetime once, not at every write") {
  CacheFixture fixture({.default_expire = 1h});
  fixture.apply("GUILD_CREATE", guild_create());
  const std::vector<Key> keys{{4, "100"}, {5, "100"}, {8, "100"}, {9, "1:100:0"}, {9, "1:100:2"}, {9, "1:100:6"}};
  for (const Key& key : keys) shorten(fixture, key, 9'000);
  fixture.apply("GUILD_MEMBER_UPDATE", member());
  fixture.apply("GUILD_MEMBER_ADD", member("6"));
  fixture.apply("PRESENCE_UPDATE", {{"guild_id", "100"}, {"user", {{"id", "6"}}}, {"status", "dnd"}});
  fixture.apply("VOICE_STATE_UPDATE", {{"guild_id", "100"}, {"user_id", "6"}, {"channel_id", "1002"}});
  fixture.apply("CHANNEL_CREATE", {{"id", "1003"}, {"guild_id", "100"}, {"type", 0}});
  fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "1007"}}}});
  fixture.apply("GUILD_EMOJIS_UPDATE", {{"guild_id", "100"}, {"emojis", {{{"id", "1000"}}, {{"id", "1001"}}}}});
  for (const Key& key : keys) check_lives(fixture, key, 9'000);
}

TEST_CASE("a process gives them their lifetime with its first write, whoever wrote before") {
  CacheFixture fixture({.default_expire = 1h});
  fixture.apply("GUILD_CREATE", guild_create());
  const std::vector<Key> keys{{4, "100"}, {5, "100"}, {8, "100"}, {9, "1:100:0"}, {9, "1:100:2"}, {9, "1:100:6"}};
  for (const Key& key : keys) shorten(fixture, key, 9'000);
  fixture.reopen({.default_expire = 30min});
  fixture.apply("GUILD_CREATE", guild_create());
  for (const Key& key : keys) check_lives(fixture, key, key.first == 9 ? 3'600'000 : 1'800'000);
}

TEST_CASE("a hash or set that a removal has emptied is given its lifetime again") {
  CacheFixture fixture({.default_expire = 1h});
  fixture.apply("GUILD_CREATE", guild_create());
  fixture.apply("GUILD_MEMBER_REMOVE", member());
  fixture.apply("GUILD_ROLE_DELETE", {{"guild_id", "100"}, {"role_id", "1006"}});
  fixture.apply("GUILD_EMOJIS_UPDATE", {{"guild_id", "100"}, {"emojis", Json::array()}});
  fixture.apply("CHANNEL_DELETE", {{"id", "1002"}, {"guild_id", "100"}, {"type", 2}});
  const std::vector<Key> keys{{4, "100"}, {5, "100"}, {8, "100"}, {9, "1:100:0"}, {9, "1:100:2"}, {9, "1:100:6"}};
  for (const Key& key : keys) CHECK(fixture.lifetime_ms(key.first, key.second) == without_key);

  const Json d = guild_create();
  fixture.apply("GUILD_MEMBER_ADD", member());
  fixture.apply("PRESENCE_UPDATE", {{"guild_id", "100"}, {"user", {{"id", "5"}}}, {"status", "dnd"}});
  fixture.apply("VOICE_STATE_UPDATE", {{"guild_id", "100"}, {"user_id", "5"}, {"channel_id", "1002"}});
  fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "1006"}}}});
  fixture.apply("GUILD_EMOJIS_UPDATE", {{"guild_id", "100"}, {"emojis", {{{"id", "1000"}}}}});
  fixture.apply("CHANNEL_CREATE", {{"id", "1002"}, {"guild_id", "100"}, {"type", 2}});
  for (const Key& key : keys) check_lives(fixture, key, key.first == 9 ? 7'200'000 : 3'600'000);
}

TEST_CASE("removals and additions that go out together leave a lifetime") {
  CacheFixture fixture({.default_expire = 1h});
  fixture.apply("GUILD_CREATE", guild_create());
  // In one flush: the last role goes, another one comes, and the same with the member, back and forth.
  for (int i = 0; i < 3; ++i) {
    fixture.feed_event("GUILD_ROLE_DELETE", {{"guild_id", "100"}, {"role_id", "1006"}});
    fixture.feed_event("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "1007"}}}});
    fixture.feed_event("GUILD_ROLE_DELETE", {{"guild_id", "100"}, {"role_id", "1007"}});
    fixture.feed_event("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "1006"}}}});
    fixture.feed_event("PRESENCE_UPDATE", {{"guild_id", "100"}, {"user", {{"id", "5"}}}, {"status", "offline"}});
    fixture.feed_event("PRESENCE_UPDATE", {{"guild_id", "100"}, {"user", {{"id", "5"}}}, {"status", "dnd"}});
  }
  fixture.flush();
  CHECK(fixture.members_of(9, "1:100:6") == std::vector<std::string>{"1006"});
  check_lives(fixture, {9, "1:100:6"}, 7'200'000);
  check_lives(fixture, {5, "100"}, 3'600'000);
}

TEST_CASE("the set of a voice channel is given its lifetime at every write") {
  CacheFixture fixture({.default_expire = 1h});
  fixture.apply("GUILD_CREATE", guild_create());
  for (const char* user : {"6", "7"}) {
    shorten(fixture, {9, "2:1002:8"}, 9'000);
    fixture.apply("VOICE_STATE_UPDATE", {{"guild_id", "100"}, {"user_id", user}, {"channel_id", "1002"}});
    check_lives(fixture, {9, "2:1002:8"}, 7'200'000);
  }
}

TEST_CASE("hashes and sets of a guild that is not owned have their lifetime as well") {
  CacheFixture fixture({.default_expire = 1h});
  fixture.apply("GUILD_MEMBER_ADD", member("5", "300"));
  fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "300"}, {"role", {{"id", "3006"}}}});
  CHECK(fixture.stats().guilds_owned == 0);
  check_lives(fixture, {4, "300"}, 3'600'000);
  check_lives(fixture, {6, "3006"}, 3'600'000);
  check_lives(fixture, {9, "1:300:6"}, 7'200'000);
}

// ------------------------------------------------------------------------------------------------ Users, messages

TEST_CASE("users live an hour from when they were last seen, and ME for ever") {
  CacheFixture fixture;
  fixture.apply("GUILD_MEMBER_ADD", member());
  check_lives(fixture, {7, "5"}, 3'600'000);
  shorten(fixture, {7, "5"}, 9'000);
  fixture.apply("MESSAGE_CREATE", message());
  check_lives(fixture, {7, "5"}, 3'600'000);
  fixture.apply("READY", {{"user", {{"id", "9"}, {"username", "me"}}}, {"guilds", Json::array()}});
  check_lives(fixture, {7, "9"}, 3'600'000);
  check_lives_for_ever(fixture, {7, "ME"});
  fixture.apply("USER_UPDATE", {{"id", "9"}, {"username", "me2"}});
  check_lives_for_ever(fixture, {7, "ME"});
}

TEST_CASE("messages live five minutes, renewed by updates") {
  CacheFixture fixture;
  fixture.apply("MESSAGE_CREATE", message());
  check_lives(fixture, {10, "900"}, 300'000);
  shorten(fixture, {10, "900"}, 9'000);
  fixture.apply("MESSAGE_UPDATE", {{"id", "900"}, {"channel_id", "7"}, {"guild_id", "100"}, {"content", "d"}});
  check_lives(fixture, {10, "900"}, 300'000);
}

TEST_CASE("a message keeps a lifetime when a reaction changes it") {
  CacheFixture fixture({.message_expire = 2h});
  fixture.apply("MESSAGE_CREATE", message());
  fixture.apply("MESSAGE_REACTION_ADD", {{"user_id", "5"},
                                         {"channel_id", "7"},
                                         {"message_id", "900"},
                                         {"guild_id", "100"},
                                         {"emoji", {{"id", nullptr}, {"name", "x"}}}});
  check_lives(fixture, {10, "900"}, 7'200'000);
}

// ------------------------------------------------------------------------------------------------ Invites

Json invite(std::string_view code = "aB1") { return {{"code", code}, {"channel_id", "7"}, {"guild_id", "100"}}; }

TEST_CASE("an invite lives until expires_at") {
  CacheFixture fixture;
  Json d = invite();
  d["expires_at"] = timestamp(90'000);
  // What the other fields say does not count beside it.
  d["created_at"] = timestamp(-1000);
  d["max_age"] = 3600;
  fixture.apply("INVITE_CREATE", d);
  check_lives(fixture, {3, "aB1"}, 90'000);
}

TEST_CASE("an invite without expires_at lives from created_at for max_age seconds") {
  CacheFixture fixture;
  for (const bool as_null : {false, true}) {
    Json d = invite();
    if (as_null) d["expires_at"] = nullptr;
    d["created_at"] = timestamp(-30'000);
    d["max_age"] = 120;
    fixture.apply("INVITE_CREATE", d);
    check_lives(fixture, {3, "aB1"}, 90'000);
  }
}

TEST_CASE("an invite that never ends lives for invite_expire") {
  CacheFixture fixture;
  Json d = invite();
  d["created_at"] = timestamp(-30'000);
  d["expires_at"] = nullptr;
  d["max_age"] = 0;
  fixture.apply("INVITE_CREATE", d);
  check_lives(fixture, {3, "aB1"}, std::int64_t{30} * 24 * 3600 * 1000);
  fixture.reopen({.invite_expire = 7777ms});
  fixture.apply("INVITE_CREATE", d);
  check_lives(fixture, {3, "aB1"}, 7'777);
}

TEST_CASE("an invite that says when it ends is not kept longer or shorter by invite_expire") {
  CacheFixture fixture({.invite_expire = 10s});
  Json d = invite();
  d["expires_at"] = timestamp(90'000);
  fixture.apply("INVITE_CREATE", d);
  check_lives(fixture, {3, "aB1"}, 90'000);
  fixture.reopen({.invite_expire = Lifetime::never});
  d["code"] = "other";
  fixture.apply("INVITE_CREATE", d);
  check_lives(fixture, {3, "other"}, 90'000);
}

TEST_CASE("an invite that has already expired is not stored") {
  CacheFixture fixture;
  Json by_end = invite("end");
  by_end["expires_at"] = timestamp(-1000);
  Json by_age = invite("age");
  by_age["created_at"] = timestamp(-61'000);
  by_age["max_age"] = 60;
  CHECK(fixture.apply("INVITE_CREATE", by_end).outcome != Outcome::failed);
  CHECK(fixture.apply("INVITE_CREATE", by_age).outcome != Outcome::failed);
  CHECK_FALSE(fixture.exists(3, "end"));
  CHECK_FALSE(fixture.exists(3, "age"));
  CHECK(fixture.members_of(9, "1:100:3").empty());
}

// ------------------------------------------------------------------------------------------------ Ownership

TEST_CASE("the keys of an owned guild are renewed before half of their time has passed") {
  constexpr std::int64_t life_ms = 2000;
  CacheFixture fixture({.default_expire = std::chrono::milliseconds(life_ms)});
  fixture.apply("GUILD_CREATE", guild_create());
  CHECK(fixture.stats().guilds_owned == 1);
  struct Seen {
    std::int64_t last = std::numeric_limits<std::int64_t>::max();
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    int renewed = 0;
  };
  std::map<Key, Seen> seen;
  for (const Key& key : keys_of()) seen[key];
  for (const Key& key : references_of()) seen[key];
  wait_until(fixture, [&] {
    bool all = true;
    for (auto& [key, entry] : seen) {
      const std::int64_t lifetime = fixture.lifetime_ms(key.first, key.second);
      if (lifetime > entry.last) ++entry.renewed;
      entry.last = lifetime;
      entry.least = std::min(entry.least, lifetime);
      all = all && entry.renewed >= 3;
    }
    return all;
  });
  for (const auto& entry : seen) {
    const Key& key = entry.first;
    CAPTURE(key.first);
    CAPTURE(key.second);
    // A loaded machine may be late by a little.
    CHECK(entry.second.least >= (key.first == 9 ? 2 : 1) * life_ms / 2 - 150);
  }
}

TEST_CASE("many owned guilds are renewed in time, a few at a time") {
  CacheFixture fixture({.default_expire = 2s});
  constexpr int count = 400;
  for (int i = 0; i < count; ++i) fixture.feed_event("GUILD_CREATE", guild_create(std::to_string(1000 + i)));
  fixture.flush();
  CHECK(fixture.stats().guilds_owned == count);
  const auto end = std::chrono::steady_clock::now() + 5s;
  wait_until(fixture, [&] { return std::chrono::steady_clock::now() > end; });
  int gone = 0;
  for (int i = 0; i < count; ++i) {
    const std::string guild = std::to_string(1000 + i);
    for (const Key& key : keys_of(guild)) gone += fixture.exists(key.first, key.second) ? 0 : 1;
    for (const Key& key : references_of(guild)) gone += fixture.exists(key.first, key.second) ? 0 : 1;
  }
  CHECK(gone == 0);
}

TEST_CASE("the keys of a guild that is not owned vanish") {
  CacheFixture fixture({.default_expire = 600ms});
  fixture.apply("GUILD_CREATE", guild_create("100"));
  fixture.apply("GUILD_MEMBER_ADD", member("5", "300"));
  fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "300"}, {"role", {{"id", "3006"}}}});
  CHECK(fixture.stats().guilds_owned == 1);
  wait_until(fixture,
             [&] { return !fixture.exists(4, "300") && !fixture.exists(6, "3006") && !fixture.exists(9, "1:300:6"); });
  for (const Key& key : keys_of("100")) CHECK(fixture.exists(key.first, key.second));
}

TEST_CASE("a guild that was left or forgotten is not renewed") {
  CacheFixture fixture;
  fixture.apply("GUILD_CREATE", guild_create("100"));
  fixture.apply("GUILD_CREATE", guild_create("200"));
  CHECK(fixture.stats().guilds_owned == 2);
  fixture.apply("GUILD_DELETE", {{"id", "100"}, {"unavailable", true}});
  CHECK(fixture.stats().guilds_owned == 2);  // An outage is no leave.
  fixture.apply("GUILD_DELETE", {{"id", "100"}});
  CHECK(fixture.stats().guilds_owned == 1);
  fixture.shard().forget();
  CHECK(fixture.stats().guilds_owned == 0);
  CHECK(fixture.exists(1, "200"));
}

TEST_CASE("after forget the keys of the shard's guilds vanish, and those of another shard do not") {
  // The guild of a shard follows from its id: (id >> 22) % count.
  const std::string ours = "8388608";    // 2 << 22: shard 0 of 2.
  const std::string others = "4194304";  // 1 << 22: shard 1 of 2.
  CacheFixture fixture({.default_expire = 600ms});
  fixture.shard(0, 2);
  fixture.apply("GUILD_CREATE", guild_create(ours));
  fixture.shard(1, 2);
  fixture.apply("GUILD_CREATE", guild_create(others));
  CHECK(fixture.stats().guilds_owned == 2);
  fixture.shard(0, 2).forget();
  CHECK(fixture.stats().guilds_owned == 1);
  wait_until(fixture, [&] {
    for (const Key& key : keys_of(ours))
      if (fixture.exists(key.first, key.second)) return false;
    return true;
  });
  for (const Key& key : keys_of(others)) CHECK(fixture.exists(key.first, key.second));
}

TEST_CASE("READY replaces what the shard owns, and GUILD_CREATE gives it back") {
  const std::string ours = "8388608";
  const std::string others = "4194304";
  CacheFixture fixture;
  fixture.shard(1, 2);
  fixture.apply("GUILD_CREATE", guild_create(others));
  fixture.shard(0, 2);
  fixture.apply("GUILD_CREATE", guild_create(ours));
  CHECK(fixture.stats().guilds_owned == 2);
  fixture.apply("READY",
                {{"user", {{"id", "9"}, {"username", "me"}}}, {"guilds", {{{"id", ours}, {"unavailable", true}}}}});
  CHECK(fixture.stats().guilds_owned == 1);
  fixture.apply("GUILD_CREATE", guild_create(ours));
  CHECK(fixture.stats().guilds_owned == 2);
  fixture.apply("GUILD_CREATE", guild_create(ours));
  CHECK(fixture.stats().guilds_owned == 2);
}

TEST_CASE("RESUMED without READY takes over the guilds of its shard") {
  const std::string ours[] = {"8388608", "16777216"};
  const std::string others = "4194304";
  CacheFixture fixture({.default_expire = 600ms});
  {
    CacheFixture before({.address = fixture.server.address()});
    for (const std::string& guild : ours) before.apply("GUILD_CREATE", guild_create(guild));
    before.apply("GUILD_CREATE", guild_create(others));
  }
  fixture.shard(0, 2);
  CHECK(fixture.stats().guilds_owned == 0);
  fixture.apply("RESUMED", Json::object());
  CHECK(fixture.stats().guilds_owned == 2);
  // The other process lived with a longer default; ours counts from the first renewal on.
  wait_until(fixture, [&] { return fixture.lifetime_ms(1, ours[0]) <= 600 && fixture.lifetime_ms(1, ours[1]) <= 600; });
  const auto end = std::chrono::steady_clock::now() + 1500ms;
  wait_until(fixture, [&] { return std::chrono::steady_clock::now() > end; });
  for (const std::string& guild : ours) {
    for (const Key& key : keys_of(guild)) CHECK(fixture.exists(key.first, key.second));
    for (const Key& key : references_of(guild)) CHECK(fixture.exists(key.first, key.second));
  }
  CHECK(fixture.lifetime_ms(1, others) > 600);
}

TEST_CASE("RESUMED after READY takes nothing over") {
  CacheFixture fixture;
  fixture.put(1, "300", {{"id", "300"}});
  fixture.apply("READY",
                {{"user", {{"id", "9"}, {"username", "me"}}}, {"guilds", {{{"id", "300"}, {"unavailable", true}}}}});
  fixture.apply("RESUMED", Json::object());
  CHECK(fixture.stats().guilds_owned == 0);
  fixture.shard().forget();
  fixture.apply("RESUMED", Json::object());
  CHECK(fixture.stats().guilds_owned == 1);
}

TEST_CASE("renewal gives no lifetime where there is none") {
  CacheFixture fixture({.default_expire = Lifetime::never});
  fixture.apply("GUILD_CREATE", guild_create());
  const std::uint64_t commands = fixture.stats().commands;
  const auto end = std::chrono::steady_clock::now() + 300ms;
  wait_until(fixture, [&] { return std::chrono::steady_clock::now() > end; });
  CHECK(fixture.stats().commands == commands);
  for (const Key& key : keys_of()) check_lives_for_ever(fixture, key);
}

// ------------------------------------------------------------------------------------------------ Secondary indices

double score_of(CacheFixture& fixture, const std::string& key, const std::string& entry) {
  fixture.client.select(9);
  const Reply reply = fixture.client.command("ZSCORE", key, entry);
  fixture.client.select(0);
  if (reply.is_nil()) return -1;
  return std::strtod(reply.text.c_str(), nullptr);
}

void add_entry(CacheFixture& fixture, const std::string& key, std::int64_t ms_from_now, const std::string& entry) {
  fixture.client.select(9);
  fixture.client.command("ZADD", key, std::to_string(now_ms() + ms_from_now), entry);
  fixture.client.select(0);
}

Options with_all_indices() { return {.secondary_indices = SecondaryIndices::all()}; }

const std::vector<std::string> message_indices{"2:7:10", "7:5:10", "1:100:10"};

TEST_CASE("an entry of a message is scored with the end of its life, and the index ends with it") {
  CacheFixture fixture(with_all_indices());
  fixture.apply("MESSAGE_CREATE", message());
  for (const std::string& key : message_indices) {
    CAPTURE(key);
    const double left = score_of(fixture, key, "900") - static_cast<double>(now_ms());
    CHECK(left <= 300'000);
    CHECK(left > 298'000);
    check_lives(fixture, {9, key}, 300'000);
  }
}

TEST_CASE("an update scores a message again and prolongs the index") {
  CacheFixture fixture(with_all_indices());
  fixture.apply("MESSAGE_CREATE", message());
  for (const std::string& key : message_indices) {
    add_entry(fixture, key, 9'000, "900");
    shorten(fixture, {9, key}, 9'000);
  }
  fixture.apply("MESSAGE_UPDATE", {{"id", "900"}, {"channel_id", "7"}, {"guild_id", "100"}, {"content", "d"}});
  for (const std::string& key : message_indices) {
    CAPTURE(key);
    CHECK(score_of(fixture, key, "900") - static_cast<double>(now_ms()) > 298'000);
    check_lives(fixture, {9, key}, 300'000);
  }
}

TEST_CASE("entries whose message has expired are swept when another one is added") {
  CacheFixture fixture(with_all_indices());
  for (const std::string& key : message_indices) {
    add_entry(fixture, key, -1000, "899");
    add_entry(fixture, key, 60'000, "898");
  }
  fixture.apply("MESSAGE_CREATE", message());
  for (const std::string& key : message_indices) {
    CAPTURE(key);
    CHECK(fixture.members_of(9, key) == std::vector<std::string>{"898", "900"});
  }
}

TEST_CASE("an index of messages is not shortened by a message that lives shorter") {
  CacheFixture fixture(with_all_indices());
  fixture.reopen({.message_expire = 1h, .secondary_indices = SecondaryIndices::all()});
  fixture.apply("MESSAGE_CREATE", message("900"));
  fixture.reopen({.message_expire = 1min, .secondary_indices = SecondaryIndices::all()});
  fixture.apply("MESSAGE_CREATE", message("901"));
  for (const std::string& key : message_indices) {
    CAPTURE(key);
    CHECK(fixture.members_of(9, key).size() == 2);
    check_lives(fixture, {9, key}, 3'600'000);
  }
}

TEST_CASE("messages that live for ever have entries for ever") {
  CacheFixture fixture;
  fixture.reopen({.message_expire = Lifetime::never, .secondary_indices = SecondaryIndices::all()});
  fixture.apply("MESSAGE_CREATE", message());
  for (const std::string& key : message_indices) {
    CAPTURE(key);
    CHECK(score_of(fixture, key, "900") == std::numeric_limits<double>::infinity());
    const auto lifetime = fixture.lifetime_ms(9, key);
    CHECK((lifetime == without_lifetime || lifetime > 100 * 52 * week_ms));
  }
}

TEST_CASE("an index that held messages with an end lives for ever with one that has none") {
  CacheFixture fixture(with_all_indices());
  fixture.apply("MESSAGE_CREATE", message("900"));
  fixture.reopen({.message_expire = Lifetime::never, .secondary_indices = SecondaryIndices::all()});
  fixture.apply("MESSAGE_CREATE", message("901"));
  for (const std::string& key : message_indices) {
    CAPTURE(key);
    const std::int64_t lifetime = fixture.lifetime_ms(9, key);
    // No expiry, or one that nobody lives to see.
    CHECK((lifetime == without_lifetime || lifetime > 100 * 52 * week_ms));
  }
}

const std::vector<std::string> invite_indices{"2:7:3", "1:100:3"};

TEST_CASE("the indices of invites are on, scored with the end, and live as long as the longest invite") {
  CacheFixture fixture;
  Json d = invite("long");
  d["expires_at"] = timestamp(600'000);
  fixture.apply("INVITE_CREATE", d);
  for (const std::string& key : invite_indices) {
    CAPTURE(key);
    CHECK(score_of(fixture, key, "long") - static_cast<double>(now_ms()) > 598'000);
    CHECK(score_of(fixture, key, "long") - static_cast<double>(now_ms()) <= 600'000);
    check_lives(fixture, {9, key}, 600'000);
  }
  d = invite("short");
  d["expires_at"] = timestamp(60'000);
  fixture.apply("INVITE_CREATE", d);
  for (const std::string& key : invite_indices) {
    CHECK(fixture.members_of(9, key) == std::vector<std::string>{"short", "long"});
    check_lives(fixture, {9, key}, 600'000);
  }
  d = invite("longer");
  d["expires_at"] = timestamp(900'000);
  fixture.apply("INVITE_CREATE", d);
  for (const std::string& key : invite_indices) check_lives(fixture, {9, key}, 900'000);
}

TEST_CASE("an invite without an end counts with invite_expire in its indices, and for ever without one") {
  CacheFixture fixture({.invite_expire = 2h});
  fixture.apply("INVITE_CREATE", invite());
  for (const std::string& key : invite_indices) {
    CAPTURE(key);
    CHECK(score_of(fixture, key, "aB1") - static_cast<double>(now_ms()) > 7'198'000);
    check_lives(fixture, {9, key}, 7'200'000);
  }
  fixture.reopen({.invite_expire = Lifetime::never});
  fixture.apply("INVITE_CREATE", invite("other"));
  for (const std::string& key : invite_indices) {
    CAPTURE(key);
    CHECK(score_of(fixture, key, "other") == std::numeric_limits<double>::infinity());
    const std::int64_t lifetime = fixture.lifetime_ms(9, key);
    CHECK((lifetime == without_lifetime || lifetime > 100 * 52 * week_ms));
  }
}

TEST_CASE("expired invites are swept from the indices when another one is added") {
  CacheFixture fixture;
  for (const std::string& key : invite_indices) add_entry(fixture, key, -1000, "old");
  fixture.apply("INVITE_CREATE", invite());
  for (const std::string& key : invite_indices) CHECK(fixture.members_of(9, key) == std::vector<std::string>{"aB1"});
}

TEST_CASE("the sets of a user's guilds have the lifetime of references at every write") {
  CacheFixture fixture;
  fixture.reopen({.default_expire = 1h, .secondary_indices = SecondaryIndices::all()});
  fixture.apply("GUILD_CREATE", guild_create());
  for (const std::string key : {"7:5:4", "7:5:5"}) {
    check_lives(fixture, {9, key}, 7'200'000);
    shorten(fixture, {9, key}, 9'000);
  }
  fixture.apply("GUILD_MEMBER_UPDATE", member());
  fixture.apply("PRESENCE_UPDATE", {{"guild_id", "100"}, {"user", {{"id", "5"}}}, {"status", "dnd"}});
  for (const std::string key : {"7:5:4", "7:5:5"}) check_lives(fixture, {9, key}, 7'200'000);
}

TEST_CASE("what a deleted channel takes with it leaves every index") {
  CacheFixture fixture(with_all_indices());
  Json d = message();
  d["channel_id"] = "1002";
  Json of_channel = invite();
  of_channel["channel_id"] = "1002";
  fixture.apply("GUILD_CREATE", guild_create());
  fixture.apply("MESSAGE_CREATE", d);
  fixture.apply("INVITE_CREATE", of_channel);
  fixture.apply("CHANNEL_DELETE", {{"id", "1002"}, {"guild_id", "100"}, {"type", 2}});
  CHECK_FALSE(fixture.exists(10, "900"));
  CHECK_FALSE(fixture.exists(3, "aB1"));
  for (const std::string key : {"2:1002:10", "7:5:10", "1:100:10", "2:1002:3", "1:100:3"}) {
    CAPTURE(key);
    CHECK(fixture.members_of(9, key).empty());
  }
}

TEST_CASE("what a guild that was left takes with it leaves every index") {
  CacheFixture fixture(with_all_indices());
  fixture.apply("GUILD_CREATE", guild_create());
  Json d = message();
  d["channel_id"] = "1002";
  Json of_channel = invite();
  of_channel["channel_id"] = "1002";
  fixture.apply("MESSAGE_CREATE", d);
  fixture.apply("INVITE_CREATE", of_channel);
  fixture.apply("GUILD_DELETE", {{"id", "100"}});
  CHECK_FALSE(fixture.exists(10, "900"));
  CHECK_FALSE(fixture.exists(3, "aB1"));
  for (const std::string key : {"2:1002:10", "7:5:10", "1:100:10", "2:1002:3", "1:100:3", "7:5:4", "7:5:5"}) {
    CAPTURE(key);
    CHECK(fixture.members_of(9, key).empty());
  }
}

}  // namespace
}  // namespace sake::test
