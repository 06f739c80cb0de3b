#pragma once

// A counter in Redis by which a loss shows: `sake:marker:<random>` in database 9, one per cache. Each write answers
// with the value before it. What was acknowledged must still be there; a lower value, or none, means that the server
// came back with less than it had: a restart without persistence, FLUSHALL, a failover to a replica that lagged behind.
// Rule: one write at a time, so that the value before it is known.

#include <cstdint>
#include <string>

#include "sake/callback.h"
#include "sake/log.h"

#include "redis/pipeline.h"

namespace sake::cache {

class Marker final : private redis::Requester {
 public:
  /// `on_reset` comes from the loop when acknowledged writes are missing. Everything passed by reference must outlive
  /// it.
  Marker(redis::Pipeline& references, LogSink& log, Callback<void()> on_reset);

  /// Once a second: writes when there was activity since the last write. `activity` is any number that moves with it.
  void tick(std::uint64_t activity);

  /// Writes, and so looks, at once.
  void check();

  /// Takes the counter away.
  void stop();

  std::uint64_t commands() const noexcept { return commands_; }

 private:
  void on_reply(std::uint32_t tag, const resp::Reply& reply) noexcept override;
  void on_acknowledged() noexcept override {}
  void on_failed(std::uint32_t tag, const Error& error) noexcept override;
  bool has_failed() const noexcept override { return true; }  // No write waits for this one to be possible again.

  redis::Pipeline& references_;
  LogSink& log_;
  Callback<void()> on_reset_;
  std::string key_;
  std::uint64_t value_ = 0;         // Written last.
  std::uint64_t acknowledged_ = 0;  // At least so much must be there; 0: nothing was acknowledged yet.
  std::uint64_t activity_ = 0;      // At the last tick that wrote.
  std::uint64_t commands_ = 0;
  bool outstanding_ = false;
  bool stopped_ = false;
};

}  // namespace sake::cache
