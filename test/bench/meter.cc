#include "meter.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <string>

namespace sake::bench {
namespace {

double seconds_of(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) throw std::runtime_error("a process that is measured has ended");
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double cpu_seconds_of(pid_t process) {
  clockid_t clock = 0;
  if (clock_getcpuclockid(process, &clock) != 0) throw std::runtime_error("a process that is measured has ended");
  return seconds_of(clock);
}

/// All processors together, whoever used them: the kernel's count, in steps of ten milliseconds.
double busy_seconds() {
  std::ifstream file("/proc/stat");
  std::string name;
  double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft_interrupts = 0, stolen = 0;
  file >> name >> user >> nice >> system >> idle >> waiting >> interrupts >> soft_interrupts >> stolen;
  return (user + nice + system + interrupts + soft_interrupts + stolen) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

Meter::Meter(pid_t server) : server_(server), start_(now()) {}

Usage Meter::read() const {
  const Usage end = now();
  Usage usage;
  usage.wall_seconds = end.wall_seconds - start_.wall_seconds;
  usage.own_cpu_seconds = end.own_cpu_seconds - start_.own_cpu_seconds;
  usage.redis_cpu_seconds = end.redis_cpu_seconds - start_.redis_cpu_seconds;
  const double others = end.other_cores - start_.other_cores - usage.own_cpu_seconds - usage.redis_cpu_seconds;
  usage.other_cores = std::max(0.0, others / usage.wall_seconds);
  return usage;
}

/// `other_cores` holds the seconds of all processors here.
Usage Meter::now() const {
  return {seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID), cpu_seconds_of(server_), busy_seconds()};
}

}  // namespace sake::bench
