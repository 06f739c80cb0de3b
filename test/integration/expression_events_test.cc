// What events leave in Redis of what a guild lists besides channels, roles and members: stickers, sounds, stage
// instances, scheduled events, integrations and auto-moderation rules.

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"
#include "support/content.h"

namespace sake::test {
namespace {

using nlohmann::json;
using Ids = std::vector<std::string>;

json merged(json object, const json& changes) {
  object.update(changes);
  return object;
}
json user(const std::string& id) { return {{"id", id}, {"username", "u" + id}}; }
json of_guild(const json& object) { return merged(object, {{"guild_id", "100"}}); }

Options everything() { return {.resources = Resources::everything()}; }

/// What a kind of entity is called in events, and where it is stored.
struct Kind {
  int database;
  std::string id;     ///< The name of its id.
  std::string event;  ///< <event>_CREATE, _UPDATE and _DELETE; empty: it has none.
  std::string list;   ///< Where a guild lists it; empty: it does not.
  std::string list_event;
  json (*with_user)(const json& user);  ///< Where a user rides along.

  std::string set() const { return "1:100:" + std::to_string(database); }
  json entity(const std::string& number, const json& changes = json::object()) const {
    return merged({{id, number}, {"name", "n" + number}}, changes);
  }
  json listing(const json& entities) const { return {{"guild_id", "100"}, {list, entities}}; }
};

json as_user(const json& user) { return {{"user", user}}; }
json as_creator(const json& user) { return {{"creator", user}}; }
json as_bot(const json& user) { return {{"application", {{"id", "1"}, {"bot", user}}}}; }

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {0, "id", "", "emojis", "GUILD_EMOJIS_UPDATE", as_user},
      {12, "id", "", "stickers", "GUILD_STICKERS_UPDATE", as_user},
      {13, "id", "STAGE_INSTANCE", "stage_instances", "", nullptr},
      {14, "id", "GUILD_SCHEDULED_EVENT", "guild_scheduled_events", "", as_creator},
      {15, "sound_id", "GUILD_SOUNDBOARD_SOUND", "soundboard_sounds", "GUILD_SOUNDBOARD_SOUNDS_UPDATE", as_user},
      {15, "sound_id", "GUILD_SOUNDBOARD_SOUND", "soundboard_sounds", "SOUNDBOARD_SOUNDS", as_user},
      {16, "id", "INTEGRATION", "", "", as_bot},
      {17, "id", "AUTO_MODERATION_RULE", "", "", nullptr}};
  return all;
}

/// The state in which just these entities of a kind are stored, and these users.
json stored(const Kind& kind, const std::vector<json>& entities, const std::vector<json>& users = {}) {
  json state = json::object();
  for (const json& entity : entities) {
    const std::string id = entity.at(kind.id);
    state[std::to_string(kind.database)][id] = of_guild(entity);
    state["9"][kind.set()].push_back(id);
  }
  for (const json& user : users) state["7"][user.at("id").get<std::string>()] = user;
  return state;
}

}  // namespace

TEST_CASE("what is created or updated is stored whole with its place, and what is deleted is gone, once or twice") {
  for (const Kind& kind : kinds()) {
    if (kind.event.empty()) continue;
    CAPTURE(kind.event);
    CacheFixture fixture(everything());
    for (const char* how : {"_CREATE", "_CREATE", "_UPDATE"}) {
      const json entity = kind.entity("1", {{"how", how}});
      CHECK(fixture.apply(kind.event + how, of_guild(entity)) == Outcome::applied);
      CHECK(differs(fixture, stored(kind, {entity})) == "");
    }
    fixture.apply(kind.event + "_UPDATE", of_guild(kind.entity("2")));  // Not seen before.
    CHECK(differs(fixture, stored(kind, {kind.entity("1", {{"how", "_UPDATE"}}), kind.entity("2")})) == "");
    for (int twice = 0; twice < 2; ++twice) {
      CHECK(fixture.apply(kind.event + "_DELETE", {{kind.id, "1"}, {"guild_id", "100"}}) == Outcome::applied);
      CHECK(differs(fixture, stored(kind, {kind.entity("2")})) == "");
    }
    fixture.apply(kind.event + "_DELETE", of_guild(kind.entity("2")));
    CHECK(differs(fixture, json::object()) == "");
  }
}

