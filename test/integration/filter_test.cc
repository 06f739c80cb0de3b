// Options::filters: what is refused is not stored, with none of its references, and what was stored of it goes.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;

Json user(std::string_view id, bool bot = false) {
  Json user{{"id", id}, {"username", "u" + std::string(id)}};
  if (bot) user["bot"] = true;
  return user;
}

/// Guild 100 with the user 5, the bot 6 and the own bot 7, all of them in voice channel 21.
Json guild_create() {
  Json d{{"id", "100"},
         {"name", "g"},
         {"member_count", 3},
         {"roles", {{{"id", "100"}, {"name", "all"}}, {{"id", "61"}, {"name", "crew"}}}},
         {"channels", {{{"id", "21"}, {"type", 2}}, {{"id", "22"}, {"type", 2}}}}};
  for (const auto& [id, bot] : {std::pair{"5", false}, {"6", true}, {"7", true}}) {
    d["members"].push_back({{"user", user(id, bot)}, {"roles", Json::array()}});
    d["voice_states"].push_back({{"user_id", id}, {"channel_id", std::string_view(id) == "6" ? "22" : "21"}});
    d["presences"].push_back({{"user", user(id, bot)}, {"status", "idle"}});
  }
  return d;
}

Json message(std::string_view id, Json author) {
  return {{"id", id}, {"channel_id", "21"}, {"guild_id", "100"}, {"author", std::move(author)}, {"content", "c"}};
}

Options with(Filters filters) {
  Options options{.secondary_indices = SecondaryIndices::all()};
  options.filters = std::move(filters);
  return options;
}

/// A callback that refuses this one entity.
Callback<bool(const Candidate&)> all_but(Resource resource, std::uint64_t id) {
  return [=](const Candidate& candidate) { return candidate.resource != resource || candidate.id != id; };
}

std::vector<std::string> ids(std::initializer_list<const char*> list) { return {list.begin(), list.end()}; }

TEST_CASE("events of other guilds are ignored, and their guilds go with the next READY") {
  CacheFixture fixture;
  const Json ready{{"user", user("7")}, {"session_id", "s"}, {"guilds", {{{"id", "100"}}, {{"id", "200"}}}}};
  Json other = guild_create();
  other["id"] = "200";
  fixture.apply("READY", ready);
  fixture.apply("GUILD_CREATE", guild_create());
  fixture.apply("GUILD_CREATE", other);
  CHECK(fixture.exists(1, "200"));

  fixture.reopen({.filters = {.only_guilds = {300, 100}}});
  fixture.apply("READY", ready);
  CHECK(fixture.apply("GUILD_CREATE", other).ignored_as("filtered"));
  CHECK(fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "200"}, {"role", {{"id", "62"}}}}).ignored_as("filtered"));
  CHECK(fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "63"}}}}) == Outcome::applied);
  CHECK(fixture.apply("MESSAGE_CREATE", {{"id", "1"}, {"channel_id", "9"}, {"author", user("5")}}) == Outcome::applied);
  CHECK_FALSE(fixture.exists(1, "200"));
  CHECK_FALSE(fixture.exists(4, "200"));
  CHECK(fixture.exists(1, "100"));
  CHECK(fixture.exists(6, "63"));
  CHECK_FALSE(fixture.exists(6, "62"));
}

TEST_CASE("a process that resumes does not take over guilds that it does not cache") {
  CacheFixture fixture;
  fixture.put(1, "100", {{"id", "100"}});
  fixture.put(1, "200", {{"id", "200"}});
  fixture.reopen({.filters = {.only_guilds = {100}}});
  fixture.apply("RESUMED", Json::object());
  CHECK(fixture.stats().guilds_owned == 1);
}

TEST_CASE("bots leave no trace, save for the own user") {
  CacheFixture fixture(with({.no_bots = true}));
  fixture.apply("READY", {{"user", user("7", true)}, {"session_id", "s"}, {"guilds", Json::array()}});
  CHECK(fixture.apply("GUILD_CREATE", guild_create()) == Outcome::applied);
  CHECK(fixture.members_of(4, "100") == ids({"5", "7"}));
  CHECK(fixture.members_of(5, "100") == ids({"5", "7"}));
  CHECK(fixture.members_of(8, "100") == ids({"5", "7"}));
  CHECK(fixture.members_of(9, "2:21:8") == ids({"5", "7", "KEY.100"}));
  CHECK(fixture.exists(7, "5"));
  CHECK(fixture.exists(7, "7"));
  CHECK_FALSE(fixture.exists(7, "6"));
  for (const char* key : {"7:6:4", "7:6:5", "2:22:8"}) {
    CAPTURE(key);
    CHECK_FALSE(fixture.exists(9, key));
  }
  CHECK(fixture.exists(9, "7:5:4"));
  // Twice as a user, and once each as member, presence and voice state.
  CHECK(fixture.stats().filtered == 5);

  Json joined{{"guild_id", "100"}, {"user", user("8", true)}, {"roles", Json::array()}};
  CHECK(fixture.apply("GUILD_MEMBER_ADD", joined) == Outcome::applied);
  CHECK(fixture.members_of(4, "100") == ids({"5", "7"}));
  CHECK(fixture.json_at(1, "100")["member_count"] == 4);
  CHECK(fixture.apply("MESSAGE_CREATE", message("900", user("8", true))) == Outcome::applied);
  CHECK(fixture.exists(10, "900"));
  CHECK_FALSE(fixture.exists(7, "8"));
}

