// The bridge: a cache with a thread of its own, used from several others.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "sake/sake.h"

#include "support/cache_fixture.h"
#include "support/redis_client.h"
#include "support/redis_server.h"
#include "support/temp_directory.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr std::chrono::seconds bound(30);

/// What a future holds; ends the test when it is not ready in time.
template <typename Future>
auto get(Future&& future) {
  REQUIRE(future.wait_for(bound) == std::future_status::ready);
  return future.get();
}

std::unique_ptr<Bridge> open_bridge(Options options, BridgeOptions wanted = {}) {
  auto made = Bridge::open(std::move(options), std::move(wanted));
  REQUIRE_MESSAGE(made.has_value(), (made ? std::string() : describe(made.error())));
  const Status opened = get((*made)->opened());
  REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? std::string() : describe(opened.error())));
  return std::move(made).value();
}

/// Ids of a shard's own guilds are the same in every run and no other shard's.
std::string guild_of(std::uint32_t shard, std::uint64_t n) { return std::to_string(1000 * (shard + 1) + n % 5); }

/// The n-th event of a shard: some write at once, some read before.
std::string shard_frame(std::uint32_t shard, std::uint64_t n) {
  const std::string guild = guild_of(shard, n);
  const std::string user = std::to_string(100'000 * (shard + 1) + n % 7);
  const Json person{{"id", user}, {"username", "u" + user}};
  switch (n % 4) {
    case 0:
      return CacheFixture::frame("GUILD_ROLE_UPDATE",
                                 {{"guild_id", guild}, {"role", {{"id", guild}, {"name", std::to_string(n)}}}}, n);
    case 1:
      return CacheFixture::frame("GUILD_MEMBER_UPDATE",
                                 {{"guild_id", guild}, {"user", person}, {"nick", std::to_string(n)}}, n);
    case 2:
      return CacheFixture::frame("CHANNEL_CREATE",
                                 {{"guild_id", guild}, {"id", guild + std::to_string(n % 11)}, {"type", 0}}, n);
    default:
      return CacheFixture::frame("GUILD_MEMBER_REMOVE", {{"guild_id", guild}, {"user", person}}, n);
  }
}

std::string big_frame(std::uint64_t n, std::size_t bytes, std::string_view guild = "100") {
  return CacheFixture::frame("MESSAGE_CREATE",
                             {{"id", std::to_string(1000 + n)},
                              {"channel_id", "7"},
                              {"guild_id", guild},
                              {"content", std::string(bytes, 'x')}},
                             n);
}

/// How often each outcome was told, from whatever thread.
struct Tally {
  std::atomic<int> told{0};
  std::atomic<int> applied{0};
  std::atomic<int> closed{0};

  Completion completion() {
    return [this](const EventResult& result) {
      ++told;
      if (result.outcome == Outcome::applied) ++applied;
      if (result.error != nullptr && result.error->code == Errc::closed_client) ++closed;
    };
  }
};

/// A thread pool of one: what a host's executor leads to.
class Worker {
 public:
  Worker() : thread_([this] { run(); }) {}
  ~Worker() {
    post(nullptr);
    thread_.join();
  }
  Executor executor() {
    return [this](Callback<void()> task) { post(std::move(task)); };
  }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  void post(Callback<void()> task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    ready_.notify_one();
  }
  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return !tasks_.empty(); });
      Callback<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      if (!task) return;
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Callback<void()>> tasks_;
  std::thread thread_;
};

// ------------------------------------------------------------------------------------------------ Opening

TEST_CASE("a bridge opens, takes frames and closes without the host having a loop") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address()});
  Tally tally;
  REQUIRE(bridge->dispatch_frame(0, 1, shard_frame(0, 4), tally.completion()).ok());
  CHECK(get(bridge->flush()).ok());
  CHECK(tally.applied == 1);
  RedisClient client(server.socket_path());
  CHECK(dump(client)["6"]["1004"]["value"]["name"] == "4");
  get(bridge->close());
  get(bridge->close());
}

