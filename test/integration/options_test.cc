// Options at work: where resources are stored, how the server is reached, and what is refused.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
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

Json guild_create() {
  return {{"id", "100"},
          {"name", "g"},
          {"member_count", 1},
          {"roles", {{{"id", "100"}}, {{"id", "61"}}}},
          {"emojis", {{{"id", "31"}}}},
          {"channels", {{{"id", "21"}, {"type", 2}}}},
          {"members", {{{"user", {{"id", "5"}, {"username", "u"}}}}}},
          {"presences", {{{"user", {{"id", "5"}}}, {"status", "idle"}}}},
          {"voice_states", {{{"user_id", "5"}, {"channel_id", "21"}}}},
          {"threads", {{{"id", "25"}, {"parent_id", "21"}, {"type", 11}}}},
          {"stickers", {{{"id", "32"}}}},
          {"stage_instances", {{{"id", "41"}, {"channel_id", "21"}}}},
          {"guild_scheduled_events", {{{"id", "42"}}}},
          {"soundboard_sounds", {{{"sound_id", "43"}}}}};
}

Json message() {
  return {{"id", "900"}, {"channel_id", "21"}, {"guild_id", "100"}, {"author", {{"id", "5"}, {"username", "u"}}}};
}

/// Feeds a little of everything that is stored.
void feed_all(CacheFixture& fixture) {
  CHECK(fixture.apply("GUILD_CREATE", guild_create()) == Outcome::applied);
  CHECK(fixture.apply("MESSAGE_CREATE", message()) == Outcome::applied);
  const Json invite = {
      {"code", "aB1"}, {"channel_id", "21"}, {"guild_id", "100"}, {"expires_at", "2099-01-01T00:00:00+00:00"}};
  CHECK(fixture.apply("INVITE_CREATE", invite) == Outcome::applied);
  for (const char* event : {"INTEGRATION_CREATE", "AUTO_MODERATION_RULE_CREATE"})
    CHECK(fixture.apply(event, {{"id", "44"}, {"guild_id", "100"}}) == Outcome::applied);
}

/// From 0 to the last one.
std::vector<int> databases_up_to(int last) {
  std::vector<int> databases;
  for (int database = 0; database <= last; ++database) databases.push_back(database);
  return databases;
}

std::vector<int> databases_with_keys(CacheFixture& fixture) {
  std::vector<int> databases;
  const Json state = fixture.state();
  for (const auto& [database, keys] : state.items()) databases.push_back(std::stoi(database));
  std::ranges::sort(databases);
  return databases;
}

/// Number of the library's connections by the database that each has selected.
std::map<int, int> connections(CacheFixture& fixture) {
  std::map<int, int> found;
  const std::string list = fixture.client.command("CLIENT", "LIST").text;
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find('\n', begin), list.size());
    const std::string line = list.substr(begin, end - begin);
    begin = end + 1;
    if (line.find(" name=sake:") == line.npos) continue;
    ++found[std::stoi(line.substr(line.find(" db=") + 4))];
  }
  return found;
}

// ------------------------------------------------------------------------------------------------ Databases

TEST_CASE("each resource is stored in the database of its number, and references in 9") {
  CacheFixture fixture;
  feed_all(fixture);
  CHECK(databases_with_keys(fixture) == databases_up_to(15));
  CacheFixture everything({.resources = Resources::everything()});
  feed_all(everything);
  CHECK(databases_with_keys(everything) == databases_up_to(17));
}

TEST_CASE("what a stock Redis has no database for is refused there with a clear error, and works when it is moved") {
  RedisServer server({.databases = 16});
  Options options{.address = server.address(), .resources = {Resource::guild, Resource::integration}};
  options.with_index_override(Resource::integration, 15);
  CacheFixture fixture(std::move(options));
  fixture.open();
  fixture.close();
  std::string told;
  Options beyond{.address = server.address(), .resources = {Resource::integration}};
  auto cache = Cache::open(fixture.loop.get(), std::move(beyond),
                           [&](Status status) { told = status ? "open" : status.error().text; });
  REQUIRE(cache.has_value());
  fixture.loop.run_until([&] { return !told.empty(); });
  CHECK(told.find("integration") != told.npos);
  CHECK(told.find("database 16") != told.npos);
}

