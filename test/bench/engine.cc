#include "engine.h"

#include <stdexcept>
#include <utility>

namespace sake::bench {
namespace {

/// As sake-replay has it.
constexpr std::size_t pending_bytes_max = 4u << 20;

[[noreturn]] void fail(const Error& error) { throw std::runtime_error(describe(error)); }

void check_outcomes(const Stats& stats) {
  for (const EventStats& row : stats.events)
    if (row.rejected != 0 || row.failed != 0)
      throw std::runtime_error(std::string(row.event) + ": " + std::to_string(row.rejected) + " were rejected, " +
                               std::to_string(row.failed) + " failed");
}

}  // namespace

Loop::Loop() { uv_loop_init(&loop_); }

Loop::~Loop() {
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
}

void Loop::run_until(const bool& flag) {
  while (!flag) uv_run(&loop_, UV_RUN_ONCE);
}

Options engine_options(std::string address) {
  Options options{.address = std::move(address), .resources = ten_resources};
  options.pending_bytes_max = pending_bytes_max;
  return options;
}

Engine::Engine(Loop& loop, Options options) : loop_(loop) {
  bool is_open = false;
  Status outcome;
  auto opened = Cache::open(loop_.get(), std::move(options), [&](Status status) {
    outcome = std::move(status);
    is_open = true;
  });
  if (!opened) fail(opened.error());
  cache_ = std::move(opened).value();
  loop_.run_until(is_open);
  if (!outcome) fail(outcome.error());
}

Engine::~Engine() {
  bool is_closed = false;
  cache_->close([&] { is_closed = true; });
  loop_.run_until(is_closed);
}

Engine::Fed Engine::feed_a_turn(std::span<const std::string> frames, std::size_t bytes_max) {
  Fed fed;
  for (std::size_t bytes = 0; fed.frames < frames.size() && bytes < bytes_max; ++fed.frames) {
    if (!cache_->shard().dispatch_frame(frames[fed.frames])) {
      fed.is_full = true;
      break;
    }
    bytes += frames[fed.frames].size();
  }
  uv_run(loop_.get(), UV_RUN_NOWAIT);
  return fed;
}

void Engine::feed(std::span<const std::string> frames, Outcomes outcomes) {
  bool has_room = false;
  cache_->on_capacity([&] { has_room = true; });
  while (!frames.empty()) {
    has_room = false;
    const Fed fed = feed_a_turn(frames);
    frames = frames.subspan(fed.frames);
    if (fed.is_full) loop_.run_until(has_room);
  }
  flush();
  cache_->on_capacity({});
  if (outcomes == Outcomes::good) check_outcomes(stats());
}

void Engine::flush() {
  bool is_flushed = false;
  Status outcome;
  cache_->flush([&](Status status) {
    outcome = std::move(status);
    is_flushed = true;
  });
  loop_.run_until(is_flushed);
  if (!outcome) fail(outcome.error());
}

std::uint64_t entities_written(const Stats& stats) {
  std::uint64_t written = 0;
  for (const ResourceStats& row : stats.resources) written += row.upserts;
  return written;
}

}  // namespace sake::bench
