#pragma once

// Replay: feeds the frames of logs, one log after the other, to a cache, as fast as it takes them or at a given pace.
// Nothing is dropped: while the cache is full, nothing is read.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <uv.h>

#include "sake/cache.h"

#include "common/handle.h"
#include "envelope.h"
#include "incidents.h"
#include "input_watch.h"
#include "log_reader.h"
#include "pace.h"

namespace sake::replay {

struct Plan {
  std::vector<std::string> logs;
  Pace::Settings pace;
  std::optional<std::uint64_t> limit;  ///< So many frames at most.
};

class Replay {
 public:
  Replay(uv_loop_t* loop, Plan plan, Incidents& incidents);

  /// For Options::event_clock, with the replay as its context: the time of the last frame. In a log without times 0,
  /// or the loop's time if the replay has a pace.
  static std::int64_t event_clock(void* replay) noexcept;

  /// `on_end` is called when every frame has been taken by the cache, which may not have sent them yet.
  /// REQUIRES: the cache outlives the feeding, and the replay the cache.
  void start(Cache& cache, Callback<void()> on_end);

  /// Feeds nothing more and does not call on_end.
  void stop();

  /// Lines so far that hold something: offered to the cache and taken, or not fit to be offered.
  std::uint64_t frames() const noexcept { return frames_; }
  std::uint64_t bytes_read() const noexcept;  ///< Of the logs as stored.
  std::uint64_t text_bytes() const noexcept;  ///< Of the logs as decoded.
  bool has_times() const noexcept { return time_ms_.has_value(); }

 private:
  enum class Step : bool { go_on, pause };

  void feed();
  Step take_line();
  Step begin_log();
  Step end_log();
  Step end();
  Step wait_for_pace();
  Step offer();
  Shard& shard_of_frame();
  void feed_again() {
    uv_idle_start(idle_.get(), [](uv_idle_t* idle) { static_cast<Replay*>(idle->data)->feed(); });
  }
  void pause() { uv_idle_stop(idle_.get()); }
  void on_outcome(const EventResult& result, std::size_t log, std::uint64_t line);
  Place place() const { return {plan_.logs[log_], reader_->line_number()}; }

  uv_loop_t* const loop_;
  const Plan plan_;
  Incidents& incidents_;
  Cache* cache_ = nullptr;
  Callback<void()> on_end_;
  tools::Handle<uv_idle_t> idle_;
  tools::Handle<uv_timer_t> timer_;

  std::size_t log_ = 0;
  std::unique_ptr<LogReader> reader_;
  std::unique_ptr<InputWatch> watch_;
  Pace pace_;
  bool is_full_ = false;

  // The frame that is to be fed next, if there is one: reader_'s line and what is known of it.
  bool has_frame_ = false;
  Envelope envelope_;

  ShardName log_shard_;  ///< Whose frames this log holds, where they do not say.
  ShardName shard_name_;
  Shard* shard_ = nullptr;  ///< The one called shard_name_.
  std::optional<std::int64_t> time_ms_;

  std::uint64_t frames_ = 0;
  std::uint64_t bytes_read_before_ = 0;  ///< Of the logs that have ended.
  std::uint64_t text_bytes_before_ = 0;
};

}  // namespace sake::replay
