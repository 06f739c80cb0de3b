// Reading back: every way to name an entity or a collection, and what the answers say.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/answer.h"
#include "support/cache_fixture.h"
#include "support/two_guilds.h"

namespace sake::test {
namespace {

using Ids = std::vector<std::uint64_t>;

Ids ids_of(const std::vector<Entity>& entities) {
  Ids ids;
  for (const Entity& entity : entities) ids.push_back(entity.id);
  std::ranges::sort(ids);
  return ids;
}

template <typename Iterator>
std::size_t length_of(CacheFixture& fixture, Iterator iterator) {
  auto length = answer(fixture, iterator.len());
  REQUIRE(length);
  return *length;
}

TEST_CASE("each entity is read by its ids, as it is stored") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  Cache& cache = fixture.cache();
  const auto check = [&](auto request, Resource resource, std::uint64_t id, const Json& stored) {
    CAPTURE(name(resource));
    auto model = answer(fixture, std::move(request));
    REQUIRE_MESSAGE(model, describe(model.error()));
    CHECK(model->entity().resource == resource);
    CHECK(model->entity().id == id);
    CHECK(Json::parse(model->json()) == stored);
    CHECK(stored.is_object());
  };
  const auto at = [&](int database, std::uint64_t key) { return fixture.json_at(database, std::to_string(key)); };
  check(cache.get_emoji(10002), Resource::emoji, 10002, at(0, 10002));
  check(cache.get_guild(100), Resource::guild, 100, at(1, 100));
  check(cache.get_guild_channel(10021, 100), Resource::channel, 10021, at(2, 10021));
  check(cache.get_invite("code100"), Resource::invite, 0, fixture.json_at(3, "code100"));
  check(cache.get_member(100, 5), Resource::member, 5, fixture.field_at(4, "100", "5"));
  check(cache.get_presence(100, 5), Resource::presence, 5, fixture.field_at(5, "100", "5"));
  check(cache.get_role(10001), Resource::role, 10001, at(6, 10001));
  check(cache.get_user(5), Resource::user, 5, at(7, 5));
  check(cache.get_me(), Resource::user, 0, fixture.json_at(7, "ME"));
  check(cache.get_voice_state(100, 6), Resource::voice_state, 6, fixture.field_at(8, "100", "6"));
  check(cache.get_message(10090), Resource::message, 10090, at(10, 10090));
  check(cache.get_thread(10025), Resource::thread, 10025, at(11, 10025));
  check(cache.get_sticker(10003), Resource::sticker, 10003, at(12, 10003));
  check(cache.get_stage_instance(10004), Resource::stage_instance, 10004, at(13, 10004));
  check(cache.get_scheduled_event(10005), Resource::scheduled_event, 10005, at(14, 10005));
  check(cache.get_soundboard_sound(10006), Resource::soundboard_sound, 10006, at(15, 10006));
  check(cache.get_integration(10007), Resource::integration, 10007, at(16, 10007));
  check(cache.get_auto_moderation_rule(10007), Resource::auto_moderation_rule, 10007, at(17, 10007));
}

TEST_CASE("many entities come in one trip and in the order asked for") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  auto roles = answer(fixture, fixture.cache().get_many(Resource::role, {20001, 999, 100}));
  REQUIRE(roles);
  REQUIRE(roles->size() == 3);
  CHECK((*roles)[0]->id == 20001);
  CHECK_FALSE((*roles)[1]);
  CHECK((*roles)[2]->id == 100);
  auto members = answer(fixture, fixture.cache().get_many(Resource::member, {6, 5, 4}, 200));
  REQUIRE(members);
  CHECK((*members)[0]->id == 6);
  CHECK((*members)[0]->guild_id == 200);
  CHECK_FALSE((*members)[2]);
  CHECK(answer(fixture, fixture.cache().get_many(Resource::user, {}))->empty());
}

TEST_CASE("collections are walked by whatever holds them together") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  Cache& cache = fixture.cache();
  const auto check = [&](auto iterator, auto same, const Ids& expected) {
    CHECK(length_of(fixture, std::move(same)) == expected.size());
    CHECK(ids_of(all_of(fixture, std::move(iterator))) == expected);
  };
