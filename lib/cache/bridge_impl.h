#pragma once

// What a bridge consists of: queues that any thread adds to, and the thread that empties them into a cache.
//
// Frames wait in one queue in the order they came, with what has to happen between them (forget, flush, ...); questions
// in another, which is emptied first. Whoever adds to a queue wakes the loop unless somebody has done so already. All
// work is done once per iteration of the loop, behind its sockets and before the cache sends what has gathered.
// bridge.cc is what other threads call, bridge_loop.cc what the loop's thread does.

#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <uv.h>

#include "sake/bridge.h"

#include "net/timer.h"
#include "resources/shard_state.h"

namespace sake {

struct SAKE_HIDDEN Bridge::Impl {
  /// A shard as the dispatching threads see it.
  struct Feed {
    std::uint32_t id;
    std::uint32_t count;
    std::optional<resources::ShardState::Refused> refused;
    Shard* shard = nullptr;  // For the loop's thread alone.
  };

  /// What is left of a refused frame that was given up: its shard, its guild, and whether it is a READY.
  using Skip = std::tuple<Feed*, std::uint64_t, bool>;

  /// Something between frames.
  struct Step {
    std::set<Skip> skips;
    Callback<void(Cache*)> run;  // Unless there are skips. Called with null once the cache is closed.
  };

  struct Item {
    Feed* feed = nullptr;
    std::string text;
    std::string event;  // Empty: `text` is a whole frame.
    std::optional<std::uint64_t> sequence;
    Completion completion;
    std::unique_ptr<Step> step;  // Instead of a frame.

    std::size_t bytes() const noexcept { return text.size() + event.size() + sizeof(Item); }
  };

  enum class Stage : std::uint8_t { running, draining, closing };

  explicit Impl(BridgeOptions&& options)
      : executor(std::move(options.executor)), questions_max(options.questions_max) {}

  // From any thread.
  Status dispatch(std::uint32_t shard_id, std::uint32_t shard_count, std::string&& event, std::string&& text,
                  std::optional<std::uint64_t> sequence, Completion&& completion);
  void skip(std::uint32_t shard_id, std::uint32_t shard_count);
  Status add_question(Callback<void(Cache*)>&& run, std::vector<Callback<void(Cache*)>>& to);
  std::future<Status> in_order(Callback<void(Cache&, Done<Status>&&)> run);
  Status wait_for_capacity(Done<Status>&& done);
  Done<Status> promise_to(std::future<Status>& future);
  std::shared_future<void> begin_close();

  // With the mutex held.
  Feed& feed(std::uint32_t id, std::uint32_t count);
  Status admit_question();
  void add(Item&& item);
  void wake() noexcept;

  // On the loop's thread.
  void run();
  void turn();
  void take_over();
  void take(Item item);
  void drop(Item item);
  void drop_all();
  void begin_drain();
  void close_cache();
  void end();
  void on_open(Status status);
  Stats collect();
  Shard& shard_of(Feed& feed) {
    if (feed.shard == nullptr) feed.shard = &cache->shard(feed.id, feed.count);
    return *feed.shard;
  }
  void execute(Callback<void()> task) { executor ? executor(std::move(task)) : task(); }
  void report(Completion completion, const EventResult& result);

  uv_loop_t loop;
  uv_async_t async;
  uv_check_t check;
  uv_thread_t thread{};
  Executor executor;
  std::unique_ptr<net::Timer> deadline;  // Of close().
  std::unique_ptr<Cache> cache;
  std::size_t pending_bytes_max = 0;
  std::size_t frame_bytes_max = 0;
  const std::size_t questions_max;
  std::vector<Item> taken;  // What was in `queue`; all before `next` has been taken over.
  std::size_t next = 0;
  Stage stage = Stage::running;
  bool is_open = false;
  bool out_of_time = false;
  bool cache_closed = false;
  bool orphaned = false;  // Nobody waits for the thread: it deletes this itself.
  std::promise<Status> opened;
  std::promise<void> closed;
  const std::shared_future<Status> when_opened = opened.get_future().share();
  const std::shared_future<void> when_closed = closed.get_future().share();

  // All below is guarded by the mutex, which is never held while something of the host's is called.
  std::mutex mutex;
  std::vector<std::unique_ptr<Feed>> feeds;
  std::vector<Item> queue;
  std::vector<Callback<void(Cache*)>> questions;
  std::vector<Callback<void(Cache*)>> capacity_waiters;
  std::size_t queued_bytes = 0;  // In `queue` and `taken`.
  std::size_t queued_frames = 0;
  std::size_t cache_bytes = 0;  // What the cache had pending after the latest turn.
  std::size_t open_questions = 0;
  std::uint64_t refusals = 0;
  std::uint64_t repeated_skips = 0;  // Those that say what an earlier one in the queue says.
  bool woken = false;
  bool refusing = false;  // close() was called, or open has failed.
  bool ended = false;     // The loop must not be woken any more.
  Stats final_stats;      // Once `ended`.
};

}  // namespace sake