TEST_CASE("a list replaces what is stored, and an empty one empties it") {
  for (const Kind& kind : kinds()) {
    if (kind.list_event.empty()) continue;
    CAPTURE(kind.list_event);
    CacheFixture fixture(everything());
    const auto apply = [&](const json& entities) {
      return fixture.apply(kind.list_event, kind.listing(entities)) == Outcome::applied;
    };
    CHECK(apply({kind.entity("1"), kind.entity("2")}));
    for (int twice = 0; twice < 2; ++twice) {
      CHECK(apply({kind.entity("2", {{"name", "new"}}), kind.entity("3")}));
      CHECK(differs(fixture, stored(kind, {kind.entity("2", {{"name", "new"}}), kind.entity("3")})) == "");
    }
    CHECK(apply(json::array()));
    CHECK(differs(fixture, json::object()) == "");
  }
}

TEST_CASE("a list is of one guild: what another guild has is left alone") {
  for (const Kind& kind : kinds()) {
    if (kind.list_event.empty()) continue;
    CAPTURE(kind.list_event);
    CacheFixture fixture(everything());
    fixture.apply(kind.list_event, {{"guild_id", "101"}, {kind.list, {kind.entity("9")}}});
    fixture.apply(kind.list_event, kind.listing(json::array()));
    CHECK(fixture.json_at(kind.database, "9")["guild_id"] == "101");
    CHECK(fixture.members_of(9, "1:101:" + std::to_string(kind.database)) == Ids{"9"});
  }
}

TEST_CASE("users that ride along are stored, by events of one and by lists, unless they have no name") {
  for (const Kind& kind : kinds()) {
    if (kind.with_user == nullptr) continue;
    CAPTURE(kind.database);
    CacheFixture fixture(everything());
    const json named = kind.entity("1", kind.with_user(user("5")));
    const json nameless = kind.entity("2", kind.with_user({{"id", "6"}}));
    const json null = kind.entity("3", kind.with_user(nullptr));
    if (!kind.list_event.empty()) {
      fixture.apply(kind.list_event, kind.listing({named, nameless, null}));
      CHECK(differs(fixture, stored(kind, {named, nameless, null}, {user("5")})) == "");
    }
    if (kind.event.empty()) continue;
    for (const json& entity : {named, nameless, null}) fixture.apply(kind.event + "_CREATE", of_guild(entity));
    fixture.apply(kind.event + "_UPDATE", of_guild(merged(named, kind.with_user(user("8")))));
    CHECK(differs(fixture, stored(kind, {merged(named, kind.with_user(user("8"))), nameless, null},
                                  {user("5"), user("8")})) == "");
  }
}

TEST_CASE("GUILD_CREATE makes each collection what it lists, and leaves what it does not carry") {
  CacheFixture fixture(everything());
  json first = {{"id", "100"}, {"name", "g"}};
  json second = first;
  for (const Kind& kind : kinds()) {
    if (kind.list.empty()) {
      fixture.apply(kind.event + "_CREATE", of_guild(kind.entity("1")));
    } else {
      first[kind.list] = {kind.entity("1"), kind.entity("2")};
      second[kind.list] = {kind.entity("2", {{"name", "new"}})};
    }
  }
  fixture.apply("GUILD_CREATE", first);
  for (int twice = 0; twice < 2; ++twice) {
    fixture.apply("GUILD_CREATE", second);
    json expected = {{"1", {{"100", {{"id", "100"}, {"name", "g"}, {"unavailable", false}}}}}};
    for (const Kind& kind : kinds())
      expected.merge_patch(stored(kind, {kind.list.empty() ? kind.entity("1") : second[kind.list][0]}));
    CHECK(differs(fixture, expected) == "");
  }
  fixture.apply("GUILD_CREATE", {{"id", "100"}, {"name", "g"}});
  for (const Kind& kind : kinds()) CHECK(fixture.exists(9, kind.set()) == kind.list.empty());
}

