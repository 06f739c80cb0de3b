// set_x, update_message, delete_x and clear_x: each changes what it names with its references, and nothing else.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/answer.h"
#include "support/cache_fixture.h"
#include "support/two_guilds.h"

namespace sake::test {
namespace {

using namespace std::chrono_literals;

std::string text(const Json& json) { return json.dump(); }

void must(CacheFixture& fixture, Request<void> request) {
  const Status status = answer(fixture, std::move(request));
  CHECK_MESSAGE(status, describe(status.error()));
}

TEST_CASE("what the host sets is stored like what an event brings") {
  CacheFixture by_event(everything());
  feed_two_guilds(by_event);
  CacheFixture fixture(everything());
  fixture.open();
  Cache& cache = fixture.cache();
  must(fixture, cache.set_me(text(user(7))));
  for (std::uint64_t guild : {100u, 200u}) {
    const Json d = guild_create(guild);
    must(fixture, cache.set_guild(text(d)));
    for (const Json& each : d["roles"]) must(fixture, cache.set_role(guild, text(each)));
    for (const Json& each : d["emojis"]) must(fixture, cache.set_emoji(guild, text(each)));
    for (const Json& each : d["stickers"]) must(fixture, cache.set_sticker(guild, text(each)));
    for (const Json& each : d["stage_instances"]) must(fixture, cache.set_stage_instance(guild, text(each)));
    for (const Json& each : d["guild_scheduled_events"]) must(fixture, cache.set_scheduled_event(guild, text(each)));
    for (const Json& each : d["soundboard_sounds"]) must(fixture, cache.set_soundboard_sound(guild, text(each)));
    for (const Json& each : d["members"]) must(fixture, cache.set_member(guild, text(each)));
    for (const Json& each : d["voice_states"]) must(fixture, cache.set_voice_state(guild, text(each)));
    for (Json each : d["channels"]) {
      each["guild_id"] = std::to_string(guild);
      must(fixture, cache.set_guild_channel(text(each)));
    }
    for (Json each : d["threads"]) {
      each["guild_id"] = std::to_string(guild);
      must(fixture, cache.set_thread(text(each)));
    }
    for (Json each : d["presences"]) {
      each["guild_id"] = std::to_string(guild);
      must(fixture, cache.set_presence(text(each)));
    }
    must(fixture, cache.set_message(text(message(guild * 100 + 90, guild, 5))));
    must(fixture, cache.set_message(text(message(guild * 100 + 91, guild, 6))));
    must(fixture, cache.set_invite(text(invite("code" + std::to_string(guild), guild))));
    const std::string other = text({{"id", std::to_string(guild * 100 + 7)}});
    must(fixture, cache.set_integration(guild, other));
    must(fixture, cache.set_auto_moderation_rule(guild, other));
  }
  Json found = fixture.state();
  Json expected = by_event.state();
  // A voice state takes its member from the event that has it, else from the cache, where it names its guild.
  for (Json& states : expected["8"])
    for (auto& [id, state] : states["value"].items()) state["member"]["guild_id"] = state["guild_id"];
  // The scores of the indices with lifetimes are times.
  for (auto* state : {&expected, &found})
    for (auto& [key, index] : (*state)["9"].items())
      if (index["type"] == "zset")
        for (Json& entry : index["value"]) entry[1] = 0;
  CHECK(diff(found, expected) == "");
}

TEST_CASE("deleting takes an entity and its references, and nothing else") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  Cache& cache = fixture.cache();
  const auto gone = [&](Request<void> request, int database, const std::string& key,
                        const std::vector<std::pair<std::string, std::string>>& references) {
    CAPTURE(key);
    const Json before = fixture.state();
    REQUIRE(fixture.exists(database, key));
    must(fixture, std::move(request));
    CHECK_FALSE(fixture.exists(database, key));
    for (const auto& [set, member] : references) {
      CAPTURE(set);
      const auto members = fixture.members_of(9, set);
      CHECK(std::find(members.begin(), members.end(), member) == members.end());
    }
  };
  gone(cache.delete_emoji(10002), 0, "10002", {{"1:100:0", "10002"}});
  gone(cache.delete_emoji(20002, 200), 0, "20002", {{"1:200:0", "20002"}});
  gone(cache.delete_role(10001), 6, "10001", {{"1:100:6", "10001"}});
  gone(cache.delete_guild_channel(10022), 2, "10022", {{"1:100:2", "10022"}});
  gone(cache.delete_thread(10025), 11, "10025", {{"1:100:11", "10025"}, {"2:10022:11", "10025"}});
  gone(cache.delete_thread(20025, 200), 11, "20025", {{"1:200:11", "20025"}, {"2:20022:11", "20025"}});
  gone(cache.delete_sticker(10003), 12, "10003", {{"1:100:12", "10003"}});
  gone(cache.delete_stage_instance(10004), 13, "10004", {{"1:100:13", "10004"}});
  gone(cache.delete_scheduled_event(10005), 14, "10005", {{"1:100:14", "10005"}});
  gone(cache.delete_soundboard_sound(10006), 15, "10006", {{"1:100:15", "10006"}});
  gone(cache.delete_integration(10007), 16, "10007", {{"1:100:16", "10007"}});
  gone(cache.delete_auto_moderation_rule(10007), 17, "10007", {{"1:100:17", "10007"}});
  gone(cache.delete_message(10090), 10, "10090", {{"1:100:10", "10090"}, {"2:10022:10", "10090"}, {"7:5:10", "10090"}});
  gone(cache.delete_invite("code100"), 3, "code100", {{"1:100:3", "code100"}, {"2:10022:3", "code100"}});
  gone(cache.delete_user(5), 7, "5", {});
  gone(cache.delete_me(), 7, "ME", {});
  gone(cache.delete_guild(100), 1, "100", {});

