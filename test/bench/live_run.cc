#include "live_run.h"

#include <utility>

namespace sake::bench {

std::vector<Phase> run_live(const test::RedisServer& server, Options options, std::span<const Frames* const> phases,
                            Report& report) {
  Loop loop;
  Engine engine(loop, std::move(options));
  std::vector<Phase> measured;
  for (const Frames* frames : phases) {
    const Stats before = engine.stats();
    const Meter meter(server.pid());
    engine.feed(*frames);
    const Usage usage = meter.read();
    const Stats after = engine.stats();
    measured.push_back({usage, after.commands - before.commands, after.selects - before.selects,
                        after.bytes_sent - before.bytes_sent, entities_written(after) - entities_written(before)});
    report.add_load(usage.other_cores);
  }
  return measured;
}

std::vector<const Frames*> phases_of(const Log& log) {
  std::vector<const Frames*> phases;
  for (const Frames* frames : {&log.start, &log.steady})
    if (!frames->empty()) phases.push_back(frames);
  return phases;
}

std::string phase_name(const Log& log, std::size_t phase) {
  if (log.start.empty()) return log.name;
  return log.name + (phase == 0 ? ": start-up" : ": steady");
}

}  // namespace sake::bench
