#include "cache/again.h"

#include <cstdint>
#include <utility>

#include <uv.h>

namespace sake::cache {

struct Again::Block {
  uv_check_t check;
  uv_idle_t idle;  // While it is active, the loop polls without waiting.
  const base::TurnClock* turns;
  std::uint64_t seen;
  bool started;
  int handles;

  void start() noexcept {
    if (std::exchange(started, true)) return;
    uv_idle_start(&idle, [](uv_idle_t*) noexcept {});
  }

  template <typename Handle>
  void close(Handle& handle) noexcept {
    uv_close(reinterpret_cast<uv_handle_t*>(&handle), [](uv_handle_t* closed) noexcept {
      auto* block = static_cast<Block*>(closed->data);
      if (--block->handles == 0) delete block;
    });
  }
};

Again::Again(uv_loop_s* loop, const base::TurnClock& turns) : block_(new Block{{}, {}, &turns, 0, false, 2}) {
  uv_check_init(loop, &block_->check);
  uv_idle_init(loop, &block_->idle);
  block_->check.data = block_->idle.data = block_;
  uv_check_start(&block_->check, [](uv_check_t* handle) noexcept {
    auto* block = static_cast<Block*>(handle->data);
    if (block->turns->count() != block->seen) block->start();
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(&block_->check));
}

void Again::start() noexcept {
  if (block_ != nullptr) block_->start();
}

void Again::stop() noexcept {
  if (block_ == nullptr) return;
  block_->seen = block_->turns->count();
  if (std::exchange(block_->started, false)) uv_idle_stop(&block_->idle);
}

void Again::close() noexcept {
  Block* block = std::exchange(block_, nullptr);
  if (block == nullptr) return;
  block->close(block->check);
  block->close(block->idle);
}

}  // namespace sake::cache