TEST_CASE("bots that were stored before are gone after a GUILD_CREATE") {
  CacheFixture fixture;
  fixture.apply("READY", {{"user", user("7", true)}, {"session_id", "s"}, {"guilds", Json::array()}});
  fixture.apply("GUILD_CREATE", guild_create());
  CHECK(fixture.members_of(4, "100") == ids({"5", "6", "7"}));
  CHECK(fixture.members_of(9, "2:22:8") == ids({"6", "KEY.100"}));
  fixture.reopen(with({.no_bots = true}));
  fixture.apply("GUILD_CREATE", guild_create());
  CHECK(fixture.members_of(4, "100") == ids({"5", "7"}));
  CHECK(fixture.members_of(8, "100") == ids({"5", "7"}));
  CHECK_FALSE(fixture.exists(9, "2:22:8"));
}

TEST_CASE("messages of webhooks cost no command") {
  CacheFixture fixture({.resources = {Resource::message}, .filters = {.no_webhook_messages = true}});
  fixture.open();
  fixture.commands_sent();
  Json sent = message("900", user("50"));
  sent["webhook_id"] = "50";
  CHECK(fixture.apply("MESSAGE_CREATE", sent) == Outcome::applied);
  CHECK(fixture.commands_sent() == 0);
  CHECK(fixture.stats().filtered == 1);
  sent["id"] = "901";
  sent["webhook_id"] = nullptr;
  CHECK(fixture.apply("MESSAGE_CREATE", sent) == Outcome::applied);
  sent["id"] = "902";
  sent.erase("webhook_id");
  sent["content"] = "\"webhook_id\"";
  CHECK(fixture.apply("MESSAGE_CREATE", sent) == Outcome::applied);
  CHECK_FALSE(fixture.exists(10, "900"));
  CHECK(fixture.exists(10, "901"));
  CHECK(fixture.exists(10, "902"));
}