  must(fixture, cache.delete_member(100, 5));
  CHECK(fixture.members_of(4, "100") == std::vector<std::string>{"6"});
  CHECK(fixture.members_of(9, "7:5:4") == std::vector<std::string>{"200"});
  must(fixture, cache.delete_presence(100, 5));
  CHECK(fixture.members_of(5, "100") == std::vector<std::string>{"6"});
  CHECK(fixture.members_of(9, "7:5:5") == std::vector<std::string>{"200"});
  must(fixture, cache.delete_voice_state(100, 5));
  CHECK(fixture.members_of(8, "100") == std::vector<std::string>{"6"});
  must(fixture, cache.delete_voice_state(100, 6));
  CHECK_FALSE(fixture.exists(9, "2:10021:8"));

  // What is not there is no error, and nothing else has gone.
  const Json before = fixture.state();
  must(fixture, cache.delete_role(9));
  must(fixture, cache.delete_role(9, 100));
  must(fixture, cache.delete_message(9));
  must(fixture, cache.delete_invite("none"));
  must(fixture, cache.delete_voice_state(100, 9));
  CHECK(diff(fixture.state(), before) == "");
}

TEST_CASE("clearing takes a whole collection with its references, and nothing else") {
  using Clear = std::function<Request<void>(Cache&)>;
  // Databases and keys of references that must be gone, and whether guild 200 keeps its own.
  struct Case {
    Clear all;
    Clear of_guild;
    int database;
    std::vector<std::string> references;  ///< Ends with what is listed: those of guild 100 are gone, then all.
  };
  const auto listed = [](Clear all, Clear of_guild, int database) {
    return Case{std::move(all), std::move(of_guild), database, {"1:100:" + std::to_string(database)}};
  };
  std::vector<Case> cases{
      listed([](Cache& c) { return c.clear_emojis(); }, [](Cache& c) { return c.clear_emojis_for_guild(100); }, 0),
      listed([](Cache& c) { return c.clear_guild_channels(); },
             [](Cache& c) { return c.clear_guild_channels_for_guild(100); }, 2),
      listed([](Cache& c) { return c.clear_roles(); }, [](Cache& c) { return c.clear_roles_for_guild(100); }, 6),
      listed([](Cache& c) { return c.clear_stickers(); }, [](Cache& c) { return c.clear_stickers_for_guild(100); }, 12),
      listed([](Cache& c) { return c.clear_stage_instances(); },
             [](Cache& c) { return c.clear_stage_instances_for_guild(100); }, 13),
      listed([](Cache& c) { return c.clear_scheduled_events(); },
             [](Cache& c) { return c.clear_scheduled_events_for_guild(100); }, 14),
      listed([](Cache& c) { return c.clear_soundboard_sounds(); },
             [](Cache& c) { return c.clear_soundboard_sounds_for_guild(100); }, 15),
      listed([](Cache& c) { return c.clear_integrations(); },
             [](Cache& c) { return c.clear_integrations_for_guild(100); }, 16),
      listed([](Cache& c) { return c.clear_auto_moderation_rules(); },
             [](Cache& c) { return c.clear_auto_moderation_rules_for_guild(100); }, 17),
      {[](Cache& c) { return c.clear_threads(); },
       [](Cache& c) { return c.clear_threads_for_guild(100); },
       11,
       {"1:100:11", "2:10022:11"}},
      {[](Cache& c) { return c.clear_threads(); },
       [](Cache& c) { return c.clear_threads_for_channel(10022); },
       11,
       {"1:100:11", "2:10022:11"}},
      {[](Cache& c) { return c.clear_voice_states(); },
       [](Cache& c) { return c.clear_voice_states_for_guild(100); },
       8,
       {"2:10021:8"}},
      {[](Cache& c) { return c.clear_voice_states(); },
       [](Cache& c) { return c.clear_voice_states_for_channel(10021); },
       8,
       {"2:10021:8"}},
      {[](Cache& c) { return c.clear_messages(); },
       [](Cache& c) { return c.clear_messages_for_guild(100); },
       10,
       {"1:100:10", "2:10022:10"}},
      {[](Cache& c) { return c.clear_messages(); },
       [](Cache& c) { return c.clear_messages_for_channel(10022); },
       10,
       {"1:100:10", "2:10022:10"}},
      {[](Cache& c) { return c.clear_invites(); },
       [](Cache& c) { return c.clear_invites_for_guild(100); },
       3,
       {"1:100:3", "2:10022:3"}},
      {[](Cache& c) { return c.clear_invites(); },
       [](Cache& c) { return c.clear_invites_for_channel(10022); },
       3,
       {"1:100:3", "2:10022:3"}},
      {[](Cache& c) { return c.clear_members(); }, [](Cache& c) { return c.clear_members_for_guild(100); }, 4, {}},
      {[](Cache& c) { return c.clear_presences(); }, [](Cache& c) { return c.clear_presences_for_guild(100); }, 5, {}},
  };
  for (const Case& each : cases) {
    CAPTURE(each.database);
    CacheFixture fixture(everything());
    feed_two_guilds(fixture);
    const std::string database = std::to_string(each.database);
    const Json before = fixture.state();
    must(fixture, each.of_guild(fixture.cache()));
    Json after = fixture.state();
    for (const std::string& reference : each.references) CHECK_FALSE(fixture.exists(9, reference));
    // Guild 200 and all other databases are as they were, members' places in their users' indices apart.
    for (const auto& [number, keys] : before.items()) {
      CAPTURE(number);
      if (number == "9") continue;
      if (number != database) CHECK(after[number] == keys);
    }
    for (const auto& [key, value] : before["9"].items())
      if (key.find("200") == 2 || key.find("2002") == 2) CHECK(after["9"][key] == value);
    CHECK(after[database].size() * 2 == before[database].size());

    // References to nothing, and entities without one, go as well.
    if (!each.references.empty() && each.references[0].starts_with("1:") && each.database != 3 && each.database != 10)
      fixture.put_members(9, "1:300:" + database, {"301"});
    must(fixture, each.all(fixture.cache()));
    after = fixture.state();
    CHECK_FALSE(after.contains(database));
    if (!after.contains("9")) continue;
    for (const auto& [key, value] : after["9"].items()) CHECK_FALSE(key.ends_with(":" + database));
  }
}

TEST_CASE("clearing by user and by author reaches every guild") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  Cache& cache = fixture.cache();
  must(fixture, cache.clear_members_for_user(5));
  must(fixture, cache.clear_presences_for_user(5));
  for (const char* guild : {"100", "200"}) {
    CHECK(fixture.members_of(4, guild) == std::vector<std::string>{"6"});
    CHECK(fixture.members_of(5, guild) == std::vector<std::string>{"6"});
  }
  CHECK_FALSE(fixture.exists(9, "7:5:4"));
  CHECK_FALSE(fixture.exists(9, "7:5:5"));
  must(fixture, cache.clear_messages_for_author(5));
  CHECK_FALSE(fixture.exists(10, "10090"));
  CHECK_FALSE(fixture.exists(10, "20090"));
  CHECK_FALSE(fixture.exists(9, "7:5:10"));
  CHECK(fixture.members_of(9, "1:200:10") == std::vector<std::string>{"20091"});
}

