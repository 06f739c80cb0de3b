#pragma once

// The connections of a cache: one pool per database in use, and one for the references. Knows what state they are in,
// and says so: to the cache, to the log (once for each change, not for each attempt), and to the host.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "sake/connection.h"
#include "sake/log.h"
#include "sake/stats.h"

#include "redis/pool.h"
#include "store/settings.h"

struct uv_loop_s;

namespace sake::cache {

/// In these calls commands may be appended and nothing be closed.
class ConnectionsHandler {
 public:
  /// Every writer is ready, for the first time.
  virtual void on_connected() noexcept = 0;
  /// The server refuses us. The text names the database and the resource.
  virtual void on_refused(const Error& error) noexcept = 0;
  /// The writer of the references has a link again.
  virtual void on_references_reconnected() noexcept = 0;
  /// It has not been used for a while.
  virtual void on_references_idle() noexcept = 0;

 protected:
  ~ConnectionsHandler() = default;
};

class Connections final : private redis::PipelineHandler {
 public:
  /// Begins to connect. Everything passed by reference must outlive it.
  Connections(uv_loop_s* loop, const store::Settings& settings, const redis::ConnectionOptions& options,
              const Options& wanted, LogSink& log, ConnectionsHandler& handler);

  /// REQUIRES: the resource is in use.
  redis::Pool& pool(Resource resource) noexcept;
  redis::Pool& references() noexcept { return *databases_.back()->pool; }
  /// All writers but that of the references.
  std::vector<redis::Pipeline*> writers() noexcept;

  std::size_t pending_bytes() const noexcept;
  /// Bytes that Redis has answered so far: it moves when Redis acts for us.
  std::uint64_t answered_bytes() const noexcept;

  /// Sends what has gathered. From outside of all callbacks of connections.
  void flush();
  void close(const Error& error);

  /// Tells the host what has changed since. It may call anything from its callback.
  void deliver();
  void on_change(Callback<void(const ConnectionChange&)> callback) { on_change_ = std::move(callback); }

  void append_stats(Stats& stats) const;
  /// Why there is no connection.
  const std::string& last_failure() const noexcept { return last_failure_; }

 private:
  struct Database {
    std::string resource;  ///< Its name, "references" in database 9.
    std::unique_ptr<redis::Pool> pool;
    bool was_ready = false;
    std::uint64_t reconnects = 0;
    std::string last_error;
    std::string told;  ///< The failure that was logged last and still lasts.
  };
  struct Change {
    int database;
    ConnectionChange::What what;
    Error error;
  };

  void on_ready(redis::Pipeline& writer) noexcept override;
  void on_lost(redis::Pipeline& writer, const Error& error) noexcept override;
  void on_connect_failed(redis::Pipeline& writer, const Error& error) noexcept override;
  void on_greeting_refused(redis::Pipeline& writer, const Error& error) noexcept override;
  void on_progress(redis::Pipeline&) noexcept override {}
  void on_idle(redis::Pipeline& writer) noexcept override;

  void add(int database, std::string resource, uv_loop_s* loop, const redis::ConnectionOptions& options,
           const Options& wanted);
  Database& of(const redis::Pipeline& writer) noexcept;
  void note(Database& database, const Error& error, LogLevel level);

  LogSink& log_;
  ConnectionsHandler& handler_;
  std::vector<std::unique_ptr<Database>> databases_;  // That of the references is the last.
  std::array<Database*, store::resource_limit> by_resource_{};
  std::string last_failure_ = "no connection was made";
  bool connected_ = false;
  std::vector<Change> changes_;
  Callback<void(const ConnectionChange&)> on_change_;
};

}  // namespace sake::cache
