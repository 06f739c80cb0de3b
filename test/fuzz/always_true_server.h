#pragma once

// A server that believes everything: it answers each command as if it had been carried out, on the loop of its client,
// and stores nothing. What reads bring is what it was told they bring. It checks what it is sent: commands have to be
// whole and well-formed, and the values that are stored have to be JSON.

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <uv.h>

#include "fuzz/check.h"

namespace sake::fuzz {

class AlwaysTrueServer {
 public:
  AlwaysTrueServer(uv_loop_t* loop, std::string path) : loop_(loop), path_(std::move(path)) {
    listener_ = new uv_pipe_t;
    uv_pipe_init(loop, listener_, 0);
    listener_->data = this;
    SAKE_FUZZ_CHECK(uv_pipe_bind(listener_, path_.c_str()) == 0);
    const int listening = uv_listen(
        stream(listener_), 64, [](uv_stream_t* from, int) { static_cast<AlwaysTrueServer*>(from->data)->accept(); });
    SAKE_FUZZ_CHECK(listening == 0);
  }
  /// Every client has to have gone.
  ~AlwaysTrueServer() {
    SAKE_FUZZ_CHECK(links_ == 0);
    uv_close(reinterpret_cast<uv_handle_t*>(listener_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_pipe_t*>(handle); });
  }
  AlwaysTrueServer(const AlwaysTrueServer&) = delete;
  AlwaysTrueServer& operator=(const AlwaysTrueServer&) = delete;

  std::string address() const { return "unix://" + path_; }

  /// From now on reads bring these, one after the other and from the first again; nothing when there are none. Reads of
  /// collections bring all of them, but only the first few: who removes what he has read until nothing is left comes to
  /// an end.
  void set_values(std::vector<std::string> values) {
    values_ = std::move(values);
    next_value_ = 0;
    collections_left_ = collections_max;
  }

  /// Commands so far that store or remove something.
  std::uint64_t writes() const { return writes_; }

 private:
  struct Link {
    AlwaysTrueServer* owner;
    std::string input;
    std::string output;
    uv_pipe_t pipe;
  };
  using Words = std::vector<std::string_view>;

  static constexpr int collections_max = 8;

  static uv_stream_t* stream(uv_pipe_t* pipe) { return reinterpret_cast<uv_stream_t*>(pipe); }

  void accept() {
    auto* link = new Link{this, {}, {}, {}};
    uv_pipe_init(loop_, &link->pipe, 0);
    link->pipe.data = link;
    SAKE_FUZZ_CHECK(uv_accept(stream(listener_), stream(&link->pipe)) == 0);
    ++links_;
    const auto allocate = [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
      auto& input = static_cast<Link*>(handle->data)->owner->buffer_;
      *buffer = uv_buf_init(input, sizeof input);
    };
    uv_read_start(stream(&link->pipe), allocate, [](uv_stream_t* from, ssize_t count, const uv_buf_t* buffer) {
      auto* reading = static_cast<Link*>(from->data);
      if (count < 0) return close(*reading);
      reading->input.append(buffer->base, static_cast<std::size_t>(count));
      reading->owner->answer_all(*reading);
    });
  }

  static void close(Link& link) {
    --link.owner->links_;
    uv_close(reinterpret_cast<uv_handle_t*>(&link.pipe),
             [](uv_handle_t* handle) { delete static_cast<Link*>(handle->data); });
  }

  /// "*3\r\n": the number, or -1 when the line is not whole.
  static long long number(std::string_view input, std::size_t& at, char type) {
    const std::size_t end = input.find("\r\n", at);
    if (end == input.npos) return -1;
    long long value = -1;
    const auto parsed = std::from_chars(input.data() + at + 1, input.data() + end, value);
    SAKE_FUZZ_CHECK(input[at] == type && parsed.ec == std::errc() && parsed.ptr == input.data() + end && value >= 0);
    at = end + 2;
    return value;
  }

  /// False: there is no whole command at this place.
  static bool take(std::string_view input, std::size_t& at, Words& words) {
    std::size_t here = at;
    const long long count = number(input, here, '*');
    if (count < 0) return false;
    SAKE_FUZZ_CHECK(count > 0);
    words.clear();
    for (long long i = 0; i < count; ++i) {
      const long long size = number(input, here, '$');
      if (size < 0 || input.size() - here < static_cast<std::size_t>(size) + 2) return false;
      words.push_back(input.substr(here, static_cast<std::size_t>(size)));
      here += static_cast<std::size_t>(size) + 2;
      SAKE_FUZZ_CHECK(input.substr(here - 2, 2) == "\r\n");
    }
    at = here;
    return true;
  }

