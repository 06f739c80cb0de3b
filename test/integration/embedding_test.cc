// A cache on a host's loop: opening, calling back, closing, and what is told when the server cannot be used.

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <uv.h>

#include "sake/sake.h"

#include "support/command_proxy.h"
#include "support/loop.h"
#include "support/redis_client.h"
#include "support/redis_server.h"
#include "support/temp_directory.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

std::string frame(std::string_view event, const Json& d, std::uint64_t sequence) {
  return Json{{"op", 0}, {"t", event}, {"s", sequence}, {"d", d}}.dump();
}

std::string role_frame(std::uint64_t sequence, std::string_view guild = "100") {
  return frame("GUILD_ROLE_CREATE", {{"guild_id", guild}, {"role", {{"id", std::to_string(1000 + sequence)}}}},
               sequence);
}

/// It reads before it writes.
std::string reading_frame(std::uint64_t sequence) {
  return frame("GUILD_MEMBER_UPDATE",
               {{"guild_id", "100"}, {"user", {{"id", "5"}, {"username", "u"}}}, {"nick", std::to_string(sequence)}},
               sequence);
}

/// A host: its loop and what a cache has told it.
struct Host {
  Result<std::unique_ptr<Cache>> try_open(Options options) {
    if (!options.log)
      options.log = [this](LogLevel level, std::string_view message) {
        log.push_back({level, std::string(message)});
        log_text += std::string(message) + "\n";
      };
    return Cache::open(loop.get(), std::move(options), [this](Status status) {
      ++opens;
      opened = std::move(status);
      if (on_open) on_open();
      uv_stop(loop.get());
    });
  }

  Cache& start(Options options) {
    auto made = try_open(std::move(options));
    REQUIRE_MESSAGE(made.has_value(), (made ? std::string() : describe(made.error())));
    cache = std::move(made).value();
    return *cache;
  }

  Cache& open(Options options) {
    start(std::move(options));
    loop.run_until([this] { return opens > 0; });
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? std::string() : describe(opened.error())));
    return *cache;
  }

  /// The error with which opening has ended.
  Error failure(Options options) {
    start(std::move(options));
    loop.run_until([this] { return opens > 0; });
    REQUIRE_FALSE(opened.ok());
    CHECK_FALSE(cache->is_alive());
    CHECK(opens == 1);
    return opened.error();
  }

  /// Dispatches, and counts how often its completion is called and with what.
  void feed(std::string_view text) {
    const std::size_t index = endings.size();
    endings.emplace_back();
    const Status status = cache->shard().dispatch_frame(text, [this, index](const EventResult& result) {
      Ending& ending = endings[index];
      ++ending.calls;
      ending.outcome = result.outcome;
      ending.reason = result.reason;
      if (result.error != nullptr) ending.error = *result.error;
      order.push_back(index);
      if (on_ending) on_ending();
      uv_stop(loop.get());
    });
    REQUIRE(status.ok());
  }

  void flush() {
    bool flushed = false;
    cache->flush([&](Status status) {
      CHECK(status.ok());
      flushed = true;
      uv_stop(loop.get());
    });
    loop.run_until(flushed);
  }

  void close() {
    bool closed = false;
    cache->close([&] {
      closed = true;
      uv_stop(loop.get());
    });
    loop.run_until(closed);
  }

  /// Every completion was called once, with this outcome.
  void check_all(Outcome outcome) const {
    for (const Ending& ending : endings) {
      CHECK(ending.calls == 1);
      CHECK(ending.outcome == outcome);
    }
  }
  void check_all_closed() const {
    check_all(Outcome::failed);
    for (const Ending& ending : endings) CHECK(ending.error.code == Errc::closed_client);
  }

  struct Ending {
    int calls = 0;
    Outcome outcome = Outcome::applied;
    std::string reason;
    Error error;
  };
  struct Logged {
    LogLevel level;
    std::string message;
  };

  int opens = 0;
  Status opened;
  std::vector<Ending> endings;
  std::vector<std::size_t> order;  ///< In which they ended.
  std::vector<Logged> log;
  std::string log_text;
  std::function<void()> on_open;
  std::function<void()> on_ending;
  Loop loop;
  std::unique_ptr<Cache> cache;
};

