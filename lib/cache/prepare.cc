#include "cache/prepare.h"

#include <utility>

#include <uv.h>

namespace sake::cache {

struct Prepare::Block {
  uv_prepare_t handle;
  Prepare* owner;  // Null once the owner has let go.
  Callback<void()> on_iteration;
  Callback<void()> on_closed;
};

Prepare::Prepare(uv_loop_s* loop, Callback<void()> on_iteration)
    : block_(new Block{{}, this, std::move(on_iteration), {}}) {
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
  uv_close(reinterpret_cast<uv_handle_t*>(&block->handle), [](uv_handle_t* handle) noexcept {
    auto* closed = static_cast<Block*>(handle->data);
    Callback<void()> callback = std::move(closed->on_closed);
    delete closed;
    if (callback) callback();
  });
}

}  // namespace sake::cache
