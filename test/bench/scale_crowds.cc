// 10,000 events about one message, or about one guild, against the same events spread over 1,000.

#include <functional>

#include "engine.h"
#include "meter.h"
#include "payloads.h"
#include "scale.h"
#include "support/redis_server.h"

namespace sake::bench {
namespace {

constexpr double cost_ratio_max = 1.5;

struct Crowd {
  std::size_t places;  ///< Guilds, with a message each. One more holds as many members as all of them together.
  std::size_t each;    ///< Events, and members, for each place.

  std::size_t events() const { return places * each; }
  /// Whose turn it is, in the n-th event: the places one after the other, again and again.
  std::size_t place(std::size_t n) const { return n % places; }
  std::size_t round(std::size_t n) const { return n / places; }
  std::size_t member(std::size_t n) const { return place(n) * each + round(n); }
};

struct Question {
  const char* name;
  /// The n-th event of a run, in this guild.
  std::string (*event)(const Crowd& crowd, std::size_t guild, std::size_t n, std::size_t run);
};
constexpr Question questions[] = {
    {"reactions to one message",
     [](const Crowd& crowd, std::size_t guild, std::size_t n, std::size_t) {
       return reaction_add(guild, guild, crowd.member(n), crowd.round(n));
     }},
    {"whole members of one guild", [](const Crowd& crowd, std::size_t guild, std::size_t n,
                                      std::size_t run) { return member_update(guild, crowd.member(n), run, true); }},
    {"partial members of one guild", [](const Crowd& crowd, std::size_t guild, std::size_t n,
                                        std::size_t run) { return member_update(guild, crowd.member(n), run, false); }},
};

struct Costs {
  Samples wall, engine_cpu, redis_cpu;
};

void prepare(Engine& engine, const Crowd& crowd) {
  Frames frames;
  for (std::size_t guild = 0; guild < crowd.places; ++guild)
    frames.push_back(guild_create(guild, guild * crowd.each, crowd.each));
  frames.push_back(guild_create(crowd.places, 0, crowd.events()));
  for (std::size_t guild = 0; guild <= crowd.places; ++guild) frames.push_back(message_create(guild, guild, 0));
  engine.feed(frames);
}

void measure(Engine& engine, const test::RedisServer& server, const Frames& frames, Costs& costs, Report& report) {
  const Meter meter(server.pid());
  engine.feed(frames);
  const Usage usage = meter.read();
  const auto each = static_cast<double>(frames.size()) / 1e6;
  costs.wall.add(usage.wall_seconds / each);
  costs.engine_cpu.add(usage.own_cpu_seconds / each);
  costs.redis_cpu.add(usage.redis_cpu_seconds / each);
  report.add_load(usage.other_cores);
}

void ask(const Question& question, const Crowd& crowd, const Settings& settings, Report& report) {
  const test::RedisServer server;
  Loop loop;
  Engine engine(loop, engine_options(server.address()));
  prepare(engine, crowd);
  Costs spread;
  Costs crowded;
  for (std::size_t run = 0; run < static_cast<std::size_t>(settings.pairs); ++run) {
    Frames apart;
    Frames together;
    for (std::size_t n = 0; n < crowd.events(); ++n) {
      apart.push_back(question.event(crowd, crowd.place(n), n, run));
      together.push_back(question.event(crowd, crowd.places, n, run));
    }
    measure(engine, server, apart, spread, report);
    measure(engine, server, together, crowded, report);
  }
  report.begin(question.name);
  report.fact("events in each run", crowd.events());
  report.fact("spread over", crowd.places);
  report.figure("one / spread, CPU of the engine", "", crowded.engine_cpu / spread.engine_cpu, at_most(cost_ratio_max));
  report.figure("one / spread, wall", "", crowded.wall / spread.wall, at_most(cost_ratio_max));
  report.figure("one / spread, CPU of redis-server", "", crowded.redis_cpu / spread.redis_cpu);
  report.figure("one, CPU of the engine", "us per event", crowded.engine_cpu);
  report.figure("one, wall", "us per event", crowded.wall);
  report.figure("spread, CPU of the engine", "us per event", spread.engine_cpu);
  report.figure("spread, wall", "us per event", spread.wall);
}

}  // namespace

void scale_crowds(const Settings& settings, Report& report) {
  const Crowd crowd{settings.scaled<std::size_t>(1'000, 10), 10};
  for (const Question& question : questions) ask(question, crowd, settings, report);
}

}  // namespace sake::bench