bool holds(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// ------------------------------------------------------------------------------------------------ Opening

TEST_CASE("open calls back once, from the loop, when the databases can be used") {
  RedisServer server;
  Host host;
  host.start({.address = server.address()});
  CHECK(host.opens == 0);
  CHECK_FALSE(host.cache->is_alive());
  host.loop.run_until([&] { return host.opens > 0; });
  CHECK(host.opened.ok());
  CHECK(host.cache->is_alive());
  host.loop.run_for_turns(50);
  CHECK(host.opens == 1);
  host.close();
  CHECK_FALSE(host.cache->is_alive());
  CHECK(host.opens == 1);
}

TEST_CASE("counters can be asked for before open has ended") {
  RedisServer server;
  Host host;
  host.start({.address = server.address()});
  Stats stats = host.cache->stats();
  CHECK(stats.events.empty());
  CHECK(stats.shards.empty());
  CHECK(stats.resources.size() == 15);
  CHECK(stats.commands == 0);
  CHECK(stats.connections == 0);
  CHECK(stats.pending_bytes == 0);
  CHECK(stats.events_pending == 0);
  CHECK(stats.guilds_owned == 0);
  host.feed(role_frame(1));
  stats = host.cache->stats();
  CHECK(stats.events_pending == 1);
  CHECK(stats.pending_bytes > 0);
  host.close();
}

TEST_CASE("open without a server fails when open_timeout has passed, with the last reason") {
  TempDirectory directory;
  for (const std::string& address : {"unix://" + directory.file("none.sock"), std::string("redis://127.0.0.1:1")}) {
    CAPTURE(address);
    Host host;
    const auto begin = std::chrono::steady_clock::now();
    const Error error = host.failure({.address = address, .open_timeout = 300ms});
    const auto passed = std::chrono::steady_clock::now() - begin;
    CHECK(passed >= 290ms);
    CHECK(passed < 5s);
    CHECK(error.code == Errc::backend_error);
    CHECK(error.cause == Cause::connect);
    CHECK_FALSE(error.may_have_run);
    CAPTURE(error.text);
    CHECK(holds(error.text, address));
    CHECK(holds(error.text, "open_timeout"));
    CHECK((holds(error.text, "refused") || holds(error.text, "no such file")));
    host.close();
  }
}

TEST_CASE("a server that accepts and says nothing fails open as well") {
  RedisServer server;
  server.pause();
  Host host;
  const Error error = host.failure({.address = server.address(), .connect_timeout = 100ms, .open_timeout = 500ms});
  CHECK(error.code == Errc::backend_error);
  CHECK(holds(error.text, "open_timeout"));
  server.resume();
  host.close();
}

TEST_CASE("without an open_timeout a server may come late") {
  RedisServer server;
  server.stop();
  Host host;
  host.start({.address = server.address(), .open_timeout = 0ms});
  host.feed(role_frame(1));
  host.loop.run_for(300ms);
  CHECK(host.opens == 0);
  server.start();
  host.loop.run_until([&] { return host.opens > 0; });
  CHECK(host.opened.ok());
  host.flush();
  host.check_all(Outcome::applied);
  host.close();
}

TEST_CASE("a wrong password is told at once, and neither the error nor the log shows it") {
  RedisServer server({.tcp = true, .password = "the-right-one"});
  const std::string tcp = "127.0.0.1:" + std::to_string(server.port());
  {
    Host host;
    const auto begin = std::chrono::steady_clock::now();
    const Error error = host.failure({.address = "redis://:hunter2@" + tcp});
    CHECK(std::chrono::steady_clock::now() - begin < 5s);
    CHECK(error.code == Errc::backend_error);
    CHECK(error.cause == Cause::auth);
    CHECK_FALSE(holds(describe(error), "hunter2"));
    host.loop.run_for(200ms);  // It goes on trying; what it logs then shows nothing either.
    CHECK_FALSE(holds(host.log_text, "hunter2"));
    host.close();
  }
  Host host;
  const Error error = host.failure({.address = "redis://" + tcp, .password = "hunter2"});
  CHECK(error.cause == Cause::auth);
  CHECK_FALSE(holds(describe(error) + host.log_text, "hunter2"));
  host.close();
  Host none;
  CHECK(none.failure({.address = "redis://" + tcp}).cause == Cause::auth);
  none.close();
}

TEST_CASE("the password shows nowhere when the server is lost, refuses or stops") {
  RedisServer server({.password = "hunter2"});
  Host host;
  host.open({.address = "unix://:hunter2@" + server.socket_path(), .drain_timeout = 200ms});
  host.feed(role_frame(1));
  host.flush();
  server.kill();
  host.feed(role_frame(2));
  host.loop.run_for(200ms);
  CHECK(host.log.size() > 0);
  host.close();
  for (const auto& ending : host.endings) CHECK_FALSE(holds(describe(ending.error), "hunter2"));
  CHECK_FALSE(holds(host.log_text, "hunter2"));
}

TEST_CASE("too few databases are told with a resource, its database and what to change") {
  RedisServer server({.databases = 5});
  Host host;
  const Error error =
      host.failure({.address = server.address(), .resources = {Resource::guild, Resource::member, Resource::presence}});
  CHECK(error.code == Errc::backend_error);
  CHECK(error.cause == Cause::server);
  CAPTURE(error.text);
  // Both presences (5) and references (9) are beyond what it has.
  CHECK(holds(error.text, "databases"));
  CHECK(holds(error.text, "redis.conf"));
  CHECK((holds(error.text, "of presence") || holds(error.text, "reference")));
  CHECK((holds(error.text, "database 5") || holds(error.text, "database 9")));
  host.close();
}

TEST_CASE("one database too few is told with the resource that needs it") {
  RedisServer server({.databases = 15});
  Host host;
  const Error error = host.failure({.address = server.address()});
  CAPTURE(error.text);
  CHECK(holds(error.text, "soundboard_sound"));
  CHECK(holds(error.text, "database 15"));
  CHECK(holds(error.text, "redis.conf"));
  host.close();
}

TEST_CASE("a cluster is told as what it is") {
  RedisServer server({.databases = 1, .configuration = {"cluster-enabled yes"}});
  Host host;
  const Error error = host.failure({.address = server.address()});
  CHECK(error.code == Errc::backend_error);
  CAPTURE(error.text);
  CHECK((holds(error.text, "luster")));
  host.close();
}

TEST_CASE("a server that accepts SELECT and ignores it is refused") {
  RedisServer server;
  Host host;
  CommandProxy proxy(host.loop.get(), server.socket_path());
  proxy.ignore_select();
  const Error error = host.failure({.address = proxy.address()});
  CHECK(error.code == Errc::backend_error);
  CHECK(error.cause == Cause::server);
  CHECK(holds(error.text, "SELECT"));
  host.close();
  host.cache.reset();
  RedisClient client(server.socket_path());
  CHECK(dump(client).empty());  // Nothing but its own probe was written, which is no part of a dump.
}

TEST_CASE("what was dispatched before a failure to open is not written when the cache is closed") {
  RedisServer server;
  Host host;
  CommandProxy proxy(host.loop.get(), server.socket_path());
  proxy.ignore_select();
  host.start({.address = proxy.address()});
  host.feed(role_frame(1));
  host.loop.run_until([&] { return host.opens > 0; });
  CHECK_FALSE(host.opened.ok());
  host.close();
  host.check_all_closed();
  RedisClient client(server.socket_path());
  CHECK(dump(client).empty());
}

TEST_CASE("where the probe is not permitted open only warns") {
  RedisServer server({.configuration = {"user limited on >pw resetkeys ~[0-9]* ~ME resetchannels +@all"}});
  Host host;
  host.open({.address = "unix://limited:pw@" + server.socket_path()});
  CHECK(std::ranges::any_of(host.log, [](const Host::Logged& logged) {
    return logged.level == LogLevel::warning && holds(logged.message, "probe");
  }));
  host.feed(role_frame(1));
  host.flush();
  host.check_all(Outcome::applied);
  host.close();
}

TEST_CASE("nothing is logged when all is well") {
  RedisServer server;
  Host host;
  host.open({.address = server.address()});
  host.feed(role_frame(1));
  host.flush();
  host.close();
  for (const auto& logged : host.log) CHECK_MESSAGE(logged.level < LogLevel::warning, logged.message);
}

TEST_CASE("the probe leaves nothing behind") {
  RedisServer server;
  Host host;
  host.open({.address = server.address()});
  host.flush();
  host.close();
  RedisClient client(server.socket_path());
  CHECK(dump(client, {.own_keys = true}).empty());
}

TEST_CASE("a cache that is closed as soon as it is open leaves nothing behind") {
  RedisServer server;
  Loop loop;
  bool closed = false;
  std::unique_ptr<Cache> cache;
  // The counter that watches over the data is just being written for the first time.
  auto opened = Cache::open(loop.get(), {.address = server.address()}, [&](const Status& status) {
    CHECK(status.ok());
    cache->close([&] {
      closed = true;
      uv_stop(loop.get());
    });
  });
  REQUIRE(opened);
  cache = std::move(opened).value();
  loop.run_until(closed);
  RedisClient client(server.socket_path());
  CHECK(dump(client, {.own_keys = true}).empty());
}

// ------------------------------------------------------------------------------------------------ Intents

std::vector<std::string> warnings_with(std::optional<Intents> intents, Resources resources) {
  RedisServer server;
  Host host;
  host.open({.address = server.address(), .resources = resources, .intents = intents});
  host.close();
  std::vector<std::string> warnings;
  for (const auto& logged : host.log)
    if (logged.level == LogLevel::warning) warnings.push_back(logged.message);
  return warnings;
}

TEST_CASE("intents that do not cover a resource are warned of, by its name") {
  CHECK(warnings_with(std::nullopt, Resources::all()).empty());
  CHECK(warnings_with(all_intents(Resources::all()), Resources::all()).empty());
  const Resources two{Resource::guild, Resource::presence};
  CHECK(warnings_with(Intents::guilds | Intents::guild_presences, two).empty());
  const auto warnings = warnings_with(Intents::guilds, two);
  REQUIRE(warnings.size() == 1);
  CHECK(holds(warnings[0], "presence"));
  CHECK(warnings_with(Intents::none, {Resource::guild, Resource::member, Resource::role}).size() == 3);
  CHECK(warnings_with(Intents::none, {Resource::user}).empty());  // Users come with everything.
}

// ------------------------------------------------------------------------------------------------ Loops of others

/// A host that waits by itself for libuv's descriptor, as long as libuv lets it.
struct ForeignLoop {
  Host& host;
  int longest_ms = 0;  ///< That it has waited at once.

  template <typename Predicate>
  void run_until(Predicate&& predicate) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    for (;;) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      uv_run(host.loop.get(), UV_RUN_NOWAIT);
      if (predicate()) return;
      const int timeout = uv_backend_timeout(host.loop.get());
      const auto begin = std::chrono::steady_clock::now();
      pollfd waited{.fd = uv_backend_fd(host.loop.get()), .events = POLLIN, .revents = 0};
      poll(&waited, 1, timeout);
      const auto passed = std::chrono::steady_clock::now() - begin;
      longest_ms =
          std::max(longest_ms, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(passed).count()));
    }
  }
};

