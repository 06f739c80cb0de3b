#pragma once

// Link: a Stream, with TLS over it where there is a context for that. To its handler it is a Stream: on_connected comes
// when the handshake is done, and bytes are plaintext. Without TLS every call goes straight through.
// Rule: as for a Stream, bytes given to write() must stay as they are until they are written or the link is closed.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/stream.h"
#include "net/tls.h"

namespace sake::net {

class Link final : private StreamHandler {
 public:
  /// `tls` may be null: no TLS. Else it outlives the link, and the server's certificate must be for `host`. The handler
  /// is called as a Stream calls it, with one more error: backend_error (tls).
  Link(uv_loop_s* loop, StreamHandler& handler, const TlsContext* tls, const std::string& host);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  Status connect(const SocketAddress& address) { return stream_.connect(address); }
  Status connect(const std::string& path) { return stream_.connect(path); }

  bool is_open() const noexcept { return stream_.is_open(); }
  /// Connected, and the handshake is not done.
  bool is_shaking_hands() const noexcept;
  bool is_writing() const noexcept;
  std::size_t unwritten_bytes() const noexcept;
  bool write(std::span<const std::string_view> pieces);
  void close() noexcept;
  void reset() noexcept;

 private:
  struct Session;

  void on_connected() noexcept override;
  void on_read(std::string_view bytes) noexcept override;
  void on_written() noexcept override;
  void on_lost(const Error& error) noexcept override;

  void advance(std::string_view bytes);
  bool send();
  void end(Error error);
  void let_go() noexcept;

  StreamHandler& handler_;
  const TlsContext* tls_;
  std::string host_;
  Stream stream_;
  std::unique_ptr<Session> session_;  // From the connection to the end of the link.
};

}  // namespace sake::net
