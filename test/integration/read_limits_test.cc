// Reads under strain: many at once, beside a log that goes on, while Redis does not answer, and used in ways that a
// host should not. SAKE_FULL=1 walks over ten times as much.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/answer.h"
#include "support/cache_fixture.h"
#include "support/gateway_log.h"
#include "support/memory.h"
#include "support/two_guilds.h"

namespace sake::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t crowd = 9'000'000;  ///< Roles from here on are put there by a test, and no log names them.

/// Roles that no event changes, written as another process would.
void put_crowd(CacheFixture& fixture, std::uint64_t count) {
  fixture.client.command("SELECT", "6");
  const std::string script =
      "for i = 1, tonumber(ARGV[1]) do local id = string.format('%d', 9000000 + i) "
      "redis.call('SET', id, '{\"id\":\"' .. id .. '\",\"guild_id\":\"5\",\"name\":\"' .. string.rep('n', 1000) .. "
      "'\"}') "
      "end";
  fixture.client.command("EVAL", script, "0", std::to_string(count));
  fixture.client.command("SELECT", "0");
}

TEST_CASE("a walk beside a log that goes on sees all that was there throughout, and holds one window") {
  const std::uint64_t count = std::getenv("SAKE_FULL") != nullptr ? 200'000 : 20'000;
  CacheFixture fixture(everything());
  fixture.open();
  put_crowd(fixture, count);
  GatewayLog log({.seed = 3, .guilds = 6, .members = 20, .frames = count / 5});
  std::string frame;
  // The log's guilds are there before memory is looked at.
  for (int i = 0; i < 400 && log.next(frame); ++i) fixture.feed(frame);
  fixture.flush();
  CHECK(all_of(fixture, fixture.cache().iter_emojis()).size() > 0);

  std::vector<bool> seen(count + 1);
  std::size_t distinct = 0;
  std::size_t most = 0;
  bool ended = false;
  const std::size_t before = resident_bytes();
  CacheIterator<Role> roles = fixture.cache().iter_roles(500);
  auto each = [&](Role& role) {
    const std::uint64_t id = role.entity().id;
    if (id > crowd && id <= crowd + count && !seen[id - crowd]) {
      seen[id - crowd] = true;
      ++distinct;
    }
    return true;
  };
  roles.for_each(each).then([&](Status status) {
    CHECK_MESSAGE(status.ok(), describe(status.error()));
    ended = true;
  });
  std::size_t fed = 0;
  fixture.loop.run_until(
      [&] {
        // What waits for Redis is not what is measured here.
        const bool has_room = fixture.stats().pending_bytes < 256u << 10;
        for (int i = 0; i < 20 && has_room && !ended && log.next(frame); ++i, ++fed)
          CHECK(fixture.shard().dispatch_frame(frame).ok());
        most = std::max(most, resident_bytes());
        return ended;
      },
      120s);
  fixture.flush();
  CHECK(distinct == count);
  CHECK(fed > count / 50);
  const std::size_t growth = most - std::min(most, before);
  MESSAGE(fed << " frames went by, and memory grew by " << growth / 1024 << " KiB");
  // A window of roles is 600 KB, and some are on their way through buffers. All of them are 20 MB or more.
  if (measures_memory) CHECK(growth < std::size_t{10} << 20);
}

TEST_CASE("walks at once do not starve single reads") {
  CacheFixture fixture(everything());
  fixture.open();
  put_crowd(fixture, 3000);
  std::vector<CacheIterator<Role>> walks;
  std::size_t walks_ended = 0;
  for (int i = 0; i < 50; ++i) {
    walks.push_back(fixture.cache().iter_roles(100));
    walks.back().for_each([](Role&) { return true; }).then([&](Status status) {
      CHECK(status.ok());
      ++walks_ended;
    });
  }
  constexpr int gets_max = 200;
  int gets = 0;
  std::size_t ended_before_gets = 0;
  std::function<void()> get = [&] {
    fixture.cache().get_role(crowd + 1).then([&](Result<Role> role) {
      CHECK(role);
      if (++gets < gets_max) return get();
      ended_before_gets = walks_ended;
    });
  };
  get();  // One after the other, each behind whatever the walks have under way.
  fixture.loop.run_until([&] { return gets == gets_max && walks_ended == walks.size(); });
  // A walk takes 60 windows and two go at a time, so they take 1,500 turns of Redis together.
  CHECK(ended_before_gets == 0);
}

