#pragma once

// Arguments: what the command line asks for, checked as far as that is possible without a server.

#include <optional>
#include <string>
#include <variant>

#include "sake/options.h"

#include "replay.h"

namespace sake::replay {

struct Arguments {
  Plan plan;
  Options options;
  bool has_address = false;  ///< Else a private server is started, and options.address is to be set.
  bool keeps_server = false;
  bool is_quiet = false;
  std::optional<std::string> stats_file;  ///< "-" is standard output, here and below.
  std::optional<std::string> errors_file;
};

/// The arguments, or the exit code when there is nothing to do (--help) or the command line is wrong; then what is
/// wrong was printed.
std::variant<Arguments, int> parse_arguments(int argc, char** argv);

}  // namespace sake::replay
