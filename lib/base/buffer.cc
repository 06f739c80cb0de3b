#include "base/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <exception>

namespace sake::base {

Buffer::~Buffer() { std::free(data_); }

// By half rather than by doubling: buffers that wait for a slow server are the larger part of the engine's memory.
void Buffer::grow(std::size_t capacity_min) {
  const std::size_t capacity = std::max(capacity_min, capacity_ + capacity_ / 2);
  char* data = static_cast<char*>(std::realloc(data_, capacity));
  if (data == nullptr) std::terminate();
  data_ = data;
  capacity_ = capacity;
}

BufferPool::BufferPool(std::size_t capacity, std::size_t count_max) : capacity_(capacity), count_max_(count_max) {
  free_.reserve(count_max);
}

Buffer BufferPool::take() {
  if (free_.empty()) return Buffer(capacity_);
  Buffer buffer = std::move(free_.back());
  free_.pop_back();
  return buffer;
}

void BufferPool::give(Buffer&& buffer) noexcept {
  Buffer taken = std::move(buffer);
  if (taken.capacity() < capacity_ || taken.capacity() / 2 > capacity_ || free_.size() == count_max_) return;
  taken.clear();
  free_.push_back(std::move(taken));
}

}  // namespace sake::base