TEST_CASE("the callback sees every entity as it would be stored, with its ids") {
  std::vector<std::string> seen;
  Options options = with({});
  options.resources = Resources::everything();
  options.drop_fields = {{Resource::role, {"name"}}};
  options.filters.accepts = [&](const Candidate& candidate) {
    CHECK(Json::parse(candidate.json).is_object());
    if (candidate.resource == Resource::role) CHECK(Json::parse(candidate.json).contains("name"));
    seen.push_back(std::string(name(candidate.resource)) + " " + std::to_string(candidate.guild_id) + " " +
                   (candidate.code.empty() ? std::to_string(candidate.id) : std::string(candidate.code)));
    return true;
  };
  CacheFixture fixture(std::move(options));
  const auto seen_for = [&](std::string_view event, const Json& d) {
    seen.clear();
    CHECK(fixture.apply(event, d) == Outcome::applied);
    return std::exchange(seen, {});
  };
  CHECK(seen_for("READY", {{"user", user("7")}, {"guilds", Json::array()}}) == ids({"user 0 7"}));
  CHECK(seen_for("GUILD_MEMBER_ADD", {{"guild_id", "100"}, {"user", user("5")}}) ==
        ids({"user 100 5", "member 100 5"}));
  CHECK(seen_for("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "61"}, {"name", "n"}}}}) ==
        ids({"role 100 61"}));
  CHECK(seen_for("MESSAGE_CREATE", message("900", user("5"))) == ids({"user 100 5", "message 100 900"}));
  CHECK(seen_for("INVITE_CREATE", {{"code", "aB1"}, {"channel_id", "21"}, {"guild_id", "100"}}) ==
        ids({"invite 100 aB1"}));
  CHECK(seen_for("GUILD_CREATE", {{"id", "100"}, {"roles", {{{"id", "61"}, {"name", "n"}}}}}) ==
        ids({"role 100 61", "guild 100 100"}));
}

TEST_CASE("what the callback refuses when it changes is removed with its references") {
  Options options = with({});
  bool refuses = false;
  options.filters.accepts = [&](const Candidate&) { return !refuses; };
  CacheFixture fixture(std::move(options));
  fixture.apply("GUILD_CREATE", guild_create());
  fixture.apply("MESSAGE_CREATE", message("900", user("5")));
  fixture.apply("INVITE_CREATE", {{"code", "aB1"}, {"channel_id", "21"}, {"guild_id", "100"}});
  fixture.apply("THREAD_CREATE", {{"id", "25"}, {"guild_id", "100"}, {"parent_id", "21"}, {"type", 11}});
  CHECK(fixture.members_of(9, "1:100:10") == ids({"900"}));

  refuses = true;
  for (const char* id : {"100", "61"})
    fixture.apply("GUILD_ROLE_UPDATE", {{"guild_id", "100"}, {"role", {{"id", id}}}});
  CHECK_FALSE(fixture.exists(6, "61"));
  CHECK_FALSE(fixture.exists(9, "1:100:6"));
  fixture.apply("MESSAGE_UPDATE", message("900", user("5")));
  CHECK_FALSE(fixture.exists(10, "900"));
  for (const char* key : {"1:100:10", "2:21:10", "7:5:10"}) CHECK_FALSE(fixture.exists(9, key));
  fixture.apply("INVITE_CREATE", {{"code", "aB1"}, {"channel_id", "21"}, {"guild_id", "100"}});
  CHECK_FALSE(fixture.exists(3, "aB1"));
  for (const char* key : {"1:100:3", "2:21:3"}) CHECK_FALSE(fixture.exists(9, key));
  fixture.apply("THREAD_UPDATE", {{"id", "25"}, {"guild_id", "100"}, {"parent_id", "21"}, {"type", 11}});
  CHECK_FALSE(fixture.exists(11, "25"));
  for (const char* key : {"1:100:11", "2:21:11"}) CHECK_FALSE(fixture.exists(9, key));
  fixture.apply("PRESENCE_UPDATE", {{"guild_id", "100"}, {"user", {{"id", "5"}}}, {"status", "dnd"}});
  CHECK(fixture.members_of(5, "100") == ids({"6", "7"}));
  CHECK_FALSE(fixture.exists(9, "7:5:5"));
  fixture.apply("VOICE_STATE_UPDATE", {{"guild_id", "100"}, {"user_id", "6"}, {"channel_id", "22"}});
  CHECK(fixture.members_of(8, "100") == ids({"5", "7"}));
  CHECK_FALSE(fixture.exists(9, "2:22:8"));
  fixture.apply("GUILD_MEMBER_UPDATE", {{"guild_id", "100"}, {"user", user("5")}, {"roles", Json::array()}});
  CHECK(fixture.members_of(4, "100") == ids({"6", "7"}));
  CHECK_FALSE(fixture.exists(7, "5"));
  CHECK_FALSE(fixture.exists(9, "7:5:4"));
  fixture.apply("GUILD_CREATE", guild_create());
  // Nothing is left but what no filter decides about.
  CHECK(fixture.state() == Json::object());
}

TEST_CASE("an entity that is refused does not disturb its neighbours in one event") {
  CacheFixture fixture(with({.accepts = all_but(Resource::member, 6)}));
  fixture.apply("GUILD_CREATE", guild_create());
  CHECK(fixture.members_of(4, "100") == ids({"5", "7"}));
  CHECK(fixture.exists(7, "6"));
  CHECK_FALSE(fixture.exists(9, "7:6:4"));
  CHECK(fixture.exists(9, "7:7:4"));
  CHECK(fixture.members_of(5, "100") == ids({"5", "6", "7"}));
}

TEST_CASE("what is refused and then accepted in one event keeps its references") {
  Options options = with({});
  options.policies.harvest_members = HarvestPolicy::on;
  options.filters.accepts = [](const Candidate& candidate) {
    return candidate.resource != Resource::member || candidate.json.find("\"nick\"") != std::string_view::npos;
  };
  CacheFixture fixture(std::move(options));
  Json d = message("900", user("5"));
  d["member"] = {{"roles", Json::array()}};
  Json mention = user("5");
  mention["member"] = {{"roles", Json::array()}, {"nick", "n"}};
  d["mentions"] = {mention};
  fixture.apply("MESSAGE_CREATE", d);
  CHECK(fixture.members_of(4, "100") == ids({"5"}));
  CHECK(fixture.members_of(9, "7:5:4") == ids({"100"}));
}

TEST_CASE("who has left a voice channel unseen is not mistaken for one who was refused") {
  CacheFixture fixture(with({.no_bots = true}));
  fixture.apply("READY", {{"user", user("7", true)}, {"session_id", "s"}, {"guilds", Json::array()}});
  fixture.put_members(9, "2:21:8", {"5", "7", "99", "KEY.100"});
  fixture.put_field(8, "100", "99", {{"user_id", "99"}, {"channel_id", "21"}});
  Json d = guild_create();
  for (Json& state : d["voice_states"]) state["channel_id"] = "21";
  fixture.apply("GUILD_CREATE", d);
  CHECK(fixture.members_of(9, "2:21:8") == ids({"5", "7", "KEY.100"}));
  CHECK(fixture.members_of(8, "100") == ids({"5", "7"}));
}

TEST_CASE("events that wait see what was refused before them as absent") {
  CacheFixture fixture(with({.accepts = all_but(Resource::message, 900)}));
  fixture.apply("READY", {{"user", user("7")}, {"guilds", Json::array()}});
  fixture.feed_event("GUILD_CREATE", guild_create());
  fixture.feed_event("MESSAGE_CREATE", message("900", user("5")));
  fixture.feed_event("MESSAGE_UPDATE", {{"id", "900"}, {"channel_id", "21"}, {"guild_id", "100"}, {"pinned", true}});
  fixture.flush();
  CHECK_FALSE(fixture.exists(10, "900"));
  CHECK_FALSE(fixture.exists(9, "2:21:10"));
}

}  // namespace
}  // namespace sake::test