TEST_CASE("a host that waits on uv_backend_fd by itself is told without waiting for a timer") {
  RedisServer server;
  Host host;
  host.start({.address = server.address()});
  ForeignLoop foreign{host};
  foreign.run_until([&] { return host.opens > 0; });
  CHECK(host.opened.ok());
  for (std::uint64_t i = 1; i <= 50; ++i) {
    host.feed(i % 2 == 0 ? role_frame(i) : reading_frame(i));
    foreign.run_until([&] { return host.order.size() == i; });
  }
  host.check_all(Outcome::applied);
  CHECK(foreign.longest_ms < 400);  // The nearest timers are 250 ms and a second away.
  bool flushed = false;
  host.cache->flush([&](Status) { flushed = true; });
  foreign.run_until([&] { return flushed; });

  // With nothing to do it waits, for the pulse of the cache at least.
  int turns = 0;
  foreign.run_until([&] { return foreign.longest_ms > 300 || ++turns == 100; });
  CHECK(turns < 100);

  bool closed = false;
  host.cache->close([&] { closed = true; });
  foreign.run_until([&] { return closed; });
}

// ------------------------------------------------------------------------------------------------ Calling back

TEST_CASE("events dispatched before open are pending and are applied after it, in order") {
  RedisServer server;
  Host host;
  host.start({.address = server.address()});
  for (std::uint64_t i = 1; i <= 50; ++i) host.feed(i % 2 == 0 ? role_frame(i) : reading_frame(i));
  CHECK(host.cache->stats().events_pending == 50);
  bool flushed = false;
  host.cache->flush([&](Status) { flushed = true; });
  host.loop.run_until([&] { return host.opens > 0; });
  CHECK_FALSE(flushed);
  CHECK(host.order.empty());
  host.flush();
  CHECK(flushed);
  host.check_all(Outcome::applied);
  CHECK(host.cache->stats().events_pending == 0);
  RedisClient client(server.socket_path());
  const Json state = dump(client);
  CHECK(state["6"].size() == 25);
  CHECK(state["4"]["100"]["value"]["5"]["nick"] == "49");
  host.close();
}

