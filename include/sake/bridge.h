#pragma once

// Bridge: a cache on a thread and a loop of its own, for hosts without libuv or with several threads.
// Every call may come from any thread, also from callbacks, and returns without waiting for Redis. Rule to remember:
// never wait for one of its futures on its own thread, which is where callbacks run unless there is an executor.

#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "sake/cache.h"
#include "sake/callback.h"
#include "sake/error.h"
#include "sake/export.h"
#include "sake/options.h"
#include "sake/request.h"
#include "sake/result.h"
#include "sake/session.h"
#include "sake/stats.h"

namespace sake {

/// Carries a task to where the host wants to be called: `[&](auto task) { asio::post(context, std::move(task)); }`.
/// Called on the bridge's thread. Each task runs once, where and when the executor likes; one that is dropped is an
/// answer that nobody gets. It must be usable until the bridge is closed.
using Executor = Callback<void(Callback<void()> task)>;

/// What a bridge does in its own way; the cache behind it has Options.
struct BridgeOptions {
  /// Where completions and callbacks run. Empty: on the bridge's own thread, which does nothing else meanwhile.
  Executor executor = {};

  /// Questions without an answer: ask(), flush(), forget(), resume(), capacity(), stats(). At the limit they are
  /// refused with over_capacity.
  std::size_t questions_max = 4096;
};

/// A cache on a thread of its own; see the top of this file.
class SAKE_EXPORT Bridge {
 public:
  /// Checks the options, starts the thread and begins to connect; returns at once. Frames may be dispatched and
  /// questions be asked before the connections are there. Callbacks that the options hold (log, filters) are called on
  /// the bridge's thread, `log` also inside this call.
  ///
  /// Errors: invalid_argument, with a text that names the option; backend_error when the system gives no loop or
  /// thread.
  static Result<std::unique_ptr<Bridge>> open(Options options, BridgeOptions bridge = {});

  /// Whether the databases can be used; there within Options::open_timeout. When they cannot be, the bridge closes
  /// itself. Any number of threads may wait for it.
  std::shared_future<Status> opened() const;

  /// close(), and waits for its end. When it is called on the bridge's own thread, that thread ends by itself instead.
  /// As with any object, no other thread may still be calling its functions.
  ~Bridge();

  /// Takes one whole gateway frame; see Shard::dispatch_frame(). Frames of one shard are applied in the order of these
  /// calls, so let one thread at a time dispatch for a shard. The completion is called on the executor, exactly once if
  /// the frame was admitted.
  ///
  /// Errors: over_capacity, closed_client; `text` is then unchanged, and the completion is dropped. Frames that the
  /// bridge has taken over count towards Options::pending_bytes_max as those in the cache do: at the limit the frame is
  /// refused, and its shard refuses everything else until that frame is offered again or skipped. See capacity().
  Status dispatch_frame(std::uint32_t shard_id, std::uint32_t shard_count, std::string&& text,
                        Completion completion = {});

  /// The same for hosts that have taken the frame apart; see Shard::dispatch(). Errors: also invalid_argument for an
  /// empty `event`.
  Status dispatch(std::uint32_t shard_id, std::uint32_t shard_count, std::string event, std::string&& data,
                  std::optional<std::uint64_t> sequence = std::nullopt, Completion completion = {});

  /// Gives up the frame that was refused with over_capacity; see Shard::skip().
  void skip(std::uint32_t shard_id, std::uint32_t shard_count);

  /// Behind everything the shard has dispatched so far; see Shard::forget().
  std::future<Status> forget(std::uint32_t shard_id, std::uint32_t shard_count);

  /// See Shard::resume(); what ask() gets from Cache::get_session() is what it wants.
  std::future<Status> resume(Session session);

  /// Ready once less than half of Options::pending_bytes_max is pending, perhaps at once. For who was refused.
  std::future<Status> capacity();
  /// The same as a callback on the executor, exactly once. Errors: over_capacity, closed_client; nothing is called
  /// then.
  Status capacity(Callback<void(Status)> on_capacity);

  /// Ready once everything dispatched before has its outcome.
  std::future<Status> flush();

  /// The counters, with what waits in the bridge. After close(): those of its end.
  std::future<Result<Stats>> stats();

  /// What a question of type T is answered with: a Result<T>, or for `void` a Status.
  template <typename T>
  using Answer = std::conditional_t<std::is_void_v<T>, Status, Result<T>>;

  /// Whatever a Cache has a request for: calls `f(cache)` soon on the bridge's thread and makes the request it returns.
  ///
  ///     Result<User> user = bridge.ask([](Cache& cache) { return cache.get_user(5); }).get();
  ///
  /// Questions overtake frames that wait; flush() first where that matters. `f` must neither dispatch, skip, flush nor
  /// close, nor wait for anything. When the bridge is closed, every question that is left is answered with
  /// closed_client.
  ///
  /// Errors: over_capacity, closed_client. The future is always made ready with a value.
  template <typename F>
  requires std::is_invocable_v<F&, Cache&>
  auto ask(F f) { return ask<Asked<F>>(Requesting<F>{std::move(f)}); }

