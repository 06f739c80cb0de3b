// What each event leaves in Redis, with every policy, index and resource on and off.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"
#include "support/content.h"
#include "support/proxy.h"

namespace sake::test {
namespace {

using nlohmann::json;
using Ids = std::vector<std::string>;

/// An event to feed.
struct Fed {
  std::string event;
  json data;
};

constexpr std::int64_t minute = 60'000;
constexpr std::int64_t hour = 60 * minute;

Options everything_on() {
  return {.resources = Resources::everything(),
          .policies = {.harvest_members = HarvestPolicy::on,
                       .reconcile = true,
                       .scrub_deleted_roles = true,
                       .track_reactions = true,
                       .track_channel_activity = true},
          .secondary_indices = SecondaryIndices::all()};
}

Options with_indices(const SecondaryIndices& indices) { return {.secondary_indices = indices}; }
Options with_policies(const Policies& policies) { return {.policies = policies}; }
Options without(std::initializer_list<Resource> left_out) {
  Resources resources = Resources::all();
  for (Resource resource : left_out) resources.erase(resource);
  return {.resources = resources};
}

json merged(json object, const json& changes) {
  object.update(changes);
  return object;
}

json user(const std::string& id) { return {{"id", id}, {"username", "u" + id}}; }

json member(const std::string& id, const json& changes = json::object()) {
  return merged({{"user", user(id)},
                 {"nick", nullptr},
                 {"roles", json::array()},
                 {"joined_at", "2024-01-01T00:00:00+00:00"},
                 {"deaf", false},
                 {"mute", false},
                 {"flags", 0}},
                changes);
}

json of_guild(const std::string& guild, const json& object) { return merged(object, {{"guild_id", guild}}); }

json message(const std::string& id, const json& changes = json::object()) {
  return merged({{"id", id},
                 {"channel_id", "200"},
                 {"guild_id", "100"},
                 {"author", user("5")},
                 {"content", "hello"},
                 {"timestamp", "2024-01-01T00:00:00+00:00"},
                 {"tts", false},
                 {"mentions", json::array()},
                 {"type", 0}},
                changes);
}

/// Guild 100 with something in every collection. It lists two of its two members.
json guild_100(const json& changes = json::object()) {
  return merged(R"({"id":"100","name":"A","owner_id":"5","icon":"i","features":["X"],"member_count":2,"large":false,
      "joined_at":"2024-01-01T00:00:00+00:00","unavailable":false,
      "roles":[{"id":"100","name":"@everyone"},{"id":"7","name":"r7"}],
      "emojis":[{"id":"300","name":"e","user":{"id":"8","username":"u8"}}],
      "stickers":[{"id":"301","name":"s"}],
      "channels":[{"id":"200","type":0,"name":"text"},{"id":"201","type":2,"name":"voice"},
                  {"id":"202","type":4,"name":"category"}],
      "threads":[{"id":"250","type":11,"parent_id":"200"}],
      "members":[{"user":{"id":"5","username":"u5"},"roles":["7"],"deaf":false,"mute":false},
                 {"user":{"id":"6","username":"u6"},"roles":[],"deaf":false,"mute":false}],
      "presences":[{"user":{"id":"5"},"status":"online","activities":[]},{"user":{"id":"6"},"status":"offline"}],
      "voice_states":[{"user_id":"5","channel_id":"201","session_id":"x"}],
      "stage_instances":[],"guild_scheduled_events":[],"soundboard_sounds":[]})"_json,
                changes);
}

json ready(const Ids& guilds, const json& changes = json::object()) {
  json listed = json::array();
  for (const std::string& id : guilds) listed.push_back({{"id", id}, {"unavailable", true}});
  return merged({{"v", 10},
                 {"user", {{"id", "9"}, {"username", "bot"}, {"verified", true}}},
                 {"guilds", listed},
                 {"session_id", "s"},
                 {"resume_gateway_url", "wss://x"},
                 {"application", {{"id", "9"}, {"flags", 0}}}},
                changes);
}

/// Whether any of the commands names a key that matches.
bool touches(const std::vector<std::vector<std::string>>& commands, const std::string& pattern) {
  const std::regex key(pattern);
  return std::ranges::any_of(commands, [&](const std::vector<std::string>& command) {
    return command.size() > 1 && std::regex_match(command[1], key);
  });
}

std::string names_of(const std::vector<std::vector<std::string>>& commands) {
  std::string names;
  for (const auto& command : commands) names += (names.empty() ? "" : " ") + command.at(0);
  return names;
}

}  // namespace

// ======================================================================================================== Sessions

TEST_SUITE("READY") {
  TEST_CASE("READY stores the own user under ME for ever and as a user for its lifetime") {
    CacheFixture fixture;
    CHECK(fixture.apply("READY", ready({})) == Outcome::applied);
    const json own = {{"id", "9"}, {"username", "bot"}, {"verified", true}};
    CHECK(differs(fixture, {{"7", {{"ME", own}, {"9", own}}}}) == "");
    CHECK(fixture.lifetime_ms(7, "ME") == -1);
    CHECK(fixture.lifetime_ms(7, "9") > 59 * minute);
    CHECK(fixture.lifetime_ms(7, "9") <= 60 * minute);
  }

  TEST_CASE("READY merges into ME and replaces the user record") {
    CacheFixture fixture;
    fixture.put(7, "ME", {{"id", "9"}, {"username", "old"}, {"locale", "de"}});
    fixture.put(7, "9", {{"id", "9"}, {"username", "old"}, {"banner", "b"}});
    fixture.apply("READY", ready({}));
    CHECK(fixture.json_at(7, "ME") == R"({"id":"9","username":"bot","verified":true,"locale":"de"})"_json);
    CHECK(fixture.json_at(7, "9") == R"({"id":"9","username":"bot","verified":true})"_json);
  }

  TEST_CASE("READY flags the listed guilds that are stored, keeps all of them, and stores none that is not") {
    CacheFixture fixture(everything_on());
    fixture.apply("GUILD_CREATE", guild_100());
    json expected = content(fixture);
    fixture.apply("READY", ready({"100", "101"}));
    expected["1"]["100"]["unavailable"] = true;
    expected["7"]["ME"] = expected["7"]["9"] = {{"id", "9"}, {"username", "bot"}, {"verified", true}};
    CHECK(differs(fixture, expected) == "");
  }

  TEST_CASE("READY removes guilds that it does not list, with everything of theirs") {
    CacheFixture fixture(everything_on());
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.apply("MESSAGE_CREATE", message("900"));
    fixture.apply("INVITE_CREATE", R"({"code":"abc","channel_id":"200","guild_id":"100","max_age":0})"_json);
    fixture.reopen(everything_on());
    fixture.apply("READY", ready({}));
    json left = content(fixture);
    left.erase("7");  // Users end by their lifetime.
    CHECK(diff(left, json::object()) == "");
  }

  TEST_CASE("READY reconciles the guilds of its own shard alone, by its own number of shards") {
    CacheFixture fixture;
    const std::string first = std::to_string(2ull << 22);   // Of shard 0 of 2, and of shard 2 of 4.
    const std::string second = std::to_string(3ull << 22);  // Of shard 1 of 2.
    fixture.put(1, first, {{"id", first}});
    fixture.put(1, second, {{"id", second}});
    fixture.shard(3, 4);
    fixture.apply("READY", ready({}, {{"shard", {3, 4}}}));
    CHECK(fixture.exists(1, first));
    CHECK_FALSE(fixture.exists(1, second));
    fixture.shard(0, 2);
    fixture.apply("READY", ready({}, {{"shard", {0, 2}}}));
    CHECK_FALSE(fixture.exists(1, first));
  }

  TEST_CASE("a GUILD_CREATE right behind READY saves a guild that READY did not list") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.reopen({});
    fixture.feed_event("READY", ready({}), 1);
    fixture.feed_event("GUILD_CREATE", guild_100({{"name", "B"}}), 2);
    fixture.flush();
    CHECK(fixture.json_at(1, "100")["name"] == "B");
    CHECK(fixture.members_of(9, "1:100:2") == Ids{"200", "201", "202"});
    CHECK(fixture.members_of(4, "100") == Ids{"5", "6"});
  }

  TEST_CASE("READY walks over any number of stored guilds") {
    CacheFixture fixture;
    std::vector<std::vector<std::string>> commands{{"SELECT", "1"}};
    for (int id = 1; id <= 5000; ++id)
      commands.push_back({"SET", std::to_string(id), R"({"id":")" + std::to_string(id) + R"("})"});
    commands.push_back({"SELECT", "0"});
    fixture.client.pipeline(commands);
    fixture.apply("READY", ready({"17", "4711"}));
    const json kept = content(fixture)["1"];
    CHECK(kept == R"({"17":{"id":"17","unavailable":true},"4711":{"id":"4711","unavailable":true}})"_json);
  }

  TEST_CASE("with the policy reconcile off READY removes nothing") {
    CacheFixture fixture(with_policies({.reconcile = false}));
    fixture.put(1, "100", {{"id", "100"}});
    CHECK(fixture.apply("READY", ready({})) == Outcome::applied);
    CHECK(fixture.exists(1, "100"));
  }

  TEST_CASE("without the guild resource READY costs two commands, for the own user") {
    CacheFixture fixture(without({Resource::guild}));
    fixture.put(1, "100", {{"id", "100"}});
    fixture.open();
    fixture.apply("READY", ready({"101"}));
    CHECK(fixture.commands_sent() == 2);
    CHECK(fixture.exists(1, "100"));
  }

  TEST_CASE("READY of another application reconciles nothing, says so, and starts a new ME") {
    CacheFixture fixture;
    fixture.put(7, "ME", {{"id", "4"}, {"username", "other"}, {"locale", "de"}});
    fixture.put(1, "100", {{"id", "100"}});
    CHECK(fixture.apply("READY", ready({})) == Outcome::applied);
    CHECK(fixture.exists(1, "100"));
    CHECK(fixture.json_at(7, "ME") == R"({"id":"9","username":"bot","verified":true})"_json);
    CHECK(std::ranges::any_of(fixture.logged, [](const std::string& line) {
      return line.starts_with("warning: READY is of application 9") && line.find(" 4") != std::string::npos;
    }));
  }

  TEST_CASE("READY starts the count of sequence numbers anew") {
    CacheFixture fixture;
    fixture.apply("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"7","name":"a"}})"_json, 50);
    CHECK(fixture.apply("READY", ready({}), 1) == Outcome::applied);
    CHECK(fixture.apply("GUILD_ROLE_UPDATE", R"({"guild_id":"100","role":{"id":"7","name":"b"}})"_json, 2) ==
          Outcome::applied);
    CHECK(fixture.json_at(6, "7")["name"] == "b");
  }

  TEST_CASE("READY takes the ownership of the shard's guilds away") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    CHECK(fixture.stats().guilds_owned == 1);
    fixture.apply("READY", ready({"100"}));
    CHECK(fixture.stats().guilds_owned == 0);
  }
}

TEST_SUITE("RESUMED") {
  TEST_CASE("RESUMED without READY adopts the stored guilds of its shard, and does so once") {
    CacheFixture fixture;
    for (std::uint64_t id : {4ull << 22, 5ull << 22, 6ull << 22})
      fixture.put(1, std::to_string(id), {{"id", std::to_string(id)}});
    fixture.shard(0, 2);
    CHECK(fixture.apply("RESUMED", json::object()) == Outcome::applied);
    CHECK(fixture.stats().guilds_owned == 2);
    fixture.commands_sent();
    CHECK(fixture.apply("RESUMED", json::object()).ignored_as("nothing to do"));
    CHECK(fixture.commands_sent() == 0);
  }

  TEST_CASE("RESUMED adopts any number of stored guilds") {
    CacheFixture fixture;
    std::vector<std::vector<std::string>> commands{{"SELECT", "1"}};
    for (int id = 1; id <= 5000; ++id) commands.push_back({"SET", std::to_string(id), "{}"});
    commands.push_back({"SELECT", "0"});
    fixture.client.pipeline(commands);
    fixture.apply("RESUMED", json::object());
    CHECK(fixture.stats().guilds_owned == 5000);
  }

  TEST_CASE("RESUMED after READY has nothing to do") {
    CacheFixture fixture;
    fixture.apply("READY", ready({"100"}));
    fixture.commands_sent();
    CHECK(fixture.apply("RESUMED", {{"_trace", {"x"}}}).ignored_as("nothing to do"));
    CHECK(fixture.commands_sent() == 0);
  }

  TEST_CASE("the keys of adopted guilds live on") {
    const auto options = [] { return Options{.default_expire = std::chrono::milliseconds(1500)}; };
    CacheFixture fixture(options());
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.reopen(options());
    fixture.apply("RESUMED", json::object());
    std::map<std::pair<int, std::string>, std::int64_t> lives{
        {{0, "300"}, 0},     {{1, "100"}, 0},     {{2, "200"}, 0},    {{4, "100"}, 0},
        {{5, "100"}, 0},     {{6, "7"}, 0},       {{8, "100"}, 0},    {{9, "1:100:0"}, 0},
        {{9, "1:100:2"}, 0}, {{9, "1:100:6"}, 0}, {{9, "2:201:8"}, 0}};
    for (auto& [key, life] : lives) life = fixture.lifetime_ms(key.first, key.second);
    // Until the life of each has become longer again.
    fixture.loop.run_until([&] {
      for (auto entry = lives.begin(); entry != lives.end();) {
        const int database = entry->first.first;
        const std::string& key = entry->first.second;
        const std::int64_t now = fixture.lifetime_ms(database, key);
        if (now <= 0) FAIL("database " << database << " has lost " << key);
        const bool renewed = now > std::exchange(entry->second, now);
        entry = renewed ? lives.erase(entry) : std::next(entry);
      }
      return lives.empty();
    });
  }

  TEST_CASE("the own user is known after RESUMED without READY") {
    CacheFixture fixture;
    fixture.put(7, "ME", {{"id", "9"}, {"username", "bot"}});
    fixture.apply("RESUMED", json::object());
    fixture.apply("MESSAGE_CREATE", message("900"));
    fixture.apply("MESSAGE_REACTION_ADD",
                  R"({"user_id":"9","channel_id":"200","message_id":"900","emoji":{"id":null,"name":"x"}})"_json);
    CHECK(fixture.json_at(10, "900")["reactions"][0]["me"] == true);
  }
}

TEST_SUITE("USER_UPDATE") {
  TEST_CASE("USER_UPDATE merges into ME, with null as a value, and replaces the user record") {
    CacheFixture fixture;
    fixture.put(7, "ME", R"({"id":"9","username":"bot","verified":true,"avatar":"a","email":"e"})"_json);
    fixture.put(7, "9", R"({"id":"9","username":"bot","banner":"b"})"_json);
    CHECK(fixture.apply("USER_UPDATE", R"({"id":"9","username":"bot2","avatar":null})"_json) == Outcome::applied);
    CHECK(fixture.json_at(7, "ME") == R"({"id":"9","username":"bot2","verified":true,"avatar":null,"email":"e"})"_json);
    CHECK(fixture.json_at(7, "9") == R"({"id":"9","username":"bot2","avatar":null})"_json);
    CHECK(fixture.lifetime_ms(7, "ME") == -1);
  }

  TEST_CASE("ME is read once: an update costs its two writes") {
    CacheFixture fixture;
    fixture.put(7, "ME", R"({"id":"9","username":"bot","locale":"de"})"_json);
    fixture.open();
    for (int i = 0; i < 3; ++i) fixture.apply("USER_UPDATE", {{"id", "9"}, {"username", "bot" + std::to_string(i)}});
    CHECK(fixture.commands_sent() == 6);
    CHECK(fixture.json_at(7, "ME") == R"({"id":"9","username":"bot2","locale":"de"})"_json);
  }
}

// ========================================================================================================== Guilds

