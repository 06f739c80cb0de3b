#pragma once

// RESP as it passes a test's own proxies and servers: whole values, and the words of commands.

#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace sake::test {

/// Where the RESP value at `begin` ends; nothing while it is incomplete.
inline std::optional<std::size_t> end_of_value(std::string_view bytes, std::size_t begin) {
  const std::size_t line_end = bytes.find("\r\n", begin);
  if (line_end == bytes.npos) return std::nullopt;
  std::size_t end = line_end + 2;
  const long long number = std::strtoll(bytes.data() + begin + 1, nullptr, 10);
  if (bytes[begin] == '$' && number >= 0) end += static_cast<std::size_t>(number) + 2;
  if (bytes[begin] == '*') {
    for (long long i = 0; i < number; ++i) {
      if (end >= bytes.size()) return std::nullopt;
      const auto element_end = end_of_value(bytes, end);
      if (!element_end) return std::nullopt;
      end = *element_end;
    }
  }
  return end <= bytes.size() ? std::optional(end) : std::nullopt;
}

/// The words of a whole command, an array of bulk strings.
inline std::vector<std::string> words_of_command(std::string_view bytes) {
  REQUIRE(bytes.starts_with('*'));
  const long long count = std::strtoll(bytes.data() + 1, nullptr, 10);
  std::size_t at = bytes.find("\r\n") + 2;
  std::vector<std::string> words;
  for (long long i = 0; i < count; ++i) {
    REQUIRE(bytes[at] == '$');
    const auto size = static_cast<std::size_t>(std::strtoll(bytes.data() + at + 1, nullptr, 10));
    at = bytes.find("\r\n", at) + 2;
    words.emplace_back(bytes.substr(at, size));
    at += size + 2;
  }
  return words;
}

}  // namespace sake::test
