#include "format.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace sake::tools {
namespace {

template <typename... Values>
std::string print(const char* pattern, Values... values) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

}  // namespace

std::string format_count(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t digits = 3; digits < text.size(); digits += 4) text.insert(text.size() - digits, 1, ',');
  return text;
}

std::string format_bytes(std::uint64_t bytes) {
  static constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  auto amount = static_cast<double>(bytes);
  for (; amount >= 1024 && unit + 1 != units.size(); ++unit) amount /= 1024;
  return print(unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
}

std::string format_seconds(double seconds) { return print("%.3f s", seconds); }

std::string format_clock(double seconds) {
  const auto whole = static_cast<unsigned long long>(std::clamp(seconds, 0.0, 3.6e6));
  if (whole >= 3600) return print("%llu:%02llu:%02llu", whole / 3600, whole / 60 % 60, whole % 60);
  return print("%llu:%02llu", whole / 60, whole % 60);
}

}  // namespace sake::tools