TEST_SUITE("GUILD_CREATE") {
  TEST_CASE("GUILD_CREATE stores the guild and every collection that has a database") {
    CacheFixture fixture;
    CHECK(fixture.apply("GUILD_CREATE", guild_100()) == Outcome::applied);
    const json expected = R"({
      "0":{"300":{"id":"300","name":"e","guild_id":"100","user":{"id":"8","username":"u8"}}},
      "1":{"100":{"id":"100","name":"A","owner_id":"5","icon":"i","features":["X"],"member_count":2,"large":false,
                  "joined_at":"2024-01-01T00:00:00+00:00","unavailable":false}},
      "2":{"200":{"id":"200","type":0,"name":"text","guild_id":"100"},
           "201":{"id":"201","type":2,"name":"voice","guild_id":"100"},
           "202":{"id":"202","type":4,"name":"category","guild_id":"100"}},
      "4":{"100":{"5":{"user":{"id":"5","username":"u5"},"roles":["7"],"deaf":false,"mute":false,"guild_id":"100"},
                  "6":{"user":{"id":"6","username":"u6"},"roles":[],"deaf":false,"mute":false,"guild_id":"100"}}},
      "5":{"100":{"5":{"user":{"id":"5"},"status":"online","activities":[],"guild_id":"100"}}},
      "6":{"100":{"id":"100","name":"@everyone","guild_id":"100"},"7":{"id":"7","name":"r7","guild_id":"100"}},
      "7":{"5":{"id":"5","username":"u5"},"6":{"id":"6","username":"u6"},"8":{"id":"8","username":"u8"}},
      "8":{"100":{"5":{"user_id":"5","channel_id":"201","session_id":"x","guild_id":"100",
                       "member":{"user":{"id":"5","username":"u5"},"roles":["7"],"deaf":false,"mute":false}}}},
      "9":{"1:100:0":["300"],"1:100:2":["200","201","202"],"1:100:6":["100","7"],"1:100:11":["250"],"1:100:12":["301"],
           "2:200:11":["250"],"2:201:8":["5","KEY.100"]},
      "11":{"250":{"id":"250","type":11,"parent_id":"200","guild_id":"100"}},
      "12":{"301":{"id":"301","name":"s","guild_id":"100"}}})"_json;
    CHECK(differs(fixture, expected) == "");
  }

  TEST_CASE("GUILD_CREATE enters members and presences in their secondary indices") {
    CacheFixture fixture(with_indices({.members_by_user = true, .presences_by_user = true}));
    fixture.apply("GUILD_CREATE", guild_100());
    CHECK(fixture.members_of(9, "7:5:4") == Ids{"100"});
    CHECK(fixture.members_of(9, "7:6:4") == Ids{"100"});
    CHECK(fixture.members_of(9, "7:5:5") == Ids{"100"});
    CHECK_FALSE(fixture.exists(9, "7:6:5"));
  }

  TEST_CASE("GUILD_CREATE without the key unavailable, as after a join, is of an available guild") {
    CacheFixture fixture;
    json joined = guild_100();
    joined.erase("unavailable");
    fixture.apply("GUILD_CREATE", joined);
    CHECK(fixture.json_at(1, "100")["unavailable"] == false);
  }

  TEST_CASE("GUILD_CREATE replaces the record: what it does not carry is gone") {
    CacheFixture fixture;
    fixture.put(1, "100", R"({"id":"100","name":"old","banner":"b","unavailable":true})"_json);
    fixture.apply("GUILD_CREATE", guild_100());
    const json record = fixture.json_at(1, "100");
    CHECK(record["name"] == "A");
    CHECK(record["unavailable"] == false);
    CHECK_FALSE(record.contains("banner"));
  }

  TEST_CASE("GUILD_CREATE after an outage makes the guild available again") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.apply("GUILD_DELETE", R"({"id":"100","unavailable":true})"_json);
    CHECK(fixture.json_at(1, "100")["unavailable"] == true);
    fixture.apply("GUILD_CREATE", guild_100({{"name", "B"}}));
    CHECK(fixture.json_at(1, "100")["unavailable"] == false);
    CHECK(fixture.json_at(1, "100")["name"] == "B");
  }

  TEST_CASE("a stub during an outage flags a stored guild and overwrites and wipes nothing") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    json expected = content(fixture);
    CHECK(fixture.apply("GUILD_CREATE", R"({"id":"100","unavailable":true})"_json) == Outcome::applied);
    expected["1"]["100"]["unavailable"] = true;
    CHECK(differs(fixture, expected) == "");
  }

  TEST_CASE("a stub of a guild that is not stored stores nothing") {
    CacheFixture fixture;
    CHECK(fixture.apply("GUILD_CREATE", R"({"id":"100","unavailable":true})"_json) == Outcome::applied);
    CHECK(differs(fixture, json::object()) == "");
  }

  TEST_CASE("empty lists in GUILD_CREATE empty the collections") {
    CacheFixture fixture(everything_on());
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.apply("GUILD_CREATE", guild_100({{"roles", json::array()},
                                             {"emojis", json::array()},
                                             {"stickers", json::array()},
                                             {"channels", json::array()},
                                             {"threads", json::array()},
                                             {"members", json::array()},
                                             {"presences", json::array()},
                                             {"voice_states", json::array()},
                                             {"member_count", 0}}));
    json left = content(fixture);
    left.erase("7");
    CHECK(left["1"].size() == 1);
    left.erase("1");
    CHECK(diff(left, json::object()) == "");
  }

  TEST_CASE("a later GUILD_CREATE removes what it no longer lists and updates what it lists") {
    CacheFixture fixture(everything_on());
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.apply("MESSAGE_CREATE", message("900"));
    fixture.apply("GUILD_CREATE", R"({"id":"100","name":"A","member_count":2,"large":false,"unavailable":false,
      "roles":[{"id":"100","name":"all"},{"id":"70","name":"r70"}],"emojis":[{"id":"310","name":"f"}],
      "channels":[{"id":"201","type":2,"name":"voice"},{"id":"203","type":13,"name":"stage"}],
      "members":[{"user":{"id":"6","username":"u6"},"roles":["70"]},{"user":{"id":"4","username":"u4"},"roles":[]}],
      "presences":[{"user":{"id":"6"},"status":"dnd"}],
      "voice_states":[{"user_id":"6","channel_id":"203","session_id":"y"}]})"_json);
    json found = content(fixture);
    found.erase("7");
    const json expected = R"({
      "0":{"310":{"id":"310","name":"f","guild_id":"100"}},
      "1":{"100":{"id":"100","name":"A","member_count":2,"large":false,"unavailable":false}},
      "2":{"201":{"id":"201","type":2,"name":"voice","guild_id":"100"},
           "203":{"id":"203","type":13,"name":"stage","guild_id":"100"}},
      "4":{"100":{"6":{"user":{"id":"6","username":"u6"},"roles":["70"],"guild_id":"100"},
                  "4":{"user":{"id":"4","username":"u4"},"roles":[],"guild_id":"100"}}},
      "5":{"100":{"6":{"user":{"id":"6"},"status":"dnd","guild_id":"100"}}},
      "6":{"100":{"id":"100","name":"all","guild_id":"100"},"70":{"id":"70","name":"r70","guild_id":"100"}},
      "8":{"100":{"6":{"user_id":"6","channel_id":"203","session_id":"y","guild_id":"100",
                       "member":{"user":{"id":"6","username":"u6"},"roles":["70"]}}}},
      "9":{"1:100:0":["310"],"1:100:2":["201","203"],"1:100:6":["100","70"],"2:203:8":["6","KEY.100"],
           "7:6:4":["100"],"7:4:4":["100"],"7:6:5":["100"]}})"_json;
    // The message was of a channel that has vanished, and goes with it.
    CHECK(diff(found, expected) == "");
  }

  TEST_CASE("threads in a list of channels are not kept as channels") {
    CacheFixture fixture;
    json with_thread = guild_100();
    with_thread["channels"].push_back({{"id", "250"}, {"type", 11}, {"parent_id", "200"}});
    fixture.apply("GUILD_CREATE", with_thread);
    CHECK_FALSE(fixture.exists(2, "250"));
    CHECK(fixture.members_of(9, "1:100:2") == Ids{"200", "201", "202"});
  }

  TEST_CASE("a member that is listed twice counts once against member_count") {
    CacheFixture fixture;
    fixture.put_field(4, "100", "99", {{"user", user("99")}, {"guild_id", "100"}});
    json twice = guild_100();
    twice["members"].push_back(json(twice["members"][0]));
    fixture.apply("GUILD_CREATE", twice);
    CHECK(fixture.members_of(4, "100") == Ids{"5", "6"});
  }

  TEST_CASE("with the members policy automatic unlisted members go when the list is complete, and else stay") {
    for (const bool complete : {true, false}) {
      CAPTURE(complete);
      CacheFixture fixture;
      fixture.put_field(4, "100", "99", of_guild("100", member("99")));
      fixture.apply("GUILD_CREATE", guild_100({{"member_count", complete ? 2 : 3}}));
      CHECK(fixture.members_of(4, "100") == (complete ? Ids{"5", "6"} : Ids{"5", "6", "99"}));
    }
  }

  TEST_CASE("with the members policy replace unlisted members always go") {
    CacheFixture fixture(with_policies({.guild_create_members = MemberPolicy::replace}));
    fixture.put_field(4, "100", "99", of_guild("100", member("99")));
    fixture.apply("GUILD_CREATE", guild_100({{"member_count", 3}}));
    CHECK(fixture.members_of(4, "100") == Ids{"5", "6"});
  }

  TEST_CASE("with the members policy merge unlisted members always stay, and listed ones are replaced") {
    CacheFixture fixture(with_policies({.guild_create_members = MemberPolicy::merge}));
    fixture.put_field(4, "100", "99", of_guild("100", member("99")));
    fixture.put_field(4, "100", "5", of_guild("100", member("5", {{"banner", "b"}})));
    fixture.apply("GUILD_CREATE", guild_100());
    CHECK(fixture.members_of(4, "100") == Ids{"5", "6", "99"});
    CHECK_FALSE(fixture.field_at(4, "100", "5").contains("banner"));
  }

  TEST_CASE("unlisted members go however many they are") {
    CacheFixture fixture;
    std::vector<std::vector<std::string>> commands{{"SELECT", "4"}};
    constexpr int first = 1'000'000;
    for (int i = 0; i < 1'010; ++i) {
      std::vector<std::string> command{"HSET", "100"};
      for (int k = 0; k < 100; ++k) {
        command.push_back(std::to_string(first + i * 100 + k));
        command.push_back("{}");
      }
      commands.push_back(std::move(command));
    }
    commands.push_back({"SELECT", "0"});
    fixture.client.pipeline(commands);
    fixture.watch_commands();
    fixture.apply("GUILD_CREATE", guild_100());
    CHECK(fixture.members_of(4, "100") == Ids{"5", "6"});
    // Such a hash is never asked for at once.
    const auto run = fixture.commands_run();
    CHECK(names_of(run).find("HSCAN") != std::string::npos);
    CHECK(names_of(run).find("HKEYS") == std::string::npos);
    CHECK(names_of(run).find("HGETALL") == std::string::npos);
  }

  TEST_CASE("a voice state of a user who is not listed is stored, with its member if that is cached") {
    CacheFixture fixture(with_policies({.guild_create_members = MemberPolicy::merge}));
    fixture.put_field(4, "100", "40", of_guild("100", member("40", {{"nick", "N"}})));
    fixture.apply("GUILD_CREATE", guild_100({{"voice_states",
                                              {{{"user_id", "40"}, {"channel_id", "201"}, {"session_id", "x"}},
                                               {{"user_id", "41"}, {"channel_id", "201"}, {"session_id", "y"}}}}}));
    CHECK(fixture.field_at(8, "100", "40")["member"]["nick"] == "N");
    CHECK(fixture.field_at(8, "100", "40")["member"]["user"]["username"] == "u40");
    CHECK(fixture.field_at(8, "100", "41") ==
          R"({"user_id":"41","channel_id":"201","session_id":"y","guild_id":"100"})"_json);
    CHECK(fixture.members_of(9, "2:201:8") == Ids{"40", "41", "KEY.100"});
  }

  TEST_CASE("GUILD_CREATE corrects the sets of voice channels that a lost event has left behind") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    // User 6 was seen to enter both channels, and left while nobody listened; so did user 5, whose set is in 201.
    fixture.put_members(9, "2:201:8", {"6"});
    fixture.put_members(9, "2:203:8", {"6", "KEY.100"});
    json now = guild_100();
    now["channels"].push_back({{"id", "203"}, {"type", 13}});
    fixture.apply("GUILD_CREATE", now);
    CHECK(fixture.members_of(9, "2:201:8") == Ids{"5", "KEY.100"});
    CHECK_FALSE(fixture.exists(9, "2:203:8"));
  }

  TEST_CASE("who reads during a repeated GUILD_CREATE never sees a collection vanish") {
    CacheFixture fixture;
    Proxy proxy(fixture.loop.get(), fixture.server.socket_path());
    fixture.reopen({.address = proxy.address()});
    json before = guild_100();
    json after = guild_100();
    for (int i = 0; i < 40; ++i) {
      const std::string old_id = std::to_string(4000 + i);
      const std::string new_id = std::to_string(5000 + i);
      before["roles"].push_back({{"id", old_id}, {"name", "old"}});
      after["roles"].push_back({{"id", new_id}, {"name", "new"}});
      before["emojis"].push_back({{"id", old_id}, {"name", "old"}});
      after["emojis"].push_back({{"id", new_id}, {"name", "new"}});
      before["channels"].push_back({{"id", old_id}, {"type", 0}});
      after["channels"].push_back({{"id", new_id}, {"type", 0}});
      before["members"].push_back(member(old_id));
      after["members"].push_back(member(new_id));
      before["presences"].push_back({{"user", {{"id", old_id}}}, {"status", "online"}});
      after["presences"].push_back({{"user", {{"id", new_id}}}, {"status", "online"}});
      before["voice_states"].push_back({{"user_id", old_id}, {"channel_id", "201"}});
      after["voice_states"].push_back({{"user_id", new_id}, {"channel_id", "201"}});
    }
    before["member_count"] = after["member_count"] = 42;

    /// What is listed by both, and so must be there at every moment.
    const auto check_kept = [&] {
      const auto has = [](const Ids& ids, const char* id) { return std::ranges::find(ids, id) != ids.end(); };
      CHECK(has(fixture.members_of(9, "1:100:6"), "7"));
      CHECK(has(fixture.members_of(9, "1:100:0"), "300"));
      CHECK(has(fixture.members_of(9, "1:100:2"), "201"));
      CHECK(has(fixture.members_of(4, "100"), "5"));
      CHECK(has(fixture.members_of(5, "100"), "5"));
      CHECK(has(fixture.members_of(8, "100"), "5"));
      const Ids voice = fixture.members_of(9, "2:201:8");
      CHECK(has(voice, "5"));
      CHECK(has(voice, "KEY.100"));
      CHECK(fixture.exists(6, "7"));
      CHECK(fixture.exists(0, "300"));
      CHECK(fixture.exists(2, "201"));
      CHECK(fixture.json_at(1, "100")["unavailable"] == false);
    };

    fixture.apply("GUILD_CREATE", before);
    // From here on only a few bytes reach the server between two looks at it.
    proxy.split(Direction::to_server, 512);
    std::set<std::string> seen;
    const Ending& ending = fixture.feed_event("GUILD_CREATE", after);
    int looks = 0;
    fixture.loop.run_until([&] {
      if (++looks % 4 == 0) {
        check_kept();
        seen.insert(json(fixture.members_of(4, "100")).dump() + json(fixture.members_of(9, "1:100:6")).dump());
      }
      return ending.told;
    });
    check_kept();
    CHECK(seen.size() > 2);  // There was something in between.
    CHECK(fixture.members_of(4, "100").size() == 42);
    CHECK(fixture.members_of(9, "1:100:6").size() == 42);
    CHECK_FALSE(fixture.exists(2, "4000"));
    proxy.split(Direction::to_server, 0);
    fixture.close();
  }

  TEST_CASE("who sees a new guild can see its parts") {
    CacheFixture fixture;
    Proxy proxy(fixture.loop.get(), fixture.server.socket_path());
    fixture.reopen({.address = proxy.address()});
    proxy.split(Direction::to_server, 64);
    const Ending& ending = fixture.feed_event("GUILD_CREATE", guild_100());
    int looks_before = 0;
    fixture.loop.run_until([&] {
      if (fixture.exists(1, "100")) {
        json parts = content(fixture);
        CHECK(parts["2"].size() == 3);
        CHECK(parts["4"]["100"].size() == 2);
        CHECK(parts["5"]["100"].size() == 1);
        CHECK(parts["6"].size() == 2);
        CHECK(parts["8"]["100"].size() == 1);
        CHECK(parts["0"].size() == 1);
        CHECK(parts["9"].size() == 7);
        CHECK(parts["11"].size() == 1);
        CHECK(parts["12"].size() == 1);
      } else {
        ++looks_before;
      }
      return ending.told;
    });
    CHECK(looks_before > 10);
    proxy.split(Direction::to_server, 0);
    fixture.close();
  }

  TEST_CASE("GUILD_CREATE makes the guild one of this process's own") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.apply("GUILD_CREATE", guild_100());
    CHECK(fixture.stats().guilds_owned == 1);
    fixture.apply("GUILD_DELETE", R"({"id":"100"})"_json);
    CHECK(fixture.stats().guilds_owned == 0);
  }

  TEST_CASE("what a process no longer owns is kept until its lifetime ends") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    const json before = content(fixture);
    fixture.shard().forget();
    CHECK(fixture.stats().guilds_owned == 0);
    CHECK(differs(fixture, before) == "");
  }
}

TEST_SUITE("GUILD_UPDATE") {
  TEST_CASE("GUILD_UPDATE merges into the guild and keeps what only GUILD_CREATE carries") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    json expected = content(fixture);
    CHECK(fixture.apply("GUILD_UPDATE", R"({"id":"100","name":"B","icon":null})"_json) == Outcome::applied);
    expected["1"]["100"]["name"] = "B";
    expected["1"]["100"]["icon"] = nullptr;
    CHECK(differs(fixture, expected) == "");
  }

  TEST_CASE("GUILD_UPDATE replaces the roles and emojis it lists, and leaves those it does not list at all") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.apply("GUILD_UPDATE", R"({"id":"100","name":"A","roles":[{"id":"100","name":"all"}]})"_json);
    CHECK(fixture.members_of(9, "1:100:6") == Ids{"100"});
    CHECK(fixture.json_at(6, "100") == R"({"id":"100","name":"all","guild_id":"100"})"_json);
    CHECK_FALSE(fixture.exists(6, "7"));
    CHECK(fixture.members_of(9, "1:100:0") == Ids{"300"});
    fixture.apply("GUILD_UPDATE", R"({"id":"100","emojis":[]})"_json);
    CHECK_FALSE(fixture.exists(9, "1:100:0"));
    CHECK_FALSE(fixture.exists(0, "300"));
    CHECK(fixture.members_of(9, "1:100:6") == Ids{"100"});
  }

  TEST_CASE("GUILD_UPDATE stores no collection and no stray guild_id in the guild") {
    CacheFixture fixture;
    fixture.apply("GUILD_UPDATE", guild_100({{"guild_id", "1339"}}));
    const json record = fixture.json_at(1, "100");
    for (const char* key :
         {"guild_id", "roles", "emojis", "stickers", "channels", "threads", "members", "presences", "voice_states"})
      CHECK_MESSAGE(!record.contains(key), key);
    CHECK_FALSE(fixture.exists(1, "1339"));
  }

  TEST_CASE("GUILD_UPDATE creates a guild that is not stored, and harvests the users of its emojis") {
    CacheFixture fixture;
    fixture.apply("GUILD_UPDATE",
                  R"({"id":"100","name":"B","emojis":[{"id":"300","user":{"id":"8","username":"u8"}}]})"_json);
    CHECK(fixture.json_at(1, "100") == R"({"id":"100","name":"B"})"_json);
    CHECK(fixture.json_at(7, "8") == user("8"));
  }
}

