#pragma once

// What a stream or a link tells its handler, in order.

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "net/stream.h"

namespace sake::test {

struct StreamEvents final : net::StreamHandler {
  std::string log;
  std::string read;
  std::optional<Error> error;
  std::function<void()> then;

  void on_connected() noexcept override { add("connected "); }
  void on_read(std::string_view bytes) noexcept override {
    read += bytes;
    add("read ");
  }
  void on_written() noexcept override { add("written "); }
  void on_lost(const Error& why) noexcept override {
    error = why;
    add("lost ");
  }
  void add(const char* name) {
    log += name;
    if (then) then();
  }
};

/// Writes one piece to a Stream or a Link.
template <typename Writable>
bool write(Writable& to, std::string_view text) {
  const std::array<std::string_view, 1> pieces{text};
  return to.write(pieces);
}

}  // namespace sake::test
