// Options::codec: what Redis holds is encoded, and everything else is as without a codec.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/answer.h"
#include "support/codecs.h"
#include "support/gateway_log.h"
#include "support/two_guilds.h"

namespace sake::test {
namespace {

Options with(Codec codec) {
  Options options = everything();
  options.codec = std::move(codec);
  options.policies.track_channel_activity = true;
  options.policies.scrub_deleted_roles = true;
  options.policies.harvest_members = HarvestPolicy::on;
  return options;
}

/// Feeds all of a log without waiting in between, so that events meet others that wait in their lanes.
void feed_log(CacheFixture& fixture, std::uint64_t seed) {
  for (const std::string& frame : generate({.seed = seed, .guilds = 3, .members = 12, .frames = 900}))
    fixture.feed(frame);
  fixture.flush();
}

void plant(CacheFixture& fixture, int database, std::string_view key, std::string_view value) {
  fixture.client.select(database);
  CHECK(fixture.client.command("SET", key, value).text == "OK");
  fixture.client.select(0);
}

std::string stored_at(CacheFixture& fixture, int database, std::string_view key) {
  fixture.client.select(database);
  std::string value = fixture.client.command("GET", key).text;
  fixture.client.select(0);
  return value;
}

Json entity(CacheFixture& fixture, EntityKey key) {
  auto found = answer(fixture, fixture.cache().get(std::move(key)));
  REQUIRE_MESSAGE(found, describe(found.error()));
  return Json::parse(found->json);
}

TEST_CASE("after any log, the decoded values are those of a cache without a codec") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    CacheFixture plain(with({}));
    feed_log(plain, seed);
    const Json expected = unordered_content(plain);
    for (const bool compresses : {false, true}) {
      CAPTURE(compresses);
      Codec codec = compresses ? zlib_codec() : turning_codec();
      CacheFixture fixture(with(compresses ? zlib_codec() : turning_codec()));
      feed_log(fixture, seed);
      const std::string different = diff(decoded_content(fixture, codec), expected);
      CHECK_MESSAGE(different.empty(), different);
    }
  }
}

TEST_CASE("events that change what is stored find it, be it in Redis or on its way there") {
  for (const bool waits : {false, true}) {
    CAPTURE(waits);
    Codec codec = zlib_codec();
    CacheFixture fixture(with(zlib_codec()));
    const auto feed = [&](std::string_view event, const Json& d) {
      fixture.feed_event(event, d);
      if (!waits) fixture.flush();
    };
    feed("READY", {{"user", user(7)}, {"session_id", "s"}, {"guilds", Json::array()}});
    feed("USER_UPDATE", {{"id", "7"}, {"locale", "de"}});
    feed("GUILD_CREATE", guild_create(100));
    feed("GUILD_MEMBER_ADD", {{"guild_id", "100"}, {"user", user(8)}, {"roles", Json::array()}});
    feed("MESSAGE_CREATE", message(900, 100, 5));
    feed("MESSAGE_UPDATE", {{"id", "900"}, {"channel_id", "10022"}, {"guild_id", "100"}, {"pinned", true}});
    feed("MESSAGE_REACTION_ADD", {{"user_id", "6"},
                                  {"channel_id", "10022"},
                                  {"guild_id", "100"},
                                  {"message_id", "900"},
                                  {"emoji", {{"id", nullptr}, {"name", "x"}}}});
    fixture.flush();
    const Json stored = decoded_content(fixture, codec);
    CHECK(stored["7"]["ME"] == Json{{"id", "7"}, {"username", "u7"}, {"locale", "de"}});
    CHECK(stored["1"]["100"]["member_count"] == 3);
    const Json& changed = stored["10"]["900"];
    CHECK(changed["content"] == "c");
    CHECK(changed["pinned"] == true);
    CHECK(changed["reactions"].at(0)["count"] == 1);
    CHECK(stored["2"]["10022"]["last_message_id"] == "900");
  }
}

