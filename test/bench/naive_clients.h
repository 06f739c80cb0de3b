#pragma once

// Clients that send one command at a time, over hiredis: one that waits for each reply, and hiredis's asynchronous one,
// which sends whatever it is given. The commands are ready made.

#include <cstddef>
#include <span>
#include <string>

#include "single_commands.h"

namespace sake::bench {

/// Connections to databases 0 to 15 of the server on this Unix socket. Throws std::runtime_error when one is lost.
class WaitingClient {
 public:
  explicit WaitingClient(const std::string& socket_path);
  ~WaitingClient();
  WaitingClient(const WaitingClient&) = delete;
  WaitingClient& operator=(const WaitingClient&) = delete;

  /// Takes each event apart as usual, into a DOM and back into text, and sends its share of the commands.
  void send(std::span<const std::string> frames, std::span<const SingleCommand> commands);

 private:
  struct Impl;
  Impl* impl_;
};

class AsyncClient {
 public:
  /// Whether this machine has hiredis's headers for it; else there is no such client.
  static const bool is_available;

  explicit AsyncClient(const std::string& socket_path);
  ~AsyncClient();
  AsyncClient(const AsyncClient&) = delete;
  AsyncClient& operator=(const AsyncClient&) = delete;

  /// At most so many are unanswered at any time.
  void send(std::span<const SingleCommand> commands, std::size_t unanswered_max);

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace sake::bench
