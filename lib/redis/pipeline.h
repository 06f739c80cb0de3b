#pragma once

// Pipeline: one ordered connection to a Redis database. Commands go out in batches, replies are matched by order, and
// what is unanswered when a link is lost goes out again on the next one, in the same order. The same happens, on the
// same link and after a pause, when the server cannot take a command at present.
// Rule: send only commands that may run twice, reads and absolute writes.
//
// Commands gather in a group of three sections. Closing the group fixes their order: the sections one after the other,
// behind all earlier groups. A group closes by close_group() and flush(), and also by the end() that fills it: so
// append commands that need an order between sections in that order.

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "sake/error.h"

#include "base/backoff.h"
#include "net/timer.h"
#include "redis/command_queue.h"
#include "redis/connection.h"
#include "redis/connection_options.h"
#include "redis/requester.h"
#include "resp/command_writer.h"

struct uv_loop_s;

namespace sake::redis {

class Pipeline;

/// Who watches the connection. In these calls commands may be appended to any pipeline and pipelines closed; no
/// pipeline may be destroyed.
class PipelineHandler {
 public:
  /// Greeted; what waits is being sent. After each reconnect again.
  virtual void on_ready(Pipeline& pipeline) noexcept = 0;
  /// A link that was ready has ended. Nothing is lost: the pipeline reconnects and sends again.
  virtual void on_lost(Pipeline& pipeline, const Error& error) noexcept = 0;
  /// No link: causes connect, lost, timed_out, protocol, or server when it does not serve. Tried again after a while.
  virtual void on_connect_failed(Pipeline& pipeline, const Error& error) noexcept = 0;
  /// The server refuses us: causes auth, tls, or server with a text that says what to change. Tried again after a
  /// while.
  virtual void on_greeting_refused(Pipeline& pipeline, const Error& error) noexcept = 0;
  /// pending_bytes() has fallen. At most once per turn of the loop.
  virtual void on_progress(Pipeline& pipeline) noexcept = 0;
  /// Nothing was asked for since ConnectionOptions::idle_after.
  virtual void on_idle(Pipeline& pipeline) noexcept = 0;

 protected:
  ~PipelineHandler() = default;
};

struct PipelineCounters {
  std::uint64_t commands = 0;    ///< Queued, SELECT apart; what is sent again counts once.
  std::uint64_t selects = 0;     ///< SELECTs queued.
  std::uint64_t refused = 0;     ///< Commands that Redis answered with an error for good.
  std::uint64_t retries = 0;     ///< How often commands were sent again because Redis could not take one.
  std::uint64_t flushes = 0;     ///< Writes to the socket.
  std::uint64_t bytes_sent = 0;  ///< Repetitions included.
  std::uint64_t bytes_received = 0;
  std::uint64_t lost = 0;  ///< Ready links that ended.

  PipelineCounters& operator+=(const PipelineCounters& other) noexcept;
};

/// What a connection is for.
enum class Role : std::uint8_t {
  writer,  ///< Writes, and reads that must see them. Its server must not be a replica.
  reader,  ///< Reads of one database.
};

class Pipeline final : private ConnectionHandler {
 public:
  /// Does nothing yet. `options`, `handler` and the loop must outlive the pipeline.
  Pipeline(uv_loop_s* loop, const ConnectionOptions& options, int database, Role role, PipelineHandler& handler);

  /// close(), if it was not called. Must not be called inside a callback of this pipeline.
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// Begins to connect; calls back later. Commands may be appended before.
  void start();

  /// Where the next command of a section goes: write exactly one, then call end() with the same section.
  resp::CommandWriter begin(Section section) { return queue_.begin(section); }

  /// Accepts the command. `who` may be null: nobody waits. `tag` 0 is a write, any other a read whose answer is passed
  /// on with it. On a closed pipeline `who` is told at once.
  void end(Section section, Requester* who, std::uint32_t tag = 0) {
    if (queue_.end(section, who, tag) || closed_) on_full();
  }

  /// Commands appended from now on go behind all earlier ones, whatever their section.
  void close_group() { queue_.close_group(); }

  /// Closes the group and sends what may be sent.
  void flush();

  /// Asks the server for a sign of life, behind everything else.
  void ping();

  /// Gives up the present link, if there is one, for another. Must not be called inside a callback of this pipeline.
  void reconnect(const Error& why);

  /// Ends every command that is unanswered with `error`, whose may_have_run is set for those that were sent; no handler
  /// is called. The loop closes the handles afterwards.
  void close(const Error& error);

  ConnectionState state() const noexcept { return connection_.state(); }
  bool is_ready() const noexcept { return connection_.is_ready(); }
  bool is_closed() const noexcept { return closed_; }
  int database() const noexcept { return database_; }

  /// The number of the group that is gathering; it grows when the group closes.
  std::uint64_t group() const noexcept { return queue_.group(); }

  /// Unsent and unanswered bytes, those of the open group included.
  std::size_t pending_bytes() const noexcept { return queue_.pending_bytes(); }
  std::size_t pending_commands() const noexcept { return queue_.pending_commands(); }
  std::size_t in_flight_bytes() const noexcept { return queue_.in_flight_bytes(); }
  std::uint64_t answered_bytes() const noexcept { return queue_.answered(); }
  PipelineCounters counters() const noexcept;

 private:
  /// What is done about a command that the server may take later. The answers to everything behind it are awaited and
  /// do not count: had they run, and it alone again, the order would be lost.
  enum class Retry : std::uint8_t {
    none,
    draining,   ///< Until the last answer to what was sent.
    pausing,    ///< Until the timer.
    selecting,  ///< Until SELECT is answered; then everything goes out again.
  };

  void on_link_ready() noexcept override;
  void on_link_reply(const resp::Reply& reply) noexcept override;
  void on_link_read() noexcept override;
  void on_link_written() noexcept override;
  void on_link_reply_too_large(const Error& error) noexcept override;
  void on_link_idle() noexcept override;
  void on_link_lost(const Error& error) noexcept override;
  void on_connect_failed(const Error& error) noexcept override;
  void on_greeting_refused(const Error& error) noexcept override;
  bool awaits_reply() const noexcept override;

  void on_full();
  void send();
  void on_refused(std::string_view words);
  bool may_retry() noexcept;
  void begin_retry();
  void on_drained();
  void pause();
  void on_pause_over();
  void on_selected(const resp::Reply& reply);
  void fail_leftovers();

  PipelineHandler& handler_;
  const ConnectionOptions& options_;
  const int database_;
  CommandQueue queue_;
  Connection connection_;

  Retry retry_ = Retry::none;
  net::Timer retry_timer_;
  base::Backoff retry_backoff_;
  std::uint64_t retried_at_;                  // The position of the command that is being retried ...
  std::chrono::milliseconds retried_for_{0};  // ... and for how long, pauses alone.

  std::uint64_t answered_told_ = 0;  // At the last on_progress.
  bool closed_ = false;
  bool closing_ = false;  // Inside close().
  Error close_error_;
  PipelineCounters counters_;
};

}  // namespace sake::redis
