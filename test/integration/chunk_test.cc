// Chunks on create: the cache asks for the members of each guild, and removes those that are gone. The test plays the
// connection of the host's shard: it takes the requests, and answers them with GUILD_MEMBERS_CHUNK or not at all.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
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

std::string text(std::uint64_t id) { return std::to_string(id); }

Json member(std::uint64_t user, std::string_view nick = "") {
  Json made = {{"user", {{"id", text(user)}, {"username", "u" + text(user)}}}, {"roles", Json::array()}};
  if (!nick.empty()) made["nick"] = nick;
  return made;
}

Json members(std::initializer_list<std::uint64_t> users) {
  Json made = Json::array();
  for (std::uint64_t user : users) made.push_back(member(user));
  return made;
}

/// A GUILD_CREATE that says that there are more members than it lists.
Json guild(std::uint64_t id, std::initializer_list<std::uint64_t> users = {1}, int count = 1000) {
  return {{"id", text(id)}, {"name", "g"}, {"member_count", count}, {"members", members(users)}};
}

Json of_guild(std::uint64_t id, Json d) {
  d["guild_id"] = text(id);
  return d;
}

struct Request {
  std::uint32_t shard;
  std::string payload;
  Json d;
  std::string nonce() const { return d.at("nonce"); }
};

struct Report {
  std::uint64_t guild;
  bool complete;
  std::size_t members;
  std::string reason;
};

/// A cache that asks, and the shard's connection.
struct Host {
  explicit Host(Options options = {}, Chunking chunking = {}) : fixture(std::move(options)) {
    CHECK(turn_on(std::move(chunking)).ok());
  }

  Status turn_on(Chunking chunking = {}) {
    chunking.send = [this](std::uint32_t shard, std::string_view payload) {
      uv_stop(fixture.loop.get());  // It is told before the loop waits, which it need not then.
      CHECK_FALSE(inside);
      ++tried;
      if (!can_send) return false;
      const Json frame = Json::parse(payload);
      CHECK(frame.at("op") == 8);
      CHECK(frame.at("d").at("nonce").get<std::string>().size() <= 32);
      requests.push_back({shard, std::string(payload), frame.at("d")});
      return true;
    };
    fixture.cache().on_members_complete([this](const MembersReport& report) {
      uv_stop(fixture.loop.get());
      CHECK_FALSE(inside);
      CHECK(report.complete == fixture.cache().members_complete(report.guild_id));
      reports.push_back({report.guild_id, report.complete, report.members, std::string(report.reason)});
    });
    return fixture.cache().chunk_on_guild_create(std::move(chunking));
  }

  const Ending& apply(std::string_view t, const Json& d) {
    inside = true;
    const Ending& ending = fixture.feed_event(t, d);
    inside = false;
    fixture.flush();
    return ending;
  }

  /// The next request that is not taken yet.
  Request request() {
    fixture.loop.run_until([this] { return requests.size() > taken; });
    return requests[taken++];
  }
  /// GUILD_CREATE and the request that follows.
  Request create(const Json& guild) {
    apply("GUILD_CREATE", guild);
    return request();
  }
  Report report() {
    fixture.loop.run_until([this] { return reports.size() > told; });
    return reports[told++];
  }
  /// Nothing is asked for now, and nothing waits for Redis.
  void check_quiet() {
    fixture.flush();
    fixture.run_until_answered();
    fixture.loop.run_for_turns(3);
    CHECK(requests.size() == taken);
    CHECK(reports.size() == told);
  }

  static Json chunk(const Request& request, Json listed, int index = 0, int count = 1) {
    return {{"guild_id", request.d.at("guild_id")},
            {"members", std::move(listed)},
            {"chunk_index", index},
            {"chunk_count", count},
            {"nonce", request.nonce()}};
  }
  void answer(const Request& request, std::initializer_list<std::uint64_t> users, int index = 0, int count = 1) {
    CHECK(apply("GUILD_MEMBERS_CHUNK", chunk(request, members(users), index, count)) == Outcome::applied);
  }

  std::vector<std::string> stored(std::uint64_t guild) { return fixture.members_of(4, text(guild)); }
  Json count_of(std::uint64_t guild) { return fixture.json_at(1, text(guild)).at("member_count"); }
  bool complete(std::uint64_t guild) { return fixture.cache().members_complete(guild); }

