#pragma once

// The subcommands of sake-bench: one function and one file each. They throw std::runtime_error when they cannot
// measure.

#include <optional>
#include <string>
#include <vector>

#include "logs.h"
#include "report.h"

namespace sake::bench {

struct Settings {
  int pairs = 5;          ///< Runs of each alternative, in turn.
  bool is_small = false;  ///< As little as shows that everything works; the figures say nothing.
  LogSize size;
  std::vector<std::string> logs;  ///< Recorded ones to measure instead of those beside the source tree.

  /// `amount`, or what is enough for a small run.
  template <typename T>
  T scaled(T amount, T small) const {
    return is_small ? small : amount;
  }
};

void run_limit(const Settings& settings, Report& report);
void run_figures(const Settings& settings, Report& report);
void run_naive(const Settings& settings, Report& report);
void run_scale(const Settings& settings, Report& report);
void run_reads(const Settings& settings, Report& report);
void run_json(const Settings& settings, Report& report);
void run_models(const Settings& settings, Report& report);
void run_memory(const Settings& settings, Report& report);
void run_tls(const Settings& settings, Report& report);
void run_tcp(const Settings& settings, Report& report);

/// What the other subcommands run under callgrind: prints how much work was done, as one JSON object.
void run_work(const std::string& name, const Settings& settings);

}  // namespace sake::bench