TEST_CASE("a guild keeps in its record what has no database in use, and nothing that has one") {
  json guild = {{"id", "100"}};
  for (const Kind& kind : kinds())
    if (!kind.list.empty()) guild[kind.list] = json::array();
  for (const Kind& kind : kinds()) {
    if (kind.list.empty() || kind.database == 0) continue;
    CAPTURE(kind.list);
    Resources resources = Resources::everything();
    resources.erase(static_cast<Resource>(kind.database));
    CacheFixture fixture({.resources = resources});
    for (const char* event : {"GUILD_CREATE", "GUILD_UPDATE"}) {
      fixture.apply(event, guild);
      const json record = fixture.json_at(1, "100");
      for (const Kind& other : kinds())
        if (!other.list.empty()) CHECK(record.contains(other.list) == (other.list == kind.list));
    }
  }
}

TEST_CASE("GUILD_UPDATE replaces the stickers it lists and leaves them alone when it lists none") {
  CacheFixture fixture;
  fixture.apply("GUILD_STICKERS_UPDATE", R"({"guild_id":"100","stickers":[{"id":"1"},{"id":"2"}]})"_json);
  fixture.apply("GUILD_UPDATE", R"({"id":"100","name":"a"})"_json);
  CHECK(fixture.members_of(9, "1:100:12") == Ids{"1", "2"});
  fixture.apply("GUILD_UPDATE", R"({"id":"100","stickers":[{"id":"2","user":{"id":"5","username":"u5"}}]})"_json);
  CHECK(fixture.members_of(9, "1:100:12") == Ids{"2"});
  CHECK_FALSE(fixture.exists(12, "1"));
  CHECK(fixture.json_at(7, "5") == user("5"));
  fixture.apply("GUILD_UPDATE", R"({"id":"100","stickers":[]})"_json);
  CHECK_FALSE(fixture.exists(9, "1:100:12"));
  CHECK(fixture.json_at(1, "100") == R"({"id":"100","name":"a"})"_json);
}

TEST_CASE("a guild that was left takes everything along that it listed") {
  CacheFixture fixture(everything());
  fixture.apply("GUILD_CREATE", {{"id", "100"}});
  for (const Kind& kind : kinds()) {
    if (kind.event.empty()) {
      fixture.apply(kind.list_event, kind.listing({kind.entity("1"), kind.entity("2")}));
    } else {
      fixture.apply(kind.event + "_CREATE", of_guild(kind.entity("1")));
    }
  }
  const std::string other = R"({"id":"7","guild_id":"101"})";
  fixture.apply("INTEGRATION_CREATE", json::parse(other));
  fixture.apply("GUILD_DELETE", {{"id", "100"}});
  CHECK(differs(fixture, {{"16", {{"7", json::parse(other)}}}, {"9", {{"1:101:16", {"7"}}}}}) == "");
}

TEST_CASE("integrations and auto-moderation rules are kept by who asks for them, and cost others no command") {
  CacheFixture fixture;
  fixture.open();
  for (const char* kind : {"INTEGRATION", "AUTO_MODERATION_RULE"})
    for (const char* how : {"_CREATE", "_UPDATE", "_DELETE"})
      CHECK(fixture.apply(std::string(kind) + how, R"({"id":"1","guild_id":"100"})"_json) == Outcome::applied);
  CHECK(fixture.commands_sent() == 0);
}

