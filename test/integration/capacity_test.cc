// Back-pressure: what is refused when too much is pending, what is taken none the less, and that nothing admitted is
// lost. Redis's answers are kept back by a proxy, so that what is dispatched stays pending.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"
#include "support/command_proxy.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;

std::string message_frame(std::uint64_t sequence, std::size_t bytes) {
  const std::string id = std::to_string(1000 + sequence);
  return CacheFixture::frame(
      "MESSAGE_CREATE", {{"id", id}, {"channel_id", "7"}, {"guild_id", "100"}, {"content", std::string(bytes, 'x')}},
      sequence);
}

struct Held {
  explicit Held(Options options) : proxy(fixture.loop.get(), fixture.server.socket_path()) {
    options.address = proxy.address();
    fixture.reopen(std::move(options));
    fixture.loop.run_until([&] { return proxy.is_answered(); });
    // The last of what opening sends has its answer.
    fixture.loop.run_until([&] { return fixture.stats().pending_bytes == 0; });
    proxy.hold_replies();
  }

  Status offer(std::string_view frame) { return offer(fixture.cache().shard(), frame); }
  Status offer(Shard& shard, std::string_view frame) {
    Status status = shard.dispatch_frame(frame, [this](const EventResult&) { ++ended; });
    if (status.ok()) ++admitted;
    return status;
  }

  /// Dispatches until a frame is refused, and returns that one.
  std::string fill(std::size_t frame_bytes) {
    for (;; ++sequence) {
      std::string frame = message_frame(sequence, frame_bytes);
      const Status status = offer(frame);
      if (!status) {
        CHECK(status.error().code == Errc::over_capacity);
        CHECK_FALSE(status.error().may_have_run);
        return frame;
      }
    }
  }

  void drain() {
    proxy.release_replies();
    fixture.flush();
    CHECK(ended == admitted);
    fixture.run_until_answered();
    CHECK(fixture.stats().events_pending == 0);
  }

  CacheFixture fixture;
  CommandProxy proxy;
  std::uint64_t sequence = 1;
  std::size_t admitted = 0;
  std::size_t ended = 0;
};

