#pragma once

// What the engine keeps of one shard: its session, how far it has come, and the frame it was refused.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ring.h"

namespace sake::resources {

/// A sequence number without an outcome, or with one while an earlier one has none.
struct PendingEvent {
  std::uint64_t sequence = 0;
  bool ended = false;
};

struct ShardState {
  std::uint32_t id = 0;
  std::uint32_t count = 1;

  /// The highest sequence number admitted in this session; frames up to it are duplicates.
  std::uint64_t received = 0;
  bool saw_ready = false;
  std::vector<std::uint64_t> ready_guilds;  ///< What the last READY listed, sorted.

  /// What has no outcome yet, in the order of dispatch.
  base::Ring<PendingEvent> pending;
  std::uint64_t applied = 0;
  std::uint64_t session = 0;  ///< Counts READYs: events of an older session move no mark.

  /// What READY said of the session; empty while nothing can be resumed.
  std::string session_id;
  std::string resume_gateway_url;
  std::uint64_t recorded = 0;  ///< The sequence number that was recorded last.

  /// An event of this session has its outcome.
  void end(std::uint64_t sequence) noexcept {
    std::size_t low = 0;
    for (std::size_t high = pending.size(); low < high;) {
      const std::size_t middle = low + (high - low) / 2;
      if (pending[middle].sequence < sequence) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low < pending.size() && pending[low].sequence == sequence) pending[low].ended = true;
    while (!pending.empty() && pending.front().ended) applied = pending.pop_front().sequence;
  }

  /// The frame that was refused with over_capacity.
  struct Refused {
    std::uint64_t fingerprint;
    std::uint64_t guild;  ///< Of which something is missing if the host skips it; 0: none is known.
    bool is_ready;        ///< It is a READY, and concerns every guild of the shard.
  };
  std::optional<Refused> refused;
};

}  // namespace sake::resources
