#include "redis/pool.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace sake::redis {
namespace {

ConnectionOptions with_idle_after(ConnectionOptions options, std::chrono::milliseconds idle_after) {
  options.idle_after = idle_after;
  return options;
}

}  // namespace

Pool::Pool(uv_loop_s* loop, const ConnectionOptions& options, int database, int connections_max,
           std::chrono::milliseconds reader_idle_timeout, PipelineHandler& handler)
    : loop_(loop),
      reader_options_(with_idle_after(options, reader_idle_timeout)),
      readers_max_(static_cast<std::size_t>(connections_max) - 1),
      writer_(loop, options, database, Role::writer, handler) {}

Pool::~Pool() { close({Errc::closed_client, Cause::none, false, "the connections were destroyed"}); }

void Pool::read(std::string_view command, Requester& who, std::uint32_t tag) {
  assert(tag != 0);
  ++counters_.reads;
  if (closed_) return send(writer_, command, who, tag);  // Which tells it so.
  Pipeline* const through = waiting_.empty() ? choose() : nullptr;
  if (through != nullptr) return send(*through, command, who, tag);
  ++counters_.waited;
  waiting_bytes_ += command.size();
  waiting_.push_back({std::string(command), &who, tag});
}

void Pool::send(Pipeline& through, std::string_view command, Requester& who, std::uint32_t tag) {
  through.begin(Section::records).raw(command);
  through.end(Section::records, &who, tag);
}

Pipeline* Pool::choose(bool readers_fail) {
  if (readers_max_ == 0) return &writer_;
  Pipeline* best = nullptr;
  std::size_t open = 0;
  for (const auto& reader : readers_) {
    if (reader->is_closed()) continue;
    ++open;
    if (!reader->is_ready()) continue;
    if (best == nullptr || reader->pending_commands() < best->pending_commands()) best = reader.get();
  }
  const bool all_busy = best == nullptr || best->pending_commands() != 0;
  if (all_busy && open < readers_max_ && !readers_fail) open_reader();
  if (best != nullptr && best->pending_commands() < reads_per_reader_max) return best;
  return best == nullptr && readers_fail ? &writer_ : nullptr;
}

void Pool::open_reader() {
  ++counters_.opened;
  readers_.push_back(std::make_unique<Pipeline>(loop_, reader_options_, database(), Role::reader,
                                                static_cast<PipelineHandler&>(*this)));
  readers_.back()->start();
}

/// It is destroyed by flush(): this may be one of its calls.
void Pool::close_reader(Pipeline& reader) {
  reader.close({Errc::closed_client, Cause::none, false, "the connection was not needed any more"});
}

void Pool::serve_waiting(bool readers_fail) {
  while (!waiting_.empty()) {
    Pipeline* const through = choose(readers_fail);
    if (through == nullptr) return;
    const Waiting read = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= read.command.size();
    send(*through, read.command, *read.who, read.tag);
  }
}

void Pool::flush() {
  std::erase_if(readers_, [this](const auto& reader) {
    if (!reader->is_closed()) return false;
    counters_.readers += reader->counters();
    return true;
  });
  writer_.flush();
  for (const auto& reader : readers_) reader->flush();
}

void Pool::reconnect_readers(const Error& why) {
  for (const auto& reader : readers_) reader->reconnect(why);
}

void Pool::close(const Error& error) {
  if (std::exchange(closed_, true)) return;
  while (!waiting_.empty()) {
    const Waiting read = std::move(waiting_.front());
    waiting_.pop_front();
    read.who->on_failed(read.tag, error);
  }
  waiting_bytes_ = 0;
  for (const auto& reader : readers_) reader->close(error);
  writer_.close(error);
}

void Pool::on_ready(Pipeline&) noexcept { serve_waiting(); }

void Pool::on_lost(Pipeline& reader, const Error&) noexcept {
  if (reader.pending_commands() == 0) close_reader(reader);
  serve_waiting();
}

/// The writer may have a link although a further connection is refused: what waits goes there. A reader that owes
/// answers goes on trying.
void Pool::on_connect_failed(Pipeline& reader, const Error&) noexcept {
  if (reader.pending_commands() == 0) close_reader(reader);
  serve_waiting(true);
}

void Pool::on_greeting_refused(Pipeline& reader, const Error& error) noexcept { on_connect_failed(reader, error); }

void Pool::on_progress(Pipeline&) noexcept { serve_waiting(); }

void Pool::on_idle(Pipeline& reader) noexcept {
  if (reader.pending_commands() == 0) close_reader(reader);
}

std::size_t Pool::pending_bytes() const noexcept {
  std::size_t bytes = writer_.pending_bytes() + waiting_bytes_;
  for (const auto& reader : readers_) bytes += reader->pending_bytes();
  return bytes;
}

PoolCounters Pool::counters() const noexcept {
  PoolCounters counters = counters_;
  counters.writer = writer_.counters();
  counters.waiting = waiting_.size();
  counters.ready = writer_.is_ready() ? 1 : 0;
  counters.connections = writer_.is_closed() ? 0 : 1;
  for (const auto& reader : readers_) {
    counters.readers += reader->counters();
    if (reader->is_ready()) ++counters.ready;
    if (!reader->is_closed()) ++counters.connections;
  }
  return counters;
}

}  // namespace sake::redis
