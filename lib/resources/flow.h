#pragma once

// The coroutine in which an event that must read before it writes is told as one story. The one who starts it owns it:
// destroying it while it waits ends the story there.

#include <coroutine>
#include <cstddef>
#include <exception>
#include <utility>

namespace sake::resources {

/// Frames of coroutines, reused: an event allocates nothing once the pool is warm. Bounded; larger frames are not kept.
class FramePool {
 public:
  FramePool() noexcept = default;
  ~FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  void* allocate(std::size_t bytes);
  static void release(void* frame) noexcept;

 private:
  static constexpr std::size_t frame_bytes = 1536;
  static constexpr std::size_t kept_max = 256;
  struct Header {
    FramePool* pool;
    Header* next;
  };
  Header* free_ = nullptr;
  std::size_t kept_ = 0;
};

class Event;
FramePool& frames_of(Event& event) noexcept;

class Flow {
 public:
  struct promise_type {
    static void* operator new(std::size_t bytes, Event& event) { return frames_of(event).allocate(bytes); }
    static void operator delete(void* frame) noexcept { FramePool::release(frame); }

    Flow get_return_object() noexcept { return Flow{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };

  Flow() noexcept = default;
  Flow(Flow&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Flow& operator=(Flow&& other) noexcept {
    reset();
    handle_ = std::exchange(other.handle_, nullptr);
    return *this;
  }
  ~Flow() { reset(); }

  explicit operator bool() const noexcept { return handle_ != nullptr; }
  bool done() const noexcept { return handle_.done(); }
  void resume() { handle_.resume(); }
  void reset() noexcept {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

 private:
  explicit Flow(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

}  // namespace sake::resources
