#include "store/ownership.h"

#include <algorithm>
#include <set>
#include <vector>

#include <doctest/doctest.h>

using namespace sake;
using store::Ownership;

namespace {

using Ids = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a guild is owned from own to disown, whichever shard says so") {
  Ownership ownership(1000);
  CHECK_FALSE(ownership.owns(1));
  ownership.own(1, 0, 0);
  ownership.own(2, 1, 0);
  ownership.own(1, 0, 5);
  CHECK(ownership.owns(1));
  CHECK(ownership.size() == 2);
  ownership.disown(1);
  ownership.disown(99);
  CHECK_FALSE(ownership.owns(1));
  CHECK(ownership.owns(2));
  CHECK(ownership.size() == 1);
}

TEST_CASE("a shard that starts anew gives up its own guilds and no others") {
  Ownership ownership(1000);
  for (std::uint64_t guild = 0; guild < 10; ++guild) ownership.own(guild, static_cast<std::uint32_t>(guild % 2), 0);
  ownership.disown_shard(0);
  CHECK(ownership.size() == 5);
  for (std::uint64_t guild = 0; guild < 10; ++guild) CHECK(ownership.owns(guild) == (guild % 2 == 1));
  // A guild belongs to the shard that said so last.
  ownership.own(1, 7, 0);
  ownership.disown_shard(1);
  CHECK(ownership.owns(1));
  CHECK(ownership.size() == 1);
}

TEST_CASE("an owned guild's hash gets its lifetime with the first write, and again after a removal") {
  Ownership ownership(1000);
  ownership.own(1, 0, 0);
  CHECK(ownership.needs_lifetime(1, Resource::member));
  CHECK_FALSE(ownership.needs_lifetime(1, Resource::member));
  CHECK(ownership.needs_lifetime(1, Resource::presence));
  CHECK_FALSE(ownership.needs_lifetime(1, Resource::presence));
  ownership.forget_lifetime(1, Resource::member);
  CHECK(ownership.needs_lifetime(1, Resource::member));
  CHECK_FALSE(ownership.needs_lifetime(1, Resource::presence));

  ownership.own(2, 0, 0);
  CHECK(ownership.needs_lifetime(2, Resource::member));
  // Owning it once more changes nothing; giving it up and taking it again forgets.
  ownership.own(1, 0, 0);
  CHECK_FALSE(ownership.needs_lifetime(1, Resource::member));
  ownership.disown(1);
  ownership.own(1, 0, 0);
  CHECK(ownership.needs_lifetime(1, Resource::member));
}

TEST_CASE("nothing is remembered of a guild that is not owned") {
  Ownership ownership(1000);
  CHECK(ownership.needs_lifetime(1, Resource::member));
  CHECK(ownership.needs_lifetime(1, Resource::member));
  ownership.forget_lifetime(1, Resource::member);
  CHECK(ownership.size() == 0);
}

TEST_CASE("a guild is due after its time, and again after as long") {
  Ownership ownership(1000);
  ownership.own(1, 0, 500);
  CHECK(ownership.take_due(1499, 10).empty());
  CHECK(ownership.take_due(1500, 10) == Ids{1});
  CHECK(ownership.take_due(1500, 10).empty());
  CHECK(ownership.take_due(2499, 10).empty());
  CHECK(ownership.take_due(2600, 10) == Ids{1});
  CHECK(ownership.take_due(3599, 10).empty());
  CHECK(ownership.take_due(3600, 10) == Ids{1});
}

TEST_CASE("guilds are taken in the order in which they fall due, and no more than are wanted") {
  Ownership ownership(1000);
  for (std::uint64_t guild = 1; guild <= 100; ++guild) ownership.own(guild, 0, static_cast<std::int64_t>(guild));
  CHECK(ownership.take_due(1003, 10) == Ids{1, 2, 3});
  CHECK(ownership.take_due(2000, 0).empty());
  CHECK(ownership.take_due(1999, 4) == Ids{4, 5, 6, 7});
  std::size_t taken = 7;
  for (Ids due; !(due = ownership.take_due(1999, 10)).empty(); taken += due.size()) CHECK(due.size() <= 10);
  CHECK(taken == 100);
}

TEST_CASE("what is given up is not due, and what is taken again is due once") {
  Ownership ownership(1000);
  ownership.own(1, 0, 0);
  ownership.own(2, 0, 0);
  ownership.disown(1);
  CHECK(ownership.take_due(1000, 10) == Ids{2});
  for (int i = 0; i < 50; ++i) {
    ownership.own(1, 0, 1000 + i);
    ownership.disown(1);
  }
  ownership.own(1, 0, 1100);
  CHECK(ownership.take_due(1999, 100).empty());
  CHECK(ownership.take_due(2100, 100) == Ids{2, 1});
  ownership.disown(2);
  ownership.own(2, 0, 2100);
  ownership.disown(2);
  ownership.own(2, 0, 2100);  // At the very same time.
  CHECK(ownership.take_due(9000, 100).size() == 2);
}

TEST_CASE("repeated announcements of a guild do not put its renewal off") {
  Ownership ownership(1000);
  ownership.own(1, 0, 0);
  for (std::int64_t now = 100; now < 1000; now += 100) ownership.own(1, 0, now);
  CHECK(ownership.take_due(1000, 10) == Ids{1});
}

TEST_CASE("without a lifetime nothing is ever due") {
  Ownership ownership(std::nullopt);
  ownership.own(1, 0, 0);
  CHECK(ownership.owns(1));
  CHECK(ownership.take_due(INT64_MAX, 10).empty());
}

TEST_CASE("every owned guild comes round in each period, over many of them") {
  Ownership ownership(1000);
  for (std::uint64_t guild = 0; guild < 500; ++guild) ownership.own(guild, 0, static_cast<std::int64_t>(guild * 2));
  for (int period = 1; period <= 5; ++period) {
    std::multiset<std::uint64_t> seen;
    for (std::int64_t now = period * 1000; now < (period + 1) * 1000; now += 2)
      for (std::uint64_t guild : ownership.take_due(now, 20)) seen.insert(guild);
    CAPTURE(period);
    CHECK(seen.size() == 500);
    CHECK(std::ranges::adjacent_find(seen) == seen.end());
  }
}