TEST_CASE("options that cannot work are told by open") {
  const auto bridge = Bridge::open({.address = "gopher://x"});
  REQUIRE_FALSE(bridge.has_value());
  auto again = Bridge::open({.address = "unix:///x", .default_expire = -1.0});
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().code == Errc::invalid_argument);
}

TEST_CASE("a bridge without a server says so and closes itself") {
  TempDirectory directory;
  auto made =
      Bridge::open({.address = "unix://" + directory.file("none.sock"), .drain_timeout = 60s, .open_timeout = 200ms});
  REQUIRE(made.has_value());
  Bridge& bridge = **made;
  Tally tally;
  REQUIRE(bridge.dispatch_frame(0, 1, shard_frame(0, 1), tally.completion()).ok());
  auto flushed = bridge.flush();
  auto session = bridge.ask<Session>([](Cache& cache, auto done) { cache.get_session(0, 1, std::move(done)); });
  const Status opened = get(bridge.opened());
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code == Errc::backend_error);
  CHECK(opened.error().cause == Cause::connect);
  CHECK(get(std::move(flushed)).error().code == Errc::closed_client);
  CHECK(get(std::move(session)).error().code == Errc::closed_client);
  get(bridge.close());
  CHECK(tally.told == 1);
  CHECK(tally.closed == 1);
  CHECK(bridge.dispatch_frame(0, 1, shard_frame(0, 2)).error().code == Errc::closed_client);
}

TEST_CASE("frames, questions and flushes from before open are served after it") {
  RedisServer server;
  server.pause();
  auto made = Bridge::open({.address = server.address()});
  REQUIRE(made.has_value());
  Bridge& bridge = **made;
  Tally tally;
  for (std::uint64_t n = 1; n <= 50; ++n)
    REQUIRE(bridge.dispatch_frame(0, 1, shard_frame(0, n), tally.completion()).ok());
  auto flushed = bridge.flush();
  CHECK(get(bridge.stats())->events_pending == 50);
  CHECK(flushed.wait_for(0s) == std::future_status::timeout);
  server.resume();
  CHECK(get(std::move(flushed)).ok());
  CHECK(tally.applied == 50);
}

// ------------------------------------------------------------------------------------------- Many threads

TEST_CASE("eight threads that dispatch for eight shards end in the state of a single one") {
  constexpr std::uint32_t shards = 8;
  constexpr std::uint64_t frames = 2000;
  RedisServer server;
  auto bridge = open_bridge({.address = server.address()});
  std::vector<Tally> tallies(shards);
  std::vector<std::thread> threads;
  std::atomic<int> refused{0};
  for (std::uint32_t shard = 0; shard < shards; ++shard)
    threads.emplace_back([&, shard] {
      for (std::uint64_t n = 1; n <= frames; ++n)
        if (!bridge->dispatch_frame(shard, shards, shard_frame(shard, n), tallies[shard].completion()).ok()) ++refused;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(get(bridge->flush()).ok());
  CHECK(refused == 0);
  for (const Tally& tally : tallies) {
    CHECK(tally.told == frames);
    CHECK(tally.applied == frames);
  }
  const Stats stats = get(bridge->stats()).value();
  CHECK(stats.events_pending == 0);
  REQUIRE(stats.shards.size() == shards);
  for (const ShardStats& shard : stats.shards) CHECK(shard.applied_sequence == frames);
  get(bridge->close());

  CacheFixture single;
  for (std::uint32_t shard = 0; shard < shards; ++shard)
    for (std::uint64_t n = 1; n <= frames; ++n)
      REQUIRE(single.shard(shard, shards).dispatch_frame(shard_frame(shard, n)).ok());
  single.flush();
  RedisClient client(server.socket_path());
  const Json state = dump(client);
  CHECK(state["6"].size() > 0);
  CHECK(diff(state, dump(single.client)) == "");
}

TEST_CASE("questions of many threads are all answered while frames are dispatched") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address()});
  std::atomic<bool> stop{false};
  std::thread feeder([&] {
    for (std::uint64_t n = 1; !stop; ++n)
      while (!stop && !bridge->dispatch_frame(0, 1, shard_frame(0, n)).ok()) CHECK(get(bridge->capacity()).ok());
  });
  std::vector<std::thread> threads;
  std::atomic<int> answered{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        const auto size =
            get(bridge->ask<std::size_t>([](Cache& cache, auto done) { done(cache.stats().shards.size()); }));
        if (size && *size <= 1) ++answered;
      }
    });
  for (std::thread& thread : threads) thread.join();
  stop = true;
  feeder.join();
  CHECK(answered == 800);
}

