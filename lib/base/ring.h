#pragma once

// Ring: a queue in one block of memory that doubles when it is full and is never returned.
// References into it are valid until the next push_back or pop_front.

#include <bit>
#include <cassert>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace sake::base {

template <typename T>
class Ring {
  static_assert(std::is_nothrow_move_assignable_v<T> && std::is_nothrow_default_constructible_v<T>);

 public:
  bool empty() const noexcept { return head_ == tail_; }
  std::size_t size() const noexcept { return tail_ - head_; }
  std::size_t capacity() const noexcept { return slots_ ? mask_ + 1 : 0; }

  /// REQUIRES: index < size(). 0 is the front.
  T& operator[](std::size_t index) noexcept {
    assert(index < size());
    return slots_[(head_ + index) & mask_];
  }
  const T& operator[](std::size_t index) const noexcept {
    assert(index < size());
    return slots_[(head_ + index) & mask_];
  }
  T& front() noexcept { return (*this)[0]; }
  T& back() noexcept { return (*this)[size() - 1]; }

  void push_back(T value) {
    if (size() == capacity()) grow(size() + 1);
    slots_[tail_++ & mask_] = std::move(value);
  }

  /// Copies all of `other` behind the last element.
  void append(const Ring& other) {
    const std::size_t count = other.size();
    if (size() + count > capacity()) grow(size() + count);
    T* const to = slots_.get();
    const T* const from = other.slots_.get();
    for (std::size_t i = 0; i < count; ++i) to[(tail_ + i) & mask_] = from[(other.head_ + i) & other.mask_];
    tail_ += count;
  }

  /// REQUIRES: !empty().
  T pop_front() noexcept {
    assert(!empty());
    return std::move(slots_[head_++ & mask_]);
  }

  void clear() noexcept {
    if constexpr (!std::is_trivially_destructible_v<T>) {
      while (!empty()) static_cast<void>(pop_front());
    }
    head_ = tail_;
  }

 private:
  // Apart, so that push_back stays small where it is used.
  [[gnu::noinline]] void grow(std::size_t capacity_min) {
    const std::size_t capacity = std::bit_ceil(capacity_min < 16 ? std::size_t{16} : capacity_min);
    // Not zeroed: whatever is read was written by push_back.
    std::unique_ptr<T[]> slots(new T[capacity]);
    const std::size_t count = size();
    for (std::size_t i = 0; i < count; ++i) slots[i] = std::move((*this)[i]);
    slots_ = std::move(slots);
    mask_ = capacity - 1;
    head_ = 0;
    tail_ = count;
  }

  std::unique_ptr<T[]> slots_;
  std::size_t mask_ = 0;
  std::size_t head_ = 0;  // Both only ever grow; the mask folds them into the block.
  std::size_t tail_ = 0;
};

}  // namespace sake::base
