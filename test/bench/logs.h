#pragma once

// The logs that are measured, in memory: generated ones, cut where the start ends, and recorded ones.

#include <cstdint>
#include <string>
#include <vector>

namespace sake::bench {

using Frames = std::vector<std::string>;

struct Log {
  std::string name;
  Frames
      start;  ///< READY, the announcements of all guilds, and the members of the large ones. Empty: the log is whole.
  Frames steady;  ///< What follows.
};

struct LogSize {
  int guilds = 200;
  int members = 140;              ///< Per guild on average.
  std::uint64_t events = 60'000;  ///< After the start.
  int first_guild_percent = 0;    ///< So much happens in one guild.
};

/// Whole payloads of API v10 in the mix that bounds are given for (see Mix::measured).
Log generate_log(const std::string& name, const LogSize& size);

/// A recorded log, plain or .zst. Throws std::runtime_error when it cannot be read.
Log read_log(const std::string& path);

/// The recordings beside the source tree, where there are any: by default in a folder `shared`, else in $SAKE_SHARED.
std::vector<std::string> recorded_logs();

std::size_t bytes_of(const Frames& frames);

}  // namespace sake::bench
