// What a host learns when something was not written: which guilds are dirty, that Redis has lost data or may throw it
// away, and how its connections are.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"
#include "support/proxy.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<std::uint64_t>;

Json guild(const std::string& id) {
  return {{"id", id},
          {"name", "guild"},
          {"member_count", 0},
          {"roles", {{{"id", id}, {"name", "@everyone"}}}},
          {"emojis", Json::array()},
          {"channels", {{{"id", id + "1"}, {"type", 0}}}},
          {"members", Json::array()},
          {"presences", Json::array()},
          {"voice_states", Json::array()},
          {"threads", Json::array()}};
}

Json role(const std::string& guild_id, const std::string& id) {
  return {{"guild_id", guild_id}, {"role", {{"id", id}, {"name", "role"}}}};
}

struct Told {
  explicit Told(Options options = {}, RedisServerOptions server = {}) : fixture(std::move(options), std::move(server)) {
    listen();
  }

  void listen() {
    fixture.cache().on_dirty(
        [this](std::uint64_t guild_id, const Error& why) { dirty.emplace_back(guild_id, describe(why)); });
    fixture.cache().on_connection([this](const ConnectionChange& change) {
      changes.push_back(change.what);
      if (change.error != nullptr) reasons.push_back(describe(*change.error));
    });
  }

  /// Spoils the key of a role for the type of its references, so that Redis answers WRONGTYPE.
  void spoil_references(const std::string& guild_id) {
    fixture.client.select(9);
    fixture.client.command("SET", "1:" + guild_id + ":6", "no set");
    fixture.client.select(0);
  }
  void mend_references(const std::string& guild_id) {
    fixture.client.select(9);
    fixture.client.command("DEL", "1:" + guild_id + ":6");
    fixture.client.select(0);
  }

  bool has_logged(std::string_view part) const {
    return std::ranges::any_of(fixture.logged, [&](const auto& line) { return line.find(part) != line.npos; });
  }
  std::ptrdiff_t changes_to(ConnectionChange::What what) const { return std::ranges::count(changes, what); }

  // In front of the cache, which may tell something at its end.
  std::vector<std::pair<std::uint64_t, std::string>> dirty;
  std::vector<ConnectionChange::What> changes;
  std::vector<std::string> reasons;
  CacheFixture fixture;
};

}  // namespace

TEST_CASE("an event that Redis refuses fails with Redis's words, its type and its guild, which is dirty from then on") {
  Told told;
  told.fixture.apply("GUILD_CREATE", guild("100"));
  told.spoil_references("100");
  const Ending& failed = told.fixture.apply("GUILD_ROLE_CREATE", role("100", "5"));
  CHECK(failed == Outcome::failed);
  CHECK(failed.error ==
        "backend_error (server): GUILD_ROLE_CREATE of guild 100: WRONGTYPE Operation against a key holding the wrong "
        "kind of value");
  CHECK(told.has_logged("GUILD_ROLE_CREATE of guild 100: WRONGTYPE"));
  CHECK(told.fixture.cache().dirty_guilds() == Ids{100});
  CHECK(told.fixture.stats().dirty_guilds == 1);
  REQUIRE(told.dirty.size() == 1);
  CHECK(told.dirty[0].first == 100);
  CHECK(told.dirty[0].second == failed.error);
  // The connection went on, and so did other guilds.
  CHECK(told.fixture.apply("GUILD_ROLE_CREATE", role("200", "6")) == Outcome::applied);
  CHECK(told.fixture.cache().dirty_guilds() == Ids{100});
  CHECK(told.fixture.stats().connections_lost == 0);
}

TEST_CASE("a guild is told once however often it fails, and again after it was whole") {
  Told told;
  told.spoil_references("100");
  for (int i = 0; i < 5; ++i) told.fixture.apply("GUILD_ROLE_CREATE", role("100", std::to_string(i + 1)));
  CHECK(told.dirty.size() == 1);
  told.mend_references("100");
  CHECK(told.fixture.apply("GUILD_CREATE", guild("100")) == Outcome::applied);
  CHECK(told.fixture.cache().dirty_guilds().empty());
  told.spoil_references("100");
  told.fixture.apply("GUILD_ROLE_CREATE", role("100", "9"));
  CHECK(told.dirty.size() == 2);
  CHECK(told.fixture.cache().clear_dirty_guild(100));
  CHECK_FALSE(told.fixture.cache().clear_dirty_guild(100));
  CHECK(told.fixture.cache().dirty_guilds().empty());
}