  CacheFixture fixture;
  bool can_send = true;
  bool inside = false;  ///< A call of ours is on the stack.
  int tried = 0;
  std::vector<Request> requests;
  std::size_t taken = 0;
  std::vector<Report> reports;
  std::size_t told = 0;
};

using Ids = std::vector<std::string>;

}  // namespace

TEST_SUITE("a run") {
  TEST_CASE("asks for all members after GUILD_CREATE, and takes away those that no chunk lists") {
    Host host({.secondary_indices = SecondaryIndices::all()});
    // What an earlier process has left.
    host.fixture.put_field(4, "100", "66", member(66));
    host.fixture.put_members(9, "7:66:4", {"100", "200"});

    const Request request = host.create(guild(100, {1, 2}));
    CHECK(request.shard == 0);
    CHECK(request.payload == R"({"op":8,"d":{"guild_id":"100","query":"","limit":0,"presences":true,"nonce":")" +
                                 request.nonce() + R"("}})");
    CHECK(host.stored(100) == Ids{"1", "2", "66"});

    host.answer(request, {1, 2}, 0, 3);
    host.answer(request, {3}, 1, 3);
    CHECK_FALSE(host.complete(100));
    CHECK(host.stored(100) == Ids{"1", "2", "3", "66"});
    CHECK(host.count_of(100) == 1000);
    CHECK(host.fixture.stats().member_runs == 1);

    host.answer(request, {4, 5}, 2, 3);
    const Report report = host.report();
    CHECK(report.guild == 100);
    CHECK(report.complete);
    CHECK(report.members == 5);
    CHECK(report.reason.empty());
    CHECK(host.complete(100));
    CHECK(host.stored(100) == Ids{"1", "2", "3", "4", "5"});
    CHECK(host.count_of(100) == 5);
    CHECK(host.fixture.members_of(9, "7:66:4") == Ids{"200"});
    CHECK(host.fixture.members_of(9, "7:5:4") == Ids{"100"});
    const Stats stats = host.fixture.stats();
    CHECK(stats.member_requests == 1);
    CHECK(stats.member_runs == 0);
    CHECK(stats.member_lists_complete == 1);
    host.check_quiet();
  }

  TEST_CASE("is complete when all chunks are here, in whatever order and however often") {
    Host host;
    host.fixture.put_field(4, "100", "66", member(66));
    const Request request = host.create(guild(100));
    host.answer(request, {5}, 2, 3);
    host.answer(request, {5}, 2, 3);
    host.answer(request, {1}, 0, 3);
    host.answer(request, {5}, 2, 3);
    host.check_quiet();
    CHECK(host.stored(100) == Ids{"1", "5", "66"});
    host.answer(request, {3}, 1, 3);
    CHECK(host.report().members == 3);
    CHECK(host.stored(100) == Ids{"1", "3", "5"});
  }

  TEST_CASE("does not count chunks that somebody else has asked for") {
    Host host;
    host.fixture.put_field(4, "100", "66", member(66));
    const Request request = host.create(guild(100));
    Json foreign = Host::chunk(request, members({7}));
    SUBCASE("with another nonce") { foreign["nonce"] = "mine"; }
    SUBCASE("without a nonce") { foreign.erase("nonce"); }
    SUBCASE("with a nonce that is none") { foreign["nonce"] = 5; }
    SUBCASE("without a place") { foreign.erase("chunk_index"); }
    SUBCASE("with a place that cannot be") { foreign["chunk_index"] = 1; }
    SUBCASE("of another guild") { foreign["guild_id"] = "200"; }
    CHECK(host.apply("GUILD_MEMBERS_CHUNK", foreign) == Outcome::applied);
    host.check_quiet();
    CHECK_FALSE(host.complete(100));
    CHECK(host.fixture.field_at(4, "100", "66").is_object());
    CHECK(host.fixture.field_at(4, foreign["guild_id"].get<std::string>(), "7").is_object());

    // Whom they listed is there all the same, having been written since.
    host.answer(request, {1});
    CHECK(host.report().complete);
    CHECK(host.stored(100) == (foreign["guild_id"] == "100" ? Ids{"1", "7"} : Ids{"1"}));
  }

  TEST_CASE("gives way to what events tell of a member meanwhile") {
    Host host;
    const Request request = host.create(guild(100, {1, 2, 3}));
    host.answer(request, {1, 2}, 0, 3);
    Json joined = member(9, "event");
    host.apply("GUILD_MEMBER_ADD", of_guild(100, joined));
    host.apply("GUILD_MEMBER_ADD", of_guild(100, member(8)));
    host.apply("GUILD_MEMBER_REMOVE", of_guild(100, {{"user", {{"id", "2"}, {"username", "u2"}}}}));
    host.apply("GUILD_MEMBER_REMOVE", of_guild(100, {{"user", {{"id", "3"}, {"username", "u3"}}}}));
    // The chunks were made before that.
    Json chunk = Host::chunk(request, {member(3), member(4), member(9, "chunk")}, 1, 3);
    chunk["presences"] = R"([{"user":{"id":"3"},"status":"dnd"},{"user":{"id":"4"},"status":"idle"}])"_json;
    host.apply("GUILD_MEMBERS_CHUNK", chunk);
    host.apply("GUILD_MEMBER_REMOVE", of_guild(100, {{"user", {{"id", "4"}, {"username", "u4"}}}}));
    host.apply("GUILD_MEMBER_ADD", of_guild(100, member(4, "again")));
    host.answer(request, {4, 5}, 2, 3);
    CHECK(host.report().members == 5);
    CHECK(host.stored(100) == Ids{"1", "4", "5", "8", "9"});
    CHECK(host.fixture.field_at(4, "100", "9")["nick"] == "event");
    CHECK(host.fixture.field_at(4, "100", "4")["nick"] == "again");
    CHECK(host.fixture.members_of(5, "100") == Ids{});
    CHECK(host.count_of(100) == 5);
  }

  TEST_CASE("ends in the order of the guild's events, so that the count is right whatever comes right behind") {
    Host host;
    host.fixture.put_field(4, "100", "66", member(66));
    const Request request = host.create(guild(100));
    host.fixture.feed_event("GUILD_MEMBERS_CHUNK", Host::chunk(request, members({1, 2, 3})));
    host.fixture.feed_event("GUILD_MEMBER_ADD", of_guild(100, member(4)));
    host.fixture.feed_event("GUILD_MEMBER_REMOVE", of_guild(100, {{"user", {{"id", "1"}, {"username", "u1"}}}}));
    host.fixture.feed_event("GUILD_MEMBER_ADD", of_guild(100, member(5)));
    CHECK(host.report().members == 3);
    host.fixture.flush();
    CHECK(host.stored(100) == Ids{"2", "3", "4", "5"});
    CHECK(host.count_of(100) == 4);
  }

  TEST_CASE("keeps members that ride along with other events") {
    Host host({.policies = {.harvest_members = HarvestPolicy::on}});
    const Request request = host.create(guild(100));
    host.answer(request, {1}, 0, 2);
    Json author = {{"id", "7"}, {"username", "u7"}};
    host.apply("MESSAGE_CREATE",
               of_guild(100, {{"id", "900"}, {"channel_id", "20"}, {"author", author}, {"member", Json::object()}}));
    host.answer(request, {2}, 1, 2);
    CHECK(host.report().complete);
    CHECK(host.stored(100) == Ids{"1", "2", "7"});
  }

  TEST_CASE("asks for presences when the resources and the intents allow it") {
    const auto asks = [](Options options) {
      Host host(std::move(options));
      return host.create(guild(100)).d.at("presences").get<bool>();
    };
    const Intents members_only = Intents::guilds | Intents::guild_members;
    CHECK(asks({}));
    CHECK(asks({.intents = members_only | Intents::guild_presences}));
    CHECK_FALSE(asks({.intents = members_only}));
    CHECK_FALSE(asks({.resources = {Resource::guild, Resource::member}}));
  }

  TEST_CASE("works without the guilds themselves") {
    Host host({.resources = {Resource::member}});
    host.fixture.put_field(4, "100", "66", member(66));
    host.answer(host.create(guild(100)), {1, 2});
    CHECK(host.report().complete);
    CHECK(host.stored(100) == Ids{"1", "2"});
  }

  TEST_CASE("removes who is gone where a filter refuses some of those that are listed") {
    Filters filters;
    filters.accepts = [](const Candidate& candidate) { return candidate.id != 3 && candidate.id != 4; };
    Host host({.filters = std::move(filters)});
    host.fixture.put_field(4, "100", "66", member(66));
    host.answer(host.create(guild(100)), {1, 2, 3, 4});
    CHECK(host.report().members == 4);
    CHECK(host.stored(100) == Ids{"1", "2"});
    CHECK(host.count_of(100) == 4);
  }

  TEST_CASE("is not believed when it lists nobody") {
    Host host;
    const Request request = host.create(guild(100, {1, 2}));
    host.answer(request, {});
    const Report report = host.report();
    CHECK_FALSE(report.complete);
    CHECK(report.reason == "what was listed could not be stored");
    CHECK(host.stored(100) == Ids{"1", "2"});
  }

  TEST_CASE("of a dirty guild is not complete, nor is one whose members cannot be stored") {
    Host host;
    const Request request = host.create(guild(100));
    host.answer(request, {1}, 0, 2);
    SUBCASE("an event fails meanwhile") {
      host.fixture.put(5, "100", "not a hash");
      CHECK(host.apply("PRESENCE_UPDATE", of_guild(100, {{"user", {{"id", "1"}}}, {"status", "dnd"}})) ==
            Outcome::failed);
      host.answer(request, {2}, 1, 2);
      const Report report = host.report();
      CHECK_FALSE(report.complete);
      CHECK(report.members == 2);
      CHECK(report.reason == "an event of the guild has failed");
      CHECK(host.fixture.cache().clear_dirty_guild(100));
      CHECK(host.complete(100));
    }
    SUBCASE("the members cannot be stored") {
      host.fixture.client.select(4);
      host.fixture.client.command("SET", "100", "not a hash");
      host.fixture.client.select(0);
      CHECK(host.apply("GUILD_MEMBERS_CHUNK", Host::chunk(request, members({2}), 1, 2)) == Outcome::failed);
      CHECK(host.report().reason == "what was listed could not be stored");
      CHECK(host.fixture.stats().member_runs == 0);
      CHECK(host.fixture.cache().clear_dirty_guild(100));
      CHECK_FALSE(host.complete(100));
    }
  }

  TEST_CASE("is complete until an event of the guild fails") {
    Host host;
    host.answer(host.create(guild(100)), {1});
    CHECK(host.report().complete);
    host.fixture.put(5, "100", "not a hash");
    host.apply("PRESENCE_UPDATE", of_guild(100, {{"user", {{"id", "1"}}}, {"status", "dnd"}}));
    CHECK_FALSE(host.complete(100));
  }
}