TEST_SUITE("GUILD_DELETE") {
  TEST_CASE("an outage flags the guild and keeps everything, however often it is told") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    json expected = content(fixture);
    expected["1"]["100"]["unavailable"] = true;
    for (int i = 0; i < 2; ++i) {
      CHECK(fixture.apply("GUILD_DELETE", R"({"id":"100","unavailable":true})"_json) == Outcome::applied);
      CHECK(differs(fixture, expected) == "");
    }
  }

  TEST_CASE("an outage of a guild that is not stored stores nothing") {
    CacheFixture fixture;
    CHECK(fixture.apply("GUILD_DELETE", R"({"id":"100","unavailable":true})"_json) == Outcome::applied);
    CHECK(differs(fixture, json::object()) == "");
  }

  TEST_CASE("a leave removes everything of the guild and nothing of another; users and ME stay") {
    for (const bool all_indices : {false, true}) {
      CAPTURE(all_indices);
      CacheFixture fixture(all_indices ? everything_on() : with_indices(SecondaryIndices::none()));
      fixture.apply("READY", ready({}));
      fixture.apply("GUILD_CREATE", guild_100());
      const json users = content(fixture)["7"];
      const json other = json::parse(std::regex_replace(guild_100().dump(), std::regex(R"("(\d+)\")"), "\"9$1\""));
      fixture.apply("GUILD_CREATE", other);
      json expected;  // What the other guild leaves behind alone.
      {
        CacheFixture alone(all_indices ? everything_on() : with_indices(SecondaryIndices::none()));
        alone.apply("READY", ready({}));
        alone.apply("GUILD_CREATE", other);
        expected = content(alone);
      }
      CHECK(fixture.apply("GUILD_DELETE", R"({"id":"100"})"_json) == Outcome::applied);
      json found = content(fixture);
      for (const auto& record : users.items()) CHECK_MESSAGE(found["7"].contains(record.key()), record.key());
      found["7"] = expected["7"];
      CHECK(diff(found, expected) == "");
    }
  }

  TEST_CASE("with any index on a leave takes messages and invites with it; without one they end by themselves") {
    struct Choice {
      SecondaryIndices indices;
      bool gone;
    };
    const Choice choices[] = {
        {{.messages_by_guild = true, .invites_by_channel = false, .invites_by_guild = true}, true},
        {{.messages_by_channel = true, .invites_by_channel = true, .invites_by_guild = false}, true},
        {{.messages_by_author = true, .invites_by_channel = false, .invites_by_guild = false}, false},
        {SecondaryIndices::none(), false},
    };
    for (const Choice& choice : choices) {
      CAPTURE(&choice - choices);
      CacheFixture fixture(with_indices(choice.indices));
      fixture.apply("GUILD_CREATE", guild_100());
      fixture.apply("MESSAGE_CREATE", message("900"));
      fixture.apply("MESSAGE_CREATE", message("901", {{"guild_id", "101"}, {"channel_id", "210"}}));
      fixture.apply("INVITE_CREATE", R"({"code":"abc","channel_id":"200","guild_id":"100","max_age":0})"_json);
      fixture.apply("INVITE_CREATE", R"({"code":"xyz","channel_id":"210","guild_id":"101","max_age":0})"_json);
      fixture.apply("GUILD_DELETE", R"({"id":"100"})"_json);
      CHECK(fixture.exists(10, "900") != choice.gone);
      CHECK(fixture.exists(3, "abc") != choice.gone);
      CHECK(fixture.exists(10, "901"));
      CHECK(fixture.exists(3, "xyz"));
      for (const char* key : {"1:100:10", "1:100:3", "2:200:10", "2:200:3"})
        CHECK_MESSAGE(!fixture.exists(9, key), key);
    }
  }

  TEST_CASE("a leave takes any number of messages and members with it") {
    CacheFixture fixture(with_indices(SecondaryIndices::all()));
    json many = guild_100({{"members", json::array()}, {"voice_states", json::array()}, {"member_count", 3000}});
    for (int i = 0; i < 3000; ++i) many["members"].push_back(member(std::to_string(10'000 + i)));
    fixture.apply("GUILD_CREATE", many);
    for (int i = 0; i < 2500; ++i) fixture.feed_event("MESSAGE_CREATE", message(std::to_string(90'000 + i)));
    fixture.flush();
    CHECK(fixture.members_of(9, "1:100:10").size() == 2500);
    fixture.apply("GUILD_DELETE", R"({"id":"100"})"_json);
    json left = content(fixture);
    left.erase("7");
    CHECK(diff(left, json::object()) == "");
  }

  TEST_CASE("late events of a guild that was left are ignored for a minute") {
    CacheFixture fixture(everything_on());
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.apply("GUILD_DELETE", R"({"id":"100"})"_json);
    const json after_leave = content(fixture);
    const std::vector<Fed> late{
        {"CHANNEL_UPDATE", R"({"id":"200","guild_id":"100","type":0})"_json},
        {"GUILD_EMOJIS_UPDATE", R"({"guild_id":"100","emojis":[{"id":"300"}]})"_json},
        {"GUILD_MEMBER_ADD", of_guild("100", member("5"))},
        {"GUILD_MEMBER_REMOVE", of_guild("100", {{"user", user("5")}})},
        {"GUILD_MEMBER_UPDATE", of_guild("100", member("5"))},
        {"GUILD_ROLE_UPDATE", R"({"guild_id":"100","role":{"id":"7"}})"_json},
        {"GUILD_UPDATE", R"({"id":"100","name":"B"})"_json},
        {"INVITE_CREATE", R"({"code":"abc","channel_id":"200","guild_id":"100","max_age":0})"_json},
        {"MESSAGE_CREATE", message("900")},
        {"PRESENCE_UPDATE", R"({"guild_id":"100","user":{"id":"5"},"status":"online"})"_json},
        {"VOICE_STATE_UPDATE", R"({"guild_id":"100","user_id":"5","channel_id":"201","session_id":"x"})"_json},
    };
    fixture.event_time += 59'999;
    for (const Fed& fed : late) CHECK_MESSAGE(fixture.apply(fed.event, fed.data).ignored_as("left"), fed.event);
    CHECK(differs(fixture, after_leave) == "");
    CHECK(fixture.event_stats("MESSAGE_CREATE").ignored == 1);

    fixture.event_time += 1;
    for (const Fed& fed : late) CHECK_MESSAGE((fixture.apply(fed.event, fed.data) == Outcome::applied), fed.event);
    CHECK(fixture.exists(10, "900"));
  }

  TEST_CASE("a GUILD_CREATE lifts the mark of a leave at once") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.feed_event("GUILD_DELETE", R"({"id":"100"})"_json);
    const Ending& late = fixture.feed_event("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"70"}})"_json);
    fixture.feed_event("GUILD_CREATE", guild_100());
    const Ending& after = fixture.feed_event("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"71"}})"_json);
    fixture.flush();
    CHECK(late.ignored_as("left"));
    CHECK(after == Outcome::applied);
    CHECK(fixture.members_of(9, "1:100:6") == Ids{"100", "7", "71"});
    CHECK(fixture.members_of(4, "100") == Ids{"5", "6"});
  }

  TEST_CASE("other guilds are not affected by a leave, and a second leave is harmless") {
    CacheFixture fixture;
    fixture.apply("GUILD_DELETE", R"({"id":"100"})"_json);
    CHECK(fixture.apply("GUILD_DELETE", R"({"id":"100"})"_json) == Outcome::applied);
    CHECK(fixture.apply("GUILD_ROLE_CREATE", R"({"guild_id":"101","role":{"id":"70"}})"_json) == Outcome::applied);
    CHECK(fixture.exists(6, "70"));
  }

  TEST_CASE("the own member's removal and the leave end in the same state in either order") {
    const json removal = of_guild("100", {{"user", user("5")}});
    const json leave = R"({"id":"100"})"_json;
    std::vector<json> ends;
    for (const bool removal_first : {true, false}) {
      CacheFixture fixture(everything_on());
      fixture.apply("GUILD_CREATE", guild_100());
      if (removal_first) fixture.feed_event("GUILD_MEMBER_REMOVE", removal);
      fixture.feed_event("GUILD_DELETE", leave);
      if (!removal_first) fixture.feed_event("GUILD_MEMBER_REMOVE", removal);
      fixture.flush();
      ends.push_back(content(fixture));
    }
    CHECK(diff(ends[0], ends[1]) == "");
  }
}

// ========================================================================================================= Members

TEST_SUITE("GUILD_MEMBER_ADD") {
  TEST_CASE("GUILD_MEMBER_ADD stores the member and its user, and counts it") {
    CacheFixture fixture(everything_on());
    fixture.apply("GUILD_CREATE", guild_100());
    CHECK(fixture.apply("GUILD_MEMBER_ADD", of_guild("100", member("40"))) == Outcome::applied);
    CHECK(fixture.field_at(4, "100", "40") == of_guild("100", member("40")));
    CHECK(fixture.json_at(7, "40") == user("40"));
    CHECK(fixture.json_at(1, "100")["member_count"] == 3);
    CHECK(fixture.members_of(9, "7:40:4") == Ids{"100"});
  }

  TEST_CASE("a repeated GUILD_MEMBER_ADD counts once and replaces the record") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.feed_event("GUILD_MEMBER_ADD", of_guild("100", member("40", {{"banner", "b"}})));
    fixture.feed_event("GUILD_MEMBER_ADD", of_guild("100", member("40", {{"nick", "N"}})));
    fixture.flush();
    CHECK(fixture.json_at(1, "100")["member_count"] == 3);
    CHECK(fixture.field_at(4, "100", "40") == of_guild("100", member("40", {{"nick", "N"}})));
  }

  TEST_CASE("members that join together are all counted") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    for (int i = 0; i < 50; ++i)
      fixture.feed_event("GUILD_MEMBER_ADD", of_guild("100", member(std::to_string(40 + i))));
    fixture.flush();
    CHECK(fixture.json_at(1, "100")["member_count"] == 52);
  }

  TEST_CASE("GUILD_MEMBER_ADD of an unknown guild stores the member and makes no guild") {
    CacheFixture fixture;
    fixture.apply("GUILD_MEMBER_ADD", of_guild("100", member("40")));
    CHECK(fixture.members_of(4, "100") == Ids{"40"});
    CHECK_FALSE(fixture.exists(1, "100"));
  }
}

TEST_SUITE("GUILD_MEMBER_UPDATE") {
  TEST_CASE("a partial GUILD_MEMBER_UPDATE merges: what is missing stays and null is a value") {
    CacheFixture fixture;
    fixture.put_field(4, "100", "5",
                      of_guild("100", member("5", {{"nick", "N"}, {"mute", true}, {"flags", 2}, {"banner", "b"}})));
    fixture.apply("GUILD_MEMBER_UPDATE",
                  of_guild("100", {{"user", {{"id", "5"}, {"username", "new"}}}, {"roles", {"8"}}, {"nick", nullptr}}));
    json expected = of_guild("100", member("5", {{"mute", true}, {"flags", 2}, {"banner", "b"}, {"roles", {"8"}}}));
    expected["user"]["username"] = "new";
    CHECK(fixture.field_at(4, "100", "5") == expected);
    CHECK(fixture.json_at(7, "5")["username"] == "new");
  }

  TEST_CASE("a complete GUILD_MEMBER_UPDATE replaces the record without a read") {
    const json complete = of_guild("100", member("5", {{"premium_since", nullptr},
                                                       {"pending", false},
                                                       {"communication_disabled_until", nullptr},
                                                       {"avatar_decoration_data", nullptr},
                                                       {"collectibles", nullptr}}));
    CacheFixture fixture;
    fixture.put_field(4, "100", "5", of_guild("100", member("5", {{"permissions", "8"}})));
    fixture.open();
    fixture.watch_commands();
    fixture.apply("GUILD_MEMBER_UPDATE", complete);
    CHECK(fixture.field_at(4, "100", "5") == complete);
    const auto commands = fixture.commands_run();
    CHECK_MESSAGE(names_of(commands).find("HGET") == std::string::npos, names_of(commands));

    for (const char* key : {"nick", "premium_since", "deaf", "mute", "pending", "flags", "communication_disabled_until",
                            "avatar_decoration_data", "collectibles"}) {
      json partial = complete;
      partial.erase(key);
      fixture.put_field(4, "100", "5", merged(complete, {{key, "kept"}}));
      fixture.apply("GUILD_MEMBER_UPDATE", partial);
      CHECK_MESSAGE(fixture.field_at(4, "100", "5")[key] == "kept", key);
    }
  }

  TEST_CASE("GUILD_MEMBER_UPDATE stores a member that is not cached, and counts nobody") {
    CacheFixture fixture(everything_on());
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.apply("GUILD_MEMBER_UPDATE", of_guild("100", {{"user", user("40")}, {"roles", {"7"}}}));
    CHECK(fixture.field_at(4, "100", "40") == of_guild("100", {{"user", user("40")}, {"roles", {"7"}}}));
    CHECK(fixture.members_of(9, "7:40:4") == Ids{"100"});
    CHECK(fixture.json_at(1, "100")["member_count"] == 2);
  }

  TEST_CASE("updates of one member that follow each other at once all count") {
    CacheFixture fixture;
    fixture.feed_event("GUILD_MEMBER_ADD", of_guild("100", member("5")));
    fixture.feed_event("GUILD_MEMBER_UPDATE", of_guild("100", {{"user", user("5")}, {"roles", {"8"}}, {"nick", "N"}}));
    fixture.feed_event("GUILD_MEMBER_UPDATE", of_guild("100", {{"user", user("5")}, {"roles", {"9"}}, {"mute", true}}));
    fixture.flush();
    CHECK(fixture.field_at(4, "100", "5") ==
          of_guild("100", member("5", {{"nick", "N"}, {"mute", true}, {"roles", {"9"}}})));
  }
}

TEST_SUITE("GUILD_MEMBER_REMOVE") {
  TEST_CASE("GUILD_MEMBER_REMOVE takes the member, its presence and its voice state, and counts it out") {
    CacheFixture fixture(everything_on());
    fixture.apply("GUILD_CREATE", guild_100());
    CHECK(fixture.apply("GUILD_MEMBER_REMOVE", of_guild("100", {{"user", user("5")}})) == Outcome::applied);
    CHECK(fixture.members_of(4, "100") == Ids{"6"});
    CHECK_FALSE(fixture.exists(5, "100"));
    CHECK_FALSE(fixture.exists(8, "100"));
    CHECK_FALSE(fixture.exists(9, "2:201:8"));
    CHECK_FALSE(fixture.exists(9, "7:5:4"));
    CHECK_FALSE(fixture.exists(9, "7:5:5"));
    CHECK(fixture.json_at(1, "100")["member_count"] == 1);
    CHECK(fixture.exists(7, "5"));
  }

  TEST_CASE("member_count does not fall below zero, and is not made up") {
    CacheFixture fixture;
    fixture.put(1, "100", R"({"id":"100","member_count":0})"_json);
    fixture.put(1, "101", R"({"id":"101"})"_json);
    fixture.apply("GUILD_MEMBER_REMOVE", of_guild("100", {{"user", user("5")}}));
    fixture.apply("GUILD_MEMBER_REMOVE", of_guild("101", {{"user", user("5")}}));
    fixture.apply("GUILD_MEMBER_REMOVE", of_guild("102", {{"user", user("5")}}));
    CHECK(fixture.json_at(1, "100")["member_count"] == 0);
    CHECK_FALSE(fixture.json_at(1, "101").contains("member_count"));
    CHECK_FALSE(fixture.exists(1, "102"));
  }

  TEST_CASE("a removed member is not harvested for ten seconds") {
    CacheFixture fixture(everything_on());
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.apply("GUILD_MEMBER_REMOVE", of_guild("100", {{"user", user("5")}}));
    const std::vector<Fed> late{
        {"MESSAGE_CREATE", message("900", {{"member", {{"roles", {"7"}}}}})},
        {"MESSAGE_CREATE",
         message("901", {{"author", user("6")}, {"mentions", {merged(user("5"), {{"member", {{"roles", {"7"}}}}})}}})},
        {"TYPING_START", of_guild("100", {{"channel_id", "200"}, {"user_id", "5"}, {"member", member("5")}})},
        {"MESSAGE_REACTION_ADD", of_guild("100", {{"channel_id", "200"},
                                                  {"message_id", "900"},
                                                  {"user_id", "5"},
                                                  {"member", member("5")},
                                                  {"emoji", {{"id", nullptr}, {"name", "x"}}}})},
        {"VOICE_STATE_UPDATE",
         of_guild("100", {{"channel_id", "201"}, {"user_id", "5"}, {"session_id", "x"}, {"member", member("5")}})},
        {"INTERACTION_CREATE", of_guild("100", {{"id", "1"}, {"type", 2}, {"member", member("5")}})},
    };
    fixture.event_time += 9'999;
    for (const Fed& fed : late) {
      CHECK_MESSAGE((fixture.apply(fed.event, fed.data) == Outcome::applied), fed.event);
      CHECK_MESSAGE(fixture.field_at(4, "100", "5").is_null(), fed.event);
    }
    fixture.event_time += 1;
    fixture.apply(late[0].event, late[0].data);
    CHECK(fixture.field_at(4, "100", "5")["roles"] == R"(["7"])"_json);
  }

  TEST_CASE("a member that joins again is harvested again") {
    CacheFixture fixture(everything_on());
    fixture.apply("GUILD_MEMBER_REMOVE", of_guild("100", {{"user", user("5")}}));
    fixture.apply("GUILD_MEMBER_ADD", of_guild("100", member("5")));
    fixture.apply("MESSAGE_CREATE", message("900", {{"member", {{"roles", {"8"}}}}}));
    CHECK(fixture.field_at(4, "100", "5")["roles"] == R"(["8"])"_json);
  }

  TEST_CASE("whoever is listed as a member again is harvested again") {
    const std::vector<Fed> sources{
        {"GUILD_CREATE", guild_100()},
        {"GUILD_MEMBERS_CHUNK", of_guild("100", {{"members", {member("5")}}, {"chunk_index", 0}, {"chunk_count", 1}})},
        {"GUILD_MEMBER_UPDATE", of_guild("100", member("5"))},
    };
    for (const Fed& source : sources) {
      CAPTURE(source.event);
      CacheFixture fixture(everything_on());
      fixture.apply("GUILD_MEMBER_REMOVE", of_guild("100", {{"user", user("5")}}));
      fixture.apply(source.event, source.data);
      fixture.apply("MESSAGE_CREATE", message("900", {{"member", {{"roles", {"8"}}}}}));
      CHECK(fixture.field_at(4, "100", "5")["roles"] == R"(["8"])"_json);
    }
  }

  TEST_CASE("what trails behind a removal does not bring the member back") {
    CacheFixture fixture(everything_on());
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.feed_event("GUILD_MEMBER_REMOVE", of_guild("100", {{"user", user("5")}}));
    fixture.feed_event("PRESENCE_UPDATE", R"({"guild_id":"100","user":{"id":"5"},"status":"offline"})"_json);
    fixture.feed_event(
        "VOICE_STATE_UPDATE",
        of_guild("100", {{"user_id", "5"}, {"channel_id", nullptr}, {"session_id", "x"}, {"member", member("5")}}));
    fixture.flush();
    CHECK(fixture.members_of(4, "100") == Ids{"6"});
    CHECK_FALSE(fixture.exists(5, "100"));
    CHECK_FALSE(fixture.exists(8, "100"));
    CHECK_FALSE(fixture.exists(9, "2:201:8"));
  }

  TEST_CASE("a removal from one guild says nothing about another") {
    CacheFixture fixture(everything_on());
    fixture.apply("GUILD_MEMBER_ADD", of_guild("101", member("5")));
    fixture.apply("GUILD_MEMBER_ADD", of_guild("100", member("5")));
    fixture.apply("GUILD_MEMBER_REMOVE", of_guild("100", {{"user", user("5")}}));
    CHECK(fixture.members_of(4, "101") == Ids{"5"});
    CHECK(fixture.members_of(9, "7:5:4") == Ids{"101"});
    fixture.apply("MESSAGE_CREATE", message("900", {{"guild_id", "101"}, {"member", {{"roles", {"8"}}}}}));
    CHECK(fixture.field_at(4, "101", "5")["roles"] == R"(["8"])"_json);
  }
}

TEST_SUITE("GUILD_MEMBERS_CHUNK") {
  TEST_CASE("a chunk replaces its members and stores their users") {
    CacheFixture fixture(everything_on());
    fixture.put_field(4, "100", "5", of_guild("100", member("5", {{"banner", "b"}})));
    fixture.put_field(4, "100", "6", of_guild("100", member("6")));
    CHECK(fixture.apply(
              "GUILD_MEMBERS_CHUNK",
              of_guild("100", {{"members", {member("5"), member("4")}}, {"chunk_index", 0}, {"chunk_count", 9}})) ==
          Outcome::applied);
    CHECK(fixture.field_at(4, "100", "5") == of_guild("100", member("5")));
    CHECK(fixture.members_of(4, "100") == Ids{"4", "5", "6"});
    CHECK(fixture.json_at(7, "4") == user("4"));
    CHECK(fixture.members_of(9, "7:4:4") == Ids{"100"});
  }

  TEST_CASE("with presences a chunk's members without one are offline; without them nothing is said") {
    CacheFixture fixture(everything_on());
    fixture.put_field(5, "100", "5", R"({"user":{"id":"5"},"status":"idle","guild_id":"100"})"_json);
    json chunk = of_guild("100", {{"members", {member("5"), member("4")}}, {"chunk_index", 0}, {"chunk_count", 9}});
    fixture.apply("GUILD_MEMBERS_CHUNK", chunk);
    CHECK(fixture.members_of(5, "100") == Ids{"5"});
    chunk["presences"] = R"([{"user":{"id":"4"},"status":"dnd"}])"_json;
    fixture.apply("GUILD_MEMBERS_CHUNK", chunk);
    CHECK(fixture.members_of(5, "100") == Ids{"4"});
    CHECK(fixture.field_at(5, "100", "4") == R"({"user":{"id":"4"},"status":"dnd","guild_id":"100"})"_json);
    CHECK(fixture.members_of(9, "7:4:5") == Ids{"100"});
    CHECK_FALSE(fixture.exists(9, "7:5:5"));
  }

  TEST_CASE("who is not found goes with presence and voice state; what is no id is passed over") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    CHECK(fixture.apply("GUILD_MEMBERS_CHUNK", of_guild("100", {{"members", json::array()},
                                                                {"chunk_index", 0},
                                                                {"chunk_count", 1},
                                                                {"not_found", {"5", "777", "Nobody"}}})) ==
          Outcome::applied);
    CHECK(fixture.members_of(4, "100") == Ids{"6"});
    CHECK_FALSE(fixture.exists(5, "100"));
    CHECK_FALSE(fixture.exists(8, "100"));
    CHECK_FALSE(fixture.exists(9, "2:201:8"));
  }

  TEST_CASE("a run of chunks that lists only some members removes nobody") {
    CacheFixture fixture;
    fixture.put_field(4, "100", "99", of_guild("100", member("99")));
    fixture.apply("GUILD_CREATE", guild_100({{"member_count", 4}, {"large", true}}));
    fixture.apply("GUILD_MEMBERS_CHUNK",
                  of_guild("100", {{"members", {member("5")}}, {"chunk_index", 0}, {"chunk_count", 1}}));
    CHECK(fixture.members_of(4, "100") == Ids{"5", "6", "99"});
  }
}

// =============================================================================================== Roles and emojis

TEST_SUITE("GUILD_ROLE") {
  TEST_CASE("roles are stored with their guild, updated and removed") {
    CacheFixture fixture;
    CHECK(fixture.apply("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"7","name":"a","color":1}})"_json) ==
          Outcome::applied);
    CHECK(fixture.json_at(6, "7") == R"({"id":"7","name":"a","color":1,"guild_id":"100"})"_json);
    CHECK(fixture.members_of(9, "1:100:6") == Ids{"7"});
    fixture.apply("GUILD_ROLE_UPDATE", R"({"guild_id":"100","role":{"id":"7","name":"b"}})"_json);
    CHECK(fixture.json_at(6, "7") == R"({"id":"7","name":"b","guild_id":"100"})"_json);
    CHECK(fixture.apply("GUILD_ROLE_DELETE", R"({"guild_id":"100","role_id":"7"})"_json) == Outcome::applied);
    CHECK(differs(fixture, json::object()) == "");
    CHECK(fixture.apply("GUILD_ROLE_DELETE", R"({"guild_id":"100","role_id":"7"})"_json) == Outcome::applied);
  }

  TEST_CASE("a deleted role stays in member records, unless they are to be scrubbed") {
    for (const bool scrub : {false, true}) {
      CAPTURE(scrub);
      CacheFixture fixture(with_policies({.scrub_deleted_roles = scrub}));
      json members = json::array();
      for (int i = 0; i < 500; ++i) members.push_back(member(std::to_string(1000 + i), {{"roles", {"6", "7", "8"}}}));
      members.push_back(member("40", {{"roles", {"7"}}}));
      members.push_back(member("41", {{"roles", {"8"}}}));
      fixture.apply("GUILD_MEMBERS_CHUNK",
                    of_guild("100", {{"members", members}, {"chunk_index", 0}, {"chunk_count", 9}}));
      fixture.apply("GUILD_MEMBER_ADD", of_guild("101", member("40", {{"roles", {"7"}}})));
      fixture.apply("GUILD_ROLE_DELETE", R"({"guild_id":"100","role_id":"7"})"_json);
      const json scrubbed = R"(["6","8"])"_json;
      const json kept = R"(["6","7","8"])"_json;
      for (int i = 0; i < 500; i += 100)
        CHECK(fixture.field_at(4, "100", std::to_string(1000 + i)) ==
              of_guild("100", member(std::to_string(1000 + i), {{"roles", scrub ? scrubbed : kept}})));
      CHECK(fixture.field_at(4, "100", "40")["roles"] == (scrub ? json::array() : R"(["7"])"_json));
      CHECK(fixture.field_at(4, "100", "41")["roles"] == R"(["8"])"_json);
      CHECK(fixture.field_at(4, "101", "40")["roles"] == R"(["7"])"_json);
    }
  }

  TEST_CASE("scrubbing a role undoes no change of a member that follows at once") {
    CacheFixture fixture(with_policies({.scrub_deleted_roles = true}));
    fixture.apply("GUILD_MEMBER_ADD", of_guild("100", member("5", {{"roles", {"7", "8"}}})));
    fixture.feed_event("GUILD_ROLE_DELETE", R"({"guild_id":"100","role_id":"7"})"_json);
    fixture.feed_event("GUILD_MEMBER_UPDATE", of_guild("100", {{"user", user("5")}, {"roles", {"8"}}, {"nick", "N"}}));
    fixture.feed_event("GUILD_MEMBER_REMOVE", of_guild("100", {{"user", user("6")}}));
    fixture.flush();
    CHECK(fixture.field_at(4, "100", "5") == of_guild("100", member("5", {{"roles", {"8"}}, {"nick", "N"}})));
  }
}

TEST_SUITE("GUILD_EMOJIS_UPDATE") {
  TEST_CASE("the emojis of a guild become just those listed, and their users are stored") {
    CacheFixture fixture;
    fixture.apply("GUILD_EMOJIS_UPDATE", R"({"guild_id":"101","emojis":[{"id":"399"}]})"_json);
    fixture.apply("GUILD_EMOJIS_UPDATE", R"({"guild_id":"100","emojis":[{"id":"300"},{"id":"301"}]})"_json);
    CHECK(fixture.apply("GUILD_EMOJIS_UPDATE", R"({"guild_id":"100","emojis":[{"id":"301","name":"new"},
        {"id":"302","user":{"id":"8","username":"u8"}}]})"_json) == Outcome::applied);
    const json expected = R"({
      "0":{"301":{"id":"301","name":"new","guild_id":"100"},
           "302":{"id":"302","user":{"id":"8","username":"u8"},"guild_id":"100"},"399":{"id":"399","guild_id":"101"}},
      "7":{"8":{"id":"8","username":"u8"}},"9":{"1:100:0":["301","302"],"1:101:0":["399"]}})"_json;
    CHECK(differs(fixture, expected) == "");
  }

  TEST_CASE("an empty list of emojis removes the last one") {
    CacheFixture fixture;
    fixture.apply("GUILD_EMOJIS_UPDATE", R"({"guild_id":"100","emojis":[{"id":"300"}]})"_json);
    fixture.apply("GUILD_EMOJIS_UPDATE", R"({"guild_id":"100","emojis":[]})"_json);
    CHECK(differs(fixture, json::object()) == "");
  }
}

