#pragma once

// A gateway session as the cache has recorded it, so that a shard that starts again can resume where the cache stands.

#include <cstdint>
#include <string>
#include <vector>

namespace sake {

/// Every event up to `sequence` has its outcome, so what Redis holds is at least as new. Events behind it come again
/// when the session is resumed: applying one twice ends in the same state, counters (member_count, reactions) apart.
struct Session {
  std::uint32_t shard_id = 0;     ///< Which shard it is of, counted from 0.
  std::uint32_t shard_count = 1;  ///< How many shards there are.
  /// For op 6. Whoever has it and the bot's token can resume the session: keep it secret.
  std::string session_id = {};
  /// Where to connect to for that; empty when READY named nothing.
  std::string resume_gateway_url = {};
  std::uint64_t sequence = 0;  ///< The last event that has its outcome, with all before it.
  /// Those of the shard that were dirty then; see Cache::dirty_guilds().
  std::vector<std::uint64_t> dirty_guilds = {};
};

}  // namespace sake
