#pragma once

// Engine: a cache on a loop of its own, fed as sake-replay feeds one, but from memory, so that nothing is measured but
// the engine.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include <uv.h>

#include "sake/sake.h"

namespace sake::bench {

/// A loop; at its end everything on it has to be closed.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  uv_loop_t* get() { return &loop_; }
  void run_until(const bool& flag);

 private:
  uv_loop_t loop_;
};

/// The ten resources that hikari-sake keeps: what bounds are given for unless they say otherwise.
inline constexpr Resources ten_resources{Resource::emoji,   Resource::guild,      Resource::channel, Resource::invite,
                                         Resource::member,  Resource::presence,   Resource::role,    Resource::user,
                                         Resource::message, Resource::voice_state};

/// Options for a server at this address: ten resources, and as much pending as sake-replay allows.
Options engine_options(std::string address);

class Engine {
 public:
  /// Opens it; throws std::runtime_error when that fails. The loop has to outlive it.
  Engine(Loop& loop, Options options);
  /// Closes it and waits for that.
  ~Engine();

  enum class Outcomes : bool { good, any };

  /// Feeds whole frames at full speed and returns when each has its outcome. Throws std::runtime_error when one was
  /// rejected or failed, unless any outcome will do.
  void feed(std::span<const std::string> frames, Outcomes outcomes = Outcomes::good);

  struct Fed {
    std::size_t frames = 0;
    bool is_full = false;  ///< The next one was refused.
  };
  /// Feeds so many bytes, as long as the engine takes them, and turns the loop without waiting.
  Fed feed_a_turn(std::span<const std::string> frames, std::size_t bytes_max = replay_turn_bytes);

  static constexpr std::size_t replay_turn_bytes = 256u << 10;  ///< What sake-replay feeds in a turn.

  Cache& cache() { return *cache_; }
  Loop& loop() { return loop_; }
  Stats stats() const { return cache_->stats(); }

 private:
  void flush();

  Loop& loop_;
  std::unique_ptr<Cache> cache_;
};

/// Entities written so far.
std::uint64_t entities_written(const Stats& stats);

}  // namespace sake::bench