// ------------------------------------------------------------------------------------------- Back-pressure

/// Dispatches until a frame is refused, and returns its number. Redis has to stand still.
std::uint64_t fill(Bridge& bridge, Tally& tally, std::uint32_t shard = 0) {
  for (std::uint64_t n = 1;; ++n) {
    std::string text = big_frame(n, 1000);
    const std::string before = text;
    const Status status = bridge.dispatch_frame(shard, 2, std::move(text), tally.completion());
    if (status.ok()) continue;
    CHECK(status.error().code == Errc::over_capacity);
    CHECK(text == before);
    return n;
  }
}

TEST_CASE("at pending_bytes_max frames are refused, each shard's own first, until there is room") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address(), .pending_bytes_max = 100'000});
  server.pause();
  Tally tally;
  const std::uint64_t refused = fill(*bridge, tally);
  CHECK(refused > 40);
  CHECK(refused < 110);
  // Nothing else is taken, of this shard or another, whichever way it comes.
  CHECK(bridge->dispatch_frame(0, 2, big_frame(refused + 1, 10)).error().code == Errc::over_capacity);
  CHECK(bridge->dispatch_frame(1, 2, big_frame(1, 10)).error().code == Errc::over_capacity);
  auto capacity = bridge->capacity();
  std::promise<Status> told;
  REQUIRE(bridge->capacity([&](Status status) { told.set_value(std::move(status)); }).ok());
  const Stats stats = get(bridge->stats()).value();
  CHECK(stats.over_capacity == 3);
  CHECK(stats.events_pending == refused - 1);
  CHECK(stats.pending_bytes >= 90'000);
  CHECK(capacity.wait_for(0s) == std::future_status::timeout);
  server.resume();
  CHECK(get(std::move(capacity)).ok());
  CHECK(get(told.get_future()).ok());
  // Order is worth more than throughput.
  CHECK(bridge->dispatch_frame(0, 2, big_frame(refused + 1, 10)).error().code == Errc::over_capacity);
  CHECK(bridge->dispatch(0, 2, "MESSAGE_DELETE", R"({"id":"1","channel_id":"7"})").error().code == Errc::over_capacity);
  CHECK(bridge->dispatch_frame(1, 2, big_frame(2, 10)).error().code == Errc::over_capacity);
  CHECK(bridge->dispatch_frame(0, 2, big_frame(refused, 1000), tally.completion()).ok());
  CHECK(bridge->dispatch_frame(0, 2, big_frame(refused + 1, 10), tally.completion()).ok());
  CHECK(bridge->dispatch_frame(1, 2, big_frame(1, 10), tally.completion()).ok());
  CHECK(get(bridge->flush()).ok());
  CHECK(tally.applied == refused + 2);
  CHECK(get(bridge->capacity()).ok());
}

TEST_CASE("small frames cannot fill the memory with what is kept of them") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address(), .pending_bytes_max = 1'000'000});
  server.pause();
  int admitted = 0;
  while (bridge->dispatch_frame(0, 1, "[]").ok() && admitted < 1'000'000) ++admitted;
  CHECK(admitted < 1'000'000);
  server.resume();
}