TEST_SUITE("without a run") {
  TEST_CASE("a guild is complete when its GUILD_CREATE lists all members") {
    Host host;
    host.fixture.put_field(4, "100", "66", member(66));
    host.apply("GUILD_CREATE", guild(100, {1, 2, 2}, 2));
    const Report report = host.report();
    CHECK(report.complete);
    CHECK(report.members == 2);
    CHECK(host.stored(100) == Ids{"1", "2"});
    host.check_quiet();
  }

  TEST_CASE("it is not when the policy keeps members that are not listed") {
    Host host({.policies = {.guild_create_members = MemberPolicy::merge}});
    host.fixture.put_field(4, "100", "66", member(66));
    const Request request = host.create(guild(100, {1, 2}, 2));
    CHECK_FALSE(host.complete(100));
    host.answer(request, {1, 2});
    CHECK(host.report().complete);
    CHECK(host.stored(100) == Ids{"1", "2"});
  }

  TEST_CASE("nothing is asked for or remembered unless it was wanted") {
    Host host;
    CHECK(host.fixture.cache().chunk_on_guild_create({}).ok());
    host.apply("GUILD_CREATE", guild(100, {1}, 1));
    host.apply("GUILD_CREATE", guild(200));
    host.check_quiet();
    CHECK_FALSE(host.complete(100));
    CHECK(host.fixture.stats().member_runs == 0);
    CHECK(host.fixture.stats().member_lists_complete == 0);
    // A chunk that looks like an answer removes nobody.
    host.apply("GUILD_MEMBERS_CHUNK",
               of_guild(200, {{"members", members({2})}, {"chunk_index", 0}, {"chunk_count", 1}, {"nonce", "1"}}));
    CHECK(host.stored(200) == Ids{"1", "2"});
  }

  TEST_CASE("switching it off in the midst forgets what was complete and what was on its way") {
    Host host;
    host.apply("GUILD_CREATE", guild(100, {1}, 1));
    CHECK(host.report().complete);
    const Request request = host.create(guild(200));
    CHECK(host.fixture.cache().chunk_on_guild_create({}).ok());
    CHECK_FALSE(host.complete(100));
    host.answer(request, {2});
    host.check_quiet();
    CHECK_FALSE(host.complete(200));
    CHECK(host.stored(200) == Ids{"1", "2"});
    // And on again: from the next GUILD_CREATE on.
    CHECK(host.turn_on({.guild_interval = 1ms}).ok());
    host.check_quiet();
    host.answer(host.create(guild(200)), {2});
    CHECK(host.report().complete);
    CHECK(host.stored(200) == Ids{"2"});
  }
}