Options small(std::size_t pending_bytes_max = 100'000) { return {.pending_bytes_max = pending_bytes_max}; }

TEST_CASE("frames are refused when pending_bytes_max is reached, and not before") {
  Held held(small());
  held.fill(1000);
  const Stats stats = held.fixture.stats();
  CHECK(stats.pending_bytes >= 100'000);
  CHECK(stats.pending_bytes < 105'000);  // It was below before the last frame.
  CHECK(stats.over_capacity == 1);
  CHECK(held.admitted > 50);
  CHECK(stats.events_pending == held.admitted);
  held.drain();
}

TEST_CASE("a frame of any size is admitted while less than pending_bytes_max is pending") {
  Held held(small());
  CHECK(held.offer(message_frame(1, 1'000'000)).ok());
  const Status refused = held.offer(message_frame(2, 10));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == Errc::over_capacity);
  held.drain();
  CHECK(held.offer(message_frame(2, 10)).ok());
  CHECK(held.offer(message_frame(3, 1'000'000)).ok());
  held.drain();
  CHECK(held.fixture.json_at(10, "1003")["content"].get<std::string>().size() == 1'000'000);
}

TEST_CASE("frames that wait for the connections count, and are admitted below the limit") {
  CacheFixture fixture;
  CommandProxy proxy(fixture.loop.get(), fixture.server.socket_path());
  proxy.hold_replies();
  Options options = small();
  options.address = proxy.address();
  Status opened = Error{};
  bool told = false;
  auto cache = Cache::open(fixture.loop.get(), std::move(options), [&](Status status) {
    opened = std::move(status);
    told = true;
  });
  REQUIRE(cache.has_value());
  Shard& shard = (*cache)->shard();
  std::uint64_t sequence = 1;
  std::size_t ended = 0;
  while (shard
             .dispatch_frame(message_frame(sequence, 1000),
                             [&](const EventResult& result) {
                               CHECK(result.outcome == Outcome::applied);
                               ++ended;
                             })
             .ok())
    ++sequence;
  CHECK(sequence > 50);
  CHECK((*cache)->stats().pending_bytes >= 100'000);
  CHECK((*cache)->stats().events_pending == sequence - 1);
  proxy.release_replies();
  while (ended < sequence - 1) fixture.loop.run_for_turns(1);
  CHECK(told);
  CHECK(opened.ok());
  fixture.loop.run_until([&] { return (*cache)->stats().pending_bytes == 0; });
}

TEST_CASE("a shard that was refused a frame refuses every other frame until that one is offered again") {
  Held held(small());
  const std::string refused = held.fill(1000);
  held.drain();
  held.fixture.run_until_answered();
  const std::string other = message_frame(held.sequence + 1, 10);
  for (int i = 0; i < 2; ++i) {
    const Status status = held.offer(other);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Errc::over_capacity);
  }
  // By the other way in, too.
  CHECK_FALSE(held.fixture.cache().shard().dispatch("MESSAGE_DELETE", R"({"id":"1","channel_id":"7"})").ok());
  CHECK(held.offer(refused).ok());
  CHECK(held.offer(other).ok());
  held.drain();
  CHECK(held.fixture.exists(10, std::to_string(1000 + held.sequence)));
  CHECK(held.fixture.exists(10, std::to_string(1001 + held.sequence)));
}

TEST_CASE("a skipped frame is given up, and the shard goes on") {
  Held held(small());
  held.fill(1000);
  held.drain();
  const std::string other = message_frame(held.sequence + 1, 10);
  CHECK_FALSE(held.offer(other).ok());
  held.fixture.cache().shard().skip();
  CHECK(held.offer(other).ok());
  held.drain();
  CHECK_FALSE(held.fixture.exists(10, std::to_string(1000 + held.sequence)));
  CHECK(held.fixture.exists(10, std::to_string(1001 + held.sequence)));
}

TEST_CASE("skip without a refused frame does nothing") {
  Held held(small());
  held.fixture.cache().shard().skip();
  CHECK(held.offer(message_frame(1, 10)).ok());
  held.fixture.cache().shard().skip();
  CHECK(held.offer(message_frame(2, 10)).ok());
  held.drain();
  CHECK(held.fixture.stats().shards.at(0).received_sequence == 2);
}

TEST_CASE("other shards are refused only while there is no room") {
  Held held(small());
  Shard& other = held.fixture.cache().shard(1, 2);
  Shard& third = held.fixture.cache().shard(0, 2);
  const std::string refused = held.fill(1000);
  CHECK_FALSE(held.offer(other, message_frame(1, 10)).ok());
  held.drain();
  // There is room again: shard `third` was not refused anything, and `other` has to offer the same frame first.
  CHECK(held.offer(third, message_frame(5, 10)).ok());
  CHECK_FALSE(held.offer(other, message_frame(2, 10)).ok());
  CHECK(held.offer(other, message_frame(1, 10)).ok());
  CHECK(held.offer(other, message_frame(2, 10)).ok());
  CHECK_FALSE(held.offer(message_frame(900, 10)).ok());
  CHECK(held.offer(refused).ok());
  held.drain();
}

TEST_CASE("a refusal does not move the mark for duplicates") {
  Held held(small());
  const std::string refused = held.fill(1000);
  CHECK(held.fixture.stats().shards.at(0).received_sequence == held.sequence - 1);
  for (int i = 0; i < 5; ++i) CHECK_FALSE(held.offer(refused).ok());
  CHECK(held.fixture.stats().shards.at(0).received_sequence == held.sequence - 1);
  held.drain();
  CHECK(held.fixture.stats().shards.at(0).applied_sequence == held.sequence - 1);
  Ending ending;
  const Status status = held.fixture.cache().shard().dispatch_frame(refused, [&](const EventResult& result) {
    ending.told = true;
    ending.outcome = result.outcome;
    ending.reason = result.reason;
  });
  CHECK(status.ok());
  held.fixture.flush();
  CHECK(ending == Outcome::applied);
  CHECK(ending.reason == "");
  CHECK(held.fixture.stats().shards.at(0).received_sequence == held.sequence);
}

TEST_CASE("a refused frame has no completion and keeps nothing") {
  Held held(small());
  const std::string refused = held.fill(1000);
  const Stats before = held.fixture.stats();
  for (int i = 0; i < 100; ++i) CHECK_FALSE(held.offer(refused).ok());
  const Stats after = held.fixture.stats();
  CHECK(after.pending_bytes == before.pending_bytes);
  CHECK(after.events_pending == before.events_pending);
  CHECK(after.over_capacity == before.over_capacity + 100);
  held.drain();  // Compares what was admitted with what has ended.
}

TEST_CASE("on_capacity is called once, when half of pending_bytes_max is free") {
  Held held(small());
  int calls = 0;
  std::vector<std::size_t> pending;
  held.fixture.cache().on_capacity([&] {
    ++calls;
    pending.push_back(held.fixture.stats().pending_bytes);
  });
  held.fixture.loop.run_for_turns(20);
  CHECK(calls == 0);  // Nothing was refused.
  const std::string refused = held.fill(1000);
  held.fixture.loop.run_for_turns(20);
  CHECK(calls == 0);
  held.drain();
  held.fixture.loop.run_for_turns(20);
  CHECK(calls == 1);
  for (const std::size_t bytes : pending) CHECK(bytes < 50'000);

  // Room without a refusal is nothing to tell; after another refusal it is.
  CHECK(held.offer(refused).ok());
  held.drain();
  held.fixture.loop.run_for_turns(20);
  CHECK(calls == 1);
  ++held.sequence;
  held.proxy.hold_replies();
  held.fill(1000);
  held.drain();
  held.fixture.loop.run_for_turns(20);
  CHECK(calls == 2);
}

TEST_CASE("on_capacity is not called before half is free") {
  Held held(small());
  int calls = 0;
  held.fixture.cache().on_capacity([&] { ++calls; });
  // First what stays: answers of another database are kept.
  CHECK(held.offer(
                CacheFixture::frame("GUILD_ROLE_CREATE",
                                    {{"guild_id", "100"}, {"role", {{"id", "1"}, {"name", std::string(60'000, 'r')}}}}))
            .ok());
  held.fill(1000);
  held.proxy.release_replies();
  held.proxy.hold_replies(6);
  held.fixture.loop.run_until([&] { return held.fixture.stats().events_pending == 1; });
  held.fixture.loop.run_for_turns(50);
  CHECK(held.fixture.stats().pending_bytes >= 50'000);
  CHECK(held.fixture.stats().pending_bytes < 100'000);
  CHECK(calls == 0);
  held.drain();
  held.fixture.loop.run_for_turns(20);
  CHECK(calls == 1);
}

TEST_CASE("a refused frame may be offered again inside on_capacity, and the callback may be replaced there") {
  Held held(small());
  std::string refused;
  int first = 0;
  int second = 0;
  bool admitted = false;
  held.fixture.cache().on_capacity([&] {
    ++first;
    admitted = held.offer(refused).ok();
    held.fixture.cache().on_capacity([&second] { ++second; });
  });
  refused = held.fill(1000);
  held.proxy.release_replies();
  held.fixture.flush();
  held.fixture.loop.run_for_turns(20);
  CHECK(first == 1);
  CHECK(admitted);
  held.drain();
  ++held.sequence;
  held.proxy.hold_replies();
  held.fill(1000);
  held.drain();
  held.fixture.loop.run_for_turns(20);
  CHECK(first == 1);
  CHECK(second == 1);
}

TEST_CASE("what waits in lanes counts") {
  Held held(small());
  // It reads, and its frame is kept until the answer is there.
  const auto update = [](int i) {
    return CacheFixture::frame(
        "MESSAGE_UPDATE",
        {{"id", std::to_string(i)}, {"channel_id", "7"}, {"guild_id", "100"}, {"content", std::string(3000, 'x')}});
  };
  int count = 0;
  while (held.offer(update(count)).ok()) ++count;
  CHECK(count > 10);
  CHECK(count < 40);
  const Stats stats = held.fixture.stats();
  CHECK(stats.lanes_waiting == 1);
  CHECK(stats.pending_bytes >= 100'000);
  held.drain();
  CHECK(held.fixture.stats().lanes_waiting == 0);
}

TEST_CASE("what a lane remembers of one record counts once") {
  Held held({});
  held.proxy.release_replies();
  held.fixture.apply("MESSAGE_CREATE",
                     {{"id", "1"}, {"channel_id", "7"}, {"guild_id", "100"}, {"content", std::string(1000, 'x')}});
  held.proxy.hold_replies();
  for (int i = 1; i <= 2000; ++i)
    held.fixture.feed_event("MESSAGE_REACTION_ADD", {{"user_id", std::to_string(i)},
                                                     {"channel_id", "7"},
                                                     {"message_id", "1"},
                                                     {"guild_id", "100"},
                                                     {"emoji", {{"id", nullptr}, {"name", "x"}}}});
  // Two more keep the lane from ending while these are applied.
  for (int i = 0; i < 2; ++i)
    held.fixture.feed_event("GUILD_MEMBER_UPDATE", {{"guild_id", "100"}, {"user", {{"id", "5"}, {"username", "u"}}}});
  held.proxy.release_replies();
  held.proxy.hold_replies(4);
  held.fixture.loop.run_until([&] { return held.fixture.stats().events_pending == 2; });
  CHECK(held.fixture.stats().lanes_waiting == 1);
  CHECK(held.fixture.stats().pending_bytes < 50'000);
  held.drain();
}

TEST_CASE("nothing that was admitted is lost when a host offers refused frames again") {
  const auto frames = [] {
    std::vector<std::string> made;
    for (std::uint64_t i = 1; i <= 1500; ++i) {
      switch (i % 5) {
        case 0:
          made.push_back(message_frame(i, 500 + i % 700));
          break;
        case 1:
          made.push_back(
              CacheFixture::frame("GUILD_MEMBER_UPDATE",
                                  {{"guild_id", std::to_string(100 + i % 3)},
                                   {"user", {{"id", std::to_string(i % 20)}, {"username", "u" + std::to_string(i)}}},
                                   {"key" + std::to_string(i), i}},
                                  i));
          break;
        case 2:
          made.push_back(CacheFixture::frame("MESSAGE_REACTION_ADD",
                                             {{"user_id", "1"},
                                              {"channel_id", "7"},
                                              {"message_id", std::to_string(1000 + i / 50 * 5)},
                                              {"guild_id", "100"},
                                              {"emoji", {{"id", nullptr}, {"name", "x"}}}},
                                             i));
          break;
        case 3:
          made.push_back(CacheFixture::frame(
              "GUILD_ROLE_CREATE",
              {{"guild_id", std::to_string(100 + i % 3)}, {"role", {{"id", std::to_string(i)}, {"name", "r"}}}}, i));
          break;
        default:
          made.push_back(CacheFixture::frame(
              "VOICE_STATE_UPDATE",
              {{"guild_id", "100"}, {"user_id", std::to_string(i % 7)}, {"channel_id", std::to_string(200 + i % 4)}},
              i));
      }
    }
    return made;
  }();

  CacheFixture undisturbed;
  for (const std::string& frame : frames) undisturbed.feed(frame);
  undisturbed.flush();
  const DumpOptions shown{.lifetimes = Lifetimes::as_flag};
  const Json expected = undisturbed.state(shown);

  Held held(small(30'000));
  bool room = true;
  held.fixture.cache().on_capacity([&] { room = true; });
  std::size_t next = 0;
  while (next < frames.size()) {
    if (room) {
      if (held.offer(frames[next]).ok()) {
        ++next;
        continue;
      }
      room = false;
    }
    held.proxy.let_through();
    held.fixture.loop.run_for_turns(1);
  }
  held.drain();
  const Stats stats = held.fixture.stats();
  CHECK(stats.over_capacity > 5);
  CHECK(held.admitted == frames.size());
  std::uint64_t applied = 0;
  for (const EventStats& event : stats.events) applied += event.applied;
  CHECK(applied == frames.size());
  CHECK(diff(held.fixture.state(shown), expected) == "");
}

}  // namespace
}  // namespace sake::test
