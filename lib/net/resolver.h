#pragma once

// Host names to socket addresses, on libuv's thread pool: one slow DNS answer must not stop the loop.
// One question at a time. After cancel() or destruction the callback is not called.

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sake/callback.h"
#include "sake/result.h"

struct uv_loop_s;

namespace sake::net {

struct SocketAddress {
  sockaddr_storage storage;
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// "127.0.0.1:6379", "[::1]:6379".
std::string describe(const SocketAddress& address);

class Resolver {
 public:
  /// At least one address, in the order in which they should be tried; or backend_error (connect).
  using OnResolved = Callback<void(Result<std::vector<SocketAddress>>)>;

  explicit Resolver(uv_loop_s* loop) noexcept : loop_(loop) {}
  ~Resolver() { cancel(); }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Calls back from the loop. An error is a name that cannot be asked for; then nothing is called.
  /// REQUIRES: no question is open.
  Status resolve(const std::string& host, std::uint16_t port, OnResolved on_resolved);

  /// Forgets the open question, if there is one.
  void cancel() noexcept;

 private:
  struct Block;
  uv_loop_s* loop_;
  Block* block_ = nullptr;  // Of the open question; the loop's until it is answered, which a cancel only hastens.
};

}  // namespace sake::net
