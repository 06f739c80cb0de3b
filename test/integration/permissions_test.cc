// What a member may do, as the cache answers it: in two trips, and not at all where something cannot be known.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/answer.h"
#include "support/cache_fixture.h"
#include "support/command_proxy.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;
using By = PermissionReason::By;

constexpr std::uint64_t guild = 100, owner = 4, member = 5, plain = 6, own = 7, moderator = 8;
constexpr std::uint64_t role = 101, deleted_role = 103, moderators = 104;
constexpr std::uint64_t channel = 120, public_thread = 130, private_thread = 131, other_private_thread = 132;

constexpr Permissions everyone = {Permission::view_channel, Permission::send_messages, Permission::embed_links,
                                  Permission::send_messages_in_threads};

Json user(std::uint64_t id) { return {{"id", std::to_string(id)}, {"username", "u"}}; }

Json role_of(std::uint64_t id, Permissions permissions) {
  return {{"id", std::to_string(id)}, {"permissions", std::to_string(permissions.value())}, {"position", 1}};
}

Json member_of(std::uint64_t id, std::vector<std::uint64_t> roles) {
  Json ids = Json::array();
  for (std::uint64_t each : roles) ids.push_back(std::to_string(each));
  return {{"user", user(id)}, {"roles", ids}};
}

Json overwrite(std::uint64_t id, int type, Permissions allow, Permissions deny) {
  return {{"id", std::to_string(id)},
          {"type", type},
          {"allow", std::to_string(allow.value())},
          {"deny", std::to_string(deny.value())}};
}

Json channel_of(std::uint64_t id, Json overwrites) {
  return {{"id", std::to_string(id)}, {"type", 0}, {"permission_overwrites", std::move(overwrites)}};
}

Json thread_of(std::uint64_t id, int type, std::uint64_t parent = channel) {
  return {{"id", std::to_string(id)}, {"type", type}, {"parent_id", std::to_string(parent)}};
}

/// Guild 100 as the tests want it: the channel takes SEND_MESSAGES from everyone and gives it back to the role 101.
Json guild_create() {
  Json own_thread = thread_of(private_thread, 12);
  own_thread["member"] = {{"join_timestamp", "2024-01-01T00:00:00+00:00"}, {"flags", 1}};
  return {{"id", std::to_string(guild)},
          {"name", "g"},
          {"owner_id", std::to_string(owner)},
          {"member_count", 5},
          {"roles",
           {role_of(guild, everyone), role_of(role, Permission::manage_messages),
            role_of(moderators, Permission::manage_threads)}},
          {"channels",
           {channel_of(channel, {overwrite(guild, 0, {}, Permission::send_messages),
                                 overwrite(role, 0, Permission::send_messages, {}),
                                 overwrite(member, 1, Permission::add_reactions, {})})}},
          {"threads", {thread_of(public_thread, 11), own_thread, thread_of(other_private_thread, 12)}},
          {"members",
           {member_of(owner, {}), member_of(member, {role}), member_of(plain, {}), member_of(own, {}),
            member_of(moderator, {moderators})}}};
}

void feed(CacheFixture& fixture) {
  REQUIRE(fixture.apply("READY", {{"user", user(own)}, {"session_id", "s"}, {"guilds", Json::array()}}) ==
          Outcome::applied);
  REQUIRE(fixture.apply("GUILD_CREATE", guild_create()) == Outcome::applied);
}

Options with_intents() { return {.intents = static_cast<Intents>(0xFFFFFFFFu)}; }

PermissionReport granted(CacheFixture& fixture, std::uint64_t who, std::optional<std::uint64_t> where = std::nullopt,
                         Reasons reasons = Reasons::none) {
  auto report = answer(fixture, fixture.cache().permissions_in(guild, who, where, reasons));
  REQUIRE_MESSAGE(report, describe(report.error()));
  return std::move(report).value();
}

