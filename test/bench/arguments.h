#pragma once

// Arguments: which subcommand is to be run, and how.

#include <string>
#include <variant>

#include "commands.h"

namespace sake::bench {

struct Arguments {
  std::string subcommand;
  void (*run)(const Settings& settings, Report& report) = nullptr;
  std::string work;  ///< Of the subcommand `work` instead: what to do.
  Settings settings;
  std::string json_file;    ///< "-" is standard output. Empty: none is written.
  bool is_checked = false;  ///< A missed bound is a failure.
};

/// The arguments, or the exit code when there is nothing to do (--help) or the command line is wrong.
std::variant<Arguments, int> parse_arguments(int argc, char** argv);

}  // namespace sake::bench
