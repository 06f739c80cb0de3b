// What events of threads leave in Redis, and what becomes of threads when their channel, their guild or a message
// changes.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
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

json thread(std::string_view id = "250", const json& changes = json::object()) {
  return merged({{"id", id},
                 {"guild_id", "100"},
                 {"parent_id", "200"},
                 {"type", 11},
                 {"name", "t"},
                 {"thread_metadata", {{"archived", false}}}},
                changes);
}

json archived(std::string_view id = "250") { return thread(id, {{"thread_metadata", {{"archived", true}}}}); }

json message(std::string_view id, const json& changes = json::object()) {
  return merged({{"id", id}, {"channel_id", "250"}, {"guild_id", "100"}, {"content", "c"}}, changes);
}

json guild(const json& changes = json::object()) {
  return merged({{"id", "100"}, {"name", "g"}, {"channels", {{{"id", "200"}, {"type", 0}}}}}, changes);
}

/// The own user is 9.
void know_own_user(CacheFixture& fixture) { fixture.put(7, "ME", {{"id", "9"}, {"username", "bot"}}); }

Options with_messages() { return {.secondary_indices = {.messages_by_channel = true}}; }
Options with_activity() { return {.policies = {.track_channel_activity = true}}; }

/// Which threads are in the sets of guild 100 and channel 200.
bool listed(CacheFixture& fixture, const Ids& ids) {
  return fixture.members_of(9, "1:100:11") == ids && fixture.members_of(9, "2:200:11") == ids;
}

}  // namespace

