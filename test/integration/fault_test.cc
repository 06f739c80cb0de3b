// What is left after the network or the server has failed in the middle of a log: the same as without the fault, with
// every event applied. The log is generated, so a run is the same each time up to where the fault strikes.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"
#include "support/gateway_log.h"
#include "support/memory.h"
#include "support/proxy.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr Direction directions[] = {Direction::to_server, Direction::to_client};

constexpr std::size_t index(Direction direction) { return static_cast<std::size_t>(direction); }

std::string_view name_of(Direction direction) { return direction == Direction::to_server ? "to server" : "to client"; }

/// A few thousand events of every kind, READY, guilds and leaves among them.
const std::vector<std::string>& frames() {
  static const std::vector<std::string> made = generate({.seed = 9, .guilds = 2, .members = 4, .frames = 2000});
  return made;
}

/// Small enough that the conversation is many flushes, and an answer is always under way. An index by expiry holds
/// times, which differ between two runs, so nothing in one expires.
Options small_batches() {
  return {.invite_expire = Lifetime::never,
          .batch_bytes = 4096,
          .in_flight_bytes_max = 16'384,
          .backoff_first = 5ms,
          .backoff_max = 40ms};
}

/// Feeds the log to the cache of a fixture, some frames in each turn of its loop.
class Feeder {
 public:
  enum class Pace {
    flushing,   ///< Waits for everything now and then, so that each run is the same conversation, nearly to the byte.
    unchecked,  ///< Waits for nothing.
  };

  explicit Feeder(CacheFixture& fixture, Pace pace = Pace::unchecked) : fixture_(fixture), pace_(pace) {}

  /// So many frames of the log more, or what is left of it.
  void feed(std::size_t count) {
    const std::size_t end = std::min(offered_ + count, frames().size());
    while (offered_ < end) {
      offer(frames()[offered_++]);
      if (pace_ == Pace::flushing && offered_ % frames_per_flush == 0) {
        fixture_.flush();
      } else if (offered_ % frames_per_turn == 0) {
        fixture_.loop.run_for_turns(1);
      }
    }
  }

  /// The rest of the log; then everything has its outcome, and none is a failure.
  void finish() {
    feed(frames().size());
    fixture_.flush();
    CHECK(ended_ == offered_);
    CHECK_MESSAGE(failed_ == 0, failure_);
    fixture_.run_until_answered();
  }

  std::size_t ended() const { return ended_; }

 private:
  static constexpr std::size_t frames_per_turn = 40;
  static constexpr std::size_t frames_per_flush = 200;

  void offer(std::string_view frame) {
    const Status status = fixture_.shard().dispatch_frame(frame, [this](const EventResult& result) {
      ++ended_;
      if (result.outcome != Outcome::failed) return;
      ++failed_;
      failure_ = std::string(result.event) + ": " + describe(*result.error);
    });
    if (!status) FAIL(describe(status.error()));
  }

  CacheFixture& fixture_;
  Pace pace_;
  std::size_t offered_ = 0;
  std::size_t ended_ = 0;
  std::size_t failed_ = 0;
  std::string failure_;
};

/// One server for many runs of the log, and what a run without a fault leaves in it.
struct Runs {
  explicit Runs(RedisServerOptions options = {}) : fixture({}, std::move(options)) {
    Proxy proxy(fixture.loop.get(), fixture.server.socket_path());
    begin(proxy.address());
    for (const Direction direction : directions) opening_bytes[index(direction)] = proxy.bytes_forwarded(direction);
    Feeder feeder(fixture, Feeder::Pace::flushing);
    feeder.finish();
    for (const Direction direction : directions) bytes[index(direction)] = proxy.bytes_forwarded(direction);
    connections = proxy.connections();
    expected = fixture.state();
    fixture.close();
  }

  /// Empties the server and opens a cache that reaches it at this address.
  void begin(const std::string& address, Options options = small_batches()) {
    fixture.client.command("FLUSHALL");
    options.address = address;
    fixture.reopen(std::move(options));
  }

  /// The place of a fault. Runs differ by some answers, so that the last places are a little in front of the end.
  std::size_t place(Direction direction, std::size_t number, std::size_t places) const {
    return bytes[index(direction)] * number / (places + places / 50 + 1);
  }