TEST_SUITE("stage instances") {
  const json first = {{"id", "1"}, {"guild_id", "100"}, {"channel_id", "200"}};
  const json elsewhere = {{"id", "2"}, {"guild_id", "100"}, {"channel_id", "201"}};

  TEST_CASE("a stage channel has one instance: another one that is created takes its place") {
    CacheFixture fixture;
    fixture.apply("STAGE_INSTANCE_CREATE", first);
    fixture.apply("STAGE_INSTANCE_CREATE", elsewhere);
    for (int twice = 0; twice < 2; ++twice) {
      fixture.apply("STAGE_INSTANCE_CREATE", {{"id", "3"}, {"guild_id", "100"}, {"channel_id", "200"}});
      CHECK(fixture.members_of(9, "1:100:13") == Ids{"2", "3"});
      CHECK_FALSE(fixture.exists(13, "1"));
    }
    fixture.apply("STAGE_INSTANCE_DELETE", first);  // Of the one that is gone.
    CHECK(fixture.members_of(9, "1:100:13") == Ids{"2", "3"});
  }

  TEST_CASE("a deleted stage channel takes its instance along, and a channel of another type looks for none") {
    CacheFixture fixture;
    fixture.apply("STAGE_INSTANCE_CREATE", first);
    fixture.apply("STAGE_INSTANCE_CREATE", elsewhere);
    fixture.watch_commands();
    fixture.apply("CHANNEL_DELETE", {{"id", "202"}, {"guild_id", "100"}, {"type", 2}});
    for (const auto& command : fixture.commands_run()) CHECK(command.back() != "1:100:13");
    fixture.apply("CHANNEL_DELETE", {{"id", "200"}, {"guild_id", "100"}, {"type", 13}});
    CHECK(differs(fixture, {{"13", {{"2", elsewhere}}}, {"9", {{"1:100:13", {"2"}}}}}) == "");
    fixture.apply("CHANNEL_DELETE", {{"id", "201"}, {"guild_id", "100"}});  // Of no known type.
    CHECK(differs(fixture, json::object()) == "");
  }
}

TEST_SUITE("scheduled events") {
  const json interest = {{"guild_scheduled_event_id", "1"}, {"user_id", "5"}, {"guild_id", "100"}};

  TEST_CASE("the count of interested users survives events that do not say it, and not those that do") {
    for (const char* event : {"GUILD_SCHEDULED_EVENT_CREATE", "GUILD_SCHEDULED_EVENT_UPDATE"}) {
      CacheFixture fixture;
      fixture.put(14, "1", R"({"id":"1","guild_id":"100","old":true,"user_count":7})"_json);
      const json update = {{"id", "1"}, {"guild_id", "100"}, {"name", "n"}};
      for (int twice = 0; twice < 2; ++twice) {
        fixture.apply(event, update);
        CHECK(fixture.json_at(14, "1") == merged(update, {{"user_count", 7}}));
      }
      CHECK(fixture.members_of(9, "1:100:14") == Ids{"1"});
      fixture.apply(event, merged(update, {{"user_count", 3}}));
      CHECK(fixture.json_at(14, "1")["user_count"] == 3);
    }
  }

  TEST_CASE("an event that says the count reads nothing") {
    CacheFixture fixture;
    fixture.open();
    fixture.watch_commands();
    fixture.apply("GUILD_SCHEDULED_EVENT_UPDATE", R"({"id":"1","guild_id":"100","user_count":1})"_json);
    for (const auto& command : fixture.commands_run()) CHECK(command.at(0) != "GET");
  }

  TEST_CASE("users who come and go change the count of a known event that has one, which never falls below zero") {
    CacheFixture fixture;
    CHECK(fixture.apply("GUILD_SCHEDULED_EVENT_USER_ADD", interest) == Outcome::applied);
    CHECK(differs(fixture, json::object()) == "");
    fixture.apply("GUILD_SCHEDULED_EVENT_CREATE", R"({"id":"1","guild_id":"100"})"_json);
    fixture.apply("GUILD_SCHEDULED_EVENT_USER_ADD", interest);
    CHECK(fixture.json_at(14, "1") == R"({"id":"1","guild_id":"100"})"_json);
    fixture.apply("GUILD_SCHEDULED_EVENT_UPDATE", R"({"id":"1","guild_id":"100","user_count":0})"_json);
    const auto count_after = [&](const char* how) {
      fixture.apply(std::string("GUILD_SCHEDULED_EVENT_USER_") + how, interest);
      return fixture.json_at(14, "1")["user_count"];
    };
    CHECK(count_after("REMOVE") == 0);
    CHECK(count_after("ADD") == 1);
    CHECK(count_after("ADD") == 2);
    CHECK(count_after("REMOVE") == 1);
  }

  TEST_CASE("a replayed frame counts once") {
    CacheFixture fixture;
    fixture.put(14, "1", R"({"id":"1","guild_id":"100","user_count":1})"_json);
    fixture.apply("GUILD_SCHEDULED_EVENT_USER_ADD", interest, 5);
    CHECK(fixture.apply("GUILD_SCHEDULED_EVENT_USER_ADD", interest, 5).ignored_as("duplicate"));
    CHECK(fixture.json_at(14, "1")["user_count"] == 2);
  }
}