TEST_CASE(
    "a read that Redis does not answer in time fails, also one that waits for others, and a late answer is dropped") {
  Options options = everything();
  options.read_timeout = 150ms;
  CacheFixture fixture(std::move(options));
  feed_two_guilds(fixture);
  Cache& cache = fixture.cache();
  CHECK(answer(fixture, cache.get_role(100)));
  fixture.server.pause();
  int told = 0;
  const auto expect_late = [&told](const Error& error) {
    ++told;
    CHECK(error.code == Errc::backend_error);
    CHECK(error.cause == Cause::timed_out);
  };
  const auto since = std::chrono::steady_clock::now();
  cache.get_role(100).then([&](Result<Role> role) { expect_late(role.error()); });
  std::vector<CacheIterator<Role>> walks;
  for (int i = 0; i < 40; ++i) {
    walks.push_back(cache.iter_roles());
    walks.back().next().then([&](Result<std::optional<Role>> role) { expect_late(role.error()); });
    cache.get_many(Resource::role, {100}).then([&](auto roles) { expect_late(roles.error()); });
  }
  fixture.loop.run_until([&] { return told == 81; });
  // All of them together, not two after the other: that would be 40 times as long.
  CHECK(std::chrono::steady_clock::now() - since < 3s);
  fixture.server.resume();
  CHECK(answer(fixture, cache.get_role(100)));
  CHECK(all_of(fixture, cache.iter_roles()).size() == 4);
  CHECK(told == 81);
  auto after = answer(fixture, walks[0].next());
  REQUIRE_FALSE(after);
  CHECK(after.error().cause == Cause::timed_out);
}

TEST_CASE("a reader's link that is lost in the middle of a walk is made again, and the walk goes on") {
  CacheFixture fixture(everything());
  fixture.open();
  put_crowd(fixture, 2000);
  CacheIterator<Role> roles = fixture.cache().iter_roles(50);
  std::set<std::uint64_t> seen;
  bool ended = false;
  roles
      .for_each([&](Role& role) {
        if (seen.size() % 500 == 250) CHECK(fixture.client.command("CLIENT", "KILL", "TYPE", "normal").integer >= 1);
        seen.insert(role.entity().id);
        return true;
      })
      .then([&](Status status) {
        CHECK_MESSAGE(status.ok(), describe(status.error()));
        ended = true;
      });
  fixture.loop.run_until(ended);
  CHECK(seen.size() == 2000);
  CHECK(fixture.stats().connections_lost > 0);
}

TEST_CASE("reads beyond the bound are refused at once, those that wait for others among them") {
  constexpr int bound = 65'536;
  for (const bool many : {false, true}) {
    CAPTURE(many);
    Options options = everything();
    options.read_timeout = std::chrono::minutes(2);  // This asks how many, not how fast.
    CacheFixture fixture(std::move(options));
    feed_two_guilds(fixture);
    fixture.server.pause();
    int answered = 0;
    int refused = 0;
    const auto take = [&](const auto& answer) {
      if (answer) {
        ++answered;
      } else {
        CHECK(answer.error().code == Errc::over_capacity);
        ++refused;
      }
    };
    for (int i = 0; i < bound + 100; ++i) {
      if (many) {
        fixture.cache().get_many(Resource::role, {100}).then([&](auto roles) { take(roles); });
      } else {
        fixture.cache().get_role(100).then([&](auto role) { take(role); });
      }
    }
    fixture.loop.run_until([&] { return refused > 0; });
    CHECK(refused == 100);
    CHECK(answered == 0);
    fixture.server.resume();
    fixture.loop.run_until([&] { return answered + refused == bound + 100; });
    CHECK(answered == bound);
    CHECK(answer(fixture, fixture.cache().get_role(100)));
  }
}