  /// Runs until this many links that were in use have ended since the cache was opened.
  void run_until_lost(std::uint64_t links) {
    fixture.loop.run_until([&] { return fixture.stats().connections_lost >= links; });
  }
  void run_until_reconnected() {
    fixture.loop.run_until([&] { return fixture.stats().connections == connections; });
  }

  void check_state() {
    const Json state = fixture.state();
    if (state != expected) CHECK(diff(state, expected) == "");
  }

  CacheFixture fixture;
  Json expected;
  std::size_t opening_bytes[2] = {0, 0};  ///< Of the conversation up to on_open, in each direction.
  std::size_t bytes[2] = {0, 0};          ///< Of all of it.
  std::size_t connections = 0;
};

/// 400 runs for each kind of socket take minutes, so they are for those who ask for them.
bool is_full() {
  const char* full = std::getenv("SAKE_FULL");
  return full != nullptr && std::string_view(full) == "1";
}

// ------------------------------------------------------------------------------------------------------ Lost links

/// Ends a link at every 200th of what goes each way.
void check_cuts(Proxy::Listen listen) {
  constexpr std::size_t places = 200;
  const std::size_t step = is_full() ? 1 : 20;
  Runs runs;
  std::size_t cuts = 0;
  std::uint64_t links_lost = 0;
  for (const Direction direction : directions) {
    for (std::size_t number = step / 2; number < places; number += step) {
      const std::size_t at = runs.place(direction, number, places);
      CAPTURE(name_of(direction));
      CAPTURE(at);
      Proxy proxy(runs.fixture.loop.get(), runs.fixture.server.socket_path(), listen);
      proxy.plan({.fault = Fault::reset, .direction = direction, .after = at});
      runs.begin(proxy.address());
      Feeder feeder(runs.fixture, Feeder::Pace::flushing);
      feeder.finish();
      CHECK(proxy.faults() == 1);
      runs.run_until_reconnected();
      CHECK(proxy.connections() == runs.connections + 1);
      runs.check_state();
      cuts += proxy.faults();
      links_lost += runs.fixture.stats().connections_lost;
      runs.fixture.close();
    }
  }
  MESSAGE(cuts << " links were cut, " << links_lost << " of them in use");
  CHECK(cuts == 2 * places / step);
  CHECK(links_lost > cuts * 9 / 10);  // The others had not been greeted yet.
}

TEST_CASE("a link that ends at any byte of either direction changes nothing: Unix socket") {
  check_cuts(Proxy::Listen::unix_socket);
}

TEST_CASE("a link that is reset at any byte of either direction changes nothing: TCP") {
  check_cuts(Proxy::Listen::tcp);
}

TEST_CASE("a link that ends while it is being opened changes nothing") {
  Runs runs;
  const std::size_t places = is_full() ? 100 : 3;
  for (const Proxy::Listen listen : {Proxy::Listen::unix_socket, Proxy::Listen::tcp}) {
    for (const Direction direction : directions) {
      for (std::size_t number = 0; number < places; ++number) {
        const std::size_t at = runs.opening_bytes[index(direction)] * number / places;
        CAPTURE(name_of(direction));
        CAPTURE(at);
        Proxy proxy(runs.fixture.loop.get(), runs.fixture.server.socket_path(), listen);
        proxy.plan({.fault = Fault::reset, .direction = direction, .after = at});
        runs.begin(proxy.address());
        CHECK(proxy.faults() == 1);
        Feeder feeder(runs.fixture);
        feeder.finish();
        runs.check_state();
        runs.fixture.close();
      }
    }
  }
}