TEST_CASE("no completion comes inside the call that dispatched, however the event ends") {
  RedisServer server;
  Host host;
  host.open({.address = server.address(), .frame_bytes_max = 1000});
  struct Fed {
    std::string text;
    Outcome outcome;
  };
  const Fed frames[] = {
      {role_frame(1), Outcome::applied},
      {reading_frame(2), Outcome::applied},
      {role_frame(1), Outcome::ignored},
      {R"({"op":11,"d":null})", Outcome::ignored},
      {frame("SOMETHING_NEW", Json::object(), 3), Outcome::ignored},
      {frame("TYPING_START", Json::object(), 4), Outcome::rejected},
      {frame("GUILD_AUDIT_LOG_ENTRY_CREATE", Json::object(), 5), Outcome::ignored},
      {"no json", Outcome::rejected},
      {"", Outcome::rejected},
      {"[]", Outcome::rejected},
      {frame("GUILD_ROLE_CREATE", {{"guild_id", "100"}, {"role", {{"id", "x"}}}}, 6), Outcome::rejected},
      {frame("GUILD_ROLE_CREATE", {{"name", std::string(2000, 'x')}}, 7), Outcome::rejected},
  };
  for (const Fed& fed : frames) {
    CAPTURE(fed.text.substr(0, 100));
    host.feed(fed.text);
    CHECK(host.endings.back().calls == 0);
    host.flush();
    CHECK(host.endings.back().calls == 1);
    CHECK(host.endings.back().outcome == fed.outcome);
    CHECK((host.endings.back().error.text.empty() || fed.outcome == Outcome::rejected));
  }
  bool flushed = false;
  bool closed = false;
  host.cache->flush([&](Status) { flushed = true; });
  CHECK_FALSE(flushed);
  host.cache->close([&] {
    closed = true;
    uv_stop(host.loop.get());
  });
  CHECK_FALSE(closed);
  host.loop.run_until(closed);
  CHECK(flushed);
}

