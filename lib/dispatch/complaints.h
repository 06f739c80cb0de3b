#pragma once

// Lets so many complaints per second into the log and counts the rest: a server that refuses everything must not fill
// a disk with the same line. Pure: the caller brings the clock.

#include <cstdint>
#include <utility>

namespace sake::dispatch {

class Complaints {
 public:
  static constexpr unsigned per_second = 10;

  /// Whether this one may be logged. `now`: milliseconds.
  bool allows(std::int64_t now) noexcept {
    if (now < begin_ || now >= begin_ + 1000) {
      begin_ = now;
      count_ = 0;
    }
    if (count_ < per_second) {
      ++count_;
      return true;
    }
    ++withheld_;
    return false;
  }

  /// How many were withheld since the last call; ask after allows() said true.
  std::uint64_t take_withheld() noexcept { return std::exchange(withheld_, 0); }

 private:
  std::int64_t begin_ = 0;
  unsigned count_ = 0;
  std::uint64_t withheld_ = 0;
};

}  // namespace sake::dispatch