/// "entry_not_found: ...", having seen that the cache does not say that something is absent.
std::string refused(CacheFixture& fixture, std::uint64_t who, std::optional<std::uint64_t> where = std::nullopt,
                    std::uint64_t of = guild) {
  auto report = answer(fixture, fixture.cache().permissions_in(of, who, where));
  REQUIRE_FALSE(report);
  CHECK_FALSE(report.error().is_absent);
  return describe(report.error());
}

std::string text(std::uint64_t id) { return std::to_string(id); }

// ------------------------------------------------------------------------------------------------------ The answers

TEST_CASE("a member may do in a guild, a channel and a thread what its roles and the overwrites say") {
  CacheFixture fixture;
  feed(fixture);

  const PermissionReport in_guild = granted(fixture, member);
  CHECK(in_guild.base == (everyone | Permission::manage_messages));
  CHECK_FALSE(in_guild.raw);
  CHECK(in_guild.effective == in_guild.base);
  CHECK_FALSE(in_guild.is_unrestricted);
  CHECK(in_guild.reasons.empty());

  const PermissionReport in_channel = granted(fixture, member, channel);
  CHECK(in_channel.base == in_guild.base);
  CHECK(in_channel.raw == (in_guild.base | Permission::add_reactions));
  CHECK(in_channel.effective == (in_guild.base | Permission::add_reactions));

  const PermissionReport others = granted(fixture, plain, channel);
  CHECK(others.raw == everyone.without(Permission::send_messages));
  CHECK(others.effective == (Permission::view_channel | Permission::send_messages_in_threads));

  // The overwrites of its channel hold in a thread, where another permission is that of sending.
  const PermissionReport in_thread = granted(fixture, plain, public_thread);
  CHECK(in_thread.raw == others.raw);
  CHECK(in_thread.effective ==
        (Permission::view_channel | Permission::embed_links | Permission::send_messages_in_threads));
}

TEST_CASE("the owner has everything, whether or not it is cached as a member") {
  CacheFixture fixture;
  feed(fixture);
  for (const bool is_cached : {true, false}) {
    if (!is_cached) {
      fixture.client.command("SELECT", "4");
      fixture.client.command("HDEL", text(guild), text(owner));
      fixture.client.command("SELECT", "0");
    }
    for (std::optional<std::uint64_t> where :
         {std::optional<std::uint64_t>(), std::optional(channel), std::optional(other_private_thread)}) {
      const PermissionReport report = granted(fixture, owner, where, Reasons::all);
      CHECK(report.is_unrestricted);
      CHECK(report.effective == Permissions::all());
      REQUIRE(report.reasons.size() == 1);
      CHECK(report.reasons[0].by == By::owner);
    }
  }
  // But not in a channel that is not there.
  CHECK(refused(fixture, owner, 999) == "entry_not_found: the channel 999 of the guild 100 is not cached");
}

TEST_CASE("reasons come when they are asked for") {
  CacheFixture fixture;
  feed(fixture);
  const PermissionReport report = granted(fixture, member, channel, Reasons::all);
  std::vector<std::pair<By, std::uint64_t>> found;
  for (const PermissionReason& reason : report.reasons) found.emplace_back(reason.by, reason.id.value());
  CHECK(found == std::vector<std::pair<By, std::uint64_t>>{{By::everyone, guild},
                                                           {By::role, role},
                                                           {By::everyone_overwrite, guild},
                                                           {By::role_overwrite, role},
                                                           {By::member_overwrite, member}});
}

TEST_CASE("a time out that has not ended leaves little, one that has ended nothing to be seen") {
  CacheFixture fixture;
  feed(fixture);
  const auto time_out = [&](Json until) {
    Json update = member_of(member, {role});
    update["guild_id"] = text(guild);
    update["communication_disabled_until"] = std::move(until);
    REQUIRE(fixture.apply("GUILD_MEMBER_UPDATE", update) == Outcome::applied);
    return granted(fixture, member, channel).effective;
  };
  CHECK(time_out("2999-01-01T00:00:00+00:00") == Permission::view_channel);
  const Permissions all = everyone | Permission::manage_messages | Permission::add_reactions;
  CHECK(time_out("2020-01-01T00:00:00+00:00") == all);
  CHECK(time_out(nullptr) == all);
}