TEST_CASE("a GUILD_CREATE that fails itself heals nothing, nor does a stub, and a failure behind it stays") {
  Told told;
  told.spoil_references("100");
  CHECK(told.fixture.apply("GUILD_CREATE", guild("100")) == Outcome::failed);
  CHECK(told.fixture.cache().dirty_guilds() == Ids{100});
  told.fixture.apply("GUILD_CREATE", {{"id", "100"}, {"unavailable", true}});
  CHECK(told.fixture.cache().dirty_guilds() == Ids{100});

  told.mend_references("100");
  told.fixture.put(7, "5", "no user");
  told.fixture.feed_event("GUILD_CREATE", guild("100"));
  // Behind it, and refused at once: its hash is no hash.
  told.fixture.put(4, "100", "no hash");
  told.fixture.feed_event("GUILD_MEMBER_ADD", {{"guild_id", "100"}, {"user", {{"id", "5"}, {"username", "u"}}}});
  told.fixture.flush();
  CHECK(told.fixture.cache().dirty_guilds() == Ids{100});
}

TEST_CASE("a guild that was left is dirty no more") {
  Told told;
  told.fixture.apply("GUILD_CREATE", guild("100"));
  told.spoil_references("100");
  told.fixture.apply("GUILD_ROLE_CREATE", role("100", "5"));
  CHECK(told.fixture.cache().dirty_guilds() == Ids{100});
  told.mend_references("100");
  CHECK(told.fixture.apply("GUILD_DELETE", {{"id", "100"}}) == Outcome::applied);
  CHECK(told.fixture.cache().dirty_guilds().empty());
}

TEST_CASE("a rejected event makes no guild dirty, and one of no guild has none to name") {
  Told told;
  CHECK(told.fixture.apply("GUILD_ROLE_CREATE", {{"guild_id", "100"}}) == Outcome::rejected);
  told.fixture.put_field(7, "77", "no", "user");
  told.fixture.client.select(10);
  told.fixture.client.command("ACL", "SETUSER", "default", "-set");
  const Ending& failed = told.fixture.apply("MESSAGE_CREATE", {{"id", "1"}, {"channel_id", "2"}});
  told.fixture.client.command("ACL", "SETUSER", "default", "+set");
  told.fixture.client.select(0);
  CHECK(failed == Outcome::failed);
  CHECK(failed.error.starts_with("backend_error (server): MESSAGE_CREATE: NOPERM"));
  CHECK(told.fixture.cache().dirty_guilds().empty());
}

TEST_CASE("of the guilds that a READY brings only those that failed are dirty, and the READY names one") {
  Told told;
  for (const char* id : {"100", "200", "300"}) told.fixture.apply("GUILD_CREATE", guild(id));
  // The guild 200 cannot be left: its references are no set.
  told.spoil_references("200");
  const Ending& ready = told.fixture.apply(
      "READY", {{"user", {{"id", "1"}, {"username", "me"}}}, {"guilds", {{{"id", "100"}, {"unavailable", true}}}}});
  CHECK(ready == Outcome::failed);
  CHECK(ready.error.find("READY: guild 200: WRONGTYPE") != std::string::npos);
  CHECK(told.fixture.cache().dirty_guilds() == Ids{200});
}

