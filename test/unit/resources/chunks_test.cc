#include "resources/chunks.h"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using sake::resources::Chunks;
using sake::resources::Settling;
using What = Chunks::News::What;
using Stage = Chunks::Stage;
using Told = Chunks::Told;

namespace {

struct Run {
  Chunks::Token token;
  std::string nonce;
};

/// A run under way.
Run begin(Chunks& chunks, std::uint64_t guild, std::uint32_t shard = 0) {
  chunks.turn_on();
  const Chunks::Token token = chunks.create(guild, shard);
  chunks.want(guild, token);
  return {token, std::string(chunks.ask(guild, token))};
}

std::vector<std::uint64_t> ids(const std::optional<sake::resources::IdSet>& set) {
  return set ? set->ids() : std::vector<std::uint64_t>{};
}

}  // namespace

TEST_CASE("nothing is remembered unless it is turned on") {
  Chunks chunks;
  CHECK_FALSE(chunks.is_on());
  CHECK(chunks.create(100, 0) == 0);
  chunks.want(100, 0);
  chunks.complete(100, 0, 5);
  chunks.see(100, 5);
  CHECK_FALSE(chunks.is_complete(100));
  CHECK(chunks.take_news().empty());
  CHECK(chunks.ask(100, 0).empty());
}

TEST_CASE("a run goes from GUILD_CREATE over its chunks to a complete list") {
  Chunks chunks;
  chunks.turn_on();
  const Chunks::Token token = chunks.create(100, 3);
  CHECK(token != 0);
  CHECK(chunks.take_news().empty());
  CHECK(chunks.ask(100, token).empty());  // Not yet.
  chunks.want(100, token);
  auto news = chunks.take_news();
  REQUIRE(news.size() == 1);
  CHECK(news[0].what == What::wanted);
  CHECK(news[0].guild == 100);
  CHECK(news[0].shard == 3);

  CHECK_FALSE(chunks.has_runs());
  const std::string nonce(chunks.ask(100, token));
  CHECK_FALSE(nonce.empty());
  CHECK(chunks.has_runs());
  CHECK(chunks.stage(100, token) == Stage::asked);
  auto arrival = chunks.arrive(100, nonce, 1, 2);
  CHECK(arrival.token == token);
  CHECK_FALSE(arrival.is_last);
  CHECK(chunks.arrived(100) == 1);
  for (std::uint64_t user : {5, 3, 5}) chunks.see(100, user);
  arrival = chunks.arrive(100, nonce, 0, 2);
  CHECK(arrival.is_last);
  CHECK(chunks.stage(100, token) == Stage::settling);
  chunks.see(100, 9);
  CHECK(ids(chunks.take_seen(100, token)) == std::vector<std::uint64_t>{3, 5, 9});
  CHECK_FALSE(chunks.has_runs());
  CHECK_FALSE(chunks.is_complete(100));
  chunks.complete(100, token, 3);
  CHECK(chunks.is_complete(100));
  news = chunks.take_news();
  REQUIRE(news.size() == 1);
  CHECK(news[0].what == What::complete);
  CHECK(news[0].members == 3);
  CHECK(chunks.count(Stage::complete) == 1);
  CHECK(chunks.count(Stage::settling) == 0);
}

TEST_CASE("a GUILD_CREATE that lists all members makes the list complete without a run") {
  Chunks chunks;
  chunks.turn_on();
  const Chunks::Token token = chunks.create(100, 0);
  CHECK_FALSE(chunks.is_complete(100));
  chunks.complete(100, token, 7);
  CHECK(chunks.is_complete(100));
  CHECK(chunks.ask(100, token).empty());
  chunks.create(100, 0);  // The next one begins anew.
  CHECK_FALSE(chunks.is_complete(100));
}

TEST_CASE("only chunks of the run count: its nonce, a place that exists, and the same number of chunks") {
  Chunks chunks;
  const Run run = begin(chunks, 100);
  CHECK(chunks.arrive(100, "other", 0, 1).token == 0);
  CHECK(chunks.arrive(100, "", 0, 1).token == 0);
  CHECK(chunks.arrive(101, run.nonce, 0, 1).token == 0);
  CHECK(chunks.arrive(100, run.nonce, std::nullopt, 1).token == 0);
  CHECK(chunks.arrive(100, run.nonce, 0, std::nullopt).token == 0);
  const std::pair<int, int> wrong[] = {{-1, 2}, {2, 2}, {0, 0}, {0, -1}, {0, 1'000'001}};
  for (const auto& place : wrong) {
    CAPTURE(place.first);
    CAPTURE(place.second);
    CHECK(chunks.arrive(100, run.nonce, place.first, place.second).token == 0);
  }
  CHECK(chunks.arrived(100) == 0);
  CHECK(chunks.arrive(100, run.nonce, 0, 2).token == run.token);
  CHECK(chunks.arrive(100, run.nonce, 0, 1).token == 0);
  CHECK_FALSE(chunks.arrive(100, run.nonce, 0, 2).is_last);  // The same one again.
  CHECK(chunks.arrived(100) == 1);
  CHECK(chunks.arrive(100, run.nonce, 1, 2).is_last);
  CHECK_FALSE(chunks.arrive(100, run.nonce, 1, 2).is_last);  // It was.
}