// ------------------------------------------------------------------------------------------------------ The trips

/// Counts what is asked while no answer comes.
class Trips {
 public:
  Trips(CacheFixture& fixture, CommandProxy& proxy) : fixture_(fixture), proxy_(proxy) {}

  /// "1:GET 4:HGET", one text a trip, by the numbers of the databases.
  std::vector<std::string> of(std::uint64_t who, std::optional<std::uint64_t> where) {
    granted(fixture_, who, where);  // Opens the connections.
    fixture_.run_until_answered();
    fixture_.loop.run_until([&] { return proxy_.is_answered(); });
    proxy_.forget_commands();
    proxy_.hold_replies();
    std::optional<Result<PermissionReport>> told;
    fixture_.cache().permissions_in(guild, who, where).then([&](Result<PermissionReport> report) {
      told.emplace(std::move(report));
    });
    std::vector<std::string> trips;
    while (!told) {
      REQUIRE(trips.size() < 5);
      const std::size_t before = proxy_.commands().size();
      fixture_.loop.run_until([&] { return told || (proxy_.commands().size() > before && proxy_.is_answered()); });
      if (told) break;
      fixture_.loop.run_for_turns(20);  // Whatever else would be asked before there is an answer.
      fixture_.loop.run_until([&] { return proxy_.is_answered(); });
      std::vector<std::string> asked;
      for (std::size_t i = before; i < proxy_.commands().size(); ++i) {
        const CommandProxy::Command& command = proxy_.commands()[i];
        asked.push_back(std::to_string(command.database) + ":" + command.name() + "/" +
                        std::to_string(command.words.size() - 1));
      }
      std::ranges::sort(asked);
      std::string trip;
      for (const std::string& each : asked) trip += (trip.empty() ? "" : " ") + each;
      trips.push_back(trip);
      proxy_.let_through();
    }
    proxy_.release_replies();
    CHECK(told->has_value());
    return trips;
  }

 private:
  CacheFixture& fixture_;
  CommandProxy& proxy_;
};

TEST_CASE("an answer takes two trips, and one for the owner") {
  CacheFixture fixture;
  CommandProxy proxy(fixture.loop.get(), fixture.server.socket_path());
  // Nothing but what is asked for: no signs of life.
  fixture.reopen({.address = proxy.address(), .health_check_interval = std::chrono::milliseconds(0)});
  feed(fixture);
  Trips trips(fixture, proxy);
  using List = std::vector<std::string>;
  CHECK(trips.of(member, std::nullopt) == List{"1:GET/1 4:HGET/2", "6:MGET/2"});
  CHECK(trips.of(member, channel) == List{"11:GET/1 1:GET/1 2:GET/1 4:HGET/2", "6:MGET/2"});
  CHECK(trips.of(member, public_thread) == List{"11:GET/1 1:GET/1 2:GET/1 4:HGET/2", "2:GET/1 6:MGET/2"});
  CHECK(trips.of(owner, public_thread) == List{"11:GET/1 1:GET/1 2:GET/1 4:HGET/2"});
}

