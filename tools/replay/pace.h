#pragma once

// Pace: when the next frame is due. Pure: it is told the time.

#include <chrono>
#include <cstdint>
#include <optional>

namespace sake::replay {

class Pace {
 public:
  /// At most one of them is given; with neither, every frame is due at once.
  struct Settings {
    std::optional<double> rate = std::nullopt;   ///< Frames a second.
    std::optional<double> speed = std::nullopt;  ///< 1 keeps the time between frames, 2 halves it.
  };
  explicit Pace(Settings settings) noexcept : settings_(settings) {}

  /// A log begins; its times have nothing to do with those of the one before.
  void begin_log() noexcept { first_time_ms_.reset(); }

  /// How long the next frame has to wait; not positive when it is due. With `rate`, a stall is not made up for.
  std::chrono::nanoseconds wait(std::chrono::nanoseconds now, std::optional<std::int64_t> frame_time_ms) noexcept;

  /// The frame that was due was fed.
  void fed() noexcept;

 private:
  Settings settings_;
  std::optional<std::chrono::nanoseconds> due_;  ///< With `rate`.
  std::chrono::nanoseconds log_began_{0};
  std::optional<std::int64_t> first_time_ms_;
};

}  // namespace sake::replay