#define CHECK_WALK(call, ...) check(cache.call, cache.call, Ids __VA_ARGS__)
  CHECK_WALK(iter_emojis(), {10002, 20002});
  CHECK_WALK(iter_emojis_for_guild(100), {10002});
  CHECK_WALK(iter_guilds(), {100, 200});
  CHECK_WALK(iter_guild_channels(), {10021, 10022, 20021, 20022});
  CHECK_WALK(iter_guild_channels_for_guild(200), {20021, 20022});
  CHECK_WALK(iter_invites(), {0, 0});
  CHECK_WALK(iter_invites_for_guild(100), {0});
  CHECK_WALK(iter_invites_for_channel(10022), {0});
  CHECK_WALK(iter_members(), {5, 5, 6, 6});
  CHECK_WALK(iter_members_for_guild(100), {5, 6});
  CHECK_WALK(iter_members_for_user(5), {5, 5});
  CHECK_WALK(iter_presences(), {5, 5, 6, 6});
  CHECK_WALK(iter_presences_for_guild(100), {5, 6});
  CHECK_WALK(iter_presences_for_user(6), {6, 6});
  CHECK_WALK(iter_roles(), {100, 200, 10001, 20001});
  CHECK_WALK(iter_roles_for_guild(100), {100, 10001});
  CHECK_WALK(iter_users(), {5, 6, 7});
  CHECK_WALK(iter_voice_states(), {5, 5, 6, 6});
  CHECK_WALK(iter_voice_states_for_guild(100), {5, 6});
  CHECK_WALK(iter_voice_states_for_channel(10021), {5, 6});
  CHECK_WALK(iter_messages(), {10090, 10091, 20090, 20091});
  CHECK_WALK(iter_messages_for_channel(10022), {10090, 10091});
  CHECK_WALK(iter_messages_for_author(5), {10090, 20090});
  CHECK_WALK(iter_messages_for_guild(200), {20090, 20091});
  CHECK_WALK(iter_threads(), {10025, 20025});
  CHECK_WALK(iter_threads_for_guild(100), {10025});
  CHECK_WALK(iter_threads_for_channel(20022), {20025});
  CHECK_WALK(iter_stickers_for_guild(100), {10003});
  CHECK_WALK(iter_stage_instances_for_guild(100), {10004});
  CHECK_WALK(iter_scheduled_events_for_guild(100), {10005});
  CHECK_WALK(iter_soundboard_sounds_for_guild(100), {10006});
  CHECK_WALK(iter_integrations_for_guild(100), {10007});
  CHECK_WALK(iter_auto_moderation_rules_for_guild(100), {10007});
  // Nothing is empty, not an error.
  CHECK_WALK(iter_roles_for_guild(9), {});
  CHECK_WALK(iter_members_for_guild(9), {});
  CHECK_WALK(iter_voice_states_for_channel(9), {});
  CHECK_WALK(iter_messages_for_channel(9), {});
  CHECK_WALK(iter_members_for_user(9), {});
#undef CHECK_WALK
}

TEST_CASE("small windows see everything too, and once where nothing changes") {
  CacheFixture fixture(everything());
  fixture.open();
  Json d{{"id", "100"}, {"member_count", 700}};
  Ids expected;
  for (std::uint64_t i = 1; i <= 700; ++i) {
    d["members"].push_back({{"user", user(1000 + i)}});
    d["roles"].push_back({{"id", std::to_string(1000 + i)}});
    d["voice_states"].push_back({{"user_id", std::to_string(1000 + i)}, {"channel_id", "21"}});
    expected.push_back(1000 + i);
  }
  fixture.apply("GUILD_CREATE", d);
  Cache& cache = fixture.cache();
  const auto distinct = [](Ids ids) {
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
  };
  for (std::size_t window : {1u, 7u, 100u, 5000u}) {
    CAPTURE(window);
    CHECK(distinct(ids_of(all_of(fixture, cache.iter_members(window)))) == expected);
    CHECK(distinct(ids_of(all_of(fixture, cache.iter_members_for_guild(100, window)))) == expected);
    CHECK(distinct(ids_of(all_of(fixture, cache.iter_roles(window)))) == expected);
    CHECK(distinct(ids_of(all_of(fixture, cache.iter_roles_for_guild(100, window)))) == expected);
    CHECK(distinct(ids_of(all_of(fixture, cache.iter_voice_states_for_channel(21, window)))) == expected);
    CHECK(distinct(ids_of(all_of(fixture, cache.iter_users(window)))) == expected);
  }
}