TEST_CASE("an answer does not wait behind walks") {
  CacheFixture fixture;
  CommandProxy proxy(fixture.loop.get(), fixture.server.socket_path());
  fixture.reopen({.address = proxy.address()});
  feed(fixture);
  granted(fixture, member);
  fixture.run_until_answered();
  fixture.loop.run_until([&] { return proxy.is_answered(); });
  proxy.forget_commands();
  const auto seen = [&](std::string_view name) {
    return std::ranges::count_if(proxy.commands(), [&](const auto& command) { return command.name() == name; });
  };
  proxy.hold_replies(6);
  std::vector<CacheIterator<Role>> walks;
  int walked = 0;
  for (int i = 0; i < 4; ++i) {
    walks.push_back(fixture.cache().iter_roles());
    walks.back().for_each([](Role&) { return true; }).then([&](const Status& status) {
      CHECK(status.ok());
      ++walked;
    });
  }
  fixture.loop.run_until([&] { return seen("SCAN") == 2; });  // The others wait for these.
  std::optional<Result<PermissionReport>> told;
  fixture.cache().permissions_in(guild, member).then([&](Result<PermissionReport> report) {
    told.emplace(std::move(report));
  });
  fixture.loop.run_until([&] { return seen("MGET") == 1; });
  CHECK(seen("SCAN") == 2);
  proxy.release_replies();
  fixture.loop.run_until([&] { return told.has_value() && walked == 4; });
  CHECK(told->has_value());
}

// ------------------------------------------------------------------------------------------------------ The refusals

TEST_CASE("a part that is not cached is named") {
  CacheFixture fixture(with_intents());
  feed(fixture);
  CHECK(refused(fixture, member, std::nullopt, 77) == "entry_not_found: the guild 77 is not cached");
  CHECK(refused(fixture, 99) == "entry_not_found: the member 99 of the guild 100 is not cached");
  CHECK(refused(fixture, member, 999) == "entry_not_found: the channel 999 of the guild 100 is not cached");

  fixture.client.command("SELECT", "2");
  fixture.client.command("DEL", text(channel));
  fixture.client.command("SELECT", "0");
  CHECK(refused(fixture, member, public_thread) == "entry_not_found: the channel 120 of the guild 100 is not cached");

  // Every guild has this one, so it cannot have been deleted.
  fixture.client.command("SELECT", "6");
  fixture.client.command("DEL", text(guild));
  fixture.client.command("SELECT", "0");
  CHECK(refused(fixture, plain) == "entry_not_found: the role 100 of the guild 100 is not cached");
}

TEST_CASE("a channel of another guild is refused, and a thread in one") {
  CacheFixture fixture;
  feed(fixture);
  Json other = channel_of(220, Json::array());
  other["guild_id"] = "200";
  fixture.put(2, "220", other);
  CHECK(refused(fixture, member, 220) == "entry_not_found: the channel 220 is not one of the guild 100");
  CHECK(refused(fixture, owner, 220) == "entry_not_found: the channel 220 is not one of the guild 100");
  Json thread = thread_of(230, 11, 220);
  thread["guild_id"] = "100";
  fixture.put(11, "230", thread);
  CHECK(refused(fixture, member, 230) == "entry_not_found: the channel 220 is not one of the guild 100");
}

TEST_CASE("a role that is gone counts nothing where that is known, and is refused where it is not") {
  CacheFixture fixture(with_intents());
  feed(fixture);
  Json update = member_of(member, {deleted_role, role});
  update["guild_id"] = text(guild);
  REQUIRE(fixture.apply("GUILD_MEMBER_UPDATE", update) == Outcome::applied);
  CHECK(granted(fixture, member).effective == (everyone | Permission::manage_messages));

  fixture.reopen({});  // It has seen no GUILD_CREATE.
  CHECK(refused(fixture, member) == "entry_not_found: the role 103 of the guild 100 is not cached");
  CHECK(granted(fixture, plain).effective == everyone);
}

