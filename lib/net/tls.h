#pragma once

// TLS as a client speaks it, as a pure filter: bytes in, bytes out, no socket and no clock. The one room for OpenSSL.
// Rule: until a filter is established, nothing but the handshake leaves it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sake/options.h"
#include "sake/result.h"

#include "base/buffer.h"

namespace sake::net {

/// What all sessions of a cache share: whom to trust, and who we are.
class TlsContext {
 public:
  /// Reads the files. Errors: invalid_argument, which name the option and say what is wrong with it.
  static Result<std::unique_ptr<TlsContext>> make(const Tls& options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

 private:
  friend class TlsFilter;

  struct Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// One session. Its errors are backend_error: (tls) when the server is not who it should be, refuses us or does not
/// speak TLS, in words that say what to do; (lost) when it has said goodbye. After one the session is over.
class TlsFilter {
 public:
  enum class State : std::uint8_t { handshaking, established, failed };

  /// More bytes than this before the session is established are no handshake.
  static constexpr std::size_t handshake_bytes_max = 256u << 10;

  /// `host` is whom the certificate must name, unless the options name another. What is to be sent is appended to
  /// `out`. REQUIRES: `context` and `out` outlive the filter.
  TlsFilter(const TlsContext& context, const std::string& host, base::Buffer& out);
  ~TlsFilter();
  TlsFilter(const TlsFilter&) = delete;
  TlsFilter& operator=(const TlsFilter&) = delete;

  State state() const noexcept;

  /// Begins the handshake.
  Status start() { return feed({}); }

  /// Takes what has come from the server. `bytes` must stay as they are until read() gives nothing more, which has to
  /// be asked for as soon as the session is established.
  Status feed(std::string_view bytes);

  /// The next plaintext, valid until the next call; empty when there is none. REQUIRES: established.
  Result<std::string_view> read();

  /// REQUIRES: established.
  Status write(std::string_view plaintext);

 private:
  friend class TlsContext;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sake::net
