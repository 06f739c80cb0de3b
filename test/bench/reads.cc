// reads: how long the host waits for an entity: at rest, beside a log that another process feeds at full speed into the
// same server, and beside one that the reading process feeds itself, whose loop is busy with it then.

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>

#include "commands.h"
#include "engine.h"
#include "feeder.h"
#include "meter.h"
#include "payloads.h"
#include "support/redis_server.h"

namespace sake::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double p50_ratio_max = 3;
constexpr std::size_t members = 1000;

/// What a host has at a time when its gateway is busy.
constexpr std::size_t host_turn_bytes = 16u << 10;

[[noreturn]] void fail(const Error& error) { throw std::runtime_error(describe(error)); }

struct Found {
  Samples latencies;  ///< Microseconds.
  double seconds = 0;
};

/// Reads for so many seconds; `turn` runs the loop a little.
class Reader {
 public:
  Reader(Engine& engine, double seconds, std::function<void()> turn)
      : engine_(engine), seconds_(seconds), turn_(std::move(turn)) {}

  /// Members one by one, so many at any time.
  Found get_members(std::size_t outstanding) {
    Found found;
    std::size_t asked = 0;
    std::size_t open = 0;
    const Clock::time_point began = Clock::now();
    std::function<void()> ask = [&] {
      ++open;
      const std::uint64_t user = user_id(asked++ % members);
      engine_.cache().get_member(guild_id(0), user).then([&, since = Clock::now()](Result<Member> member) {
        if (!member) fail(member.error());
        found.latencies.add(micros_since(since));
        --open;
        if (!is_over(began)) ask();
      });
    };
    while (open < outstanding) ask();
    while (open != 0) turn_();
    found.seconds = micros_since(began) / 1e6;
    return found;
  }

  /// Walks over all members of the guild, again and again; a latency is that of a walk.
  Found walk() {
    Found found;
    const Clock::time_point began = Clock::now();
    while (!is_over(began) || found.latencies.size() == 0) {
      std::size_t seen = 0;
      bool has_ended = false;
      const Clock::time_point since = Clock::now();
      auto iterator = engine_.cache().iter_members_for_guild(guild_id(0));
      iterator
          .for_each([&](Member&) {
            ++seen;
            return true;
          })
          .then([&](const Status& status) {
            if (!status) fail(status.error());
            has_ended = true;
          });
      while (!has_ended) turn_();
      if (seen != members) throw std::runtime_error("a walk over members has seen " + std::to_string(seen));
      found.latencies.add(micros_since(since));
    }
    found.seconds = micros_since(began) / 1e6;
    return found;
  }

 private:
  static double micros_since(Clock::time_point since) {
    return std::chrono::duration<double, std::micro>(Clock::now() - since).count();
  }
  bool is_over(Clock::time_point began) const { return micros_since(began) >= seconds_ * 1e6; }

  Engine& engine_;
  const double seconds_;
  const std::function<void()> turn_;
};

/// What one way of reading takes in one situation, over the runs.
struct Latencies {
  Samples p50, p99, p999, per_second;

  void add(const Found& found) {
    p50.add(found.latencies.median());
    p99.add(found.latencies.quantile(0.99));
    p999.add(found.latencies.quantile(0.999));
    per_second.add(static_cast<double>(found.latencies.size()) / found.seconds);
  }
};

constexpr std::size_t outstanding_reads[] = {1, 16, 256};

struct Situation {
  const char* name;
  Latencies gets[std::size(outstanding_reads)];
  Latencies walks;
  Samples fed_per_second = {};  ///< Frames of the log meanwhile.
};

class Bench {
 public:
  explicit Bench(const Settings& settings)
      : seconds_(settings.scaled(0.5, 0.01)),
        log_(make_log(settings)),
        feeder_(server_.address(), log_),
        engine_(loop_, engine_options(server_.address())) {
    engine_.feed(Frames{guild_create(0, 0, members)});
    Reader(engine_, 0, [this] { wait(); }).get_members(256);  // Opens the connections for reads.
  }