TEST_CASE("a completion may dispatch, flush and ask for counters") {
  RedisServer server;
  Host host;
  host.open({.address = server.address()});
  std::uint64_t sequence = 1;
  int flushes = 0;
  host.on_ending = [&] {
    const std::size_t before = host.order.size();
    if (sequence < 20) {
      host.feed(role_frame(++sequence));
      CHECK(host.cache->stats().events_pending > 0);
    }
    host.cache->flush([&](Status) {
      ++flushes;
      uv_stop(host.loop.get());
    });
    CHECK(host.order.size() == before);  // Nothing is told inside.
  };
  host.feed(role_frame(1));
  host.loop.run_until([&] { return flushes == 20 || host.order.size() > 20; });
  CHECK(host.endings.size() == 20);
  host.check_all(Outcome::applied);
  host.on_ending = nullptr;
  host.close();
}

TEST_CASE("flush with nothing pending calls back, from the loop") {
  RedisServer server;
  Host host;
  host.open({.address = server.address()});
  int calls = 0;
  for (int i = 0; i < 3; ++i) {
    host.cache->flush([&](Status status) {
      CHECK(status.ok());
      ++calls;
      uv_stop(host.loop.get());
    });
    CHECK(calls == i);
    host.loop.run_until([&] { return calls == i + 1; });
  }
  host.close();
}

TEST_CASE("flushes call back in order, each behind the completions of what was dispatched before it") {
  RedisServer server;
  Host host;
  CommandProxy proxy(host.loop.get(), server.socket_path());
  host.open({.address = proxy.address()});
  proxy.hold_replies(4);
  std::vector<std::string> told;
  host.on_ending = [&] { told.push_back("event " + std::to_string(host.order.back())); };
  const auto flush = [&](const char* name) { host.cache->flush([&told, name](Status) { told.push_back(name); }); };
  flush("first");
  host.feed(reading_frame(1));  // Waits for database 4.
  flush("second");
  host.feed(role_frame(2, "200"));  // Of another guild: ends before it.
  flush("third");
  flush("fourth");
  while (told.size() < 2) host.loop.run_for_turns(1);
  CHECK(told == std::vector<std::string>{"first", "event 1"});
  host.loop.run_for(50ms);
  CHECK(told.size() == 2);
  proxy.release_replies();
  while (told.size() < 6) host.loop.run_for_turns(1);
  CHECK(told == std::vector<std::string>{"first", "event 1", "event 0", "second", "third", "fourth"});
  host.on_ending = nullptr;
  host.close();
}

TEST_CASE("a host's timer keeps its pace while a cache is fed") {
  RedisServer server;
  Host host;
  host.open({.address = server.address()});
  struct Beat {
    uv_timer_t timer;
    int beats = 0;
  } beat;
  uv_timer_init(host.loop.get(), &beat.timer);
  beat.timer.data = &beat;
  uv_timer_start(
      &beat.timer, [](uv_timer_t* timer) { ++static_cast<Beat*>(timer->data)->beats; }, 1, 1);
  std::uint64_t sequence = 0;
  while (beat.beats < 50) {
    for (int i = 0; i < 20; ++i) host.feed(reading_frame(++sequence));
    host.loop.run_for_turns(1);
  }
  host.flush();
  host.check_all(Outcome::applied);
  CHECK(sequence > 500);
  uv_close(reinterpret_cast<uv_handle_t*>(&beat.timer), nullptr);
  host.close();
}

TEST_CASE("a cache alone does not keep the host's loop from waiting") {
  RedisServer server;
  Host host;
  host.open({.address = server.address()});
  host.loop.run_for_turns(10);
  // Idle for a moment: turns are taken for the renewal timer at most.
  uv_prepare_t counter;
  int turns = 0;
  uv_prepare_init(host.loop.get(), &counter);
  counter.data = &turns;
  uv_prepare_start(&counter, [](uv_prepare_t* handle) { ++*static_cast<int*>(handle->data); });
  host.loop.run_for(200ms);
  CHECK(turns < 10);
  uv_close(reinterpret_cast<uv_handle_t*>(&counter), nullptr);
  host.close();
}

// ------------------------------------------------------------------------------------------------ Shards

TEST_CASE("a shard is made on first use and stays the same") {
  RedisServer server;
  Host host;
  Cache& cache = host.start({.address = server.address()});
  Shard& only = cache.shard();
  CHECK(only.id() == 0);
  CHECK(only.count() == 1);
  CHECK(&cache.shard(0, 1) == &only);
  Shard& third = cache.shard(2, 4);
  CHECK(third.id() == 2);
  CHECK(third.count() == 4);
  for (std::uint32_t id = 0; id < 100; ++id) cache.shard(id, 100);
  CHECK(&cache.shard(2, 4) == &third);
  CHECK(&cache.shard() == &only);
  CHECK(cache.stats().shards.size() == 102);
  host.close();
}

