#pragma once

// Feeder: another process that feeds a log into the same server at full speed, again and again, whenever it is told to.

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "logs.h"

namespace sake::bench {

class Feeder {
 public:
  /// Starts it; it has fed the start of the log and waits. Throws std::runtime_error when that fails. Its steady part
  /// must carry no sequence numbers.
  Feeder(const std::string& address, const Log& log);
  ~Feeder();
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  void go();
  void pause();

  /// Frames so far, as of the last portion; each has had its outcome.
  std::uint64_t fed() const { return fed_->load(); }

 private:
  void wait_until_paused();

  std::atomic<std::uint64_t>* fed_;  ///< In memory that both processes see.
  pid_t process_;
};

/// Without these, frames can be fed again.
void remove_sequences(Frames& frames);

}  // namespace sake::bench