  void answer_all(Link& link) {
    std::size_t at = 0;
    while (take(link.input, at, words_)) answer(words_, link.output);
    link.input.erase(0, at);
    // What the client does not take at once is lost, and with it the run: its buffers are larger than any reply.
    if (link.output.empty()) return;
    uv_buf_t buffer = uv_buf_init(link.output.data(), static_cast<unsigned>(link.output.size()));
    const int written = uv_try_write(stream(&link.pipe), &buffer, 1);
    SAKE_FUZZ_CHECK(written < 0 || static_cast<std::size_t>(written) == link.output.size());
    link.output.clear();
  }

  void answer(const Words& words, std::string& out) {
    const std::string_view name = words[0];
    if (name == "SET") {
      SAKE_FUZZ_CHECK(words.size() >= 3);
      if (!words[1].starts_with("sake:")) check_json(words[2]);
    }
    if (name == "HSET") {
      SAKE_FUZZ_CHECK(words.size() >= 4 && words.size() % 2 == 0);
      for (std::size_t i = 3; i < words.size(); i += 2) check_json(words[i]);
    }

    const bool is_own = words.size() > 1 && words[1].starts_with("sake:");
    if (name == "PING") {
      out += "+PONG\r\n";
    } else if (name == "INFO") {
      out += "$0\r\n\r\n";
    } else if (name == "SET" && is_own && words.back() == "GET") {
      add_value(marker_.empty() ? nullptr : &marker_, out);
      marker_ = words[2];
    } else if (name == "SELECT" || name == "SET" || name == "AUTH") {
      if (name == "SET" && !is_own) ++writes_;
      out += "+OK\r\n";
    } else if (name == "CLIENT") {
      out += words.at(1) == "ID" ? ":1\r\n" : words[1] == "LIST" ? "$0\r\n\r\n" : "+OK\r\n";
    } else if (name == "GET" || name == "HGET") {
      add_value(is_own || values_.empty() ? nullptr : &next_value(), out);
    } else if (name == "SCAN" || name == "HSCAN" || name == "SSCAN") {
      out += "*2\r\n$1\r\n0\r\n";
      add_values(out);
    } else if (name == "HKEYS" || name == "SMEMBERS" || name == "ZRANGE" || name == "ZREVRANGE") {
      add_values(out);
    } else if (name == "HLEN" || name == "SCARD" || name == "EXISTS") {
      out += ":" + std::to_string(collections_left_ == 0 ? 0 : values_.size()) + "\r\n";
    } else {
      if (!is_own && !name.starts_with("PEXPIRE")) ++writes_;
      out += ":1\r\n";
    }
  }

  const std::string& next_value() { return values_[next_value_++ % values_.size()]; }

  static void add_value(const std::string* value, std::string& out) {
    out += value == nullptr ? "$-1\r\n" : "$" + std::to_string(value->size()) + "\r\n" + *value + "\r\n";
  }

  void add_values(std::string& out) {
    if (collections_left_ == 0) {
      out += "*0\r\n";
      return;
    }
    --collections_left_;
    out += "*" + std::to_string(values_.size()) + "\r\n";
    for (const std::string& value : values_) add_value(&value, out);
  }

  static void check_json(std::string_view value) {
    rapidjson::MemoryStream text(value.data(), value.size());
    rapidjson::BaseReaderHandler<> ignore;
    rapidjson::Reader reader;
    const auto result =
        reader.Parse<rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag>(text, ignore);
    SAKE_FUZZ_CHECK(!result.IsError());
  }

  uv_loop_t* loop_;
  std::string path_;
  uv_pipe_t* listener_;
  std::size_t links_ = 0;
  std::vector<std::string> values_;
  std::size_t next_value_ = 0;
  std::string marker_;  // By which a cache finds out whether its server has forgotten something.
  int collections_left_ = 0;
  std::uint64_t writes_ = 0;
  Words words_;
  char buffer_[65536];
};

}  // namespace sake::fuzz