TEST_SUITE("THREAD_CREATE and THREAD_UPDATE") {
  TEST_CASE("a thread is stored in its database and in the sets of its guild and its channel, and nowhere else") {
    CacheFixture fixture;
    for (const char* event : {"THREAD_CREATE", "THREAD_UPDATE", "THREAD_CREATE"}) {
      CHECK(fixture.apply(event, thread()) == Outcome::applied);
      CHECK(differs(fixture, {{"11", {{"250", thread()}}}, {"9", {{"1:100:11", {"250"}}, {"2:200:11", {"250"}}}}}) ==
            "");
    }
  }

  TEST_CASE("newly_created is no part of a thread, and the own membership gets the ids it lacks") {
    CacheFixture fixture;
    know_own_user(fixture);
    fixture.apply("THREAD_CREATE", thread("250", {{"newly_created", true}, {"member", {{"flags", 1}}}}));
    CHECK(fixture.json_at(11, "250") == thread("250", {{"member", {{"id", "250"}, {"user_id", "9"}, {"flags", 1}}}}));
    fixture.apply("THREAD_CREATE", thread("250", {{"member", {{"id", "250"}, {"user_id", "8"}, {"flags", 2}}}}));
    CHECK(fixture.json_at(11, "250")["member"] == R"({"id":"250","user_id":"8","flags":2})"_json);
  }

  TEST_CASE("while the own user is not known its membership is stored without it") {
    CacheFixture fixture;
    fixture.apply("THREAD_CREATE", thread("250", {{"member", {{"flags", 1}}}}));
    CHECK(fixture.json_at(11, "250")["member"] == R"({"id":"250","flags":1})"_json);
  }

  TEST_CASE("what an event does not say of a known thread survives it, and what it says does not") {
    const json kept = {{"member", {{"id", "250"}, {"user_id", "9"}}},
                       {"member_count", 3},
                       {"message_count", 5},
                       {"total_message_sent", 6},
                       {"last_message_id", "999"},
                       {"last_pin_timestamp", "p"}};
    for (const char* event : {"THREAD_CREATE", "THREAD_UPDATE"}) {
      CacheFixture fixture;
      fixture.put(11, "250", merged(thread("250", {{"topic", "old"}}), kept));
      fixture.apply(event, thread("250", {{"name", "new"}}));
      CHECK(fixture.json_at(11, "250") == merged(thread("250", {{"name", "new"}}), kept));
      const json said = {{"member_count", 0}, {"last_message_id", nullptr}, {"last_pin_timestamp", nullptr}};
      fixture.apply(event, thread("250", said));
      CHECK(fixture.json_at(11, "250") == merged(merged(thread(), kept), said));
    }
  }

  TEST_CASE("a thread that is archived is dropped, and its messages stay until their time is over") {
    CacheFixture fixture(with_messages());
    fixture.apply("THREAD_CREATE", thread());
    fixture.apply("THREAD_CREATE", thread("251"));
    fixture.apply("MESSAGE_CREATE", message("900"));
    for (int twice = 0; twice < 2; ++twice) {
      CHECK(fixture.apply("THREAD_UPDATE", archived()) == Outcome::applied);
      CHECK_FALSE(fixture.exists(11, "250"));
      CHECK(listed(fixture, {"251"}));
      CHECK(fixture.exists(10, "900"));
    }
    fixture.apply("THREAD_UPDATE", thread());  // Opened again.
    CHECK(listed(fixture, {"250", "251"}));
    fixture.apply("THREAD_UPDATE", R"({"id":"250","guild_id":"100","thread_metadata":{"archived":true}})"_json);
    CHECK(listed(fixture, {"251"}));
  }

  TEST_CASE("a thread in another channel than before leaves the set of the one it was in") {
    CacheFixture fixture;
    fixture.apply("THREAD_CREATE", thread());
    fixture.apply("THREAD_UPDATE", thread("250", {{"parent_id", "201"}}));
    CHECK(fixture.members_of(9, "2:200:11").empty());
    CHECK(fixture.members_of(9, "2:201:11") == Ids{"250"});
    CHECK(fixture.members_of(9, "1:100:11") == Ids{"250"});
  }

  TEST_CASE("without guild_id the guild is that of the stored thread, and without one the event is ignored") {
    CacheFixture fixture;
    json without_guild = thread("250", {{"name", "new"}});
    without_guild.erase("guild_id");
    CHECK(fixture.apply("THREAD_UPDATE", without_guild).ignored_as("not a guild channel"));
    CHECK(fixture.apply("THREAD_DELETE", without_guild).ignored_as("not a guild channel"));
    CHECK(differs(fixture, json::object()) == "");
    fixture.apply("THREAD_CREATE", thread());
    CHECK(fixture.apply("THREAD_UPDATE", without_guild) == Outcome::applied);
    CHECK(fixture.json_at(11, "250") == thread("250", {{"name", "new"}}));
    CHECK(fixture.apply("THREAD_DELETE", {{"id", "250"}}) == Outcome::applied);
    CHECK(differs(fixture, json::object()) == "");
  }

  TEST_CASE("a new post is the last message of its forum when channel activity is tracked") {
    for (const int type : {15, 16, 0}) {
      CacheFixture fixture(with_activity());
      const json channel = {{"id", "200"}, {"guild_id", "100"}, {"type", type}, {"last_message_id", "1"}};
      fixture.put(2, "200", channel);
      fixture.apply("THREAD_CREATE", thread());
      CHECK(fixture.json_at(2, "200") == channel);
      fixture.apply("THREAD_CREATE", thread("251", {{"newly_created", true}}));
      CHECK(fixture.json_at(2, "200")["last_message_id"] == (type == 0 ? "1" : "251"));
    }
    CacheFixture off;
    off.put(2, "200", {{"id", "200"}, {"type", 15}});
    off.apply("THREAD_CREATE", thread("250", {{"newly_created", true}}));
    CHECK(off.json_at(2, "200") == R"({"id":"200","type":15})"_json);
  }
}

