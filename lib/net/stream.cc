#include "net/stream.h"

#include <array>
#include <cassert>
#include <utility>

#include <uv.h>

namespace sake::net {
namespace {

std::string reason(int status) { return status == UV_EOF ? "the server closed the connection" : uv_strerror(status); }

}  // namespace

// The handle, its requests and its input buffer in one piece, which belongs to the loop until the handle is closed.
struct Stream::Block {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };
  uv_connect_t connect;
  uv_write_t write;
  Stream* owner;  // Null once detached: every callback looks at it first.
  bool connected;
  char input[64 * 1024];

  static void on_connect(uv_connect_t* request, int status) noexcept {
    auto* block = static_cast<Block*>(request->handle->data);
    if (block->owner == nullptr) return;
    if (status != 0) return block->lost(status);
    block->connected = true;
    const int reading = uv_read_start(&block->stream, on_alloc, on_read);
    if (reading != 0) return block->lost(reading);
    block->owner->handler_.on_connected();
  }

  static void on_alloc(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) noexcept {
    auto* block = static_cast<Block*>(handle->data);
    *buffer = uv_buf_init(block->input, sizeof block->input);
  }

  static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t*) noexcept {
    auto* block = static_cast<Block*>(stream->data);
    if (block->owner == nullptr || count == 0) return;
    if (count < 0) return block->lost(static_cast<int>(count));
    block->owner->handler_.on_read({block->input, static_cast<std::size_t>(count)});
  }

  static void on_write(uv_write_t* request, int status) noexcept {
    auto* block = static_cast<Block*>(request->handle->data);
    if (block->owner == nullptr) return;
    if (status != 0) return block->lost(status);
    block->owner->writing_ = false;
    block->owner->handler_.on_written();
  }

  void lost(int status) noexcept {
    StreamHandler& handler = owner->handler_;
    owner->reset();  // Before the handler: it may connect again or destroy the stream.
    handler.on_lost({Errc::backend_error, connected ? Cause::lost : Cause::connect, false, reason(status)});
  }
};

Stream::Block* Stream::open(bool tcp) {
  assert(block_ == nullptr);
  block_ = new Block;
  block_->owner = this;
  block_->connected = false;
  if (tcp) {
    uv_tcp_init(loop_, &block_->tcp);
  } else {
    uv_pipe_init(loop_, &block_->pipe, 0);
  }
  block_->handle.data = block_;
  return block_;
}

Status Stream::connect(const SocketAddress& address) {
  Block* block = open(true);
  const int status = uv_tcp_connect(&block->connect, &block->tcp, address.get(), Block::on_connect);
  if (status != 0) {
    close();
    return Error{Errc::backend_error, Cause::connect, false, reason(status)};
  }
  // Batches are built by us, so waiting for more bytes only adds delay. A refusal costs no more than that.
  uv_tcp_nodelay(&block->tcp, 1);
  uv_tcp_keepalive(&block->tcp, 1, 60);
  return {};
}

Status Stream::connect(const std::string& path) {
  Block* block = open(false);
  uv_pipe_connect(&block->connect, &block->pipe, path.c_str(), Block::on_connect);
  return {};
}

std::size_t Stream::unwritten_bytes() const noexcept {
  return block_ == nullptr ? 0 : uv_stream_get_write_queue_size(&block_->stream);
}

bool Stream::write(std::span<const std::string_view> pieces) {
  assert(block_ != nullptr && block_->connected && !writing_ && pieces.size() <= pieces_max);
  std::array<uv_buf_t, pieces_max> buffers;
  unsigned count = 0;
  std::size_t total = 0;
  for (const std::string_view piece : pieces) {
    // libuv does not write through this pointer.
    buffers[count++] = uv_buf_init(const_cast<char*>(piece.data()), static_cast<unsigned>(piece.size()));
    total += piece.size();
  }

  // Errors are left to uv_write, which meets them again and reports them from the loop.
  const int result = uv_try_write(&block_->stream, buffers.data(), count);
  std::size_t taken = result < 0 ? 0 : static_cast<std::size_t>(result);
  if (taken == total) return true;

  uv_buf_t* rest = buffers.data();
  for (; taken >= rest->len; ++rest, --count) taken -= rest->len;
  rest->base += taken;
  rest->len -= taken;
  writing_ = true;
  uv_write(&block_->write, &block_->stream, rest, count, Block::on_write);
  return false;
}

Stream::Block* Stream::detach() noexcept {
  writing_ = false;
  Block* block = std::exchange(block_, nullptr);
  if (block != nullptr) block->owner = nullptr;
  return block;
}

void Stream::close() noexcept {
  Block* block = detach();
  if (block == nullptr) return;
  uv_close(&block->handle, [](uv_handle_t* handle) noexcept { delete static_cast<Block*>(handle->data); });
}

void Stream::reset() noexcept {
  if (block_ == nullptr || block_->handle.type != UV_TCP) return close();
  Block* block = detach();
  const auto on_closed = [](uv_handle_t* handle) noexcept { delete static_cast<Block*>(handle->data); };
  if (uv_tcp_close_reset(&block->tcp, on_closed) != 0) uv_close(&block->handle, on_closed);
}

}  // namespace sake::net
