#include "cache/chunk_queue.h"

#include <cstdint>

#include <doctest/doctest.h>

using sake::cache::ChunkQueue;

namespace {

/// Takes and asks for the next one. 0: there is none.
std::uint64_t ask(ChunkQueue& queue, std::int64_t now) {
  const auto item = queue.take(now);
  if (!item) return 0;
  queue.asked(*item, now);
  return item->guild;
}

}  // namespace

TEST_CASE("a guild is asked for when its time has come, in the order of time") {
  ChunkQueue queue;
  CHECK_FALSE(queue.next(0));
  queue.add({.guild = 7, .token = 1, .shard = 0}, 500);
  queue.add({.guild = 8, .token = 2, .shard = 0}, 100);
  CHECK(queue.size() == 2);
  CHECK(queue.next(0) == 100);
  CHECK(ask(queue, 99) == 0);
  CHECK(ask(queue, 100) == 8);
  CHECK(ask(queue, 100) == 0);
  CHECK(queue.next(100) == 500);
  CHECK(ask(queue, 500) == 7);
  CHECK(queue.size() == 0);
  CHECK_FALSE(queue.next(500));
}

TEST_CASE("a shard asks so often in a minute and no more, whatever other shards do") {
  ChunkQueue queue;
  queue.limit({.requests_per_minute = 2});
  for (std::uint64_t guild = 1; guild <= 4; ++guild) queue.add({.guild = guild, .token = guild, .shard = 0}, 0);
  queue.add({.guild = 9, .token = 9, .shard = 1}, 0);
  CHECK(ask(queue, 1'000) == 1);
  CHECK(ask(queue, 2'000) == 9);
  CHECK(ask(queue, 11'000) == 2);
  CHECK(ask(queue, 60'999) == 0);
  CHECK(queue.next(60'999) == 61'000);
  CHECK(ask(queue, 61'000) == 3);
  CHECK(ask(queue, 61'000) == 0);
  CHECK(queue.next(61'000) == 71'000);
  CHECK(ask(queue, 71'000) == 4);
}

TEST_CASE("shards take turns") {
  ChunkQueue queue;
  for (std::uint64_t guild = 1; guild <= 3; ++guild) queue.add({.guild = guild, .token = guild, .shard = 0}, 0);
  for (std::uint64_t guild = 4; guild <= 6; ++guild) queue.add({.guild = guild, .token = guild, .shard = 5}, 0);
  for (std::uint64_t guild : {1, 4, 2, 5, 3, 6}) CHECK(ask(queue, 0) == guild);
}

TEST_CASE("two requests for one guild are an interval apart, and others go on meanwhile") {
  ChunkQueue queue;
  queue.limit({.guild_interval = 30'000});
  queue.add({.guild = 7, .token = 1, .shard = 0}, 0);
  CHECK(ask(queue, 1'000) == 7);
  queue.add({.guild = 7, .token = 2, .shard = 0}, 2'000);
  queue.add({.guild = 8, .token = 3, .shard = 0}, 2'000);
  CHECK(ask(queue, 2'000) == 8);
  CHECK(ask(queue, 30'999) == 0);
  CHECK(queue.next(30'999) == 31'000);
  CHECK(ask(queue, 31'000) == 7);
}

TEST_CASE("a shard that cannot send pauses, longer each time up to a bound, and keeps its place") {
  ChunkQueue queue;
  queue.limit({.pause = 100});
  queue.add({.guild = 7, .token = 1, .shard = 0}, 0);
  queue.add({.guild = 8, .token = 2, .shard = 0}, 0);
  queue.add({.guild = 9, .token = 3, .shard = 1}, 0);
  std::int64_t now = 0;
  for (std::int64_t pause : {100, 200, 400, 800, 1600, 3000, 3000}) {
    CAPTURE(pause);
    const auto item = queue.take(now);
    REQUIRE(item);
    CHECK(item->guild == 7);
    queue.refused(*item, now);
    if (now == 0) CHECK(ask(queue, now) == 9);  // The other shard can.
    CHECK(queue.size() == 2);
    CHECK(ask(queue, now + pause - 1) == 0);
    CHECK(queue.next(now) == now + pause);
    now += pause;
  }
  CHECK(ask(queue, now) == 7);
  CHECK(ask(queue, now) == 8);
  // After a success it begins anew.
  queue.add({.guild = 6, .token = 4, .shard = 0}, now);
  queue.refused(*queue.take(now), now);
  CHECK(queue.next(now) == now + 100);
}

TEST_CASE("what is not wanted any more can be taken out, ready or not") {
  ChunkQueue queue;
  queue.limit({.pause = 100});
  queue.add({.guild = 7, .token = 1, .shard = 0}, 0);
  queue.add({.guild = 8, .token = 2, .shard = 0}, 0);
  queue.add({.guild = 9, .token = 3, .shard = 0}, 5'000);
  queue.add({.guild = 10, .token = 4, .shard = 0}, 5'000);
  queue.refused(*queue.take(0), 0);
  queue.erase_if([](const ChunkQueue::Item& item) { return item.guild == 7 || item.guild == 9; });
  CHECK(queue.size() == 2);
  CHECK(ask(queue, 100) == 8);
  CHECK(ask(queue, 5'000) == 10);
  queue.add({.guild = 11, .token = 5, .shard = 0}, 0);
  queue.clear();
  CHECK(queue.size() == 0);
  CHECK(ask(queue, 100'000) == 0);
}
