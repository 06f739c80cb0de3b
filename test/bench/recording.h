#pragma once

// Recording: the very bytes that an engine sends to Redis on each of its connections while it is fed, cut at the ends
// of the phases. It is made in a run of its own, through a proxy, so the runs that are measured carry no weight.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sake/options.h"

#include "logs.h"

namespace sake::bench {

struct Recording {
  struct Stream {
    std::string bytes;
    std::vector<std::size_t> ends;  ///< ends[0] is where the greeting ends, ends[n] where the n-th phase does.

    /// 0: the greeting.
    std::string_view phase(std::size_t number) const {
      const std::size_t begin = number == 0 ? 0 : ends[number - 1];
      return std::string_view(bytes).substr(begin, ends[number] - begin);
    }
  };
  std::vector<Stream> streams;  ///< One for each connection.

  std::size_t bytes(std::size_t phase) const;
  std::size_t commands(std::size_t phase) const;
};

/// Feeds these one after the other, each to its end.
Recording record(std::span<const Frames* const> phases);

}  // namespace sake::bench
