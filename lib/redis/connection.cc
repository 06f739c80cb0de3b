#include "redis/connection.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "base/random.h"
#include "base/snowflake.h"

namespace sake::redis {
namespace {

// Timeouts are counted in turns of a timer rather than read from a clock, because a loop that was kept busy by its host
// must not take the time for the server's silence. One turn more than a timeout has, since the first is cut short.
constexpr int ticks_of_attempt = 4;
constexpr int ticks_of_silence = ticks_of_attempt + 1;

std::chrono::milliseconds tick(std::chrono::milliseconds timeout) noexcept {
  return std::max(timeout / ticks_of_attempt, std::chrono::milliseconds(1));
}

std::string unique_name(int database, std::uint64_t random) {
  return "sake:" + std::to_string(database) + ":" + std::string(base::Decimal(random).view());
}

/// Marks that a call from the loop is under way.
class Call {
 public:
  explicit Call(bool& flag) noexcept : flag_(flag), before_(std::exchange(flag, true)) {}
  ~Call() { flag_ = before_; }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  bool& flag_;
  bool before_;
};

}  // namespace

Connection::Connection(uv_loop_s* loop, const ConnectionOptions& options, int database, ConnectionHandler& handler)
    : options_(options),
      handler_(handler),
      database_(database),
      fsm_(options.backoff_first, options.backoff_max),
      timer_(loop, [this] { on_timer(); }),
      resolver_(loop),
      stream_(loop, *this, options.tls, options.address.host),
      random_state_(base::random_number()) {
  name_ = unique_name(database, random_state_);
}

Connection::~Connection() {
  assert(!in_call_ && "destroyed in a call to its handler");
  close();
}

void Connection::start() {
  if (fsm_.state() == ConnectionState::idle) timer_.start(std::chrono::milliseconds(0));
}

void Connection::close() noexcept { carry_out(fsm_.on(ConnectionEvent::close)); }

void Connection::carry_out(ConnectionAction action) {
  switch (action) {
    case ConnectionAction::none:
      return;
    case ConnectionAction::open:
      return open();
    case ConnectionAction::greet:
      return greet();
    case ConnectionAction::serve:
      return serve();
    case ConnectionAction::retry:
    case ConnectionAction::recover:
      let_go();
      return timer_.start(fsm_.delay(random()));
    case ConnectionAction::end:
      let_go();
      return timer_.close();
  }
}

void Connection::let_go() noexcept {
  timer_.stop();
  resolver_.cancel();
  stream_.reset();
  if (reader_ != nullptr) reader_->stop();  // Not destroyed: it may be the one that calls.
}

bool Connection::write(std::span<const std::string_view> pieces) {
  for (const std::string_view piece : pieces) bytes_sent_ += piece.size();
  if (std::exchange(idle_, false)) {
    ticks_ = 0;
    timer_.start(tick(options_.command_timeout));
  }
  return stream_.write(pieces);
}

void Connection::fail_link(const Error& error) { fail(error, false); }

void Connection::fail(const Error& error, bool refused) {
  const ConnectionAction action = fsm_.on(ConnectionEvent::failed);
  if (action == ConnectionAction::none) return;
  carry_out(action);
  Error told = error;
  told.text = describe(options_.address) + ": " + error.text;
  if (action == ConnectionAction::recover) return handler_.on_link_lost(told);
  if (refused) return handler_.on_greeting_refused(told);
  handler_.on_connect_failed(told);
}

void Connection::on_timer() {
  const Call call(in_call_);
  switch (fsm_.state()) {
    case ConnectionState::idle:
      return carry_out(fsm_.on(ConnectionEvent::start));
    case ConnectionState::waiting:
      return carry_out(fsm_.on(ConnectionEvent::elapsed));
    case ConnectionState::opening:
    case ConnectionState::greeting:
      return watch_attempt();
    case ConnectionState::ready:
      return watch_link();
    case ConnectionState::closed:
      return;
  }
}

void Connection::watch_attempt() {
  if (++ticks_ < ticks_of_attempt) return timer_.start(tick(options_.connect_timeout));
  // A Redis without TLS says nothing to a handshake: it waits for the end of a line.
  const char* what =
      stream_.is_shaking_hands() ? "no TLS handshake (does the server speak TLS on this port?)" : "no connection";
  fail(timed_out(what, options_.connect_timeout), false);
}

void Connection::watch_link() {
  if (idle_) {
    rest();
    return handler_.on_link_idle();
  }
  if (!handler_.awaits_reply()) return rest();
  const std::size_t unwritten = stream_.unwritten_bytes();
  if (bytes_received_ != received_seen_ || unwritten < unwritten_seen_) ticks_ = 0;
  received_seen_ = bytes_received_;
  unwritten_seen_ = unwritten;
  if (++ticks_ < ticks_of_silence) return timer_.start(tick(options_.command_timeout));
  fail(timed_out("no answer", options_.command_timeout), false);
}

/// Until the next write() there is nothing to wait for.
void Connection::rest() {
  idle_ = true;
  timer_.stop();
  if (options_.idle_after.count() > 0) timer_.start(options_.idle_after);
}

Error Connection::timed_out(std::string_view what, std::chrono::milliseconds timeout) {
  return {Errc::backend_error, Cause::timed_out, false,
          std::string(what) + " within " + std::to_string(timeout.count()) + " ms"};
}

void Connection::open() {
  ticks_ = 0;
  timer_.start(tick(options_.connect_timeout));
  const net::Address& address = options_.address;
  if (address.tls && options_.tls == nullptr) {
    return fail({Errc::backend_error, Cause::tls, false, "the address asks for TLS, and nothing says whom to trust"},
                true);
  }
  addresses_.clear();
  Status status;
  if (address.kind == net::AddressKind::unix_socket) {
    status = stream_.connect(address.path);
  } else {
    status = resolver_.resolve(address.host, address.port, [this](Result<std::vector<net::SocketAddress>> found) {
      on_resolved(std::move(found));
    });
  }
  if (!status) fail(status.error(), false);
}

void Connection::on_resolved(Result<std::vector<net::SocketAddress>> found) {
  const Call call(in_call_);
  if (!found) return fail(found.error(), false);
  addresses_ = std::move(found).value();
  std::ranges::reverse(addresses_);
  connect_next();
}

void Connection::connect_next() {
  while (true) {
    const net::SocketAddress address = addresses_.back();
    addresses_.pop_back();
    const Status status = stream_.connect(address);
    if (status) return;
    if (addresses_.empty()) return fail(status.error(), false);
  }
}

void Connection::on_connected() noexcept {
  const Call call(in_call_);
  carry_out(fsm_.on(ConnectionEvent::connected));
}

void Connection::greet() {
  resp::ReplyHandler& handler = *this;
  reader_ = std::make_unique<resp::ReplyReader>(handler, options_.reply_bytes_max);
  const net::Address& address = options_.address;
  const std::string& password = address.password.empty() ? options_.password : address.password;
  greeting_bytes_.clear();
  greeting_.begin({address.user, password, database_, other_database_, writes_, name_, predecessor_id_},
                  greeting_bytes_);
  send_greeting();
}

void Connection::send_greeting() {
  // A few hundred bytes on an empty socket: the kernel takes them at once.
  const std::array<std::string_view, 1> piece{greeting_bytes_.view()};
  bytes_sent_ += greeting_bytes_.size();
  stream_.write(piece);
}

void Connection::on_reply(const resp::Reply& reply) noexcept {
  if (is_ready()) return handler_.on_link_reply(reply);
  if (fsm_.state() == ConnectionState::greeting) on_greeting_reply(reply);
}

void Connection::on_greeting_reply(const resp::Reply& reply) {
  if (stream_.is_writing()) {
    return fail({Errc::backend_error, Cause::protocol, false, "the server answers what it has not been told yet"},
                false);
  }
  greeting_bytes_.clear();
  switch (greeting_.on_reply(reply, greeting_bytes_)) {
    case Greeting::Progress::waiting:
      return;
    case Greeting::Progress::send:
      return send_greeting();
    case Greeting::Progress::refused:
      return fail(greeting_.error(), true);
    case Greeting::Progress::failed:
      return fail(greeting_.error(), false);
    case Greeting::Progress::done:
      break;
  }
  predecessor_id_ = greeting_.client_id();
  carry_out(fsm_.on(ConnectionEvent::greeted));
}

void Connection::serve() {
  rest();
  handler_.on_link_ready();
}

void Connection::on_read(std::string_view bytes) noexcept {
  const base::Turn turn(options_.turns);
  const Call call(in_call_);
  bytes_received_ += bytes.size();
  const Status status = reader_->feed(bytes.data(), bytes.size());
  if (!status) {
    if (is_ready() && reader_->is_over_bound()) handler_.on_link_reply_too_large(status.error());
    return fail(status.error(), false);
  }
  if (is_ready()) handler_.on_link_read();
}

void Connection::on_written() noexcept {
  const base::Turn turn(options_.turns);
  const Call call(in_call_);
  if (is_ready()) handler_.on_link_written();
}

void Connection::on_lost(const Error& error) noexcept {
  const base::Turn turn(options_.turns);
  const Call call(in_call_);
  // A server that is not who it should be refuses us, so to speak, and has no other address to be asked at.
  const bool is_refused = error.cause == Cause::tls;
  if (!is_refused && fsm_.state() == ConnectionState::opening && !addresses_.empty()) return connect_next();
  fail(error, is_refused);
}

// SplitMix64.
std::uint32_t Connection::random() noexcept {
  std::uint64_t mixed = random_state_ += 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return static_cast<std::uint32_t>(mixed >> 32);
}

}  // namespace sake::redis
