#pragma once

// A peer on a Unix socket that says what a test tells it to say, whatever it is sent: for what no redis-server does.
// Handles are closed by the destructor and gone after the loop has turned once more.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <uv.h>

#include "support/temp_directory.h"

namespace sake::test {

class ScriptedPeer {
 public:
  /// Says `greeting` to everyone who connects.
  ScriptedPeer(uv_loop_t* loop, std::string greeting) : loop_(loop), greeting_(std::move(greeting)) {
    listener_ = new uv_pipe_t;
    uv_pipe_init(loop, listener_, 0);
    listener_->data = this;
    REQUIRE(uv_pipe_bind(listener_, path().c_str()) == 0);
    REQUIRE(uv_listen(stream(listener_), 16,
                      [](uv_stream_t* server, int) { static_cast<ScriptedPeer*>(server->data)->accept(); }) == 0);
  }
  ~ScriptedPeer() {
    for (uv_pipe_t* link : links_) close(link);
    close(listener_);
  }
  ScriptedPeer(const ScriptedPeer&) = delete;
  ScriptedPeer& operator=(const ScriptedPeer&) = delete;

  std::string path() const { return directory_.file("peer.sock"); }
  std::string address() const { return "unix://" + path(); }

  /// To the latest who connected.
  void say(std::string_view text) {
    uv_buf_t buffer = uv_buf_init(const_cast<char*>(text.data()), static_cast<unsigned>(text.size()));
    uv_try_write(stream(links_.back()), &buffer, 1);
  }

  void stop_reading() { uv_read_stop(stream(links_.back())); }

 private:
  static uv_stream_t* stream(uv_pipe_t* pipe) { return reinterpret_cast<uv_stream_t*>(pipe); }
  static void close(uv_pipe_t* pipe) {
    uv_close(reinterpret_cast<uv_handle_t*>(pipe),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_pipe_t*>(handle); });
  }

  void accept() {
    auto* link = new uv_pipe_t;
    uv_pipe_init(loop_, link, 0);
    link->data = this;
    REQUIRE(uv_accept(stream(listener_), stream(link)) == 0);
    links_.push_back(link);
    uv_read_start(
        stream(link),
        [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
          auto& sink = static_cast<ScriptedPeer*>(handle->data)->sink_;
          *buffer = uv_buf_init(sink, sizeof sink);
        },
        [](uv_stream_t* reading, ssize_t count, const uv_buf_t*) {
          if (count < 0) uv_read_stop(reading);
        });
    say(greeting_);
  }

  uv_loop_t* loop_;
  std::string greeting_;
  TempDirectory directory_;
  uv_pipe_t* listener_;
  std::vector<uv_pipe_t*> links_;
  char sink_[65536];
};

}  // namespace sake::test