TEST_CASE("an iterator is stepped, ended early, and asked for the rest") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  CacheIterator<Role> roles = fixture.cache().iter_roles(2);
  std::vector<Entity> seen;
  auto first = answer(fixture, roles.next());
  REQUIRE(first);
  REQUIRE(first->has_value());
  seen.push_back((*first)->entity());
  std::size_t taken = 0;
  auto each = [&](Role& role) {
    seen.push_back(role.entity());
    return ++taken < 2;
  };
  CHECK(answer(fixture, roles.for_each(each)));
  CHECK(taken == 2);
  auto rest = answer(fixture, roles.collect());
  REQUIRE(rest);
  for (const Role& role : *rest) seen.push_back(role.entity());
  CHECK(ids_of(seen) == Ids{100, 200, 10001, 20001});
  auto end = answer(fixture, roles.next());
  REQUIRE(end);
  CHECK_FALSE(end->has_value());
  CHECK(length_of(fixture, std::move(roles)) == 4);
}

TEST_CASE("what does not belong is skipped, and what is broken ends a walk by name") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  Cache& cache = fixture.cache();
  // A reference to nothing, a state that has moved on, keys that are not ours.
  fixture.put_members(9, "1:100:6", {"777"});
  fixture.put_field(8, "100", "6", {{"user_id", "6"}, {"channel_id", "10099"}});
  fixture.put(6, "not ours", {{"id", "5"}});
  CHECK(ids_of(all_of(fixture, cache.iter_roles_for_guild(100))) == Ids{100, 10001});
  CHECK(ids_of(all_of(fixture, cache.iter_voice_states_for_channel(10021))) == Ids{5});
  CHECK(ids_of(all_of(fixture, cache.iter_roles())) == Ids{100, 200, 10001, 20001});

  fixture.client.command("SELECT", "6");
  fixture.client.command("SET", "10001", "{broken");
  fixture.client.command("SELECT", "0");
  auto roles = answer(fixture, cache.iter_roles_for_guild(100).collect());
  REQUIRE_FALSE(roles);
  CHECK(roles.error().code == Errc::invalid_data_found);
  CHECK(roles.error().text.find("database 6, key 10001") != std::string::npos);
  auto role = answer(fixture, cache.get_role(10001));
  REQUIRE_FALSE(role);
  CHECK(role.error().code == Errc::invalid_data_found);
  fixture.client.command("SELECT", "6");
  fixture.client.command("DEL", "10001");
  fixture.client.command("SADD", "10001", "x");
  fixture.client.command("SELECT", "0");
  role = answer(fixture, cache.get_role(10001));
  REQUIRE_FALSE(role);
  CHECK(role.error().code == Errc::invalid_data_found);
  CHECK(role.error().text.find("database 6, key 10001") != std::string::npos);
}

TEST_CASE("absent is said only of what this process knows") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  Cache& cache = fixture.cache();
  const auto is_absent = [&](auto request) {
    auto entity = answer(fixture, std::move(request));
    REQUIRE_FALSE(entity);
    CHECK(entity.error().code == Errc::entry_not_found);
    return entity.error().is_absent;
  };
  CHECK(is_absent(cache.get_role(9, 100)));
  CHECK(is_absent(cache.get_voice_state(100, 9)));
  CHECK_FALSE(is_absent(cache.get_role(9)));           // Of which guild?
  CHECK_FALSE(is_absent(cache.get_role(9, 300)));      // Not ours.
  CHECK_FALSE(is_absent(cache.get_presence(100, 9)));  // GUILD_CREATE lists some.
  CHECK_FALSE(is_absent(cache.get_user(9)));           // Users expire.
  CHECK_FALSE(is_absent(cache.get_thread(9, 100)));    // Archived ones are not kept.

  CHECK(answer(fixture, cache.delete_role(10001, 100)));
  CHECK_FALSE(is_absent(cache.get_role(10001, 100)));  // Discord did not say so.
  fixture.apply("GUILD_CREATE", guild_create(100));
  CHECK(is_absent(cache.get_role(9, 100)));
  fixture.apply("GUILD_DELETE", {{"id", "100"}, {"unavailable", true}});
  CHECK_FALSE(is_absent(cache.get_role(9, 100)));
  fixture.apply("GUILD_CREATE", guild_create(100));
  fixture.apply("GUILD_DELETE", {{"id", "100"}});
  CHECK_FALSE(is_absent(cache.get_role(9, 100)));

  // While anything of the guild is under way nothing is certain.
  fixture.apply("GUILD_CREATE", guild_create(100));
  fixture.feed_event("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "9"}}}});
  auto role = answer(fixture, cache.get_role(9, 100));
  CHECK((role || !role.error().is_absent));
  fixture.flush();
  CHECK(answer(fixture, cache.get_role(9, 100)));
}