TEST_CASE("each shard has a mark of its own, and forget takes it back") {
  RedisServer server;
  Host host;
  Cache& cache = host.open({.address = server.address()});
  std::vector<std::string> reasons;
  const auto feed = [&](Shard& shard, std::uint64_t sequence) {
    REQUIRE(shard
                .dispatch_frame(role_frame(sequence),
                                [&](const EventResult& result) { reasons.emplace_back(result.reason); })
                .ok());
    host.flush();
  };
  feed(cache.shard(0, 2), 5);
  feed(cache.shard(1, 2), 5);
  feed(cache.shard(0, 2), 5);
  feed(cache.shard(0, 2), 4);
  CHECK(reasons == std::vector<std::string>{"", "", "duplicate", "duplicate"});
  cache.shard(0, 2).forget();
  CHECK(cache.stats().shards.at(0).received_sequence == 0);
  CHECK(cache.stats().shards.at(1).received_sequence == 5);
  feed(cache.shard(0, 2), 4);
  CHECK(reasons.back() == "");
  CHECK(cache.stats().shards.at(0).received_sequence == 4);
  CHECK(cache.stats().shards.at(0).applied_sequence == 4);
  host.close();
}

TEST_CASE("an event can be dispatched in parts, with and without a sequence number") {
  RedisServer server;
  Host host;
  Cache& cache = host.open({.address = server.address()});
  Shard& shard = cache.shard();
  std::vector<std::string> told;
  const auto completion = [&] {
    return [&](const EventResult& result) {
      told.push_back(std::string(name(result.outcome)) + " " + std::string(result.event) + " " +
                     std::string(result.reason));
    };
  };
  const char* role = R"({"guild_id":"100","role":{"id":"61"}})";
  REQUIRE(shard.dispatch("GUILD_ROLE_CREATE", role, 1, completion()).ok());
  REQUIRE(shard.dispatch("GUILD_ROLE_CREATE", role, 1, completion()).ok());
  REQUIRE(shard.dispatch("GUILD_ROLE_CREATE", role, std::nullopt, completion()).ok());
  REQUIRE(shard.dispatch("GUILD_ROLE_CREATE", "{", std::nullopt, completion()).ok());
  REQUIRE(shard.dispatch("NOBODY_KNOWS", "{}", 2, completion()).ok());
  host.flush();
  CHECK(told == std::vector<std::string>{"ignored GUILD_ROLE_CREATE duplicate", "rejected GUILD_ROLE_CREATE ",
                                         "ignored  unknown event", "applied GUILD_ROLE_CREATE ",
                                         "applied GUILD_ROLE_CREATE "});
  const Status nameless = shard.dispatch("", "{}");
  REQUIRE_FALSE(nameless.ok());
  CHECK(nameless.error().code == Errc::invalid_argument);
  CHECK(cache.stats().shards.at(0).received_sequence == 2);
  host.close();
}

// ------------------------------------------------------------------------------------------------ Closing

TEST_CASE("close with nothing pending calls back once every handle is closed") {
  RedisServer server;
  Host host;
  host.open({.address = server.address()});
  int closed = 0;
  int handles = -1;
  host.cache->close([&] {
    ++closed;
    // The bound of the loop's own is all that is left.
    handles = 0;
    uv_walk(
        host.loop.get(),
        [](uv_handle_t* handle, void* count) {
          if (!uv_is_closing(handle)) ++*static_cast<int*>(count);
        },
        &handles);
    uv_stop(host.loop.get());
  });
  CHECK(closed == 0);
  CHECK_FALSE(host.cache->is_alive());
  host.loop.run_until([&] { return closed > 0; });
  CHECK(handles == 1);
  host.loop.run_for_turns(10);
  CHECK(closed == 1);
}

TEST_CASE("close with full queues applies everything first") {
  RedisServer server;
  Host host;
  host.open({.address = server.address(), .batch_bytes = 2000, .in_flight_bytes_max = 4000});
  for (std::uint64_t i = 1; i <= 3000; ++i) host.feed(i % 3 == 0 ? reading_frame(i) : role_frame(i));
  bool closed = false;
  host.cache->close([&] {
    closed = true;
    uv_stop(host.loop.get());
  });
  host.loop.run_until(closed);
  host.check_all(Outcome::applied);
  RedisClient client(server.socket_path());
  const Json state = dump(client);
  CHECK(state["6"].size() == 2000);
  CHECK(state["4"]["100"]["value"]["5"]["nick"] == "3000");
}

TEST_CASE("close refuses what comes after it, and ends no completion twice") {
  RedisServer server;
  Host host;
  host.open({.address = server.address()});
  host.feed(role_frame(1));
  bool closed = false;
  host.cache->close([&] {
    closed = true;
    uv_stop(host.loop.get());
  });
  int called = 0;
  const auto refused = [&] {
    const Status status = host.cache->shard().dispatch_frame(role_frame(2), [&](const EventResult&) { ++called; });
    return !status.ok() && status.error().code == Errc::closed_client;
  };
  CHECK(refused());
  host.loop.run_until(closed);
  CHECK(refused());
  host.loop.run_for_turns(10);
  CHECK(called == 0);
  host.check_all(Outcome::applied);
}

