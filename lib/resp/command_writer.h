#pragma once

// Redis commands as bytes, written behind each other into a buffer of the caller. Allocates only where the buffer
// grows. Rule: begin(n) is followed by exactly n arguments. A wrong count shifts everything behind it, so debug builds
// check.

#include <cassert>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/buffer.h"
#include "base/snowflake.h"

namespace sake::resp {

class CommandWriter {
 public:
  explicit CommandWriter(base::Buffer& out) noexcept : out_(&out) {}

  /// Starts a command of `count` arguments, its name included.
  CommandWriter& begin(std::size_t count) {
    assert(missing_ == 0 && "the command before this one lacks arguments");
    char* at = out_->reserve(header_bytes_max);
    advance_to(put_header(at, '*', count));
    missing_ = count;
    return *this;
  }

  CommandWriter& arg(std::string_view text) {
    count_argument();
    char* at = put_header(out_->reserve(header_bytes_max + text.size() + 2), '$', text.size());
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    advance_to(put_line_end(at + text.size()));
    return *this;
  }

  /// A number as decimal text.
  template <std::integral Number>
  requires(!std::same_as<Number, bool> && !std::same_as<Number, char>) CommandWriter& arg(Number number) {
    count_argument();
    const bool negative = number < Number{0};
    // Negating as unsigned is right for the smallest number too.
    const std::uint64_t magnitude =
        negative ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
    char* at = out_->reserve(header_bytes_max + 1 + base::decimal_digits_max + 2);
    at = put_header(at, '$', base::decimal_length(magnitude) + (negative ? 1 : 0));
    if (negative) *at++ = '-';
    advance_to(put_line_end(base::append_decimal(at, magnitude)));
    return *this;
  }

  /// An argument made of pieces: arg_begin with the sum of their sizes, append for each, arg_end.
  CommandWriter& arg_begin(std::size_t total_bytes) {
    count_argument();
    advance_to(put_header(out_->reserve(header_bytes_max), '$', total_bytes));
    piece_bytes_ = total_bytes;
    return *this;
  }
  CommandWriter& append(std::string_view piece) {
    assert(piece.size() <= piece_bytes_ && "more bytes than arg_begin announced");
    piece_bytes_ -= piece.size();
    out_->append(piece);
    return *this;
  }
  CommandWriter& arg_end() {
    assert(piece_bytes_ == 0 && "fewer bytes than arg_begin announced");
    out_->append("\r\n", 2);
    return *this;
  }

  /// A whole command that was written elsewhere.
  CommandWriter& raw(std::string_view command) {
    assert(missing_ == 0 && "the command before this one lacks arguments");
    out_->append(command);
    return *this;
  }

  /// Arguments that begin() has announced and that are still to come.
  std::size_t missing() const noexcept { return missing_; }

 private:
  static constexpr std::size_t header_bytes_max = 1 + base::decimal_digits_max + 2;

  static char* put_line_end(char* at) noexcept {
    at[0] = '\r';
    at[1] = '\n';
    return at + 2;
  }

  static char* put_header(char* at, char kind, std::size_t count) noexcept {
    *at++ = kind;
    if (count < 10) {  // Most counts, and the lengths of names.
      *at++ = static_cast<char>('0' + count);
    } else if (count < 100) {  // The lengths of ids.
      *at++ = static_cast<char>('0' + count / 10);
      *at++ = static_cast<char>('0' + count % 10);
    } else {
      at = base::append_decimal(at, count);
    }
    return put_line_end(at);
  }

  void advance_to(const char* end) noexcept {
    out_->advance(static_cast<std::size_t>(end - (out_->data() + out_->size())));
  }

  void count_argument() noexcept {
    assert(missing_ > 0 && "more arguments than begin() announced");
    assert(piece_bytes_ == 0 && "an argument made of pieces is unfinished");
    --missing_;
  }

  base::Buffer* out_;
  std::size_t missing_ = 0;
  std::size_t piece_bytes_ = 0;
};

}  // namespace sake::resp
