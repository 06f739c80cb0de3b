#pragma once

// Session: one cache that is open for as long as a command runs, with the signals that end it early.
// A cache that is opened to look writes nothing but a few keys of its own, `sake:*` in database 9, and takes them away.

#include <array>
#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <uv.h>

#include "sake/cache.h"

#include "common/handle.h"

namespace sake::inspect {

constexpr int exit_done = 0;
constexpr int exit_found = 1;   ///< Nothing where something was wanted, or something wrong.
constexpr int exit_unable = 2;  ///< Wrong usage, no server, a file that cannot be read.

class Session {
 public:
  Session(uv_loop_t* loop, Options options);

  /// Runs the loop until everything is closed. `command` is called once the cache is open, and calls end() or fail().
  int run(std::function<Detached(Session&)> command);

  Cache& cache() { return *cache_; }
  void end(int exit_code);
  /// Says what went wrong.
  void fail(const Error& error);
  bool is_ending() const { return is_ending_; }

  class Pause;
  /// co_await it.
  Pause pause(std::chrono::milliseconds time);

 private:
  void on_signal(int number);

  uv_loop_t* const loop_;
  Options options_;
  std::function<Detached(Session&)> command_;
  std::array<tools::Handle<uv_signal_t>, 3> signals_;
  tools::Handle<uv_timer_t> timer_;
  std::coroutine_handle<> paused_;
  std::unique_ptr<Cache> cache_;
  bool is_ending_ = false;
  int exit_code_ = exit_done;
};

/// Ends early when the session does.
class Session::Pause {
 public:
  Pause(Session& session, std::chrono::milliseconds time) : session_(session), time_(time) {}
  bool await_ready() const noexcept { return session_.is_ending_; }
  void await_suspend(std::coroutine_handle<> waiting);
  void await_resume() const noexcept {}

 private:
  Session& session_;
  std::chrono::milliseconds time_;
};

/// A line on standard error; gives back exit_unable.
int unable(const std::string& why);

/// "backend_error (connect): ...", and what to do about it.
std::string explain(const Error& error, const std::string& address);

}  // namespace sake::inspect
