#pragma once

// A libuv loop for a test. A handle that the code under test has left open fails the test; so does a condition that
// does not come true in time. Declare it before everything that lives on it.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <memory>

#include <doctest/doctest.h>
#include <uv.h>

namespace sake::test {

class Loop {
 public:
  Loop() {
    REQUIRE(uv_loop_init(loop_.get()) == 0);
    uv_timer_init(loop_.get(), &timer_);
    timer_.data = this;
  }

  /// Runs the loop until its handles have closed, at most `drain_bound`.
  ~Loop() {
    uv_unref(handle());  // The bound alone must not keep the loop running.
    start_bound(drain_bound);
    while (!out_of_time_ && uv_run(loop_.get(), UV_RUN_ONCE) != 0) {
    }
    uv_close(handle(), [](uv_handle_t* timer) { static_cast<Loop*>(timer->data)->timer_closed_ = true; });
    while (!timer_closed_) uv_run(loop_.get(), UV_RUN_NOWAIT);

    const int result = uv_loop_close(loop_.get());
    CHECK_MESSAGE(result == 0, "handles were left open; they are listed on stderr");
    if (result == 0) return;
    uv_print_all_handles(loop_.get(), stderr);
    // Whoever owns those handles may still touch the loop, so it is given up rather than freed.
    static_cast<void>(loop_.release());
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  uv_loop_t* get() { return loop_.get(); }

  /// Runs until the predicate holds, which is asked before the first turn and after each; ends the test when it does
  /// not within the bound.
  template <std::predicate Predicate>
  void run_until(Predicate&& predicate, std::chrono::milliseconds bound = default_bound) {
    start_bound(bound);
    while (!predicate()) {
      if (out_of_time_) {
        uv_print_active_handles(loop_.get(), stderr);
        FAIL("the condition did not come true within " << bound.count() << " ms; the active handles are on stderr");
      }
      uv_run(loop_.get(), UV_RUN_ONCE);
    }
    uv_timer_stop(&timer_);
  }
  void run_until(const bool& flag, std::chrono::milliseconds bound = default_bound) {
    run_until([&flag] { return flag; }, bound);
  }

  /// Turns that do not wait: what is ready happens, what takes time does not.
  void run_for_turns(int turns) {
    for (int i = 0; i < turns; ++i) uv_run(loop_.get(), UV_RUN_NOWAIT);
  }

  /// For the rare test that something does not happen. Anything else wants run_until().
  void run_for(std::chrono::milliseconds duration) {
    start_bound(duration);
    while (!out_of_time_) uv_run(loop_.get(), UV_RUN_ONCE);
  }

 private:
  static constexpr std::chrono::milliseconds default_bound = std::chrono::seconds(120);
  static constexpr std::chrono::milliseconds drain_bound = std::chrono::seconds(10);

  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&timer_); }

  void start_bound(std::chrono::milliseconds bound) {
    out_of_time_ = false;
    uv_update_time(loop_.get());  // The test may have been busy since the last turn.
    uv_timer_start(
        &timer_,
        [](uv_timer_t* timer) {
          static_cast<Loop*>(timer->data)->out_of_time_ = true;
          uv_stop(timer->loop);  // A turn that begins with this would go on to wait for something else.
        },
        static_cast<std::uint64_t>(bound.count()), 0);
  }

  std::unique_ptr<uv_loop_t> loop_ = std::make_unique<uv_loop_t>();
  uv_timer_t timer_;
  bool out_of_time_ = false;
  bool timer_closed_ = false;
};

}  // namespace sake::test
