// GUILD_CREATEs of 10 KB to 16 MB: about as much text each time, in fewer and larger frames.

#include <algorithm>
#include <chrono>

#include "engine.h"
#include "meter.h"
#include "payloads.h"
#include "scale.h"
#include "support/redis_server.h"

namespace sake::bench {
namespace {

struct Size {
  const char* name;
  std::size_t bytes;
  Frames frames;
  Samples engine_cpu, redis_cpu, wall, longest_turn;  ///< Nanoseconds per byte, and milliseconds.
};

void measure(Size& size, Report& report) {
  const test::RedisServer server;
  Loop loop;
  Engine engine(loop, engine_options(server.address()));
  const Meter meter(server.pid());
  engine.feed(size.frames);
  const Usage usage = meter.read();
  const double each = static_cast<double>(bytes_of(size.frames)) / 1e9;
  size.engine_cpu.add(usage.own_cpu_seconds / each);
  size.redis_cpu.add(usage.redis_cpu_seconds / each);
  size.wall.add(usage.wall_seconds / each);
  size.longest_turn.add(std::chrono::duration<double, std::milli>(engine.stats().longest_turn).count());
  report.add_load(usage.other_cores);
}

}  // namespace

void scale_frames(const Settings& settings, Report& report) {
  const std::size_t text_bytes = settings.scaled<std::size_t>(32u << 20, 1u << 20);
  std::vector<Size> sizes;
  const auto add = [&](const char* name, std::size_t bytes) { sizes.push_back({name, bytes, {}, {}, {}, {}, {}}); };
  add("10 KB", 10u << 10);
  add("100 KB", 100u << 10);
  add("1 MB", 1u << 20);
  if (!settings.is_small) add("16 MB", 16u << 20);
  for (Size& size : sizes)
    for (std::size_t guild = 0; guild < std::max<std::size_t>(text_bytes / size.bytes, 1); ++guild)
      size.frames.push_back(guild_create_of(size.bytes, guild));
  for (int run = 0; run < settings.pairs; ++run)
    for (Size& size : sizes) measure(size, report);

  report.begin("frames");
  for (const Size& size : sizes) {
    const std::string name = std::string(size.name) + ", ";
    report.figure(name + "CPU of the engine", "ns per byte", size.engine_cpu);
    report.figure(name + "CPU of redis-server", "ns per byte", size.redis_cpu);
    report.figure(name + "wall", "ns per byte", size.wall);
    report.figure(name + "longest turn", "ms", size.longest_turn);
  }
  const Size& smallest = sizes.front();
  for (const Size& size : sizes)
    if (&size != &smallest)
      report.figure(std::string(size.name) + " / 10 KB, CPU of the engine", "", size.engine_cpu / smallest.engine_cpu);
}

}  // namespace sake::bench
