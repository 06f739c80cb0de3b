#pragma once

// PrivateServer: a redis-server of our own, on a Unix socket in a fresh directory, that writes nothing to disk.
// The kernel kills it when this process ends in whatever way, unless it is to be kept.

#include <sys/types.h>

#include <string>

#include "sake/result.h"

namespace sake::replay {

class PrivateServer {
 public:
  enum class Life : bool { until_we_end, kept };

  /// Returns when the server answers. It dies with the calling thread, which should therefore be the main one.
  static Result<PrivateServer> start(Life life);

  /// Kills a server that is not kept and removes its directory.
  ~PrivateServer();
  PrivateServer(PrivateServer&& other) noexcept;
  PrivateServer& operator=(PrivateServer&&) = delete;

  /// "unix:///tmp/sake-replay-XXXXXX/redis.sock"
  std::string address() const { return "unix://" + socket_path(); }
  std::string socket_path() const { return directory_ + "/redis.sock"; }
  const std::string& directory() const noexcept { return directory_; }

  /// Empty while the server runs, else how it ended and its last words.
  std::string cause_of_death();

  /// What was to be kept is not worth it: nothing was written.
  void do_not_keep() noexcept { life_ = Life::until_we_end; }

  /// What the destructor does, from where none will run.
  void stop() noexcept;

 private:
  PrivateServer(Life life, std::string directory) : life_(life), directory_(std::move(directory)) {}
  Status spawn();
  Status wait_until_ready();
  std::string last_words() const;

  Life life_;
  std::string directory_;
  pid_t process_ = 0;  ///< 0: none, or it has ended and was reaped.
};

}  // namespace sake::replay