TEST_CASE("a member is known to be absent while the list of its guild is complete") {
  CacheFixture fixture(everything());
  const auto is_absent = [&](std::uint64_t user) {
    auto member = answer(fixture, fixture.cache().get_member(100, user));
    REQUIRE_FALSE(member);
    return member.error().is_absent;
  };
  fixture.apply("GUILD_CREATE", guild_create(100));
  CHECK_FALSE(is_absent(9));  // Nobody asks for lists.
  REQUIRE(fixture.cache().chunk_on_guild_create({.send = [](std::uint32_t, std::string_view) { return true; }}));
  fixture.apply("GUILD_CREATE", guild_create(100));  // All of its two members.
  CHECK(is_absent(9));
  fixture.apply("GUILD_MEMBER_REMOVE", {{"guild_id", "100"}, {"user", user(5)}});
  CHECK(is_absent(5));
  Json d = guild_create(100);
  d["member_count"] = 3;
  fixture.apply("GUILD_CREATE", d);
  CHECK_FALSE(is_absent(9));
}

TEST_CASE("without the intents that keep it correct nothing is known to be absent") {
  for (const auto& [declared, expected] : std::map<int, bool>{{0, false}, {static_cast<int>(Intents::guilds), true}}) {
    Options options;
    if (declared != 0) options.intents = static_cast<Intents>(declared);
    CacheFixture fixture(std::move(options));
    fixture.apply("GUILD_CREATE", guild_create(100));
    auto role = answer(fixture, fixture.cache().get_role(9, 100));
    REQUIRE_FALSE(role);
    CHECK(role.error().is_absent == expected);
    auto emoji = answer(fixture, fixture.cache().get_emoji(9, 100));
    REQUIRE_FALSE(emoji);
    CHECK_FALSE(emoji.error().is_absent);
  }
}

TEST_CASE("what is not kept and what no index tells is refused with the option's name") {
  CacheFixture fixture({.resources = {Resource::role, Resource::message}});
  fixture.open();
  Cache& cache = fixture.cache();
  const auto refusal = [](const Error& error) {
    CHECK(error.code == Errc::invalid_argument);
    return error.text;
  };
  CHECK(refusal(answer(fixture, cache.get_user(5)).error()).find("resources") == 0);
  CHECK(refusal(answer(fixture, cache.set_user("{}")).error()).find("resources") == 0);
  CHECK(refusal(answer(fixture, cache.delete_user(5)).error()).find("resources") == 0);
  CHECK(refusal(answer(fixture, cache.clear_users()).error()).find("resources") == 0);
  CHECK(refusal(answer(fixture, cache.iter_users().next()).error()).find("resources") == 0);
  CHECK(refusal(answer(fixture, cache.iter_users().len()).error()).find("resources") == 0);
  CHECK(refusal(answer(fixture, cache.get_many(Resource::user, {5})).error()).find("resources") == 0);
  CHECK(refusal(answer(fixture, cache.iter_messages_for_channel(5).next()).error()).find("messages_by_channel") !=
        std::string::npos);
  CHECK(refusal(answer(fixture, cache.clear_messages_for_author(5)).error()).find("messages_by_author") !=
        std::string::npos);
  CHECK(refusal(answer(fixture, cache.iter_roles(0).next()).error()).find("window_size") == 0);
  CHECK(refusal(answer(fixture, cache.iterate(Scope::of_user(Resource::role, 5)).next()).error()) ==
        "there is no collection of roles by user");
}

