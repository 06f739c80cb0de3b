#pragma once

// A lane: the events of one guild (or of one channel outside of guilds) that wait, in the order in which they are to be
// applied. It exists while something waits in it.

#include <cstddef>
#include <cstdint>

#include "dispatch/memory.h"
#include "resources/event.h"

namespace sake::dispatch {

class Lane {
 public:
  explicit Lane(std::uint64_t id) noexcept : id_(id) {}

  std::uint64_t id() const noexcept { return id_; }
  bool empty() const noexcept { return front_ == nullptr; }
  resources::Event* front() const noexcept { return front_; }
  /// Whether others wait behind the front.
  bool has_waiters() const noexcept { return front_ != back_; }

  void push_back(resources::Event& event) noexcept {
    event.run.next = nullptr;
    (front_ == nullptr ? front_ : back_->run.next) = &event;
    back_ = &event;
    event.run.lane = this;
  }

  /// Behind `before`, or in front of all when that is null.
  void insert_after(resources::Event* before, resources::Event& event) noexcept {
    if (before == nullptr) {
      event.run.next = front_;
      front_ = &event;
      if (back_ == nullptr) back_ = &event;
    } else {
      event.run.next = before->run.next;
      before->run.next = &event;
      if (back_ == before) back_ = &event;
    }
    event.run.lane = this;
  }

  /// REQUIRES: !empty().
  void pop_front() noexcept {
    front_->run.lane = nullptr;
    front_ = front_->run.next;
    if (front_ == nullptr) back_ = nullptr;
  }

  Memory memory;
  bool advancing = false;  ///< Its front is being taken on.
  bool paused = false;     ///< It goes on in the next iteration of the loop.

 private:
  std::uint64_t id_;
  resources::Event* front_ = nullptr;
  resources::Event* back_ = nullptr;
};

}  // namespace sake::dispatch