TEST_CASE("links that end behind a reply, in order, again and again, change nothing") {
  Runs runs;
  for (const Proxy::Listen listen : {Proxy::Listen::unix_socket, Proxy::Listen::tcp}) {
    Proxy proxy(runs.fixture.loop.get(), runs.fixture.server.socket_path(), listen);
    runs.begin(proxy.address());
    Feeder feeder(runs.fixture);
    for (std::size_t i = 0; i < 10; ++i) {
      proxy.plan(
          {.fault = Fault::end, .direction = Direction::to_client, .after = 20 + i, .unit = FaultPlan::Unit::values});
      feeder.feed(150);
      runs.fixture.loop.run_until([&] { return proxy.faults() == i + 1; });
    }
    feeder.finish();
    // Each was replaced, also one that ended while it was being greeted, which is none that was lost.
    runs.fixture.loop.run_until([&] { return proxy.connections() == runs.connections + 10; });
    runs.run_until_reconnected();
    CHECK(runs.fixture.stats().connections_lost > 0);
    runs.check_state();
    runs.fixture.close();
  }
}

TEST_CASE("what a cut link had under way and the server gets when newer writes are acknowledged changes nothing") {
  Runs runs;
  const std::size_t places = is_full() ? 100 : 6;
  for (const Proxy::Listen listen : {Proxy::Listen::unix_socket, Proxy::Listen::tcp}) {
    std::size_t late_bytes = 0;
    for (std::size_t number = 0; number < places; ++number) {
      const std::size_t at = runs.place(Direction::to_server, 2 * number + 1, 2 * places);
      CAPTURE(at);
      Proxy proxy(runs.fixture.loop.get(), runs.fixture.server.socket_path(), listen);
      proxy.plan({.fault = Fault::strand, .direction = Direction::to_server, .after = at});
      runs.begin(proxy.address());
      Feeder feeder(runs.fixture, Feeder::Pace::flushing);
      feeder.finish();
      runs.run_until_reconnected();
      CHECK(proxy.faults() == 1);
      late_bytes += proxy.stranded_bytes();
      proxy.deliver_stranded();
      runs.fixture.loop.run_until([&] { return proxy.open_connections() == runs.connections; });
      // The server looks at everybody in each of its turns, so what came before the first of these is done.
      for (int i = 0; i < 2; ++i) runs.fixture.client.command("PING");
      runs.check_state();
      runs.fixture.close();
    }
    MESSAGE(late_bytes << " bytes came late");
    CHECK(late_bytes > 1000 * places);
  }
}

TEST_CASE("pieces of a few bytes and answers that are held up change nothing, and end no link") {
  Runs runs;
  for (const Proxy::Listen listen : {Proxy::Listen::unix_socket, Proxy::Listen::tcp}) {
    for (const Direction direction : directions) {
      CAPTURE(name_of(direction));
      Proxy proxy(runs.fixture.loop.get(), runs.fixture.server.socket_path(), listen);
      runs.begin(proxy.address());
      Feeder feeder(runs.fixture);
      std::size_t faults = 0;
      for (const std::size_t piece_bytes : {5, 100, 1000}) {
        proxy.plan(
            {.fault = Fault::split, .direction = direction, .after = 5000 + piece_bytes, .piece_bytes = piece_bytes});
        feeder.feed(300);
        runs.fixture.loop.run_until([&] { return proxy.faults() == faults + 1; });
        proxy.plan({.fault = Fault::stall, .direction = direction, .after = 3000 + piece_bytes, .stall_for = 30ms});
        feeder.feed(300);
        runs.fixture.loop.run_until([&] { return proxy.faults() == faults + 2; });
        faults += 2;
      }
      feeder.finish();
      CHECK(runs.fixture.stats().connections_lost == 0);
      CHECK(proxy.connections() == runs.connections);
      runs.check_state();
      runs.fixture.close();
    }
  }
}

// ------------------------------------------------------------------------------------------------ Silence and refusal

constexpr auto short_timeout = 100ms;

Options impatient() {
  Options options = small_batches();
  options.command_timeout = options.connect_timeout = short_timeout;
  return options;
}

