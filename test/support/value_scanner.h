#pragma once

// Counts the RESP values that go by in a stream: commands one way, replies the other. It looks at lengths only and
// keeps nothing of what it passes. Bytes that are no RESP are counted as something or other, and do no harm.

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace sake::test {

class ValueScanner {
 public:
  struct Passed {
    std::size_t bytes = 0;
    std::size_t values = 0;  ///< Outermost ones that ended within these bytes.
  };

  /// Goes on to the end of the bytes, or to the end of the last of `values_max` values if that comes first.
  Passed pass(std::string_view bytes, std::size_t values_max) {
    Passed passed;
    while (passed.bytes < bytes.size() && passed.values < values_max) {
      if (skip_ > 0) {
        const std::size_t skipped = std::min(skip_, bytes.size() - passed.bytes);
        passed.bytes += skipped;
        skip_ -= skipped;
        if (skip_ == 0) passed.values += end_value();
        continue;
      }
      const char next = bytes[passed.bytes++];
      if (next == '\n') {
        passed.values += end_line();
      } else if (line_.size() < line_bytes_max) {
        line_ += next;
      }
    }
    return passed;
  }

 private:
  static constexpr std::size_t line_bytes_max = 24;  ///< A type and a number.

  std::size_t end_line() {
    const char type = line_.empty() ? '\0' : line_[0];
    const long long number = line_.empty() ? 0 : std::strtoll(line_.c_str() + 1, nullptr, 10);
    line_.clear();
    if (type == '$' && number >= 0) {
      skip_ = static_cast<std::size_t>(number) + 2;
      return 0;
    }
    if (type == '*' && number > 0) {
      open_.push_back(number);
      return 0;
    }
    return end_value();
  }

  std::size_t end_value() {
    while (!open_.empty()) {
      if (--open_.back() > 0) return 0;
      open_.pop_back();
    }
    return 1;
  }

  std::string line_;
  std::size_t skip_ = 0;         // Of a text, its line end included.
  std::vector<long long> open_;  // Elements to come of the arrays around this place.
};

}  // namespace sake::test