TEST_CASE("a guild that is dirty is refused, also when it becomes so meanwhile") {
  CacheFixture fixture;
  CommandProxy proxy(fixture.loop.get(), fixture.server.socket_path());
  feed(fixture);
  fixture.reopen({.address = proxy.address()});
  granted(fixture, member, channel);
  const std::string dirty = "entry_not_found: the guild 100 is dirty: what is cached of it may be out of date";

  proxy.hold_replies();
  std::optional<Result<PermissionReport>> told;
  fixture.cache().permissions_in(guild, member, channel).then([&](Result<PermissionReport> report) {
    told.emplace(std::move(report));
  });
  REQUIRE(fixture.shard(1, 2).resume({.shard_id = 1, .shard_count = 2, .dirty_guilds = {guild}}).ok());
  proxy.release_replies();
  fixture.loop.run_until([&] { return told.has_value(); });
  REQUIRE_FALSE(*told);
  CHECK(describe(told->error()) == dirty);

  CHECK(refused(fixture, member) == dirty);
  CHECK(refused(fixture, owner) == dirty);

  // What was read while it was dirty is no better for what comes behind it.
  proxy.hold_replies();
  told.reset();
  fixture.cache().permissions_in(guild, member, channel).then([&](Result<PermissionReport> report) {
    told.emplace(std::move(report));
  });
  CHECK(fixture.cache().clear_dirty_guild(guild));
  proxy.release_replies();
  fixture.loop.run_until([&] { return told.has_value(); });
  REQUIRE_FALSE(*told);
  CHECK(describe(told->error()) == dirty);
  CHECK(granted(fixture, member).base.has(everyone));
}

TEST_CASE("who is in a private thread is known of the own user, and matters where MANAGE_THREADS is missing") {
  CacheFixture fixture;
  feed(fixture);
  const Permissions inside = Permission::view_channel | Permission::embed_links | Permission::send_messages_in_threads;
  CHECK(granted(fixture, own, private_thread).effective == inside);
  // A membership that does not say whose it is is the own user's too.
  Json stored = fixture.json_at(11, text(private_thread));
  REQUIRE(stored["member"].erase("user_id") == 1);
  fixture.put(11, text(private_thread), stored);
  CHECK(granted(fixture, own, private_thread).effective == inside);
  const auto unknown = [](std::uint64_t who, std::uint64_t where) {
    return "entry_not_found: whether the user " + text(who) + " is in the private thread " + text(where) +
           " is not cached";
  };
  CHECK(refused(fixture, plain, private_thread) == unknown(plain, private_thread));
  CHECK(refused(fixture, own, other_private_thread) == unknown(own, other_private_thread));
  CHECK(granted(fixture, moderator, private_thread).effective == (inside | Permission::manage_threads));

  // Nobody sees anything of a channel that is hidden, whoever is in its threads.
  Json update = channel_of(channel, {overwrite(guild, 0, {}, Permission::view_channel)});
  update["guild_id"] = text(guild);
  REQUIRE(fixture.apply("CHANNEL_UPDATE", update) == Outcome::applied);
  CHECK(granted(fixture, plain, private_thread).effective == Permissions());
}

