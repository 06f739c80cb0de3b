#pragma once

// Report: what a replay did, as a table for people and as JSON for programs.

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "sake/stats.h"

namespace sake::replay {

struct Report {
  std::string_view outcome;  ///< "complete", "limited", "interrupted" or "server lost".
  int exit_code = 0;
  std::string address;  ///< Without a password.
  std::size_t logs = 0;
  std::uint64_t frames = 0;       ///< Lines that are not blank.
  std::uint64_t unreadable = 0;   ///< Of them, those that were not offered; and logs that broke off.
  std::uint64_t bytes_read = 0;   ///< Of the logs as stored, maybe compressed.
  std::uint64_t text_bytes = 0;   ///< As decoded.
  double wall_seconds = 0;        ///< From the first frame to the last outcome.
  double engine_cpu_seconds = 0;  ///< Of this process in that time: decoding the logs is part of it.
  std::optional<double> redis_cpu_seconds = std::nullopt;
  std::uint64_t peak_resident_bytes = 0;  ///< Of this process.
  Stats stats;
};

void print_table(std::FILE* file, const Report& report);

/// Documented in docs/replay.md.
std::string to_json(const Report& report);

}  // namespace sake::replay
