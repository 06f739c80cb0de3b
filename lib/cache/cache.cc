// The cache: composes the rooms below it, and is the only place that knows them all.

#include "sake/cache.h"

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include <uv.h>

#include "base/turn_clock.h"
#include "cache/prepare.h"
#include "cache/probe.h"
#include "dispatch/dispatcher.h"
#include "net/address.h"
#include "net/timer.h"
#include "redis/pipeline.h"
#include "store/store.h"

namespace sake {
namespace {

using dispatch::Dispatcher;

/// Guilds whose keys are renewed per tick: so many that all of them are within a quarter of the lifetime, and no more,
/// since a thousand commands each must not crowd out the events.
constexpr std::size_t renewals_per_tick_min = 4;

/// Small frames are not timed one by one: reading the clock would cost more than some of them.
constexpr std::size_t timed_frame_bytes = 16u << 10;

Error closed() { return {.code = Errc::closed_client, .text = "the cache is closed"}; }

void ignore_sigpipe() {
  struct sigaction action {};
  if (sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, nullptr);
  }
}

/// Keys are due after an eighth of their time, so that all are renewed before half of it has passed.
std::optional<std::int64_t> renew_after(const store::Settings& settings) {
  if (!settings.reference_life) return std::nullopt;
  return std::max<std::int64_t>(1, *settings.reference_life / 16);
}

std::chrono::milliseconds renewal_tick(std::int64_t renew_after) {
  return std::chrono::milliseconds(std::clamp<std::int64_t>(renew_after / 8, 1, 1000));
}

}  // namespace

struct SAKE_HIDDEN Shard::Impl {
  Impl(Cache::Impl& owner, std::uint32_t id, std::uint32_t count) : cache(owner), shard(*this) {
    state.id = id;
    state.count = count;
  }

  Cache::Impl& cache;
  resources::ShardState state;
  Shard shard;
};

struct SAKE_HIDDEN Cache::Impl final : redis::PipelineHandler {
  enum class Stage : std::uint8_t { opening, open, failed, draining, closed };

  Impl(uv_loop_s* on, Options&& wanted, store::Settings&& resolved, net::Address&& address,
       Callback<void(Status)> opened)
      : loop(on),
        options(std::move(wanted)),
        settings(std::move(resolved)),
        connection{.address = std::move(address),
                   .password = options.password,
                   .connect_timeout = options.connect_timeout,
                   .command_timeout = options.command_timeout,
                   .batch_bytes = options.batch_bytes,
                   .in_flight_bytes_max = options.in_flight_bytes_max},
        ownership(renew_after(settings)),
        store(settings, ownership),
        dispatcher(
            {.settings = settings,
             .store = store,
             .ownership = ownership,
             .state = state,
             .log = options.log,
             .pending_bytes_max = options.pending_bytes_max,
             .frame_bytes_max = options.frame_bytes_max,
             .event_clock = options.event_clock,
             .event_clock_context = options.event_clock_context,
             .unanswered_bytes = [](void* self) noexcept { return static_cast<Impl*>(self)->unanswered_bytes(); },
             .context = this}),
        on_open(std::move(opened)),
        prepare(on, [this] { on_iteration(); }),
        deadline(std::make_unique<net::Timer>(on, [this] { on_deadline(); })),
        renewal(std::make_unique<net::Timer>(on, [this] { on_renewal(); })),
        again(std::make_unique<net::Timer>(on, [] {})) {
    connection.turns = &turns;
    open_writers();
  }

  void open_writers();
  void end_open(Status status);
  void on_iteration();
  void on_deadline();
  void on_renewal();
  void begin_close(Callback<void()> callback);
  void end_close();
  void warn_of_intents();
  void add_connections(Stats& stats) const;
  std::size_t unanswered_bytes() const noexcept {
    std::size_t bytes = 0;
    for (const auto& writer : writers) bytes += writer->pending_bytes();
    return bytes;
  }
  void log(LogLevel level, const std::string& message) {
    if (options.log) options.log(level, message);
  }

  void on_ready(redis::Pipeline& writer) noexcept override;
  void on_lost(redis::Pipeline& writer, const Error& error) noexcept override;
  void on_connect_failed(redis::Pipeline& writer, const Error& error) noexcept override;
  void on_greeting_failed(redis::Pipeline& writer, const Error& error) noexcept override;
  void on_progress(redis::Pipeline&) noexcept override {}