TEST_CASE("what is skipped makes its guild dirty, and the shard goes on") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address(), .pending_bytes_max = 100'000});
  server.pause();
  Tally tally;
  const std::uint64_t refused = fill(*bridge, tally);
  CHECK(bridge->dispatch_frame(1, 2, big_frame(1, 10, "200")).error().code == Errc::over_capacity);
  bridge->skip(0, 2);
  bridge->skip(0, 2);  // There is none any more.
  for (int i = 0; i < 1000; ++i) {
    // A host that gives up everything while Redis stands still.
    CHECK_FALSE(bridge->dispatch_frame(0, 2, big_frame(refused, 10, std::to_string(300 + i % 3))).ok());
    bridge->skip(0, 2);
  }
  CHECK(get(bridge->stats())->pending_bytes < 120'000);
  bridge->skip(1, 2);
  server.resume();
  CHECK(get(bridge->capacity()).ok());
  CHECK(bridge->dispatch_frame(0, 2, big_frame(refused + 1, 10), tally.completion()).ok());
  CHECK(get(bridge->flush()).ok());
  using Guilds = std::vector<std::uint64_t>;
  const auto dirty = get(bridge->ask<Guilds>([](Cache& cache, auto done) { done(cache.dirty_guilds()); }));
  CHECK(dirty.value() == Guilds{100, 200, 300, 301, 302});
  CHECK(get(bridge->stats())->skipped == 1002);
  CHECK(tally.applied == refused);
}

TEST_CASE("a skipped READY makes every guild of its shard dirty") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address(), .pending_bytes_max = 100'000});
  for (const char* guild : {"100", "200"})
    REQUIRE(bridge->dispatch(0, 2, "GUILD_CREATE", Json{{"id", guild}, {"roles", Json::array()}}.dump()).ok());
  CHECK(get(bridge->flush()).ok());
  server.pause();
  Tally tally;
  fill(*bridge, tally, 1);
  CHECK_FALSE(bridge->dispatch(0, 2, "READY", R"({"guilds":[]})").ok());
  bridge->skip(0, 2);
  server.resume();
  CHECK(get(bridge->flush()).ok());
  CHECK(get(bridge->stats())->dirty_guilds == 2);
}

TEST_CASE("questions have a limit of their own") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address()}, {.questions_max = 3});
  server.pause();
  REQUIRE(bridge->dispatch_frame(0, 1, big_frame(1, 10)).ok());
  auto flushed = bridge->flush();
  auto again = bridge->flush();
  std::atomic<bool> called{false};
  auto session = bridge->ask<Session>([](Cache& cache, auto done) { cache.get_session(0, 1, std::move(done)); });
  CHECK(get(bridge->flush()).error().code == Errc::over_capacity);
  CHECK(get(bridge->capacity()).error().code == Errc::over_capacity);
  CHECK(get(bridge->stats()).error().code == Errc::over_capacity);
  const auto nothing = [](Cache&, auto done) { done(Status()); };
  CHECK(get(bridge->ask<void>(nothing)).error().code == Errc::over_capacity);
  CHECK(bridge->ask<void>(nothing, [&](Status) { called = true; }).error().code == Errc::over_capacity);
  server.resume();
  CHECK(get(std::move(flushed)).ok());
  CHECK(get(std::move(again)).ok());
  CHECK(get(std::move(session)).error().code == Errc::entry_not_found);
  CHECK(get(bridge->ask<void>(nothing)).ok());
  get(bridge->close());
  CHECK_FALSE(called);
}

// --------------------------------------------------------------------------------------------- Where it runs

