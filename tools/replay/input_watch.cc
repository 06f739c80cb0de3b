#include "input_watch.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <utility>

namespace sake::replay {

InputWatch::InputWatch(uv_loop_t* loop, int descriptor, Callback<void()> on_readable)
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), on_readable_(std::move(on_readable)) {
  epoll_event event = {};
  event.events = EPOLLIN;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  auto* poll = new uv_poll_t;
  uv_poll_init(loop, poll, epoll_);
  poll->data = this;
  poll_.reset(poll);
}

InputWatch::~InputWatch() {
  poll_.reset();
  ::close(epoll_);
}

void InputWatch::start() {
  uv_poll_start(poll_.get(), UV_READABLE,
                [](uv_poll_t* poll, int, int) { static_cast<InputWatch*>(poll->data)->on_readable_(); });
}

void InputWatch::stop() { uv_poll_stop(poll_.get()); }

}  // namespace sake::replay
