#include "net/timer.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <uv.h>

namespace sake::net {

// Lives until the loop has closed the handle. A closing timer no longer fires, so it need not know its owner.
struct Timer::Block {
  uv_timer_t timer;
  Callback<void()> on_elapsed;

  uv_handle_t* handle() noexcept { return reinterpret_cast<uv_handle_t*>(&timer); }
};

Timer::Timer(uv_loop_s* loop, Callback<void()> on_elapsed) : block_(new Block{{}, std::move(on_elapsed)}) {
  uv_timer_init(loop, &block_->timer);
  block_->timer.data = block_;
}

void Timer::start(std::chrono::milliseconds delay) noexcept {
  if (block_ == nullptr) return;
  uv_update_time(block_->timer.loop);  // The loop's clock stands still during a turn.
  uv_timer_start(
      &block_->timer, [](uv_timer_t* timer) noexcept { static_cast<Block*>(timer->data)->on_elapsed(); },
      static_cast<std::uint64_t>(std::max<std::chrono::milliseconds::rep>(delay.count(), 0)), 0);
}

void Timer::stop() noexcept {
  if (block_ != nullptr) uv_timer_stop(&block_->timer);
}

bool Timer::is_running() const noexcept { return block_ != nullptr && uv_is_active(block_->handle()) != 0; }

void Timer::close() noexcept {
  Block* block = std::exchange(block_, nullptr);
  if (block == nullptr) return;
  uv_close(block->handle(), [](uv_handle_t* handle) noexcept { delete static_cast<Block*>(handle->data); });
}

}  // namespace sake::net