TEST_CASE("an index override moves a resource, and the keys of references keep the default number") {
  Options options;
  options.with_index_override(Resource::role, 21).with_index_override(Resource::voice_state, 30);
  options.with_index_override(Resource::user, 22).with_index_override(Resource::message, 23);
  CacheFixture fixture(std::move(options));
  feed_all(fixture);
  CHECK(fixture.json_at(21, "61")["guild_id"] == "100");
  CHECK(fixture.field_at(30, "100", "5")["channel_id"] == "21");
  CHECK(fixture.json_at(22, "5")["username"] == "u");
  CHECK(fixture.json_at(23, "900")["channel_id"] == "21");
  CHECK(fixture.members_of(9, "1:100:6") == std::vector<std::string>{"100", "61"});
  CHECK(fixture.members_of(9, "2:21:8") == std::vector<std::string>{"5", "KEY.100"});
  CHECK(databases_with_keys(fixture) == std::vector<int>{0, 1, 2, 3, 4, 5, 9, 11, 12, 13, 14, 15, 21, 22, 23, 30});

  fixture.apply("READY",
                {{"user", {{"id", "9"}, {"username", "me"}}}, {"guilds", {{{"id", "100"}, {"unavailable", true}}}}});
  CHECK(fixture.json_at(22, "ME")["username"] == "me");
  fixture.apply("GUILD_DELETE", {{"id", "100"}});
  CHECK_FALSE(fixture.exists(21, "61"));
  CHECK_FALSE(fixture.exists(9, "1:100:6"));
  CHECK_FALSE(fixture.exists(30, "100"));
}

TEST_CASE("two resources may change places") {
  CacheFixture fixture({.index_overrides = {{Resource::emoji, 6}, {Resource::role, 0}}});
  feed_all(fixture);
  CHECK(fixture.exists(6, "31"));
  CHECK(fixture.exists(0, "61"));
  CHECK(fixture.members_of(9, "1:100:0") == std::vector<std::string>{"31"});
}

TEST_CASE("a resource may be sent to the database of one that is not in use") {
  CacheFixture fixture({.resources = {Resource::guild, Resource::role}, .index_overrides = {{Resource::role, 0}}});
  feed_all(fixture);
  CHECK(databases_with_keys(fixture) == std::vector<int>{0, 1, 9});
}

TEST_CASE("options tell where a resource goes and which databases are used") {
  Options options;
  CHECK_FALSE(options.get_index_override(Resource::role).has_value());
  options.with_index_override(Resource::role, 21);
  CHECK(options.get_index_override(Resource::role) == 21);
  options.with_index_override(Resource::role, 22);
  CHECK(options.get_index_override(Resource::role) == 22);
  CHECK(options.index_overrides.size() == 1);
  CHECK(options.all_indexes() == std::vector<int>{0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 22});
  options.with_index_override(Resource::role, std::nullopt);
  CHECK_FALSE(options.get_index_override(Resource::role).has_value());
  CHECK(options.all_indexes() == databases_up_to(15));
  options.resources = {Resource::role, Resource::user};
  CHECK(options.all_indexes() == std::vector<int>{6, 7, 9});
  CHECK(options.all_intents() == Intents::guilds);
}

TEST_CASE("the database of references counts as used only when something refers to it") {
  Options options{.resources = {Resource::guild, Resource::user}};
  CHECK(options.all_indexes() == std::vector<int>{1, 7});
  options.resources.insert(Resource::message);
  CHECK(options.all_indexes() == std::vector<int>{1, 7, 10});
  options.secondary_indices.messages_by_channel = true;
  CHECK(options.all_indexes() == std::vector<int>{1, 7, 9, 10});
}

