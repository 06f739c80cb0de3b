#pragma once

// Request<T>: a call that has been described and not yet made. It is made by then(), which ends in a callback, or by
// co_await in a coroutine of any kind; one that is dropped has done nothing.
//
//   cache.get_user(id).then([](sake::Result<sake::Entity> user) { ... });
//   sake::Result<sake::Entity> user = co_await cache.get_user(id);
//
// g++ 12 destroys temporary aggregates and lists in an expression with co_await twice or not at all: there give
// `cache.get({...})` a key that has a name.

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "sake/callback.h"
#include "sake/result.h"

namespace sake {

/// A call that has not been made yet; see the top of this file.
template <typename T>
class [[nodiscard]] Request {
 public:
  /// Status for calls that end in nothing but success or an error.
  using Answer = std::conditional_t<std::is_void_v<T>, Status, Result<T>>;
  /// Receives the answer.
  using Then = Callback<void(Answer)>;

  /// Of a function that makes the call and hands on its answer once.
  explicit Request(Callback<void(Then)> start) noexcept : start_(std::move(start)) {}

  /// Makes the call. `then` is called once, from the loop and never inside this call, unless the cache is gone. Without
  /// one the answer is dropped.
  void then(Then then = {}) {
    if (!then) then = [](Answer) {};
    std::exchange(start_, {})(std::move(then));
  }

  /// The same call with another answer: what `change` makes of a success. For calls that end in something.
  template <typename Change, typename Changed = std::invoke_result_t<Change&, T>>
  Request<Changed> map(Change change) && {
    using Next = typename Request<Changed>::Then;
    return Request<Changed>([start = std::move(start_), change = std::move(change)](Next next) mutable {
      start([next = std::move(next), change = std::move(change)](Result<T> answer) mutable {
        if (answer) {
          next(change(std::move(*answer)));
        } else {
          next(std::move(answer.error()));
        }
      });
    });
  }

  class Awaiter;
  /// Makes the call and waits for its answer. Destroying the coroutine meanwhile abandons it: a write that was made is
  /// not taken back.
  Awaiter operator co_await() && noexcept { return Awaiter(std::move(start_)); }

 private:
  Callback<void(Then)> start_;
};

template <typename T>
class Request<T>::Awaiter {
 public:
  /// Waits for the answer to a call.
  explicit Awaiter(Callback<void(Then)> start) noexcept : start_(std::move(start)) {}
  Awaiter(const Awaiter&) = delete;
  Awaiter& operator=(const Awaiter&) = delete;
  ~Awaiter() {
    if (self_) *self_ = nullptr;
  }

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    waiting_ = waiting;
    self_ = std::make_shared<Awaiter*>(this);
    // The answer may come inside the call and end the coroutine, and this with it.
    Callback<void(Then)> start = std::move(start_);
    start([self = self_](Answer answer) {
      if (*self == nullptr) return;
      (*self)->answer_.emplace(std::move(answer));
      (*self)->waiting_.resume();
    });
  }
  Answer await_resume() noexcept { return std::move(*answer_); }

 private:
  Callback<void(Then)> start_;
  std::coroutine_handle<> waiting_;
  std::shared_ptr<Awaiter*> self_;
  std::optional<Answer> answer_;
};

/// The simplest coroutine in which requests can be awaited: it runs at once, nobody waits for it, and it frees itself.
/// An exception that leaves it ends the program.
struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

}  // namespace sake