TEST_SUITE("THREAD_DELETE") {
  TEST_CASE("four fields remove a thread, its places and its messages") {
    CacheFixture fixture(with_messages());
    fixture.apply("THREAD_CREATE", thread());
    fixture.apply("THREAD_CREATE", thread("251"));
    fixture.apply("MESSAGE_CREATE", message("900"));
    fixture.apply("MESSAGE_CREATE", message("901", {{"channel_id", "251"}}));
    const json deletion = {{"id", "250"}, {"guild_id", "100"}, {"parent_id", "200"}, {"type", 11}};
    for (int twice = 0; twice < 2; ++twice) {
      CHECK(fixture.apply("THREAD_DELETE", deletion) == Outcome::applied);
      CHECK_FALSE(fixture.exists(11, "250"));
      CHECK(listed(fixture, {"251"}));
      CHECK_FALSE(fixture.exists(10, "900"));
      CHECK(fixture.exists(10, "901"));
      CHECK_FALSE(fixture.exists(9, "2:250:10"));
    }
  }

  TEST_CASE("nothing is read unless the event leaves something out") {
    CacheFixture fixture;
    fixture.apply("THREAD_CREATE", thread());
    fixture.watch_commands();
    fixture.apply("THREAD_DELETE", {{"id", "250"}, {"guild_id", "100"}, {"parent_id", "200"}});
    for (const auto& command : fixture.commands_run()) CHECK(command.at(0) != "GET");
    fixture.apply("THREAD_CREATE", thread());
    fixture.apply("THREAD_DELETE", {{"id", "250"}, {"guild_id", "100"}});
    CHECK(differs(fixture, json::object()) == "");
  }
}

TEST_SUITE("THREAD_LIST_SYNC") {
  struct Synced {
    json channel_ids;
    Ids left;  ///< Of 250 and 252 in channel 200 and 251 in channel 201.
  };

  TEST_CASE("what is not listed goes within the channels named, within the guild when none is, and nowhere for []") {
    const json listing = {{"guild_id", "100"}, {"threads", {thread("252", {{"name", "new"}})}}};
    for (const Synced& synced : {Synced{{"200"}, {"251", "252"}}, Synced{json::array(), {"250", "251", "252"}},
                                 Synced{nullptr, {"252"}}, Synced{{"201", "202"}, {"250", "252"}}}) {
      CacheFixture fixture(with_messages());
      fixture.apply("THREAD_CREATE", thread());
      fixture.apply("THREAD_CREATE", thread("251", {{"parent_id", "201"}}));
      fixture.apply("THREAD_CREATE", thread("252"));
      fixture.apply("MESSAGE_CREATE", message("900"));
      json data = listing;
      if (!synced.channel_ids.is_null()) data["channel_ids"] = synced.channel_ids;
      for (int twice = 0; twice < 2; ++twice) {
        CAPTURE(data);
        CHECK(fixture.apply("THREAD_LIST_SYNC", data) == Outcome::applied);
        CHECK(fixture.members_of(9, "1:100:11") == synced.left);
        Ids both = fixture.members_of(9, "2:200:11");
        for (const std::string& id : fixture.members_of(9, "2:201:11")) both.push_back(id);
        std::sort(both.begin(), both.end());
        CHECK(both == synced.left);
        for (const char* id : {"250", "251", "252"})
          CHECK(fixture.exists(11, id) == (std::find(synced.left.begin(), synced.left.end(), id) != synced.left.end()));
        CHECK(fixture.json_at(11, "252")["name"] == "new");
        CHECK(fixture.exists(10, "900"));
      }
    }
  }

  TEST_CASE("the own memberships come in a list of their own, matched by id") {
    CacheFixture fixture;
    know_own_user(fixture);
    fixture.put(11, "251", thread("251", {{"member", {{"id", "251"}, {"user_id", "9"}}}}));
    json inner = thread();
    inner.erase("guild_id");
    fixture.apply("THREAD_LIST_SYNC", {{"guild_id", "100"},
                                       {"threads", {inner, thread("251")}},
                                       {"members", {{{"id", "250"}, {"flags", 1}}, {{"id", "300"}}}}});
    CHECK(fixture.json_at(11, "250") == thread("250", {{"member", {{"id", "250"}, {"user_id", "9"}, {"flags", 1}}}}));
    CHECK(fixture.json_at(11, "251") == thread("251"));  // The list is all there is.
    CHECK_FALSE(fixture.exists(11, "300"));
  }

  TEST_CASE("an archived thread in the list is as one that is not listed") {
    CacheFixture fixture;
    fixture.apply("THREAD_CREATE", thread());
    fixture.apply("THREAD_LIST_SYNC", {{"guild_id", "100"}, {"channel_ids", {"200"}}, {"threads", {archived()}}});
    CHECK(differs(fixture, json::object()) == "");
  }
}

