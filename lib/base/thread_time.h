#pragma once

// The CPU time of the calling thread: what the engine measures its own turns with, since a wall clock would also count
// the host's other work and the scheduler's.

#include <time.h>

#include <chrono>

namespace sake::base {

/// Grows only while this thread runs. Costs a system call on some machines: not for every command.
inline std::chrono::nanoseconds thread_cpu_time() noexcept {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace sake::base
