#include "resources/state.h"

#include <cstdint>
#include <map>

#include <doctest/doctest.h>

#include "support/random.h"

using namespace sake::resources;

TEST_CASE("a tombstone covers its id until its life has passed") {
  Tombstones<std::uint64_t> stones(1000, 10);
  CHECK_FALSE(stones.covers(1, 0));
  stones.set(1, 500);
  CHECK(stones.covers(1, 500));
  CHECK(stones.covers(1, 1499));
  CHECK_FALSE(stones.covers(2, 500));
  CHECK_FALSE(stones.covers(1, 1500));
  CHECK_FALSE(stones.covers(1, 500));  // It is gone.
}

TEST_CASE("a tombstone can be lifted and set again") {
  Tombstones<std::uint64_t> stones(1000, 10);
  stones.lift(1);
  stones.set(1, 0);
  stones.lift(1);
  CHECK_FALSE(stones.covers(1, 0));
  stones.set(1, 100);
  CHECK(stones.covers(1, 1099));
  stones.set(1, 600);  // It lives from the last time on.
  CHECK(stones.covers(1, 1599));
  CHECK_FALSE(stones.covers(1, 1600));
}

TEST_CASE("where time never passes, tombstones stay until they are lifted") {
  Tombstones<std::uint64_t> stones(1000, 10);
  stones.set(1, 42);
  for (int i = 0; i < 1000; ++i) REQUIRE(stones.covers(1, 42));
  stones.lift(1);
  CHECK_FALSE(stones.covers(1, 42));
}

TEST_CASE("the oldest of too many tombstones makes room") {
  Tombstones<std::uint64_t> stones(1000, 3);
  for (std::uint64_t id = 1; id <= 5; ++id) stones.set(id, 0);
  CHECK_FALSE(stones.covers(1, 0));
  CHECK_FALSE(stones.covers(2, 0));
  CHECK(stones.covers(3, 0));
  CHECK(stones.covers(4, 0));
  CHECK(stones.covers(5, 0));
}

TEST_CASE("one that was set again is not the oldest any more") {
  Tombstones<std::uint64_t> stones(1000, 2);
  stones.set(1, 0);
  stones.set(2, 0);
  stones.set(1, 10);
  CHECK(stones.covers(1, 10));
  CHECK(stones.covers(2, 10));  // There are no more than two.
  stones.set(3, 20);
  CHECK(stones.covers(1, 20));
  CHECK_FALSE(stones.covers(2, 20));
  CHECK(stones.covers(3, 20));
}

TEST_CASE("one that was lifted takes no room, and does not take its successor with it") {
  Tombstones<std::uint64_t> stones(1000, 2);
  stones.set(1, 0);
  stones.lift(1);
  stones.set(2, 0);
  stones.set(1, 10);
  CHECK(stones.covers(1, 10));
  CHECK(stones.covers(2, 10));
}

TEST_CASE("what was set last is always covered, whatever was set and lifted before") {
  sake::test::Random random(1);
  Tombstones<std::uint64_t> stones(1000, 8);
  for (std::int64_t now = 0; now < 20'000; now += static_cast<std::int64_t>(random.below(50))) {
    const std::uint64_t id = random.below(12);
    if (random.one_in(3)) {
      stones.lift(id);
      REQUIRE_FALSE(stones.covers(id, now));
    } else {
      stones.set(id, now);
      REQUIRE(stones.covers(id, now));
    }
  }
}

TEST_CASE("members are told apart by guild and user") {
  Tombstones<GuildUser, GuildUserHash> stones(1000, 10);
  stones.set({1, 2}, 0);
  CHECK(stones.covers({1, 2}, 0));
  CHECK_FALSE(stones.covers({2, 1}, 0));
  CHECK_FALSE(stones.covers({1, 3}, 0));
}

TEST_CASE("guilds that were left are covered for a minute, members that were removed for ten seconds") {
  State state;
  state.left_guilds.set(1, 0);
  CHECK(state.left_guilds.covers(1, 59'999));
  CHECK_FALSE(state.left_guilds.covers(1, 60'000));
  state.removed_members.set({1, 2}, 0);
  CHECK(state.removed_members.covers({1, 2}, 9'999));
  CHECK_FALSE(state.removed_members.covers({1, 2}, 10'000));
}

TEST_CASE("nobody is the own user before it is known") {
  State state;
  CHECK_FALSE(state.is_own(0));
  state.own_id = 9;
  CHECK(state.is_own(9));
  CHECK_FALSE(state.is_own(0));
}
