#include "redis/pipeline.h"

#include <array>
#include <cassert>
#include <span>
#include <string>
#include <utility>

#include "sake/resource.h"

#include "redis/server_error.h"

namespace sake::redis {

Pipeline::Pipeline(uv_loop_s* loop, const ConnectionOptions& options, int database, PipelineHandler& handler)
    : handler_(handler),
      database_(database),
      queue_(database, options.batch_bytes, options.in_flight_bytes_max),
      connection_(loop, options, database, static_cast<ConnectionHandler&>(*this)) {
  connection_.require_database(reference_index);
}

Pipeline::~Pipeline() {
  assert(!closing_ && "destroyed in a call of its own close()");
  close({Errc::closed_client, Cause::none, false, "the pipeline was destroyed"});
}

void Pipeline::start() { connection_.start(); }

void Pipeline::on_full() {
  // Inside close() the loop there takes what was just appended.
  if (closed_) return closing_ ? void() : fail_leftovers();
  flush();
}

void Pipeline::flush() {
  queue_.close_group();
  send();
}

void Pipeline::send() {
  std::array<std::string_view, net::Stream::pieces_max> pieces;
  while (connection_.may_write()) {
    const std::size_t count = queue_.send(pieces);
    if (count == 0) return;
    ++counters_.flushes;
    if (connection_.write(std::span(pieces).first(count))) queue_.on_written();
  }
}

void Pipeline::on_link_ready() noexcept {
  handler_.on_ready(*this);
  send();
}

void Pipeline::on_link_reply(const resp::Reply& reply) noexcept {
  if (!queue_.awaits_answer()) {
    return connection_.fail_link(
        {Errc::backend_error, Cause::protocol, false, "Redis sent a reply that nothing asked for"});
  }
  const CommandQueue::Entry entry = queue_.on_answered();
  if (reply.type == resp::ReplyType::error) return on_refused(entry, reply.text);
  if (entry.who == nullptr) return;
  if (entry.tag == 0) return entry.who->on_acknowledged();
  entry.who->on_reply(entry.tag, reply);
}

void Pipeline::on_refused(const CommandQueue::Entry& entry, std::string_view words) {
  const Error error{Errc::backend_error, Cause::server, false, std::string(server_words(words))};
  // The greeting has shown that the database exists, so the user has lost a right. What was sent behind it has run in
  // the wrong database; nothing more shall. The next greeting says what is wrong.
  if (entry.selects()) return connection_.fail_link(error);
  ++counters_.refused;
  if (entry.who != nullptr) entry.who->on_failed(entry.tag, error);
}

void Pipeline::on_link_read() noexcept {
  send();
  const std::uint64_t told = std::exchange(answered_told_, queue_.answered());
  if (answered_told_ != told) handler_.on_progress(*this);
}

void Pipeline::on_link_written() noexcept {
  queue_.on_written();
  send();
}

void Pipeline::on_link_lost(const Error& error) noexcept {
  ++counters_.lost;
  queue_.on_lost();
  connection_.set_database(queue_.database());
  handler_.on_lost(*this, error);
}

void Pipeline::on_connect_failed(const Error& error) noexcept { handler_.on_connect_failed(*this, error); }

void Pipeline::on_greeting_failed(const Error& error) noexcept { handler_.on_greeting_failed(*this, error); }

void Pipeline::close(const Error& error) {
  if (closed_) return;
  closed_ = true;
  close_error_ = error;
  connection_.close();
  fail_leftovers();
}

void Pipeline::fail_leftovers() {
  closing_ = true;
  while (const auto leftover = queue_.take_leftover()) {
    if (leftover->entry.who == nullptr) continue;
    Error error = close_error_;
    error.may_have_run = leftover->was_sent;
    leftover->entry.who->on_failed(leftover->entry.tag, error);
  }
  closing_ = false;
}

PipelineCounters Pipeline::counters() const noexcept {
  PipelineCounters counters = counters_;
  counters.commands = queue_.commands();
  counters.selects = queue_.selects();
  counters.bytes_sent = connection_.bytes_sent();
  counters.bytes_received = connection_.bytes_received();
  return counters;
}

}  // namespace sake::redis