// ======================================================================================================== Channels

TEST_SUITE("CHANNEL") {
  TEST_CASE("CHANNEL_CREATE stores a channel with its guild") {
    CacheFixture fixture;
    CHECK(fixture.apply("CHANNEL_CREATE", R"({"id":"200","guild_id":"100","type":0,"name":"a"})"_json) ==
          Outcome::applied);
    CHECK(differs(fixture, R"({"2":{"200":{"id":"200","guild_id":"100","type":0,"name":"a"}},
                               "9":{"1:100:2":["200"]}})"_json) == "");
  }

  TEST_CASE("CHANNEL_UPDATE replaces the channel, save for what a channel object may lack") {
    CacheFixture fixture;
    fixture.apply("CHANNEL_CREATE", R"({"id":"200","guild_id":"100","type":2,"name":"a","topic":"t","status":"live",
        "voice_start_time":5,"last_message_id":"900","last_pin_timestamp":"p","nsfw":true})"_json);
    fixture.apply("CHANNEL_UPDATE", R"({"id":"200","guild_id":"100","type":2,"name":"b","topic":null})"_json);
    CHECK(fixture.json_at(2, "200") == R"({"id":"200","guild_id":"100","type":2,"name":"b","topic":null,"status":"live",
        "voice_start_time":5,"last_message_id":"900","last_pin_timestamp":"p"})"_json);
    fixture.apply("CHANNEL_UPDATE", R"({"id":"200","guild_id":"100","type":2,"last_message_id":null})"_json);
    CHECK(fixture.json_at(2, "200")["last_message_id"].is_null());
  }

  TEST_CASE("a channel without guild_id belongs to the guild it is cached with, or to none") {
    CacheFixture fixture;
    fixture.apply("CHANNEL_CREATE", R"({"id":"200","guild_id":"100","type":0,"name":"a"})"_json);
    CHECK(fixture.apply("CHANNEL_UPDATE", R"({"id":"200","type":0,"name":"b"})"_json) == Outcome::applied);
    CHECK(fixture.json_at(2, "200") == R"({"id":"200","guild_id":"100","type":0,"name":"b"})"_json);
    CHECK(
        fixture.apply("CHANNEL_UPDATE", R"({"id":"209","type":0,"name":"b"})"_json).ignored_as("not a guild channel"));
    CHECK_FALSE(fixture.exists(2, "209"));
  }

  TEST_CASE("threads and direct channels are not kept; the recipients of the latter are users") {
    CacheFixture fixture;
    CHECK(fixture.apply("CHANNEL_CREATE", R"({"id":"210","type":1,"recipients":[{"id":"5","username":"u5"}]})"_json) ==
          Outcome::ignored);
    for (int type : {10, 11, 12})
      CHECK(fixture.apply("CHANNEL_UPDATE", {{"id", "211"}, {"guild_id", "100"}, {"type", type}}) == Outcome::ignored);
    CHECK(differs(fixture, {{"7", {{"5", user("5")}}}}) == "");
  }

  TEST_CASE("CHANNEL_DELETE takes the voice states and, with their index, messages and invites of the channel") {
    for (const bool on : {true, false}) {
      CAPTURE(on);
      CacheFixture fixture(with_indices(on ? SecondaryIndices::all() : SecondaryIndices::none()));
      fixture.apply("GUILD_CREATE", guild_100());
      fixture.apply("MESSAGE_CREATE", message("900", {{"channel_id", "201"}}));
      fixture.apply("MESSAGE_CREATE", message("901"));
      fixture.apply("INVITE_CREATE", R"({"code":"abc","channel_id":"201","guild_id":"100","max_age":0})"_json);
      fixture.apply("INVITE_CREATE", R"({"code":"xyz","channel_id":"200","guild_id":"100","max_age":0})"_json);
      CHECK(fixture.apply("CHANNEL_DELETE", R"({"id":"201","guild_id":"100","type":2})"_json) == Outcome::applied);
      CHECK(fixture.members_of(9, "1:100:2") == Ids{"200", "202"});
      CHECK_FALSE(fixture.exists(2, "201"));
      CHECK_FALSE(fixture.exists(8, "100"));
      CHECK_FALSE(fixture.exists(9, "2:201:8"));
      CHECK(fixture.exists(10, "900") == !on);
      CHECK(fixture.exists(3, "abc") == !on);
      CHECK(fixture.exists(10, "901"));
      CHECK(fixture.exists(3, "xyz"));
      CHECK_FALSE(fixture.exists(9, "2:201:10"));
      CHECK_FALSE(fixture.exists(9, "2:201:3"));
      // Members are not voice states: theirs stay.
      CHECK(fixture.members_of(4, "100") == Ids{"5", "6"});
      fixture.apply("VOICE_STATE_UPDATE", R"({"guild_id":"100","user_id":"5","channel_id":null})"_json);
      CHECK_FALSE(fixture.exists(8, "100"));
    }
  }

  TEST_CASE("what CHANNEL_DELETE takes with it leaves no entry in any index") {
    CacheFixture fixture(with_indices(SecondaryIndices::all()));
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.apply("MESSAGE_CREATE", message("900", {{"channel_id", "201"}}));
    fixture.apply("INVITE_CREATE", R"({"code":"abc","channel_id":"201","guild_id":"100","max_age":0})"_json);
    fixture.apply("CHANNEL_DELETE", R"({"id":"201","guild_id":"100","type":2})"_json);
    CHECK_FALSE(fixture.exists(9, "7:5:10"));
    CHECK_FALSE(fixture.exists(9, "1:100:10"));
    CHECK_FALSE(fixture.exists(9, "1:100:3"));
  }

  TEST_CASE("a deleted category keeps its children, and deleting what is unknown is harmless") {
    CacheFixture fixture;
    fixture.apply("CHANNEL_CREATE", R"({"id":"300","guild_id":"100","type":4})"_json);
    fixture.apply("CHANNEL_CREATE", R"({"id":"200","guild_id":"100","type":0,"parent_id":"300"})"_json);
    fixture.apply("CHANNEL_DELETE", R"({"id":"300","guild_id":"100","type":4})"_json);
    const json expected = R"({"2":{"200":{"id":"200","guild_id":"100","type":0,"parent_id":"300"}},
                              "9":{"1:100:2":["200"]}})"_json;
    CHECK(differs(fixture, expected) == "");
    CHECK(fixture.apply("CHANNEL_DELETE", R"({"id":"777","guild_id":"100","type":0})"_json) == Outcome::applied);
    CHECK(fixture.apply("CHANNEL_DELETE", R"({"id":"778","type":1})"_json) == Outcome::ignored);
    CHECK(differs(fixture, expected) == "");
  }

  TEST_CASE("CHANNEL_PINS_UPDATE sets one field of a cached channel; a missing timestamp is null") {
    CacheFixture fixture;
    fixture.apply("CHANNEL_CREATE", R"({"id":"200","guild_id":"100","type":0,"name":"a"})"_json);
    CHECK(fixture.apply("CHANNEL_PINS_UPDATE",
                        R"({"guild_id":"100","channel_id":"200","last_pin_timestamp":"2024"})"_json) ==
          Outcome::applied);
    CHECK(fixture.json_at(2, "200") ==
          R"({"id":"200","guild_id":"100","type":0,"name":"a","last_pin_timestamp":"2024"})"_json);
    fixture.apply("CHANNEL_PINS_UPDATE", R"({"guild_id":"100","channel_id":"200"})"_json);
    CHECK(fixture.json_at(2, "200").at("last_pin_timestamp").is_null());
    fixture.apply("CHANNEL_PINS_UPDATE", R"({"channel_id":"777","last_pin_timestamp":"2024"})"_json);
    CHECK_FALSE(fixture.exists(2, "777"));
  }

  TEST_CASE("CHANNEL_INFO merges its two fields into cached channels and leaves the others alone") {
    CacheFixture fixture;
    fixture.apply("CHANNEL_CREATE", R"({"id":"201","guild_id":"100","type":2,"status":"old"})"_json);
    fixture.apply("CHANNEL_CREATE", R"({"id":"203","guild_id":"100","type":2,"status":"old"})"_json);
    CHECK(fixture.apply("CHANNEL_INFO", R"({"guild_id":"100","channels":[
        {"id":"201","status":null,"voice_start_time":7,"name":"no"},{"id":"777","status":"x"}]})"_json) ==
          Outcome::applied);
    CHECK(fixture.json_at(2, "201") ==
          R"({"id":"201","guild_id":"100","type":2,"status":null,"voice_start_time":7})"_json);
    CHECK(fixture.json_at(2, "203")["status"] == "old");
    CHECK_FALSE(fixture.exists(2, "777"));
  }

  TEST_CASE("the status and the start time of a voice channel are set on a cached channel") {
    CacheFixture fixture;
    fixture.apply("CHANNEL_CREATE", R"({"id":"201","guild_id":"100","type":2})"_json);
    CHECK(fixture.apply("VOICE_CHANNEL_STATUS_UPDATE", R"({"id":"201","guild_id":"100","status":"live"})"_json) ==
          Outcome::applied);
    CHECK(fixture.apply("VOICE_CHANNEL_START_TIME_UPDATE",
                        R"({"id":"201","guild_id":"100","voice_start_time":7})"_json) == Outcome::applied);
    CHECK(fixture.json_at(2, "201") ==
          R"({"id":"201","guild_id":"100","type":2,"status":"live","voice_start_time":7})"_json);
    fixture.apply("VOICE_CHANNEL_STATUS_UPDATE", R"({"id":"201","guild_id":"100","status":null})"_json);
    fixture.apply("VOICE_CHANNEL_START_TIME_UPDATE", R"({"id":"201","guild_id":"100"})"_json);
    CHECK(fixture.json_at(2, "201") ==
          R"({"id":"201","guild_id":"100","type":2,"status":null,"voice_start_time":null})"_json);
    fixture.apply("VOICE_CHANNEL_STATUS_UPDATE", R"({"id":"777","guild_id":"100","status":"live"})"_json);
    CHECK_FALSE(fixture.exists(2, "777"));
  }
}

// ======================================================================================================== Messages