  uv_loop_s* loop;
  Options options;
  store::Settings settings;
  redis::ConnectionOptions connection;
  base::TurnClock turns;
  store::Ownership ownership;
  resources::State state;
  store::Store store;
  Dispatcher dispatcher;

  Stage stage = Stage::opening;
  Callback<void(Status)> on_open;
  std::optional<Status> open_result;  // Told at the end of the iteration.
  std::vector<Callback<void()>> on_closed;
  Callback<void()> on_capacity;
  std::uint64_t refusals_told = 0;

  cache::Prepare prepare;
  std::unique_ptr<net::Timer> deadline;  // Of open(), then of close(). Both go with end_close().
  std::unique_ptr<net::Timer> renewal;
  std::unique_ptr<net::Timer> again;  // The loop must not wait while there is work.
  std::vector<std::unique_ptr<redis::Pipeline>> writers;
  Stats totals;  // Of the connections, once they are closed.
  redis::Pipeline* reference_writer = nullptr;
  redis::Pipeline* user_writer = nullptr;
  std::unique_ptr<cache::Probe> probe;
  std::string last_failure = "no connection was made";
  std::vector<std::unique_ptr<Shard::Impl>> shards;
};

void Cache::Impl::open_writers() {
  const auto add = [&](int database) -> redis::Pipeline& {
    writers.push_back(std::make_unique<redis::Pipeline>(loop, connection, database, *this));
    return *writers.back();
  };
  for (Resource resource : all_resources()) {
    if (!settings.uses(resource)) continue;
    redis::Pipeline& writer = add(settings.database_of(resource));
    store.set_writer(resource, writer);
    if (resource == Resource::user) user_writer = &writer;
  }
  reference_writer = &add(reference_index);
  for (auto& writer : writers) writer->start();
  if (options.open_timeout.count() > 0) deadline->start(options.open_timeout);
  warn_of_intents();
}

void Cache::Impl::warn_of_intents() {
  if (!options.intents) return;
  for (Resource resource : all_resources()) {
    const Intents needed = intents(resource);
    if (settings.uses(resource) && (needed & *options.intents) != needed)
      log(LogLevel::warning, "the declared intents do not cover what keeps " + std::string(name(resource)) +
                                 " correct; it is only as fresh as the events that still come");
  }
}

void Cache::Impl::on_ready(redis::Pipeline&) noexcept {
  if (stage != Stage::opening || probe != nullptr) return;
  if (!std::ranges::all_of(writers, [](const auto& writer) { return writer->is_ready(); })) return;
  std::vector<redis::Pipeline*> databases;
  for (const auto& writer : writers)
    if (writer.get() != reference_writer) databases.push_back(writer.get());
  probe = std::make_unique<cache::Probe>(*reference_writer, std::move(databases), user_writer, options.log,
                                         [this](Status found) { end_open(std::move(found)); });
  probe->start();
}

void Cache::Impl::on_lost(redis::Pipeline& writer, const Error& error) noexcept {
  log(LogLevel::warning,
      "database " + std::to_string(writer.database()) + ": connection lost, connecting again: " + describe(error));
}

void Cache::Impl::on_connect_failed(redis::Pipeline& writer, const Error& error) noexcept {
  last_failure = describe(error);
  log(LogLevel::warning, "database " + std::to_string(writer.database()) + ": " + last_failure);
}

void Cache::Impl::on_greeting_failed(redis::Pipeline& writer, const Error& error) noexcept {
  std::string which;
  for (Resource resource : all_resources())
    if (settings.uses(resource) && settings.database_of(resource) == writer.database())
      which = " of " + std::string(name(resource));
  if (&writer == reference_writer) which = " of references";
  Error named = error;
  named.text = "database " + std::to_string(writer.database()) + which + ": " + error.text;
  if (stage == Stage::opening) {
    end_open(std::move(named));
  } else {
    log(LogLevel::error, describe(named));
  }
}

/// Called from the loop; what it has to tell waits for the end of the iteration.
void Cache::Impl::end_open(Status status) {
  if (stage != Stage::opening || open_result) return;
  deadline->stop();
  open_result = std::move(status);
}