TEST_CASE("lifetimes can be set by hikari-sake's builders") {
  Options options;
  options.with_user_expire(30.5).with_message_expire(2min).with_invite_expire(Lifetime::never);
  CHECK(options.user_expire.duration() == 30'500ms);
  CHECK(options.message_expire.duration() == 120'000ms);
  CHECK_FALSE(options.invite_expire.duration().has_value());
}

TEST_CASE("a subset of resources stores only what it names, and costs no other command") {
  CacheFixture fixture({.resources = {Resource::guild, Resource::member}});
  feed_all(fixture);
  CHECK(databases_with_keys(fixture) == std::vector<int>{1, 4});
  fixture.commands_sent();
  fixture.apply("MESSAGE_CREATE", message());
  fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "62"}}}});
  fixture.apply("CHANNEL_UPDATE", {{"id", "21"}, {"guild_id", "100"}, {"type", 2}});
  fixture.apply("VOICE_STATE_UPDATE", {{"guild_id", "100"}, {"user_id", "5"}, {"channel_id", nullptr}});
  fixture.apply("PRESENCE_UPDATE",
                {{"guild_id", "100"}, {"user", {{"id", "5"}, {"username", "u"}}}, {"status", "dnd"}});
  fixture.apply("USER_UPDATE", {{"id", "9"}, {"username", "me"}});
  CHECK(fixture.commands_sent() == 0);
  std::vector<Resource> counted;
  for (const ResourceStats& stats : fixture.stats().resources) counted.push_back(stats.resource);
  CHECK(counted == std::vector<Resource>{Resource::guild, Resource::member});
}

TEST_CASE("every single resource works alone") {
  for (const Resource resource : all_resources()) {
    CAPTURE(name(resource));
    CacheFixture fixture({.resources = {resource}});
    feed_all(fixture);
    fixture.apply("GUILD_MEMBER_REMOVE", {{"guild_id", "100"}, {"user", {{"id", "6"}, {"username", "v"}}}});
    fixture.apply("CHANNEL_DELETE", {{"id", "22"}, {"guild_id", "100"}, {"type", 2}});
    const std::vector<int> used = databases_with_keys(fixture);
    CHECK(std::ranges::find(used, static_cast<int>(resource)) != used.end());
    for (const int database : used) CHECK((database == 9 || database == static_cast<int>(resource)));
    fixture.apply("GUILD_DELETE", {{"id", "100"}});
    const bool outlives_the_guild = resource == Resource::user || resource == Resource::message;
    if (!outlives_the_guild) CHECK_FALSE(fixture.state().contains(std::to_string(static_cast<int>(resource))));
  }
}

// ------------------------------------------------------------------------------------------------ Connections

TEST_CASE("a freshly opened cache holds one connection per database in use") {
  CacheFixture fixture({.max_connections_per_db = 5});
  fixture.open();
  std::map<int, int> expected;
  for (const int database : fixture.cache().options().all_indexes()) expected[database] = 1;
  CHECK(connections(fixture) == expected);
  CHECK(fixture.stats().connections == expected.size());
  feed_all(fixture);
  std::size_t total = 0;
  for (const auto& [database, count] : connections(fixture)) total += static_cast<std::size_t>(count);
  CHECK(total == expected.size());  // Writers go to 9 and back; nothing is opened for that.
}

TEST_CASE("a cache of two resources holds no connection to the databases of others") {
  CacheFixture fixture({.resources = {Resource::guild, Resource::user}, .index_overrides = {{Resource::user, 20}}});
  fixture.open();
  std::map<int, int> found = connections(fixture);
  found.erase(9);  // The library's own keys are there.
  CHECK(found == std::map<int, int>{{1, 1}, {20, 1}});
}

TEST_CASE("no connection is left when a cache has closed") {
  CacheFixture fixture;
  fixture.open();
  CHECK_FALSE(connections(fixture).empty());
  fixture.close();
  fixture.loop.run_until([&] { return connections(fixture).empty(); });
}

// ------------------------------------------------------------------------------------------------ Refused options

