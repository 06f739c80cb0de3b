// naive: the engine against clients that do the same to Redis one command at a time: one entity each, and one id of a
// list. The commands are made beforehand out of what the engine sent, so these clients are faster here than in life.
// The one that waits for each reply also takes the events apart; the asynchronous one does not even do that.

#include "commands.h"
#include "live_run.h"
#include "naive_clients.h"
#include "recording.h"

namespace sake::bench {
namespace {

constexpr double redis_cpu_ratio_max = 0.60;
constexpr double speed_ratio_min = 10;

/// Enough to keep a server busy, as for a client that handles this many events at a time.
constexpr std::size_t unanswered_max = 1000;

/// The samples of one phase of one client.
struct Client {
  Samples wall, own_cpu, redis_cpu;

  void add(const Usage& usage) {
    wall.add(usage.wall_seconds);
    own_cpu.add(usage.own_cpu_seconds);
    redis_cpu.add(usage.redis_cpu_seconds);
  }
};

struct Comparison {
  const Frames* frames;
  std::vector<SingleCommand> commands;
  Client live, waiting, async;
};

template <typename NaiveClient, typename Send>
void run_client(std::vector<Comparison>& comparisons, Client Comparison::*samples, Report& report, Send send) {
  const test::RedisServer server;
  NaiveClient client(server.socket_path());
  for (Comparison& comparison : comparisons) {
    const Meter meter(server.pid());
    send(client, comparison);
    const Usage usage = meter.read();
    (comparison.*samples).add(usage);
    report.add_load(usage.other_cores);
  }
}

void print(const char* title, const Client& client, double events, Report& report) {
  const auto figure = [&](const char* what, const char* unit, const Samples& samples) {
    report.figure(std::string(title) + ", " + what, unit, samples);
  };
  const Samples each(std::vector<double>(client.wall.size(), events));
  figure("events per second", "", each / client.wall);
  figure("CPU of the client", "us per event", client.own_cpu / each * 1e6);
  figure("CPU of redis-server", "us per event", client.redis_cpu / each * 1e6);
}

void print(const Comparison& comparison, Report& report) {
  const auto& [frames, commands, live, waiting, async] = comparison;
  const auto events = static_cast<double>(frames->size());
  report.fact("events", frames->size());
  report.figure("single commands", "per event", {static_cast<double>(commands.size()) / events});
  report.figure("events per second, live / one awaited", "", waiting.wall / live.wall, at_least(speed_ratio_min));
  report.figure("CPU of redis-server, live / one awaited", "", live.redis_cpu / waiting.redis_cpu,
                at_most(redis_cpu_ratio_max));
  print("live", live, events, report);
  print("one awaited", waiting, events, report);
  if (!AsyncClient::is_available) return;
  report.figure("events per second, live / asynchronous", "", async.wall / live.wall);
  report.figure("CPU of redis-server, live / asynchronous", "", live.redis_cpu / async.redis_cpu);
  report.figure("CPU of the client, live / asynchronous", "", live.own_cpu / async.own_cpu);
  print("asynchronous", async, events, report);
}

}  // namespace

void run_naive(const Settings& settings, Report& report) {
  const Log log = generate_log("all guilds alike", settings.size);
  const std::vector<const Frames*> phases = phases_of(log);
  std::vector<Comparison> comparisons(phases.size());
  {
    const Recording recording = record(phases);
    for (std::size_t i = 0; i < phases.size(); ++i)
      comparisons[i] = {phases[i], single_commands(recording, i + 1), {}, {}, {}};
  }
  for (int pair = 0; pair < settings.pairs; ++pair) {
    {
      const test::RedisServer server;
      const std::vector<Phase> live = run_live(server, engine_options(server.address()), phases, report);
      for (std::size_t i = 0; i < phases.size(); ++i) comparisons[i].live.add(live[i].usage);
    }
    run_client<WaitingClient>(comparisons, &Comparison::waiting, report,
                              [](WaitingClient& client, const Comparison& comparison) {
                                client.send(*comparison.frames, comparison.commands);
                              });
    if (!AsyncClient::is_available) continue;
    run_client<AsyncClient>(
        comparisons, &Comparison::async, report,
        [](AsyncClient& client, const Comparison& comparison) { client.send(comparison.commands, unanswered_max); });
  }
  for (std::size_t i = 0; i < phases.size(); ++i) {
    report.begin(phase_name(log, i));
    print(comparisons[i], report);
  }
}

}  // namespace sake::bench
