#pragma once

// Decoder: the bytes of a log into its text. What a log is made of is told by its first bytes, never by its name.

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "sake/result.h"

namespace sake::replay {

class Decoder {
 public:
  /// So many first bytes tell what a log is made of.
  static constexpr std::size_t head_bytes = 4;

  /// For plain text, gzip or Zstandard. `head` is shorter than head_bytes only if the log is.
  static std::unique_ptr<Decoder> make(std::string_view head);

  virtual ~Decoder() = default;

  struct Step {
    std::size_t consumed;
    std::size_t produced;
  };
  /// Decodes what fits into `out`. A step that neither consumes nor produces needs more of `in`.
  virtual Result<Step> decode(std::string_view in, std::span<char> out) = 0;

  /// Whether the log may end after what was decoded so far.
  virtual bool may_end() const noexcept = 0;

  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

 protected:
  Decoder() = default;
};

}  // namespace sake::replay