TEST_SUITE("MESSAGE") {
  TEST_CASE("MESSAGE_CREATE stores the message as sent, and the users in it") {
    CacheFixture fixture;
    const json sent = message("900", {{"member", {{"roles", {"7"}}, {"nick", "N"}}},
                                      {"mentions", {merged(user("6"), {{"member", {{"roles", {"8"}}}}})}},
                                      {"interaction_metadata", {{"id", "1"}, {"user", user("4")}}},
                                      {"referenced_message", message("899", {{"author", user("3")}})}});
    CHECK(fixture.apply("MESSAGE_CREATE", sent) == Outcome::applied);
    json expected = {{"10", {{"900", sent}}}};
    for (const char* id : {"3", "4", "5", "6"}) expected["7"][id] = user(id);
    // A referenced message is no message of this event, and members are only harvested where that is wanted.
    CHECK(differs(fixture, expected) == "");
    CHECK(fixture.lifetime_ms(10, "900") > 4 * minute);
    CHECK(fixture.lifetime_ms(10, "900") <= 5 * minute);
  }

  TEST_CASE("the members of a message are composed with their users, without permissions, where they are harvested") {
    CacheFixture fixture(with_policies({.harvest_members = HarvestPolicy::on}));
    fixture.put_field(4, "100", "5", of_guild("100", member("5", {{"banner", "b"}})));
    fixture.apply("MESSAGE_CREATE",
                  message("900", {{"member", {{"roles", {"7"}}, {"nick", "N"}, {"permissions", "8"}}},
                                  {"mentions", {merged(user("6"), {{"member", {{"roles", {"8"}}}}})}}}));
    CHECK(fixture.field_at(4, "100", "5") == of_guild("100", {{"user", user("5")}, {"roles", {"7"}}, {"nick", "N"}}));
    CHECK(fixture.field_at(4, "100", "6") == of_guild("100", {{"user", user("6")}, {"roles", {"8"}}}));
    CHECK(fixture.json_at(7, "6") == user("6"));
  }

  TEST_CASE("a webhook's author is no user and no member, but who asked for an answer is") {
    CacheFixture fixture(everything_on());
    fixture.apply(
        "MESSAGE_CREATE",
        message("900", {{"webhook_id", "77"}, {"author", user("77")}, {"member", {{"roles", json::array()}}}}));
    CHECK(fixture.exists(10, "900"));
    CHECK_FALSE(fixture.exists(7, "77"));
    CHECK_FALSE(fixture.exists(4, "100"));
    for (const char* key : {"interaction_metadata", "interaction"}) {
      fixture.apply(
          "MESSAGE_CREATE",
          message("901", {{"webhook_id", "78"}, {"author", user("78")}, {key, {{"id", "1"}, {"user", user("4")}}}}));
      CHECK_MESSAGE(fixture.exists(7, "78"), key);
      fixture.client.command("SELECT", "7");
      fixture.client.command("DEL", "78");
      fixture.client.command("SELECT", "0");
    }
    fixture.apply(
        "MESSAGE_CREATE",
        message("902", {{"referenced_message", message("899", {{"webhook_id", "79"}, {"author", user("79")}})}}));
    CHECK_FALSE(fixture.exists(7, "79"));
    fixture.apply("MESSAGE_CREATE", message("903", {{"webhook_id", nullptr}, {"author", user("80")}}));
    CHECK(fixture.exists(7, "80"));
  }

  TEST_CASE("an ephemeral message is not cached and touches no channel; its author is a user") {
    CacheFixture fixture(everything_on());
    fixture.apply("CHANNEL_CREATE", R"({"id":"200","guild_id":"100","type":0,"last_message_id":"899"})"_json);
    const json before = content(fixture);
    json ephemeral = message("950", {{"flags", 64 + 4}});
    ephemeral.erase("guild_id");
    fixture.apply("MESSAGE_CREATE", ephemeral);
    json expected = before;
    expected["7"]["5"] = user("5");
    CHECK(differs(fixture, expected) == "");
  }

  TEST_CASE("a direct message is cached without a guild") {
    CacheFixture fixture(everything_on());
    json direct = message("900", {{"channel_id", "210"}, {"channel_type", 1}});
    direct.erase("guild_id");
    fixture.apply("MESSAGE_CREATE", direct);
    CHECK(fixture.json_at(10, "900") == direct);
    CHECK(fixture.members_of(9, "2:210:10") == Ids{"900"});
    CHECK(fixture.members_of(9, "7:5:10") == Ids{"900"});
    CHECK_FALSE(fixture.exists(2, "210"));
  }

  TEST_CASE("each index of messages is kept where it is asked for, and empties with the messages") {
    CacheFixture fixture(with_indices(SecondaryIndices::all()));
    for (const char* id : {"900", "901", "902"}) fixture.apply("MESSAGE_CREATE", message(id));
    for (const char* key : {"2:200:10", "7:5:10", "1:100:10"}) {
      CHECK_MESSAGE((fixture.members_of(9, key) == Ids{"900", "901", "902"}), key);
      CHECK(fixture.lifetime_ms(9, key) > 4 * minute);
      CHECK(fixture.lifetime_ms(9, key) <= 5 * minute + 1000);
    }
    fixture.apply("MESSAGE_DELETE", R"({"id":"901","channel_id":"200","guild_id":"100"})"_json);
    for (const char* key : {"2:200:10", "7:5:10", "1:100:10"})
      CHECK_MESSAGE((fixture.members_of(9, key) == Ids{"900", "902"}), key);
    fixture.apply("MESSAGE_DELETE_BULK", R"({"ids":["900","902","777"],"channel_id":"200","guild_id":"100"})"_json);
    CHECK(content(fixture).contains("9") == false);
  }

  TEST_CASE("entries of messages that have expired are swept when another is added") {
    CacheFixture fixture(with_indices(SecondaryIndices::all()));
    fixture.client.select(9);
    for (const char* key : {"2:200:10", "7:5:10", "1:100:10"}) fixture.client.command("ZADD", key, "1000", "899");
    fixture.client.select(0);
    fixture.apply("MESSAGE_CREATE", message("900"));
    for (const char* key : {"2:200:10", "7:5:10", "1:100:10"})
      CHECK_MESSAGE((fixture.members_of(9, key) == Ids{"900"}), key);
  }

  TEST_CASE("MESSAGE_UPDATE merges into a cached message and creates none") {
    CacheFixture fixture;
    fixture.apply("MESSAGE_CREATE", message("900", {{"tts", true}, {"embeds", json::array()}}));
    CHECK(fixture.apply("MESSAGE_UPDATE",
                        R"({"id":"900","channel_id":"200","guild_id":"100","embeds":[{"type":"link"}]})"_json) ==
          Outcome::applied);
    CHECK(fixture.json_at(10, "900") == message("900", {{"tts", true}, {"embeds", {{{"type", "link"}}}}}));
    fixture.apply("MESSAGE_UPDATE", message("901", {{"author", user("3")}}));
    CHECK_FALSE(fixture.exists(10, "901"));
    CHECK(fixture.json_at(7, "3") == user("3"));
  }

  TEST_CASE("MESSAGE_UPDATE keeps tts, unsent reactions and unsent poll results, and stores nulls") {
    CacheFixture fixture;
    const json reactions = R"([{"emoji":{"id":null,"name":"x"},"count":2,"me":false}])"_json;
    fixture.apply(
        "MESSAGE_CREATE",
        message("900",
                {{"tts", true},
                 {"reactions", reactions},
                 {"referenced_message", message("899")},
                 {"poll", R"({"question":{"text":"q"},"results":{"answer_counts":[{"id":1,"count":4}]}})"_json}}));
    fixture.apply("MESSAGE_UPDATE", message("900", {{"content", "new"},
                                                    {"poll", R"({"question":{"text":"p"}})"_json},
                                                    {"referenced_message", nullptr}}));
    CHECK(fixture.json_at(10, "900") ==
          message("900",
                  {{"content", "new"},
                   {"tts", true},
                   {"reactions", reactions},
                   {"referenced_message", nullptr},
                   {"poll", R"({"question":{"text":"p"},"results":{"answer_counts":[{"id":1,"count":4}]}})"_json}}));
  }

  TEST_CASE("MESSAGE_UPDATE stores no member") {
    CacheFixture fixture(everything_on());
    fixture.apply("MESSAGE_UPDATE", message("900", {{"member", {{"roles", {"7"}}}}}));
    CHECK_FALSE(fixture.exists(4, "100"));
  }

  TEST_CASE("MESSAGE_UPDATE renews the message and its entries in the indices") {
    CacheFixture fixture(with_indices(SecondaryIndices::all()));
    fixture.apply("MESSAGE_CREATE", message("900"));
    fixture.client.select(10);
    fixture.client.command("PEXPIRE", "900", "60000");
    fixture.client.select(9);
    for (const char* key : {"2:200:10", "7:5:10", "1:100:10"}) {
      const auto soon = std::chrono::system_clock::now() + std::chrono::minutes(1);
      const auto score = std::chrono::duration_cast<std::chrono::milliseconds>(soon.time_since_epoch()).count();
      fixture.client.command("ZADD", key, std::to_string(score), "900");
      fixture.client.command("PEXPIRE", key, "60000");
    }
    fixture.client.select(0);
    fixture.apply("MESSAGE_UPDATE", R"({"id":"900","channel_id":"200","content":"new"})"_json);
    CHECK(fixture.lifetime_ms(10, "900") > 4 * minute);
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    for (const char* key : {"2:200:10", "7:5:10", "1:100:10"}) {
      CHECK_MESSAGE(fixture.lifetime_ms(9, key) > 4 * minute, key);
      fixture.client.select(9);
      CHECK(std::stod(fixture.client.command("ZSCORE", key, "900").text) > static_cast<double>(now + 4 * minute));
      fixture.client.select(0);
    }
  }

  TEST_CASE("MESSAGE_DELETE and MESSAGE_DELETE_BULK remove messages, and know nothing is fine too") {
    CacheFixture fixture;
    for (const char* id : {"900", "901", "902", "903"}) fixture.apply("MESSAGE_CREATE", message(id));
    CHECK(fixture.apply("MESSAGE_DELETE", R"({"id":"900","channel_id":"200","guild_id":"100"})"_json) ==
          Outcome::applied);
    CHECK(fixture.apply("MESSAGE_DELETE", R"({"id":"777","channel_id":"210"})"_json) == Outcome::applied);
    CHECK(fixture.apply("MESSAGE_DELETE_BULK", R"({"ids":["901","902","778"],"channel_id":"200"})"_json) ==
          Outcome::applied);
    CHECK(content(fixture)["10"].size() == 1);
    CHECK(fixture.exists(10, "903"));
  }

  TEST_CASE("last_message_id of a channel advances where channel activity is tracked, and no channel is made") {
    for (const bool tracked : {true, false}) {
      CAPTURE(tracked);
      CacheFixture fixture(with_policies({.track_channel_activity = tracked}));
      fixture.apply("CHANNEL_CREATE", R"({"id":"200","guild_id":"100","type":0,"last_message_id":"899"})"_json);
      fixture.feed_event("MESSAGE_CREATE", message("900"));
      fixture.feed_event("MESSAGE_CREATE", message("901"));
      fixture.apply("MESSAGE_CREATE", message("902", {{"channel_id", "210"}}));
      CHECK(fixture.json_at(2, "200") ==
            json{{"id", "200"}, {"guild_id", "100"}, {"type", 0}, {"last_message_id", tracked ? "901" : "899"}});
      CHECK_FALSE(fixture.exists(2, "210"));
    }
  }
}

TEST_SUITE("MESSAGE_REACTION") {
  json reaction(const std::string& user_id, const json& emoji, bool burst = false) {
    json made = {{"user_id", user_id}, {"channel_id", "200"}, {"message_id", "900"},  {"guild_id", "100"},
                 {"emoji", emoji},     {"burst", burst},      {"type", burst ? 1 : 0}};
    if (burst) made["burst_colors"] = {"#ff0000"};
    return made;
  }
  const json standard = {{"id", nullptr}, {"name", "x"}};
  const json custom = {{"id", "300"}, {"name", "a"}};

  TEST_CASE("reactions are counted by emoji, with bursts and the own ones apart") {
    CacheFixture fixture;
    fixture.put(7, "ME", user("9"));
    fixture.apply("MESSAGE_CREATE", message("900"));
    fixture.feed_event("MESSAGE_REACTION_ADD", reaction("9", custom, true));
    fixture.feed_event("MESSAGE_REACTION_ADD", reaction("5", {{"id", "300"}, {"name", "renamed"}}));
    fixture.feed_event("MESSAGE_REACTION_ADD", reaction("9", standard));
    fixture.flush();
    CHECK(fixture.json_at(10, "900")["reactions"] == R"([
        {"emoji":{"id":"300","name":"a"},"count":2,"count_details":{"burst":1,"normal":1},"me":false,"me_burst":true,
         "burst_colors":["#ff0000"]},
        {"emoji":{"id":null,"name":"x"},"count":1,"count_details":{"burst":0,"normal":1},"me":true,"me_burst":false,
         "burst_colors":[]}])"_json);
    fixture.apply("MESSAGE_REACTION_REMOVE", reaction("9", {{"id", "300"}, {"name", nullptr}}, true));
    fixture.apply("MESSAGE_REACTION_REMOVE", reaction("9", standard));
    CHECK(fixture.json_at(10, "900")["reactions"] == R"([
        {"emoji":{"id":"300","name":"a"},"count":1,"count_details":{"burst":0,"normal":1},"me":false,"me_burst":false,
         "burst_colors":["#ff0000"]}])"_json);
  }

  TEST_CASE("what no reaction was added for cannot be removed") {
    CacheFixture fixture;
    fixture.apply("MESSAGE_CREATE", message("900"));
    fixture.apply("MESSAGE_REACTION_REMOVE", reaction("5", standard));
    CHECK(fixture.json_at(10, "900") == message("900"));
  }

  TEST_CASE("one emoji's reactions or all of them can be removed at once") {
    CacheFixture fixture;
    fixture.apply("MESSAGE_CREATE", message("900"));
    for (const json& emoji : {standard, custom, json{{"id", nullptr}, {"name", "y"}}})
      fixture.apply("MESSAGE_REACTION_ADD", reaction("5", emoji));
    fixture.apply("MESSAGE_REACTION_REMOVE_EMOJI",
                  {{"channel_id", "200"}, {"message_id", "900"}, {"guild_id", "100"}, {"emoji", {{"id", "300"}}}});
    json left = fixture.json_at(10, "900")["reactions"];
    CHECK(left.size() == 2);
    CHECK(left[0]["emoji"] == standard);
    fixture.apply("MESSAGE_REACTION_REMOVE_ALL", {{"channel_id", "200"}, {"message_id", "900"}, {"guild_id", "100"}});
    CHECK(fixture.json_at(10, "900")["reactions"] == json::array());
  }

  TEST_CASE("a reaction to a message that is not cached creates none; its member is harvested") {
    CacheFixture fixture(with_policies({.harvest_members = HarvestPolicy::on}));
    CHECK(fixture.apply("MESSAGE_REACTION_ADD",
                        merged(reaction("5", standard), {{"member", member("5", {{"permissions", "8"}})}})) ==
          Outcome::applied);
    CHECK(differs(fixture, {{"4", {{"100", {{"5", of_guild("100", member("5"))}}}}}, {"7", {{"5", user("5")}}}}) == "");
  }

  TEST_CASE("with the policy track_reactions off reactions and votes cost nothing and change nothing") {
    CacheFixture fixture(with_policies({.track_reactions = false}));
    fixture.apply("MESSAGE_CREATE", message("900", {{"poll", R"({"results":{"answer_counts":[]}})"_json}}));
    const json before = content(fixture);
    fixture.commands_sent();
    for (const char* event : {"MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE", "MESSAGE_REACTION_REMOVE_ALL",
                              "MESSAGE_REACTION_REMOVE_EMOJI"})
      fixture.apply(event, reaction("5", standard));
    for (const char* event : {"MESSAGE_POLL_VOTE_ADD", "MESSAGE_POLL_VOTE_REMOVE"})
      fixture.apply(event,
                    R"({"user_id":"5","channel_id":"200","message_id":"900","guild_id":"100","answer_id":1})"_json);
    CHECK(fixture.commands_sent() == 0);
    CHECK(differs(fixture, before) == "");
  }

  TEST_CASE("votes change the counts of a poll that has results, and of no other") {
    CacheFixture fixture;
    fixture.put(7, "ME", user("9"));
    const auto vote = [](const std::string& voter, int answer) {
      return json{
          {"user_id", voter}, {"channel_id", "200"}, {"message_id", "900"}, {"guild_id", "100"}, {"answer_id", answer}};
    };
    fixture.apply("MESSAGE_CREATE", message("900", {{"poll", R"({"question":{"text":"q"}})"_json}}));
    fixture.apply("MESSAGE_POLL_VOTE_ADD", vote("5", 1));
    CHECK(fixture.json_at(10, "900")["poll"] == R"({"question":{"text":"q"}})"_json);

    const json results = R"({"is_finalized":false,"answer_counts":[{"id":1,"count":4,"me_voted":false}]})"_json;
    fixture.apply("MESSAGE_CREATE", message("900", {{"poll", {{"question", {{"text", "q"}}}, {"results", results}}}}));
    fixture.feed_event("MESSAGE_POLL_VOTE_ADD", vote("5", 1));
    fixture.feed_event("MESSAGE_POLL_VOTE_ADD", vote("9", 2));
    fixture.feed_event("MESSAGE_POLL_VOTE_ADD", vote("9", 1));
    fixture.feed_event("MESSAGE_POLL_VOTE_REMOVE", vote("9", 1));
    fixture.feed_event("MESSAGE_POLL_VOTE_REMOVE", vote("4", 3));
    fixture.flush();
    json poll = fixture.json_at(10, "900")["poll"];
    CHECK(poll["question"]["text"] == "q");
    CHECK(poll["results"]["is_finalized"] == false);
    const json counts = poll["results"]["answer_counts"];
    CHECK(counts[0] == R"({"id":1,"count":5,"me_voted":false})"_json);
    CHECK(counts[1] == R"({"id":2,"count":1,"me_voted":true})"_json);
    for (const json& count : counts) CHECK(count["count"] >= 0);
  }
}

// ============================================================================================ Presences and voice

TEST_SUITE("PRESENCE_UPDATE") {
  TEST_CASE("a presence is replaced as a whole, and goes when the user is offline") {
    CacheFixture fixture(with_indices({.presences_by_user = true}));
    fixture.apply("PRESENCE_UPDATE", R"({"guild_id":"101","user":{"id":"5"},"status":"idle"})"_json);
    fixture.apply("PRESENCE_UPDATE",
                  R"({"guild_id":"100","user":{"id":"5"},"status":"online","activities":[{"name":"a"}]})"_json);
    const json second = R"({"guild_id":"100","user":{"id":"5"},"status":"dnd","client_status":{"web":"dnd"}})"_json;
    CHECK(fixture.apply("PRESENCE_UPDATE", second) == Outcome::applied);
    CHECK(fixture.field_at(5, "100", "5") == second);
    CHECK(fixture.members_of(9, "7:5:5") == Ids{"100", "101"});
    fixture.apply("PRESENCE_UPDATE", R"({"guild_id":"100","user":{"id":"5"},"status":"offline"})"_json);
    CHECK_FALSE(fixture.exists(5, "100"));
    CHECK(fixture.members_of(9, "7:5:5") == Ids{"101"});
    CHECK(fixture.members_of(5, "101") == Ids{"5"});
  }

  TEST_CASE("a presence makes no user of an id alone, and no member at all") {
    CacheFixture fixture(everything_on());
    fixture.put(7, "6", merged(user("6"), {{"avatar", "a"}}));
    fixture.apply("PRESENCE_UPDATE", R"({"guild_id":"100","user":{"id":"5","avatar":null},"status":"idle"})"_json);
    fixture.apply("PRESENCE_UPDATE", R"({"guild_id":"100","user":{"id":"6"},"status":"idle"})"_json);
    fixture.apply("PRESENCE_UPDATE", of_guild("100", {{"user", user("4")}, {"status", "idle"}}));
    CHECK_FALSE(fixture.exists(7, "5"));
    CHECK(fixture.json_at(7, "6")["avatar"] == "a");
    CHECK(fixture.json_at(7, "4") == user("4"));
    CHECK_FALSE(fixture.exists(4, "100"));
  }

  TEST_CASE("a presence without a guild is ignored, and one with odd types is kept as sent") {
    CacheFixture fixture;
    CHECK(fixture.apply("PRESENCE_UPDATE", R"({"user":{"id":"5"},"status":"idle"})"_json) == Outcome::ignored);
    CHECK(differs(fixture, json::object()) == "");
    const json odd = R"({"guild_id":"100","user":{"id":"5","username":7},"status":3,"activities":"none",
                         "client_status":[]})"_json;
    CHECK(fixture.apply("PRESENCE_UPDATE", odd) == Outcome::applied);
    CHECK(differs(fixture, {{"5", {{"100", {{"5", odd}}}}}}) == "");
  }
}

TEST_SUITE("TYPING_START") {
  TEST_CASE("TYPING_START stores the user, and the member where members are harvested; in a direct channel nothing") {
    for (const bool harvest : {true, false}) {
      CAPTURE(harvest);
      CacheFixture fixture(with_policies({.harvest_members = harvest ? HarvestPolicy::on : HarvestPolicy::off}));
      CHECK(
          fixture.apply(
              "TYPING_START",
              of_guild("100", {{"channel_id", "200"}, {"user_id", "5"}, {"timestamp", 1}, {"member", member("5")}})) ==
          Outcome::applied);
      CHECK(fixture.json_at(7, "5") == user("5"));
      CHECK(fixture.field_at(4, "100", "5") == (harvest ? of_guild("100", member("5")) : json()));
      fixture.commands_sent();
      CHECK(fixture.apply("TYPING_START", R"({"channel_id":"210","user_id":"5","timestamp":1})"_json) ==
            Outcome::applied);
      CHECK(fixture.commands_sent() == 0);
    }
  }
}

TEST_SUITE("the policy harvest_members") {
  TEST_CASE("automatic harvests just when the declared intents lack GUILD_MEMBERS") {
    const auto harvested = [](std::optional<Intents> intents) {
      CacheFixture fixture(Options{.intents = intents});
      fixture.apply("MESSAGE_CREATE", message("900", {{"member", {{"roles", {"7"}}}}}));
      CHECK(fixture.exists(7, "5"));
      return fixture.exists(4, "100");
    };
    CHECK_FALSE(harvested(std::nullopt));
    CHECK(harvested(Intents::guilds | Intents::guild_messages));
    CHECK_FALSE(harvested(Intents::guilds | Intents::guild_messages | Intents::guild_members));
  }

  TEST_CASE("off keeps harvested members out whatever the intents are, and on lets them in") {
    for (const bool on : {true, false}) {
      CacheFixture fixture(Options{.policies = {.harvest_members = on ? HarvestPolicy::on : HarvestPolicy::off},
                                   .intents = on ? Intents::guild_members : Intents::guilds});
      fixture.apply("MESSAGE_CREATE", message("900", {{"member", {{"roles", {"7"}}}}}));
      CHECK(fixture.exists(4, "100") == on);
    }
  }
}

