// memory: what Redis takes for one entity of each resource, with its references: the log is fed into a server of its
// own for each resource, with a cache that keeps nothing else.

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "commands.h"
#include "engine.h"
#include "support/redis_client.h"
#include "support/redis_server.h"

namespace sake::bench {
namespace {

/// Without what connections and the server itself take.
double used_memory(const test::RedisServer& server) {
  const std::string info = test::RedisClient(server.socket_path()).command("INFO", "memory").text;
  const std::size_t at = info.find("used_memory_dataset:");
  if (at == info.npos) throw std::runtime_error("the server does not tell how much memory it uses");
  return std::strtod(info.c_str() + info.find(':', at) + 1, nullptr);
}

struct Stored {
  double entities = 0;
  double bytes = 0;  ///< Of their JSON.
};

/// Everything the cache keeps of the resource.
Stored count(Engine& engine, Resource resource) {
  Stored stored;
  bool is_over = false;
  Status outcome;
  EntityIterator iterator = engine.cache().iterate(Scope::all(resource));
  iterator
      .for_each([&](Entity& entity) {
        stored.entities += 1;
        stored.bytes += static_cast<double>(entity.json.size());
        return true;
      })
      .then([&](Status status) {
        outcome = std::move(status);
        is_over = true;
      });
  engine.loop().run_until(is_over);
  if (!outcome) throw std::runtime_error(describe(outcome.error()));
  return stored;
}

void measure(Resource resource, const Log& log, Report& report) {
  const test::RedisServer server;
  Loop loop;
  Options options = engine_options(server.address());
  options.resources = {resource};
  Engine engine(loop, std::move(options));
  const double before = used_memory(server);
  engine.feed(log.start);
  engine.feed(log.steady);
  const double used = std::max(0.0, used_memory(server) - before);
  const Stored stored = count(engine, resource);
  const std::string title(name(resource));
  report.fact(title + ", entities", static_cast<std::uint64_t>(stored.entities));
  if (stored.entities == 0) return;
  report.figure(title + ", in Redis", "bytes each", {used / stored.entities});
  report.figure(title + ", JSON", "bytes each", {stored.bytes / stored.entities});
}

}  // namespace

void run_memory(const Settings& settings, Report& report) {
  const Log log = generate_log("stored", settings.size);
  report.begin("one resource alone");
  for (const Resource resource : all_resources())
    if (Resources::all().contains(resource)) measure(resource, log, report);
}

}  // namespace sake::bench
