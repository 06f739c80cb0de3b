#pragma once

// Recorded commands, taken apart as a straightforward client would send them: one for each entity or id, each to a
// connection that has its database selected.

#include <cstddef>
#include <string>
#include <vector>

#include "recording.h"

namespace sake::bench {

struct SingleCommand {
  int database = 0;
  std::string bytes;  ///< As it is sent.
};

/// The commands of a phase; those of the recorded connections alternate as far as they go.
std::vector<SingleCommand> single_commands(const Recording& recording, std::size_t phase);

}  // namespace sake::bench
