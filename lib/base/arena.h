#pragma once

// Bytes with stable addresses that are all forgotten at once. For the literals of one event's writes.

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace sake::base {

class Arena {
 public:
  /// Room for `size` bytes, valid until clear().
  char* allocate(std::size_t size) {
    if (size > left_) grow(size);
    char* at = next_;
    next_ += size;
    left_ -= size;
    return at;
  }

  std::string_view store(std::string_view text) { return join(text); }

  /// The parts one after the other.
  template <typename... Parts>
  std::string_view join(Parts... parts) {
    const std::size_t size = (std::string_view(parts).size() + ...);
    char* const begin = allocate(size);
    char* at = begin;
    ((at = append(at, parts)), ...);
    return {begin, size};
  }

  /// Forgets everything and keeps the first block.
  void clear() noexcept {
    if (blocks_.size() > 1) blocks_.resize(1);
    if (!blocks_.empty() && blocks_.front().size != block_bytes) blocks_.clear();
    next_ = blocks_.empty() ? nullptr : blocks_.front().bytes.get();
    left_ = blocks_.empty() ? 0 : block_bytes;
  }

 private:
  static constexpr std::size_t block_bytes = 4096;

  static char* append(char* at, std::string_view part) noexcept {
    if (!part.empty()) std::memcpy(at, part.data(), part.size());
    return at + part.size();
  }

  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };

  void grow(std::size_t size) {
    const std::size_t bytes = size > block_bytes ? size : block_bytes;
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(bytes), bytes});
    next_ = blocks_.back().bytes.get();
    left_ = bytes;
  }

  std::vector<Block> blocks_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace sake::base
