#pragma once

// Handle: a libuv handle that its owner may drop at any time. The loop frees it once it is closed, and calls nothing
// of it any more, so its callbacks may rely on their owner.

#include <memory>

#include <uv.h>

namespace sake::tools {

template <typename T>
struct CloseHandle {
  void operator()(T* handle) const noexcept {
    uv_close(reinterpret_cast<uv_handle_t*>(handle), [](uv_handle_t* closed) { delete reinterpret_cast<T*>(closed); });
  }
};

template <typename T>
using Handle = std::unique_ptr<T, CloseHandle<T>>;

/// `init` is uv_timer_init or one like it; none of those used here can fail.
template <typename T>
Handle<T> make_handle(uv_loop_t* loop, int (*init)(uv_loop_t*, T*), void* owner) {
  auto* handle = new T;
  init(loop, handle);
  handle->data = owner;
  return Handle<T>(handle);
}

}  // namespace sake::tools
