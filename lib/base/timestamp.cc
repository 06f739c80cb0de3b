#include "base/timestamp.h"

#include <chrono>

namespace sake::base {
namespace {

/// `digits` decimal digits at the front of `text`, taken off it; -1 when they are not there.
int take_number(std::string_view& text, std::size_t digits) noexcept {
  if (text.size() < digits) return -1;
  int value = 0;
  for (char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char expected) noexcept {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<std::int64_t> parse_timestamp_us(std::string_view text) noexcept {
  using namespace std::chrono;
  const int y = take_number(text, 4);
  if (y < 0 || !take(text, '-')) return std::nullopt;
  const int m = take_number(text, 2);
  if (m < 0 || !take(text, '-')) return std::nullopt;
  const int d = take_number(text, 2);
  if (d < 0 || (!take(text, 'T') && !take(text, ' '))) return std::nullopt;
  const year_month_day date{year{y}, month{static_cast<unsigned>(m)}, day{static_cast<unsigned>(d)}};
  const int hour = take_number(text, 2);
  if (!date.ok() || hour < 0 || hour > 23 || !take(text, ':')) return std::nullopt;
  const int minute = take_number(text, 2);
  if (minute < 0 || minute > 59 || !take(text, ':')) return std::nullopt;
  const int second = take_number(text, 2);
  if (second < 0 || second > 60) return std::nullopt;

  int fraction = 0;
  if (take(text, '.')) {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    int scale = 100'000;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      fraction += (text.front() - '0') * scale;
      scale /= 10;
      text.remove_prefix(1);
    }
  }

  std::int64_t offset = 0;
  if (!take(text, 'Z')) {
    const int sign = take(text, '+') ? 1 : take(text, '-') ? -1 : 0;
    const int hours = sign == 0 ? -1 : take_number(text, 2);
    if (hours < 0 || hours > 23 || !take(text, ':')) return std::nullopt;
    const int minutes = take_number(text, 2);
    if (minutes < 0 || minutes > 59) return std::nullopt;
    offset = sign * (hours * 60 + minutes);
  }
  if (!text.empty()) return std::nullopt;
  const auto days = sys_days{date}.time_since_epoch();
  return duration_cast<microseconds>(days).count() +
         ((std::int64_t{hour} * 60 + minute - offset) * 60 + second) * 1'000'000 + fraction;
}

std::optional<std::int64_t> parse_timestamp(std::string_view text) noexcept {
  using namespace std::chrono;
  const std::optional<std::int64_t> us = parse_timestamp_us(text);
  return us ? std::optional(floor<milliseconds>(microseconds(*us)).count()) : std::nullopt;
}

}  // namespace sake::base