TEST_CASE("clearing users leaves the own user's record, clearing guilds takes their records") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  must(fixture, fixture.cache().clear_users());
  CHECK(fixture.exists(7, "ME"));
  CHECK_FALSE(fixture.exists(7, "5"));
  must(fixture, fixture.cache().clear_guilds());
  CHECK_FALSE(fixture.exists(1, "100"));
  CHECK_FALSE(fixture.exists(1, "200"));
  CHECK(fixture.exists(6, "100"));
}

TEST_CASE("each resource is written, read, walked and cleared in a cache that keeps nothing else") {
  for (Resource resource : all_resources()) {
    CAPTURE(name(resource));
    CacheFixture fixture({.resources = {resource}});
    fixture.open();
    Cache& cache = fixture.cache();
    const bool is_invite = resource == Resource::invite;
    const bool in_hash =
        resource == Resource::member || resource == Resource::presence || resource == Resource::voice_state;
    const auto payload = [&](std::uint64_t id) {
      const std::string number = std::to_string(id);
      return text({{"id", number},
                   {"sound_id", number},
                   {"user_id", number},
                   {"code", "c" + number},
                   {"guild_id", "100"},
                   {"channel_id", "21"},
                   {"parent_id", "21"},
                   {"username", "u"},
                   {"user", user(id)},
                   {"type", 0},
                   {"status", "idle"}});
    };
    const auto key = [&](std::uint64_t id) {
      return EntityKey{resource, is_invite ? 0 : id, in_hash ? 100u : 0u, is_invite ? "c" + std::to_string(id) : ""};
    };
    // A guild is its own, of the others two are in guild 100.
    for (std::uint64_t id : {7u, 8u}) must(fixture, cache.set({resource, 0, 100}, payload(id)));
    for (std::uint64_t id : {7u, 8u}) {
      const auto entity = answer(fixture, cache.get(key(id)));
      REQUIRE_MESSAGE(entity, describe(entity.error()));
      CHECK(entity->id == (is_invite ? 0 : id));
      CHECK(Json::parse(entity->json)["guild_id"].is_string());
    }
    CHECK(all_of(fixture, cache.iterate(Scope::all(resource))).size() == 2);
    if (resource != Resource::guild && resource != Resource::user && resource != Resource::message)
      CHECK(all_of(fixture, cache.iterate(Scope::of_guild(resource, 100))).size() == 2);
    if (!is_invite) CHECK(answer(fixture, cache.get_many(resource, {7, 9, 8}, 100))->at(2)->id == 8);
    must(fixture, cache.erase(key(7)));
    CHECK(answer(fixture, cache.get(key(7))).error().code == Errc::entry_not_found);
    CHECK(*answer(fixture, cache.iterate(Scope::all(resource)).len()) == 1);
    must(fixture, cache.clear(Scope::all(resource)));
    CHECK(fixture.state() == Json::object());

    for (Resource other : all_resources()) {
      if (other == resource) continue;
      const auto refused = [](const Error& error) {
        CHECK(error.code == Errc::invalid_argument);
        CHECK(error.text.starts_with("resources: "));
      };
      refused(answer(fixture, cache.get({other, 7, 100})).error());
      refused(answer(fixture, cache.get_many(other, {7}, 100)).error());
      refused(answer(fixture, cache.iterate(Scope::all(other)).next()).error());
      refused(answer(fixture, cache.set({other, 0, 100}, payload(7))).error());
      refused(answer(fixture, cache.erase({other, 7, 100})).error());
      refused(answer(fixture, cache.clear(Scope::all(other))).error());
    }
    CHECK(fixture.state() == Json::object());
  }
}

