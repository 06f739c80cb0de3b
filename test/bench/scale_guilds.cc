// The same mix of events in 100, 1,000 and 10,000 guilds. All of the caches exist side by side, and take turns.

#include <memory>

#include "engine.h"
#include "meter.h"
#include "scale.h"
#include "support/gateway_log.h"
#include "support/redis_server.h"

namespace sake::bench {
namespace {

constexpr double cost_ratio_max = 1.10;
constexpr int members = 10;

/// How much is made and fed at a time where nothing is measured, so that a large start does not have to fit in memory.
constexpr std::size_t portion_bytes = 32u << 20;

/// A cache that has this many guilds, and the log it goes on with.
class Subject {
 public:
  explicit Subject(int guilds)
      : log_({.guilds = guilds, .members = members, .frames = UINT64_MAX, .mix = test::Mix::measured, .quirks = false}),
        engine_(loop_, engine_options(server_.address())) {}

  /// `frames` on from here, the start among the first.
  void warm_up(std::size_t frames) {
    while (frames != 0) {
      Frames portion;
      std::string frame;
      for (std::size_t bytes = 0; portion.size() < frames && bytes < portion_bytes && log_.next(frame);) {
        bytes += frame.size();
        portion.push_back(std::move(frame));
      }
      frames -= portion.size();
      engine_.feed(portion);
    }
  }

  void measure(std::size_t events, Report& report) {
    Frames frames;
    std::string frame;
    while (frames.size() < events && log_.next(frame)) frames.push_back(std::move(frame));
    const std::uint64_t commands_before = engine_.stats().commands;
    const Meter meter(server_.pid());
    engine_.feed(frames);
    const Usage usage = meter.read();
    const auto each = static_cast<double>(events) / 1e6;
    wall.add(usage.wall_seconds / each);
    engine_cpu.add(usage.own_cpu_seconds / each);
    redis_cpu.add(usage.redis_cpu_seconds / each);
    commands.add(static_cast<double>(engine_.stats().commands - commands_before) / static_cast<double>(events));
    report.add_load(usage.other_cores);
  }

  Samples wall, engine_cpu, redis_cpu, commands;

 private:
  test::GatewayLog log_;
  test::RedisServer server_;
  Loop loop_;
  Engine engine_;
};

}  // namespace

void scale_guilds(const Settings& settings, Report& report) {
  const std::vector<int> counts = settings.is_small ? std::vector<int>{2, 4, 8} : std::vector<int>{100, 1'000, 10'000};
  const std::size_t events = settings.scaled<std::size_t>(20'000, 100);
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const int guilds : counts) {
    subjects.push_back(std::make_unique<Subject>(guilds));
    // Each guild has had its first messages then, which others are about.
    subjects.back()->warm_up(static_cast<std::size_t>(guilds) * 9 + events);
  }
  for (int round = 0; round < settings.pairs; ++round)
    for (const auto& subject : subjects) subject->measure(events, report);

  report.begin("guilds");
  report.fact("members of a guild", members);
  report.fact("events in each run", events);
  const Subject& few = *subjects.front();
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    const Subject& subject = *subjects[i];
    const std::string name = std::to_string(counts[i]) + " guilds, ";
    report.figure(name + "CPU of the engine", "us per event", subject.engine_cpu);
    report.figure(name + "CPU of redis-server", "us per event", subject.redis_cpu);
    report.figure(name + "wall", "us per event", subject.wall);
    report.figure(name + "commands", "per event", subject.commands);
    if (i == 0) continue;
    const std::string against = std::to_string(counts[i]) + " / " + std::to_string(counts[0]) + " guilds, ";
    const bool is_last = i + 1 == subjects.size();
    report.figure(against + "CPU of the engine", "", subject.engine_cpu / few.engine_cpu,
                  is_last ? std::optional(at_most(cost_ratio_max)) : std::nullopt);
    report.figure(against + "CPU of redis-server", "", subject.redis_cpu / few.redis_cpu);
    report.figure(against + "wall", "", subject.wall / few.wall);
  }
}

}  // namespace sake::bench
