#pragma once

// A redis-server of one's own for each fixture: on a Unix socket in a fresh directory, nothing stored on disk, gone
// with the object or with the test program. Starting one takes about ten milliseconds.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "support/temp_directory.h"

namespace sake::test {

struct RedisServerOptions {
  int databases = 32;
  bool tcp = false;           ///< Also on a free loopback port, which stays the same over restarts.
  bool tls = false;           ///< Also over TLS on another; `configuration` has to name the certificate.
  std::string password = {};  ///< Of the default user.

  /// Lines for the configuration file: "maxmemory 1mb", "user alice on >secret ~* &* +@all".
  std::vector<std::string> configuration = {};

  /// For the command line, after the configuration file: {"--appendonly", "yes"}.
  std::vector<std::string> arguments = {};

  std::chrono::milliseconds start_bound = std::chrono::seconds(20);
};

class RedisServer {
 public:
  /// Starts it and waits until it answers. Throws std::runtime_error, with the log, when it does not.
  explicit RedisServer(RedisServerOptions options = {});

  /// Kills it and removes the directory; prints the log first when the running test has failed.
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  std::string socket_path() const { return directory_.file("redis.sock"); }
  int port() const { return port_; }                                     ///< 0 without the option `tcp`.
  int tls_port() const { return tls_port_; }                             ///< 0 without the option `tls`.
  std::string address() const;                                           ///< unix:///.../redis.sock
  std::string tcp_address() const;                                       ///< redis://127.0.0.1:port
  std::string tls_address(const std::string& host = "127.0.0.1") const;  ///< rediss://host:tls_port
  std::string directory() const { return directory_.path(); }
  pid_t pid() const { return pid_; }  ///< 0 while it is not running.

  void kill();     ///< SIGKILL, and waits for the end.
  void stop();     ///< An orderly shutdown, and waits for the end.
  void start();    ///< Again after kill() or stop(). Data survives only what `arguments` ask Redis to store.
  void restart();  ///< kill() and start().
  void pause();    ///< Stops it from running: connections stay open, nothing is answered.
  void resume();

  /// What the server has printed so far, over all restarts.
  std::string log() const;

 private:
  void launch();
  bool answers() const;
  void wait_until_ready();
  bool has_exited();
  void reap();
  void write_configuration() const;

  RedisServerOptions options_;
  TempDirectory directory_;
  int port_ = 0;
  int tls_port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace sake::test
