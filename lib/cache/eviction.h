#pragma once

// Asks Redis, where INFO is allowed, whether it may throw our keys away and whether it has: then entries are missing
// that nobody has removed. Reported once for each setting, and for each further loss.

#include <cstdint>
#include <string>

#include "sake/log.h"

#include "redis/pipeline.h"

namespace sake::cache {

class Eviction final : private redis::Requester {
 public:
  /// Everything passed by reference must outlive it.
  Eviction(redis::Pipeline& references, LogSink& log) noexcept : references_(references), log_(log) {}

  void check();

  /// Keys that Redis has evicted since the first check, of whatever database.
  std::uint64_t evicted_keys() const noexcept { return evicted_; }
  std::uint64_t commands() const noexcept { return commands_; }

 private:
  void on_reply(std::uint32_t tag, const resp::Reply& reply) noexcept override;
  void on_acknowledged() noexcept override {}
  void on_failed(std::uint32_t tag, const Error& error) noexcept override;
  bool has_failed() const noexcept override { return true; }  // The next check asks again.

  void on_memory(std::string_view info);
  void on_statistics(std::string_view info);

  redis::Pipeline& references_;
  LogSink& log_;
  std::string policy_told_;
  std::uint64_t counted_ = 0;  // What the server said last.
  bool counting_ = false;
  std::uint64_t evicted_ = 0;
  std::uint64_t commands_ = 0;
  unsigned outstanding_ = 0;
  bool refused_ = false;
};

}  // namespace sake::cache