TEST_CASE("updating a message merges it, and says when there is none") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  Cache& cache = fixture.cache();
  auto updated = answer(fixture, cache.update_message(text({{"id", "10090"}, {"content", "new"}}), 1h));
  REQUIRE(updated);
  CHECK(*updated);
  const Json stored = fixture.json_at(10, "10090");
  CHECK(stored["content"] == "new");
  CHECK(stored["author"] == user(5));
  CHECK(fixture.lifetime_ms(10, "10090") > 3'000'000);
  updated = answer(fixture, cache.update_message(text({{"id", "9"}, {"content", "new"}})));
  REQUIRE(updated);
  CHECK_FALSE(*updated);
  CHECK_FALSE(fixture.exists(10, "9"));
}

TEST_CASE("an expire_time is the entity's own, for ever included") {
  CacheFixture fixture(everything());
  fixture.open();
  Cache& cache = fixture.cache();
  const auto lifetime = [&](Request<void> request, int database, const char* key) {
    must(fixture, std::move(request));
    return fixture.lifetime_ms(database, key);
  };
  CHECK(lifetime(cache.set_user(text(user(5)), 100s), 7, "5") <= 100'000);
  CHECK(lifetime(cache.set_user(text(user(5)), Lifetime::never), 7, "5") == -1);
  CHECK(lifetime(cache.set_user(text(user(5))), 7, "5") > 3'500'000);
  CHECK(lifetime(cache.set_message(text(message(900, 100, 5)), 100s), 10, "900") <= 100'000);
  CHECK(lifetime(cache.set_message(text(message(900, 100, 5)), Lifetime::never), 10, "900") == -1);
  CHECK(fixture.members_of(9, "1:100:10") == std::vector<std::string>{"900"});
  Json limited = invite("abc", 100);
  limited["expires_at"] = "2099-01-01T00:00:00+00:00";
  CHECK(lifetime(cache.set_invite(text(limited), 100s), 3, "abc") <= 100'000);
  CHECK(lifetime(cache.set_invite(text(limited)), 3, "abc") > 100'000);
  const Status zero = answer(fixture, cache.set_user(text(user(5)), 0s));
  REQUIRE_FALSE(zero);
  CHECK(zero.error().code == Errc::invalid_argument);
}

TEST_CASE("a payload that cannot be stored is refused whole") {
  CacheFixture fixture(everything());
  fixture.open();
  Cache& cache = fixture.cache();
  const auto refusal = [&](Request<void> request) {
    const Status status = answer(fixture, std::move(request));
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::invalid_payload);
    return status.error().text;
  };
  CHECK(refusal(cache.set_role(100, "{")).find("payload") == 0);
  CHECK(refusal(cache.set_role(100, "[]")) == "payload: is not an object");
  CHECK(refusal(cache.set_role(100, "{}")) == "id: is missing");
  CHECK(refusal(cache.set_guild_channel(R"({"id":"5"})")) == "guild_id: is missing");
  CHECK(refusal(cache.set_presence(R"({"user":{"id":"5"}})")) == "guild_id: is missing");
  CHECK(refusal(cache.set_member(100, R"({"nick":"n"})")) == "user: is missing");
  CHECK(refusal(cache.set_user(R"({"id":"5"})")) == "username: is missing");
  CHECK(refusal(cache.set_voice_state(100, R"({"user_id":"5"})")) == "channel_id: is missing");
  CHECK(refusal(cache.set_message(R"({"id":"5"})")) == "channel_id: is missing");
  CHECK(refusal(cache.set_invite(R"({"channel_id":"5"})")) == "code: is missing");
  CHECK(fixture.state() == Json::object());
  CHECK(fixture.stats().dirty_guilds == 0);
}

TEST_CASE("the host's writes take their place among the events of their guild") {
  CacheFixture fixture(everything());
  fixture.open();
  Cache& cache = fixture.cache();
  fixture.feed_event("GUILD_CREATE", guild_create(100));
  bool deleted = false;
  cache.delete_role(10001, 100).then([&](const Status& status) { deleted = status.ok(); });
  fixture.feed_event("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "10009"}}}});
  fixture.flush();
  CHECK(deleted);
  CHECK(fixture.members_of(9, "1:100:6") == std::vector<std::string>{"100", "10009"});
  CHECK_FALSE(fixture.exists(6, "10001"));
}

TEST_CASE("the host's writes are refused while too much is pending") {
  CacheFixture fixture({.pending_bytes_max = 1});
  fixture.open();
  fixture.run_until_answered();
  fixture.feed_event("GUILD_CREATE", guild_create(100));
  const Status status = answer(fixture, fixture.cache().set_role(100, R"({"id":"5"})"));
  REQUIRE_FALSE(status);
  CHECK(status.error().code == Errc::over_capacity);
  fixture.flush();
  fixture.run_until_answered();
  must(fixture, fixture.cache().set_role(100, R"({"id":"5"})"));
}

}  // namespace
}  // namespace sake::test