TEST_SUITE("members of threads") {
  TEST_CASE("THREAD_MEMBER_UPDATE sets the own membership of a known thread and creates none") {
    CacheFixture fixture;
    const json own = {{"id", "250"}, {"guild_id", "100"}, {"user_id", "9"}, {"flags", 1}};
    CHECK(fixture.apply("THREAD_MEMBER_UPDATE", own) == Outcome::applied);
    CHECK(differs(fixture, json::object()) == "");
    fixture.apply("THREAD_CREATE", thread("250", {{"member", {{"flags", 7}}}}));
    for (int twice = 0; twice < 2; ++twice) {
      fixture.apply("THREAD_MEMBER_UPDATE", own);
      CHECK(fixture.json_at(11, "250") == thread("250", {{"member", {{"id", "250"}, {"user_id", "9"}, {"flags", 1}}}}));
    }
  }

  TEST_CASE("the number of members is set, and the own membership when the own user comes or goes") {
    CacheFixture fixture;
    know_own_user(fixture);
    const json of_thread = {{"id", "250"}, {"guild_id", "100"}};
    fixture.apply("THREAD_MEMBERS_UPDATE", merged(of_thread, {{"member_count", 1}}));
    CHECK(differs(fixture, {{"7", {{"ME", {{"id", "9"}, {"username", "bot"}}}}}}) == "");
    fixture.apply("THREAD_CREATE", thread());
    const auto update = [&](const json& changes) {
      fixture.apply("THREAD_MEMBERS_UPDATE", merged(of_thread, changes));
      return fixture.json_at(11, "250");
    };
    const json own = {{"id", "250"}, {"user_id", "9"}, {"flags", 1}};
    const json with_guild_data = merged(own, {{"member", {{"user", {{"id", "9"}}}}}, {"presence", nullptr}});
    CHECK(update({{"member_count", 2}, {"added_members", {{{"id", "250"}, {"user_id", "8"}}}}}) ==
          thread("250", {{"member_count", 2}}));
    for (int twice = 0; twice < 2; ++twice)
      CHECK(update({{"member_count", 3}, {"added_members", {with_guild_data}}}) ==
            thread("250", {{"member_count", 3}, {"member", own}}));
    CHECK(update({{"member_count", 2}, {"removed_member_ids", {"8"}}}) ==
          thread("250", {{"member_count", 2}, {"member", own}}));
    for (int twice = 0; twice < 2; ++twice)
      CHECK(update({{"member_count", 1}, {"removed_member_ids", {"9"}}}) == thread("250", {{"member_count", 1}}));
    CHECK(listed(fixture, {"250"}));
  }

  TEST_CASE("who leaves a private thread sees it no more: it goes with the own user, and with no other") {
    CacheFixture fixture;
    know_own_user(fixture);
    fixture.apply("THREAD_CREATE", thread("250", {{"type", 12}}));
    const auto leaves = [&](const char* user) {
      fixture.apply("THREAD_MEMBERS_UPDATE",
                    {{"id", "250"}, {"guild_id", "100"}, {"member_count", 1}, {"removed_member_ids", {user}}});
    };
    leaves("8");
    CHECK(listed(fixture, {"250"}));
    leaves("9");
    leaves("9");
    CHECK_FALSE(fixture.exists(11, "250"));
    CHECK(listed(fixture, {}));
  }
}

