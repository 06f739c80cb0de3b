// Adapters: typed caches found by their type, and what a miss means to whom.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/client_fixture.h"
#include "support/dependencies.h"
#include "support/two_guilds.h"

namespace sake::test {
namespace {

using Id = std::uint64_t;

struct Fixture : ClientFixture {
  explicit Fixture(const AdapterOptions& adapters = {}, Options options = everything())
      : ClientFixture(std::move(options)) {
    dependencies.add(*client, adapters);
  }

  void open_with_guilds() {
    REQUIRE(open().ok());
    apply("READY", {{"user", user(7)}, {"session_id", "s"}, {"guilds", Json::array()}});
    for (Id guild : {100u, 200u}) {
      apply("GUILD_CREATE", guild_create(guild));
      apply("MESSAGE_CREATE", message(guild * 100 + 90, guild, 5));
      apply("INVITE_CREATE", invite("code" + std::to_string(guild), guild));
      for (const char* event : {"INTEGRATION_CREATE", "AUTO_MODERATION_RULE_CREATE"})
        apply(event, {{"id", std::to_string(guild * 100 + 7)}, {"guild_id", std::to_string(guild)}});
    }
  }

  template <typename T>
  std::shared_ptr<T> get() {
    auto found = dependencies.get<T>();
    REQUIRE(found != nullptr);
    return found;
  }
  template <typename T>
  AsyncCache<Id, T>& all() {
    return *get<AsyncCache<Id, T>>();
  }
  template <typename T>
  GuildBoundCache<Id, T>& of_guild() {
    return *get<GuildBoundCache<Id, T>>();
  }

  /// How a request fails.
  template <typename T>
  Errc failure(Request<T> request) {
    const Result<T> answer = run(std::move(request));
    REQUIRE_FALSE(answer);
    return answer.error().code;
  }

  template <typename T>
  void check_of_guild(Id guild, Id id) {
    auto found = run(of_guild<T>().get_from_guild(guild, id));
    REQUIRE_MESSAGE(found, describe(found.error()));
    CHECK(found->entity().id == id);
    CHECK(*run(of_guild<T>().iter_for_guild(guild).len()) * 2 == *run(of_guild<T>().iter_all().len()));
  }
  template <typename T>
  void check_with_own_id(Id guild, Id id) {
    check_of_guild<T>(guild, id);
    CHECK(run(all<T>().get(id)));
    CHECK(failure(of_guild<T>().get_from_guild(guild == 100 ? 200 : 100, id)) == Errc::entry_not_found);
  }

