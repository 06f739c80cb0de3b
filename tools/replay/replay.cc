#include "replay.h"

#include <chrono>
#include <string_view>
#include <utility>

namespace sake::replay {
namespace {

/// What one turn of the loop may feed. Larger turns gain nothing and keep Redis waiting for its next bytes.
constexpr std::size_t turn_bytes = 256u << 10;

/// What a line costs besides its bytes, so that a turn over short or blank lines ends as well.
constexpr std::size_t line_cost_bytes = 64;

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == line.npos; }

}  // namespace

Replay::Replay(uv_loop_t* loop, Plan plan, Incidents& incidents)
    : loop_(loop),
      plan_(std::move(plan)),
      incidents_(incidents),
      idle_(tools::make_handle(loop, uv_idle_init, this)),
      timer_(tools::make_handle(loop, uv_timer_init, this)),
      pace_(plan_.pace) {}

std::int64_t Replay::event_clock(void* replay) noexcept {
  const auto* self = static_cast<const Replay*>(replay);
  if (self->time_ms_) return *self->time_ms_;
  const bool has_pace = self->plan_.pace.rate || self->plan_.pace.speed;
  return has_pace ? static_cast<std::int64_t>(uv_now(self->loop_)) : 0;
}

void Replay::start(Cache& cache, Callback<void()> on_end) {
  cache_ = &cache;
  on_end_ = std::move(on_end);
  cache.on_capacity([this] {
    if (std::exchange(is_full_, false)) feed_again();
  });
  feed_again();
}

void Replay::stop() {
  is_full_ = false;
  if (reader_) {
    bytes_read_before_ += reader_->bytes_read();
    text_bytes_before_ += reader_->text_bytes();
  }
  watch_.reset();
  reader_.reset();
  idle_.reset();
  timer_.reset();
}

std::uint64_t Replay::bytes_read() const noexcept { return bytes_read_before_ + (reader_ ? reader_->bytes_read() : 0); }

std::uint64_t Replay::text_bytes() const noexcept { return text_bytes_before_ + (reader_ ? reader_->text_bytes() : 0); }

void Replay::feed() {
  for (std::size_t fed = 0; fed < turn_bytes;) {
    if (!has_frame_) {
      if (take_line() == Step::pause) return;
      fed += line_cost_bytes;
      continue;
    }
    fed += reader_->line().size();
    if (wait_for_pace() == Step::pause || offer() == Step::pause) return;
  }
}

/// Goes to the next line of the logs; it may be none that has to be fed.
Replay::Step Replay::take_line() {
  if (frames_ == plan_.limit) return end();
  if (!reader_) return begin_log();
  switch (reader_->next()) {
    case LogReader::Next::line:
      break;
    case LogReader::Next::too_long:
      ++frames_;
      incidents_.add_unreadable(place(), "the line is longer than a frame may be (" +
                                             std::to_string(cache_->options().frame_bytes_max) + " bytes)");
      return Step::go_on;
    case LogReader::Next::not_yet:
      return Step::pause;  // Until the next turn; the idle handle is still active.
    case LogReader::Next::starved:
      pause();
      if (!watch_)
        watch_ = std::make_unique<InputWatch>(loop_, reader_->descriptor(), [this] {
          watch_->stop();
          feed_again();
        });
      watch_->start();
      return Step::pause;
    case LogReader::Next::damaged:
      incidents_.add_unreadable(place(), "the rest of the log is left out: " + reader_->damage());
      return end_log();
    case LogReader::Next::end:
      return end_log();
  }
  if (is_blank(reader_->line())) return Step::go_on;
  envelope_ = read_envelope(reader_->line()).value_or(Envelope());
  if (envelope_.shard_is_wrong) {
    ++frames_;
    incidents_.add_unreadable(place(), "its \"shard\" is not [id, count] with an id below the count");
    return Step::go_on;
  }
  has_frame_ = true;
  return Step::go_on;
}

Replay::Step Replay::begin_log() {
  if (log_ == plan_.logs.size()) return end();
  auto reader = LogReader::open(plan_.logs[log_], cache_->options().frame_bytes_max);
  if (!reader) {
    incidents_.add_unreadable({plan_.logs[log_], 0}, reader.error().text);
    ++log_;
    return Step::go_on;
  }
  reader_ = std::move(reader.value());
  log_shard_ = {static_cast<std::uint32_t>(log_), static_cast<std::uint32_t>(plan_.logs.size())};
  pace_.begin_log();
  return Step::go_on;
}

Replay::Step Replay::end_log() {
  bytes_read_before_ += reader_->bytes_read();
  text_bytes_before_ += reader_->text_bytes();
  watch_.reset();
  reader_.reset();
  ++log_;
  return Step::go_on;
}

Replay::Step Replay::end() {
  pause();
  on_end_();
  return Step::pause;
}

Replay::Step Replay::wait_for_pace() {
  const auto now = std::chrono::nanoseconds(uv_hrtime());
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(pace_.wait(now, envelope_.time_ms));
  if (left.count() <= 0) return Step::go_on;
  pause();
  // The timer counts from the beginning of the loop's turn unless it is told the time.
  uv_update_time(loop_);
  uv_timer_start(
      timer_.get(), [](uv_timer_t* timer) { static_cast<Replay*>(timer->data)->feed_again(); },
      static_cast<std::uint64_t>(left.count()), 0);
  return Step::pause;
}

Replay::Step Replay::offer() {
  if (envelope_.time_ms) time_ms_ = envelope_.time_ms;
  const Status status = shard_of_frame().dispatch_frame(
      reader_->line(),
      [this, log = log_, line = reader_->line_number()](const EventResult& result) { on_outcome(result, log, line); });
  if (status) {
    ++frames_;
    has_frame_ = false;
    pace_.fed();
    return Step::go_on;
  }
  pause();
  if (status.error().code == Errc::over_capacity) {
    is_full_ = true;  // The same frame is offered again from on_capacity.
  } else {
    incidents_.add_unreadable(place(), describe(status.error()));
    has_frame_ = false;
    on_end_();
  }
  return Step::pause;
}

Shard& Replay::shard_of_frame() {
  if (envelope_.ready) log_shard_ = *envelope_.ready;
  const ShardName name = envelope_.shard.value_or(log_shard_);
  if (shard_ == nullptr || name != shard_name_) {
    shard_ = &cache_->shard(name.id, name.count);
    shard_name_ = name;
  }
  return *shard_;
}

void Replay::on_outcome(const EventResult& result, std::size_t log, std::uint64_t line) {
  if (result.outcome != Outcome::rejected && result.outcome != Outcome::failed) return;
  incidents_.add({plan_.logs[log], line}, result.outcome, result.event,
                 result.error != nullptr ? describe(*result.error) : result.reason);
}

}  // namespace sake::replay