TEST_CASE("callbacks run on the executor, with everything they are told") {
  RedisServer server;
  Worker worker;
  Worker other;
  auto bridge = open_bridge({.address = server.address()}, {.executor = worker.executor()});
  struct Told {
    std::thread::id thread;
    Outcome outcome;
    std::string event, reason, error;
  };
  std::vector<Told> told;  // Only by the worker.
  const auto note = [&](const EventResult& result) {
    told.push_back({std::this_thread::get_id(), result.outcome, std::string(result.event), std::string(result.reason),
                    result.error == nullptr ? "" : describe(*result.error)});
  };
  REQUIRE(bridge->dispatch_frame(0, 1, shard_frame(0, 4), note).ok());
  REQUIRE(bridge->dispatch_frame(0, 1, shard_frame(0, 4), note).ok());
  REQUIRE(bridge->dispatch(0, 1, "GUILD_ROLE_CREATE", R"({"guild_id":"7"})", 9, note).ok());
  std::promise<std::thread::id> answered, elsewhere, room;
  CHECK(get(bridge->flush()).ok());
  const auto nothing = [](Cache&, auto done) { done(Status()); };
  REQUIRE(bridge->ask<void>(nothing, [&](Status) { answered.set_value(std::this_thread::get_id()); }).ok());
  REQUIRE(bridge->capacity([&](Status) { room.set_value(std::this_thread::get_id()); }).ok());
  REQUIRE(bridge->ask<void>(other.executor(), nothing, [&](Status) { elsewhere.set_value(std::this_thread::get_id()); })
              .ok());
  CHECK(get(elsewhere.get_future()) == other.id());
  CHECK(get(answered.get_future()) == worker.id());
  CHECK(get(room.get_future()) == worker.id());
  get(bridge->close());
  REQUIRE(told.size() == 3);
  for (const Told& one : told) CHECK(one.thread == worker.id());
  // What needs no answer of Redis may end first.
  for (const Told& one : told) {
    if (one.outcome == Outcome::applied) CHECK(one.event == "GUILD_ROLE_UPDATE");
    if (one.outcome == Outcome::ignored) CHECK(one.reason == "duplicate");
    if (one.outcome == Outcome::rejected) CHECK(one.error.find("role") != std::string::npos);
  }
  CHECK(told[0].outcome != told[1].outcome);
  CHECK(told[0].outcome != told[2].outcome);
  CHECK(told[1].outcome != told[2].outcome);
}

TEST_CASE("without an executor callbacks run on the bridge's thread and may call it") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address()});
  std::promise<std::thread::id> first, second;
  std::thread::id questioned;
  REQUIRE(bridge
              ->dispatch_frame(0, 1, shard_frame(0, 4),
                               [&](const EventResult&) {
                                 first.set_value(std::this_thread::get_id());
                                 const Status status = bridge->dispatch_frame(
                                     0, 1, shard_frame(0, 8),
                                     [&](const EventResult&) { second.set_value(std::this_thread::get_id()); });
                                 CHECK(status.ok());
                               })
              .ok());
  const auto thread = get(first.get_future());
  CHECK(thread != std::this_thread::get_id());
  CHECK(get(second.get_future()) == thread);
  CHECK(get(bridge->ask<void>([&](Cache&, auto done) {
          questioned = std::this_thread::get_id();
          done(Status());
        })).ok());
  CHECK(questioned == thread);
}

TEST_CASE("requests are made on the bridge's thread and answered as futures or callbacks") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address()});
  REQUIRE(bridge->dispatch_frame(0, 1, shard_frame(0, 4)).ok());
  CHECK(get(bridge->flush()).ok());
  const auto role = get(bridge->ask([](Cache& cache) { return cache.get_role(1004); }));
  REQUIRE(role.has_value());
  CHECK(get(bridge->ask([](Cache& cache) { return cache.get_role(1); })).error().code == Errc::entry_not_found);
  std::promise<Errc> told;
  REQUIRE(bridge
              ->ask([](Cache& cache) { return cache.get_role(1); },
                    [&](const Result<Role>& none) { told.set_value(none.error().code); })
              .ok());
  CHECK(get(told.get_future()) == Errc::entry_not_found);
  CHECK(get(bridge->ask([](Cache& cache) { return cache.delete_role(1004); })).ok());
  get(bridge->close());
  CHECK(get(bridge->ask([](Cache& cache) { return cache.get_role(1); })).error().code == Errc::closed_client);
}