TEST_SUITE("VOICE_STATE_UPDATE") {
  json state(const std::string& user_id, const json& channel, const json& changes = json::object()) {
    return merged({{"guild_id", "100"}, {"user_id", user_id}, {"channel_id", channel}, {"session_id", "x"}}, changes);
  }

  TEST_CASE("who joins a channel has a state and is in its set, next to the marker that names the guild") {
    CacheFixture fixture;
    const json sent = state("5", "201", {{"member", member("5")}});
    CHECK(fixture.apply("VOICE_STATE_UPDATE", sent) == Outcome::applied);
    CHECK(differs(fixture, {{"7", {{"5", user("5")}}},
                            {"8", {{"100", {{"5", sent}}}}},
                            {"9", {{"2:201:8", {"5", "KEY.100"}}}}}) == "");
    CHECK(fixture.lifetime_ms(9, "2:201:8") > 13 * 24 * hour);
  }

  TEST_CASE("a state without its member takes it from the member cache, if it is there") {
    CacheFixture fixture;
    fixture.put_field(4, "100", "5", of_guild("100", member("5", {{"nick", "N"}})));
    fixture.apply("VOICE_STATE_UPDATE", state("5", "201"));
    fixture.apply("VOICE_STATE_UPDATE", state("6", "201"));
    CHECK(fixture.field_at(8, "100", "5")["member"] == of_guild("100", member("5", {{"nick", "N"}})));
    CHECK(fixture.field_at(8, "100", "6") == state("6", "201"));
  }

  TEST_CASE("a voice move takes the user out of the old channel's set") {
    CacheFixture fixture;
    fixture.feed_event("VOICE_STATE_UPDATE", state("5", "201"));
    fixture.feed_event("VOICE_STATE_UPDATE", state("6", "201"));
    fixture.feed_event("VOICE_STATE_UPDATE", state("5", "203"));
    fixture.flush();
    CHECK(fixture.members_of(9, "2:201:8") == Ids{"6", "KEY.100"});
    CHECK(fixture.members_of(9, "2:203:8") == Ids{"5", "KEY.100"});
    CHECK(fixture.field_at(8, "100", "5") == state("5", "203"));
  }

  TEST_CASE("the set of a channel goes when only its marker is left") {
    CacheFixture fixture;
    fixture.apply("VOICE_STATE_UPDATE", state("5", "201"));
    fixture.apply("VOICE_STATE_UPDATE", state("5", "203"));
    CHECK_FALSE(fixture.exists(9, "2:201:8"));
    fixture.apply("VOICE_STATE_UPDATE", state("5", nullptr));
    CHECK(differs(fixture, json::object()) == "");
  }

  TEST_CASE("who joins a channel as its last user leaves finds a set with a marker") {
    CacheFixture fixture;
    fixture.apply("VOICE_STATE_UPDATE", state("5", "201"));
    for (int i = 0; i < 20; ++i) {
      const bool even = i % 2 == 0;
      fixture.feed_event("VOICE_STATE_UPDATE", state(even ? "5" : "6", nullptr));
      fixture.feed_event("VOICE_STATE_UPDATE", state(even ? "6" : "5", "201"));
    }
    fixture.flush();
    CHECK(fixture.members_of(9, "2:201:8") == Ids{"5", "KEY.100"});
    CHECK(fixture.members_of(8, "100") == Ids{"5"});
  }

  TEST_CASE("a change in place keeps the set, and a leave of somebody unknown is harmless") {
    CacheFixture fixture;
    fixture.apply("VOICE_STATE_UPDATE", state("5", "201", {{"self_mute", false}}));
    fixture.apply("VOICE_STATE_UPDATE", state("5", "201", {{"self_mute", true}}));
    CHECK(fixture.field_at(8, "100", "5")["self_mute"] == true);
    CHECK(fixture.apply("VOICE_STATE_UPDATE", state("6", nullptr)) == Outcome::applied);
    CHECK(fixture.members_of(9, "2:201:8") == Ids{"5", "KEY.100"});
  }

  TEST_CASE("a leave stores its user and no member; a join harvests the member") {
    CacheFixture fixture(with_policies({.harvest_members = HarvestPolicy::on}));
    fixture.apply("VOICE_STATE_UPDATE", state("5", nullptr, {{"member", member("5")}}));
    CHECK(fixture.json_at(7, "5") == user("5"));
    CHECK_FALSE(fixture.exists(4, "100"));
    fixture.apply("VOICE_STATE_UPDATE", state("5", "201", {{"member", member("5")}}));
    CHECK(fixture.field_at(4, "100", "5") == of_guild("100", member("5")));
  }

  TEST_CASE("a call in a direct channel is ignored") {
    CacheFixture fixture;
    CHECK(fixture.apply("VOICE_STATE_UPDATE", R"({"user_id":"5","channel_id":"210"})"_json) == Outcome::ignored);
    CHECK(differs(fixture, json::object()) == "");
  }
}

// ================================================================================================= Invites, bans

TEST_SUITE("INVITE") {
  std::string in(std::chrono::milliseconds duration) {
    const auto time = std::chrono::system_clock::now() + duration;
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    char text[40];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000000+00:00", std::gmtime(&seconds));
    return text;
  }
  json invite(const std::string& code, const json& changes) {
    return merged({{"code", code}, {"channel_id", "200"}, {"guild_id", "100"}, {"uses", 0}}, changes);
  }
  using std::chrono::hours;

  TEST_CASE("an invite is stored as sent under its code, with its users") {
    CacheFixture fixture;
    const json sent = invite("aB1", {{"max_age", 0}, {"inviter", user("5")}, {"target_user", user("6")}});
    CHECK(fixture.apply("INVITE_CREATE", sent) == Outcome::applied);
    CHECK(differs(fixture, {{"3", {{"aB1", sent}}},
                            {"7", {{"5", user("5")}, {"6", user("6")}}},
                            {"9", {{"1:100:3", {"aB1"}}, {"2:200:3", {"aB1"}}}}}) == "");
  }

  TEST_CASE("an invite lives until expires_at, else until created_at and max_age, else for invite_expire") {
    CacheFixture fixture;
    fixture.apply("INVITE_CREATE",
                  invite("a", {{"expires_at", in(hours(2))}, {"created_at", in(hours(-1))}, {"max_age", 36000}}));
    fixture.apply("INVITE_CREATE",
                  invite("b", {{"expires_at", nullptr}, {"created_at", in(hours(-1))}, {"max_age", 3 * 3600}}));
    fixture.apply("INVITE_CREATE",
                  invite("c", {{"expires_at", nullptr}, {"created_at", in(hours(-1))}, {"max_age", 0}}));
    CHECK(fixture.lifetime_ms(3, "a") > 2 * hour - minute);
    CHECK(fixture.lifetime_ms(3, "a") <= 2 * hour);
    CHECK(fixture.lifetime_ms(3, "b") > 2 * hour - minute);
    CHECK(fixture.lifetime_ms(3, "b") <= 2 * hour);
    CHECK(fixture.lifetime_ms(3, "c") > 29 * 24 * hour);
    CHECK(fixture.lifetime_ms(3, "c") <= 30 * 24 * hour);
  }

  TEST_CASE("an invite that has expired already is not stored, and its inviter is") {
    CacheFixture fixture;
    fixture.apply("INVITE_CREATE", invite("a", {{"expires_at", in(hours(-1))}, {"inviter", user("5")}}));
    fixture.apply("INVITE_CREATE", invite("b", {{"created_at", in(hours(-2))}, {"max_age", 3600}}));
    CHECK(differs(fixture, {{"7", {{"5", user("5")}}}}) == "");
  }

  TEST_CASE("the index of invites lives as long as its longest entry and is never shortened") {
    CacheFixture fixture;
    for (int ends_in : {2, 5, 1}) {
      fixture.apply("INVITE_CREATE", invite("i" + std::to_string(ends_in), {{"expires_at", in(hours(ends_in))}}));
      for (const char* key : {"1:100:3", "2:200:3"}) {
        const std::int64_t life = fixture.lifetime_ms(9, key);
        CHECK_MESSAGE(life > (ends_in == 2 ? 2 : 5) * hour - minute, key);
        CHECK_MESSAGE(life <= (ends_in == 2 ? 2 : 5) * hour + minute, key);
      }
    }
    CHECK(fixture.members_of(9, "1:100:3") == Ids{"i1", "i2", "i5"});  // By their end.
  }

  TEST_CASE("INVITE_DELETE removes the invite of just this code, and its entries") {
    CacheFixture fixture;
    fixture.apply("INVITE_CREATE", invite("aB1", {{"max_age", 0}}));
    fixture.apply("INVITE_CREATE", invite("ab1", {{"max_age", 0}}));
    CHECK(fixture.apply("INVITE_DELETE", invite("aB1", json::object())) == Outcome::applied);
    CHECK_FALSE(fixture.exists(3, "aB1"));
    CHECK(fixture.exists(3, "ab1"));
    CHECK(fixture.members_of(9, "1:100:3") == Ids{"ab1"});
    CHECK(fixture.members_of(9, "2:200:3") == Ids{"ab1"});
    CHECK(fixture.apply("INVITE_DELETE", R"({"code":"none","channel_id":"200"})"_json) == Outcome::applied);
  }
}

TEST_SUITE("GUILD_BAN") {
  TEST_CASE("a ban and its end store the user and leave the member alone") {
    for (const char* event : {"GUILD_BAN_ADD", "GUILD_BAN_REMOVE"}) {
      CAPTURE(event);
      CacheFixture fixture;
      fixture.put_field(4, "100", "5", of_guild("100", member("5")));
      CHECK(fixture.apply(event, of_guild("100", {{"user", merged(user("5"), {{"avatar", "a"}})}})) ==
            Outcome::applied);
      CHECK(fixture.json_at(7, "5") == merged(user("5"), {{"avatar", "a"}}));
      CHECK(fixture.field_at(4, "100", "5") == of_guild("100", member("5")));
    }
  }
}

// ========================================================================================== Interactions, threads

TEST_SUITE("INTERACTION_CREATE") {
  json interaction(const std::string& guild) {
    return merged(R"({"id":"1","type":2,"channel_id":"200","token":"t",
        "channel":{"id":"200","type":0,"name":"b","permissions":"8","app_permissions":"9"},
        "member":{"user":{"id":"5","username":"u5"},"roles":["7"],"permissions":"123"},
        "data":{"id":"2","resolved":{
          "users":{"6":{"id":"6","username":"u6"}},"members":{"6":{"roles":["8"],"permissions":"4"}},
          "roles":{"7":{"id":"7","name":"r"}},
          "channels":{"201":{"id":"201","type":2,"name":"c","permissions":"8"}},
          "messages":{"900":{"id":"900","channel_id":"200","content":"new","author":{"id":"4","username":"u4"}},
                      "901":{"id":"901","channel_id":"200","content":"unknown"}}}},
        "message":{"id":"902","channel_id":"200","content":"clicked"}})"_json,
                  {{"guild_id", guild}});
  }

  TEST_CASE("of a known guild members and roles are stored, cached channels and messages merged, none created") {
    CacheFixture fixture(with_policies({.harvest_members = HarvestPolicy::on}));
    fixture.put(1, "100", {{"id", "100"}});
    fixture.put(2, "200", R"({"id":"200","guild_id":"100","type":0,"name":"a","topic":"t"})"_json);
    for (const char* id : {"900", "902"}) fixture.put(10, id, message(id));
    CHECK(fixture.apply("INTERACTION_CREATE", interaction("100")) == Outcome::applied);
    json expected = {{"1", {{"100", {{"id", "100"}}}}},
                     {"2", {{"200", R"({"id":"200","guild_id":"100","type":0,"name":"b","topic":"t"})"_json}}},
                     {"4",
                      {{"100",
                        {{"5", of_guild("100", {{"user", user("5")}, {"roles", {"7"}}})},
                         {"6", of_guild("100", {{"user", user("6")}, {"roles", {"8"}}})}}}}},
                     {"6", {{"7", {{"id", "7"}, {"name", "r"}, {"guild_id", "100"}}}}},
                     {"7", {{"4", user("4")}, {"5", user("5")}, {"6", user("6")}}},
                     {"9", {{"1:100:6", {"7"}}}},
                     {"10",
                      {{"900", message("900", {{"content", "new"}, {"author", user("4")}})},
                       {"902", message("902", {{"content", "clicked"}})}}}};
    CHECK(differs(fixture, expected) == "");
  }

  TEST_CASE("of a foreign guild only users are stored") {
    CacheFixture fixture(everything_on());
    CHECK(fixture.apply("INTERACTION_CREATE", interaction("555")) == Outcome::applied);
    CHECK(differs(fixture, {{"7", {{"4", user("4")}, {"5", user("5")}, {"6", user("6")}}}}) == "");
  }

  TEST_CASE("a guild is known from its GUILD_CREATE on, which may be right before") {
    CacheFixture fixture(with_policies({.harvest_members = HarvestPolicy::on}));
    fixture.feed_event("GUILD_CREATE", guild_100({{"members", json::array()}, {"member_count", 500}}));
    fixture.feed_event("INTERACTION_CREATE", interaction("100"));
    fixture.flush();
    CHECK(fixture.members_of(4, "100") == Ids{"5", "6"});
    CHECK(fixture.json_at(6, "7")["name"] == "r");
  }

  TEST_CASE("without harvesting an interaction stores users and roles and no member") {
    CacheFixture fixture;
    fixture.put(1, "100", {{"id", "100"}});
    fixture.apply("INTERACTION_CREATE", interaction("100"));
    CHECK_FALSE(fixture.exists(4, "100"));
    CHECK(fixture.exists(6, "7"));
    CHECK(fixture.exists(7, "6"));
  }

  TEST_CASE("an interaction in a direct channel stores its user") {
    CacheFixture fixture(everything_on());
    fixture.apply("INTERACTION_CREATE", {{"id", "1"}, {"type", 2}, {"channel_id", "210"}, {"user", user("5")}});
    CHECK(differs(fixture, {{"7", {{"5", user("5")}}}}) == "");
  }
}

TEST_SUITE("THREAD_MEMBERS_UPDATE") {
  TEST_CASE("who was added to a thread is a member of the guild with a presence; who was removed from it stays one") {
    CacheFixture fixture(with_policies({.harvest_members = HarvestPolicy::on}));
    fixture.put_field(4, "100", "8", of_guild("100", member("8")));
    const json presence = R"({"user":{"id":"5"},"status":"idle"})"_json;
    CHECK(fixture.apply("THREAD_MEMBERS_UPDATE",
                        {{"id", "250"},
                         {"guild_id", "100"},
                         {"member_count", 2},
                         {"added_members",
                          {{{"id", "250"}, {"user_id", "5"}, {"member", member("5")}, {"presence", presence}},
                           {{"id", "250"}, {"user_id", "6"}, {"member", member("6")}, {"presence", nullptr}}}},
                         {"removed_member_ids", {"8"}}}) == Outcome::applied);
    CHECK(fixture.field_at(4, "100", "5") == of_guild("100", member("5")));
    CHECK(fixture.members_of(4, "100") == Ids{"5", "6", "8"});
    CHECK(fixture.members_of(5, "100") == Ids{"5"});
    CHECK(fixture.json_at(7, "6") == user("6"));
  }
}

// ================================================================================== Indices and resources left out

namespace {

/// One of each kind of write and removal that this version knows. What is left in the end depends on no resource
/// but its own.
const std::vector<Fed>& story() {
  static const std::vector<Fed> events{
      {"READY", ready({"100"})},
      {"GUILD_CREATE", guild_100()},
      {"GUILD_CREATE", guild_100({{"id", "101"},
                                  {"roles", json::array()},
                                  {"emojis", json::array()},
                                  {"channels", json::array()},
                                  {"voice_states", json::array()}})},
      {"USER_UPDATE", {{"id", "9"}, {"username", "bot2"}}},
      {"GUILD_UPDATE", R"({"id":"100","name":"B","roles":[{"id":"100"},{"id":"7"},{"id":"70"}]})"_json},
      {"GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"71"}})"_json},
      {"GUILD_ROLE_UPDATE", R"({"guild_id":"100","role":{"id":"71","name":"n"}})"_json},
      {"GUILD_ROLE_DELETE", R"({"guild_id":"100","role_id":"70"})"_json},
      {"GUILD_EMOJIS_UPDATE", R"({"guild_id":"100","emojis":[{"id":"301"}]})"_json},
      {"CHANNEL_CREATE", R"({"id":"203","guild_id":"100","type":0})"_json},
      {"CHANNEL_UPDATE", R"({"id":"203","guild_id":"100","type":0,"name":"n"})"_json},
      {"CHANNEL_CREATE", R"({"id":"204","guild_id":"100","type":0})"_json},
      {"CHANNEL_PINS_UPDATE", R"({"guild_id":"100","channel_id":"200","last_pin_timestamp":"p"})"_json},
      {"CHANNEL_INFO", R"({"guild_id":"100","channels":[{"id":"201","status":"s"}]})"_json},
      {"VOICE_CHANNEL_STATUS_UPDATE", R"({"id":"201","guild_id":"100","status":"t"})"_json},
      {"VOICE_CHANNEL_START_TIME_UPDATE", R"({"id":"201","guild_id":"100","voice_start_time":1})"_json},
      {"GUILD_MEMBER_ADD", of_guild("100", member("40"))},
      {"GUILD_MEMBER_UPDATE", of_guild("100", {{"user", user("40")}, {"roles", {"7"}}})},
      {"GUILD_MEMBERS_CHUNK", of_guild("100", {{"members", {member("41"), member("42")}},
                                               {"chunk_index", 0},
                                               {"chunk_count", 9},
                                               {"not_found", {"6"}},
                                               {"presences", {{{"user", {{"id", "41"}}}, {"status", "dnd"}}}}})},
      {"PRESENCE_UPDATE", R"({"guild_id":"100","user":{"id":"40"},"status":"idle"})"_json},
      {"PRESENCE_UPDATE", R"({"guild_id":"100","user":{"id":"41"},"status":"offline"})"_json},
      {"VOICE_STATE_UPDATE", of_guild("100", {{"user_id", "40"}, {"channel_id", "201"}, {"member", member("40")}})},
      {"VOICE_STATE_UPDATE", of_guild("100", {{"user_id", "41"}, {"channel_id", "201"}, {"member", member("41")}})},
      {"VOICE_STATE_UPDATE", of_guild("100", {{"user_id", "41"}, {"channel_id", nullptr}})},
      {"GUILD_MEMBER_REMOVE", of_guild("100", {{"user", user("42")}})},
      {"GUILD_BAN_ADD", of_guild("100", {{"user", user("42")}})},
      {"MESSAGE_CREATE", message("900", {{"member", {{"roles", {"7"}}}}})},
      {"MESSAGE_CREATE", message("901")},
      {"MESSAGE_CREATE", message("902", {{"channel_id", "204"}})},
      {"MESSAGE_CREATE", message("903")},
      {"MESSAGE_UPDATE", message("900", {{"content", "new"}})},
      {"MESSAGE_REACTION_ADD", of_guild("100", {{"channel_id", "200"},
                                                {"message_id", "900"},
                                                {"user_id", "5"},
                                                {"emoji", {{"id", nullptr}, {"name", "x"}}}})},
      {"MESSAGE_DELETE", R"({"id":"901","channel_id":"200","guild_id":"100"})"_json},
      {"MESSAGE_DELETE_BULK", R"({"ids":["903"],"channel_id":"200","guild_id":"100"})"_json},
      {"TYPING_START", of_guild("100", {{"channel_id", "200"}, {"user_id", "43"}, {"member", member("43")}})},
      {"INVITE_CREATE", R"({"code":"abc","channel_id":"200","guild_id":"100","max_age":0})"_json},
      {"INVITE_CREATE", R"({"code":"def","channel_id":"200","guild_id":"100","max_age":0})"_json},
      {"INVITE_CREATE", R"({"code":"ghi","channel_id":"204","guild_id":"100","max_age":0})"_json},
      {"INVITE_DELETE", R"({"code":"def","channel_id":"200","guild_id":"100"})"_json},
      {"THREAD_CREATE", R"({"id":"251","guild_id":"100","type":11,"parent_id":"200","message_count":0,
          "total_message_sent":0,"newly_created":true})"_json},
      {"THREAD_CREATE", R"({"id":"252","guild_id":"100","type":12,"parent_id":"204"})"_json},
      {"THREAD_UPDATE", R"({"id":"251","guild_id":"100","type":11,"parent_id":"200","name":"t",
          "thread_metadata":{"archived":false}})"_json},
      {"THREAD_MEMBER_UPDATE", R"({"id":"251","guild_id":"100","user_id":"9","flags":1})"_json},
      {"THREAD_MEMBERS_UPDATE", of_guild("100", {{"id", "251"},
                                                 {"member_count", 2},
                                                 {"added_members", {{{"user_id", "44"}, {"member", member("44")}}}}})},
      {"THREAD_LIST_SYNC", R"({"guild_id":"100","channel_ids":["200"],"members":[],
          "threads":[{"id":"251","type":11,"parent_id":"200","message_count":0,"total_message_sent":0},
                     {"id":"253","type":11,"parent_id":"200"}]})"_json},
      {"MESSAGE_CREATE", message("904", {{"channel_id", "251"}})},
      {"MESSAGE_CREATE", message("905", {{"channel_id", "253"}})},
      {"MESSAGE_CREATE", message("906", {{"thread", {{"id", "906"}, {"type", 11}, {"parent_id", "200"}}}})},
      {"CHANNEL_PINS_UPDATE", R"({"guild_id":"100","channel_id":"251","last_pin_timestamp":"p"})"_json},
      {"THREAD_DELETE", R"({"id":"253","guild_id":"100","type":11,"parent_id":"200"})"_json},
      {"GUILD_STICKERS_UPDATE",
       R"({"guild_id":"100","stickers":[{"id":"302","user":{"id":"45","username":"u"}}]})"_json},
      {"STAGE_INSTANCE_CREATE", R"({"id":"400","guild_id":"100","channel_id":"205","topic":"a"})"_json},
      {"STAGE_INSTANCE_CREATE", R"({"id":"401","guild_id":"100","channel_id":"206"})"_json},
      {"STAGE_INSTANCE_UPDATE", R"({"id":"400","guild_id":"100","channel_id":"205","topic":"b"})"_json},
      {"STAGE_INSTANCE_DELETE", R"({"id":"401","guild_id":"100","channel_id":"206"})"_json},
      {"GUILD_SCHEDULED_EVENT_CREATE", R"({"id":"410","guild_id":"100","name":"e","user_count":1})"_json},
      {"GUILD_SCHEDULED_EVENT_CREATE", R"({"id":"411","guild_id":"100","name":"f"})"_json},
      {"GUILD_SCHEDULED_EVENT_UPDATE", R"({"id":"410","guild_id":"100","name":"g"})"_json},
      {"GUILD_SCHEDULED_EVENT_USER_ADD", R"({"guild_scheduled_event_id":"410","guild_id":"100","user_id":"5"})"_json},
      {"GUILD_SCHEDULED_EVENT_DELETE", R"({"id":"411","guild_id":"100","name":"f"})"_json},
      {"GUILD_SOUNDBOARD_SOUND_CREATE", R"({"sound_id":"420","guild_id":"100","name":"a"})"_json},
      {"GUILD_SOUNDBOARD_SOUND_UPDATE", R"({"sound_id":"420","guild_id":"100","name":"b"})"_json},
      {"GUILD_SOUNDBOARD_SOUNDS_UPDATE",
       R"({"guild_id":"100","soundboard_sounds":[{"sound_id":"420","name":"c"},{"sound_id":"421"}]})"_json},
      {"GUILD_SOUNDBOARD_SOUND_DELETE", R"({"sound_id":"421","guild_id":"100"})"_json},
      {"INTEGRATION_CREATE", R"({"id":"430","guild_id":"100","name":"i"})"_json},
      {"INTEGRATION_CREATE", R"({"id":"431","guild_id":"100","name":"j"})"_json},
      {"INTEGRATION_DELETE", R"({"id":"431","guild_id":"100"})"_json},
      {"AUTO_MODERATION_RULE_CREATE", R"({"id":"440","guild_id":"100","name":"k"})"_json},
      {"AUTO_MODERATION_RULE_CREATE", R"({"id":"441","guild_id":"100","name":"l"})"_json},
      {"AUTO_MODERATION_RULE_DELETE", R"({"id":"441","guild_id":"100"})"_json},
      {"CHANNEL_DELETE", R"({"id":"204","guild_id":"100","type":0})"_json},
      {"GUILD_DELETE", R"({"id":"101"})"_json},
  };
  return events;
}

