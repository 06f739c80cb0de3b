#pragma once

// Stream: bytes to and from a peer over TCP or a Unix socket.
// Rule: bytes given to write() must stay as they are until they are written or the stream is closed.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "sake/error.h"
#include "sake/result.h"

#include "net/resolver.h"

struct uv_loop_s;

namespace sake::net {

/// All calls come from the loop. In each of them the stream may be closed, connected again or destroyed.
class StreamHandler {
 public:
  virtual void on_connected() noexcept = 0;
  /// Valid during the call, also when it closes the stream.
  virtual void on_read(std::string_view bytes) noexcept = 0;
  /// The rest of the last write() has been sent.
  virtual void on_written() noexcept = 0;
  /// The stream has been closed: backend_error (connect) before on_connected, backend_error (lost) after it.
  virtual void on_lost(const Error& error) noexcept = 0;

 protected:
  ~StreamHandler() = default;
};

class Stream {
 public:
  static constexpr std::size_t pieces_max = 4;  ///< Of one write: as many as libuv takes without allocating.

  Stream(uv_loop_s* loop, StreamHandler& handler) noexcept : loop_(loop), handler_(handler) {}
  ~Stream() { close(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Begins to connect; on_connected or on_lost follows. An error is one that came at once; then nothing is called.
  /// REQUIRES: !is_open().
  Status connect(const SocketAddress& address);
  Status connect(const std::string& path);

  bool is_open() const noexcept { return block_ != nullptr; }
  bool is_writing() const noexcept { return writing_; }

  /// Bytes of a write() that the kernel has not taken yet.
  std::size_t unwritten_bytes() const noexcept;

  /// True: all was sent. False: the rest is being sent, on_written follows; until then write nothing more.
  /// REQUIRES: connected, !is_writing(), at most pieces_max pieces.
  bool write(std::span<const std::string_view> pieces);

  /// No more calls. What the kernel has taken still arrives.
  void close() noexcept;

  /// The same, and over TCP what is under way is thrown away on both sides, as far as it was not read yet.
  void reset() noexcept;

 private:
  struct Block;
  Block* open(bool tcp);
  Block* detach() noexcept;

  uv_loop_s* loop_;
  StreamHandler& handler_;
  Block* block_ = nullptr;
  bool writing_ = false;
};

}  // namespace sake::net