TEST_CASE("events of a kind end the same whether or not each waits for the one before") {
  json one_by_one;
  for (const bool together : {false, true}) {
    CacheFixture fixture(everything());
    fixture.open();
    const auto feed = [&](const std::string& event, const json& data) {
      fixture.feed_event(event, data);
      if (!together) fixture.flush();
    };
    feed("GUILD_CREATE", {{"id", "100"}, {"stickers", {{{"id", "1"}}}}, {"soundboard_sounds", {{{"sound_id", "1"}}}}});
    feed("GUILD_SOUNDBOARD_SOUND_CREATE", R"({"sound_id":"2","guild_id":"100"})"_json);
    feed("GUILD_SOUNDBOARD_SOUNDS_UPDATE", R"({"guild_id":"100","soundboard_sounds":[{"sound_id":"3"}]})"_json);
    feed("GUILD_SOUNDBOARD_SOUND_UPDATE", R"({"sound_id":"4","guild_id":"100"})"_json);
    feed("GUILD_STICKERS_UPDATE", R"({"guild_id":"100","stickers":[{"id":"2"}]})"_json);
    feed("GUILD_STICKERS_UPDATE", R"({"guild_id":"100","stickers":[{"id":"3"}]})"_json);
    feed("STAGE_INSTANCE_CREATE", R"({"id":"1","guild_id":"100","channel_id":"200"})"_json);
    feed("STAGE_INSTANCE_CREATE", R"({"id":"2","guild_id":"100","channel_id":"200"})"_json);
    feed("GUILD_SCHEDULED_EVENT_CREATE", R"({"id":"1","guild_id":"100","user_count":0})"_json);
    for (int i = 0; i < 3; ++i)
      feed("GUILD_SCHEDULED_EVENT_USER_ADD", R"({"guild_scheduled_event_id":"1","guild_id":"100"})"_json);
    feed("GUILD_SCHEDULED_EVENT_UPDATE", R"({"id":"1","guild_id":"100","name":"n"})"_json);
    fixture.flush();
    CHECK(fixture.members_of(9, "1:100:12") == Ids{"3"});
    CHECK(fixture.members_of(9, "1:100:13") == Ids{"2"});
    CHECK(fixture.members_of(9, "1:100:15") == Ids{"3", "4"});
    CHECK(fixture.json_at(14, "1")["user_count"] == 3);
    if (together) CHECK(differs(fixture, one_by_one) == "");
    one_by_one = content(fixture);
  }
}

}  // namespace sake::test
