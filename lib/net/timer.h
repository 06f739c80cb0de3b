#pragma once

// A timer that its owner may start, stop and destroy at any moment, also in the timer's own callback.

#include <chrono>

#include "sake/callback.h"

struct uv_loop_s;

namespace sake::net {

class Timer {
 public:
  /// `on_elapsed` is called from the loop, once for each start that is not stopped before.
  Timer(uv_loop_s* loop, Callback<void()> on_elapsed);
  ~Timer() { close(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Counts from now, also when it is running already.
  void start(std::chrono::milliseconds delay) noexcept;
  void stop() noexcept;
  bool is_running() const noexcept;

  /// For good: later starts do nothing. The loop closes the handle afterwards.
  void close() noexcept;

 private:
  struct Block;
  Block* block_;  // Null once closed. What it points to is the loop's.
};

}  // namespace sake::net