TEST_CASE("what events tell of a member during the run is newer than the run") {
  Chunks chunks;
  const Run run = begin(chunks, 100);
  CHECK(chunks.told(100, 5) == Told::nothing);
  chunks.see(100, 5);
  chunks.see(100, 6);
  chunks.remove(100, 5);
  CHECK(chunks.told(100, 5) == Told::removed);
  chunks.see(100, 7);
  chunks.add(100, 7);
  CHECK(chunks.told(100, 7) == Told::added);
  chunks.remove(100, 6);
  chunks.see(100, 6);  // It came back.
  chunks.add(100, 6);
  chunks.remove(101, 7);  // Of another guild.
  chunks.arrive(100, run.nonce, 0, 1);
  CHECK(ids(chunks.take_seen(100, run.token)) == std::vector<std::uint64_t>{6, 7});
  CHECK(chunks.told(100, 7) == Told::nothing);
}

TEST_CASE("members that are seen again and again take no more room") {
  Chunks chunks;
  const Run run = begin(chunks, 100);
  for (int round = 0; round < 1000; ++round)
    for (std::uint64_t user = 1; user <= 100; ++user) chunks.see(100, user);
  chunks.arrive(100, run.nonce, 0, 1);
  CHECK(chunks.take_seen(100, run.token)->size() == 100);
}

TEST_CASE("what belongs to an older GUILD_CREATE, or to a guild that is forgotten, does nothing") {
  Chunks chunks;
  const Run old = begin(chunks, 100);
  chunks.take_news();
  SUBCASE("created again") { chunks.create(100, 0); }
  SUBCASE("left") { chunks.forget(100); }
  SUBCASE("the session is lost") { chunks.forget_shard(0); }
  SUBCASE("turned off") { chunks.turn_off(); }
  CHECK_FALSE(chunks.has_runs());
  CHECK(chunks.arrive(100, old.nonce, 0, 1).token == 0);
  CHECK_FALSE(chunks.stage(100, old.token));
  CHECK_FALSE(chunks.take_seen(100, old.token));
  CHECK_FALSE(chunks.hold(100, old.nonce, 1));
  chunks.want(100, old.token);
  chunks.complete(100, old.token, 1);
  chunks.fail(100, old.token);
  chunks.take_back(100, old.token);
  chunks.give_up(100, old.token);
  CHECK_FALSE(chunks.is_complete(100));
  CHECK(chunks.take_news().empty());
  for (Stage stage : {Stage::wanted, Stage::asked, Stage::settling, Stage::complete, Stage::given_up})
    CHECK(chunks.count(stage) == 0);
}

TEST_CASE("a lost session concerns the guilds of its shard alone") {
  Chunks chunks;
  const Run one = begin(chunks, 100, 1);
  const Run other = begin(chunks, 200, 2);
  chunks.complete(300, chunks.create(300, 1), 5);
  chunks.complete(400, chunks.create(400, 2), 5);
  chunks.forget_shard(1);
  CHECK_FALSE(chunks.stage(100, one.token));
  CHECK(chunks.stage(200, other.token) == Stage::asked);
  CHECK_FALSE(chunks.is_complete(300));
  CHECK(chunks.is_complete(400));
}

TEST_CASE("a request that Discord wants later is wanted again, with another nonce and nothing seen") {
  Chunks chunks;
  const Run run = begin(chunks, 100);
  chunks.take_news();
  chunks.see(100, 5);
  CHECK_FALSE(chunks.hold(101, run.nonce, 500));
  CHECK_FALSE(chunks.hold(100, "other", 500));
  CHECK(chunks.hold(100, "", 500));  // Discord need not say the nonce.
  const auto news = chunks.take_news();
  REQUIRE(news.size() == 1);
  CHECK(news[0].what == What::held);
  CHECK(news[0].delay_ms == 500);
  CHECK_FALSE(chunks.hold(100, "", 500));
  const std::string nonce(chunks.ask(100, run.token));
  CHECK(nonce != run.nonce);
  CHECK(chunks.arrive(100, run.nonce, 0, 1).token == 0);
  chunks.see(100, 6);
  chunks.arrive(100, nonce, 0, 1);
  CHECK(ids(chunks.take_seen(100, run.token)) == std::vector<std::uint64_t>{6});
}

TEST_CASE("a run that ends before its members were stored has failed; handed over or complete it has not") {
  Chunks chunks;
  const Run run = begin(chunks, 100);
  chunks.take_news();
  { const Settling nothing(chunks, 100, 0); }
  { const Settling too_early(chunks, 100, run.token); }
  CHECK(chunks.stage(100, run.token) == Stage::asked);
  chunks.arrive(100, run.nonce, 0, 1);
  {
    Settling settling(chunks, 100, run.token);
    settling.hand_over();
  }
  CHECK(chunks.stage(100, run.token) == Stage::settling);
  SUBCASE("failed") {
    { const Settling settling(chunks, 100, run.token); }
    CHECK(chunks.stage(100, run.token) == Stage::given_up);
    CHECK(chunks.take_news().at(0).what == What::failed);
  }
  SUBCASE("complete") {
    {
      const Settling settling(chunks, 100, run.token);
      chunks.complete(100, run.token, 1);
    }
    CHECK(chunks.is_complete(100));
  }
}

TEST_CASE("nonces are at most 32 bytes, all different, and unlike those of another process") {
  Chunks chunks;
  Chunks other;
  std::set<std::string> nonces;
  for (std::uint64_t guild = 1; guild <= 1000; ++guild) {
    const std::string nonce = begin(chunks, guild).nonce;
    REQUIRE(nonce.size() <= 32);
    nonces.insert(nonce);
    nonces.insert(begin(other, guild).nonce);
  }
  CHECK(nonces.size() == 2000);
}
