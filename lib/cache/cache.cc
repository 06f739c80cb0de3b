// The cache: composes the rooms below it, and is the only place that knows them all.

#include "sake/cache.h"

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include <uv.h>

#include "base/turn_clock.h"
#include "cache/access.h"
#include "cache/again.h"
#include "cache/chunker.h"
#include "cache/connections.h"
#include "cache/eviction.h"
#include "cache/iteration.h"
#include "cache/marker.h"
#include "cache/own_user.h"
#include "cache/prepare.h"
#include "cache/probe.h"
#include "cache/reads.h"
#include "cache/sessions.h"
#include "dispatch/dispatcher.h"
#include "net/address.h"
#include "net/timer.h"
#include "net/tls.h"
#include "net/tls_options.h"
#include "store/store.h"

namespace sake {
namespace {

using dispatch::Dispatcher;

/// Guilds whose keys are renewed per tick: so many that all of them are within a quarter of the lifetime, and no more,
/// since a thousand commands each must not crowd out the events.
constexpr std::size_t renewals_per_tick_min = 4;

/// Small frames are not timed one by one: reading the clock would cost more than some of them.
constexpr std::size_t timed_frame_bytes = 16u << 10;

constexpr std::chrono::milliseconds pulse_interval{1'000};
constexpr std::chrono::milliseconds record_interval{250};

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

struct SAKE_HIDDEN Cache::Impl final : cache::ConnectionsHandler {
  enum class Stage : std::uint8_t { opening, open, failed, draining, closed };

  Impl(uv_loop_s* on, Options&& wanted, store::Settings&& resolved, net::Address&& address,
       std::unique_ptr<net::TlsContext> tls_context, Callback<void(Status)> opened)
      : loop(on),
        options(std::move(wanted)),
        settings(std::move(resolved)),
        tls(std::move(tls_context)),
        connection{.address = std::move(address),
                   .password = options.password,
                   .tls = tls.get(),
                   .connect_timeout = options.connect_timeout,
                   .command_timeout = options.command_timeout,
                   .idle_after = options.health_check_interval,
                   .retry_timeout = options.retry_timeout,
                   .backoff_first = options.backoff_first,
                   .backoff_max = options.backoff_max,
                   .batch_bytes = options.batch_bytes,
                   .in_flight_bytes_max = options.in_flight_bytes_max,
                   .turns = &turns,
                   .reply_bytes_max = options.reply_bytes_max},
        ownership(renew_after(settings)),
        filter(options.filters, state.own_id),
        store(settings, ownership),
        dispatcher(
            {.settings = settings,
             .filter = filter,
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
        deadline(on, [this] { on_deadline(); }),
        renewal(on, [this] { on_renewal(); }),
        pulse(on, [this] { on_pulse(); }),
        record(on,
               [this] {
                 record_sessions();
                 again.start();
               }),
        again(on, turns),
        connections(on, settings, connection, options, options.log, *this),
        marker(connections.references().writer(), options.log, [this] { on_backend_reset(); }),
        eviction(connections.references().writer(), options.log),
        sessions(connections.references(), dispatcher.dirty_guilds()),
        chunker(on, state.chunks, dispatcher.dirty_guilds()),
        reads(std::make_shared<cache::Reads>(on, connections, settings, options.read_timeout, again)),
        access(options, settings, dispatcher, reads),
        own_user(on, options, settings, state, access, *reads) {
    if (options.codec.encode) settings.codec = &options.codec;
    for (Resource resource : all_resources())
      if (settings.uses(resource)) store.set_writer(resource, connections.pool(resource).writer());
    if (options.open_timeout.count() > 0) deadline.start(options.open_timeout);
    warn_of_intents();
    if (tls == nullptr && options.tls != Tls())
      log(LogLevel::warning, "the address does not ask for TLS, so nothing of Options::tls is used; rediss:// would");
  }

  void end_open(Status status);
  void go_open();
  void take_own_user(const std::string& stored);
  void on_iteration();
  void on_deadline();
  void on_renewal();
  void on_pulse();
  bool is_record_due() const noexcept;
  void record_sessions();
  void on_backend_reset();
  void begin_close(Callback<void()> callback);
  void end_close();
  void warn_of_intents();
  std::size_t unanswered_bytes() const noexcept { return connections.pending_bytes(); }
  void log(LogLevel level, const std::string& message) {
    if (options.log) options.log(level, message);
  }

  void on_connected() noexcept override;
  void on_refused(const Error& error) noexcept override;
  void on_references_reconnected() noexcept override;
  void on_references_idle() noexcept override;

  uv_loop_s* loop;
  Options options;
  store::Settings settings;
  std::unique_ptr<net::TlsContext> tls;  // Null when the address does not ask for it.
  base::TurnClock turns;
  redis::ConnectionOptions connection;
  store::Ownership ownership;
  resources::State state;
  store::Filter filter;
  store::Store store;
  Dispatcher dispatcher;

  Stage stage = Stage::opening;
  Callback<void(Status)> on_open;
  std::optional<Status> open_result;  // Told at the end of the iteration.
  std::vector<Callback<void()>> on_closed;
  Callback<void()> on_capacity;
  std::uint64_t refusals_told = 0;
  std::uint64_t resets = 0;

  cache::Prepare prepare;
  net::Timer deadline;  // Of open(), then of close().
  net::Timer renewal;
  net::Timer pulse;
  net::Timer record;
  cache::Again again;
  cache::Connections connections;
  cache::Marker marker;
  cache::Eviction eviction;
  cache::Sessions sessions;
  cache::Chunker chunker;
  std::shared_ptr<cache::Reads> reads;  // Iterators hold it too.
  cache::Access access;
  cache::OwnUser own_user;
  unsigned pulses = 0;  // Since evictions were last looked for.
  std::unique_ptr<cache::Probe> probe;
  std::vector<std::unique_ptr<Shard::Impl>> shards;
};

void Cache::Impl::warn_of_intents() {
  if (!options.intents) return;
  for (Resource resource : all_resources()) {
    const Intents needed = intents(resource);
    if (settings.uses(resource) && (needed & *options.intents) != needed)
      log(LogLevel::warning, "the declared intents do not cover what keeps " + std::string(name(resource)) +
                                 " correct; it is only as fresh as the events that still come");
  }
}

void Cache::Impl::on_connected() noexcept {
  if (stage != Stage::opening) return;
  redis::Pipeline* users = settings.uses(Resource::user) ? &connections.pool(Resource::user).writer() : nullptr;
  probe = std::make_unique<cache::Probe>(connections.references().writer(), connections.writers(), users, options.log,
                                         [this](Status found) { end_open(std::move(found)); });
  probe->start();
}

void Cache::Impl::on_refused(const Error& error) noexcept { end_open(error); }

void Cache::Impl::on_references_reconnected() noexcept {
  if (stage == Stage::open) marker.check();
}

void Cache::Impl::on_references_idle() noexcept { on_references_reconnected(); }

/// Redis does not have what it acknowledged. What was remembered of it is forgotten, and the own user, which is known
/// whole, is written again.
void Cache::Impl::on_backend_reset() {
  ++resets;
  const Error why{.code = Errc::backend_reset,
                  .text =
                      "Redis has lost entries that it had acknowledged; guilds are whole again after their next "
                      "GUILD_CREATE"};
  log(LogLevel::error, describe(why));
  dispatcher.on_backend_reset(why);
  // Resuming would bring back only what came after the loss.
  for (const auto& shard : shards) sessions.drop(shard->state);
  if (state.own_user.empty() || !settings.uses(Resource::user)) return;
  redis::Pipeline& users = connections.pool(Resource::user).writer();
  std::string encoded;
  if (settings.codec != nullptr) settings.codec->encode(state.own_user, encoded);
  const std::string& value = settings.codec != nullptr ? encoded : state.own_user;
  users.begin(redis::Section::records).begin(3).arg("SET").arg(store::own_user_key).arg(value);
  users.end(redis::Section::records, nullptr);
}

/// Called from the loop; what it has to tell waits for the end of the iteration.
void Cache::Impl::end_open(Status status) {
  if (stage != Stage::opening || open_result) return;
  deadline.stop();
  open_result = std::move(status);
  again.start();
}

void Cache::Impl::take_own_user(const std::string& stored) {
  if (stored.empty()) return;
  const auto own = cache::entity_of(settings, EntityKey::me(), stored);
  json::Document document;
  if (own && document.parse(own->json, 1)) {
    state.own_user = own->json;
    state.own_id = document.root()["id"].snowflake();
  } else if (!own) {
    log(LogLevel::warning, describe(own.error()) + "; the own user is unknown until READY");
  }
}

void Cache::Impl::go_open() {
  take_own_user(probe->own_user());
  dispatcher.start();
  reads->open();
  if (const auto after = renew_after(settings)) renewal.start(renewal_tick(*after));
  marker.check();
  eviction.check();
  pulse.start(pulse_interval);
}

void Cache::Impl::on_iteration() {
  const base::Turn turn(&turns);
  again.stop();  // What is done or asked for from here on starts it anew.
  if (open_result && stage == Stage::opening) {
    Status result = std::move(*open_result);
    open_result.reset();
    stage = result.ok() ? Stage::open : Stage::failed;
    if (result.ok()) go_open();
    if (on_open) std::exchange(on_open, {})(std::move(result));
    if (stage == Stage::closed) return;
  }
  dispatcher.work();
  dispatcher.deliver();
  connections.deliver();
  sessions.deliver();
  reads->deliver();
  if (stage == Stage::closed) return;
  chunker.work(dispatcher.pending_bytes() < options.pending_bytes_max / 2);
  if (stage == Stage::closed) return;
  own_user.look();
  if (std::exchange(state.wants_own_id, false)) own_user.learn_id();
  if (stage == Stage::closed) return;
  if (on_capacity && refusals_told != dispatcher.refusals() &&
      dispatcher.pending_bytes() < options.pending_bytes_max / 2) {
    refusals_told = dispatcher.refusals();
    on_capacity();
    if (stage == Stage::closed) return;
  }
  if (dispatcher.has_work() || reads->has_news()) again.start();
  if (stage == Stage::open && !record.is_running() && is_record_due()) record.start(record_interval);
  if (stage == Stage::draining && dispatcher.events_pending() == 0) record_sessions();
  connections.flush();
  if (stage == Stage::draining && dispatcher.events_pending() == 0 && unanswered_bytes() == 0) end_close();
}

void Cache::Impl::on_deadline() {
  if (stage == Stage::opening) {
    end_open(Error{.code = Errc::backend_error,
                   .cause = Cause::connect,
                   .text = "no connection to " + net::describe(connection.address) +
                           " within open_timeout; last: " + connections.last_failure()});
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
  renewal.start(tick);
  again.start();
}

void Cache::Impl::on_pulse() {
  if (stage != Stage::open) return;
  marker.tick(dispatcher.outcomes());
  const std::chrono::milliseconds interval = options.health_check_interval;
  if (++pulses * pulse_interval >= interval && interval.count() > 0) {
    pulses = 0;
    eviction.check();
  }
  pulse.start(pulse_interval);
  again.start();
}

bool Cache::Impl::is_record_due() const noexcept {
  return std::ranges::any_of(shards, [](const auto& shard) { return cache::Sessions::is_due(shard->state); });
}

void Cache::Impl::record_sessions() {
  for (const auto& shard : shards)
    if (cache::Sessions::is_due(shard->state)) sessions.write(shard->state);
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
  reads->stop();
  renewal.stop();
  pulse.stop();
  record.stop();
  marker.stop();
  chunker.stop();
  own_user.stop();
  prepare.keep_alive();
  again.start();
  // Without a server there is nothing to wait for.
  deadline.start(was_open ? options.drain_timeout : std::chrono::milliseconds(0));
}

void Cache::Impl::end_close() {
  if (stage == Stage::closed) return;
  stage = Stage::closed;
  deadline.close();
  renewal.close();
  pulse.close();
  record.close();
  again.close();
  chunker.close();
  own_user.close();
  dispatcher.abort(closed());
  reads->stop();
  connections.close(closed());
  reads->close();
  dispatcher.work();
  if (on_open) std::exchange(on_open, {})(closed());
  dispatcher.deliver();
  sessions.deliver();
  while (reads->has_news()) reads->deliver();
  reads->end();
  prepare.close([callbacks = std::move(on_closed)]() mutable {
    for (auto& callback : callbacks) callback();
  });
}

// ------------------------------------------------------------------------------------------ The public faces

Result<std::unique_ptr<Cache>> Cache::open(uv_loop_s* loop, Options options, Callback<void(Status)> on_open) {
  return open_with(loop, options, std::move(on_open));
}

Result<std::unique_ptr<Cache>> Cache::open_with(uv_loop_s* loop, Options& options, Callback<void(Status)> on_open) {
  auto settings = store::resolve(options);
  if (!settings) return std::move(settings.error());
  auto address = net::parse_address(options.address);
  if (!address) return std::move(address.error());
  if (Status status = net::check(options.tls); !status) return status.error();
  std::unique_ptr<net::TlsContext> tls;
  if (address->tls) {
    auto made = net::TlsContext::make(options.tls);
    if (!made) return std::move(made.error());
    tls = std::move(made).value();
  }
  if (options.ignore_sigpipe) ignore_sigpipe();
  return std::unique_ptr<Cache>(
      new Cache(std::make_unique<Impl>(loop, std::move(options), std::move(settings).value(),
                                       std::move(address).value(), std::move(tls), std::move(on_open))));
}

Cache::Cache(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

Cache::~Cache() { end_close(); }

void Cache::end_close() { impl_->end_close(); }

Options Cache::take_options() noexcept { return std::move(impl_->options); }

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
    impl_->again.start();
  }
}

void Cache::close(Callback<void()> on_closed) { impl_->begin_close(std::move(on_closed)); }

void Cache::on_capacity(Callback<void()> callback) { impl_->on_capacity = std::move(callback); }

void Cache::on_connection(Callback<void(const ConnectionChange&)> callback) {
  impl_->connections.on_change(std::move(callback));
}

void Cache::on_dirty(Callback<void(std::uint64_t, const Error&)> callback) {
  impl_->dispatcher.on_dirty(std::move(callback));
}

std::vector<std::uint64_t> Cache::dirty_guilds() const { return impl_->dispatcher.dirty_guilds().list(); }

bool Cache::clear_dirty_guild(std::uint64_t guild_id) noexcept {
  return impl_->dispatcher.dirty_guilds().clear(guild_id);
}

Status Cache::chunk_on_guild_create(Chunking chunking) {
  const auto is_alive = impl_->stage == Impl::Stage::opening || impl_->stage == Impl::Stage::open;
  if (!is_alive) return closed();
  const std::optional<Intents>& declared = impl_->options.intents;
  const auto declares = [&](Intents intent) { return !declared || (*declared & intent) == intent; };
  if (chunking.send) {
    if (!impl_->settings.uses(Resource::member))
      return Error{.code = Errc::invalid_argument, .text = "chunking: members are not among Options::resources"};
    if (!declares(Intents::guild_members))
      return Error{.code = Errc::invalid_argument,
                   .text = "chunking: Options::intents lacks guild_members, without which Discord lists no members"};
  }
  const bool with_presences = impl_->settings.uses(Resource::presence) && declares(Intents::guild_presences);
  return impl_->chunker.configure(std::move(chunking), with_presences);
}

bool Cache::members_complete(std::uint64_t guild_id) const noexcept {
  return impl_->state.chunks.is_complete(guild_id) && !impl_->dispatcher.dirty_guilds().contains(guild_id);
}

void Cache::on_members_complete(Callback<void(const MembersReport&)> callback) {
  impl_->chunker.on_report(std::move(callback));
}

void Cache::get_session(std::uint32_t shard_id, std::uint32_t shard_count, Callback<void(Result<Session>)> on_session) {
  if (impl_->stage == Impl::Stage::closed) {
    cache::Prepare(impl_->loop, [] {}).close([told = std::move(on_session)]() mutable { told(closed()); });
  } else {
    impl_->sessions.read(shard_id, shard_count, std::move(on_session));
    impl_->again.start();
  }
}

Request<Entity> Cache::get(EntityKey key) {
  return Request<Entity>([impl = impl_.get(), key = std::move(key)](auto then) mutable {
    if (impl->own_user.answers(key)) {
      impl->own_user.get(std::move(then));
    } else {
      impl->access.get(std::move(key), std::move(then));
    }
  });
}

Request<std::vector<std::optional<Entity>>> Cache::get_many(Resource resource, std::vector<std::uint64_t> ids,
                                                            std::uint64_t guild_id) {
  return Request<std::vector<std::optional<Entity>>>(
      [impl = impl_.get(), resource, guild_id, ids = std::move(ids)](auto then) mutable {
        cache::read_entities(*impl->reads, resource, guild_id, std::move(ids), std::move(then));
      });
}

EntityIterator Cache::iterate(const Scope& scope, std::size_t window_size) {
  return EntityIterator(std::make_shared<cache::Iteration>(impl_->reads, scope, window_size));
}

Request<void> Cache::set(EntityKey key, std::string payload, std::optional<Lifetime> expire_time) {
  return Request<void>(
      [impl = impl_.get(), key = std::move(key), payload = std::move(payload), expire_time](auto then) mutable {
        impl->access.set(key, std::move(payload), expire_time, std::move(then));
      });
}

Request<bool> Cache::update(std::string message, std::optional<Lifetime> expire_time) {
  return Request<bool>([impl = impl_.get(), message = std::move(message), expire_time](auto then) mutable {
    impl->access.update(std::move(message), expire_time, std::move(then));
  });
}

Request<void> Cache::erase(EntityKey key) {
  return Request<void>(
      [impl = impl_.get(), key = std::move(key)](auto then) { impl->access.erase(key, std::move(then)); });
}

Request<void> Cache::clear(const Scope& scope) {
  return Request<void>([impl = impl_.get(), scope](auto then) { impl->access.clear(scope, std::move(then)); });
}

Request<PermissionReport> Cache::permissions_in(std::uint64_t guild_id, std::uint64_t user_id,
                                               std::optional<std::uint64_t> channel_id, Reasons reasons) {
  return Request<PermissionReport>([impl = impl_.get(), guild_id, user_id, channel_id, reasons](auto then) {
    impl->access.permissions(guild_id, user_id, channel_id, reasons, std::move(then));
  });
}

bool Cache::is_alive() const noexcept { return impl_->stage == Impl::Stage::open; }

std::size_t Cache::pending_bytes() const noexcept { return impl_->dispatcher.pending_bytes(); }

const Options& Cache::options() const noexcept { return impl_->options; }

Stats Cache::stats() const {
  Stats stats;
  impl_->connections.append_stats(stats);
  stats.checks = impl_->marker.commands() + impl_->eviction.commands() + impl_->sessions.commands();
  stats.commands -= stats.checks;
  stats.backend_resets = impl_->resets;
  stats.evicted_keys = impl_->eviction.evicted_keys();
  const Dispatcher& dispatcher = impl_->dispatcher;
  dispatcher.append_stats(stats.events);
  for (Resource resource : all_resources()) {
    if (!impl_->settings.uses(resource)) continue;
    const auto& counts = impl_->store.counts(resource);
    stats.resources.push_back({resource, counts.upserts, counts.deletes});
  }
  for (const auto& shard : impl_->shards)
    stats.shards.push_back({shard->state.id, shard->state.count, shard->state.received, shard->state.applied,
                            shard->state.recorded, shard->state.received - shard->state.applied});
  stats.over_capacity = dispatcher.refusals();
  stats.filtered = impl_->filter.refusals();
  stats.skipped = dispatcher.skipped();
  stats.failed_renewals = dispatcher.failed_renewals();
  const resources::Chunks& chunks = impl_->state.chunks;
  stats.member_requests = impl_->chunker.requests();
  for (const auto stage :
       {resources::Chunks::Stage::wanted, resources::Chunks::Stage::asked, resources::Chunks::Stage::settling})
    stats.member_runs += chunks.count(stage);
  stats.member_lists_complete = chunks.count(resources::Chunks::Stage::complete);
  stats.dirty_guilds = dispatcher.dirty_guilds().size();
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
  cache.again.start();
  return cache.dispatcher.dispatch(impl_.state, {text, {}, std::nullopt}, std::move(completion));
}

Status Shard::dispatch(std::string_view event, std::string_view data, std::optional<std::uint64_t> sequence,
                       Completion completion) {
  if (event.empty()) return Error{.code = Errc::invalid_argument, .text = "event: the name is empty"};
  Cache::Impl& cache = impl_.cache;
  const base::Turn turn(data.size() >= timed_frame_bytes ? &cache.turns : nullptr);
  cache.again.start();
  return cache.dispatcher.dispatch(impl_.state, {data, event, sequence}, std::move(completion));
}

void Shard::skip() {
  impl_.cache.dispatcher.skip(impl_.state);
  impl_.cache.again.start();
}

void Shard::skip_refused(std::uint64_t guild_id, bool is_ready) {
  impl_.cache.dispatcher.skip(impl_.state.id, {0, guild_id, is_ready});
}

void Shard::forget() {
  resources::ShardState& state = impl_.state;
  impl_.cache.sessions.drop(state);
  ++state.session;
  state.received = state.applied = state.recorded = 0;
  state.pending.clear();
  state.saw_ready = false;
  impl_.cache.state.chunks.forget_shard(state.id);
  impl_.cache.ownership.disown_shard(state.id);
}

Status Shard::resume(const Session& session) {
  resources::ShardState& state = impl_.state;
  if (session.shard_id != state.id || session.shard_count != state.count)
    return Error{.code = Errc::invalid_argument, .text = "the session is that of another shard"};
  if (state.received != 0 || state.session != 0)
    return Error{.code = Errc::invalid_argument, .text = "this shard has a session already: forget() it first"};
  impl_.cache.sessions.adopt(state, session);
  impl_.cache.dispatcher.mark_dirty(session.dirty_guilds);
  return {};
}

}  // namespace sake
