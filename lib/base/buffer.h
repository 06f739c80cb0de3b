#pragma once

// Buffer: bytes that grow at the end and are not zeroed first. BufferPool: a bounded free list of them.
// Pointers into a Buffer are valid until it grows; room() says how much fits before that.

#include <cassert>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace sake::base {

class Buffer {
 public:
  Buffer() noexcept = default;
  explicit Buffer(std::size_t capacity) { grow(capacity); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  char* data() noexcept { return data_; }
  const char* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t room() const noexcept { return capacity_ - size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::string_view view() const noexcept { return {data_, size_}; }

  /// Where the next `size` bytes may be written; advance() makes them part of the buffer.
  char* reserve(std::size_t size) {
    if (room() < size) grow(size_ + size);
    return data_ + size_;
  }
  void advance(std::size_t size) noexcept {
    assert(size <= room());
    size_ += size;
  }

  void append(const char* data, std::size_t size) {
    if (size == 0) return;
    std::memcpy(reserve(size), data, size);
    size_ += size;
  }
  void append(std::string_view text) { append(text.data(), text.size()); }

  void clear() noexcept { size_ = 0; }
  /// REQUIRES: size <= size().
  void truncate(std::size_t size) noexcept {
    assert(size <= size_);
    size_ = size;
  }

 private:
  void grow(std::size_t capacity_min);

  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Gives out empty buffers of at least `capacity` bytes. Takes back at most `count_max`, and frees those that have
/// grown beyond twice the capacity: one huge command must not stay in memory.
class BufferPool {
 public:
  BufferPool(std::size_t capacity, std::size_t count_max);

  Buffer take();
  void give(Buffer&& buffer) noexcept;

  std::size_t size() const noexcept { return free_.size(); }

 private:
  const std::size_t capacity_;
  const std::size_t count_max_;
  std::vector<Buffer> free_;
};

}  // namespace sake::base