TEST_CASE("a key that names nothing is refused rather than looked for") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  Cache& cache = fixture.cache();
  const Json before = fixture.state();
  const auto check = [](const Error& error, std::string_view text) {
    CHECK(error.code == Errc::invalid_argument);
    CHECK(error.text == text);
  };
  for (Resource resource : {Resource::member, Resource::presence, Resource::voice_state}) {
    const std::string text = "guild_id: without it no " + std::string(name(resource)) + " is named";
    check(answer(fixture, cache.get({resource, 5})).error(), text);
    check(answer(fixture, cache.get_many(resource, {5})).error(), text);
    check(answer(fixture, cache.erase({resource, 5})).error(), text);
  }
  for (Resource resource : {Resource::role, Resource::emoji, Resource::member, Resource::voice_state})
    check(answer(fixture, cache.set({resource}, R"({"id":"5","user":{"id":"5"},"channel_id":"1"})")).error(),
          "guild_id: without it no " + std::string(name(resource)) + " is named");
  check(answer(fixture, cache.get_invite("")).error(), "code: an invite is named by its code");
  check(answer(fixture, cache.delete_invite("")).error(), "code: an invite is named by its code");
  check(answer(fixture, cache.get_many(Resource::invite, {5})).error(), "code: an invite is named by its code");
  CHECK(diff(fixture.state(), before) == "");
}

TEST_CASE("a second call of an iterator that is at work is refused") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  CacheIterator<Role> roles = fixture.cache().iter_roles();
  bool first_told = false;
  roles.next().then([&](Result<std::optional<Role>> role) {
    first_told = true;
    CHECK(role);
  });
  auto second = answer(fixture, roles.next());
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Errc::invalid_argument);
  fixture.loop.run_until(first_told);
}

TEST_CASE("after close everything is closed_client") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  Cache& cache = fixture.cache();
  CacheIterator<Role> roles = cache.iter_roles();
  bool closed = false;
  int told = 0;
  const auto expect_closed = [&](const auto& answer) {
    ++told;
    REQUIRE_FALSE(static_cast<bool>(answer));
    CHECK(answer.error().code == Errc::closed_client);
  };
  cache.close([&] { closed = true; });
  cache.get_role(100).then([&](Result<Role> role) { expect_closed(role); });
  cache.set_role(100, R"({"id":"5"})").then([&](const Status& status) { expect_closed(status); });
  cache.clear_roles().then([&](const Status& status) { expect_closed(status); });
  roles.next().then([&](const Result<std::optional<Role>>& role) { expect_closed(role); });
  fixture.loop.run_until(closed);
  CHECK(told == 4);
  roles.len().then([&](const Result<std::size_t>& length) { expect_closed(length); });
  cache.iter_users().next().then([&](const Result<std::optional<User>>& user) { expect_closed(user); });
  CHECK(told == 6);
}

Detached read_twice(Cache& cache, std::vector<std::string>& seen, bool& ended) {
  Result<Role> role = co_await cache.get_role(10001);
  if (role) seen.emplace_back(role->json());
  CacheIterator<Role> roles = cache.iter_roles_for_guild(200);
  for (;;) {
    Result<std::optional<Role>> next = co_await roles.next();
    if (!next || !*next) break;
    seen.emplace_back((*next)->json());
  }
  ended = true;
}

TEST_CASE("requests are awaited in coroutines") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  std::vector<std::string> seen;
  bool ended = false;
  read_twice(fixture.cache(), seen, ended);
  CHECK_FALSE(ended);
  fixture.loop.run_until(ended);
  CHECK(seen.size() == 3);
}

/// A coroutine whose owner may destroy it.
struct Owned {
  struct promise_type {
    Owned get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

Owned read_role(Cache& cache, bool& resumed) {
  static_cast<void>(co_await cache.get_role(10001));
  resumed = true;
}

TEST_CASE("a coroutine that is destroyed while it waits abandons its read") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  bool resumed = false;
  Owned reading = read_role(fixture.cache(), resumed);
  reading.handle.destroy();
  CHECK(answer(fixture, fixture.cache().get_role(10001)));
  CHECK_FALSE(resumed);
}

}  // namespace
}  // namespace sake::test