TEST_CASE("options that cannot work are refused at once, with a text that names them") {
  struct Case {
    const char* named;
    std::function<void(Options&)> spoil;
  };
  const Case cases[] = {
      {"max_connections_per_db", [](Options& options) { options.max_connections_per_db = 0; }},
      {"max_connections_per_db", [](Options& options) { options.max_connections_per_db = -1; }},
      {"pending_bytes_max", [](Options& options) { options.pending_bytes_max = 0; }},
      {"batch_bytes", [](Options& options) { options.batch_bytes = 0; }},
      {"in_flight_bytes_max", [](Options& options) { options.in_flight_bytes_max = 0; }},
      {"frame_bytes_max", [](Options& options) { options.frame_bytes_max = 0; }},
      {"frame_bytes_max", [](Options& options) { options.frame_bytes_max = (std::size_t{1} << 30) + 1; }},
      {"connect_timeout", [](Options& options) { options.connect_timeout = 0ms; }},
      {"command_timeout", [](Options& options) { options.command_timeout = 0ms; }},
      {"drain_timeout", [](Options& options) { options.drain_timeout = -1ms; }},
      {"open_timeout", [](Options& options) { options.open_timeout = -1ms; }},
      {"default_expire", [](Options& options) { options.default_expire = 0s; }},
      {"user_expire", [](Options& options) { options.user_expire = 0.0; }},
      {"user_expire", [](Options& options) { options.user_expire = 0.0001; }},
      {"message_expire", [](Options& options) { options.message_expire = -1.0; }},
      {"invite_expire", [](Options& options) { options.invite_expire = -5min; }},
      {"resources", [](Options& options) { options.resources = {}; }},
      {"index_overrides", [](Options& options) { options.with_index_override(Resource::role, -1); }},
      {"role", [](Options& options) { options.with_index_override(Resource::role, 9); }},
      {"role", [](Options& options) { options.with_index_override(Resource::role, 1); }},
      {"guild", [](Options& options) { options.with_index_override(Resource::role, 1); }},
      {"share database 1", [](Options& options) { options.with_index_override(Resource::role, 1); }},
      {"emoji",
       [](Options& options) {
         options.index_overrides = {{Resource::role, 20}, {Resource::emoji, 20}};
       }},
      {"role",
       [](Options& options) {
         options.index_overrides = {{Resource::role, 20}, {Resource::role, 21}};
       }},
      {"address", [](Options& options) { options.address = "127.0.0.1:6379"; }},
      {"address", [](Options& options) { options.address = ""; }},
      {"address", [](Options& options) { options.address = "redis://127.0.0.1:0"; }},
      {"address", [](Options& options) { options.address = "redis://127.0.0.1:6379/3"; }},
      {"database", [](Options& options) { options.address = "redis://127.0.0.1:6379/3"; }},
      {"address", [](Options& options) { options.address = "unix://relative.sock"; }},
      {"107", [](Options& options) { options.address = "unix:///" + std::string(107, 'x'); }},
      {"address", [](Options& options) { options.address = "redis://user:pass%zz@127.0.0.1"; }},
  };
  for (const Case& each : cases) {
    CAPTURE(each.named);
    Loop loop;
    Options options;
    each.spoil(options);
    bool called = false;
    const auto cache = Cache::open(loop.get(), std::move(options), [&](Status) { called = true; });
    REQUIRE_FALSE(cache.has_value());
    CHECK(cache.error().code == Errc::invalid_argument);
    CHECK(cache.error().cause == Cause::none);
    CAPTURE(cache.error().text);
    CHECK(cache.error().text.find(each.named) != std::string::npos);
    loop.run_for_turns(5);
    CHECK_FALSE(called);
  }
}

TEST_CASE("a refused address shows no part of itself that may be a password") {
  Loop loop;
  for (const char* address : {"redis://user:hunter2%zz@127.0.0.1", "redis://user:hunter2@127.0.0.1:port",
                              "http://user:hunter2@127.0.0.1", "redis://user:hunter2@127.0.0.1/3",
                              "redis://user:hunter2@127.0.0.1?db=3", "user:hunter2@127.0.0.1", "unix://hunter2@x/y"}) {
    CAPTURE(address);
    const auto cache = Cache::open(loop.get(), {.address = address});
    REQUIRE_FALSE(cache.has_value());
    CHECK(describe(cache.error()).find("hunter2") == std::string::npos);
  }
}