TEST_CASE("a frame that was refused and skipped makes its guild dirty, and nothing else does") {
  Told told({.pending_bytes_max = 20'000});
  told.fixture.apply("GUILD_CREATE", guild("100"));
  told.fixture.apply("GUILD_CREATE", guild("200"));
  Shard& shard = told.fixture.shard();
  const auto fill = [&] {
    for (int i = 0; i < 100; ++i) {
      const std::string data = Json{{"id", "9"}, {"channel_id", "2"}, {"content", std::string(5'000, 'x')}}.dump();
      if (!shard.dispatch("MESSAGE_CREATE", data)) return shard.skip();  // Of no guild.
    }
  };
  told.fixture.server.pause();
  fill();
  CHECK(told.fixture.cache().dirty_guilds().empty());
  CHECK(told.fixture.stats().skipped == 1);

  SUBCASE("a whole frame") {
    CHECK_FALSE(shard.dispatch_frame(CacheFixture::frame("GUILD_ROLE_CREATE", role("100", "5"), 7)).ok());
    CHECK(told.fixture.cache().dirty_guilds().empty());
    shard.skip();
    CHECK(told.fixture.cache().dirty_guilds() == Ids{100});
  }
  SUBCASE("an event that was taken out of its frame, by its own id") {
    CHECK_FALSE(shard.dispatch("GUILD_UPDATE", R"({"id":"200","name":"new"})").ok());
    shard.skip();
    CHECK(told.fixture.cache().dirty_guilds() == Ids{200});
  }
  SUBCASE("a READY concerns every guild of its shard") {
    CHECK_FALSE(shard.dispatch_frame(CacheFixture::frame("READY", {{"user", {{"id", "1"}}}}, 1)).ok());
    shard.skip();
    CHECK(told.fixture.cache().dirty_guilds() == Ids{100, 200});
  }
  SUBCASE("one that is no JSON, or changes nothing, concerns none") {
    CHECK_FALSE(shard.dispatch_frame(R"({"op":0,"t":"GUILD_ROLE_CREATE","d":{"guild_id":"100")").ok());
    shard.skip();
    CHECK_FALSE(shard.dispatch_frame(R"({"op":0,"t":"ENTITLEMENT_CREATE","d":{"guild_id":"100"}})").ok());
    shard.skip();
    CHECK(told.fixture.cache().dirty_guilds().empty());
  }
  told.fixture.server.resume();
  told.fixture.flush();
  CHECK(told.fixture.stats().skipped >= 2);
  told.fixture.apply("GUILD_CREATE", guild("100"));
  told.fixture.apply("GUILD_CREATE", guild("200"));
  CHECK(told.fixture.cache().dirty_guilds().empty());
}

// ------------------------------------------------------------------------------------- A Redis that has lost data

TEST_CASE("a Redis that was emptied is noticed while it is used, and every guild of the process is dirty") {
  Told told;
  told.fixture.apply("READY", {{"user", {{"id", "1"}, {"username", "me"}}}, {"guilds", Json::array()}});
  for (const char* id : {"100", "200"}) told.fixture.apply("GUILD_CREATE", guild(id));
  told.fixture.client.command("FLUSHALL");
  CHECK(told.fixture.stats().backend_resets == 0);
  told.fixture.apply("GUILD_ROLE_CREATE", role("100", "5"));
  told.fixture.loop.run_until([&] { return told.fixture.stats().backend_resets == 1; });
  told.fixture.flush();
  CHECK(told.fixture.cache().dirty_guilds() == Ids{100, 200});
  REQUIRE(told.dirty.size() == 2);
  CHECK(told.dirty[0].second.starts_with("backend_reset: "));
  CHECK(told.has_logged("error: backend_reset"));
  // What is known whole is there again, and what was remembered of lifetimes is forgotten.
  CHECK(told.fixture.json_at(7, "ME")["username"] == "me");
  told.fixture.apply("GUILD_ROLE_CREATE", role("100", "6"));
  CHECK(told.fixture.lifetime_ms(9, "1:100:6") > 0);
  told.fixture.apply("GUILD_CREATE", guild("100"));
  CHECK(told.fixture.cache().dirty_guilds() == Ids{200});
}

TEST_CASE("a server that starts again without its data is noticed at the first link, one that kept them is not") {
  for (const bool keeps : {false, true}) {
    CAPTURE(keeps);
    RedisServerOptions server;
    if (keeps) server.arguments = {"--appendonly", "yes", "--appendfsync", "always"};
    Told told({}, server);
    told.fixture.apply("GUILD_CREATE", guild("100"));
    told.fixture.loop.run_until([&] { return told.fixture.stats().pending_bytes == 0; });
    told.fixture.server.kill();
    told.fixture.loop.run_until([&] { return told.changes_to(ConnectionChange::What::lost) == 16; });
    told.fixture.server.start();
    told.fixture.loop.run_until([&] {
      return told.changes_to(ConnectionChange::What::reconnected) == 16 && told.fixture.stats().pending_bytes == 0;
    });
    told.fixture.flush();
    CHECK(told.fixture.stats().backend_resets == (keeps ? 0 : 1));
    CHECK(told.fixture.cache().dirty_guilds() == (keeps ? Ids{} : Ids{100}));
    CHECK(told.fixture.stats().databases.at(0).reconnects == 1);
    CHECK_FALSE(told.reasons.at(0).empty());
    CHECK(told.fixture.apply("GUILD_ROLE_CREATE", role("100", "5")) == Outcome::applied);
  }
}

TEST_CASE("a server that comes back with an older state is noticed") {
  Told told;
  told.fixture.apply("GUILD_CREATE", guild("100"));
  told.fixture.loop.run_until([&] { return told.fixture.stats().pending_bytes == 0; });
  told.fixture.client.command("CONFIG", "SET", "save", "");
  told.fixture.client.command("SAVE");
  told.fixture.apply("GUILD_CREATE", guild("200"));
  // The counter has moved on since.
  const std::uint64_t checks = told.fixture.stats().checks;
  told.fixture.loop.run_until(
      [&] { return told.fixture.stats().checks > checks && told.fixture.stats().pending_bytes == 0; });
  told.fixture.server.restart();
  told.fixture.loop.run_until([&] { return told.fixture.stats().backend_resets == 1; });
  CHECK(told.fixture.cache().dirty_guilds() == Ids{100, 200});
}

TEST_CASE("an idle cache looks after its data as well, and a busy one writes the counter once a second") {
  Told told({.health_check_interval = std::chrono::milliseconds(50)});
  told.fixture.apply("GUILD_CREATE", guild("100"));
  told.fixture.client.command("FLUSHALL");
  told.fixture.loop.run_until([&] { return told.fixture.stats().backend_resets == 1; });
  told.fixture.reopen({});
  const std::uint64_t checks = told.fixture.stats().checks;
  for (int i = 0; i < 200; ++i) told.fixture.apply("GUILD_ROLE_CREATE", role("100", std::to_string(i + 1)));
  CHECK(told.fixture.stats().checks <= checks + 5);
}

TEST_CASE("the counter leaves with its cache") {
  CacheFixture fixture;
  fixture.apply("GUILD_CREATE", guild("100"));
  fixture.client.select(9);
  fixture.loop.run_until([&] { return fixture.client.command("KEYS", "sake:marker:*").elements.size() == 1; });
  fixture.close();
  CHECK(fixture.client.command("KEYS", "sake:*").elements.empty());
  fixture.client.select(0);
}

TEST_CASE("where the counter is not permitted open warns once, and nothing is taken for a loss") {
  RedisServerOptions server;
  server.configuration = {"user default on nopass ~* &* +@all resetkeys %RW~1* %RW~2* %W~sake:* %RW~ME"};
  Told told({}, server);
  told.fixture.apply("GUILD_CREATE", guild("100"));
  told.fixture.loop.run_until([&] { return told.has_logged("a loss of data in Redis cannot be noticed"); });
  told.fixture.client.command("PING");
  told.fixture.apply("GUILD_ROLE_CREATE", role("100", "5"));
  CHECK(told.fixture.stats().backend_resets == 0);
}

TEST_CASE("a policy of eviction is warned of, once, and evicted keys are counted") {
  RedisServerOptions server;
  server.configuration = {"maxmemory 4mb", "maxmemory-policy allkeys-random"};
  Told told({.health_check_interval = std::chrono::seconds(1)}, server);
  told.fixture.loop.run_until([&] { return told.has_logged("allkeys-random"); });
  CHECK(told.fixture.stats().evicted_keys == 0);
  for (int i = 0; i < 100; ++i)
    told.fixture.client.command("SET", "key" + std::to_string(i), std::string(100'000, 'x'));
  told.fixture.loop.run_until([&] { return told.fixture.stats().evicted_keys > 0; });
  CHECK(told.has_logged("Redis has evicted"));
  told.fixture.loop.run_until([&] { return told.fixture.stats().pending_bytes == 0; });
  CHECK(std::ranges::count_if(told.fixture.logged,
                              [](const auto& line) { return line.find("allkeys-random") != line.npos; }) == 1);
}

TEST_CASE("no policy of eviction and no limit are nothing to warn of") {
  for (const std::vector<std::string>& configuration :
       {std::vector<std::string>{"maxmemory 100mb", "maxmemory-policy noeviction"},
        std::vector<std::string>{"maxmemory-policy allkeys-lru"}, std::vector<std::string>{}}) {
    RedisServerOptions server;
    server.configuration = configuration;
    Told told({}, server);
    told.fixture.apply("GUILD_CREATE", guild("100"));
    told.fixture.loop.run_until([&] { return told.fixture.stats().pending_bytes == 0; });
    CHECK(told.fixture.logged.empty());
  }
}

// ------------------------------------------------------------------------------------------- Connections

TEST_CASE("connections are told as they come and go, with the reason, and their state is in the statistics") {
  CacheFixture fixture;
  Proxy proxy(fixture.loop.get(), fixture.server.socket_path());
  fixture.reopen({.address = proxy.address()});
  std::vector<ConnectionChange> changes;
  std::vector<std::string> reasons;
  fixture.cache().on_connection([&](const ConnectionChange& change) {
    changes.push_back(change);
    if (change.error != nullptr) reasons.push_back(describe(*change.error));
  });
  const Stats before = fixture.stats();
  REQUIRE(before.databases.size() == 16);
  CHECK(before.databases.front().database == 0);
  CHECK(before.databases.back().database == 9);
  for (const DatabaseStats& database : before.databases) CHECK(database.state == LinkState::ready);

  proxy.refuse(true);
  proxy.cut();
  fixture.loop.run_until([&] { return fixture.stats().connections == 0; });
  fixture.loop.run_until([&] { return reasons.size() == 16; });
  CHECK(reasons[0].starts_with("backend_error (lost): "));
  for (const DatabaseStats& database : fixture.stats().databases) {
    CHECK(database.state != LinkState::ready);
    CHECK_FALSE(database.last_error.empty());
  }
  proxy.refuse(false);
  fixture.loop.run_until([&] { return changes.size() == 32; });
  for (const DatabaseStats& database : fixture.stats().databases) {
    CHECK(database.state == LinkState::ready);
    CHECK(database.reconnects == 1);
  }
  bool closed = false;
  fixture.cache().close([&] { closed = true; });
  fixture.loop.run_until(closed);
  for (const DatabaseStats& database : fixture.stats().databases) CHECK(database.state == LinkState::closed);
}

TEST_CASE("an outage is a few lines in the log, however long it lasts") {
  CacheFixture fixture({.backoff_first = std::chrono::milliseconds(1), .backoff_max = std::chrono::milliseconds(2)});
  fixture.open();
  fixture.server.kill();
  fixture.loop.run_for(std::chrono::milliseconds(300));
  fixture.server.start();
  fixture.loop.run_until([&] { return fixture.stats().connections == 16; });
  CHECK(fixture.logged.size() <= 6);
  CHECK(std::ranges::any_of(fixture.logged, [](const auto& line) { return line.find("ready again") != line.npos; }));
}

TEST_CASE("a flood of refused events is a few lines in the log, and every one of them is counted") {
  CacheFixture fixture;
  for (int i = 0; i < 500; ++i) fixture.feed_event("GUILD_ROLE_CREATE", {{"guild_id", "100"}});
  fixture.flush();
  CHECK(fixture.event_stats("GUILD_ROLE_CREATE").rejected == 500);
  CHECK(fixture.logged.size() <= 30);
}

TEST_CASE("what a callback does to the cache is taken well, closing it included") {
  CacheFixture fixture;
  fixture.open();
  bool closed = false;
  fixture.cache().on_connection([&](const ConnectionChange& change) {
    if (change.what != ConnectionChange::What::lost || closed) return;
    static_cast<void>(fixture.cache().dirty_guilds());
    fixture.cache().close([&] { closed = true; });
  });
  fixture.server.kill();
  fixture.loop.run_until(closed);
}

TEST_CASE("with an open_timeout of zero a server that is down is waited for") {
  RedisServer server;
  Loop loop;
  server.kill();
  Status opened = Error{};
  bool told = false;
  auto cache = Cache::open(loop.get(), {.address = server.address(), .open_timeout = std::chrono::milliseconds(0)},
                           [&](Status status) {
                             opened = std::move(status);
                             told = true;
                           });
  REQUIRE(cache);
  loop.run_for(std::chrono::milliseconds(200));
  CHECK_FALSE(told);
  server.start();
  loop.run_until(told);
  CHECK(opened.ok());
  bool closed = false;
  cache.value()->close([&] { closed = true; });
  loop.run_until(closed);
}

}  // namespace sake::test