TEST_CASE("an option that leaves out what is needed is named") {
  CacheFixture fixture;
  feed(fixture);
  for (const auto& [resource, word] : {std::pair(Resource::guild, "guild"), std::pair(Resource::member, "member"),
                                       std::pair(Resource::role, "role"), std::pair(Resource::channel, "channel")}) {
    Options options;
    options.resources.erase(resource);
    fixture.reopen(std::move(options));
    CHECK(refused(fixture, member, channel) ==
          "invalid_argument: resources: this cache does not keep " + std::string(word));
  }
  // A thread is needed where it is one.
  Options without_threads;
  without_threads.resources.erase(Resource::thread);
  fixture.reopen(std::move(without_threads));
  CHECK(granted(fixture, plain, channel).effective.has(Permission::view_channel));
  CHECK(refused(fixture, plain, public_thread) ==
        "invalid_argument: resources: this cache does not keep thread, and no channel 130 is cached");
  // In the guild as a whole there are no channels.
  Options without_channels;
  without_channels.resources.erase(Resource::channel);
  fixture.reopen(std::move(without_channels));
  CHECK(granted(fixture, plain).effective == everyone);

  for (const auto& [resource, field, whole] :
       {std::tuple(Resource::guild, "owner_id", "guild is stored without owner_id"),
        std::tuple(Resource::member, "roles", "member is stored without roles"),
        std::tuple(Resource::member, "communication_disabled_until",
                   "member is stored without communication_disabled_until"),
        std::tuple(Resource::role, "permissions", "role is stored without permissions"),
        std::tuple(Resource::channel, "permission_overwrites", "channel is stored without permission_overwrites")}) {
    fixture.reopen({.drop_fields = {{resource, {field}}}});
    CHECK(refused(fixture, member, channel) ==
          "invalid_argument: drop_fields: " + std::string(whole) + ", which permissions need");
  }
  fixture.reopen({.keep_fields = {{Resource::role, {"name", "position"}}}});
  CHECK(refused(fixture, member, channel) ==
        "invalid_argument: keep_fields: role is stored without permissions, which permissions need");
  fixture.reopen({.keep_fields = {{Resource::role, {"permissions"}}, {Resource::channel, {"permission_overwrites"}}}});
  CHECK(granted(fixture, member, channel).effective.has(Permission::add_reactions));
  fixture.reopen({.drop_fields = {{Resource::thread, {"member"}}}});
  CHECK(granted(fixture, plain, public_thread).effective.has(Permission::view_channel));
  CHECK(refused(fixture, plain, private_thread) ==
        "invalid_argument: drop_fields: thread is stored without member, which permissions need");
  CHECK(refused(fixture, member, channel, 0).starts_with("invalid_argument: guild_id: "));
}

TEST_CASE("what is stored and is not what Discord documents is named by database and key") {
  CacheFixture fixture;
  feed(fixture);
  const auto broken_member = [&](const Json& change) {
    Json stored = fixture.field_at(4, text(guild), text(member));
    const Json before = stored;
    stored.merge_patch(change);
    fixture.put_field(4, text(guild), text(member), stored);
    const std::string error = refused(fixture, member, channel);
    fixture.put_field(4, text(guild), text(member), before);
    constexpr std::string_view place = "invalid_data_found: database 4, key 100, field 5: ";
    REQUIRE_MESSAGE(error.starts_with(place), error);
    return error.substr(place.size());
  };
  CHECK(broken_member({{"roles", nullptr}}) == "`roles` of Member is missing");
  CHECK(broken_member({{"roles", "101"}}).starts_with("`roles` of Member is not"));
  CHECK(broken_member({{"roles", {"101", "x"}}}).starts_with("`roles` of Member is not"));
  CHECK(broken_member({{"communication_disabled_until", "soon"}})
            .starts_with("`communication_disabled_until` of Member is not"));

  const auto broken = [&](int database, std::uint64_t key, const Json& change,
                          std::optional<std::uint64_t> where = channel) {
    Json stored = fixture.json_at(database, text(key));
    const Json before = stored;
    stored.merge_patch(change);
    fixture.put(database, text(key), stored);
    const std::string error = refused(fixture, member, where);
    fixture.put(database, text(key), before);
    const std::string place = "invalid_data_found: database " + std::to_string(database) + ", key " + text(key) + ": ";
    REQUIRE_MESSAGE(error.starts_with(place), error);
    return error.substr(place.size());
  };
  CHECK(broken(1, guild, {{"owner_id", nullptr}}) == "`owner_id` is missing");
  CHECK(broken(1, guild, {{"owner_id", true}}).starts_with("`owner_id` of Guild is not"));
  CHECK(broken(6, role, {{"permissions", nullptr}}) == "`permissions` is missing");
  CHECK(broken(6, role, {{"permissions", "all"}}).starts_with("`permissions` of Role is not"));
  CHECK(broken(6, guild, {{"permissions", "99999999999999999999"}}).starts_with("`permissions` of Role is not"));
  CHECK(broken(6, role, {{"guild_id", "200"}}) == "`guild_id` is not that of its member");
  CHECK(broken(2, channel, {{"type", nullptr}}) == "`type` is missing");
  CHECK(broken(2, channel, {{"type", 11}}) == "`type` is not one of these");
  CHECK(broken(2, channel, {{"guild_id", nullptr}}) == "`guild_id` is missing");
  CHECK(broken(2, channel, {{"permission_overwrites", nullptr}}) == "`permission_overwrites` of Channel is missing");
  CHECK(broken(2, channel, {{"permission_overwrites", 1}}) ==
        "`permission_overwrites` of Channel is not an array of objects");
  CHECK(broken(2, channel, {{"permission_overwrites", {1}}}).starts_with("`id` of PermissionOverwrite is"));
  for (const char* field : {"id", "type", "allow", "deny"}) {
    Json overwrites = fixture.json_at(2, text(channel))["permission_overwrites"];
    overwrites[1].erase(field);
    CHECK(broken(2, channel, {{"permission_overwrites", overwrites}}) ==
          "`" + std::string(field) + "` of PermissionOverwrite is missing");
  }
  CHECK(broken(2, channel, {{"permission_overwrites", "x"}}, public_thread).starts_with("`permission_overwrites`"));
  CHECK(broken(11, public_thread, {{"parent_id", nullptr}}, public_thread) == "`parent_id` is missing");
  CHECK(broken(11, public_thread, {{"type", 0}}, public_thread) == "`type` is not one of these");

  fixture.client.command("SELECT", "6");
  fixture.client.command("SET", text(role), "x");
  CHECK(refused(fixture, member) == "invalid_data_found: database 6, key 101: the value is no JSON object");
  fixture.client.command("SELECT", "4");
  fixture.client.command("DEL", text(guild));
  fixture.client.command("SET", text(guild), "x");
  fixture.client.command("SELECT", "0");
  CHECK(refused(fixture, plain).starts_with("invalid_data_found: database 4, key 100, field 6: "));
}