TEST_CASE("close while connecting ends open and what was dispatched with closed_client") {
  RedisServer server;
  server.pause();
  Host host;
  host.start({.address = server.address()});
  host.feed(role_frame(1));
  host.feed(reading_frame(2));
  host.loop.run_for_turns(20);
  CHECK(host.opens == 0);
  host.close();
  CHECK(host.opens == 1);
  REQUIRE_FALSE(host.opened.ok());
  CHECK(host.opened.error().code == Errc::closed_client);
  host.check_all_closed();
  for (const auto& ending : host.endings) CHECK_FALSE(ending.error.may_have_run);
  server.resume();
}

TEST_CASE("close right behind open ends both") {
  RedisServer server;
  Host host;
  host.start({.address = server.address()});
  host.close();
  CHECK(host.opens == 1);
  CHECK_FALSE(host.opened.ok());
}

TEST_CASE("close inside on_open, whether that succeeds or fails") {
  RedisServer server;
  TempDirectory directory;
  for (const std::string& address : {server.address(), "unix://" + directory.file("none.sock")}) {
    CAPTURE(address);
    Host host;
    bool closed = false;
    host.on_open = [&] {
      host.cache->close([&] {
        closed = true;
        uv_stop(host.loop.get());
      });
    };
    host.start({.address = address, .open_timeout = 200ms});
    host.feed(role_frame(1));
    host.loop.run_until(closed);
    CHECK(host.opens == 1);
    CHECK(host.endings[0].calls == 1);
    const bool fails = address != server.address();
    CHECK(host.endings[0].outcome == (fails ? Outcome::failed : Outcome::applied));
  }
}

TEST_CASE("close inside a completion and inside a flush") {
  RedisServer server;
  for (const bool in_flush : {false, true}) {
    Host host;
    host.open({.address = server.address()});
    bool closed = false;
    const auto close = [&] {
      if (host.cache->is_alive())
        host.cache->close([&] {
          closed = true;
          uv_stop(host.loop.get());
        });
    };
    if (!in_flush) host.on_ending = close;
    for (std::uint64_t i = 1; i <= 100; ++i) host.feed(i % 3 == 0 ? reading_frame(i) : role_frame(i));
    if (in_flush) host.cache->flush([&](Status) { close(); });
    host.loop.run_until(closed);
    host.check_all(Outcome::applied);
  }
}

TEST_CASE("every close calls back, the later ones not before the first") {
  RedisServer server;
  Host host;
  host.open({.address = server.address()});
  host.feed(role_frame(1));
  std::vector<int> told;
  for (int i = 0; i < 3; ++i) host.cache->close([&told, i] { told.push_back(i); });
  while (told.size() < 3 && host.cache->stats().connections > 0) host.loop.run_for_turns(1);
  host.loop.run_for(50ms);
  CHECK(told == std::vector<int>{0, 1, 2});
  host.check_all(Outcome::applied);
}

TEST_CASE("close on a closed cache calls back as well") {
  RedisServer server;
  Host host;
  host.open({.address = server.address()});
  host.close();
  int closed = 0;
  host.cache->close([&] { ++closed; });
  CHECK(closed == 0);
  host.loop.run_for(50ms);
  CHECK(closed == 1);
}

TEST_CASE("a flush on a closed cache calls back as well") {
  RedisServer server;
  Host host;
  host.open({.address = server.address()});
  host.close();
  int flushed = 0;
  host.cache->flush([&](Status) { ++flushed; });
  CHECK(flushed == 0);
  host.loop.run_for(50ms);
  CHECK(flushed == 1);
}

TEST_CASE("close without a callback closes") {
  RedisServer server;
  Host host;
  host.open({.address = server.address()});
  host.feed(role_frame(1));
  host.cache->close();
  host.loop.run_until([&] { return host.endings[0].calls == 1; });
  host.check_all(Outcome::applied);
}

TEST_CASE("drain_timeout ends what is left with closed_client, each once") {
  RedisServer server;
  Host host;
  CommandProxy proxy(host.loop.get(), server.socket_path());
  host.open({.address = proxy.address(), .batch_bytes = 1000, .in_flight_bytes_max = 2000, .drain_timeout = 200ms});
  host.feed(role_frame(1));
  host.flush();
  proxy.hold_replies();
  // Sent, waiting for room, and waiting in a lane.
  for (std::uint64_t i = 2; i <= 200; ++i) host.feed(i % 3 == 0 ? reading_frame(i) : role_frame(i));
  host.loop.run_for_turns(20);
  bool flushed = false;
  host.cache->flush([&](Status) { flushed = true; });
  const auto begin = std::chrono::steady_clock::now();
  host.close();
  const auto passed = std::chrono::steady_clock::now() - begin;
  CHECK(passed >= 190ms);
  CHECK(passed < 5s);
  CHECK(flushed);
  CHECK(host.order.size() == 200);
  CHECK(host.endings[0].outcome == Outcome::applied);
  int may_have_run = 0;
  for (std::size_t i = 1; i < host.endings.size(); ++i) {
    CHECK(host.endings[i].calls == 1);
    CHECK(host.endings[i].outcome == Outcome::failed);
    CHECK(host.endings[i].error.code == Errc::closed_client);
    may_have_run += host.endings[i].error.may_have_run ? 1 : 0;
  }
  // What was sent may have run, and what was not cannot have.
  CHECK(may_have_run > 0);
  CHECK(may_have_run < 199);
}