TEST_CASE("a direction that is silent for longer than command_timeout changes nothing, also when it speaks again") {
  Runs runs;
  for (const Proxy::Listen listen : {Proxy::Listen::unix_socket, Proxy::Listen::tcp}) {
    for (const Direction direction : directions) {
      CAPTURE(name_of(direction));
      Proxy proxy(runs.fixture.loop.get(), runs.fixture.server.socket_path(), listen);
      runs.begin(proxy.address(), impatient());
      Feeder feeder(runs.fixture);
      for (std::size_t i = 0; i < 4; ++i) {
        proxy.plan({.fault = Fault::stall, .direction = direction, .after = 10'000});
        feeder.feed(300);
        runs.run_until_lost(i + 1);
        CHECK(proxy.faults() == i + 1);
        // Newer writes are acknowledged, then what the old link has under way goes on.
        feeder.feed(100);
        const std::size_t ended = feeder.ended();
        runs.fixture.loop.run_until([&] { return feeder.ended() > ended + 50; });
        proxy.resume();
      }
      feeder.finish();
      runs.check_state();
      runs.fixture.close();
    }
  }
}

TEST_CASE("a server that stands still for longer than command_timeout changes nothing") {
  Runs runs;
  runs.begin(runs.fixture.server.address(), impatient());
  Feeder feeder(runs.fixture);
  for (int i = 0; i < 4; ++i) {
    feeder.feed(100);
    const std::uint64_t lost = runs.fixture.stats().connections_lost;
    runs.fixture.server.pause();
    feeder.feed(200);
    runs.run_until_lost(lost + 1);
    feeder.feed(100);
    runs.fixture.server.resume();
    const std::size_t ended = feeder.ended();
    runs.fixture.loop.run_until([&] { return feeder.ended() > ended; });
  }
  feeder.finish();
  runs.check_state();
}

TEST_CASE("clients that the server pauses for longer than command_timeout lose nothing") {
  Runs runs;
  runs.begin(runs.fixture.server.address(), impatient());
  Feeder feeder(runs.fixture);
  for (const std::string_view kind : {"WRITE", "ALL", "WRITE", "ALL"}) {
    CAPTURE(kind);
    feeder.feed(100);
    const std::uint64_t lost = runs.fixture.stats().connections_lost;
    // Nobody could end a pause of all clients: it ends by itself.
    runs.fixture.client.command("CLIENT", "PAUSE", kind == "ALL" ? "400" : "60000", kind);
    feeder.feed(200);
    runs.run_until_lost(lost + 1);
    feeder.feed(100);
    if (kind == "WRITE") runs.fixture.client.command("CLIENT", "UNPAUSE");
    const std::size_t ended = feeder.ended();
    runs.fixture.loop.run_until([&] { return feeder.ended() > ended; });
  }
  feeder.finish();
  runs.check_state();
}

TEST_CASE("a server that refuses connections for a while loses nothing") {
  Runs runs;
  for (const Proxy::Listen listen : {Proxy::Listen::unix_socket, Proxy::Listen::tcp}) {
    Proxy proxy(runs.fixture.loop.get(), runs.fixture.server.socket_path(), listen);
    runs.begin(proxy.address());
    Feeder feeder(runs.fixture);
    for (int i = 0; i < 3; ++i) {
      feeder.feed(300);
      proxy.refuse(true);
      proxy.cut();
      feeder.feed(300);
      const std::size_t ended = feeder.ended();
      runs.fixture.loop.run_for(150ms);  // Several attempts of each connection fail meanwhile.
      CHECK(feeder.ended() == ended);
      proxy.refuse(false);
      runs.run_until_reconnected();
    }
    feeder.finish();
    runs.check_state();
    runs.fixture.close();
  }
}

// ------------------------------------------------------------------------------------------------------- The server

TEST_CASE("a server that is killed and comes back with all it acknowledged has what an undisturbed one has") {
  Runs runs({.arguments = {"--appendonly", "yes", "--appendfsync", "always"}});
  runs.begin(runs.fixture.server.address());
  Feeder feeder(runs.fixture);
  for (int i = 0; i < 5; ++i) {
    runs.run_until_reconnected();
    feeder.feed(200);
    const std::size_t ended = feeder.ended();
    runs.fixture.loop.run_until([&] { return feeder.ended() > ended; });
    runs.fixture.server.kill();
    feeder.feed(100);
    runs.fixture.server.start();
  }
  runs.fixture.client = RedisClient(runs.fixture.server.socket_path());
  feeder.finish();
  CHECK(runs.fixture.stats().connections_lost >= 5 * runs.connections);
  runs.check_state();
}

TEST_CASE("a server that has no memory left for a while loses nothing, though it still deletes") {
  Runs runs;
  runs.begin(runs.fixture.server.address());
  Feeder feeder(runs.fixture);
  std::uint64_t retries = 0;
  for (int i = 0; i < 4; ++i) {
    feeder.feed(200);
    runs.fixture.client.command("CONFIG", "SET", "maxmemory", "1");
    feeder.feed(200);
    const auto count = [&] {
      std::uint64_t sum = 0;
      for (const DatabaseStats& database : runs.fixture.stats().databases) sum += database.retries;
      return sum;
    };
    runs.fixture.loop.run_until([&] { return count() > retries + 3; });
    runs.fixture.client.command("CONFIG", "SET", "maxmemory", "0");
    retries = count();
    runs.fixture.flush();
  }
  feeder.finish();
  CHECK(runs.fixture.stats().connections_lost == 0);
  runs.check_state();
}

TEST_CASE("a replica that takes over has everything, and what the old master refuses goes to it") {
  const std::string at_once = "repl-diskless-sync-delay 0";
  Runs runs({.tcp = true, .configuration = {at_once}});
  RedisServer& first = runs.fixture.server;
  RedisServer second({.tcp = true, .configuration = {at_once, "replicaof 127.0.0.1 " + std::to_string(first.port())}});
  RedisClient second_client(second.socket_path());
  const auto wait_for = [&](RedisClient& client, std::string_view text) {
    // Nobody tells the loop.
    const auto has = [&] { return client.command("INFO", "replication").text.find(text) != text.npos; };
    for (int i = 0; i < 1000 && !has(); ++i) runs.fixture.loop.run_for(10ms);
    REQUIRE(has());
  };
  wait_for(second_client, "master_link_status:up");

  // What a name would resolve to: first the one, then the other.
  Proxy proxy(runs.fixture.loop.get(), first.socket_path(), Proxy::Listen::tcp);
  runs.begin(proxy.address());
  Feeder feeder(runs.fixture);
  feeder.feed(600);
  proxy.lead_to(second.socket_path());
  // Redis hands over when the replica has all that was acknowledged.
  CHECK(runs.fixture.client.command("FAILOVER").text == "OK");
  feeder.feed(300);
  wait_for(second_client, "role:master");
  feeder.feed(300);
  runs.fixture.flush();
  CHECK(runs.fixture.stats().connections_lost > 0);

  const std::uint64_t lost = runs.fixture.stats().connections_lost;
  wait_for(runs.fixture.client, "master_link_status:up");
  proxy.lead_to(first.socket_path());
  CHECK(second_client.command("FAILOVER").text == "OK");
  feeder.feed(300);
  wait_for(runs.fixture.client, "role:master");
  feeder.finish();
  CHECK(runs.fixture.stats().connections_lost > lost);
  runs.check_state();
}

TEST_CASE("while a permission is missing exactly the events that need it fail, and exactly their guilds are dirty") {
  CacheFixture fixture({}, {.configuration = {"user alice on >secret ~* &* +@all"}});
  fixture.reopen({.address = "unix://alice:secret@" + fixture.server.socket_path()});
  const auto member = [&](int guild) -> const Ending& {
    return fixture.feed_event("GUILD_MEMBER_ADD",
                              {{"guild_id", std::to_string(guild)}, {"user", {{"id", "5"}, {"username", "u"}}}});
  };
  const auto role = [&](int guild) -> const Ending& {
    return fixture.feed_event("GUILD_ROLE_CREATE",
                              {{"guild_id", std::to_string(guild)}, {"role", {{"id", "7"}, {"name", "r"}}}});
  };
  for (int guild = 100; guild < 120; ++guild) member(guild), role(guild);
  fixture.flush();
  CHECK(fixture.cache().dirty_guilds().empty());

  fixture.client.command("ACL", "SETUSER", "alice", "-hset");
  std::vector<const Ending*> refused;
  std::vector<const Ending*> applied;
  std::vector<std::uint64_t> guilds;
  for (int guild = 100; guild < 120; guild += 3) {
    applied.push_back(&role(guild));
    refused.push_back(&member(guild));
    applied.push_back(&role(guild));
    applied.push_back(&role(guild + 1));
    guilds.push_back(static_cast<std::uint64_t>(guild));
  }
  fixture.flush();
  fixture.client.command("ACL", "SETUSER", "alice", "+hset");
  for (const Ending* ending : refused) {
    CHECK(*ending == Outcome::failed);
    CHECK(ending->error.find("NOPERM") != std::string::npos);
  }
  for (int guild = 100; guild < 120; ++guild) applied.push_back(&member(guild));
  fixture.flush();
  for (const Ending* ending : applied) CHECK(*ending == Outcome::applied);
  CHECK(fixture.cache().dirty_guilds() == guilds);
  CHECK(fixture.event_stats("GUILD_MEMBER_ADD").failed == refused.size());
  CHECK(fixture.stats().connections_lost == 0);
}

// ---------------------------------------------------------------------------------------------------------- Memory

TEST_CASE("while the server stands still memory stays bounded whatever is offered, and nothing is lost") {
  constexpr std::size_t pending_bytes_max = std::size_t{4} << 20;
  constexpr std::size_t content_bytes = std::size_t{64} << 10;
  constexpr std::size_t frame_bytes = content_bytes + 500;
  constexpr std::uint64_t messages = 1100;
  static_assert(messages * content_bytes > std::size_t{64} << 20);
  const auto frame = [](std::uint64_t sequence) {
    return R"({"t":"MESSAGE_CREATE","s":)" + std::to_string(sequence) + R"(,"op":0,"d":{"id":")" +
           std::to_string(10'000 + sequence) + R"(","channel_id":"7","guild_id":"100","content":")" +
           std::string(content_bytes, static_cast<char>('a' + sequence % 26)) + "\"}}";
  };

  CacheFixture fixture({.pending_bytes_max = pending_bytes_max});
  fixture.open();
  std::uint64_t next = 1;
  std::uint64_t applied = 0;
  std::uint64_t refused = 0;
  bool has_room = true;
  fixture.cache().on_capacity([&] { has_room = true; });
  const auto offer = [&] {
    const Status status = fixture.shard().dispatch_frame(frame(next), [&](const EventResult& result) {
      if (result.outcome == Outcome::applied) ++applied;
    });
    if (status) {
      ++next;
      return;
    }
    ++refused;
    has_room = false;
    if (status.error().code != Errc::over_capacity) FAIL(describe(status.error()));
  };

  // Buffers that are kept have their size before the measuring begins.
  fixture.server.pause();
  while (has_room) offer();
  fixture.server.resume();
  fixture.flush();
  fixture.loop.run_until(has_room);

  const std::size_t resident_before = resident_bytes();
  std::size_t resident_max = 0;
  std::size_t pending_max = 0;
  const auto measure = [&] {
    resident_max = std::max(resident_max, resident_bytes());
    pending_max = std::max(pending_max, fixture.stats().pending_bytes);
  };

  fixture.server.pause();
  const std::uint64_t first = next;
  for (std::uint64_t i = 0; i < messages; ++i) {
    offer();
    fixture.loop.run_for_turns(1);
    measure();
  }
  CHECK(next - first < pending_bytes_max / content_bytes + 2);
  CHECK(refused > messages - 100);
  CHECK_FALSE(has_room);

  fixture.server.resume();
  while (next <= messages) {
    fixture.loop.run_until(has_room);
    offer();
    measure();
  }
  fixture.flush();

  CHECK(pending_max < pending_bytes_max + frame_bytes + 1000);
  if (measures_memory) CHECK(resident_max < resident_before + pending_bytes_max);
  MESSAGE("resident: " << resident_before / 1024 << " KiB before, " << resident_max / 1024 << " KiB at most");
  CHECK(applied == messages);
  fixture.run_until_answered();
  fixture.client.select(10);
  CHECK(fixture.client.command("DBSIZE").integer == static_cast<std::int64_t>(messages));
  for (std::uint64_t sequence : {std::uint64_t{1}, first, first + 70, messages}) {
    const Reply stored = fixture.client.command("GET", std::to_string(10'000 + sequence));
    CHECK(Json::parse(stored.text)["content"] == std::string(content_bytes, static_cast<char>('a' + sequence % 26)));
  }
}

}  // namespace
}  // namespace sake::test