TEST_SUITE("threads and messages") {
  TEST_CASE("a thread that rides along with a message is stored as by THREAD_CREATE") {
    for (const char* event : {"MESSAGE_CREATE", "MESSAGE_UPDATE"}) {
      CacheFixture fixture;
      fixture.put(11, "900", thread("900", {{"message_count", 4}}));
      json inner = thread("900", {{"name", "new"}});
      inner.erase("guild_id");
      const json starter = message("900", {{"channel_id", "200"}, {"thread", inner}});
      for (int twice = 0; twice < 2; ++twice) {
        CHECK(fixture.apply(event, starter) == Outcome::applied);
        CHECK(fixture.json_at(11, "900") == thread("900", {{"name", "new"}, {"message_count", 4}}));
        CHECK(listed(fixture, {"900"}));
        CHECK(fixture.exists(10, "900") == (std::string_view(event) == "MESSAGE_CREATE"));
      }
    }
  }

  TEST_CASE("a thread in a message outside of guilds or in an ephemeral one is not stored") {
    CacheFixture fixture;
    json direct = message("900", {{"thread", thread("900")}});
    direct.erase("guild_id");
    fixture.apply("MESSAGE_CREATE", direct);
    fixture.apply("MESSAGE_CREATE", message("901", {{"thread", thread("901")}, {"flags", 64}}));
    CHECK_FALSE(fixture.exists(11, "900"));
    CHECK_FALSE(fixture.exists(11, "901"));
  }

  TEST_CASE("messages count in their thread when channel activity is tracked, each once, and never below zero") {
    CacheFixture fixture(with_activity());
    fixture.apply("THREAD_CREATE", thread("250", {{"message_count", 0}, {"total_message_sent", 0}}));
    const auto counts = [&] {
      const json stored = fixture.json_at(11, "250");
      return json{stored["message_count"], stored["total_message_sent"], stored.value("last_message_id", "")};
    };
    fixture.apply("MESSAGE_CREATE", message("250"));  // The first one of a post.
    CHECK(counts() == json{0, 0, "250"});
    fixture.apply("MESSAGE_CREATE", message("900"));
    fixture.apply("MESSAGE_CREATE", message("900"));
    fixture.apply("MESSAGE_CREATE", message("901"));
    fixture.apply("MESSAGE_CREATE", message("902", {{"channel_id", "200"}}));
    fixture.apply("MESSAGE_CREATE", message("903", {{"flags", 64}}));
    CHECK(counts() == json{2, 2, "901"});
    fixture.apply("MESSAGE_DELETE", {{"id", "900"}, {"channel_id", "250"}, {"guild_id", "100"}});
    CHECK(counts() == json{1, 2, "901"});
    fixture.apply("MESSAGE_DELETE_BULK", {{"ids", {"901", "7", "8"}}, {"channel_id", "250"}, {"guild_id", "100"}});
    CHECK(counts() == json{0, 2, "901"});
    CHECK_FALSE(fixture.exists(10, "901"));
  }

  TEST_CASE("messages and their removal read no thread unless channel activity is tracked") {
    CacheFixture fixture;
    fixture.put(11, "250", thread("250", {{"message_count", 1}}));
    fixture.open();
    fixture.watch_commands();
    fixture.apply("MESSAGE_CREATE", message("900"));
    fixture.apply("MESSAGE_DELETE", {{"id", "900"}, {"channel_id", "250"}, {"guild_id", "100"}});
    for (const auto& command : fixture.commands_run()) CHECK(command.at(0) != "GET");
    CHECK(fixture.json_at(11, "250") == thread("250", {{"message_count", 1}}));
  }

  TEST_CASE("pins are of a channel or of a thread, and a missing time is none") {
    CacheFixture fixture;
    fixture.put(11, "250", thread("250", {{"last_pin_timestamp", "old"}}));
    const json pin = {{"guild_id", "100"}, {"channel_id", "250"}, {"last_pin_timestamp", "p"}};
    fixture.apply("CHANNEL_PINS_UPDATE", pin);
    CHECK(fixture.json_at(11, "250")["last_pin_timestamp"] == "p");
    fixture.apply("CHANNEL_PINS_UPDATE", {{"guild_id", "100"}, {"channel_id", "250"}});
    CHECK(fixture.json_at(11, "250") == thread("250", {{"last_pin_timestamp", nullptr}}));
    fixture.apply("CHANNEL_PINS_UPDATE", {{"guild_id", "100"}, {"channel_id", "251"}});
    CHECK_FALSE(fixture.exists(11, "251"));
    CHECK_FALSE(fixture.exists(2, "250"));
  }

  TEST_CASE("an interaction in a known thread merges into it and creates none") {
    CacheFixture fixture;
    fixture.put(11, "250", thread());
    const json partial = {{"id", "250"}, {"type", 11}, {"name", "new"}, {"permissions", "8"}};
    fixture.apply("INTERACTION_CREATE",
                  {{"id", "1"},
                   {"guild_id", "100"},
                   {"channel", partial},
                   {"data", {{"resolved", {{"channels", {{"251", merged(partial, {{"id", "251"}})}}}}}}}});
    CHECK(differs(fixture, {{"11", {{"250", thread("250", {{"name", "new"}})}}}}) == "");
  }
}

