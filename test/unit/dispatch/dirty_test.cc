#include "dispatch/dirty.h"

#include <doctest/doctest.h>

using namespace sake;
using sake::dispatch::DirtyGuilds;

namespace {

const Error refused{Errc::backend_error, Cause::server, false, "OOM"};
const Error other{Errc::backend_error, Cause::server, false, "WRONGTYPE"};

}  // namespace

TEST_CASE("a guild is dirty from its first mark on, and listed once") {
  DirtyGuilds dirty;
  CHECK(dirty.empty());
  dirty.mark(7, 1, refused);
  dirty.mark(5, 2, refused);
  dirty.mark(7, 3, other);
  CHECK(dirty.list() == std::vector<std::uint64_t>{5, 7});
  CHECK(dirty.contains(5));
  CHECK_FALSE(dirty.contains(6));
}

TEST_CASE("an event heals its guild of what lies before it, and of nothing behind it") {
  DirtyGuilds dirty;
  dirty.mark(7, 3, refused);
  dirty.heal(7, 3);  // The event that failed is no remedy for itself.
  CHECK(dirty.contains(7));
  dirty.heal(8, 9);
  CHECK(dirty.contains(7));
  dirty.mark(7, 5, refused);
  dirty.heal(7, 4);
  CHECK(dirty.contains(7));
  dirty.heal(7, 6);
  CHECK(dirty.empty());
}

TEST_CASE("events may fail in another order than they were dispatched in") {
  DirtyGuilds dirty;
  dirty.mark(7, 9, refused);
  dirty.mark(7, 2, refused);
  dirty.heal(7, 5);
  CHECK(dirty.contains(7));
}

TEST_CASE("each guild is news once, with the first reason, until it is marked anew") {
  DirtyGuilds dirty;
  dirty.mark(7, 1, refused);
  dirty.mark(7, 2, other);
  const auto news = dirty.take_news();
  REQUIRE(news.size() == 1);
  CHECK(news[0].first == 7);
  CHECK(news[0].second.text == "OOM");
  CHECK(dirty.take_news().empty());
  CHECK(dirty.clear(7));
  CHECK_FALSE(dirty.clear(7));
  dirty.mark(7, 3, other);
  CHECK(dirty.take_news().size() == 1);
}