  /// The same with the answer as a callback on the bridge's executor. Refused with the error that is returned: then
  /// nothing is called.
  template <typename F, typename Then>
  requires std::is_invocable_v<F&, Cache&> Status ask(F f, Then on_answer) {
    return ask<Asked<F>>(Requesting<F>{std::move(f)}, std::move(on_answer));
  }

  /// Anything else that a Cache can do: calls `f(cache, done)`, `done` being the Callback<void(Answer<T>)> that f
  /// passes on or calls there.
  ///
  ///     auto session = bridge.ask<Session>([](Cache& cache, auto done) { cache.get_session(0, 1, std::move(done)); });
  ///
  /// It may set Cache::on_dirty() and the like, whose callbacks then come on the bridge's thread. A `done` that is
  /// dropped answers closed_client; it must not be kept beyond the end of the bridge.
  template <typename T, typename F>
  std::future<Answer<T>> ask(F f) {
    std::promise<Answer<T>> promise;
    std::future<Answer<T>> future = promise.get_future();
    Status asked = ask<T>([](Callback<void()> task) { task(); }, std::move(f),
                          [told = std::move(promise)](Answer<T> answer) mutable { told.set_value(std::move(answer)); });
    if (asked) return future;
    return ready<Answer<T>>(asked.error());
  }

  /// Runs `f` on the bridge's thread; its answer comes to `on_answer` there.
  template <typename T, typename F>
  Status ask(F f, Callback<void(Answer<T>)> on_answer) {
    return ask<T>(Executor(), std::move(f), std::move(on_answer));
  }

  /// The same on an executor for this answer alone.
  template <typename T, typename F>
  Status ask(Executor executor, F f, Callback<void(Answer<T>)> on_answer) {
    return push([done = Done<Answer<T>>(*impl_, std::move(executor), std::move(on_answer)),
                 question = std::move(f)](Cache* cache) mutable {
      done.arm();
      if (cache != nullptr) question(*cache, Callback<void(Answer<T>)>(std::move(done)));
    });
  }

  /// Refuses everything from now on with closed_client, waits for what was taken before for at most
  /// Options::drain_timeout (not at all before it is open), ends the rest with closed_client, and makes its future
  /// ready when all of that was handed to the executor. A second call returns the same future.
  std::shared_future<void> close();

  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

 private:
  struct Impl;
  explicit Bridge(std::unique_ptr<Impl> impl) noexcept;

  /// Calls the task on the bridge's thread, with null once the cache is closed. An error: it was dropped.
  Status push(Callback<void(Cache*)> task);
  /// A question has its answer, which `task` tells on `executor`, or on the bridge's when that is empty.
  static void answer(Impl& impl, Executor& executor, Callback<void()> task);
  static Error closed();

  template <typename T>
  static std::type_identity<T> asked_by(const Request<T>&);
  template <typename F>
  using Asked = typename decltype(asked_by(std::declval<std::invoke_result_t<F&, Cache&>>()))::type;
  template <typename F>
  struct Requesting {
    F request;
    template <typename Then>
    void operator()(Cache& cache, Then then) {
      request(cache).then(std::move(then));
    }
  };

  template <typename A>
  SAKE_HIDDEN static std::future<A> ready(A answer) {
    std::promise<A> promise;
    promise.set_value(std::move(answer));
    return promise.get_future();
  }

  /// Tells the answer to a question once: closed_client when it goes away without one.
  template <typename A>
  class SAKE_HIDDEN Done {
   public:
    Done(Impl& impl, Executor executor, Callback<void(A)> on_answer) noexcept
        : impl_(&impl), executor_(std::move(executor)), on_answer_(std::move(on_answer)) {}
    Done(Done&& other) noexcept
        : impl_(other.impl_),
          armed_(std::exchange(other.armed_, false)),
          executor_(std::move(other.executor_)),
          on_answer_(std::move(other.on_answer_)) {}
    ~Done() {
      if (armed_) (*this)(A(closed()));
    }
    /// From here on it owes an answer: the question was admitted.
    void arm() noexcept { armed_ = true; }
    void operator()(A told) {
      if (!std::exchange(armed_, false)) return;
      answer(*impl_, executor_, [tell = std::move(on_answer_), with = std::move(told)]() mutable {
        if (tell) tell(std::move(with));
      });
    }

   private:
    Impl* impl_;
    bool armed_ = false;
    Executor executor_;
    Callback<void(A)> on_answer_;
  };

  std::unique_ptr<Impl> impl_;
};

}  // namespace sake
