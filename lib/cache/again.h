#pragma once

// Keeps a loop from waiting while the cache has something to send or to tell, which happens before the loop waits.
// libuv's own uv_run() comes by there anyway. A host that waits outside of it, on uv_backend_fd(), asks
// uv_backend_timeout() how long it may: that is zero while this is started.

#include "base/turn_clock.h"

struct uv_loop_s;

namespace sake::cache {

class Again {
 public:
  /// Starts by itself when the loop has read something during a turn of `turns`.
  Again(uv_loop_s* loop, const base::TurnClock& turns);
  /// close(), if it was not called.
  ~Again() { close(); }
  Again(const Again&) = delete;
  Again& operator=(const Again&) = delete;

  void start() noexcept;
  /// Everything there was has been sent and told.
  void stop() noexcept;
  void close() noexcept;

 private:
  struct Block;
  Block* block_;  // Null once closed. What it points to is the loop's.
};

}  // namespace sake::cache