TEST_CASE("an overwrite that is of neither role nor member does nothing") {
  CacheFixture fixture;
  feed(fixture);
  Json stored = fixture.json_at(2, text(channel));
  stored["permission_overwrites"].push_back(overwrite(member, 2, {}, Permission::view_channel));
  stored["permission_overwrites"].push_back(overwrite(guild, 2, {}, Permission::view_channel));
  fixture.put(2, text(channel), stored);
  CHECK(granted(fixture, member, channel).effective.has(Permission::view_channel));
}

TEST_CASE("a cache that is closed, or goes away, answers that it is") {
  CacheFixture fixture;
  CommandProxy proxy(fixture.loop.get(), fixture.server.socket_path());
  feed(fixture);
  fixture.reopen({.address = proxy.address()});
  granted(fixture, member, channel);
  proxy.hold_replies();
  std::vector<std::string> told;
  const auto note = [&](Result<PermissionReport> report) {
    REQUIRE_FALSE(report);
    told.push_back(std::string(name(report.error().code)));
  };
  fixture.cache().permissions_in(guild, member, channel).then(note);
  const std::size_t before = proxy.commands().size();
  fixture.loop.run_until([&] { return proxy.commands().size() > before; });
  fixture.cache().close();
  fixture.cache().permissions_in(guild, member, channel).then(note);
  fixture.close();
  CHECK(told == std::vector<std::string>{"closed_client", "closed_client"});
  proxy.release_replies();
}

TEST_CASE("permissions can be awaited") {
  CacheFixture fixture;
  feed(fixture);
  std::optional<Permissions> effective;
  const auto ask = [](Cache& cache, std::optional<Permissions>& into) -> Detached {
    const Result<PermissionReport> report = co_await cache.permissions_in(guild, plain, channel);
    REQUIRE(report);
    into = report->effective;
  };
  ask(fixture.cache(), effective);
  fixture.loop.run_until([&] { return effective.has_value(); });
  CHECK(effective == (Permission::view_channel | Permission::send_messages_in_threads));
}

}  // namespace
}  // namespace sake::test