// ------------------------------------------------------------------------------------------------ Addresses

/// Each character of it has a meaning in a URL.
constexpr std::string_view secret = "p@ss:w/o%rd?#[]";
constexpr std::string_view encoded_secret = "p%40ss%3Aw%2Fo%25rd%3F%23%5B%5D";
constexpr std::string_view user = "al:ice@x";
constexpr std::string_view encoded_user = "al%3Aice%40x";

/// The outcome of opening a cache with an address.
Status status_of_opening(CacheFixture& fixture, Options options) {
  Status told;
  bool opened = false;
  auto cache = Cache::open(fixture.loop.get(), std::move(options), [&](Status status) {
    told = std::move(status);
    opened = true;
    uv_stop(fixture.loop.get());
  });
  REQUIRE(cache.has_value());
  fixture.loop.run_until(opened);
  bool applied = false;
  bool ended = false;
  if (told.ok()) {
    REQUIRE((*cache)
                ->shard()
                .dispatch("GUILD_ROLE_CREATE", R"({"guild_id":"100","role":{"id":"61"}})", std::nullopt,
                          [&](const EventResult& result) {
                            applied = result.outcome == Outcome::applied;
                            ended = true;
                            uv_stop(fixture.loop.get());
                          })
                .ok());
    fixture.loop.run_until(ended);
    CHECK(applied);
  }
  return told;
}

TEST_CASE("the server is reached over a Unix socket and over TCP") {
  CacheFixture fixture({}, {.tcp = true});
  CHECK(status_of_opening(fixture, {.address = fixture.server.address()}).ok());
  CHECK(status_of_opening(fixture, {.address = fixture.server.tcp_address()}).ok());
  const std::string port = std::to_string(fixture.server.port());
  CHECK(status_of_opening(fixture, {.address = "redis://localhost:" + port}).ok());
  CHECK(status_of_opening(fixture, {.address = "redis://127.0.0.1:" + port + "/"}).ok());
}

TEST_CASE("the path of a socket may be percent-encoded") {
  CacheFixture fixture;
  const std::string odd = fixture.server.directory() + "/a b%c.sock";
  REQUIRE(symlink(fixture.server.socket_path().c_str(), odd.c_str()) == 0);
  CHECK(status_of_opening(fixture, {.address = "unix://" + fixture.server.directory() + "/a%20b%25c.sock"}).ok());
}

TEST_CASE("a user and a password are taken from the address, percent-encoded") {
  CacheFixture fixture(
      {}, {.tcp = true,
           .configuration = {"user \"" + std::string(user) + "\" on \">" + std::string(secret) + "\" ~* &* +@all"}});
  const std::string who = std::string(encoded_user) + ":" + std::string(encoded_secret) + "@";
  const std::string wrong = std::string(encoded_user) + ":wrong@";
  const std::string tcp = "127.0.0.1:" + std::to_string(fixture.server.port());
  const std::string socket = fixture.server.socket_path();
  // Without a user of its own the default one could do all of this.
  REQUIRE_FALSE(fixture.client.command("ACL", "SETUSER", "default", "nocommands", "+acl", "+client").is_error());
  CHECK(status_of_opening(fixture, {.address = "redis://" + who + tcp}).ok());
  CHECK(status_of_opening(fixture, {.address = "unix://" + who + socket}).ok());
  for (const std::string& address : {"redis://" + wrong + tcp, "unix://" + wrong + socket, "redis://nobody:x@" + tcp}) {
    CAPTURE(address);
    const Status status = status_of_opening(fixture, {.address = address});
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Errc::backend_error);
    CHECK(status.error().cause == Cause::auth);
  }
}