TEST_CASE("what is read by name is decoded") {
  CacheFixture plain(everything());
  feed_two_guilds(plain);
  const Json expected = content(plain);
  CacheFixture fixture(with(turning_codec()));
  feed_two_guilds(fixture);
  CHECK(entity(fixture, {Resource::role, 10001}) == expected["6"]["10001"]);
  CHECK(entity(fixture, {Resource::member, 5, 100}) == expected["4"]["100"]["5"]);
  CHECK(entity(fixture, {Resource::invite, 0, 0, "code100"}) == expected["3"]["code100"]);
  CHECK(entity(fixture, EntityKey::me()) == expected["7"]["ME"]);

  auto roles = answer(fixture, fixture.cache().get_many(Resource::role, {20001, 999}));
  REQUIRE(roles);
  CHECK(Json::parse((*roles)[0]->json) == expected["6"]["20001"]);
  CHECK_FALSE((*roles)[1]);
  auto members = answer(fixture, fixture.cache().get_many(Resource::member, {6}, 200));
  REQUIRE(members);
  CHECK(Json::parse((*members)[0]->json) == expected["4"]["200"]["6"]);

  const Scope scopes[] = {Scope::all(Resource::role),
                          Scope::all(Resource::member),
                          Scope::of_guild(Resource::role, 100),
                          Scope::of_guild(Resource::presence, 100),
                          Scope::of_channel(Resource::voice_state, 10021),
                          Scope::of_channel(Resource::message, 10022),
                          Scope::of_user(Resource::member, 5)};
  const std::size_t sizes[] = {4, 4, 2, 2, 2, 2, 2};
  for (std::size_t i = 0; i < std::size(scopes); ++i) {
    CAPTURE(i);
    auto found = answer(fixture, fixture.cache().iterate(scopes[i]).collect());
    REQUIRE_MESSAGE(found, describe(found.error()));
    CHECK(found->size() == sizes[i]);
    for (const Entity& one : *found) {
      const Json& database = expected[std::to_string(static_cast<int>(one.resource))];
      const std::string id = std::to_string(one.id);
      CHECK(Json::parse(one.json) == (one.guild_id != 0 ? database[std::to_string(one.guild_id)][id] : database[id]));
    }
    CHECK(*answer(fixture, fixture.cache().iterate(scopes[i]).len()) == sizes[i]);
  }
}

TEST_CASE("what the host writes by name is encoded, deletes and clears find what they need") {
  Codec codec = turning_codec();
  CacheFixture fixture(with(turning_codec()));
  feed_two_guilds(fixture);
  Cache& cache = fixture.cache();
  CHECK(answer(fixture, cache.set({Resource::user}, R"({"id":"9","username":"nine"})")));
  CHECK(*answer(fixture, cache.update(R"({"id":"10090","channel_id":"10022","guild_id":"100","content":"new"})")));
  Json stored = decoded_content(fixture, codec);
  CHECK(stored["7"]["9"]["username"] == "nine");
  CHECK(stored["10"]["10090"]["content"] == "new");

  CHECK(answer(fixture, cache.erase({Resource::message, 10090})));
  CHECK(answer(fixture, cache.clear(Scope::of_guild(Resource::voice_state, 100))));
  CHECK(answer(fixture, cache.clear(Scope::of_channel(Resource::invite, 10022))));
  fixture.apply("CHANNEL_DELETE", {{"id", "20022"}, {"guild_id", "200"}, {"type", 0}});
  stored = decoded_content(fixture, codec);
  CHECK_FALSE(stored["10"].contains("10090"));
  CHECK_FALSE(stored["8"].contains("100"));
  CHECK_FALSE(fixture.exists(9, "2:10021:8"));
  CHECK_FALSE(stored["3"].contains("code100"));
  CHECK_FALSE(stored["11"].contains("20025"));
}

TEST_CASE("the own user is known again after a restart, and written again after a loss") {
  Codec codec = turning_codec();
  CacheFixture fixture(with(turning_codec()));
  fixture.apply("READY", {{"user", user(7)}, {"session_id", "s"}, {"guilds", Json::array()}});
  fixture.reopen(with(turning_codec()));
  fixture.apply("USER_UPDATE", {{"id", "7"}, {"locale", "de"}});
  const Json expected{{"id", "7"}, {"username", "u7"}, {"locale", "de"}};
  CHECK(decoded(codec, stored_at(fixture, 7, "ME")) == expected);
  fixture.client.command("FLUSHALL");
  fixture.apply("GUILD_CREATE", guild_create(100));
  fixture.loop.run_until([&] { return fixture.stats().backend_resets == 1; });
  fixture.flush();
  fixture.run_until_answered();
  CHECK(decoded(codec, stored_at(fixture, 7, "ME")) == expected);
}

