#include "feeder.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <span>
#include <stdexcept>

#include "engine.h"

namespace sake::bench {
namespace {

/// So much is fed between two looks at whether to pause.
constexpr std::size_t portion_frames = 2000;

volatile std::sig_atomic_t is_to_pause = 1;

[[noreturn]] void feed_for_ever(const std::string& address, const Log& log, std::atomic<std::uint64_t>& fed) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGUSR1, [](int) { is_to_pause = 1; });
  try {
    Loop loop;
    Engine engine(loop, engine_options(address));
    engine.feed(log.start);
    for (std::span<const std::string> left;;) {
      if (is_to_pause != 0) {
        is_to_pause = 0;
        raise(SIGSTOP);
      }
      if (left.empty()) left = log.steady;
      const auto portion = left.first(std::min(left.size(), portion_frames));
      engine.feed(portion);
      fed += portion.size();
      left = left.subspan(portion.size());
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sake-bench: the process that feeds: %s\n", error.what());
  }
  _exit(1);
}

std::atomic<std::uint64_t>* shared_counter() {
  void* memory =
      mmap(nullptr, sizeof(std::atomic<std::uint64_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("cannot share memory with another process");
  return new (memory) std::atomic<std::uint64_t>(0);
}

}  // namespace

Feeder::Feeder(const std::string& address, const Log& log) : fed_(shared_counter()), process_(fork()) {
  if (process_ < 0) throw std::runtime_error("cannot start a process");
  if (process_ == 0) feed_for_ever(address, log, *fed_);
  wait_until_paused();
}

Feeder::~Feeder() {
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  munmap(fed_, sizeof(*fed_));
}

void Feeder::go() { kill(process_, SIGCONT); }

/// It stops itself once everything has been answered: a connection that is stopped in between would time out.
void Feeder::pause() {
  kill(process_, SIGUSR1);
  wait_until_paused();
}

void Feeder::wait_until_paused() {
  int status = 0;
  if (waitpid(process_, &status, WUNTRACED) != process_ || !WIFSTOPPED(status))
    throw std::runtime_error("the process that feeds has ended");
}

void remove_sequences(Frames& frames) {
  for (std::string& frame : frames)
    if (const std::size_t at = frame.find("\"s\":"); at != std::string::npos) frame.replace(at, 4, "\"q\":");
}

}  // namespace sake::bench