void tell_story(CacheFixture& fixture) {
  for (const Fed& fed : story()) {
    const Ending& ending = fixture.apply(fed.event, fed.data);
    CHECK_MESSAGE((ending == Outcome::applied), fed.event << ": " << ending);
  }
}

}  // namespace

TEST_CASE("a secondary index that is off is touched by no command, and one that is on is") {
  struct Index {
    bool SecondaryIndices::*on;
    const char* keys;
  };
  const Index indices[] = {
      {&SecondaryIndices::messages_by_channel, R"(2:\d+:10)"}, {&SecondaryIndices::messages_by_author, R"(7:\d+:10)"},
      {&SecondaryIndices::messages_by_guild, R"(1:\d+:10)"},   {&SecondaryIndices::invites_by_channel, R"(2:\d+:3)"},
      {&SecondaryIndices::invites_by_guild, R"(1:\d+:3)"},     {&SecondaryIndices::members_by_user, R"(7:\d+:4)"},
      {&SecondaryIndices::presences_by_user, R"(7:\d+:5)"}};
  for (const Index& index : indices) {
    for (const bool on : {true, false}) {
      CAPTURE(index.keys);
      CAPTURE(on);
      Options options = everything_on();
      // Only this one, or all but this one.
      options.secondary_indices = on ? SecondaryIndices::none() : SecondaryIndices::all();
      options.secondary_indices.*index.on = on;
      CacheFixture fixture(std::move(options));
      fixture.open();
      fixture.watch_commands();
      tell_story(fixture);
      const auto commands = fixture.commands_run();
      CHECK(touches(commands, index.keys) == on);
      for (const Index& other : indices)
        if (&other != &index) CHECK_MESSAGE(touches(commands, other.keys) == !on, other.keys);
    }
  }
}

TEST_CASE("the optional indices are off unless asked for, save for those of invites") {
  CacheFixture fixture;
  fixture.open();
  fixture.watch_commands();
  tell_story(fixture);
  const auto commands = fixture.commands_run();
  for (const char* off : {R"(\d:\d+:10)", R"(7:\d+:\d+)"}) CHECK_MESSAGE(!touches(commands, off), off);
  for (const char* on : {R"(1:\d+:3)", R"(2:\d+:3)", R"(2:\d+:8)"}) CHECK_MESSAGE(touches(commands, on), on);
}

TEST_CASE("leaving a resource out changes nothing about the others, and no command is about it") {
  json complete;
  {
    CacheFixture fixture(everything_on());
    tell_story(fixture);
    complete = content(fixture);
  }
  for (Resource resource : all_resources()) {
    CAPTURE(name(resource));
    Options options = everything_on();
    options.resources.erase(resource);
    CacheFixture fixture(std::move(options));
    fixture.open();
    fixture.watch_commands();
    tell_story(fixture);
    const std::string number = std::to_string(static_cast<int>(resource));
    const auto commands = fixture.commands_run();
    CHECK_FALSE(touches(commands, R"(\d:\d+:)" + number));

    json expected = complete;
    expected.erase(number);
    json references = json::object();
    for (const auto& [key, members] : complete["9"].items())
      if (!key.ends_with(":" + number)) references[key] = members;
    expected["9"] = references;
    // What came later than the others stays in the guild where it has no database.
    const std::map<Resource, std::pair<const char*, json>> in_guild{
        {Resource::sticker, {"stickers", guild_100()["stickers"]}},
        {Resource::stage_instance, {"stage_instances", json::array()}},
        {Resource::scheduled_event, {"guild_scheduled_events", json::array()}},
        {Resource::soundboard_sound, {"soundboard_sounds", json::array()}}};
    if (const auto kept = in_guild.find(resource); kept != in_guild.end())
      for (json& guild : expected["1"]) guild[kept->second.first] = kept->second.second;
    CHECK(differs(fixture, expected) == "");
  }
}

TEST_CASE("an event whose resources are left out costs no command") {
  struct Group {
    std::initializer_list<Resource> left_out;
    std::vector<Fed> events;
  };
  const json join = of_guild("100", {{"user_id", "5"}, {"channel_id", "201"}, {"session_id", "x"}});
  const Group groups[] = {
      {{Resource::emoji}, {{"GUILD_EMOJIS_UPDATE", R"({"guild_id":"100","emojis":[{"id":"300"}]})"_json}}},
      {{Resource::guild},
       {{"GUILD_DELETE", R"({"id":"100","unavailable":true})"_json},
        {"GUILD_CREATE", R"({"id":"100","unavailable":true})"_json},
        {"RESUMED", json::object()}}},
      {{Resource::channel, Resource::thread},
       {{"CHANNEL_CREATE", R"({"id":"200","guild_id":"100","type":0})"_json},
        {"CHANNEL_UPDATE", R"({"id":"200","guild_id":"100","type":0})"_json},
        {"CHANNEL_PINS_UPDATE", R"({"guild_id":"100","channel_id":"200"})"_json},
        {"CHANNEL_INFO", R"({"guild_id":"100","channels":[{"id":"200","status":"s"}]})"_json},
        {"VOICE_CHANNEL_STATUS_UPDATE", R"({"id":"200","guild_id":"100","status":"s"})"_json},
        {"VOICE_CHANNEL_START_TIME_UPDATE", R"({"id":"200","guild_id":"100"})"_json}}},
      {{Resource::invite},
       {{"INVITE_CREATE", R"({"code":"abc","channel_id":"200","guild_id":"100","max_age":0})"_json},
        {"INVITE_DELETE", R"({"code":"abc","channel_id":"200","guild_id":"100"})"_json}}},
      {{Resource::thread, Resource::member, Resource::user},
       {{"THREAD_CREATE", R"({"id":"250","guild_id":"100","type":11,"parent_id":"200"})"_json},
        {"THREAD_UPDATE", R"({"id":"250","guild_id":"100","type":11,"thread_metadata":{"archived":true}})"_json},
        {"THREAD_LIST_SYNC", R"({"guild_id":"100","threads":[{"id":"250"}],"members":[{"id":"250"}]})"_json},
        {"THREAD_LIST_SYNC", R"({"guild_id":"100","channel_ids":["200"],"threads":[]})"_json},
        {"THREAD_MEMBER_UPDATE", R"({"id":"250","guild_id":"100","user_id":"9"})"_json},
        {"THREAD_MEMBERS_UPDATE", R"({"id":"250","guild_id":"100","member_count":1})"_json}}},
      {{Resource::sticker}, {{"GUILD_STICKERS_UPDATE", R"({"guild_id":"100","stickers":[{"id":"301"}]})"_json}}},
      {{Resource::stage_instance},
       {{"STAGE_INSTANCE_CREATE", R"({"id":"400","guild_id":"100","channel_id":"200"})"_json},
        {"STAGE_INSTANCE_UPDATE", R"({"id":"400","guild_id":"100","channel_id":"200"})"_json},
        {"STAGE_INSTANCE_DELETE", R"({"id":"400","guild_id":"100","channel_id":"200"})"_json}}},
      {{Resource::scheduled_event},
       {{"GUILD_SCHEDULED_EVENT_CREATE", R"({"id":"401","guild_id":"100"})"_json},
        {"GUILD_SCHEDULED_EVENT_UPDATE", R"({"id":"401","guild_id":"100","user_count":1})"_json},
        {"GUILD_SCHEDULED_EVENT_DELETE", R"({"id":"401","guild_id":"100"})"_json},
        {"GUILD_SCHEDULED_EVENT_USER_ADD", R"({"guild_scheduled_event_id":"401","guild_id":"100"})"_json},
        {"GUILD_SCHEDULED_EVENT_USER_REMOVE", R"({"guild_scheduled_event_id":"401","guild_id":"100"})"_json}}},
      {{Resource::soundboard_sound},
       {{"GUILD_SOUNDBOARD_SOUND_CREATE", R"({"sound_id":"1","guild_id":"100"})"_json},
        {"GUILD_SOUNDBOARD_SOUND_UPDATE", R"({"sound_id":"1","guild_id":"100"})"_json},
        {"GUILD_SOUNDBOARD_SOUND_DELETE", R"({"sound_id":"1","guild_id":"100"})"_json},
        {"GUILD_SOUNDBOARD_SOUNDS_UPDATE", R"({"guild_id":"100","soundboard_sounds":[{"sound_id":"1"}]})"_json},
        {"SOUNDBOARD_SOUNDS", R"({"guild_id":"100","soundboard_sounds":[{"sound_id":"1"}]})"_json}}},
      {{Resource::integration},
       {{"INTEGRATION_CREATE", R"({"id":"402","guild_id":"100"})"_json},
        {"INTEGRATION_UPDATE", R"({"id":"402","guild_id":"100"})"_json},
        {"INTEGRATION_DELETE", R"({"id":"402","guild_id":"100"})"_json}}},
      {{Resource::auto_moderation_rule},
       {{"AUTO_MODERATION_RULE_CREATE", R"({"id":"404","guild_id":"100"})"_json},
        {"AUTO_MODERATION_RULE_UPDATE", R"({"id":"404","guild_id":"100"})"_json},
        {"AUTO_MODERATION_RULE_DELETE", R"({"id":"404","guild_id":"100"})"_json}}},
      {{Resource::member, Resource::user},
       {{"GUILD_MEMBER_UPDATE", of_guild("100", member("5"))},
        {"TYPING_START", of_guild("100", {{"channel_id", "200"}, {"user_id", "5"}, {"member", member("5")}})}}},
      {{Resource::presence},
       {{"PRESENCE_UPDATE", R"({"guild_id":"100","user":{"id":"5"},"status":"idle"})"_json},
        {"PRESENCE_UPDATE", R"({"guild_id":"100","user":{"id":"5"},"status":"offline"})"_json}}},
      {{Resource::role},
       {{"GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"7"}})"_json},
        {"GUILD_ROLE_UPDATE", R"({"guild_id":"100","role":{"id":"7"}})"_json},
        {"GUILD_ROLE_DELETE", R"({"guild_id":"100","role_id":"7"})"_json}}},
      {{Resource::user},
       {{"GUILD_BAN_ADD", of_guild("100", {{"user", user("5")}})},
        {"USER_UPDATE", user("9")},
        {"PRESENCE_UPDATE", R"({"user":{"id":"5","username":"u5"},"status":"idle"})"_json}}},
      {{Resource::voice_state},
       {{"VOICE_STATE_UPDATE", join}, {"VOICE_STATE_UPDATE", merged(join, {{"channel_id", nullptr}})}}},
      {{Resource::message, Resource::user},
       {{"MESSAGE_CREATE", message("900")},
        {"MESSAGE_UPDATE", message("900")},
        {"MESSAGE_DELETE", R"({"id":"900","channel_id":"200","guild_id":"100"})"_json},
        {"MESSAGE_DELETE_BULK", R"({"ids":["900"],"channel_id":"200","guild_id":"100"})"_json},
        {"MESSAGE_REACTION_ADD",
         R"({"channel_id":"200","message_id":"900","user_id":"5","emoji":{"id":null,"name":"x"}})"_json},
        {"MESSAGE_REACTION_REMOVE",
         R"({"channel_id":"200","message_id":"900","user_id":"5","emoji":{"id":null,"name":"x"}})"_json},
        {"MESSAGE_REACTION_REMOVE_ALL", R"({"channel_id":"200","message_id":"900"})"_json},
        {"MESSAGE_REACTION_REMOVE_EMOJI",
         R"({"channel_id":"200","message_id":"900","emoji":{"id":null,"name":"x"}})"_json},
        {"MESSAGE_POLL_VOTE_ADD", R"({"channel_id":"200","message_id":"900","user_id":"5","answer_id":1})"_json}}}};
  for (const Group& group : groups) {
    CAPTURE(name(*group.left_out.begin()));
    Options options = without(group.left_out);
    options.secondary_indices = SecondaryIndices::all();
    CacheFixture fixture(std::move(options));
    fixture.open();
    for (const Fed& fed : group.events) {
      CHECK_MESSAGE(fixture.apply(fed.event, fed.data).told, fed.event);
      CHECK_MESSAGE(fixture.commands_sent() == 0, fed.event);
    }
    CHECK(differs(fixture, json::object()) == "");
  }
}

TEST_CASE("an event that changes nothing that is cached costs no command") {
  CacheFixture fixture(everything_on());
  fixture.open();
  for (const char* event : {"GUILD_AUDIT_LOG_ENTRY_CREATE", "GUILD_INTEGRATIONS_UPDATE", "WEBHOOKS_UPDATE",
                            "VOICE_SERVER_UPDATE", "RATE_LIMITED", "ENTITLEMENT_CREATE", "SUBSCRIPTION_CREATE",
                            "APPLICATION_COMMAND_PERMISSIONS_UPDATE", "AUTO_MODERATION_ACTION_EXECUTION"})
    CHECK_MESSAGE(fixture.apply(event, {{"guild_id", "100"}}).ignored_as("nothing to cache"), event);
  CHECK(fixture.apply("GUILD_JOIN_REQUEST_CREATE", {{"guild_id", "100"}}).ignored_as("unknown event"));
  CHECK(fixture.apply("PRESENCES_REPLACE", json::array()).ignored_as("unknown event"));
  CHECK(fixture.apply_frame(R"({"op":11})").ignored_as("not a dispatch"));
  CHECK(fixture.apply_frame(R"({"op":1,"d":251})").ignored_as("not a dispatch"));
  CHECK(fixture.commands_sent() == 0);
}

// ======================================================================================================== Counters

TEST_SUITE("Stats") {
  TEST_CASE("each event is counted once, under its name and its outcome") {
    CacheFixture fixture;
    fixture.apply("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"7"}})"_json);
    fixture.apply("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"8"}})"_json);
    fixture.apply("GUILD_ROLE_CREATE", R"({"guild_id":"100"})"_json);
    fixture.apply("GUILD_DELETE", R"({"id":"100"})"_json);
    fixture.apply("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"7"}})"_json);
    fixture.apply("NO_SUCH_EVENT", json::object());
    fixture.apply_frame(R"({"op":10,"d":{"heartbeat_interval":1}})");
    fixture.apply("PRESENCE_UPDATE", R"({"guild_id":"101","user":{"id":"5"},"status":"idle"})"_json);
    fixture.client.select(5);
    fixture.client.command("SET", "102", "no hash");
    fixture.client.select(0);
    CHECK(fixture.apply("PRESENCE_UPDATE", R"({"guild_id":"102","user":{"id":"5"},"status":"idle"})"_json) ==
          Outcome::failed);

    const EventStats roles = fixture.event_stats("GUILD_ROLE_CREATE");
    CHECK(roles.applied == 2);
    CHECK(roles.rejected == 1);
    CHECK(roles.ignored == 1);
    CHECK(roles.failed == 0);
    CHECK(fixture.event_stats("PRESENCE_UPDATE").applied == 1);
    CHECK(fixture.event_stats("PRESENCE_UPDATE").failed == 1);
    CHECK(fixture.event_stats("(unknown)").ignored == 1);
    CHECK(fixture.event_stats("(not a dispatch)").ignored == 1);
    CHECK(fixture.stats().events.size() == 5);
    CHECK(fixture.stats().events_pending == 0);
  }

  TEST_CASE("entities are counted as they are written and removed, by resource") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    CHECK(fixture.resource_stats(Resource::guild).upserts == 1);
    CHECK(fixture.resource_stats(Resource::role).upserts == 2);
    CHECK(fixture.resource_stats(Resource::channel).upserts == 3);
    CHECK(fixture.resource_stats(Resource::member).upserts == 2);
    CHECK(fixture.resource_stats(Resource::presence).upserts == 1);
    CHECK(fixture.resource_stats(Resource::emoji).upserts == 1);
    CHECK(fixture.resource_stats(Resource::voice_state).upserts == 1);
    CHECK(fixture.resource_stats(Resource::role).deletes == 0);
    fixture.apply("GUILD_DELETE", R"({"id":"100"})"_json);
    CHECK(fixture.resource_stats(Resource::guild).deletes == 1);
    CHECK(fixture.resource_stats(Resource::role).deletes == 2);
    CHECK(fixture.resource_stats(Resource::channel).deletes == 3);
    CHECK(fixture.resource_stats(Resource::member).deletes == 1);  // A removed hash counts once.
  }

  TEST_CASE("applied_sequence follows received_sequence once Redis has answered all before it") {
    CacheFixture fixture;
    fixture.open();
    const auto shard = [&] { return fixture.stats().shards.at(0); };
    fixture.server.pause();
    for (std::uint64_t s : {3, 4, 5})
      fixture.feed_event("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", std::to_string(s)}}}}, s);
    fixture.loop.run_for_turns(10);
    CHECK(shard().received_sequence == 5);
    CHECK(shard().applied_sequence == 0);
    fixture.server.resume();
    fixture.flush();
    CHECK(shard().applied_sequence == 5);
    fixture.apply("GUILD_ROLE_CREATE", json::object(), 6);
    CHECK(shard().applied_sequence == 6);  // A rejected event has its outcome too.
    fixture.apply("READY", ready({}), 1);
    CHECK(shard().received_sequence == 1);
    CHECK(shard().applied_sequence == 1);
  }

  TEST_CASE("shards have counters of their own") {
    CacheFixture fixture;
    fixture.shard(0, 2);
    fixture.apply("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"7"}})"_json, 10);
    fixture.shard(1, 2);
    CHECK(fixture.apply("GUILD_ROLE_CREATE", R"({"guild_id":"101","role":{"id":"8"}})"_json, 3) == Outcome::applied);
    const Stats stats = fixture.stats();
    REQUIRE(stats.shards.size() == 2);
    CHECK(stats.shards[0].applied_sequence == 10);
    CHECK(stats.shards[1].applied_sequence == 3);
    CHECK(stats.shards[1].id == 1);
    CHECK(stats.shards[1].count == 2);
  }
}

