#pragma once

// How a cache comes by all members of a guild. A GUILD_CREATE lists few of them; the rest Discord sends as
// GUILD_MEMBERS_CHUNK when it is asked with op 8 (Request Guild Members) on the connection of the guild's shard.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sake/callback.h"

namespace sake {

/// See Cache::chunk_on_guild_create(). Where several shards share a cache, the limits are of each of them, but for
/// `runs_max`.
struct Chunking {
  /// Sends `payload`, the text of a whole gateway message, on the connection of this shard. False: it cannot be sent at
  /// present, and the shard is tried again later. Never called inside a call of the host. The text is not needed
  /// after the call.
  Callback<bool(std::uint32_t shard_id, std::string_view payload)> send = {};

  /// Discord ends connections that send more than 120 messages a minute, and heartbeats and whatever else the bot sends
  /// are among them.
  unsigned requests_per_minute = 60;

  /// Guilds whose members are on their way at a time, of all shards together. Each takes 8 to 16 bytes per member until
  /// its run has ended.
  unsigned runs_max = 8;

  /// After so many requests a guild is given up until its next GUILD_CREATE.
  unsigned attempts_max = 5;

  /// Two requests for one guild are so far apart: Discord takes one in 30 s.
  std::chrono::milliseconds guild_interval{30'000};

  /// After `send` has returned false its shard pauses for so long, and twice as long each time after, up to 30 times.
  std::chrono::milliseconds send_pause{1'000};

  /// Without another chunk for so long, the guild is asked for again.
  std::chrono::milliseconds chunk_timeout{60'000};
};

/// How asking for the members of a guild has ended.
struct MembersReport {
  std::uint64_t guild_id;   ///< Whose members they are.
  bool complete;            ///< See Cache::members_complete().
  std::size_t members;      ///< How many there are; 0 unless all were listed.
  std::string_view reason;  ///< Why they are not complete; else empty.
};

}  // namespace sake
