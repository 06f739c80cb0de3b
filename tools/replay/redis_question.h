#pragma once

// A short question to a Redis server over a connection of its own. It blocks, for a few seconds at most: for before and
// after a replay, never during one.

#include <optional>
#include <string>
#include <utility>

namespace sake::replay {

/// Where and how to ask: an address as in Options::address, and the password if the address holds none. Empty when
/// there is no answer in time, when the answer is an error, and for a rediss:// address: it does not speak TLS.
class RedisQuestion {
 public:
  RedisQuestion(std::string address, std::string password)
      : address_(std::move(address)), password_(std::move(password)) {}

  /// Answers PING.
  bool is_ready() const { return ask("PING") == "PONG"; }

  struct Cpu {
    std::string run_id;  ///< Another one after a restart, which begins to count anew.
    double seconds = 0;
  };
  /// The CPU time that the server has used since it was started.
  std::optional<Cpu> cpu() const;

 private:
  std::optional<std::string> ask(const std::string& command) const;

  std::string address_;
  std::string password_;
};

}  // namespace sake::replay