TEST_CASE("a question whose answer nobody gives is answered with closed_client") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address()});
  CHECK(get(bridge->ask<int>([](Cache&, auto) {})).error().code == Errc::closed_client);
  Callback<void(Result<int>)> kept;
  auto late = bridge->ask<int>([&](Cache&, auto done) { kept = std::move(done); });
  CHECK(get(bridge->ask<void>([&](Cache&, auto done) {
          kept(7);
          kept(8);  // Once is enough.
          done(Status());
        })).ok());
  CHECK(get(std::move(late)).value() == 7);
  kept.reset();
}

TEST_CASE("the thread of the bridge takes no signals of the host") {
  RedisServer server;
  // Raised where a peer is gone, unless everybody ignores it.
  struct sigaction before {};
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGPIPE, &standard, &before);
  auto bridge = open_bridge({.address = server.address(), .backoff_first = 1ms, .ignore_sigpipe = false});
  const auto blocked = get(bridge->ask<bool>([](Cache&, auto done) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    done(sigismember(&mask, SIGPIPE) == 1 && sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGSEGV) == 0);
  }));
  CHECK(blocked.value());
  sigset_t mine;
  pthread_sigmask(SIG_SETMASK, nullptr, &mine);
  CHECK(sigismember(&mine, SIGPIPE) == 0);
  Tally tally;
  std::uint64_t n = 0;
  for (int i = 0; i < 5; ++i) {
    server.kill();
    for (int k = 0; k < 100; ++k) REQUIRE(bridge->dispatch_frame(0, 1, shard_frame(0, ++n), tally.completion()).ok());
    server.start();
    CHECK(get(bridge->flush()).ok());
  }
  CHECK(tally.told == 500);
  bridge.reset();
  sigaction(SIGPIPE, &before, nullptr);
}

// ------------------------------------------------------------------------------------------------- Sessions

TEST_CASE("a session is recorded, asked for and resumed by another bridge, and forgotten") {
  RedisServer server;
  const std::string ready = CacheFixture::frame("READY",
                                                {{"v", 10},
                                                 {"user", {{"id", "9"}, {"username", "me"}}},
                                                 {"session_id", "abc"},
                                                 {"resume_gateway_url", "wss://x"},
                                                 {"application", {{"id", "9"}}},
                                                 {"guilds", Json::array()}},
                                                1);
  {
    auto bridge = open_bridge({.address = server.address()});
    REQUIRE(bridge->dispatch_frame(0, 1, std::string(ready)).ok());
    REQUIRE(bridge->dispatch_frame(0, 1, shard_frame(0, 4)).ok());
  }
  auto bridge = open_bridge({.address = server.address()});
  auto session = get(bridge->ask<Session>([](Cache& cache, auto done) { cache.get_session(0, 1, std::move(done)); }));
  REQUIRE(session.has_value());
  CHECK(session->session_id == "abc");
  CHECK(session->sequence == 4);
  CHECK(get(bridge->resume(*session)).ok());
  CHECK(get(bridge->resume(*session)).error().code == Errc::invalid_argument);
  std::atomic<int> duplicates{0};
  const auto count = [&](const EventResult& result) { duplicates += result.reason == "duplicate"; };
  REQUIRE(bridge->dispatch_frame(0, 1, shard_frame(0, 4), count).ok());
  CHECK(get(bridge->flush()).ok());
  CHECK(duplicates == 1);
  auto forgotten = bridge->forget(0, 1);
  REQUIRE(bridge->dispatch_frame(0, 1, shard_frame(0, 4), count).ok());
  CHECK(get(std::move(forgotten)).ok());
  CHECK(get(bridge->flush()).ok());
  CHECK(duplicates == 1);
}