TEST_CASE("the password of the default user comes with the address or with its own option, and the address wins") {
  CacheFixture fixture({}, {.tcp = true});
  REQUIRE_FALSE(fixture.client.command("CONFIG", "SET", "requirepass", secret).is_error());
  REQUIRE_FALSE(fixture.client.command("AUTH", secret).is_error());
  const std::string tcp = "127.0.0.1:" + std::to_string(fixture.server.port());
  const std::string with = "redis://:" + std::string(encoded_secret) + "@" + tcp;
  const std::string socket = "unix://:" + std::string(encoded_secret) + "@" + fixture.server.socket_path();
  CHECK(status_of_opening(fixture, {.address = with}).ok());
  CHECK(status_of_opening(fixture, {.address = socket}).ok());
  CHECK(status_of_opening(fixture, {.address = "redis://" + tcp, .password = std::string(secret)}).ok());
  CHECK(status_of_opening(fixture, {.address = fixture.server.address(), .password = std::string(secret)}).ok());
  CHECK(status_of_opening(fixture, {.address = "redis://default@" + tcp, .password = std::string(secret)}).ok());
  CHECK(status_of_opening(fixture, {.address = with, .password = "wrong"}).ok());

  const Status none = status_of_opening(fixture, {.address = "redis://" + tcp});
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().cause == Cause::auth);
  const Status other =
      status_of_opening(fixture, {.address = "redis://:wrong@" + tcp, .password = std::string(secret)});
  REQUIRE_FALSE(other.ok());
  CHECK(other.error().cause == Cause::auth);
}

// ------------------------------------------------------------------------------------------------ Sizes

TEST_CASE("however small batches and what may be under way are, the state is the same") {
  CacheFixture usual;
  feed_all(usual);
  const Json expected = usual.state();
  for (const std::size_t bytes : {1u, 100u, 5000u}) {
    CAPTURE(bytes);
    CacheFixture fixture({.batch_bytes = bytes, .in_flight_bytes_max = bytes});
    feed_all(fixture);
    CHECK(diff(fixture.state(), expected) == "");
  }
}

TEST_CASE("frames above frame_bytes_max are rejected, and those at it are not") {
  const std::string frame = CacheFixture::frame("MESSAGE_CREATE", message(), 1);
  CacheFixture exact({.frame_bytes_max = frame.size()});
  CHECK(exact.apply_frame(frame) == Outcome::applied);
  CacheFixture below({.frame_bytes_max = frame.size() - 1});
  const Ending& ending = below.apply_frame(frame);
  CHECK(ending == Outcome::rejected);
  CHECK(ending.error.find("frame_bytes_max") != std::string::npos);
  CHECK_FALSE(below.exists(10, "900"));
}

TEST_CASE("fields that are not wanted reach Redis by no event, and the rest works as ever") {
  CacheFixture fixture({.keep_fields = {{Resource::role, {"name"}}, {Resource::member, {"roles"}}},
                        .drop_fields = {{Resource::message, {"embeds", "reactions"}}}});
  const nlohmann::json role{{"id", "7"}, {"name", "crew"}, {"color", 1}};
  const nlohmann::json member{{"user", {{"id", "5"}, {"username", "u"}}}, {"nick", "n"}, {"roles", {"7"}}};
  fixture.apply("GUILD_CREATE", {{"id", "100"}, {"member_count", 1}, {"roles", {role}}, {"members", {member}}});
  CHECK(fixture.json_at(6, "7") == nlohmann::json{{"id", "7"}, {"guild_id", "100"}, {"name", "crew"}});
  CHECK(fixture.field_at(4, "100", "5").size() == 3);
  fixture.apply("GUILD_MEMBER_UPDATE", {{"guild_id", "100"},
                                        {"user", {{"id", "5"}, {"username", "u"}}},
                                        {"nick", "other"},
                                        {"roles", nlohmann::json::array()}});
  CHECK(fixture.field_at(4, "100", "5") == nlohmann::json{{"guild_id", "100"},
                                                          {"user", {{"id", "5"}, {"username", "u"}}},
                                                          {"roles", nlohmann::json::array()}});
  fixture.apply("MESSAGE_CREATE", {{"id", "1"}, {"channel_id", "2"}, {"content", "x"}, {"embeds", {{{"a", 1}}}}});
  fixture.apply(
      "MESSAGE_REACTION_ADD",
      {{"message_id", "1"}, {"channel_id", "2"}, {"user_id", "5"}, {"emoji", {{"id", nullptr}, {"name", "e"}}}});
  CHECK(fixture.json_at(10, "1") == nlohmann::json{{"id", "1"}, {"channel_id", "2"}, {"content", "x"}});
}

