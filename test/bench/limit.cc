// limit: the engine against the least that could be done. A log is replayed; then the very bytes that the engine sent
// are written to an equally prepared server by a client that does nothing else.

#include "blaster.h"
#include "commands.h"
#include "live_run.h"
#include "recording.h"

namespace sake::bench {
namespace {

constexpr double wall_ratio_max = 1.10;
constexpr double cpu_ratio_max = 0.45;
constexpr double steady_commands_max = 2.0;

/// The samples of one phase.
struct Comparison {
  Samples live_wall, blast_wall;
  Samples engine_cpu, live_redis_cpu, blaster_cpu, blast_redis_cpu;
  Samples commands, selects, bytes, entities;
};

void add(Comparison& to, const Phase& live) {
  to.live_wall.add(live.usage.wall_seconds);
  to.engine_cpu.add(live.usage.own_cpu_seconds);
  to.live_redis_cpu.add(live.usage.redis_cpu_seconds);
  to.commands.add(static_cast<double>(live.commands));
  to.selects.add(static_cast<double>(live.selects));
  to.bytes.add(static_cast<double>(live.bytes_sent));
  to.entities.add(static_cast<double>(live.entities));
}

void blast(const Recording& recording, std::vector<Comparison>& comparisons, Report& report) {
  const test::RedisServer server;
  Blaster blaster(server.socket_path(), recording);
  blaster.send_phase();
  for (Comparison& comparison : comparisons) {
    const Meter meter(server.pid());
    blaster.send_phase();
    const Usage usage = meter.read();
    comparison.blast_wall.add(usage.wall_seconds);
    comparison.blaster_cpu.add(usage.own_cpu_seconds);
    comparison.blast_redis_cpu.add(usage.redis_cpu_seconds);
    report.add_load(usage.other_cores);
  }
}

void print(const Comparison& comparison, const Frames& frames, bool is_steady, Report& report) {
  const auto events = static_cast<double>(frames.size());
  const Samples each = Samples(std::vector<double>(comparison.live_wall.size(), events));
  report.fact("events", frames.size());
  report.fact("bytes of frames", bytes_of(frames));
  report.figure("live / blast, wall", "", comparison.live_wall / comparison.blast_wall, at_most(wall_ratio_max));
  report.figure("engine / redis-server, CPU", "", comparison.engine_cpu / comparison.live_redis_cpu,
                at_most(cpu_ratio_max));
  report.figure("live / blast, CPU of redis-server", "", comparison.live_redis_cpu / comparison.blast_redis_cpu);
  report.figure("live, wall", "s", comparison.live_wall);
  report.figure("live, events per second", "", each / comparison.live_wall);
  report.figure("live, CPU of the engine", "us per event", comparison.engine_cpu / each * 1e6);
  report.figure("live, CPU of redis-server", "us per event", comparison.live_redis_cpu / each * 1e6);
  report.figure("live, redis-server busy", "of the time", comparison.live_redis_cpu / comparison.live_wall);
  report.figure("blast, wall", "s", comparison.blast_wall);
  report.figure("blast, CPU of the client", "us per event", comparison.blaster_cpu / each * 1e6);
  report.figure("blast, CPU of redis-server", "us per event", comparison.blast_redis_cpu / each * 1e6);
  report.figure("blast, redis-server busy", "of the time", comparison.blast_redis_cpu / comparison.blast_wall);
  report.figure("commands", "per event", comparison.commands / each,
                is_steady ? std::optional(at_most(steady_commands_max)) : std::nullopt);
  report.figure("SELECT", "per event", comparison.selects / each);
  report.figure("bytes sent", "per event", comparison.bytes / each);
  report.figure("entities written", "per event", comparison.entities / each);
}

void measure(const Log& log, const Settings& settings, Report& report) {
  const std::vector<const Frames*> phases = phases_of(log);
  const Recording recording = record(phases);
  std::vector<Comparison> comparisons(phases.size());
  for (int pair = 0; pair < settings.pairs; ++pair) {
    const test::RedisServer server;
    const std::vector<Phase> live = run_live(server, engine_options(server.address()), phases, report);
    for (std::size_t i = 0; i < phases.size(); ++i) add(comparisons[i], live[i]);
    blast(recording, comparisons, report);
  }
  for (std::size_t i = 0; i < phases.size(); ++i) {
    report.begin(phase_name(log, i));
    report.fact("bytes that were blasted", recording.bytes(i + 1));
    report.fact("commands that were blasted", recording.commands(i + 1));
    print(comparisons[i], *phases[i], !log.start.empty() && i == 1, report);
  }
}

}  // namespace

void run_limit(const Settings& settings, Report& report) {
  if (!settings.logs.empty()) {
    for (const std::string& path : settings.logs) measure(read_log(path), settings, report);
    return;
  }
  measure(generate_log("all guilds alike", settings.size), settings, report);
  LogSize uneven = settings.size;
  uneven.first_guild_percent = 30;
  measure(generate_log("30 % in one guild", uneven), settings, report);
  if (settings.is_small) return;
  const std::vector<std::string> recorded = recorded_logs();
  if (recorded.empty()) {
    report.note("There are no recordings beside the source tree: left out.");
  } else {
    measure(read_log(recorded.front()), settings, report);
  }
}

}  // namespace sake::bench
