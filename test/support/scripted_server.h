#pragma once

// A server on a Unix socket that follows a script, for what no redis-server does. Each link has a script of its own,
// the last of them is for all later links too. A script is lines:
//
//   GREET               Answers what a greeting asks, as a redis-server would, up to the first command that is none.
//   EXPECT SET key      Waits for the next command, which has to begin with these words.
//   SEND +OK\r\n        Sends this; \r, \n, \\ and \x00 are read as in C.
//   FLOOD x             Sends this again and again until the link ends.
//   CUT                 Ends the link.
//   SERVE               Answers everything from here on, and keeps it for served().
//
// A link whose script has ended is left open and silent. Handles are closed by the destructor and gone after the loop
// has turned once more.

#include <cstddef>
#include <cstdlib>
#include <deque>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <uv.h>

#include "support/resp_text.h"
#include "support/temp_directory.h"

namespace sake::test {

class ScriptedServer {
 public:
  ScriptedServer(uv_loop_t* loop, std::vector<std::string> scripts) : loop_(loop), scripts_(std::move(scripts)) {
    listener_ = new uv_pipe_t;
    uv_pipe_init(loop, listener_, 0);
    listener_->data = this;
    REQUIRE(uv_pipe_bind(listener_, path().c_str()) == 0);
    REQUIRE(uv_listen(stream(listener_), 16,
                      [](uv_stream_t* server, int) { static_cast<ScriptedServer*>(server->data)->accept(); }) == 0);
  }
  ~ScriptedServer() {
    while (!links_.empty()) close(*links_.back());
    uv_close(reinterpret_cast<uv_handle_t*>(listener_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_pipe_t*>(handle); });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string path() const { return directory_.file("scripted.sock"); }
  std::string address() const { return "unix://" + path(); }

  std::size_t links() const { return accepted_; }  ///< So far.
  std::size_t open_links() const { return links_.size(); }

  /// What SERVE has answered, over all links: "SET key value".
  const std::vector<std::string>& served() const { return served_; }

  /// To the latest who connected, out of turn.
  void say(std::string_view text) { send(*links_.back(), std::string(text)); }

  /// Bytes as a script has to write them.
  static std::string escaped(std::string_view bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const char byte : bytes) {
      const auto value = static_cast<unsigned char>(byte);
      if (value >= ' ' && value < 0x7f && byte != '\\') {
        text += byte;
      } else {
        text += {'\\', 'x', digits[value >> 4], digits[value & 15]};
      }
    }
    return text;
  }

 private:
  struct Link {
    ScriptedServer* owner;
    std::deque<std::string> lines;
    std::string input;
    std::string flood;
    uv_pipe_t pipe;
    uv_write_t flooding;
    bool closed = false;
  };
  struct Write {
    uv_write_t request;
    std::string bytes;
  };

  static constexpr std::size_t flood_bytes = std::size_t{64} << 10;

  static uv_stream_t* stream(uv_pipe_t* pipe) { return reinterpret_cast<uv_stream_t*>(pipe); }

