#pragma once

// What the cache has done so far, as plain counters.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sake/export.h"
#include "sake/resource.h"

namespace sake {

/// Every event that is dispatched ends in exactly one of these.
enum class Outcome : std::uint8_t {
  applied,   ///< Redis has acknowledged every command of it.
  ignored,   ///< Nothing to do; the reason says why.
  rejected,  ///< invalid_payload: nothing of it was written.
  failed,    ///< Some command was refused or lost; others may have run.
};
SAKE_EXPORT std::string_view name(Outcome outcome) noexcept;

/// What became of the events of one type.
struct EventStats {
  std::string_view event;      ///< Discord's name; "(unknown)" and "(not a dispatch)" gather the rest.
  std::uint64_t applied = 0;   ///< Written as far as there was anything to write.
  std::uint64_t ignored = 0;   ///< Nothing of it is kept.
  std::uint64_t rejected = 0;  ///< No payload that Discord documents.
  std::uint64_t failed = 0;    ///< Refused or lost by Redis.
};

/// How many entities of a resource were written and removed.
struct ResourceStats {
  Resource resource;          ///< Which resource.
  std::uint64_t upserts = 0;  ///< Entities written.
  std::uint64_t deletes = 0;  ///< Entities removed by id; a removed hash counts once.
};

/// How far a shard is.
struct ShardStats {
  std::uint32_t id = 0;                 ///< Which shard, counted from 0.
  std::uint32_t count = 1;              ///< How many shards there are.
  std::uint64_t received_sequence = 0;  ///< The highest sequence number admitted in this session.
  std::uint64_t applied_sequence = 0;   ///< It and everything before it in this session have their outcome.
  std::uint64_t recorded_sequence = 0;  ///< The one of the session record; see Cache::get_session().
  std::uint64_t lag = 0;                ///< Received minus applied.
};

/// Of the connection that writes to a database.
enum class LinkState : std::uint8_t {
  connecting,  ///< The name, the connection or the greeting is under way.
  ready,
  waiting,  ///< For the next attempt.
  closed,
};
SAKE_EXPORT std::string_view name(LinkState state) noexcept;

/// The connections to one database.
struct DatabaseStats {
  int database = 0;                         ///< Its number.
  LinkState state = LinkState::connecting;  ///< Of the writer.
  std::size_t connections = 0;              ///< The writer and the readers that there are at present.
  std::uint64_t reconnects = 0;             ///< How often the writer got another link.
  std::uint64_t refused = 0;                ///< Commands that Redis answered with an error.
  std::uint64_t retries = 0;       ///< How often commands were sent again because Redis could not take one at the time.
  std::uint64_t reads = 0;         ///< Reads that were asked for by the host.
  std::uint64_t reads_waited = 0;  ///< Those that found every reader busy.
  std::size_t pending_bytes = 0;   ///< Unsent and unanswered.
  std::string last_error;          ///< Why the latest link or attempt ended; empty when none has.
};

/// What a cache has done and what it is at.
struct Stats {
  std::vector<EventStats> events;             ///< Event types seen so far.
  std::vector<ResourceStats> resources;       ///< The resources in use.
  std::vector<ShardStats> shards;             ///< Those that have been made.
  std::vector<DatabaseStats> databases;       ///< Those in use, that of the references last.
  std::uint64_t member_requests = 0;          ///< Sent by chunk_on_guild_create().
  std::size_t member_runs = 0;                ///< Guilds whose members are wanted or on their way.
  std::size_t member_lists_complete = 0;      ///< Guilds for which members_complete() holds, dirty ones included.
  std::uint64_t over_capacity = 0;            ///< Frames refused because of pending_bytes_max.
  std::uint64_t filtered = 0;                 ///< Entities that Options::filters did not let through.
  std::uint64_t skipped = 0;                  ///< Refused frames that the host gave up.
  std::size_t dirty_guilds = 0;               ///< See Cache::dirty_guilds().
  std::uint64_t backend_resets = 0;           ///< How often Redis came back with less than it had acknowledged.
  std::uint64_t evicted_keys = 0;             ///< Keys that Redis has evicted since open, as far as INFO is allowed.
  std::uint64_t failed_renewals = 0;          ///< Renewals of a guild's lifetimes that Redis refused.
  std::uint64_t commands = 0;                 ///< Sent to Redis for events, SELECT apart.
  std::uint64_t checks = 0;                   ///< Sent to Redis to watch over its data.
  std::uint64_t selects = 0;                  ///< SELECT commands sent.
  std::uint64_t flushes = 0;                  ///< Writes to sockets.
  std::uint64_t bytes_sent = 0;               ///< To Redis.
  std::uint64_t bytes_received = 0;           ///< From Redis.
  std::size_t pending_bytes = 0;              ///< Unsent, unanswered and waiting in lanes.
  std::size_t events_pending = 0;             ///< Dispatched and without an outcome yet.
  std::size_t lanes_waiting = 0;              ///< Lanes in which events wait for an answer.
  std::size_t connections = 0;                ///< Connections that are ready.
  std::uint64_t connections_lost = 0;         ///< How often a ready connection ended.
  std::size_t guilds_owned = 0;               ///< Guilds whose keys this process renews.
  std::chrono::microseconds longest_turn{0};  ///< Longest uninterrupted run of the engine, in thread CPU time.
};

}  // namespace sake