TEST_CASE("a close while many reads wait for others ends each of them once") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  fixture.server.pause();
  int closed = 0;
  for (int i = 0; i < 60'000; ++i)
    fixture.cache().get_many(Resource::role, {100}).then([&](auto roles) {
      if (!roles && roles.error().code == Errc::closed_client) ++closed;
    });
  fixture.loop.run_for_turns(3);
  bool ended = false;
  fixture.cache().close([&] { ended = true; });
  fixture.server.resume();  // Two of them are answered.
  fixture.loop.run_until(ended);
  CHECK(closed == 59'998);
}

TEST_CASE("requests are made from inside of callbacks, and answered after them") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  Cache& cache = fixture.cache();
  std::string order;
  bool ended = false;
  cache.get_role(100).then([&](Result<Role> role) {
    CHECK(role);
    order += "1";
    cache.get_role(200).then([&](Result<Role> inner) {
      CHECK(inner);
      order += "3";
      cache.set_user(user(8).dump()).then([&](Status status) {
        CHECK(status.ok());
        cache.get_many(Resource::user, {8}).then([&](auto users) {
          REQUIRE(users);
          CHECK((*users)[0]);
          ended = true;
        });
      });
    });
    order += "2";
  });
  fixture.loop.run_until(ended);
  CHECK(order == "123");
  // Also from an event's completion, of what the event has written.
  ended = false;
  const std::string frame = CacheFixture::frame("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "9"}}}});
  CHECK(fixture.shard()
            .dispatch_frame(frame,
                            [&](const EventResult&) {
                              cache.get_role(9).then([&](Result<Role> role) {
                                CHECK(role);
                                ended = true;
                              });
                            })
            .ok());
  fixture.loop.run_until(ended);
}

TEST_CASE("a request that is dropped has done nothing") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  { const auto dropped = fixture.cache().delete_role(10001); }
  { const auto dropped = fixture.cache().clear_roles(); }
  fixture.flush();
  CHECK(fixture.exists(6, "10001"));
}

TEST_CASE("an iterator is destroyed inside of its own callback") {
  CacheFixture fixture(everything());
  feed_two_guilds(fixture);
  auto roles = std::make_unique<CacheIterator<Role>>(fixture.cache().iter_roles(1));
  int seen = 0;
  bool ended = false;
  roles
      ->for_each([&](Role&) {
        roles.reset();
        return ++seen < 3;
      })
      .then([&](Status status) {
        CHECK(status.ok());
        ended = true;
      });
  fixture.loop.run_until(ended);
  CHECK(seen == 3);

  auto users = std::make_unique<CacheIterator<User>>(fixture.cache().iter_users());
  ended = false;
  users->next().then([&](Result<std::optional<User>> found) {
    CHECK(found);
    users.reset();
    ended = true;
  });
  fixture.loop.run_until(ended);
  // And while a call of it is under way, which ends as if it were still there.
  users = std::make_unique<CacheIterator<User>>(fixture.cache().iter_users());
  ended = false;
  users->collect().then([&](Result<std::vector<User>> all) {
    REQUIRE(all);
    CHECK(all->size() == 3);
    ended = true;
  });
  users.reset();
  fixture.loop.run_until(ended);
}

TEST_CASE("the cache is closed inside of a read's callback, and inside of a walk") {
  for (const bool in_walk : {false, true}) {
    CAPTURE(in_walk);
    CacheFixture fixture(everything());
    feed_two_guilds(fixture);
    Cache& cache = fixture.cache();
    bool closed = false;
    bool closed_again = false;
    bool ended = false;
    std::optional<Errc> error;
    CacheIterator<Role> roles = cache.iter_roles(1);
    const auto close = [&] {
      cache.close([&] { closed = true; });
      cache.close([&] { closed_again = true; });
    };
    if (in_walk) {
      roles
          .for_each([&](Role&) {
            if (cache.is_alive()) close();
            return true;
          })
          .then([&](Status status) {
            if (!status) error = status.error().code;
            ended = true;
          });
    } else {
      cache.get_role(100).then([&](Result<Role> role) {
        CHECK(role);
        close();
        cache.get_role(100).then([&](Result<Role> late) {
          REQUIRE_FALSE(late);
          error = late.error().code;
          ended = true;
        });
      });
    }
    fixture.loop.run_until([&] { return closed && closed_again && ended; });
    CHECK(error == Errc::closed_client);
  }
}

TEST_CASE("an iterator that outlives its cache says that it is closed") {
  std::optional<CacheIterator<Role>> roles;
  {
    CacheFixture fixture(everything());
    feed_two_guilds(fixture);
    roles.emplace(fixture.cache().iter_roles());
    CHECK(answer(fixture, roles->next()));
    bool told = false;
    fixture.cache().iter_users().collect().then([&](Result<std::vector<User>> users) {
      REQUIRE_FALSE(users);
      CHECK(users.error().code == Errc::closed_client);
      told = true;
    });
    fixture.close();
    CHECK(told);
  }
  bool told = false;
  std::size_t seen = 0;
  roles->collect().then([&](Result<std::vector<Role>> rest) {
    told = true;
    if (rest) seen = rest->size();
    if (!rest) CHECK(rest.error().code == Errc::closed_client);
  });
  CHECK(told);
  told = false;
  roles->len().then([&](Result<std::size_t> length) {
    told = true;
    REQUIRE_FALSE(length);
    CHECK(length.error().code == Errc::closed_client);
  });
  CHECK(told);
}

}  // namespace
}  // namespace sake::test
