#include "cache/connections.h"

#include <algorithm>
#include <utility>

namespace sake::cache {

Connections::Connections(uv_loop_s* loop, const store::Settings& settings, const redis::ConnectionOptions& options,
                         const Options& wanted, LogSink& log, ConnectionsHandler& handler)
    : log_(log), handler_(handler) {
  for (Resource resource : all_resources()) {
    if (!settings.uses(resource)) continue;
    add(settings.database_of(resource), std::string(name(resource)), loop, options, wanted);
    by_resource_[static_cast<std::size_t>(resource)] = databases_.back().get();
  }
  add(reference_index, "references", loop, options, wanted);
  for (const auto& database : databases_) database->pool->writer().start();
}

void Connections::add(int database, std::string resource, uv_loop_s* loop, const redis::ConnectionOptions& options,
                      const Options& wanted) {
  auto pool = std::make_unique<redis::Pool>(loop, options, database, wanted.max_connections_per_db,
                                            wanted.reader_idle_timeout, static_cast<redis::PipelineHandler&>(*this));
  databases_.push_back(std::make_unique<Database>(Database{std::move(resource), std::move(pool), false, 0, {}, {}}));
}

redis::Pool& Connections::pool(Resource resource) noexcept {
  return *by_resource_[static_cast<std::size_t>(resource)]->pool;
}

std::vector<redis::Pipeline*> Connections::writers() noexcept {
  std::vector<redis::Pipeline*> writers;
  for (const auto& database : databases_)
    if (database != databases_.back()) writers.push_back(&database->pool->writer());
  return writers;
}

std::size_t Connections::pending_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const auto& database : databases_) bytes += database->pool->pending_bytes();
  return bytes;
}

std::uint64_t Connections::answered_bytes() const noexcept {
  std::uint64_t bytes = 0;
  for (const auto& database : databases_) bytes += database->pool->writer().answered_bytes();
  return bytes;
}

void Connections::flush() {
  for (const auto& database : databases_) database->pool->flush();
}

void Connections::close(const Error& error) {
  for (const auto& database : databases_) database->pool->close(error);
}

Connections::Database& Connections::of(const redis::Pipeline& writer) noexcept {
  return **std::ranges::find_if(databases_, [&](const auto& each) { return &each->pool->writer() == &writer; });
}

void Connections::on_ready(redis::Pipeline& writer) noexcept {
  Database& database = of(writer);
  database.told.clear();
  const bool all_ready =
      std::ranges::all_of(databases_, [](const auto& each) { return each->pool->writer().is_ready(); });
  if (database.was_ready) {
    ++database.reconnects;
    changes_.push_back({writer.database(), ConnectionChange::What::reconnected, {}});
    if (all_ready && log_) log_(LogLevel::info, "all connections are ready again");
    if (&database == databases_.back().get()) handler_.on_references_reconnected();
  } else {
    database.was_ready = true;
    changes_.push_back({writer.database(), ConnectionChange::What::connected, {}});
  }
  if (all_ready && !connected_) {
    connected_ = true;
    handler_.on_connected();
  }
}

void Connections::on_lost(redis::Pipeline& writer, const Error& error) noexcept {
  Database& database = of(writer);
  changes_.push_back({writer.database(), ConnectionChange::What::lost, error});
  Error told = error;
  told.text = "connection lost, connecting again: " + error.text;
  note(database, told, LogLevel::warning);
  // The server may no longer be the one that its name leads to.
  if (error.cause == Cause::server) database.pool->reconnect_readers(error);
}

void Connections::on_connect_failed(redis::Pipeline& writer, const Error& error) noexcept {
  note(of(writer), error, LogLevel::warning);
}

void Connections::on_greeting_refused(redis::Pipeline& writer, const Error& error) noexcept {
  Database& database = of(writer);
  Error named = error;
  named.text = "database " + std::to_string(writer.database()) + " of " + database.resource + ": " + error.text;
  note(database, error, LogLevel::error);
  handler_.on_refused(named);
}

void Connections::on_idle(redis::Pipeline& writer) noexcept {
  writer.ping();
  if (&writer == &references().writer()) handler_.on_references_idle();
}

/// An outage is one line for each reason, not one for each database and attempt.
void Connections::note(Database& database, const Error& error, LogLevel level) {
  database.last_error = describe(error);
  last_failure_ = database.last_error;
  const bool told = std::ranges::any_of(databases_, [this](const auto& other) { return other->told == last_failure_; });
  database.told = last_failure_;
  if (told || !log_) return;
  log_(level,
       "database " + std::to_string(database.pool->database()) + " of " + database.resource + ": " + last_failure_);
}

void Connections::deliver() {
  if (changes_.empty()) return;
  const std::vector<Change> changes = std::exchange(changes_, {});
  for (const Change& change : changes) {
    if (!on_change_) return;
    on_change_({change.database, change.what, change.what == ConnectionChange::What::lost ? &change.error : nullptr});
  }
}

void Connections::append_stats(Stats& stats) const {
  for (const auto& database : databases_) {
    const redis::PoolCounters counters = database->pool->counters();
    redis::PipelineCounters sum = counters.writer;
    sum += counters.readers;
    stats.commands += sum.commands;
    stats.selects += sum.selects;
    stats.flushes += sum.flushes;
    stats.bytes_sent += sum.bytes_sent;
    stats.bytes_received += sum.bytes_received;
    stats.connections_lost += sum.lost;
    stats.connections += counters.ready;

    LinkState state = LinkState::connecting;
    if (database->pool->writer().is_ready()) state = LinkState::ready;
    if (database->pool->writer().state() == redis::ConnectionState::waiting) state = LinkState::waiting;
    if (database->pool->writer().is_closed()) state = LinkState::closed;
    stats.databases.push_back({database->pool->database(), state, counters.connections, database->reconnects,
                               sum.refused, sum.retries, counters.reads, counters.waited,
                               database->pool->pending_bytes(), database->last_error});
  }
}

}  // namespace sake::cache