  Dependencies dependencies;
};

TEST_CASE("each resource is found by its type, by id and by guild") {
  Fixture fixture;
  fixture.open_with_guilds();
  fixture.check_with_own_id<Emoji>(100, 10002);
  fixture.check_with_own_id<Channel>(200, 20021);
  fixture.check_with_own_id<Role>(100, 10001);
  fixture.check_with_own_id<Thread>(100, 10025);
  fixture.check_with_own_id<Sticker>(100, 10003);
  fixture.check_with_own_id<StageInstance>(100, 10004);
  fixture.check_with_own_id<ScheduledEvent>(100, 10005);
  fixture.check_with_own_id<SoundboardSound>(100, 10006);
  fixture.check_with_own_id<Integration>(100, 10007);
  fixture.check_with_own_id<AutoModerationRule>(100, 10007);
  fixture.check_of_guild<Member>(100, 5);
  fixture.check_of_guild<Presence>(100, 5);
  fixture.check_of_guild<VoiceState>(200, 6);
  CHECK(fixture.run(fixture.all<Guild>().get(100)));
  CHECK(fixture.run(fixture.all<User>().get(5)));
  CHECK(fixture.run(fixture.all<Message>().get(10090)));
  auto invites = fixture.get<AsyncCache<std::string, Invite>>();
  CHECK(fixture.run(invites->get("code100"))->code() == std::string("code100"));
  CHECK(fixture.run(invites->iter_all().collect())->size() == 2);
  CHECK(fixture.run(fixture.get<SingleStoreCache<OwnUser>>()->get())->id() == Snowflake(7));
  CHECK(fixture.get<ResourceClient>().get() == fixture.client.get());
  // No id of their own.
  CHECK(fixture.dependencies.get<AsyncCache<Id, Member>>() == nullptr);
  CHECK(fixture.dependencies.get<GuildBoundCache<Id, Guild>>() == nullptr);
  CHECK(fixture.failure(fixture.of_guild<Member>().get(5)) == Errc::invalid_argument);

  auto role = fixture.run(fixture.all<Role>().iter_all().next());
  REQUIRE(role);
  CHECK(role->has_value());
  CHECK(fixture.run(fixture.all<Role>().iter_all().collect(3))->size() == 3);
  CHECK(fixture.run(fixture.all<Role>().iter_all().collect(0))->empty());
  int seen = 0;
  CHECK(fixture.run(fixture.all<Role>().iter_all().for_each([&](Role&) { return ++seen < 2; })).ok());
  CHECK(seen == 2);
}

TEST_CASE("what the client does not keep is not registered") {
  Fixture fixture({}, {.resources = {Resource::role}});
  CHECK(fixture.dependencies.values.size() == 3);
  CHECK(fixture.dependencies.get<AsyncCache<Id, Role>>() != nullptr);
  CHECK(fixture.dependencies.get<GuildBoundCache<Id, Role>>() != nullptr);
  CHECK(fixture.dependencies.get<ResourceClient>() != nullptr);
}

TEST_CASE("a miss is entry_not_found where absence is trusted and cache_miss elsewhere") {
  Fixture fixture;
  fixture.open_with_guilds();
  const Result<Role> missing = fixture.run(fixture.all<Role>().get(1));
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::entry_not_found);
  CHECK(missing.error().is_absent);
  CHECK(fixture.failure(fixture.of_guild<Role>().get_from_guild(100, 1)) == Errc::entry_not_found);
  CHECK(fixture.failure(fixture.all<Guild>().get(1)) == Errc::entry_not_found);
  CHECK(fixture.failure(fixture.of_guild<Emoji>().get_from_guild(100, 1)) == Errc::entry_not_found);
  CHECK(fixture.failure(fixture.all<Channel>().get(1)) == Errc::entry_not_found);
  CHECK(fixture.failure(fixture.of_guild<Member>().get_from_guild(100, 1)) == Errc::entry_not_found);
  CHECK(fixture.failure(fixture.of_guild<Presence>().get_from_guild(100, 1)) == Errc::entry_not_found);
  CHECK(fixture.failure(fixture.of_guild<VoiceState>().get_from_guild(100, 1)) == Errc::entry_not_found);
  CHECK(fixture.failure(fixture.all<User>().get(1)) == Errc::entry_not_found);
  CHECK(fixture.failure(fixture.all<Sticker>().get(1)) == Errc::entry_not_found);
  CHECK(fixture.failure(fixture.all<Message>().get(1)) == Errc::cache_miss);
  CHECK(fixture.failure(fixture.all<Thread>().get(1)) == Errc::cache_miss);
  CHECK(fixture.failure(fixture.get<AsyncCache<std::string, Invite>>()->get("x")) == Errc::cache_miss);
  REQUIRE(fixture.run(fixture.client->cache()->erase(EntityKey::me())).ok());
  CHECK(fixture.failure(fixture.get<SingleStoreCache<OwnUser>>()->get()) == Errc::cache_miss);
}

TEST_CASE("users are trusted where members are kept, and everything as the caller says") {
  Fixture alone({}, {.resources = {Resource::user}});
  REQUIRE(alone.open().ok());
  CHECK(alone.failure(alone.all<User>().get(1)) == Errc::cache_miss);
  Fixture chosen({.trust_get_for = Resources{Resource::message}, .trust_get_for_me = true});
  chosen.open_with_guilds();
  CHECK(chosen.failure(chosen.all<Message>().get(1)) == Errc::entry_not_found);
  // Although the cache itself is certain.
  const Result<Role> role = chosen.run(chosen.of_guild<Role>().get_from_guild(100, 1));
  REQUIRE_FALSE(role);
  CHECK(role.error().code == Errc::cache_miss);
  CHECK_FALSE(role.error().is_absent);
  // Found elsewhere is no miss.
  CHECK(chosen.failure(chosen.of_guild<Role>().get_from_guild(100, 20001)) == Errc::entry_not_found);
  REQUIRE(chosen.run(chosen.client->cache()->erase(EntityKey::me())).ok());
  CHECK(chosen.failure(chosen.get<SingleStoreCache<OwnUser>>()->get()) == Errc::entry_not_found);
}

TEST_CASE("a default stands in for a miss of any kind and for nothing else") {
  Fixture fixture;
  const Role other(JsonView(std::string(R"({"id":"1"})")));
  const auto is_other = [](const Result<Role>& role) { return role && role->id() == Snowflake(1); };
  CHECK(is_other(fixture.run(fixture.all<Role>().get_or(5, other))));
  fixture.open_with_guilds();
  CHECK(is_other(fixture.run(fixture.all<Role>().get_or(5, other))));
  CHECK(fixture.run(fixture.all<Role>().get_or(10001, other))->id() == Snowflake(10001));
  CHECK(is_other(fixture.run(fixture.of_guild<Role>().get_from_guild_or(100, 5, other))));
  CHECK(is_other(fixture.run(fixture.of_guild<Role>().get_from_guild_or(100, 20001, other))));
  fixture.redis.select(6);
  fixture.redis.command("SET", "10001", "{broken");
  CHECK(fixture.failure(fixture.all<Role>().get_or(10001, other)) == Errc::invalid_data_found);
  auto me = fixture.get<SingleStoreCache<OwnUser>>();
  CHECK(fixture.run(me->get_or(OwnUser()))->id() == Snowflake(7));
}

TEST_CASE("with a closed client there is nothing to be found, and no error but a miss") {
  Fixture fixture;
  const auto check_closed = [&] {
    CHECK(fixture.failure(fixture.all<Role>().get(10001)) == Errc::cache_miss);
    CHECK(fixture.failure(fixture.of_guild<Member>().get_from_guild(100, 5)) == Errc::cache_miss);
    CHECK(fixture.failure(fixture.of_guild<Member>().get(5)) == Errc::invalid_argument);
    CHECK(fixture.failure(fixture.get<SingleStoreCache<OwnUser>>()->get()) == Errc::cache_miss);
    auto roles = fixture.all<Role>().iter_all();
    CHECK(*fixture.run(roles.len()) == 0);
    CHECK_FALSE(fixture.run(roles.next())->has_value());
    CHECK(fixture.run(roles.collect())->empty());
    CHECK(fixture.run(roles.for_each([](Role&) { return true; })).ok());
    CHECK(*fixture.run(fixture.of_guild<Role>().iter_for_guild(100).len()) == 0);
  };
  check_closed();
  fixture.open_with_guilds();
  auto begun = fixture.all<Role>().iter_all();
  REQUIRE(fixture.run(begun.next())->has_value());
  auto other = fixture.of_guild<Role>().iter_for_guild(100);
  REQUIRE(fixture.close().ok());
  check_closed();
  CHECK_FALSE(fixture.run(other.next())->has_value());
  CHECK(fixture.run(other.collect())->empty());
  CHECK(fixture.failure(other.len()) == Errc::closed_client);
  REQUIRE(fixture.open().ok());
  CHECK(fixture.run(fixture.all<Role>().get(10001)));
}

TEST_CASE("a get that close overtakes is a miss") {
  Fixture fixture;
  fixture.open_with_guilds();
  std::optional<Result<Role>> told;
  fixture.all<Role>().get(10001).then([&](Result<Role> role) { told.emplace(std::move(role)); });
  fixture.server.pause();
  const auto closed = fixture.begin(fixture.client->close());
  fixture.server.kill();
  fixture.loop.run_until([&] { return told.has_value() && closed->has_value(); });
  REQUIRE_FALSE(*told);
  CHECK(told->error().code == Errc::cache_miss);
}

TEST_CASE("a managed client opens and closes with the program, at once where that runs already") {
  for (const bool runs : {false, true}) {
    CAPTURE(runs);
    ClientFixture fixture;
    Dependencies dependencies;
    dependencies.runs = runs;
    dependencies.add(*fixture.client, {.managed = true});
    if (!runs) {
      CHECK(fixture.client->cache() == nullptr);
      dependencies.program.starting();
    }
    fixture.loop.run_until([&] { return fixture.client->is_alive(); });
    bool stopped = false;
    dependencies.program.stopping([&](const Status& status) {
      CHECK(status.ok());
      stopped = true;
      uv_stop(fixture.loop.get());
    });
    fixture.loop.run_until(stopped);
    CHECK_FALSE(fixture.client->is_alive());
  }
  ClientFixture fixture;
  Dependencies dependencies;
  dependencies.runs = true;
  dependencies.add(*fixture.client);
  CHECK(fixture.client->cache() == nullptr);
}

}  // namespace
}  // namespace sake::test
