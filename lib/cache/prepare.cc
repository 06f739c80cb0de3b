#include "cache/prepare.h"

#include <utility>

#include <uv.h>

namespace sake::cache {

struct Prepare::Block {
  uv_prepare_t handle;
  Prepare* owner;  // Null once the owner has let go.
  Callback<void()> on_iteration;
  Callback<void()> on_closed;
  bool closed_once;

  /// The loop closes handles in the opposite order of asking. By the time it has closed this one a second time, it has
  /// closed everything that was asked before.
  static void close(Block* block) noexcept {
    uv_close(reinterpret_cast<uv_handle_t*>(&block->handle), [](uv_handle_t* handle) noexcept {
      auto* closed = static_cast<Block*>(handle->data);
      if (!std::exchange(closed->closed_once, true)) {
        uv_prepare_init(handle->loop, &closed->handle);
        close(closed);
        return;
      }
      Callback<void()> callback = std::move(closed->on_closed);
      delete closed;
      if (callback) callback();
    });
  }
};

Prepare::Prepare(uv_loop_s* loop, Callback<void()> on_iteration)
    : block_(new Block{{}, this, std::move(on_iteration), {}, false}) {
  uv_prepare_init(loop, &block_->handle);
  block_->handle.data = block_;
  uv_prepare_start(&block_->handle, [](uv_prepare_t* handle) noexcept {
    auto* block = static_cast<Block*>(handle->data);
    if (block->owner != nullptr) block->on_iteration();
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(&block_->handle));
}

Prepare::~Prepare() { close(); }

void Prepare::keep_alive() noexcept {
  if (block_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t*>(&block_->handle));
}

void Prepare::close(Callback<void()> on_closed) noexcept {
  Block* block = std::exchange(block_, nullptr);
  if (block == nullptr) return;
  block->owner = nullptr;
  block->on_closed = std::move(on_closed);
  Block::close(block);
}

}  // namespace sake::cache
