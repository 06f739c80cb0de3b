#pragma once

// InputWatch: calls back when there is something to read from a pipe or a terminal.

#include <uv.h>

#include "sake/callback.h"

#include "common/handle.h"

namespace sake::replay {

class InputWatch {
 public:
  InputWatch(uv_loop_t* loop, int descriptor, Callback<void()> on_readable);
  ~InputWatch();

  void start();
  void stop();

  InputWatch(const InputWatch&) = delete;
  InputWatch& operator=(const InputWatch&) = delete;

 private:
  // libuv makes what it watches non-blocking, and with standard input that would change it for every process that
  // shares it. So libuv watches an epoll descriptor of ours, and that one watches the input.
  int epoll_;
  Callback<void()> on_readable_;
  tools::Handle<uv_poll_t> poll_;
};

}  // namespace sake::replay
