#pragma once

// A loop, a redis-server and a cache on it, for tests that feed events and look at what Redis holds afterwards.
//
//   CacheFixture fixture(Options{.policies = {.harvest_members = HarvestPolicy::on}});
//   fixture.client.command("SET", ...);                        // Before the cache is opened, if need be.
//   CHECK(fixture.apply("GUILD_DELETE", {{"id", "100"}}) == Outcome::applied);
//   CHECK(fixture.json_at(1, "100").is_null());

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "sake/sake.h"

#include "support/loop.h"
#include "support/redis_client.h"
#include "support/redis_server.h"

namespace sake::test {

/// How a fed event ended. Equal to an Outcome by its own, so that a failed comparison shows the reason.
struct Ending {
  bool told = false;  ///< The completion has been called.
  Outcome outcome = Outcome::failed;
  std::string event;
  std::string reason;
  std::string error;        ///< As describe() gives it; empty unless rejected or failed.
  std::uint64_t place = 0;  ///< 1 for the first event that ended, 2 for the next, ...

  bool ignored_as(std::string_view why) const { return told && outcome == Outcome::ignored && reason == why; }
  friend bool operator==(const Ending& ending, Outcome outcome) { return ending.told && ending.outcome == outcome; }
  friend std::ostream& operator<<(std::ostream& out, const Ending& ending);
};

class CacheFixture {
 public:
  /// Starts the server. The cache is opened by open() or by the first call that needs it. Unless the options say
  /// otherwise, its address is the server's, its log goes to `logged`, and its event_clock returns `event_time`.
  explicit CacheFixture(Options options = {}, RedisServerOptions server_options = {});

  /// The cache is ended first, and with it whatever is pending.
  ~CacheFixture() = default;
  CacheFixture(const CacheFixture&) = delete;
  CacheFixture& operator=(const CacheFixture&) = delete;

  /// Opens the cache and runs until it says so; fails the test when it cannot be opened.
  void open();
  /// Closes it in order and runs until its handles are closed. It can be opened again with other options.
  void close();
  void reopen(Options options);

  Cache& cache();
  /// shard 0 of 1 unless the test has chosen another by shard(id, count).
  Shard& shard();
  Shard& shard(std::uint32_t id, std::uint32_t count);

  /// Dispatches a whole frame, or its parts, and returns at once; the ending is filled in when it is told and stays
  /// where it is. Fails the test when the event is not admitted.
  const Ending& feed(std::string_view frame);
  const Ending& feed_event(std::string_view t, const nlohmann::json& d, std::optional<std::uint64_t> s = std::nullopt);

  /// The same, then flush(); the ending is there.
  const Ending& apply_frame(std::string_view frame);
  const Ending& apply(std::string_view t, const nlohmann::json& d, std::optional<std::uint64_t> s = std::nullopt);

  /// The frame of an event as the gateway sends it.
  static std::string frame(std::string_view t, const nlohmann::json& d, std::optional<std::uint64_t> s = std::nullopt);

  /// Runs until everything dispatched so far has its outcome. What an event starts in the background (reconciling,
  /// scrubbing, adopting) is part of it.
  void flush();

  /// Runs until nothing is unsent or unanswered: behind the events the cache may have sent something of its own. Fails
  /// the test when bytes stay.
  void run_until_answered();

  // --- What Redis holds. Run flush() or apply() first.

  /// The whole of it; see dump().
  nlohmann::json state(const DumpOptions& options = {.lifetimes = Lifetimes::left_out});

  /// The JSON of a string key, or of a field of a hash; null when it is not there.
  nlohmann::json json_at(int database, std::string_view key);
  nlohmann::json field_at(int database, std::string_view key, std::string_view field);
  /// The members of a set, or the fields of a hash, or the members of a sorted set by score; empty when it is not
  /// there.
  std::vector<std::string> members_of(int database, std::string_view key);
  bool exists(int database, std::string_view key);
  /// PTTL: -1 without a lifetime, -2 without a key.
  std::int64_t lifetime_ms(int database, std::string_view key);

  /// Writes directly, as another process would.
  void put(int database, std::string_view key, const nlohmann::json& value);
  void put_field(int database, std::string_view key, std::string_view field, const nlohmann::json& value);
  void put_members(int database, std::string_view key, std::initializer_list<std::string_view> members);

  // --- Counters.

  Stats stats() { return cache().stats(); }
  /// Commands sent since the cache was opened or since the last call of this function.
  std::uint64_t commands_sent();
  EventStats event_stats(std::string_view event);
  ResourceStats resource_stats(Resource resource);

  /// From now on the server remembers the commands it runs, and commands_run() gives those of the cache, oldest first:
  /// {"HSET", "100", "5", ...}. Long arguments are cut off by the server. Reads of a connection's greeting are among
  /// them.
  void watch_commands();
  std::vector<std::vector<std::string>> commands_run();

  /// Options that still hold this address get the server's.
  static constexpr std::string_view default_address = "redis://127.0.0.1:6379";

  std::int64_t event_time = 1'700'000'000'000;  ///< Milliseconds since 1970; the default event_clock.
  std::vector<std::string> logged;              ///< "warning: ...", in order.

  Loop loop;
  RedisServer server;
  RedisClient client;  ///< In database 0 unless the test selects another; the functions above return it there.

 private:
  void take_options(Options options);
  void wake();

  std::deque<Ending> endings_;
  std::uint64_t ended_ = 0;
  std::uint64_t commands_seen_ = 0;
  Options options_;
  Shard* shard_ = nullptr;
  std::unique_ptr<Cache> cache_;
};

}  // namespace sake::test

/// Lists of ids, as members_of() gives them.
template <>
struct doctest::StringMaker<std::vector<std::string>> {
  static String convert(const std::vector<std::string>& values) { return nlohmann::json(values).dump().c_str(); }
};
