// CacheOf: a cache of resources that its type names.

#include <memory>
#include <optional>
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

using Some = CacheOf<GuildCache, RoleCache, VoiceStateCache>;

template <typename T>
concept has_roles = requires(T& cache) {
  cache.get_role(1);
  cache.iter_roles_for_guild(1);
  cache.set_role(1, std::string());
  cache.delete_role(1);
  cache.clear_roles();
};
template <typename T>
concept has_emojis = requires(T& cache) {
  cache.get_emoji(1);
}
|| requires(T& cache) { cache.iter_emojis(); }
|| requires(T& cache) { cache.set_emoji(1, std::string()); }
|| requires(T& cache) { cache.delete_emoji(1); }
|| requires(T& cache) { cache.clear_emojis(); };
template <typename T>
concept has_users = requires(T& cache) {
  cache.get_user(1);
};
template <typename T>
concept has_me = requires(T& cache) {
  cache.get_me();
};

TEST_CASE("calls for a resource that was not chosen do not compile") {
  CHECK(has_roles<Some>);
  CHECK_FALSE(has_emojis<Some>);
  CHECK_FALSE(has_users<Some>);
  CHECK(has_me<CacheOf<MeCache>>);
  CHECK_FALSE(has_users<CacheOf<MeCache>>);
  CHECK((has_roles<Cache> && has_emojis<Cache> && has_users<Cache> && has_me<Cache>));
}

TEST_CASE("what a choice of resources needs is known without a cache") {
  CHECK(Some::resources() == Resources{Resource::guild, Resource::role, Resource::voice_state});
  CHECK(Some::all_intents() == (Intents::guilds | Intents::guild_voice_states));
  CHECK(Some::all_indexes() == std::vector<int>{1, 6, 8, 9});
  CHECK(Some::all_indexes({.index_overrides = {{Resource::role, 20}}}) == std::vector<int>{1, 8, 9, 20});
  CHECK(CacheOf<MeCache, UserCache>::resources() == Resources{Resource::user});
}

struct Opened {
  Opened() {
    bool told = false;
    auto made = Some::open(fixture.loop.get(), {.address = fixture.server.address()}, [&](const Status& status) {
      CHECK(status.ok());
      told = true;
      uv_stop(fixture.loop.get());
    });
    REQUIRE_MESSAGE(made, describe(made.error()));
    some = std::move(made).value();
    fixture.loop.run_until(told);
  }
  void feed(const Json& d) {
    bool told = false;
    CHECK(some->cache()
              .shard()
              .dispatch("GUILD_CREATE", d.dump(), std::nullopt,
                        [&](const EventResult& result) {
                          CHECK(result.outcome == Outcome::applied);
                          told = true;
                          uv_stop(fixture.loop.get());
                        })
              .ok());
    fixture.loop.run_until(told);
  }

  CacheFixture fixture;  // For its loop and its server.
  std::unique_ptr<Some> some;
};

TEST_CASE("a cache of some resources keeps these, and has their calls") {
  Opened opened;
  opened.feed(guild_create(100));
  Some& some = *opened.some;
  CHECK(answer(opened.fixture, some.get_guild(100)));
  CHECK(answer(opened.fixture, some.get_role(10001)));
  CHECK(*answer(opened.fixture, some.iter_roles_for_guild(100).len()) == 2);
  CHECK(*answer(opened.fixture, some.iter_voice_states_for_channel(10021).len()) == 2);
  CHECK(answer(opened.fixture, some.set_role(100, R"({"id":"62"})")));
  CHECK(answer(opened.fixture, some.delete_role(10001, 100)));
  CHECK(opened.fixture.members_of(9, "1:100:6") == std::vector<std::string>{"100", "62"});
  CHECK(answer(opened.fixture, some.clear_voice_states()));
  CHECK_FALSE(opened.fixture.exists(8, "100"));
  for (const int database : {0, 2, 4, 5, 7, 11}) {
    CAPTURE(database);
    opened.fixture.client.select(database);
    CHECK(opened.fixture.client.command("DBSIZE").integer == 0);
  }
}

TEST_CASE("where the resource is only known at run time, one that was not chosen is refused by name") {
  Opened opened;
  const auto refused = [&](const Error& error, std::string_view name) {
    CHECK(error.code == Errc::invalid_argument);
    CHECK_MESSAGE(error.text.starts_with("resources: "), error.text);
    CHECK_MESSAGE(error.text.find(name) != std::string::npos, error.text);
  };
  Some& some = *opened.some;
  refused(answer(opened.fixture, some.get({Resource::emoji, 1})).error(), "emoji");
  refused(answer(opened.fixture, some.get_many(Resource::user, {1})).error(), "user");
  refused(answer(opened.fixture, some.iterate(Scope::all(Resource::emoji)).collect()).error(), "emoji");
  refused(answer(opened.fixture, some.set({Resource::emoji, 0, 100}, R"({"id":"1"})")).error(), "emoji");
  refused(answer(opened.fixture, some.update(R"({"id":"1"})")).error(), "message");
  refused(answer(opened.fixture, some.erase({Resource::emoji, 1})).error(), "emoji");
  refused(answer(opened.fixture, some.clear(Scope::all(Resource::emoji))).error(), "emoji");
  // The same for a cache whose options chose.
  CacheFixture chosen({.resources = {Resource::role}});
  refused(answer(chosen, chosen.cache().get_emoji(1)).error(), "emoji");
}

TEST_CASE("options that choose other resources are refused") {
  Loop loop;
  const auto refused = Some::open(loop.get(), {.resources = {Resource::role}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::invalid_argument);
  CHECK(refused.error().text.starts_with("resources: "));
}

TEST_CASE("the calls can be had over a cache that keeps more, and not over one that keeps less") {
  CacheFixture more;
  more.apply("GUILD_CREATE", guild_create(100));
  auto view = Some::over(more.cache());
  REQUIRE(view);
  CHECK(answer(more, view->get_role(10001)));
  CacheFixture less({.resources = {Resource::guild, Resource::role}});
  const auto refused = Some::over(less.cache());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text == "resources: this cache does not keep voice_state");
}

}  // namespace
}  // namespace sake::test
