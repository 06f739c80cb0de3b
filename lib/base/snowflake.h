#pragma once

// Discord's ids: 64-bit numbers that are written as decimal strings. One number has one spelling here; anything else
// ("007", "+1", "1 ") is no id, so a parsed id prints as it was read.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace sake::base {

inline constexpr std::size_t decimal_digits_max = 20;  ///< Of an unsigned 64-bit number.

constexpr std::optional<std::uint64_t> parse_snowflake(std::string_view digits) noexcept {
  if (digits.empty() || digits.size() > decimal_digits_max) return std::nullopt;
  if (digits[0] == '0' && digits.size() > 1) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
    if (digit > 9) return std::nullopt;
    // Only a twentieth digit can overflow, so the check costs nothing for the ids of this century.
    if (value > (UINT64_MAX - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

/// 1, 10, 100, ...
inline constexpr std::array<std::uint64_t, 20> powers_of_ten = [] {
  std::array<std::uint64_t, 20> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

/// "00", "01", ... "99" behind each other.
inline constexpr std::array<char, 200> digit_pairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

/// How many digits `value` has: 1 for 0.
constexpr std::size_t decimal_length(std::uint64_t value) noexcept {
  // 1233 / 4096 is just above log10(2), which is exact enough for 64 bits.
  const auto guess = static_cast<std::size_t>(std::bit_width(value | 1) * 1233 >> 12);
  return guess + ((value | 1) >= powers_of_ten[guess] ? 1 : 0);
}

/// Writes the digits, without an end mark, and returns the end. REQUIRES: room for decimal_digits_max.
inline char* append_decimal(char* out, std::uint64_t value) noexcept {
  char* const end = out + decimal_length(value);
  char* at = end;
  while (value >= 100) {
    at -= 2;
    std::memcpy(at, &digit_pairs[value % 100 * 2], 2);
    value /= 100;
  }
  if (value >= 10) {
    std::memcpy(at - 2, &digit_pairs[value * 2], 2);
  } else {
    at[-1] = static_cast<char>('0' + value);
  }
  return end;
}

/// A number as text, in place.
class Decimal {
 public:
  explicit Decimal(std::uint64_t value) noexcept
      : size_(static_cast<std::size_t>(append_decimal(text_, value) - text_)) {}
  std::string_view view() const noexcept { return {text_, size_}; }
  operator std::string_view() const noexcept { return view(); }

 private:
  char text_[decimal_digits_max];
  std::size_t size_;
};

}  // namespace sake::base
