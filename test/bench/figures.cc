// figures: what is the same in every run of one build, or nearly so, and can therefore guard against a step back on a
// machine that does other work too. Times are thread CPU time.

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "allocations.h"
#include "commands.h"
#include "engine.h"
#include "live_run.h"
#include "payloads.h"
#include "support/redis_server.h"
#include "work.h"

namespace sake::bench {
namespace {

constexpr double steady_commands_max = 2.0;
constexpr double steady_allocations_max = 0.01;
constexpr double instructions_max = 5000;
constexpr double small_turn_max_ms = 2;
constexpr double large_turn_max_ms = 30;
constexpr std::size_t large_frame_bytes = 16u << 20;
constexpr std::uint64_t counted_events = 20'000;  ///< Under callgrind everything takes some fifty times as long.

double longest_turn_ms(const Engine& engine) {
  return std::chrono::duration<double, std::milli>(engine.stats().longest_turn).count();
}

/// The longest turn over these frames alone.
double longest_turn_ms(const test::RedisServer& server, const Frames& frames) {
  Loop loop;
  Engine engine(loop, engine_options(server.address()));
  engine.feed(frames);
  return longest_turn_ms(engine);
}

void measure_steady(const Log& log, Report& report) {
  const test::RedisServer server;
  Loop loop;
  Engine engine(loop, engine_options(server.address()));
  engine.feed(log.start);
  const std::span<const std::string> steady = log.steady;
  engine.feed(steady.first(steady.size() / 2));
  const Stats before = engine.stats();
  const std::uint64_t allocations_before = allocations();
  const std::span<const std::string> rest = steady.subspan(steady.size() / 2);
  engine.feed(rest);
  const auto made = static_cast<double>(allocations() - allocations_before);
  const Stats after = engine.stats();
  const auto events = static_cast<double>(rest.size());
  report.begin("steady log, second half");
  report.fact("events", rest.size());
  report.figure("allocations", "per event", {made / events}, at_most(steady_allocations_max));
  report.figure("commands", "per event", {static_cast<double>(after.commands - before.commands) / events},
                at_most(steady_commands_max));
  report.figure("bytes sent", "per event", {static_cast<double>(after.bytes_sent - before.bytes_sent) / events});
  report.figure("flushes", "per event", {static_cast<double>(after.flushes - before.flushes) / events});
}

void measure_sample(Report& report) {
  const char* source = std::getenv("SAKE_SOURCE_ROOT");
  const std::string path = std::string(source != nullptr ? source : ".") + "/test/data/sample.ndjson.zst";
  if (!std::filesystem::exists(path)) {
    report.note("The sample log is not here (set SAKE_SOURCE_ROOT): left out.");
    return;
  }
  const Log log = read_log(path);
  const test::RedisServer server;
  Loop loop;
  Engine engine(loop, engine_options(server.address()));
  engine.feed(log.steady, Engine::Outcomes::any);
  const Stats stats = engine.stats();
  const auto events = static_cast<double>(log.steady.size());
  report.begin("sample log");
  report.fact("events", log.steady.size());
  report.figure("commands", "per event", {static_cast<double>(stats.commands) / events});
  report.figure("bytes sent", "per event", {static_cast<double>(stats.bytes_sent) / events});
  report.figure("entities written", "per event", {static_cast<double>(entities_written(stats)) / events});
}

void measure_turns(const Log& log, const Settings& settings, Report& report) {
  Samples small;
  Samples large;
  const Frames one_large_frame = {guild_create_of(settings.scaled(large_frame_bytes, large_frame_bytes / 64), 0)};
  for (int run = 0; run < settings.pairs; ++run) {
    const test::RedisServer server;
    longest_turn_ms(server, log.start);
    small.add(longest_turn_ms(server, log.steady));
    const test::RedisServer other;
    large.add(longest_turn_ms(other, one_large_frame));
  }
  report.begin("longest turn");
  report.fact("bytes of the large frame", one_large_frame.front().size());
  report.figure("steady log", "ms", small, at_most(small_turn_max_ms));
  report.figure("one large frame", "ms", large, at_most(large_turn_max_ms));
}

void measure_instructions(const Settings& settings, Report& report) {
  Settings smaller = settings;
  smaller.size.events = std::min<std::uint64_t>(settings.size.events, counted_events);
  for (const char* phase : {"start-up", "steady"}) {
    const std::optional<WorkDone> done = count_work(phase, smaller);
    if (!done) {
      report.note("There is no valgrind: instructions are left out.");
      return;
    }
    report.begin(std::string("user instructions: ") + phase);
    const auto per = [&](const char* amount) { return done->instructions / done->amounts.at(amount).get<double>(); };
    report.figure("instructions per entity", "", {per("entities")}, at_most(instructions_max));
    report.figure("instructions per event", "", {per("events")});
    report.figure("instructions per command", "", {per("commands")});
    report.figure("instructions per byte of frames", "", {per("bytes")});
  }
}

/// Feeds both parts of a log and counts the instructions of one of them.
nlohmann::json feed(const Settings& settings, bool is_steady) {
  const Log log = generate_log("counted", settings.size);
  const test::RedisServer server;
  Loop loop;
  Engine engine(loop, engine_options(server.address()));
  if (is_steady) engine.feed(log.start);
  const Frames& frames = is_steady ? log.steady : log.start;
  const Stats before = engine.stats();
  count_instructions_of([&] { engine.feed(frames); });
  const Stats after = engine.stats();
  return {{"events", frames.size()},
          {"bytes", bytes_of(frames)},
          {"commands", after.commands - before.commands},
          {"entities", entities_written(after) - entities_written(before)}};
}

}  // namespace

nlohmann::json feed_start(const Settings& settings) { return feed(settings, false); }

nlohmann::json feed_steady(const Settings& settings) { return feed(settings, true); }

void run_figures(const Settings& settings, Report& report) {
  const Log log = generate_log("steady", settings.size);
  measure_steady(log, report);
  measure_sample(report);
  measure_turns(log, settings, report);
  measure_instructions(settings, report);
}

}  // namespace sake::bench
