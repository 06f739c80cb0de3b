#pragma once

// Session records: `sake:session:<shard>:<count>` in database 9 says how far a shard's session has been applied, and
// `sake:session:count` with how many shards the bot runs; records of another number are void.
// Rule: a record never promises more than Redis holds. After a loss of data there is none until the next READY.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sake/callback.h"
#include "sake/result.h"
#include "sake/session.h"

#include "dispatch/dirty.h"
#include "redis/pool.h"
#include "resources/shard_state.h"

namespace sake::cache {

class Sessions final : private redis::Requester {
 public:
  using OnRead = Callback<void(Result<Session>)>;

  /// Everything passed by reference must outlive it.
  Sessions(redis::Pool& references, const dispatch::DirtyGuilds& dirty_guilds) noexcept
      : references_(references), dirty_guilds_(dirty_guilds) {}

  /// Whether the shard has come further than its record says.
  static bool is_due(const resources::ShardState& shard) noexcept;
  void write(resources::ShardState& shard);
  /// The shard goes on with a recorded session.
  static void adopt(resources::ShardState& shard, const Session& session);
  /// The session can no longer be resumed from what Redis holds.
  void drop(resources::ShardState& shard);

  void read(std::uint32_t shard_id, std::uint32_t shard_count, OnRead on_read);

  /// Tells what was read. The host may do anything in its callback.
  void deliver();

  std::uint64_t commands() const noexcept { return commands_; }

 private:
  struct Reading {
    std::uint32_t tag;
    std::uint32_t shard_id;
    std::uint32_t shard_count;
    OnRead on_read;
  };

  void on_reply(std::uint32_t tag, const resp::Reply& reply) noexcept override;
  void on_acknowledged() noexcept override {}
  void on_failed(std::uint32_t tag, const Error& error) noexcept override;
  void end(std::uint32_t tag, Result<Session> result);

  redis::Pool& references_;
  const dispatch::DirtyGuilds& dirty_guilds_;
  std::vector<Reading> reading_;
  std::vector<std::pair<OnRead, Result<Session>>> read_;  // To be told.
  std::uint32_t tag_ = 0;
  std::uint64_t commands_ = 0;
};

}  // namespace sake::cache