TEST_SUITE("asking") {
  TEST_CASE("again after RATE_LIMITED, when its time has passed") {
    Host host({}, {.guild_interval = 1ms});
    const Request request = host.create(guild(100));
    host.answer(request, {66}, 0, 2);
    Json limited = {{"opcode", 8}, {"retry_after", 0.05}, {"meta", {{"guild_id", "100"}, {"nonce", request.nonce()}}}};
    SUBCASE("with the nonce") {}
    SUBCASE("without one") { limited["meta"].erase("nonce"); }
    const auto before = std::chrono::steady_clock::now();
    CHECK(host.apply("RATE_LIMITED", limited) == Outcome::applied);
    const Request second = host.request();
    CHECK(std::chrono::steady_clock::now() - before >= 50ms);
    CHECK(second.nonce() != request.nonce());
    // The first run is void, whatever still comes of it.
    host.answer(second, {1}, 0, 2);
    host.answer(request, {5}, 1, 2);
    CHECK_FALSE(host.complete(100));
    host.answer(second, {2}, 1, 2);
    CHECK(host.report().complete);
    CHECK(host.stored(100) == Ids{"1", "2", "5"});
  }

  TEST_CASE("is not disturbed by a RATE_LIMITED of something else") {
    Host host;
    const Request request = host.create(guild(100));
    Json limited = {{"opcode", 8}, {"retry_after", 0}, {"meta", {{"guild_id", "100"}, {"nonce", request.nonce()}}}};
    SUBCASE("another nonce") { limited["meta"]["nonce"] = "mine"; }
    SUBCASE("another guild") { limited["meta"]["guild_id"] = "200"; }
    SUBCASE("another opcode") { limited["opcode"] = 31; }
    SUBCASE("no guild") { limited["meta"] = Json::object(); }
    SUBCASE("nothing to go by") { limited = Json::object(); }
    CHECK(host.apply("RATE_LIMITED", limited).ignored_as("nothing to cache"));
    host.answer(request, {1});
    CHECK(host.report().complete);
  }

  TEST_CASE("waits long when RATE_LIMITED says nonsense") {
    Host host({}, {.guild_interval = 1ms});
    const Request request = host.create(guild(100));
    Json limited = {{"opcode", 8}, {"meta", {{"guild_id", "100"}}}};
    SUBCASE("nothing") {}
    SUBCASE("no number") { limited["retry_after"] = "soon"; }
    SUBCASE("too much") { limited["retry_after"] = 1e300; }
    CHECK(host.apply("RATE_LIMITED", limited) == Outcome::applied);
    host.fixture.loop.run_for(20ms);
    host.check_quiet();
    CHECK(host.fixture.stats().member_runs == 1);
  }

  TEST_CASE("once more when no chunk comes, and so often and no more") {
    Host host({}, {.attempts_max = 3, .guild_interval = 1ms, .chunk_timeout = 20ms});
    const Request first = host.create(guild(100));
    const Request second = host.request();
    CHECK(second.nonce() != first.nonce());
    host.answer(second, {1}, 0, 2);
    const Request third = host.request();
    const Report report = host.report();
    CHECK(report.guild == 100);
    CHECK_FALSE(report.complete);
    CHECK(report.reason == "no answer");
    CHECK(host.fixture.stats().member_runs == 0);
    host.answer(third, {1});  // Too late.
    host.check_quiet();
    CHECK_FALSE(host.complete(100));
    // The next GUILD_CREATE begins anew.
    CHECK(host.turn_on({.guild_interval = 1ms}).ok());
    host.answer(host.create(guild(100)), {1});
    CHECK(host.report().complete);
  }

  TEST_CASE("is given up when Discord limits it again and again") {
    Host host({}, {.attempts_max = 2, .guild_interval = 1ms});
    host.create(guild(100));
    const Json limited = {{"opcode", 8}, {"retry_after", 0}, {"meta", {{"guild_id", "100"}}}};
    host.apply("RATE_LIMITED", limited);
    host.request();
    host.apply("RATE_LIMITED", limited);
    CHECK(host.report().reason == "rate limited");
    host.check_quiet();
  }

  TEST_CASE("waits for each chunk anew") {
    Host host({}, {.guild_interval = 1ms, .chunk_timeout = 500ms});
    const auto begin = std::chrono::steady_clock::now();
    const Request request = host.create(guild(100));
    auto last = begin;
    auto longest = begin - begin;
    for (int index = 0; last - begin < 600ms; ++index) {
      host.answer(request, {1}, index, 1'000'000);
      host.fixture.loop.run_for(5ms);
      const auto now = std::chrono::steady_clock::now();
      longest = std::max(longest, now - std::exchange(last, now));
    }
    if (longest < 400ms) CHECK(host.requests.size() == 1);  // Else the machine was too busy to tell.
  }

  TEST_CASE("twice for a guild keeps an interval") {
    Host host({}, {.guild_interval = 300ms});
    const auto before = std::chrono::steady_clock::now();
    const Request request = host.create(guild(100));
    host.apply("GUILD_CREATE", guild(100));
    host.create(guild(200));  // Others need not wait.
    const Request second = host.request();
    CHECK(second.d.at("guild_id") == "100");
    CHECK(std::chrono::steady_clock::now() - before >= 300ms);
    host.answer(request, {1});  // Of the GUILD_CREATE before.
    CHECK_FALSE(host.complete(100));
    host.answer(second, {1});
    CHECK(host.report().complete);
  }

  TEST_CASE("is bounded per minute and shard") {
    Host host({}, {.requests_per_minute = 2});
    host.fixture.shard(0, 2);
    for (std::uint64_t id : {100, 200, 300}) host.apply("GUILD_CREATE", guild(id));
    host.fixture.shard(1, 2);
    host.apply("GUILD_CREATE", guild(1ull << 22));
    std::vector<std::pair<std::uint32_t, std::string>> asked;
    for (int i = 0; i < 3; ++i) {
      const Request request = host.request();
      asked.emplace_back(request.shard, request.d.at("guild_id"));
    }
    CHECK(asked == std::vector<std::pair<std::uint32_t, std::string>>{{0, "100"}, {0, "200"}, {1, "4194304"}});
    host.check_quiet();
    CHECK(host.fixture.stats().member_runs == 4);
  }

  TEST_CASE("goes on for so many guilds at a time") {
    Host host({}, {.runs_max = 2});
    for (std::uint64_t id : {100, 200, 300, 400}) host.apply("GUILD_CREATE", guild(id));
    const Request first = host.request();
    const Request second = host.request();
    host.check_quiet();
    host.answer(second, {1});
    CHECK(host.report().guild == 200);
    CHECK(host.request().d.at("guild_id") == "300");
    host.check_quiet();
    host.apply("GUILD_DELETE", {{"id", "100"}});  // That one is over too.
    CHECK(host.request().d.at("guild_id") == "400");
  }

  TEST_CASE("waits while the host cannot send") {
    Host host({}, {.send_pause = 1ms});
    host.can_send = false;
    host.apply("GUILD_CREATE", guild(100));
    host.apply("GUILD_CREATE", guild(200));
    host.fixture.loop.run_until([&] { return host.tried >= 4; });
    CHECK(host.requests.empty());
    CHECK(host.fixture.stats().member_requests == 0);
    CHECK(host.fixture.stats().member_runs == 2);
    host.can_send = true;
    host.answer(host.request(), {1});
    CHECK(host.report().guild == 100);
    host.answer(host.request(), {1});
    CHECK(host.report().guild == 200);
  }

  TEST_CASE("waits until Redis keeps up") {
    constexpr std::size_t pending_bytes_max = 200'000;
    CacheFixture fixture({.pending_bytes_max = pending_bytes_max});
    std::vector<std::size_t> pending;
    Chunking chunking;
    chunking.send = [&](std::uint32_t, std::string_view) {
      pending.push_back(fixture.stats().pending_bytes);
      uv_stop(fixture.loop.get());
      return true;
    };
    CHECK(fixture.cache().chunk_on_guild_create(std::move(chunking)).ok());
    // More comes in the very moment in which the guild is there.
    const Json message = {{"id", "900"}, {"channel_id", "20"}, {"content", std::string(pending_bytes_max, 'x')}};
    bool sent = false;
    CHECK(fixture.shard()
              .dispatch_frame(CacheFixture::frame("GUILD_CREATE", guild(100)),
                              [&](const EventResult&) {
                                fixture.feed_event("MESSAGE_CREATE", message);
                                CHECK(fixture.stats().pending_bytes >= pending_bytes_max / 2);
                                sent = true;
                              })
              .ok());
    fixture.loop.run_until([&] { return !pending.empty(); });
    CHECK(sent);
    CHECK(pending.at(0) < pending_bytes_max / 2);
  }

  TEST_CASE("begins anew with a new session, and goes on with a resumed one") {
    Host host({}, {.guild_interval = 1ms});
    host.answer(host.create(guild(200)), {1});
    CHECK(host.report().complete);
    const Request request = host.create(guild(100));
    host.answer(request, {1}, 0, 2);
    SUBCASE("resumed") {
      host.apply("RESUMED", Json::object());
      host.answer(request, {2}, 1, 2);
      CHECK(host.report().complete);
      CHECK(host.complete(200));
    }
    SUBCASE("a new session") {
      host.apply("READY",
                 {{"user", {{"id", "1"}, {"username", "me"}}},
                  {"session_id", "b"},
                  {"guilds", {{{"id", "100"}, {"unavailable", true}}, {{"id", "200"}, {"unavailable", true}}}}});
      CHECK_FALSE(host.complete(200));
      host.answer(request, {2}, 1, 2);
      host.check_quiet();
      CHECK_FALSE(host.complete(100));
      CHECK(host.fixture.stats().member_runs == 0);
      const Request second = host.create(guild(100));
      host.answer(second, {3});
      CHECK(host.report().complete);
      CHECK(host.stored(100) == Ids{"3"});
    }
    SUBCASE("forgotten") {
      host.fixture.shard().forget();
      CHECK_FALSE(host.complete(200));
      CHECK(host.fixture.stats().member_runs == 0);
    }
  }

  TEST_CASE("ends when the guild goes") {
    Host host({}, {.guild_interval = 1ms});
    const Request request = host.create(guild(100));
    bool left = false;
    SUBCASE("left") {
      left = true;
      host.apply("GUILD_DELETE", {{"id", "100"}});
    }
    SUBCASE("an outage") { host.apply("GUILD_DELETE", {{"id", "100"}, {"unavailable", true}}); }
    SUBCASE("a stub") { host.apply("GUILD_CREATE", {{"id", "100"}, {"unavailable", true}}); }
    CHECK(host.fixture.stats().member_runs == 0);
    const Ending& late = host.apply("GUILD_MEMBERS_CHUNK", Host::chunk(request, members({5})));
    if (left) CHECK(late.ignored_as("left"));
    host.check_quiet();
    CHECK_FALSE(host.complete(100));
    host.answer(host.create(guild(100)), {1, 2});
    CHECK(host.report().complete);
    CHECK(host.stored(100) == Ids{"1", "2"});
  }

  TEST_CASE("a guild that is complete is so no longer when it goes") {
    Host host;
    host.apply("GUILD_CREATE", guild(100, {1}, 1));
    CHECK(host.report().complete);
    SUBCASE("left") { host.apply("GUILD_DELETE", {{"id", "100"}}); }
    SUBCASE("an outage") { host.apply("GUILD_DELETE", {{"id", "100"}, {"unavailable", true}}); }
    SUBCASE("a stub") { host.apply("GUILD_CREATE", {{"id", "100"}, {"unavailable", true}}); }
    CHECK_FALSE(host.complete(100));
  }

  TEST_CASE("a guild that is left before it was asked for is not asked for") {
    Host host;
    host.fixture.feed_event("GUILD_CREATE", guild(100));
    host.fixture.feed_event("GUILD_DELETE", {{"id", "100"}});
    host.check_quiet();
    CHECK(host.tried == 0);
  }
}