void Cache::Impl::on_iteration() {
  const base::Turn turn(&turns);
  if (open_result && stage == Stage::opening) {
    Status result = std::move(*open_result);
    open_result.reset();
    stage = result.ok() ? Stage::open : Stage::failed;
    if (result.ok()) {
      state.own_user = probe->own_user();
      json::Document own;
      if (!state.own_user.empty() && own.parse(state.own_user, 1)) state.own_id = own.root()["id"].snowflake();
      dispatcher.start();
      if (const auto after = renew_after(settings)) renewal->start(renewal_tick(*after));
    }
    if (on_open) std::exchange(on_open, {})(std::move(result));
    if (stage == Stage::closed) return;
  }
  dispatcher.work();
  dispatcher.deliver();
  if (stage == Stage::closed) return;
  if (on_capacity && refusals_told != dispatcher.refusals() &&
      dispatcher.pending_bytes() < options.pending_bytes_max / 2) {
    refusals_told = dispatcher.refusals();
    on_capacity();
    if (stage == Stage::closed) return;
  }
  if (dispatcher.has_work()) again->start(std::chrono::milliseconds(0));
  for (auto& writer : writers) writer->flush();
  if (stage == Stage::draining && dispatcher.events_pending() == 0 && unanswered_bytes() == 0) end_close();
}

void Cache::Impl::on_deadline() {
  if (stage == Stage::opening) {
    end_open(Error{.code = Errc::backend_error,
                   .cause = Cause::connect,
                   .text = "no connection to " + net::describe(connection.address) +
                           " within open_timeout; last: " + last_failure});
  } else if (stage == Stage::draining) {
    end_close();
  }
}

void Cache::Impl::on_renewal() {
  if (stage != Stage::open) return;
  const base::Turn turn(&turns);
  const std::int64_t after = *renew_after(settings);
  const auto tick = renewal_tick(after);
  const auto ticks = static_cast<std::size_t>(2 * after / tick.count());
  const std::size_t count = std::max(renewals_per_tick_min, ownership.size() / std::max<std::size_t>(1, ticks) + 1);
  if (dispatcher.pending_bytes() < options.pending_bytes_max / 2)
    for (std::uint64_t guild : ownership.take_due(dispatcher.wall_clock(), count)) dispatcher.renew(guild);
  renewal->start(tick);
}

void Cache::Impl::begin_close(Callback<void()> callback) {
  if (stage == Stage::closed && prepare.is_closed()) {
    // Too late to be told with the others; the loop tells it when it has closed one handle more.
    cache::Prepare(loop, [] {}).close(std::move(callback));
    return;
  }
  if (callback) on_closed.push_back(std::move(callback));
  if (stage == Stage::draining || stage == Stage::closed) return;
  const bool was_open = stage == Stage::open;
  stage = Stage::draining;
  dispatcher.stop_admitting();
  renewal->stop();
  prepare.keep_alive();
  // Without a server there is nothing to wait for.
  deadline->start(was_open ? options.drain_timeout : std::chrono::milliseconds(0));
}

void Cache::Impl::end_close() {
  if (stage == Stage::closed) return;
  stage = Stage::closed;
  deadline.reset();
  renewal.reset();
  again.reset();
  dispatcher.abort(closed());
  for (auto& writer : writers) writer->close(closed());
  dispatcher.work();
  // With them go their handles. Nothing is on their stacks: this runs from the loop's end of an iteration, a timer, or
  // the host.
  add_connections(totals);
  probe.reset();
  writers.clear();
  if (on_open) std::exchange(on_open, {})(closed());
  dispatcher.deliver();
  prepare.close([callbacks = std::move(on_closed)]() mutable {
    for (auto& callback : callbacks) callback();
  });
}

void Cache::Impl::add_connections(Stats& stats) const {
  for (const auto& writer : writers) {
    const redis::PipelineCounters counters = writer->counters();
    stats.commands += counters.commands;
    stats.selects += counters.selects;
    stats.flushes += counters.flushes;
    stats.bytes_sent += counters.bytes_sent;
    stats.bytes_received += counters.bytes_received;
    stats.connections_lost += counters.lost;
    stats.connections += writer->is_ready() ? 1 : 0;
  }
}

