#pragma once

// Envelope: what stands around a frame in a log, and the little of the frame that a replay has to know.
// A glance, not a check: the library judges the frame.

#include <cstdint>
#include <optional>
#include <string_view>

namespace sake::replay {

struct ShardName {
  std::uint32_t id = 0;
  std::uint32_t count = 1;
  friend bool operator==(const ShardName&, const ShardName&) = default;
};

struct Envelope {
  std::optional<ShardName> shard;       ///< "shard" beside the frame.
  bool shard_is_wrong = false;          ///< There is one, and it is no [id, count].
  std::optional<std::int64_t> time_ms;  ///< "ts" beside the frame.
  std::optional<ShardName> ready;       ///< "shard" within the "d" of a READY.
};

/// Empty when the line is not a JSON object, as far as can be seen without reading all of it.
std::optional<Envelope> read_envelope(std::string_view line);

}  // namespace sake::replay