  static std::string unescaped(std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        bytes += text[i];
        continue;
      }
      const char kind = text.at(++i);
      if (kind == 'x') {
        bytes += static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
        i += 2;
      } else {
        bytes += kind == 'r' ? '\r' : kind == 'n' ? '\n' : kind;
      }
    }
    return bytes;
  }

  void accept() {
    auto* link = new Link{};
    link->owner = this;
    uv_pipe_init(loop_, &link->pipe, 0);
    link->pipe.data = link;
    links_.push_back(link);
    std::istringstream script(scripts_[std::min(accepted_++, scripts_.size() - 1)]);
    for (std::string line; std::getline(script, line);) link->lines.push_back(line);
    if (uv_accept(stream(listener_), stream(&link->pipe)) < 0) return close(*link);
    uv_read_start(
        stream(&link->pipe),
        [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
          auto& input = static_cast<Link*>(handle->data)->owner->buffer_;
          *buffer = uv_buf_init(input, sizeof input);
        },
        [](uv_stream_t* from, ssize_t count, const uv_buf_t* buffer) {
          auto* reading = static_cast<Link*>(from->data);
          if (count < 0) return reading->owner->close(*reading);
          reading->input.append(buffer->base, static_cast<std::size_t>(count));
          reading->owner->follow(*reading);
        });
    follow(*link);
  }

  /// As far as the script can be followed with what the client has sent.
  void follow(Link& link) {
    while (!link.closed && !link.lines.empty()) {
      const std::string& line = link.lines.front();
      const std::size_t space = line.find(' ');
      const std::string verb = line.substr(0, space);
      const std::string rest = space == line.npos ? std::string() : line.substr(space + 1);
      if (verb == "SEND") {
        send(link, unescaped(rest));
      } else if (verb == "FLOOD") {
        flood(link, unescaped(rest));
      } else if (verb == "CUT") {
        return close(link);
      } else {
        const auto end = link.input.empty() ? std::nullopt : end_of_value(link.input, 0);
        if (!end) return;
        const std::vector<std::string> words = words_of_command(std::string_view(link.input).substr(0, *end));
        if (verb == "GREET" && !is_of_greeting(words)) {
          link.lines.pop_front();
          continue;
        }
        link.input.erase(0, *end);
        if (verb != "EXPECT") {
          if (verb == "SERVE" && !is_of_greeting(words)) served_.push_back(joined(words));
          send(link, answer(words));
          continue;
        }
        CHECK_MESSAGE((joined(words) + " ").starts_with(rest + " "), joined(words) << " instead of " << rest);
      }
      link.lines.pop_front();
    }
  }

  static std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
  }

  static bool is_of_greeting(const std::vector<std::string>& words) {
    return words[0] == "AUTH" || words[0] == "SELECT" || words[0] == "PING" || words[0] == "CLIENT" ||
           joined(words) == "DEL sake:none";
  }

  std::string answer(const std::vector<std::string>& words) const {
    if (words[0] == "PING") return "+PONG\r\n";
    if (words[0] == "DEL") return ":0\r\n";
    if (words[0] == "GET") return "$5\r\nvalue\r\n";
    if (words[0] == "CLIENT" && words[1] == "ID") return ":" + std::to_string(accepted_) + "\r\n";
    if (words[0] == "CLIENT" && words[1] == "LIST") return "$0\r\n\r\n";
    if (words[0] == "CLIENT" && words[1] == "KILL") return ":0\r\n";
    return "+OK\r\n";
  }

  void send(Link& link, std::string bytes) {
    auto* write = new Write{{}, std::move(bytes)};
    write->request.data = write;
    const uv_buf_t buffer = uv_buf_init(write->bytes.data(), static_cast<unsigned>(write->bytes.size()));
    const auto written = [](uv_write_t* request, int) { delete static_cast<Write*>(request->data); };
    if (uv_write(&write->request, stream(&link.pipe), &buffer, 1, written) < 0) delete write;
  }

  static void flood(Link& link, const std::string& text) {
    while (link.flood.size() < flood_bytes) link.flood += text;
    go_on(link);
  }

  static void go_on(Link& link) {
    const uv_buf_t buffer = uv_buf_init(link.flood.data(), static_cast<unsigned>(link.flood.size()));
    link.flooding.data = &link;
    uv_write(&link.flooding, stream(&link.pipe), &buffer, 1, [](uv_write_t* request, int status) {
      auto* flooded = static_cast<Link*>(request->data);
      if (status == 0 && !flooded->closed) go_on(*flooded);
    });
  }

  void close(Link& link) {
    if (std::exchange(link.closed, true)) return;
    std::erase(links_, &link);
    uv_close(reinterpret_cast<uv_handle_t*>(&link.pipe),
             [](uv_handle_t* handle) { delete static_cast<Link*>(handle->data); });
  }

  uv_loop_t* loop_;
  std::vector<std::string> scripts_;
  TempDirectory directory_;
  uv_pipe_t* listener_;
  std::vector<Link*> links_;
  std::size_t accepted_ = 0;
  std::vector<std::string> served_;
  char buffer_[65536];
};

}  // namespace sake::test