// ------------------------------------------------------------------------------------------------- Closing

TEST_CASE("close applies what was dispatched before it and refuses everything after") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address()});
  Tally tally;
  for (std::uint64_t n = 1; n <= 3000; ++n)
    REQUIRE(bridge->dispatch_frame(0, 1, shard_frame(0, n), tally.completion()).ok());
  auto flushed = bridge->flush();
  auto closed = bridge->close();
  CHECK(bridge->dispatch_frame(0, 1, shard_frame(0, 3001)).error().code == Errc::closed_client);
  CHECK(bridge->dispatch(0, 1, "", "{}").error().code == Errc::invalid_argument);
  const auto nothing = [](Cache&, auto done) { done(Status()); };
  CHECK(get(bridge->ask<void>(nothing)).error().code == Errc::closed_client);
  CHECK(bridge->ask<void>(nothing, [](Status) { FAIL("it was refused"); }).error().code == Errc::closed_client);
  CHECK(get(bridge->flush()).error().code == Errc::closed_client);
  CHECK(get(bridge->capacity()).error().code == Errc::closed_client);
  CHECK(get(bridge->forget(0, 1)).error().code == Errc::closed_client);
  CHECK(get(bridge->resume({})).error().code == Errc::closed_client);
  bridge->skip(0, 1);
  CHECK(get(std::move(flushed)).ok());
  get(closed);
  CHECK(tally.applied == 3000);
  CHECK(tally.told == 3000);
  CHECK(get(bridge->stats())->events_pending == 0);
  CHECK(get(bridge->stats())->shards.at(0).applied_sequence == 3000);
}

TEST_CASE("a bridge that is destroyed without close ends everything first") {
  RedisServer server;
  Tally tally;
  std::future<Status> flushed;
  {
    auto bridge = open_bridge({.address = server.address()});
    for (std::uint64_t n = 1; n <= 500; ++n)
      REQUIRE(bridge->dispatch_frame(0, 1, shard_frame(0, n), tally.completion()).ok());
    flushed = bridge->flush();
  }
  CHECK(tally.applied == 500);
  CHECK(flushed.wait_for(0s) == std::future_status::ready);
}

TEST_CASE("close waits for a server that stands still no longer than drain_timeout") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address(), .pending_bytes_max = 100'000, .drain_timeout = 300ms});
  server.pause();
  Tally tally;
  const int admitted = static_cast<int>(fill(*bridge, tally)) - 1;
  auto flushed = bridge->flush();
  auto capacity = bridge->capacity();
  auto session = bridge->ask<Session>([](Cache& cache, auto done) { cache.get_session(0, 1, std::move(done)); });
  const auto begin = std::chrono::steady_clock::now();
  get(bridge->close());
  const auto passed = std::chrono::steady_clock::now() - begin;
  CHECK(passed >= 290ms);
  CHECK(passed < 3s);
  CHECK(tally.told == admitted);
  CHECK(tally.closed == admitted);
  for (auto* future : {&flushed, &capacity}) CHECK(get(std::move(*future)).error().code == Errc::closed_client);
  CHECK(get(std::move(session)).error().code == Errc::closed_client);
  server.resume();
}

TEST_CASE("a bridge may be closed by a callback on its own thread") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address()});
  Tally tally;
  std::promise<std::shared_future<void>> closing;
  int admitted = 0;
  for (std::uint64_t n = 1;; ++n) {
    Completion completion = tally.completion();
    if (n == 50)
      completion = [&](const EventResult&) {
        ++tally.told;
        closing.set_value(bridge->close());
        CHECK_FALSE(bridge->dispatch_frame(1, 2, shard_frame(1, 1)).ok());
      };
    if (!bridge->dispatch_frame(0, 1, shard_frame(0, n), std::move(completion)).ok()) break;
    ++admitted;
  }
  get(get(closing.get_future()));
  CHECK(admitted >= 50);
  CHECK(tally.told == admitted);
}