/// What comes and goes in every index.
void feed_indexed(CacheFixture& fixture) {
  feed_all(fixture);
  Json other = message();
  for (const char* id : {"901", "902", "903", "904"}) {
    other["id"] = id;
    fixture.apply("MESSAGE_CREATE", other);
  }
  fixture.apply("MESSAGE_UPDATE", {{"id", "901"}, {"channel_id", "21"}, {"guild_id", "100"}, {"pinned", true}});
  fixture.apply("MESSAGE_DELETE", {{"id", "902"}, {"channel_id", "21"}, {"guild_id", "100"}});
  fixture.apply("MESSAGE_DELETE_BULK", {{"ids", {"903"}}, {"channel_id", "21"}, {"guild_id", "100"}});
  fixture.apply("INVITE_CREATE", {{"code", "cD2"}, {"channel_id", "21"}, {"guild_id", "100"}});
  fixture.apply("INVITE_DELETE", {{"code", "cD2"}, {"channel_id", "21"}, {"guild_id", "100"}});
  for (const char* id : {"6", "7"})
    fixture.apply("GUILD_MEMBER_ADD", {{"guild_id", "100"}, {"user", {{"id", id}, {"username", "u"}}}});
  fixture.apply("PRESENCE_UPDATE", {{"guild_id", "100"}, {"user", {{"id", "6"}}}, {"status", "dnd"}});
  fixture.apply("PRESENCE_UPDATE", {{"guild_id", "100"}, {"user", {{"id", "6"}}}, {"status", "offline"}});
  fixture.apply("GUILD_MEMBER_REMOVE", {{"guild_id", "100"}, {"user", {{"id", "6"}, {"username", "u"}}}});
}

TEST_CASE("a secondary index is kept when it is on, and costs no command when it is off") {
  struct Index {
    const char* name;
    bool SecondaryIndices::*flag;
    const char* key;
    std::vector<std::string> entries;  ///< In the end.
  };
  const Index indices[] = {
      {"messages_by_channel", &SecondaryIndices::messages_by_channel, "2:21:10", {"900", "901", "904"}},
      {"messages_by_author", &SecondaryIndices::messages_by_author, "7:5:10", {"900", "901", "904"}},
      {"messages_by_guild", &SecondaryIndices::messages_by_guild, "1:100:10", {"900", "901", "904"}},
      {"invites_by_channel", &SecondaryIndices::invites_by_channel, "2:21:3", {"aB1"}},
      {"invites_by_guild", &SecondaryIndices::invites_by_guild, "1:100:3", {"aB1"}},
      {"members_by_user", &SecondaryIndices::members_by_user, "7:7:4", {"100"}},
      {"presences_by_user", &SecondaryIndices::presences_by_user, "7:5:5", {"100"}}};
  for (const Index& index : indices) {
    CAPTURE(index.name);
    SecondaryIndices only = SecondaryIndices::none();
    only.*index.flag = true;
    CacheFixture on({.resources = Resources::everything(), .secondary_indices = only});
    feed_indexed(on);
    std::vector<std::string> entries = on.members_of(9, index.key);
    std::ranges::sort(entries);
    CHECK(entries == index.entries);
    for (const Index& other : indices)
      if (&other != &index) CHECK_FALSE(on.exists(9, other.key));

    SecondaryIndices others = SecondaryIndices::all();
    others.*index.flag = false;
    CacheFixture off({.resources = Resources::everything(), .secondary_indices = others});
    off.open();
    off.watch_commands();
    feed_indexed(off);
    off.apply("GUILD_DELETE", {{"id", "100"}});
    // Keys differ by their ends: whose they are and what they list.
    const std::string key = index.key;
    const std::string owner = key.substr(0, 2);
    const std::string listed = key.substr(key.rfind(':'));
    const auto commands = off.commands_run();
    CHECK(commands.size() > 50);
    for (const auto& command : commands)
      for (const std::string& argument : command)
        CHECK_FALSE((argument.starts_with(owner) && argument.ends_with(listed)));
  }
}

