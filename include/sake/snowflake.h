#pragma once

// Discord's ids and times.

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace sake {

/// A point in time as Discord gives them, in UTC.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// The id of something at Discord, and when it was made. A number in every respect; 0 is no id.
class Snowflake {
 public:
  constexpr Snowflake() noexcept = default;
  /// Of a number.
  constexpr Snowflake(std::uint64_t value) noexcept : value_(value) {}
  constexpr operator std::uint64_t() const noexcept { return value_; }

  /// The number.
  constexpr std::uint64_t value() const noexcept { return value_; }

  /// To the millisecond. Without meaning for ids that Discord chose by hand, such as those of its own sounds.
  constexpr Timestamp created_at() const noexcept {
    return Timestamp(std::chrono::milliseconds((value_ >> 22) + epoch_ms));
  }
  /// The smallest id of that time: for comparing ids with a time. Before 2015 it is 0.
  static constexpr Snowflake at(Timestamp time) noexcept {
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
    return ms < epoch_ms ? Snowflake() : Snowflake(static_cast<std::uint64_t>(ms - epoch_ms) << 22);
  }

  /// Which of Discord's machines and processes made it, and which it was there.
  constexpr unsigned worker() const noexcept { return static_cast<unsigned>(value_ >> 17) & 0x1F; }
  /// Of the worker.
  constexpr unsigned process() const noexcept { return static_cast<unsigned>(value_ >> 12) & 0x1F; }
  /// Of what the process made in that millisecond.
  constexpr unsigned increment() const noexcept { return static_cast<unsigned>(value_) & 0xFFF; }

 private:
  static constexpr std::int64_t epoch_ms = 1'420'070'400'000;  // 2015-01-01T00:00:00Z
  std::uint64_t value_ = 0;
};

}  // namespace sake

namespace std {

/// For unordered containers with ids as keys.
template <>
struct hash<sake::Snowflake> {
  /// That of the number.
  size_t operator()(sake::Snowflake id) const noexcept { return hash<uint64_t>()(id.value()); }
};

}  // namespace std
