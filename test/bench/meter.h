#pragma once

// Meter: what a stretch of work took of the clock and of the processors, in this process, in the redis-server, and in
// everything else that ran on the machine meanwhile and may have disturbed it.

#include <sys/types.h>

namespace sake::bench {

struct Usage {
  double wall_seconds = 0;
  double own_cpu_seconds = 0;    ///< Of this process: the engine, or the client that is compared with it.
  double redis_cpu_seconds = 0;  ///< Of the server with all its threads.
  double other_cores = 0;        ///< Processors that were busy with something else, on average; 0 on a quiet machine.
};

class Meter {
 public:
  /// Starts. `server`: the process of the redis-server; it must live until read() was called.
  explicit Meter(pid_t server);

  /// Since the start.
  Usage read() const;

 private:
  Usage now() const;

  pid_t server_;
  Usage start_;
};

}  // namespace sake::bench
