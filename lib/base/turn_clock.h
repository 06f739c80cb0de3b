#pragma once

// How long the engine has kept the loop's thread at most, in CPU time: a turn is one run from the loop into the engine
// and back. Turns inside turns count once.

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/thread_time.h"

namespace sake::base {

class TurnClock {
 public:
  void begin() noexcept {
    if (depth_++ != 0) return;
    ++count_;
    began_ = thread_cpu_time();
  }
  void end() noexcept {
    if (--depth_ == 0) longest_ = std::max(longest_, thread_cpu_time() - began_);
  }
  std::chrono::nanoseconds longest() const noexcept { return longest_; }
  std::uint64_t count() const noexcept { return count_; }

 private:
  int depth_ = 0;
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds began_{0};
  std::chrono::nanoseconds longest_{0};
};

/// A turn for as long as it lives; none without a clock.
class Turn {
 public:
  explicit Turn(TurnClock* clock) noexcept : clock_(clock) {
    if (clock_ != nullptr) clock_->begin();
  }
  ~Turn() {
    if (clock_ != nullptr) clock_->end();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  TurnClock* clock_;
};

}  // namespace sake::base