TEST_SUITE("threads of channels and guilds") {
  TEST_CASE("a deleted channel takes its threads along with their messages, and no others") {
    CacheFixture fixture(with_messages());
    fixture.apply("GUILD_CREATE",
                  guild({{"threads", {thread(), thread("252"), thread("251", {{"parent_id", "201"}})}}}));
    fixture.apply("MESSAGE_CREATE", message("900"));
    fixture.apply("MESSAGE_CREATE", message("901", {{"channel_id", "251"}}));
    for (int twice = 0; twice < 2; ++twice) {
      CHECK(fixture.apply("CHANNEL_DELETE", {{"id", "200"}, {"guild_id", "100"}, {"type", 0}}) == Outcome::applied);
      CHECK(fixture.members_of(9, "1:100:11") == Ids{"251"});
      CHECK_FALSE(fixture.exists(9, "2:200:11"));
      CHECK(fixture.members_of(9, "2:201:11") == Ids{"251"});
      for (const char* id : {"250", "252"}) CHECK_FALSE(fixture.exists(11, id));
      CHECK_FALSE(fixture.exists(10, "900"));
      CHECK(fixture.exists(10, "901"));
      CHECK(fixture.exists(11, "251"));
    }
  }

  TEST_CASE("GUILD_CREATE makes the threads those it lists, archived ones apart") {
    CacheFixture fixture(with_messages());
    know_own_user(fixture);
    json inner = thread("251", {{"name", "new"}, {"member", {{"flags", 1}}}});
    inner.erase("guild_id");
    fixture.apply("THREAD_CREATE", thread());
    fixture.apply("THREAD_CREATE", thread("251", {{"topic", "old"}}));
    fixture.apply("THREAD_CREATE", thread("253", {{"parent_id", "299"}}));
    fixture.apply("MESSAGE_CREATE", message("900"));
    for (int twice = 0; twice < 2; ++twice) {
      fixture.apply("GUILD_CREATE", guild({{"threads", {inner, archived("252")}}}));
      CHECK(listed(fixture, {"251"}));
      CHECK_FALSE(fixture.exists(9, "2:299:11"));
      CHECK(fixture.json_at(11, "251") ==
            thread("251", {{"name", "new"}, {"member", {{"id", "251"}, {"user_id", "9"}, {"flags", 1}}}}));
      for (const char* id : {"250", "252", "253"}) CHECK_FALSE(fixture.exists(11, id));
      CHECK(fixture.exists(10, "900"));  // Archived, perhaps: its messages are still there.
    }
    CHECK_FALSE(fixture.json_at(1, "100").contains("threads"));
  }

  TEST_CASE("a channel that GUILD_CREATE does not list takes the messages of its threads along") {
    CacheFixture fixture(with_messages());
    fixture.apply("GUILD_CREATE", guild({{"threads", {thread()}}}));
    fixture.apply("MESSAGE_CREATE", message("900"));
    fixture.apply("GUILD_CREATE", guild({{"channels", json::array()}}));
    CHECK_FALSE(fixture.exists(11, "250"));
    CHECK(listed(fixture, {}));
    CHECK_FALSE(fixture.exists(10, "900"));
  }

  TEST_CASE("a listed thread stays though the channel it is in is not listed any more") {
    CacheFixture fixture;
    fixture.apply("GUILD_CREATE", guild({{"threads", {thread(), thread("251")}}}));
    fixture.apply("GUILD_CREATE", guild({{"channels", json::array()}, {"threads", {thread("251")}}}));
    CHECK(fixture.json_at(11, "251") == thread("251"));
    CHECK(listed(fixture, {"251"}));
    CHECK_FALSE(fixture.exists(11, "250"));
  }

  TEST_CASE("more threads than one reply names are swept as well") {
    CacheFixture fixture;
    json many = json::array();
    for (int id = 1000; id < 2500; ++id) many.push_back({{"id", std::to_string(id)}, {"parent_id", "200"}});
    fixture.apply("GUILD_CREATE", guild({{"threads", many}}));
    CHECK(fixture.members_of(9, "2:200:11").size() == 1500);
    fixture.apply("GUILD_CREATE", guild({{"threads", {many[7]}}}));
    CHECK(listed(fixture, {"1007"}));
    CHECK(fixture.state()["11"].size() == 1);
  }

  TEST_CASE("a guild that was left, or that READY does not list, leaves no thread behind") {
    for (const bool by_ready : {false, true}) {
      CacheFixture fixture(with_messages());
      fixture.apply("GUILD_CREATE", guild({{"threads", {thread(), thread("251", {{"parent_id", "299"}})}}}));
      fixture.apply("MESSAGE_CREATE", message("900"));
      if (by_ready) {
        fixture.apply("READY", {{"user", {{"id", "9"}, {"username", "bot"}}}, {"guilds", json::array()}});
      } else {
        fixture.apply("GUILD_DELETE", {{"id", "100"}});
      }
      json left = content(fixture);
      left.erase("7");
      CHECK(diff(left, json::object()) == "");
    }
  }

  TEST_CASE("without the channel resource the threads of a guild that was left go from every set") {
    Resources resources = Resources::all();
    resources.erase(Resource::channel);
    CacheFixture fixture({.resources = resources});
    fixture.apply("GUILD_CREATE", guild({{"threads", {thread()}}}));
    CHECK(listed(fixture, {"250"}));
    fixture.apply("GUILD_DELETE", {{"id", "100"}});
    CHECK(differs(fixture, json::object()) == "");
  }
}

