#pragma once

// How long to wait before the next attempt: doubling up to a bound, with jitter so that clients which lost the same
// server do not return at the same moment. Pure: the caller brings the random number and the clock.

#include <chrono>
#include <cstdint>

namespace sake::base {

class Backoff {
 public:
  /// REQUIRES: 0 < first <= bound.
  constexpr Backoff(std::chrono::milliseconds first, std::chrono::milliseconds bound) noexcept
      : first_(first), bound_(bound), next_(first) {}

  /// Between half and all of the current step. Doubles the step for the next call. `random`: uniform over 32 bits.
  constexpr std::chrono::milliseconds next(std::uint32_t random) noexcept {
    const std::int64_t step = next_.count();
    next_ = step > bound_.count() / 2 ? bound_ : next_ * 2;
    const std::int64_t low = step - step / 2;
    return std::chrono::milliseconds(low + static_cast<std::int64_t>(std::uint64_t{random} * (step / 2 + 1) >> 32));
  }

  /// After a success.
  constexpr void reset() noexcept { next_ = first_; }

 private:
  std::chrono::milliseconds first_;
  std::chrono::milliseconds bound_;
  std::chrono::milliseconds next_;
};

}  // namespace sake::base
