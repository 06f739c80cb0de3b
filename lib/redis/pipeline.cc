#include "redis/pipeline.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "sake/resource.h"

#include "redis/server_error.h"

namespace sake::redis {
namespace {

/// Longer than this a server that has recovered should not wait for us.
constexpr std::chrono::milliseconds retry_pause_max{1'000};

constexpr std::uint64_t nowhere = std::numeric_limits<std::uint64_t>::max();

Error unasked_reply() {
  return {Errc::backend_error, Cause::protocol, false, "Redis sent a reply that nothing asked for"};
}

Error server_error(std::string_view words) {
  return {Errc::backend_error, Cause::server, false, std::string(server_words(words))};
}

}  // namespace

PipelineCounters& PipelineCounters::operator+=(const PipelineCounters& other) noexcept {
  commands += other.commands;
  selects += other.selects;
  refused += other.refused;
  retries += other.retries;
  flushes += other.flushes;
  bytes_sent += other.bytes_sent;
  bytes_received += other.bytes_received;
  lost += other.lost;
  return *this;
}

Pipeline::Pipeline(uv_loop_s* loop, const ConnectionOptions& options, int database, Role role, PipelineHandler& handler)
    : handler_(handler),
      options_(options),
      database_(database),
      queue_(database, options.batch_bytes, options.in_flight_bytes_max),
      connection_(loop, options, database, static_cast<ConnectionHandler&>(*this)),
      retry_timer_(loop, [this] { on_pause_over(); }),
      retry_backoff_(options.backoff_first, std::max(options.backoff_first, retry_pause_max)),
      retried_at_(nowhere) {
  if (role == Role::reader) return;
  connection_.require_database(reference_index);
  connection_.require_writes();
}

Pipeline::~Pipeline() {
  assert(!closing_ && "destroyed in a call of its own close()");
  close({Errc::closed_client, Cause::none, false, "the connection was destroyed"});
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

void Pipeline::ping() {
  begin(Section::references_last).begin(1).arg("PING");
  end(Section::references_last, nullptr);
}

void Pipeline::reconnect(const Error& why) {
  if (is_ready()) connection_.fail_link(why);
}

void Pipeline::send() {
  if (retry_ != Retry::none) return;
  std::array<std::string_view, net::Stream::pieces_max> pieces;
  while (connection_.may_write()) {
    const std::size_t count = queue_.send(pieces);
    if (count == 0) return;
    ++counters_.flushes;
    if (connection_.write(std::span(pieces).first(count))) queue_.on_written();
  }
}

bool Pipeline::awaits_reply() const noexcept { return retry_ == Retry::selecting || queue_.awaits_answer(); }

void Pipeline::on_link_ready() noexcept {
  handler_.on_ready(*this);
  send();
}

void Pipeline::on_link_reply(const resp::Reply& reply) noexcept {
  if (retry_ == Retry::selecting) return on_selected(reply);
  if (!queue_.awaits_answer()) return connection_.fail_link(unasked_reply());
  if (retry_ == Retry::draining) {
    if (queue_.on_void_answer()) on_drained();
    return;
  }
  if (reply.type == resp::ReplyType::error) return on_refused(reply.text);
  const CommandQueue::Entry entry = queue_.on_answered();
  if (entry.who == nullptr) return;
  if (entry.tag == 0) return entry.who->on_acknowledged();
  entry.who->on_reply(entry.tag, reply);
}

void Pipeline::on_refused(std::string_view words) {
  // Not the command is refused but this link: by a master that has become a replica, or one that has forgotten our
  // login. Another link shows what there is; names are resolved and the login is sent anew for it.
  if (is_read_only(words) || is_logged_out(words)) return connection_.fail_link(server_error(words));
  // The greeting has shown that the database exists, so the user has lost a right. What was sent behind it has run in
  // the wrong database; nothing more shall. The next greeting says what is wrong.
  if (queue_.awaited().selects() && !is_passing(words)) return connection_.fail_link(server_error(words));
  if (is_passing(words) && may_retry()) return begin_retry();

  ++counters_.refused;
  const CommandQueue::Entry entry = queue_.on_answered();
  if (entry.who != nullptr) entry.who->on_failed(entry.tag, server_error(words));
}

/// Whether the command whose answer is due is to be sent again.
bool Pipeline::may_retry() noexcept {
  const CommandQueue::Entry& entry = queue_.awaited();
  if (entry.selects()) return true;  // Nothing behind it may run in another database.
  if (entry.who == nullptr || entry.who->has_failed()) return false;
  if (retried_at_ != queue_.answered()) {
    retried_at_ = queue_.answered();
    retried_for_ = std::chrono::milliseconds(0);
    retry_backoff_.reset();
  }
  return retried_for_ < options_.retry_timeout;
}

void Pipeline::begin_retry() {
  ++counters_.retries;
  retry_ = Retry::draining;
  queue_.begin_void();
  if (queue_.on_void_answer()) on_drained();
}

void Pipeline::on_drained() {
  if (!connection_.may_write()) {
    return connection_.fail_link(
        {Errc::backend_error, Cause::protocol, false, "Redis answered commands before it had them"});
  }
  pause();
}

void Pipeline::pause() {
  retry_ = Retry::pausing;
  const std::chrono::milliseconds delay = retry_backoff_.next(connection_.random());
  retried_for_ += delay;
  retry_timer_.start(delay);
}

void Pipeline::on_pause_over() {
  // What was sent may have left another database selected than the first command needs.
  retry_ = Retry::selecting;
  base::Buffer select;
  resp::CommandWriter(select).begin(2).arg("SELECT").arg(queue_.database());
  const std::array<std::string_view, 1> piece{select.view()};
  if (!connection_.write(piece)) {
    connection_.fail_link({Errc::backend_error, Cause::lost, false, "the kernel takes no more for this connection"});
  }
}

void Pipeline::on_selected(const resp::Reply& reply) {
  if (reply.type != resp::ReplyType::error) {
    retry_ = Retry::none;  // on_link_read() sends.
  } else if (is_passing(reply.text)) {
    pause();
  } else {
    connection_.fail_link(server_error(reply.text));
  }
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

void Pipeline::on_link_reply_too_large(const Error& error) noexcept {
  if (retry_ != Retry::none || !queue_.awaits_answer()) return;
  ++counters_.refused;
  const CommandQueue::Entry entry = queue_.on_answered();
  Error told = error;
  told.may_have_run = true;
  if (entry.who != nullptr) entry.who->on_failed(entry.tag, told);
}

void Pipeline::on_link_idle() noexcept { handler_.on_idle(*this); }

void Pipeline::on_link_lost(const Error& error) noexcept {
  ++counters_.lost;
  retry_ = Retry::none;
  retry_timer_.stop();
  queue_.on_lost();
  connection_.set_database(queue_.database());
  handler_.on_lost(*this, error);
}

void Pipeline::on_connect_failed(const Error& error) noexcept { handler_.on_connect_failed(*this, error); }

void Pipeline::on_greeting_refused(const Error& error) noexcept { handler_.on_greeting_refused(*this, error); }

void Pipeline::close(const Error& error) {
  if (closed_) return;
  closed_ = true;
  close_error_ = error;
  retry_timer_.close();
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
