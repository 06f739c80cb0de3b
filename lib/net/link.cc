#include "net/link.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "base/buffer.h"

namespace sake::net {
namespace {

/// Encrypted at once. More waits as it was given, so that a large write is not held twice.
constexpr std::size_t slice_bytes = 128u << 10;

/// The filter's own answers, such as to a change of keys. A server that wants more of them and reads none is cut off.
constexpr std::size_t answer_bytes_max = 64u << 10;

}  // namespace

struct Link::Session {
  Session(const TlsContext& context, const std::string& host) : filter(context, host, out) {}

  void encrypt_slice();
  std::size_t plain_bytes() const noexcept;

  base::Buffer out;      // Encrypted.
  base::Buffer sending;  // The stream's, until that has written it.
  TlsFilter filter;
  std::array<std::string_view, Stream::pieces_max> plain{};  // Given to write() and not encrypted yet.
  bool is_told = false;                                      // on_connected has been called.
  bool is_in_call = false;                                   // Of the handler: whoever makes it ends the session then.
  bool is_over = false;                                      // The link has nothing to do with it any more.
};

std::size_t Link::Session::plain_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const std::string_view piece : plain) bytes += piece.size();
  return bytes;
}

void Link::Session::encrypt_slice() {
  for (std::string_view& piece : plain) {
    if (out.size() >= slice_bytes) return;
    const std::string_view slice = piece.substr(0, slice_bytes - out.size());
    // The session is at its end when this fails, and what it would have said comes with the next read or not at all;
    // the pieces stay unwritten, which ends in a timeout at the latest.
    if (!filter.write(slice)) return;
    piece.remove_prefix(slice.size());
    if (!piece.empty()) return;
  }
}

Link::Link(uv_loop_s* loop, StreamHandler& handler, const TlsContext* tls, const std::string& host)
    : handler_(handler), tls_(tls), host_(host), stream_(loop, *this) {}

Link::~Link() { close(); }

bool Link::is_shaking_hands() const noexcept { return session_ != nullptr && !session_->is_told; }

bool Link::is_writing() const noexcept {
  return stream_.is_writing() || (session_ != nullptr && session_->plain_bytes() != 0);
}

std::size_t Link::unwritten_bytes() const noexcept {
  return stream_.unwritten_bytes() + (session_ != nullptr ? session_->plain_bytes() : 0);
}

bool Link::write(std::span<const std::string_view> pieces) {
  if (session_ == nullptr) return stream_.write(pieces);
  assert(session_->is_told && !is_writing() && pieces.size() <= Stream::pieces_max);
  std::ranges::copy(pieces, session_->plain.begin());
  return send();
}

/// Sends what there is. True: all of it went.
bool Link::send() {
  Session& session = *session_;
  while (true) {
    if (session.is_told) session.encrypt_slice();
    if (session.out.empty()) return session.plain_bytes() == 0;
    const std::array<std::string_view, 1> piece{session.out.view()};
    if (!stream_.write(piece)) {
      std::swap(session.out, session.sending);
      return false;
    }
    session.out.clear();
  }
}

void Link::on_connected() noexcept {
  if (tls_ == nullptr) return handler_.on_connected();
  session_ = std::make_unique<Session>(*tls_, host_);
  advance({});
}

void Link::on_read(std::string_view bytes) noexcept {
  if (session_ == nullptr) return handler_.on_read(bytes);
  advance(bytes);
}

void Link::advance(std::string_view bytes) {
  // After a call of the handler this link may be gone, and the session is this function's to end.
  Session* const session = session_.get();
  const auto end_of_call = [](Session* in_call) noexcept {
    in_call->is_in_call = false;
    if (in_call->is_over) delete in_call;
  };
  session->is_in_call = true;
  const std::unique_ptr<Session, decltype(end_of_call)> call(session);
  TlsFilter& filter = session->filter;
  Status status = filter.feed(bytes);
  if (status && filter.state() == TlsFilter::State::established && !session->is_told) {
    // The handshake ends with bytes that depend on all of ours, so they have been written.
    assert(!stream_.is_writing());
    session->is_told = true;
    handler_.on_connected();
    if (session->is_over) return;
  }
  while (filter.state() == TlsFilter::State::established) {
    const auto plaintext = filter.read();
    if (!plaintext) status = plaintext.error();
    if (!plaintext || plaintext->empty()) break;
    handler_.on_read(*plaintext);
    if (session->is_over) return;
  }
  if (!stream_.is_writing()) send();
  if (status && session->out.size() > answer_bytes_max) {
    status = Error{Errc::backend_error, Cause::protocol, false, "the server reads none of what TLS answers it"};
  }
  if (!status) end(status.error());
}

void Link::on_written() noexcept {
  if (session_ == nullptr) return handler_.on_written();
  session_->sending.clear();
  if (send() && session_->is_told) handler_.on_written();
}

void Link::on_lost(const Error& error) noexcept {
  if (session_ == nullptr) return handler_.on_lost(error);
  end(error);
}

/// What a peer says before the handshake is done, or that it goes, is a connection that did not come about.
void Link::end(Error error) {
  if (!session_->is_told && error.cause != Cause::tls) {
    error.cause = Cause::connect;
    error.text = "the TLS handshake was cut off: " + error.text;
  }
  close();
  handler_.on_lost(error);
}

void Link::let_go() noexcept {
  if (session_ == nullptr) return;
  session_->is_over = true;
  if (session_->is_in_call) {
    static_cast<void>(session_.release());
  } else {
    session_.reset();
  }
}

void Link::close() noexcept {
  let_go();
  stream_.close();
}

void Link::reset() noexcept {
  let_go();
  stream_.reset();
}

}  // namespace sake::net
