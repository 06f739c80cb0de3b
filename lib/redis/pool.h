#pragma once

// Pool: the connections to one Redis database. One writer carries everything that changes the database or must see the
// order of changes. Users' reads have readers of their own: behind a megabyte of writes a read would take milliseconds.
// Rule: at most connections_max at any time, and none but the writer's until somebody reads.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis/pipeline.h"

namespace sake::redis {

struct PoolCounters {
  PipelineCounters writer;
  PipelineCounters readers;
  std::uint64_t reads = 0;      ///< Accepted so far.
  std::uint64_t waited = 0;     ///< Those that found every reader busy.
  std::uint64_t opened = 0;     ///< Readers opened so far.
  std::size_t waiting = 0;      ///< Reads that no connection has taken yet.
  std::size_t ready = 0;        ///< Connections that serve.
  std::size_t connections = 0;  ///< Connections, those that are being made included.
};

class Pool final : private PipelineHandler {
 public:
  /// A reader takes no more reads than this at a time, so that one answer is not behind hundreds.
  static constexpr std::size_t reads_per_reader_max = 16;

  /// Does nothing yet. `handler` is told of the writer alone. It, `options` and the loop must outlive the pool.
  /// REQUIRES: connections_max >= 1.
  Pool(uv_loop_s* loop, const ConnectionOptions& options, int database, int connections_max,
       std::chrono::milliseconds reader_idle_timeout, PipelineHandler& handler);
  ~Pool();

  Pipeline& writer() noexcept { return writer_; }
  const Pipeline& writer() const noexcept { return writer_; }
  int database() const noexcept { return writer_.database(); }

  /// Sends a read, given as the bytes of one command, over the reader that has least to do, or over the writer when
  /// there may be no reader. `who` is told as by Pipeline::end(); reads are begun in the order of these calls.
  /// REQUIRES: tag != 0.
  void read(std::string_view command, Requester& who, std::uint32_t tag);

  /// Sends what has gathered. Call it once per iteration of the loop, from outside of all callbacks.
  void flush();

  /// The readers' server is no longer the one to ask.
  void reconnect_readers(const Error& why);

  /// As Pipeline::close(), of all connections and of what waits.
  void close(const Error& error);

  std::size_t pending_bytes() const noexcept;
  PoolCounters counters() const noexcept;

 private:
  struct Waiting {
    std::string command;
    Requester* who = nullptr;
    std::uint32_t tag = 0;
  };

  void on_ready(Pipeline& reader) noexcept override;
  void on_lost(Pipeline& reader, const Error& error) noexcept override;
  void on_connect_failed(Pipeline& reader, const Error& error) noexcept override;
  void on_greeting_refused(Pipeline& reader, const Error& error) noexcept override;
  void on_progress(Pipeline& reader) noexcept override;
  void on_idle(Pipeline& reader) noexcept override;

  /// The connection that takes the next read; null when it must wait.
  Pipeline* choose(bool readers_fail = false);
  void open_reader();
  void close_reader(Pipeline& reader);
  void serve_waiting(bool readers_fail = false);
  static void send(Pipeline& through, std::string_view command, Requester& who, std::uint32_t tag);

  uv_loop_s* loop_;
  const ConnectionOptions reader_options_;
  const std::size_t readers_max_;
  Pipeline writer_;
  std::vector<std::unique_ptr<Pipeline>> readers_;
  bool closed_ = false;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  PoolCounters counters_;  // Of closed readers, and what only the pool counts.
};

}  // namespace sake::redis
