#pragma once

// Blaster: the least that a client can do. It writes recorded bytes as fast as the server takes them, each on the
// connection it was recorded on, and counts the replies.

#include <cstddef>
#include <string>
#include <vector>

#include "recording.h"
#include "support/value_scanner.h"

namespace sake::bench {

class Blaster {
 public:
  /// Connects to a Unix socket. Throws std::runtime_error when that fails, here and below.
  Blaster(const std::string& socket_path, const Recording& recording);
  ~Blaster();
  Blaster(const Blaster&) = delete;
  Blaster& operator=(const Blaster&) = delete;

  /// Sends the next phase, the greeting first; returns when all of it is answered.
  void send_phase();

 private:
  struct Connection {
    int descriptor;
    const Recording::Stream* stream;
    std::string_view unsent;
    std::size_t unanswered = 0;
    test::ValueScanner replies;
  };
  static void write_some(Connection& connection);
  void read_some(Connection& connection);

  std::vector<Connection> connections_;
  std::vector<std::vector<std::size_t>> commands_;  ///< Of each connection in each phase: counted before the run.
  std::string buffer_;
  std::size_t phase_ = 0;
};

}  // namespace sake::bench
