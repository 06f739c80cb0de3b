// The bridge as other threads see it: what they call locks the mutex, adds to a queue and returns.

#include "sake/bridge.h"

#include <pthread.h>

#include <csignal>

#include "cache/bridge_impl.h"
#include "dispatch/dispatcher.h"

namespace sake {
namespace {

using dispatch::Dispatcher;
using resources::ShardState;

/// Runs on the thread that starts another, which inherits its mask: the host's signals are for the host's threads, and
/// a peer that is gone must not end the process even where the host wants SIGPIPE. What a fault raises still comes.
class NoSignals {
 public:
  NoSignals() noexcept {
    sigset_t all;
    sigfillset(&all);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_;
};

Error not_started(const char* what, int code) {
  return {.code = Errc::backend_error,
          .cause = Cause::connect,
          .text = std::string("cannot start the bridge's ") + what + ": " + uv_strerror(code)};
}

Error over_capacity(bool out_of_order) {
  return {.code = Errc::over_capacity,
          .text = out_of_order ? "an earlier frame of this shard was refused: offer that one again or skip it"
                               : "pending_bytes_max is reached: offer this frame again when capacity() is ready"};
}

void run_here(Callback<void()> task) { task(); }

}  // namespace

Bridge::Impl::Feed& Bridge::Impl::feed(std::uint32_t id, std::uint32_t count) {
  for (const auto& known : feeds)
    if (known->id == id && known->count == count) return *known;
  feeds.push_back(std::make_unique<Feed>(Feed{id, count, std::nullopt}));
  return *feeds.back();
}

void Bridge::Impl::wake() noexcept {
  // A loop that has been woken takes whatever is there by then; to wake it again would be one more system call.
  if (!ended && !std::exchange(woken, true)) uv_async_send(&async);
}

void Bridge::Impl::add(Item&& item) {
  queued_bytes += item.bytes();
  if (item.step == nullptr) ++queued_frames;
  queue.push_back(std::move(item));
  wake();
}

Status Bridge::Impl::dispatch(std::uint32_t shard_id, std::uint32_t shard_count, std::string&& event,
                              std::string&& text, std::optional<std::uint64_t> sequence, Completion&& completion) {
  const Dispatcher::Frame frame{text, event, sequence};
  Feed* feed = nullptr;
  {
    const std::lock_guard lock(mutex);
    if (refusing) return Bridge::closed();
    feed = &this->feed(shard_id, shard_count);
    const bool out_of_order = feed->refused && feed->refused->fingerprint != Dispatcher::fingerprint(frame);
    if (!out_of_order && queued_bytes + cache_bytes < pending_bytes_max) {
      feed->refused.reset();
      Item item;
      item.feed = feed;
      item.text = std::move(text);
      item.event = std::move(event);
      item.sequence = sequence;
      item.completion = std::move(completion);
      add(std::move(item));
      return {};
    }
    ++refusals;
    if (feed->refused) return over_capacity(out_of_order);
    feed->refused = {Dispatcher::fingerprint(frame), 0, false};
  }
  // The frame is read without holding up the others. Whoever may skip it has to wait for the return of this call.
  json::Document scratch;
  const ShardState::Refused refused = Dispatcher::refusal_of(frame, frame_bytes_max, scratch);
  const std::lock_guard lock(mutex);
  feed->refused = refused;
  return over_capacity(false);
}

void Bridge::Impl::skip(std::uint32_t shard_id, std::uint32_t shard_count) {
  const std::lock_guard lock(mutex);
  Feed& feed = this->feed(shard_id, shard_count);
  if (!feed.refused) return;
  const ShardState::Refused refused = *std::exchange(feed.refused, std::nullopt);
  if (refusing) return;
  // A host that skips while Redis stands still must not fill the memory with what it gives up.
  if (queue.empty() || queue.back().step == nullptr || queue.back().step->skips.empty()) {
    Item item;
    item.step = std::make_unique<Step>();
    item.step->skips.insert({&feed, refused.guild, refused.is_ready});
    add(std::move(item));
  } else if (!queue.back().step->skips.insert({&feed, refused.guild, refused.is_ready}).second) {
    ++repeated_skips;
  }
}

Status Bridge::Impl::admit_question() {
  if (refusing) return Bridge::closed();
  if (open_questions >= questions_max)
    return Error{.code = Errc::over_capacity, .text = "questions_max is reached: ask again when some are answered"};
  ++open_questions;
  return {};
}

Status Bridge::Impl::add_question(Callback<void(Cache*)>&& run, std::vector<Callback<void(Cache*)>>& to) {
  const std::lock_guard lock(mutex);
  if (Status admitted = admit_question(); !admitted) return admitted;
  to.push_back(std::move(run));
  wake();
  return {};
}

Status Bridge::push(Callback<void(Cache*)> task) { return impl_->add_question(std::move(task), impl_->questions); }

Status Bridge::Impl::wait_for_capacity(Done<Status>&& done) {
  return add_question(
      [done = std::move(done)](Cache* with) mutable {
        done.arm();
        if (with != nullptr) done({});
      },
      capacity_waiters);
}

std::future<Status> Bridge::Impl::in_order(Callback<void(Cache&, Done<Status>&&)> run) {
  std::future<Status> future;
  Item item;
  item.step = std::make_unique<Step>();
  item.step->run = [done = promise_to(future), run = std::move(run)](Cache* with) mutable {
    done.arm();
    if (with != nullptr) run(*with, std::move(done));
  };
  const std::lock_guard lock(mutex);
  if (Status admitted = admit_question(); !admitted) return ready<Status>(admitted.error());
  add(std::move(item));
  return future;
}

Bridge::Done<Status> Bridge::Impl::promise_to(std::future<Status>& future) {
  std::promise<Status> promise;
  future = promise.get_future();
  return {*this, run_here, [told = std::move(promise)](Status status) mutable { told.set_value(std::move(status)); }};
}

std::shared_future<void> Bridge::Impl::begin_close() {
  const std::lock_guard lock(mutex);
  refusing = true;
  wake();
  return when_closed;
}

// ------------------------------------------------------------------------------------------ The public face

Result<std::unique_ptr<Bridge>> Bridge::open(Options options, BridgeOptions wanted) {
  auto impl = std::make_unique<Impl>(std::move(wanted));
  Impl* const self = impl.get();
  if (const int code = uv_loop_init(&self->loop); code != 0) return not_started("loop", code);
  auto cache =
      Cache::open(&self->loop, std::move(options), [self](Status status) { self->on_open(std::move(status)); });
  if (!cache) {
    uv_loop_close(&self->loop);
    return std::move(cache.error());
  }
  self->cache = std::move(cache).value();
  self->pending_bytes_max = self->cache->options().pending_bytes_max;
  self->frame_bytes_max = self->cache->options().frame_bytes_max;

  if (const int code = uv_async_init(&self->loop, &self->async, [](uv_async_t*) noexcept {}); code != 0) {
    self->cache.reset();
    uv_run(&self->loop, UV_RUN_DEFAULT);
    uv_loop_close(&self->loop);
    return not_started("loop", code);
  }
  uv_check_init(&self->loop, &self->check);
  self->check.data = self;
  uv_check_start(&self->check, [](uv_check_t* handle) noexcept { static_cast<Impl*>(handle->data)->turn(); });
  self->deadline = std::make_unique<net::Timer>(&self->loop, [self] { self->out_of_time = true; });

  const NoSignals quiet;
  const int code = uv_thread_create(
      &self->thread,
      [](void* impl) noexcept {
        pthread_setname_np(pthread_self(), "sake");
        static_cast<Impl*>(impl)->run();
      },
      self);
  if (code != 0) {
    self->begin_close();
    self->run();
    return not_started("thread", code);
  }
  return std::unique_ptr<Bridge>(new Bridge(std::move(impl)));
}

Bridge::Bridge(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

Bridge::~Bridge() {
  impl_->begin_close();
  const uv_thread_t self = uv_thread_self();
  if (uv_thread_equal(&self, &impl_->thread)) {
    impl_->orphaned = true;
    pthread_detach(impl_->thread);
    static_cast<void>(impl_.release());  // Its thread deletes it as the last thing it does.
  } else {
    uv_thread_join(&impl_->thread);
  }
}

Error Bridge::closed() { return {.code = Errc::closed_client, .text = "the bridge is closed"}; }

std::shared_future<Status> Bridge::opened() const { return impl_->when_opened; }

std::shared_future<void> Bridge::close() { return impl_->begin_close(); }

Status Bridge::dispatch_frame(std::uint32_t shard_id, std::uint32_t shard_count, std::string&& text,
                              Completion completion) {
  return impl_->dispatch(shard_id, shard_count, {}, std::move(text), std::nullopt, std::move(completion));
}

Status Bridge::dispatch(std::uint32_t shard_id, std::uint32_t shard_count, std::string event, std::string&& data,
                        std::optional<std::uint64_t> sequence, Completion completion) {
  if (event.empty()) return Error{.code = Errc::invalid_argument, .text = "event: the name is empty"};
  return impl_->dispatch(shard_id, shard_count, std::move(event), std::move(data), sequence, std::move(completion));
}

void Bridge::skip(std::uint32_t shard_id, std::uint32_t shard_count) { impl_->skip(shard_id, shard_count); }

std::future<Status> Bridge::forget(std::uint32_t shard_id, std::uint32_t shard_count) {
  return impl_->in_order([shard_id, shard_count](Cache& cache, Done<Status>&& done) {
    cache.shard(shard_id, shard_count).forget();
    done({});
  });
}

std::future<Status> Bridge::resume(Session session) {
  return impl_->in_order([session = std::move(session)](Cache& cache, Done<Status>&& done) {
    done(cache.shard(session.shard_id, session.shard_count).resume(session));
  });
}

std::future<Status> Bridge::flush() {
  return impl_->in_order([](Cache& cache, Done<Status>&& done) { cache.flush(std::move(done)); });
}

std::future<Status> Bridge::capacity() {
  std::future<Status> future;
  const Status waiting = impl_->wait_for_capacity(impl_->promise_to(future));
  return waiting ? std::move(future) : ready<Status>(waiting.error());
}

Status Bridge::capacity(Callback<void(Status)> on_capacity) {
  return impl_->wait_for_capacity({*impl_, {}, std::move(on_capacity)});
}

std::future<Result<Stats>> Bridge::stats() {
  std::promise<Result<Stats>> promise;
  std::future<Result<Stats>> future = promise.get_future();
  const std::lock_guard lock(impl_->mutex);
  if (impl_->ended) {
    promise.set_value(impl_->final_stats);
  } else if (impl_->open_questions >= impl_->questions_max) {
    promise.set_value(Error{.code = Errc::over_capacity, .text = "questions_max is reached"});
  } else {
    // Also while the bridge is closing: its end answers.
    ++impl_->open_questions;
    impl_->questions.push_back([impl = impl_.get(), told = std::move(promise)](Cache*) mutable {
      Stats stats = impl->collect();
      const std::lock_guard again(impl->mutex);
      --impl->open_questions;
      told.set_value(std::move(stats));
    });
    impl_->wake();
  }
  return future;
}

void Bridge::answer(Impl& impl, Executor& executor, Callback<void()> task) {
  {
    const std::lock_guard lock(impl.mutex);
    --impl.open_questions;
  }
  if (executor) {
    executor(std::move(task));
  } else {
    impl.execute(std::move(task));
  }
}

}  // namespace sake