TEST_CASE("events of threads end the same whether or not each waits for the one before") {
  const std::vector<std::pair<const char*, json>> events{
      {"GUILD_CREATE", guild({{"threads", {thread(), thread("251")}}})},
      {"THREAD_CREATE", thread("252", {{"message_count", 0}, {"total_message_sent", 0}})},
      {"MESSAGE_CREATE", message("900", {{"channel_id", "252"}})},
      {"MESSAGE_CREATE", message("901", {{"channel_id", "252"}})},
      {"THREAD_UPDATE", thread("252", {{"name", "new"}})},
      {"THREAD_MEMBER_UPDATE", {{"id", "252"}, {"guild_id", "100"}, {"user_id", "9"}}},
      {"THREAD_UPDATE", thread("252", {{"name", "newer"}})},
      {"THREAD_UPDATE", archived("251")},
      {"THREAD_UPDATE", thread("253", {{"parent_id", "201"}})},
      {"THREAD_LIST_SYNC",
       {{"guild_id", "100"}, {"channel_ids", {"200"}}, {"threads", {thread("254"), thread("252")}}}},
      {"THREAD_MEMBERS_UPDATE", {{"id", "254"}, {"guild_id", "100"}, {"member_count", 4}}},
      {"MESSAGE_CREATE", message("902", {{"channel_id", "254"}})},
      {"THREAD_CREATE", thread("255", {{"parent_id", "201"}})},
      {"CHANNEL_DELETE", {{"id", "201"}, {"guild_id", "100"}, {"type", 0}}},
      {"THREAD_DELETE", {{"id", "252"}, {"guild_id", "100"}, {"parent_id", "200"}}},
      {"THREAD_CREATE", thread("256")},
  };
  json one_by_one;
  for (const bool together : {false, true}) {
    CacheFixture fixture({.policies = {.track_channel_activity = true}, .secondary_indices = SecondaryIndices::all()});
    fixture.open();
    for (const auto& [event, data] : events) {
      fixture.feed_event(event, data);
      if (!together) fixture.flush();
    }
    fixture.flush();
    CHECK(listed(fixture, {"254", "256"}));
    CHECK(fixture.json_at(11, "254") == thread("254", {{"member_count", 4}, {"last_message_id", "902"}}));
    if (together) CHECK(differs(fixture, one_by_one) == "");
    one_by_one = content(fixture);
  }
}

}  // namespace sake::test
