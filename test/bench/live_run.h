#pragma once

// LiveRun: what an engine takes for each phase of a log, on a fresh server.

#include <span>
#include <vector>

#include "engine.h"
#include "logs.h"
#include "meter.h"
#include "report.h"
#include "support/redis_server.h"

namespace sake::bench {

/// One phase of one run.
struct Phase {
  Usage usage;
  std::uint64_t commands = 0;  ///< For events; SELECT apart.
  std::uint64_t selects = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t entities = 0;  ///< Written.
};

/// `options`: as engine_options() gives them for the address under which this server is to be reached.
std::vector<Phase> run_live(const test::RedisServer& server, Options options, std::span<const Frames* const> phases,
                            Report& report);

/// The parts of the log that are not empty, in order.
std::vector<const Frames*> phases_of(const Log& log);

/// What to call the phase in a report.
std::string phase_name(const Log& log, std::size_t phase);

}  // namespace sake::bench