// ------------------------------------------------------------------------------------------ The public faces

Result<std::unique_ptr<Cache>> Cache::open(uv_loop_s* loop, Options options, Callback<void(Status)> on_open) {
  auto settings = store::resolve(options);
  if (!settings) return std::move(settings.error());
  auto address = net::parse_address(options.address);
  if (!address) return std::move(address.error());
  if (options.ignore_sigpipe) ignore_sigpipe();
  return std::unique_ptr<Cache>(new Cache(std::make_unique<Impl>(loop, std::move(options), std::move(settings).value(),
                                                                 std::move(address).value(), std::move(on_open))));
}

Cache::Cache(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

Cache::~Cache() { impl_->end_close(); }

Shard& Cache::shard(std::uint32_t id, std::uint32_t count) {
  for (const auto& known : impl_->shards)
    if (known->state.id == id && known->state.count == count) return known->shard;
  impl_->shards.push_back(std::make_unique<Shard::Impl>(*impl_, id, count));
  return impl_->shards.back()->shard;
}

void Cache::flush(Callback<void(Status)> on_flushed) {
  if (impl_->stage == Impl::Stage::closed) {
    cache::Prepare(impl_->loop, [] {}).close([told = std::move(on_flushed)]() mutable { told(closed()); });
  } else {
    impl_->dispatcher.flush(std::move(on_flushed));
  }
}

void Cache::close(Callback<void()> on_closed) { impl_->begin_close(std::move(on_closed)); }

void Cache::on_capacity(Callback<void()> callback) { impl_->on_capacity = std::move(callback); }

bool Cache::is_alive() const noexcept { return impl_->stage == Impl::Stage::open; }

const Options& Cache::options() const noexcept { return impl_->options; }

Stats Cache::stats() const {
  Stats stats = impl_->totals;
  impl_->add_connections(stats);
  const Dispatcher& dispatcher = impl_->dispatcher;
  dispatcher.append_stats(stats.events);
  for (Resource resource : all_resources()) {
    if (!impl_->settings.uses(resource)) continue;
    const auto& counts = impl_->store.counts(resource);
    stats.resources.push_back({resource, counts.upserts, counts.deletes});
  }
  for (const auto& shard : impl_->shards)
    stats.shards.push_back({shard->state.id, shard->state.count, shard->state.received, shard->state.applied});
  stats.over_capacity = dispatcher.refusals();
  stats.pending_bytes = dispatcher.pending_bytes();
  stats.events_pending = dispatcher.events_pending();
  stats.lanes_waiting = dispatcher.lanes_waiting();
  stats.guilds_owned = impl_->ownership.size();
  stats.longest_turn = std::chrono::duration_cast<std::chrono::microseconds>(impl_->turns.longest());
  return stats;
}

Shard::Shard(Impl& impl) noexcept : impl_(impl) {}
Shard::~Shard() = default;

std::uint32_t Shard::id() const noexcept { return impl_.state.id; }
std::uint32_t Shard::count() const noexcept { return impl_.state.count; }

Status Shard::dispatch_frame(std::string_view text, Completion completion) {
  Cache::Impl& cache = impl_.cache;
  const base::Turn turn(text.size() >= timed_frame_bytes ? &cache.turns : nullptr);
  return cache.dispatcher.dispatch(impl_.state, {text, {}, std::nullopt}, std::move(completion));
}

Status Shard::dispatch(std::string_view event, std::string_view data, std::optional<std::uint64_t> sequence,
                       Completion completion) {
  if (event.empty()) return Error{.code = Errc::invalid_argument, .text = "event: the name is empty"};
  Cache::Impl& cache = impl_.cache;
  const base::Turn turn(data.size() >= timed_frame_bytes ? &cache.turns : nullptr);
  return cache.dispatcher.dispatch(impl_.state, {data, event, sequence}, std::move(completion));
}

void Shard::skip() noexcept { impl_.state.refused.reset(); }

void Shard::forget() noexcept {
  resources::ShardState& state = impl_.state;
  ++state.session;
  state.received = state.applied = 0;
  state.pending.clear();
  state.saw_ready = false;
  impl_.cache.ownership.disown_shard(state.id);
}

}  // namespace sake