TEST_SUITE("sequence numbers") {
  TEST_CASE("a frame whose number is not above the highest one seen is a duplicate") {
    CacheFixture fixture;
    fixture.put(1, "100", R"({"id":"100","member_count":3})"_json);
    const json removal = of_guild("100", {{"user", user("5")}});
    CHECK(fixture.apply("GUILD_MEMBER_REMOVE", removal, 8) == Outcome::applied);
    CHECK(fixture.apply("GUILD_MEMBER_REMOVE", removal, 8).ignored_as("duplicate"));
    CHECK(fixture.apply("GUILD_MEMBER_REMOVE", removal, 7).ignored_as("duplicate"));
    CHECK(fixture.json_at(1, "100")["member_count"] == 2);
    CHECK(fixture.apply("GUILD_MEMBER_REMOVE", removal, 9) == Outcome::applied);
    CHECK(fixture.json_at(1, "100")["member_count"] == 1);
    CHECK(fixture.event_stats("GUILD_MEMBER_REMOVE").ignored == 2);
  }

  TEST_CASE("without a number there is no check, and a forgotten session starts anew") {
    CacheFixture fixture;
    const json role = R"({"guild_id":"100","role":{"id":"7"}})"_json;
    CHECK(fixture.apply("GUILD_ROLE_CREATE", role, 8) == Outcome::applied);
    CHECK(fixture.apply("GUILD_ROLE_CREATE", role) == Outcome::applied);
    fixture.shard().forget();
    CHECK(fixture.apply("GUILD_ROLE_CREATE", role, 2) == Outcome::applied);
  }

  TEST_CASE("events taken apart by the host are judged like frames") {
    CacheFixture fixture;
    const std::optional<std::uint64_t> sequences[] = {5, 5, std::nullopt};
    std::string outcomes[3];
    for (int i = 0; i < 3; ++i) {
      const Status status = fixture.shard().dispatch("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"7"}})",
                                                     sequences[i], [&outcomes, i](const EventResult& result) {
                                                       outcomes[i] = name(result.outcome);
                                                       outcomes[i] += result.reason;
                                                     });
      CHECK(status.ok());
    }
    fixture.flush();
    CHECK(outcomes[0] == "applied");
    CHECK(outcomes[1] == "ignoredduplicate");
    CHECK(outcomes[2] == "applied");
    CHECK(fixture.exists(6, "7"));
  }
}

// ============================================================================================ Lessons of hikari-sake

TEST_SUITE("lesson") {
  TEST_CASE("deleting a channel takes its voice states away and not only their references") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    fixture.apply("CHANNEL_DELETE", R"({"id":"201","guild_id":"100","type":2})"_json);
    CHECK_FALSE(fixture.exists(8, "100"));
    CHECK_FALSE(fixture.exists(9, "2:201:8"));
  }

  TEST_CASE("an invite does not live a thousand times as long as Discord says") {
    CacheFixture fixture;
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    char created[40];
    std::strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%S+00:00", std::gmtime(&now));
    fixture.apply(
        "INVITE_CREATE",
        {{"code", "a"}, {"channel_id", "200"}, {"guild_id", "100"}, {"created_at", created}, {"max_age", 3600}});
    CHECK(fixture.lifetime_ms(3, "a") <= hour);
    CHECK(fixture.lifetime_ms(3, "a") > hour - minute);
  }

  TEST_CASE("a GUILD_CREATE without channels is applied") {
    CacheFixture fixture;
    CHECK(fixture.apply("GUILD_CREATE", R"({"id":"100","name":"A"})"_json) == Outcome::applied);
    CHECK(fixture.json_at(1, "100") == R"({"id":"100","name":"A","unavailable":false})"_json);
  }

  TEST_CASE("a GUILD_CREATE clears presences that it does not list") {
    CacheFixture fixture;
    fixture.put_field(5, "100", "99", R"({"user":{"id":"99"},"status":"online","guild_id":"100"})"_json);
    fixture.apply("GUILD_CREATE", guild_100());
    CHECK(fixture.members_of(5, "100") == Ids{"5"});
  }

  TEST_CASE("every key that is not ME has a lifetime, and with none wanted has none") {
    for (const bool lasting : {false, true}) {
      CAPTURE(lasting);
      Options options = everything_on();
      if (lasting)
        options.default_expire = options.user_expire = options.message_expire = options.invite_expire = Lifetime::never;
      CacheFixture fixture(std::move(options));
      tell_story(fixture);
      // An index of entries that never end is given an end beyond anybody's years, to replace an earlier one.
      constexpr std::int64_t century = 100 * 365 * 24 * hour;
      const json state = fixture.state({.lifetimes = Lifetimes::in_milliseconds});
      CHECK(state.size() == 18);
      for (const auto& database : state.items()) {
        for (const auto& entry : database.value().items()) {
          const bool ends = entry.value().value("pttl", 2 * century) < century;
          CHECK_MESSAGE(ends == (!lasting && entry.key() != "ME"), database.key() << " " << entry.key());
        }
      }
    }
  }

  TEST_CASE("default_expire is a week, and twice that for references") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    constexpr std::int64_t week = 7 * 24 * hour;
    const std::pair<int, const char*> records[] = {{0, "300"}, {1, "100"}, {2, "200"}, {4, "100"},
                                                   {5, "100"}, {6, "7"},   {8, "100"}};
    for (const auto& record : records) {
      CHECK_MESSAGE(fixture.lifetime_ms(record.first, record.second) > week - minute, record.first);
      CHECK_MESSAGE(fixture.lifetime_ms(record.first, record.second) <= week, record.first);
    }
    for (const char* key : {"1:100:0", "1:100:2", "1:100:6", "2:201:8"}) {
      CHECK_MESSAGE(fixture.lifetime_ms(9, key) > 2 * week - minute, key);
      CHECK_MESSAGE(fixture.lifetime_ms(9, key) <= 2 * week, key);
    }
  }

  TEST_CASE("an infinite user lifetime breaks no write of a user") {
    Options options;
    options.with_user_expire(std::numeric_limits<double>::infinity());
    CacheFixture fixture(std::move(options));
    fixture.apply("MESSAGE_CREATE", message("900"));
    CHECK(fixture.json_at(7, "5") == user("5"));
    CHECK(fixture.lifetime_ms(7, "5") == -1);
  }

  TEST_CASE("an index override holds for users that ride along, too") {
    Options options;
    options.with_index_override(Resource::user, 20);
    CacheFixture fixture(std::move(options));
    fixture.apply("READY", ready({}));
    fixture.apply("MESSAGE_CREATE", message("900"));
    CHECK(fixture.exists(20, "5"));
    CHECK(fixture.exists(20, "ME"));
    CHECK_FALSE(content(fixture).contains("7"));
  }

  TEST_CASE("opening a cache on a dead server fails") {
    CacheFixture fixture;
    fixture.server.kill();
    std::optional<Status> opened;
    auto cache = Cache::open(fixture.loop.get(),
                             {.address = fixture.server.address(), .open_timeout = std::chrono::milliseconds(200)},
                             [&](Status status) { opened = std::move(status); });
    REQUIRE(cache.has_value());
    fixture.loop.run_until([&] { return opened.has_value(); });
    CHECK_FALSE(opened->ok());
    CHECK(opened->error().code == Errc::backend_error);
  }

  TEST_CASE("what is created and deleted at once is not left behind") {
    CacheFixture fixture(with_indices(SecondaryIndices::all()));
    for (int i = 0; i < 60; ++i) {
      const std::string id = std::to_string(9000 + i);
      fixture.feed_event("MESSAGE_CREATE", message(id));
      fixture.feed_event("MESSAGE_DELETE", {{"id", id}, {"channel_id", "200"}, {"guild_id", "100"}});
    }
    fixture.flush();
    CHECK(differs(fixture, {{"7", {{"5", user("5")}}}}) == "");
  }

  TEST_CASE("an update right behind a delete resurrects nothing") {
    CacheFixture fixture(with_indices(SecondaryIndices::all()));
    for (int i = 0; i < 60; ++i) {
      const std::string id = std::to_string(9000 + i);
      fixture.feed_event("MESSAGE_CREATE", message(id));
      fixture.feed_event("MESSAGE_UPDATE", message(id, {{"content", "a"}}));
      fixture.feed_event("MESSAGE_DELETE", {{"id", id}, {"channel_id", "200"}, {"guild_id", "100"}});
      fixture.feed_event("MESSAGE_UPDATE", message(id, {{"content", "b"}}));
      fixture.feed_event("MESSAGE_REACTION_ADD", of_guild("100", {{"channel_id", "200"},
                                                                  {"message_id", id},
                                                                  {"user_id", "5"},
                                                                  {"emoji", {{"id", nullptr}, {"name", "x"}}}}));
    }
    fixture.flush();
    CHECK(differs(fixture, {{"7", {{"5", user("5")}}}}) == "");
  }

  TEST_CASE("an event that names no guild keeps its place behind one of its message that does") {
    CacheFixture fixture;
    const auto event_of = [](const std::string& id, bool names_guild, const json& changes = json::object()) {
      json event = merged({{"id", id}, {"channel_id", "200"}}, changes);
      if (names_guild) event["guild_id"] = "100";
      return event;
    };
    // Captures of old leave the guild out of some events.
    fixture.apply("MESSAGE_CREATE", message("900"));
    fixture.feed_event("MESSAGE_UPDATE", event_of("900", true, {{"embeds", json::array()}}));
    fixture.feed_event("MESSAGE_DELETE", event_of("900", false));
    fixture.flush();
    CHECK(!fixture.exists(10, "900"));
    CHECK(differs(fixture, {{"7", {{"5", user("5")}}}}) == "");
  }

  TEST_CASE("a member chunk behind its GUILD_CREATE is not wiped") {
    CacheFixture fixture;
    fixture.put_field(4, "100", "99", of_guild("100", member("99")));
    json chunk = of_guild("100", {{"members", json::array()}, {"chunk_index", 0}, {"chunk_count", 9}});
    for (int i = 0; i < 1000; ++i) chunk["members"].push_back(member(std::to_string(1000 + i)));
    fixture.feed_event("GUILD_CREATE", guild_100());
    fixture.feed_event("GUILD_MEMBERS_CHUNK", chunk);
    fixture.flush();
    CHECK(fixture.members_of(4, "100").size() == 1002);
  }

  TEST_CASE("one event that fails hides no other's outcome") {
    CacheFixture fixture;
    fixture.client.select(5);
    fixture.client.command("SET", "100", "no hash");
    fixture.client.select(0);
    const Ending& before = fixture.feed_event("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"7"}})"_json);
    const Ending& failing =
        fixture.feed_event("PRESENCE_UPDATE", R"({"guild_id":"100","user":{"id":"5"},"status":"idle"})"_json);
    const Ending& also_failing =
        fixture.feed_event("PRESENCE_UPDATE", R"({"guild_id":"100","user":{"id":"6"},"status":"idle"})"_json);
    const Ending& after = fixture.feed_event("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"8"}})"_json);
    fixture.flush();
    CHECK(before == Outcome::applied);
    CHECK(failing == Outcome::failed);
    CHECK(failing.error.find("WRONGTYPE") != std::string::npos);
    CHECK(also_failing == Outcome::failed);
    CHECK(after == Outcome::applied);
  }

  TEST_CASE("a presence costs one command, and what renews a lifetime is not sent with every write") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild_100());
    const auto presence = [](const std::string& id) {
      return json{{"guild_id", "100"}, {"user", {{"id", id}}}, {"status", "idle"}};
    };
    fixture.commands_sent();
    for (int i = 0; i < 100; ++i) fixture.feed_event("PRESENCE_UPDATE", presence(std::to_string(10 + i)));
    fixture.flush();
    CHECK(fixture.commands_sent() == 100);
  }
}

// ==================================================================================================== Real payloads
//
// Payload examples of the documentation and of other libraries. They are no part of this repository: SAKE_SHARED names
// the folder that holds spec/fixtures, else it is looked for next to the sources.

namespace {

std::filesystem::path fixtures_folder() {
  const char* shared = std::getenv("SAKE_SHARED");
  const char* root = std::getenv("SAKE_SOURCE_ROOT");
  const std::filesystem::path base = shared != nullptr ? std::filesystem::path(shared)
                                     : root != nullptr ? std::filesystem::path(root) / ".." / "shared"
                                                       : std::filesystem::path("shared");
  return base / "spec" / "fixtures";
}

/// One row of the index of the payload examples.
struct Example {
  std::string file;
  std::string type;
  std::string kind;
  std::string text;
};

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  REQUIRE_MESSAGE(file.good(), path.string());
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Empty, and said so, where the examples are not at hand.
std::vector<Example> examples() {
  const std::filesystem::path folder = fixtures_folder();
  std::vector<Example> found;
  if (!std::filesystem::exists(folder / "index.md")) {
    std::cout << "SKIPPED: there are no payload examples at " << folder
              << "; SAKE_SHARED names the folder above spec\n";
    return found;
  }
  std::istringstream index(read_file(folder / "index.md"));
  for (std::string line; std::getline(index, line);) {
    static const std::regex row(R"(\| (\S+\.json) \| (.*?) \| (.*?) \|.*)");
    std::smatch cells;
    if (std::regex_match(line, cells, row))
      found.push_back({cells[1], cells[2], cells[3], read_file(folder / cells[1].str())});
  }
  CHECK(found.size() == 396);
  return found;
}

/// "INTERACTION_CREATE d" and its kin name their event; the rest is of one event each.
std::string event_of(const Example& example) {
  std::smatch name;
  if (std::regex_match(example.type, name, std::regex(R"(([A-Z_]+) (d|\(.*\)))"))) return name[1];
  if (example.type.ends_with("interaction")) return "INTERACTION_CREATE";
  return {};
}

/// Abridged examples that lack the documented guild_id, without which a presence is of nobody.
constexpr std::string_view without_guild[] = {
    "hikari-event__PRESENCE_UPDATE--with_full_user_object.json",
    "hikari-event__PRESENCE_UPDATE--with_only_user_id.json",
    "hikari-event__PRESENCE_UPDATE--with_partial_user_object.json",
};

}  // namespace

TEST_CASE("every example of a frame or an event is applied or ignored, and none is rejected") {
  CacheFixture fixture(everything_on());
  std::size_t dispatched = 0;
  std::map<std::string, int> outcomes;
  for (const Example& example : examples()) {
    const bool frame = example.kind == "frame";
    const std::string event = frame ? "" : event_of(example);
    if (!frame && (example.kind != "event d" || event.empty())) {
      // Parts of events, and what only looks like one.
      CHECK_MESSAGE(example.kind != "event d", example.file << " is of no known event: " << example.type);
      continue;
    }
    fixture.event_time += 2 * minute;  // Beyond the marks of leaves and removals.
    fixture.shard().forget();          // The frames are of many sessions.
    std::string text = example.text;
    if (frame && json::parse(text).contains("plain_text")) text = json::parse(text)["plain_text"].get<std::string>();
    const Ending ending = fixture.apply_frame(frame ? text : CacheFixture::frame(event, json::parse(text)));
    ++dispatched;
    ++outcomes[std::string(name(ending.outcome))];
    const bool kept_nothing = ending.ignored_as("not a dispatch") || ending.ignored_as("nothing to cache") ||
                              ending.ignored_as("unknown event");
    if (std::ranges::find(without_guild, example.file) != std::end(without_guild)) {
      CHECK_MESSAGE(ending.ignored_as("no guild"), example.file << ": " << ending);
    } else {
      CHECK_MESSAGE((ending == Outcome::applied || kept_nothing), example.file << ": " << ending);
    }
  }
  for (const auto& [outcome, count] : outcomes) std::cout << count << " " << outcome << "\n";
  if (dispatched != 0) CHECK(dispatched > 120);
}

TEST_CASE("entities as they are nested in events make events of their own, and all are applied") {
  struct Dispatch {
    const char* file;  ///< A regular expression.
    const char* event;
    const char* outcome = "applied";
  };
  const Dispatch dispatches[] = {
      {R"(hikari__gateway_guild\.json)", "GUILD_CREATE"},
      {R"(hikari__rest_guild\.json|discord-docs__guild--guild\.json)", "GUILD_UPDATE"},
      {R"(hikari__guild_(text|voice|stage|news|forum|media)_channel\.json|hikari__guild_category\.json)",
       "CHANNEL_CREATE"},
      {R"(hikari__guild_(text|voice|stage|news|forum|media)_channel\.json|hikari__guild_category\.json)",
       "CHANNEL_UPDATE"},
      {R"(discord-docs__channel--(guild-.*|channel-category)\.json)", "CHANNEL_CREATE"},
      {R"(twilight__channel--guild_channel.*\.json)", "CHANNEL_UPDATE"},
      {R"(hikari__(message|message_null_and_unset_fields)\.json|discord-docs__message--.*message\.json)",
       "MESSAGE_CREATE"},
      {R"(twilight__channel-message-mod--.*\.json)", "MESSAGE_CREATE"},
      {R"(hikari__(message|message_null_and_unset_fields)\.json|discord-docs__message--.*message\.json)",
       "MESSAGE_UPDATE"},
      {R"(twilight__gateway-payload-incoming-member_add--.*\.json)", "GUILD_MEMBER_ADD"},
      {R"(hikari__voice_state\.json|discord-docs__voice--voice-state\.json)", "VOICE_STATE_UPDATE"},
      {R"(hikari__my_user\.json|discord-docs__user--user\.json)", "USER_UPDATE"},
      {R"(hikari__member_presence\.json)", "PRESENCE_UPDATE"},
      {R"(hikari__guild_(text|voice|stage|news|forum|media)_channel\.json)", "CHANNEL_DELETE"},
      {R"(discord-docs__channel--dm-channel\.json|discord-docs__channel--group-dm-channel\.json)", "CHANNEL_CREATE",
       "ignored"},
      {R"(discord-docs__channel--thread-channel\.json|hikari__guild_(public|private|news)_thread\.json)",
       "CHANNEL_CREATE", "ignored"},
  };
  const std::vector<Example> found = examples();
  if (found.empty()) return;
  CacheFixture fixture(everything_on());
  for (const Dispatch& dispatch : dispatches) {
    int count = 0;
    for (const Example& example : found) {
      if (!std::regex_match(example.file, std::regex(dispatch.file))) continue;
      ++count;
      fixture.event_time += 2 * minute;
      json data = json::parse(example.text);
      const bool needs_guild = std::string_view(dispatch.event) == "GUILD_MEMBER_ADD" ||
                               std::string_view(dispatch.event) == "VOICE_STATE_UPDATE";
      if (needs_guild && !data.contains("guild_id")) data["guild_id"] = "100";
      const Ending ending = fixture.apply(dispatch.event, data);
      CHECK_MESSAGE((ending.told && name(ending.outcome) == dispatch.outcome),
                    std::string(dispatch.event) << " " << example.file << ": " << ending);
    }
    CHECK_MESSAGE(count > 0, dispatch.file);
  }
}

}  // namespace sake::test
