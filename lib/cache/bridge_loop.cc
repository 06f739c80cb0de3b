// The bridge's own thread: it takes over what the others have left, and tells what came of it.

#include <cassert>
#include <chrono>

#include "cache/bridge_impl.h"

namespace sake {
namespace {

/// How long frames are taken over before the loop has its turn, so that answers and other threads' questions get
/// through.
constexpr std::chrono::milliseconds slice{3};

/// An emptied queue that has grown larger is given back.
constexpr std::size_t queue_kept_bytes = 1u << 20;

}  // namespace

void Bridge::Impl::on_open(Status status) {
  is_open = status.ok();
  const bool failed = !is_open;
  opened.set_value(std::move(status));
  const std::lock_guard lock(mutex);
  refusing = refusing || failed;
  wake();  // What has waited for this is taken over in the next turn.
}

/// Once per iteration of the loop.
void Bridge::Impl::turn() {
  std::vector<Callback<void(Cache*)>> asked;
  bool closing;
  {
    const std::lock_guard lock(mutex);
    woken = false;
    asked.swap(questions);
    closing = refusing;
  }
  for (auto& question : asked) question(cache.get());
  if (closing && stage == Stage::running) begin_drain();
  if (is_open && stage != Stage::closing) take_over();

  std::vector<Callback<void(Cache*)>> waiters;
  bool is_empty;
  {
    const std::lock_guard lock(mutex);
    cache_bytes = cache->pending_bytes();
    is_empty = queue.empty() && next == taken.size();
    if (stage != Stage::running || queued_bytes + cache_bytes < pending_bytes_max / 2) waiters.swap(capacity_waiters);
  }
  for (auto& waiter : waiters) waiter(stage == Stage::running ? cache.get() : nullptr);

  if (stage == Stage::draining && (is_empty || out_of_time)) {
    drop_all();
    close_cache();
  }
  if (stage == Stage::closing && out_of_time) cache->end_close();
  if (cache_closed) end();
}

void Bridge::Impl::take_over() {
  std::size_t bytes = 0;
  std::size_t frames = 0;
  bool is_over = false;
  const auto end = std::chrono::steady_clock::now() + slice;
  // The cache refuses nothing below its limit, so what was admitted here is admitted there.
  while (!is_over && cache->pending_bytes() < pending_bytes_max) {
    if (next == taken.size()) {
      taken.clear();
      next = 0;
      if (taken.capacity() * sizeof(Item) > queue_kept_bytes) std::vector<Item>().swap(taken);
      const std::lock_guard lock(mutex);
      if (queue.empty()) break;
      taken.swap(queue);
    }
    Item& item = taken[next++];
    bytes += item.bytes();
    if (item.step == nullptr) ++frames;
    take(std::move(item));
    is_over = std::chrono::steady_clock::now() >= end;
  }
  const std::lock_guard lock(mutex);
  queued_bytes -= bytes;
  queued_frames -= frames;
  if (is_over) wake();
}

void Bridge::Impl::take(Item item) {
  if (item.step != nullptr) {
    for (const auto& [feed, guild, is_ready] : item.step->skips) shard_of(*feed).skip_refused(guild, is_ready);
    if (item.step->run) item.step->run(cache.get());
    return;
  }
  Completion completion = std::move(item.completion);
  if (executor && completion)
    completion = [this, told = std::move(completion)](const EventResult& result) mutable {
      report(std::move(told), result);
    };
  Shard& shard = shard_of(*item.feed);
  const Status taken_over = item.event.empty()
                                ? shard.dispatch_frame(item.text, std::move(completion))
                                : shard.dispatch(item.event, item.text, item.sequence, std::move(completion));
  assert(taken_over && "a question has dispatched something itself");
  static_cast<void>(taken_over);
}

void Bridge::Impl::report(Completion completion, const EventResult& result) {
  if (!executor) return completion(result);
  struct Told {
    Completion completion;
    Outcome outcome;
    std::string event;
    std::string reason;
    std::unique_ptr<Error> error;
  };
  Told told{std::move(completion), result.outcome, std::string(result.event), std::string(result.reason),
            result.error == nullptr ? nullptr : std::make_unique<Error>(*result.error)};
  executor([told = std::move(told)]() mutable {
    told.completion({told.outcome, told.event, told.reason, told.error.get()});
  });
}

void Bridge::Impl::drop(Item item) {
  const Error error = Bridge::closed();
  if (item.completion) report(std::move(item.completion), {Outcome::failed, {}, {}, &error});
  if (item.step != nullptr && item.step->run) item.step->run(nullptr);
}

void Bridge::Impl::drop_all() {
  std::vector<Item> rest;
  std::vector<Item> last;
  for (; next < taken.size(); ++next) rest.push_back(std::move(taken[next]));
  {
    const std::lock_guard lock(mutex);
    last.swap(queue);
    queued_bytes = queued_frames = 0;
  }
  for (Item& item : rest) drop(std::move(item));
  for (Item& item : last) drop(std::move(item));
}

void Bridge::Impl::begin_drain() {
  stage = Stage::draining;
  // Without a server there is nothing to wait for.
  out_of_time = !is_open;
  deadline->start(cache->options().drain_timeout);
}

void Bridge::Impl::close_cache() {
  stage = Stage::closing;
  cache->close([this] {
    cache_closed = true;
    const std::lock_guard lock(mutex);
    wake();
  });
}

Stats Bridge::Impl::collect() {
  const std::lock_guard lock(mutex);
  if (ended) return final_stats;
  Stats stats = cache->stats();
  stats.over_capacity += refusals;
  stats.skipped += repeated_skips;
  stats.pending_bytes += queued_bytes;
  stats.events_pending += queued_frames;
  return stats;
}

/// The cache has closed its handles; this closes those of the bridge.
void Bridge::Impl::end() {
  Stats last = collect();
  cache.reset();
  std::vector<Callback<void(Cache*)>> rest;
  {
    const std::lock_guard lock(mutex);
    ended = true;
    final_stats = std::move(last);
    rest.swap(questions);
  }
  for (auto& question : rest) question(nullptr);
  deadline->close();
  uv_close(reinterpret_cast<uv_handle_t*>(&check), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&async), nullptr);
}

void Bridge::Impl::run() {
  uv_run(&loop, UV_RUN_DEFAULT);
  [[maybe_unused]] const int left = uv_loop_close(&loop);
  assert(left == 0 && "a handle of the bridge's loop was left open");
  const bool own = orphaned;
  closed.set_value();
  if (own) delete this;
}

}  // namespace sake
