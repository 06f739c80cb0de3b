#pragma once

// Connection: keeps one link to a Redis server up. It resolves, connects, greets, watches the timeouts, and tries again
// for ever, with growing pauses, until it is closed; what is sent over the link is its handler's matter.
// Rule: the handler may close the connection in any call, and may destroy it in none.

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sake/error.h"

#include "base/buffer.h"
#include "net/link.h"
#include "net/resolver.h"
#include "net/timer.h"
#include "redis/connection_fsm.h"
#include "redis/connection_options.h"
#include "redis/greeting.h"
#include "resp/reply_reader.h"

struct uv_loop_s;

namespace sake::redis {

/// All calls come from the loop.
class ConnectionHandler {
 public:
  /// Greeted: database() is selected, and whatever was sent over earlier links can no longer run.
  virtual void on_link_ready() noexcept = 0;
  virtual void on_link_reply(const resp::Reply& reply) noexcept = 0;
  /// The replies that one read brought have been passed on.
  virtual void on_link_read() noexcept = 0;
  /// What write() could not send at once has been sent.
  virtual void on_link_written() noexcept = 0;
  /// The reply that is due is larger than the bound. on_link_lost follows.
  virtual void on_link_reply_too_large(const Error& error) noexcept = 0;
  /// Nothing was asked for a while.
  virtual void on_link_idle() noexcept = 0;
  /// A link that was ready has ended.
  virtual void on_link_lost(const Error& error) noexcept = 0;
  /// The server is down or does not serve at present.
  virtual void on_connect_failed(const Error& error) noexcept = 0;
  /// The server serves, but not us: the login, a right or a setting is wrong.
  virtual void on_greeting_refused(const Error& error) noexcept = 0;
  /// Whether something is under way: only then does silence end the link.
  virtual bool awaits_reply() const noexcept = 0;

 protected:
  ~ConnectionHandler() = default;
};

class Connection final : private net::StreamHandler, private resp::ReplyHandler {
 public:
  /// Does nothing yet. `options`, `handler` and the loop must outlive the connection.
  Connection(uv_loop_s* loop, const ConnectionOptions& options, int database, ConnectionHandler& handler);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();

  /// The end, with no further call to the handler. The loop closes the handles afterwards.
  void close() noexcept;

  /// Greetings fail when this one does not exist either: a handler that changes databases must not find out too late,
  /// since what it has sent behind a SELECT that is refused runs all the same.
  void require_database(int database) noexcept { other_database_ = database; }

  /// Greetings fail when the server takes no writes.
  void require_writes() noexcept { writes_ = true; }

  /// Selected by the greetings to come.
  void set_database(int database) noexcept { database_ = database; }

  ConnectionState state() const noexcept { return fsm_.state(); }
  bool is_ready() const noexcept { return state() == ConnectionState::ready; }

  /// False while bytes of an earlier write() are being sent.
  bool may_write() const noexcept { return is_ready() && !stream_.is_writing(); }

  /// Sends the pieces one after the other; they must stay as they are until on_link_written, or for ever if this
  /// returns true: then all is sent. REQUIRES: may_write().
  bool write(std::span<const std::string_view> pieces);

  /// Gives up a link on which the replies make no sense; on_link_lost follows before this returns.
  void fail_link(const Error& error);

  /// Uniform over 32 bits; for jitter, not for secrets.
  std::uint32_t random() noexcept;

  std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }
  std::uint64_t bytes_received() const noexcept { return bytes_received_; }

 private:
  void on_connected() noexcept override;
  void on_read(std::string_view bytes) noexcept override;
  void on_written() noexcept override;
  void on_lost(const Error& error) noexcept override;
  void on_reply(const resp::Reply& reply) noexcept override;

  void on_timer();
  void carry_out(ConnectionAction action);
  void watch_attempt();
  void watch_link();
  void rest();
  void open();
  void on_resolved(Result<std::vector<net::SocketAddress>> found);
  void connect_next();
  void greet();
  void send_greeting();
  void on_greeting_reply(const resp::Reply& reply);
  void serve();
  void fail(const Error& error, bool refused);
  void let_go() noexcept;
  static Error timed_out(std::string_view what, std::chrono::milliseconds timeout);

  const ConnectionOptions& options_;
  ConnectionHandler& handler_;
  int database_;
  int other_database_ = -1;
  bool writes_ = false;
  ConnectionFsm fsm_;
  net::Timer timer_;  // The pause between attempts, the ticks of the timeouts, or the time until the link is idle.
  net::Resolver resolver_;
  net::Link stream_;
  std::unique_ptr<resp::ReplyReader> reader_;  // Of the present link.

  std::vector<net::SocketAddress> addresses_;  // Still to be tried, from the last to the first.
  Greeting greeting_;
  base::Buffer greeting_bytes_;
  std::string name_;
  std::int64_t predecessor_id_ = -1;

  bool idle_ = false;                // The timer waits for idle_after, not for a tick.
  int ticks_ = 0;                    // Since the attempt began, or since the last progress.
  std::uint64_t received_seen_ = 0;  // At the last tick.
  std::size_t unwritten_seen_ = 0;   // The same.
  std::uint64_t random_state_;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_received_ = 0;
  bool in_call_ = false;  // Calls to the handler are under way.
};

}  // namespace sake::redis