TEST_SUITE("the host") {
  TEST_CASE("is told what cannot work") {
    const auto wrong = [](Options options, Chunking chunking) {
      Host host(std::move(options), {});
      return host.turn_on(std::move(chunking));
    };
    const auto text_of = [&](Chunking chunking) {
      const Status status = wrong({}, std::move(chunking));
      CHECK(status.error().code == Errc::invalid_argument);
      return status.error().text;
    };
    CHECK(text_of({.requests_per_minute = 0}) == "Chunking::requests_per_minute: must be positive");
    CHECK(text_of({.runs_max = 0}) == "Chunking::runs_max: must be positive");
    CHECK(text_of({.attempts_max = 0}) == "Chunking::attempts_max: must be positive");
    CHECK(text_of({.guild_interval = 0ms}) == "Chunking::guild_interval: must be positive");
    CHECK(text_of({.send_pause = -1ms}) == "Chunking::send_pause: must be positive");
    CHECK(text_of({.chunk_timeout = 0ms}) == "Chunking::chunk_timeout: must be positive");

    CacheFixture fixture({.intents = Intents::guilds | Intents::guild_presences});
    const auto send = [](std::uint32_t, std::string_view) { return true; };
    Status status = fixture.cache().chunk_on_guild_create({.send = send});
    CHECK(status.error().code == Errc::invalid_argument);
    CHECK(status.error().text.find("guild_members") != std::string::npos);
    CHECK(fixture.cache().chunk_on_guild_create({}).ok());
    fixture.apply("GUILD_CREATE", guild(100, {1}, 1));
    CHECK_FALSE(fixture.cache().members_complete(100));

    fixture.reopen({.resources = {Resource::guild}});
    status = fixture.cache().chunk_on_guild_create({.send = send});
    CHECK(status.error().code == Errc::invalid_argument);
    CHECK(status.error().text.find("members") != std::string::npos);
  }

  TEST_CASE("may close in the midst of a run, and then nothing more is asked for") {
    Host host({}, {.guild_interval = 1ms, .chunk_timeout = 1ms});
    host.create(guild(100));
    host.can_send = false;
    host.apply("GUILD_CREATE", guild(200));
    const int tried = host.tried;
    bool closed = false;
    host.fixture.cache().close([&] {
      closed = true;
      uv_stop(host.fixture.loop.get());
    });
    CHECK(host.fixture.cache().chunk_on_guild_create({}).error().code == Errc::closed_client);
    host.fixture.loop.run_until(closed);
    CHECK(host.tried == tried);
  }

  TEST_CASE("may change or end everything from its callbacks") {
    Host host;
    SUBCASE("switch off while it sends") {
      CHECK(host.fixture.cache()
                .chunk_on_guild_create({.send =
                                            [&](std::uint32_t, std::string_view) {
                                              ++host.tried;
                                              CHECK(host.fixture.cache().chunk_on_guild_create({}).ok());
                                              return true;
                                            }})
                .ok());
    }
    SUBCASE("close while it sends") {
      CHECK(host.fixture.cache()
                .chunk_on_guild_create({.send =
                                            [&](std::uint32_t, std::string_view) {
                                              ++host.tried;
                                              host.fixture.cache().close();
                                              return true;
                                            }})
                .ok());
    }
    host.fixture.feed_event("GUILD_CREATE", guild(100));
    host.fixture.feed_event("GUILD_CREATE", guild(200));
    host.fixture.loop.run_until([&] { return host.tried > 0; });
    host.fixture.loop.run_for_turns(20);
    CHECK(host.tried == 1);
  }

  TEST_CASE("may answer a request while it sends it") {
    Host host;
    bool answered = false;
    CHECK(host.fixture.cache()
              .chunk_on_guild_create(
                  {.send =
                       [&](std::uint32_t, std::string_view payload) {
                         const Request request{0, "", Json::parse(payload).at("d")};
                         host.fixture.feed_event("GUILD_MEMBERS_CHUNK", Host::chunk(request, members({1, 2})));
                         return answered = true;
                       }})
              .ok());
    host.apply("GUILD_CREATE", guild(100));
    CHECK(host.report().members == 2);
    CHECK(answered);
  }
}

}  // namespace sake::test
