#pragma once

// Calls its owner once per iteration of the loop, before the loop waits. Does not keep the loop alive by itself.

#include "sake/callback.h"

struct uv_loop_s;

namespace sake::cache {

class Prepare {
 public:
  Prepare(uv_loop_s* loop, Callback<void()> on_iteration);
  /// close(), if it was not called.
  ~Prepare();
  Prepare(const Prepare&) = delete;
  Prepare& operator=(const Prepare&) = delete;

  /// From now on the loop has a reason to go on.
  void keep_alive() noexcept;
  bool is_closed() const noexcept { return block_ == nullptr; }

  /// No further calls; `on_closed` comes when the loop has closed this and every handle that was closed before.
  void close(Callback<void()> on_closed = {}) noexcept;

 private:
  struct Block;
  Block* block_;
};

}  // namespace sake::cache