TEST_CASE("a drain_timeout of zero waits for nothing") {
  RedisServer server;
  Host host;
  CommandProxy proxy(host.loop.get(), server.socket_path());
  host.open({.address = proxy.address(), .drain_timeout = 0ms});
  proxy.hold_replies();
  for (std::uint64_t i = 1; i <= 20; ++i) host.feed(i % 3 == 0 ? reading_frame(i) : role_frame(i));
  host.close();
  host.check_all_closed();
}

TEST_CASE("a server that is gone does not keep close beyond drain_timeout") {
  RedisServer server;
  Host host;
  host.open({.address = server.address(), .drain_timeout = 200ms});
  server.kill();
  for (std::uint64_t i = 1; i <= 20; ++i) host.feed(i % 3 == 0 ? reading_frame(i) : role_frame(i));
  const auto begin = std::chrono::steady_clock::now();
  host.close();
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
  host.check_all_closed();
}

TEST_CASE("destroying a cache without closing it ends everything with closed_client, once") {
  RedisServer server;
  enum class When { connecting, open, busy, draining };
  for (const When when : {When::connecting, When::open, When::busy, When::draining}) {
    CAPTURE(static_cast<int>(when));
    Host host;
    CommandProxy proxy(host.loop.get(), server.socket_path());
    if (when == When::connecting) {
      host.start({.address = proxy.address()});
    } else {
      host.open({.address = proxy.address()});
    }
    proxy.hold_replies();
    if (when != When::open)
      for (std::uint64_t i = 1; i <= 100; ++i) host.feed(i % 3 == 0 ? reading_frame(i) : role_frame(i));
    host.loop.run_for_turns(5);
    bool closed = false;
    if (when == When::draining) host.cache->close([&] { closed = true; });
    int flushed = 0;
    host.cache->flush([&](Status) { ++flushed; });
    if (when != When::open) CHECK(flushed == 0);
    host.cache.reset();
    host.check_all_closed();
    CHECK(host.opens == 1);
    CHECK(host.opened.ok() == (when != When::connecting));
    host.loop.run_for(50ms);
    CHECK(flushed == 1);
    CHECK(closed == (when == When::draining));
    host.check_all_closed();
  }
}

TEST_CASE("two caches on one loop do not know of each other") {
  RedisServer first_server;
  RedisServer second_server;
  Loop loop;
  struct One {
    std::unique_ptr<Cache> cache;
    bool opened = false;
    bool closed = false;
    int applied = 0;
  } ones[2];
  const std::string addresses[] = {first_server.address(), second_server.address()};
  for (int i = 0; i < 2; ++i) {
    auto made = Cache::open(loop.get(), {.address = addresses[i]}, [&one = ones[i]](Status status) {
      CHECK(status.ok());
      one.opened = true;
    });
    REQUIRE(made.has_value());
    ones[i].cache = std::move(made).value();
  }
  const auto feed = [](One& one, std::uint64_t sequence) {
    return one.cache->shard().dispatch_frame(role_frame(sequence), [&one](const EventResult& result) {
      if (result.outcome == Outcome::applied) ++one.applied;
    });
  };
  for (std::uint64_t i = 1; i <= 100; ++i) {
    CHECK(feed(ones[0], i).ok());
    if (i <= 50) CHECK(feed(ones[1], i).ok());
  }
  while (ones[0].applied < 100 || ones[1].applied < 50) loop.run_for_turns(1);
  ones[0].cache->close([&] { ones[0].closed = true; });
  while (!ones[0].closed) loop.run_for_turns(1);
  CHECK_FALSE(ones[0].cache->is_alive());
  CHECK(ones[1].cache->is_alive());
  ones[0].cache.reset();
  CHECK(feed(ones[1], 51).ok());
  while (ones[1].applied < 51) loop.run_for_turns(1);
  RedisClient first(first_server.socket_path());
  RedisClient second(second_server.socket_path());
  CHECK(dump(first)["6"].size() == 100);
  CHECK(dump(second)["6"].size() == 51);
  ones[1].cache->close([&] { ones[1].closed = true; });
  while (!ones[1].closed) loop.run_for_turns(1);
}

TEST_CASE("a cache can be opened again and again on one loop") {
  RedisServer server;
  Host host;
  for (int i = 0; i < 10; ++i) {
    host.opens = 0;
    host.open({.address = server.address()});
    host.feed(role_frame(1));
    host.flush();
    if (i % 2 == 0) host.close();
    host.cache.reset();
  }
  host.check_all(Outcome::applied);
}

}  // namespace
}  // namespace sake::test
