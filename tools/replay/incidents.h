#pragma once

// Incidents: the frames that were rejected or failed. Counted, the first ones kept for the end, and all of them written
// to a file where one was asked for. Never with the text of a frame, which may hold tokens.

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "sake/stats.h"

namespace sake::replay {

struct Place {
  std::string_view log;
  std::uint64_t line;
};

class Incidents {
 public:
  /// `file` is not closed, and null when nobody asked for one.
  explicit Incidents(std::FILE* file) noexcept : file_(file) {}

  /// A frame that the library rejected, or that failed. `event` may be anything a log holds.
  void add(Place place, Outcome outcome, std::string_view event, std::string_view reason);

  /// A line that was not offered to the library, or the point from which a log cannot be read.
  void add_unreadable(Place place, std::string_view reason);

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t unreadable() const noexcept { return unreadable_; }

  /// One text each for the first few: "events.ndjson:3: rejected (unreadable): ..."
  const std::vector<std::string>& first() const noexcept { return first_; }

 private:
  std::FILE* file_;
  std::uint64_t count_ = 0;
  std::uint64_t unreadable_ = 0;
  std::vector<std::string> first_;
};

}  // namespace sake::replay