TEST_CASE("filters see the JSON, and the selection comes before the codec") {
  Codec codec = turning_codec();
  Options options = with(turning_codec());
  std::vector<std::string> seen;
  options.filters.accepts = [&](const Candidate& candidate) {
    if (candidate.resource == Resource::role) seen.emplace_back(candidate.json);
    return candidate.id != 62;
  };
  options.drop_fields = {{Resource::role, {"color"}}};
  CacheFixture fixture(std::move(options));
  for (const char* id : {"61", "62"})
    fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"color", 3}, {"id", id}}}});
  REQUIRE(seen.size() == 2);
  CHECK(Json::parse(seen[0])["color"] == 3);
  CHECK(decoded(codec, stored_at(fixture, 6, "61")) == Json{{"id", "61"}, {"guild_id", "100"}});
  CHECK_FALSE(fixture.exists(6, "62"));
}

TEST_CASE("what the codec refuses is invalid_data_found by name, and absent for events") {
  CacheFixture fixture(with(turning_codec()));
  feed_two_guilds(fixture);
  // Good JSON, and nothing that this codec has made.
  plant(fixture, 6, "10001", R"({"id":"10001","guild_id":"100"})");
  plant(fixture, 10, "10090", R"({"id":"10090","content":"old"})");
  fixture.put_field(4, "100", "5", {{"user", user(5)}});
  // Decodes to something else than an object.
  plant(fixture, 6, "20001", "~\xff");

  const auto refused = [&](const Error& error, std::string_view place, std::string_view why) {
    CHECK(error.code == Errc::invalid_data_found);
    CHECK_MESSAGE(error.text.starts_with(place), error.text);
    CHECK_MESSAGE(error.text.find(why) != std::string::npos, error.text);
  };
  Cache& cache = fixture.cache();
  refused(answer(fixture, cache.get({Resource::role, 10001})).error(), "database 6, key 10001: ", "no mark");
  refused(answer(fixture, cache.get({Resource::role, 20001})).error(), "database 6, key 20001: ", "no JSON object");
  refused(answer(fixture, cache.get({Resource::member, 5, 100})).error(), "database 4, key 100, field 5: ", "no mark");
  refused(answer(fixture, cache.get_many(Resource::role, {100, 10001})).error(), "database 6, key 10001: ", "no mark");
  refused(answer(fixture, cache.iterate(Scope::of_guild(Resource::role, 100)).collect()).error(),
          "database 6, key 10001: ", "no mark");
  refused(answer(fixture, cache.iterate(Scope::of_guild(Resource::member, 100)).collect()).error(),
          "database 4, key 100, field 5: ", "no mark");

  const std::string update = R"({"id":"10090","channel_id":"10022","guild_id":"100"})";
  CHECK(fixture.apply("MESSAGE_UPDATE", Json::parse(update)) == Outcome::applied);
  CHECK(*answer(fixture, cache.update(update)) == false);
  CHECK(stored_at(fixture, 10, "10090") == R"({"id":"10090","content":"old"})");
  CHECK(std::ranges::any_of(fixture.logged, [](const std::string& line) {
    return line.starts_with("warning: invalid_data_found: a stored message");
  }));
  Codec codec = turning_codec();
  CHECK(fixture.apply("GUILD_MEMBER_UPDATE", {{"guild_id", "100"}, {"user", user(5)}, {"roles", {"61"}}}) ==
        Outcome::applied);
  fixture.client.select(4);
  const std::string member = fixture.client.command("HGET", "100", "5").text;
  fixture.client.select(0);
  CHECK(decoded(codec, member)["roles"] == Json{"61"});
}

TEST_CASE("an own user that the codec refuses is unknown until READY, and said") {
  CacheFixture fixture(with(turning_codec()));
  plant(fixture, 7, "ME", R"({"id":"7","username":"old"})");
  fixture.open();
  CHECK(std::ranges::any_of(fixture.logged, [](const std::string& line) {
    return line.starts_with("warning: invalid_data_found: database 7, key ME: ");
  }));
  fixture.apply("READY", {{"user", user(8)}, {"session_id", "s"}, {"guilds", Json::array()}});
  CHECK(entity(fixture, EntityKey::me()) == user(8));
}

TEST_CASE("half a codec is refused") {
  Loop loop;
  for (const bool encodes : {false, true}) {
    Codec codec = turning_codec();
    if (encodes) {
      codec.decode.reset();
    } else {
      codec.encode.reset();
    }
    const auto cache = Cache::open(loop.get(), {.codec = std::move(codec)});
    REQUIRE_FALSE(cache);
    CHECK(cache.error().code == Errc::invalid_argument);
    CHECK(cache.error().text.starts_with("codec: "));
  }
}

}  // namespace
}  // namespace sake::test