  void measure(Report& report) {
    {
      const Meter meter(server_.pid());
      read(at_rest, [this] { wait(); });
      report.add_load(meter.read().other_cores);
    }
    const std::uint64_t fed_before = feeder_.fed();
    feeder_.go();
    // It has begun.
    while (feeder_.fed() == fed_before) Reader(engine_, seconds_ / 10, [this] { wait(); }).get_members(1);
    fed_ = [this] { return feeder_.fed(); };
    read(beside_another, [this] { wait(); });
    feeder_.pause();
    fed_ = [this] { return fed_here_; };
    read(beside_own, [this] { feed_some(); });
    engine_.feed({});  // Until all of it has its outcome.
  }

  Situation at_rest{"at rest", {}, {}};
  Situation beside_another{"beside the log of another process", {}, {}};
  Situation beside_own{"beside a log in the same process", {}, {}};

 private:
  static Log make_log(const Settings& settings) {
    Log log = generate_log("beside", settings.size);
    remove_sequences(log.steady);
    return log;
  }

  void read(Situation& situation, const std::function<void()>& turn) {
    Reader reader(engine_, seconds_, turn);
    const std::uint64_t fed_before = fed_();
    const Clock::time_point since = Clock::now();
    for (std::size_t i = 0; i < std::size(outstanding_reads); ++i)
      situation.gets[i].add(reader.get_members(outstanding_reads[i]));
    situation.walks.add(reader.walk());
    situation.fed_per_second.add(static_cast<double>(fed_() - fed_before) /
                                 std::chrono::duration<double>(Clock::now() - since).count());
  }

  void wait() { uv_run(loop_.get(), UV_RUN_ONCE); }

  void feed_some() {
    if (next_ == log_.steady.size()) next_ = 0;
    const std::size_t fed =
        engine_.feed_a_turn(std::span<const std::string>(log_.steady).subspan(next_), host_turn_bytes).frames;
    next_ += fed;
    fed_here_ += fed;
  }

  const double seconds_;
  const Log log_;
  test::RedisServer server_;
  Feeder feeder_;  ///< Before there is a loop in this process.
  Loop loop_;
  Engine engine_;
  std::size_t next_ = 0;
  std::uint64_t fed_here_ = 0;
  std::function<std::uint64_t()> fed_ = [] { return 0; };
};

void print(const std::string& name, const Latencies& latencies, Report& report) {
  report.figure(name + ", p50", "us", latencies.p50);
  report.figure(name + ", p99", "us", latencies.p99);
  report.figure(name + ", p99.9", "us", latencies.p999);
  report.figure(name + ", per second", "", latencies.per_second);
}

void print(const Situation& situation, const Situation& rest, std::optional<Bound> bound, Report& report) {
  report.begin(situation.name);
  for (std::size_t i = 0; i < std::size(outstanding_reads); ++i) {
    const std::string name = "get_member, " + std::to_string(outstanding_reads[i]) + " outstanding";
    print(name, situation.gets[i], report);
    if (&situation == &rest) continue;
    report.figure(name + ", p50 / at rest", "", situation.gets[i].p50 / rest.gets[i].p50,
                  i == 0 ? bound : std::nullopt);
  }
  const std::string name = "walk over " + std::to_string(members) + " members";
  print(name, situation.walks, report);
  if (&situation == &rest) return;
  report.figure(name + ", p50 / at rest", "", situation.walks.p50 / rest.walks.p50);
  report.figure("frames fed meanwhile", "per second", situation.fed_per_second);
}

}  // namespace

void run_reads(const Settings& settings, Report& report) {
  Bench bench(settings);
  for (int run = 0; run < settings.pairs; ++run) bench.measure(report);
  print(bench.at_rest, bench.at_rest, {}, report);
  print(bench.beside_another, bench.at_rest, at_most(p50_ratio_max), report);
  print(bench.beside_own, bench.at_rest, {}, report);
}

}  // namespace sake::bench