TEST_CASE("a bridge may be destroyed by a callback on its own thread, which then ends by itself") {
  RedisServer server;
  auto bridge = open_bridge({.address = server.address()});
  Tally tally;
  auto flushed = bridge->flush();
  for (std::uint64_t n = 1; n <= 100; ++n)
    REQUIRE(bridge->dispatch_frame(0, 1, shard_frame(0, n), tally.completion()).ok());
  auto closed = bridge->ask<void>([](Cache&, auto done) { done(Status()); });
  CHECK(get(std::move(closed)).ok());
  std::promise<std::shared_future<void>> closing;
  REQUIRE(bridge
              ->ask<void>([](Cache&, auto done) { done(Status()); },
                          [&](Status) {
                            auto ended = bridge->close();
                            bridge.reset();
                            closing.set_value(ended);
                          })
              .ok());
  get(get(closing.get_future()));
  CHECK(bridge == nullptr);
  CHECK(tally.told == 100);
}

TEST_CASE("a bridge may be closed at any moment while others dispatch and ask") {
  RedisServer server;
  std::mt19937 random(7);
  for (int round = 0; round < 30; ++round) {
    CAPTURE(round);
    Worker worker;
    BridgeOptions wanted;
    if (round % 2 == 1) wanted.executor = worker.executor();
    auto made = Bridge::open({.address = server.address(), .pending_bytes_max = 200'000, .drain_timeout = 100ms},
                             std::move(wanted));
    REQUIRE(made.has_value());
    std::unique_ptr<Bridge> bridge = std::move(made).value();
    std::atomic<int> admitted{0};
    std::atomic<int> asked{0};
    std::atomic<int> answered{0};
    std::atomic<int> broken{0};
    Tally tally;
    std::vector<std::thread> threads;
    for (std::uint32_t shard = 0; shard < 3; ++shard)
      threads.emplace_back([&, shard] {
        for (std::uint64_t n = 1;;) {
          const Status status = bridge->dispatch_frame(shard, 3, shard_frame(shard, n), tally.completion());
          if (status.ok()) {
            ++admitted;
            ++n;
          } else if (status.error().code == Errc::closed_client) {
            return;
          } else if (n % 2 == 0) {
            bridge->skip(shard, 3);
            ++n;
          } else if (!bridge->capacity().get()) {
            return;
          }
        }
      });
    threads.emplace_back([&] {
      for (;;) {
        const auto session =
            bridge->ask<Session>([](Cache& cache, auto done) { cache.get_session(0, 3, std::move(done)); });
        if (session.wait_for(bound) != std::future_status::ready) ++broken;
        const Status status = bridge->ask<void>([](Cache&, auto done) { done(Status()); }, [&](Status) { ++answered; });
        if (status.ok()) ++asked;
        if (!status.ok() && status.error().code == Errc::closed_client) return;
        auto flushed = bridge->flush();
        if (flushed.wait_for(bound) != std::future_status::ready) ++broken;
        static_cast<void>(bridge->stats().get());
      }
    });
    const int enough = static_cast<int>(random() % (round < 10 ? 50 : 5000));
    while (admitted < enough) std::this_thread::yield();
    get(bridge->close());
    for (std::thread& thread : threads) thread.join();
    bridge.reset();
    if (round % 2 == 1) {
      std::promise<void> emptied;
      worker.executor()([&] { emptied.set_value(); });
      get(emptied.get_future());
    }
    CHECK(tally.told == admitted);
    CHECK(answered == asked);
    CHECK(broken == 0);
  }
}

}  // namespace
}  // namespace sake::test
