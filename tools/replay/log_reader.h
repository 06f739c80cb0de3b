#pragma once

// LogReader: the lines of one log, whatever it is made of and however long it is.
// It holds one line and one chunk, and never waits: each call reads and decodes at most one chunk.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sake/result.h"

#include "decoder.h"

namespace sake::replay {

class LogReader {
 public:
  /// "-" is standard input. A line may have `line_bytes_max` bytes.
  static Result<std::unique_ptr<LogReader>> open(const std::string& path, std::size_t line_bytes_max);
  ~LogReader();

  enum class Next : std::uint8_t {
    line,      ///< line() is the next line.
    too_long,  ///< The next line was longer than allowed and was skipped.
    not_yet,   ///< A chunk was decoded and no line has ended in it: call again.
    starved,   ///< Nothing has arrived: call again when descriptor() is readable.
    end,       ///< There is no further line.
    damaged,   ///< The log cannot be read any further; damage() says why.
  };
  Next next();

  /// Without its newline. Valid until the next call of next().
  std::string_view line() const noexcept { return {text_ + begin_, line_size_}; }

  /// Counted from 1: that of the line or the damage that next() came to last.
  std::uint64_t line_number() const noexcept { return line_number_; }
  const std::string& damage() const noexcept { return damage_; }

  int descriptor() const noexcept { return descriptor_; }

  /// How far the lines given so far reach into the log as stored; between two chunks an estimate.
  std::uint64_t bytes_read() const noexcept;
  std::uint64_t text_bytes() const noexcept { return text_bytes_ - (end_ - begin_ - taken_); }

  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

 private:
  LogReader(int descriptor, bool can_starve, std::size_t line_bytes_max);

  /// What became of an attempt to have more text.
  enum class Filled : std::uint8_t { some, starved, at_end, damaged };
  Filled fill();
  Filled read_stored();
  Filled spoil(std::string why);
  bool find_line();
  void make_room();

  const int descriptor_;
  const bool can_starve_;
  const std::size_t line_bytes_max_;

  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<char[]> stored_;
  std::size_t stored_begin_ = 0;
  std::size_t stored_end_ = 0;
  bool stored_all_ = false;

  // text_[begin_, end_) is not taken yet; [begin_, searched_) holds no newline. By malloc, because growing a large
  // block with realloc moves its pages instead of copying them.
  char* text_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t searched_ = 0;
  std::size_t end_ = 0;

  std::size_t line_size_ = 0;
  std::size_t taken_ = 0;  ///< Of the line that next() gave last, with its newline.
  bool skipping_ = false;  ///< Within a line that is too long.
  std::uint64_t line_number_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t text_bytes_ = 0;
  std::string damage_;
};

/// How many bytes a log has as stored; empty when it is a pipe or a device. An error when it cannot be read, as far as
/// can be told without opening it (the writer of a named pipe would notice).
Result<std::optional<std::uint64_t>> stored_size(const std::string& path);

}  // namespace sake::replay
