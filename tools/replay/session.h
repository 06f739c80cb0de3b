#pragma once

// Session: one replay from opening the cache to closing the last connection, with the signals that end it early.
// The first SIGINT, SIGTERM or SIGHUP stops reading and lets Redis finish what it was given; the second ends at once.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <uv.h>

#include "sake/cache.h"
#include "sake/options.h"

#include "cache_log.h"
#include "common/handle.h"
#include "incidents.h"
#include "private_server.h"
#include "progress.h"
#include "replay.h"

namespace sake::replay {

class Session {
 public:
  /// From here on signals are noticed.
  Session(uv_loop_t* loop, Incidents& incidents, Progress& progress);

  struct Result {
    std::optional<Error> not_opened;  ///< Then nothing was replayed.
    std::optional<int> signal;        ///< What ended it early.
    std::string server_lost;          ///< How the private server died.
    std::uint64_t frames = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t text_bytes = 0;
    bool has_times = false;
    double wall_seconds = 0;
    double cpu_seconds = 0;
    Stats stats;
  };
  /// Runs the loop until everything is closed. `server` is null when it is not ours.
  Result run(Options options, Plan plan, Progress::Goal goal, PrivateServer* server);

 private:
  void on_opened(const Status& status);
  void on_signal(int number);
  void on_child_ended();
  void measure();
  void finish();
  void close();
  void show_progress();

  uv_loop_t* const loop_;
  Incidents& incidents_;
  Progress& progress_;
  CacheLog cache_log_;
  std::array<tools::Handle<uv_signal_t>, 4> signals_;
  tools::Handle<uv_timer_t> progress_timer_;
  PrivateServer* server_ = nullptr;

  std::optional<Replay> replay_;
  std::unique_ptr<Cache> cache_;
  Progress::Goal goal_;
  bool is_closing_ = false;
  std::optional<std::uint64_t> began_;  ///< uv_hrtime() at the first frame, until the last outcome.
  double cpu_began_ = 0;
  Result result_;
};

}  // namespace sake::replay