TEST_CASE("a policy that is off costs no command, and one that is on does what it says") {
  const Json in_channel{{"channel_id", "21"}, {"guild_id", "100"}};
  const auto with = [](Json json, const Json& more) {
    json.update(more);
    return json;
  };
  const Json reaction = with(in_channel, {{"message_id", "900"}, {"user_id", "5"}, {"emoji", {{"name", "e"}}}});
  const Json brought = with(message(), {{"id", "950"}, {"member", {{"nick", "n"}, {"roles", {"61"}}}}});
  const Json ready{{"user", {{"id", "7"}, {"username", "me"}}}, {"guilds", Json::array()}};
  const Json short_list{{"id", "100"}, {"member_count", 3}, {"members", {{{"user", {{"id", "8"}}}}}}};
  struct Policy {
    const char* name;
    Policies on;
    Policies off;
    const char* event;
    Json d;
    const char* command;  ///< Sent when it is on, and not when it is off,
    const char* key;      ///< for this key.
    int extra;            ///< How many more are sent.
  };
  const Policies none{.guild_create_members = MemberPolicy::merge,
                      .harvest_members = HarvestPolicy::off,
                      .reconcile = false,
                      .track_reactions = false};
  const auto but = [&](auto Policies::*which, auto value) {
    Policies policies = none;
    policies.*which = value;
    return policies;
  };
  const Policy policies[] = {{"track_reactions", but(&Policies::track_reactions, true), none, "MESSAGE_REACTION_ADD",
                              reaction, "GET", "900", 2},
                             {"track_channel_activity", but(&Policies::track_channel_activity, true), none,
                              "MESSAGE_CREATE", message(), "GET", "21", 3},
                             {"harvest_members", but(&Policies::harvest_members, HarvestPolicy::on), none,
                              "MESSAGE_CREATE", brought, "HSET", "100", 1},
                             {"scrub_deleted_roles",
                              but(&Policies::scrub_deleted_roles, true),
                              none,
                              "GUILD_ROLE_DELETE",
                              {{"guild_id", "100"}, {"role_id", "61"}},
                              "HSCAN",
                              "100",
                              1},
                             {"reconcile", but(&Policies::reconcile, true), none, "READY", ready, "SCAN", "0", -1},
                             {"guild_create_members", but(&Policies::guild_create_members, MemberPolicy::replace), none,
                              "GUILD_CREATE", short_list, "HLEN", "100", -1}};
  for (const Policy& policy : policies) {
    CAPTURE(policy.name);
    const auto sent = [&](const Policies& chosen) {
      CacheFixture fixture({.policies = chosen});
      feed_all(fixture);
      fixture.commands_sent();
      fixture.watch_commands();
      CHECK(fixture.apply(policy.event, policy.d) == Outcome::applied);
      fixture.run_until_answered();
      std::ptrdiff_t found = 0;
      for (const auto& command : fixture.commands_run())
        if (command.size() > 1 && command[0] == policy.command && command[1] == policy.key) ++found;
      return std::pair(found, static_cast<int>(fixture.commands_sent()));
    };
    const auto [found_off, sent_off] = sent(policy.off);
    const auto [found_on, sent_on] = sent(policy.on);
    CHECK(found_on > found_off);
    CHECK(sent_on > sent_off);
    if (policy.extra >= 0) {
      CHECK(found_off == 0);
      CHECK(sent_on - sent_off == policy.extra);
    }
  }
}

TEST_CASE("the options in use can be asked for") {
  CacheFixture fixture({.pending_bytes_max = 12345});
  CHECK(fixture.cache().options().pending_bytes_max == 12345);
}

}  // namespace
}  // namespace sake::test
