#pragma once

// A proxy between a client under test and a redis-server that understands what passes: which command went to which
// database, when it was sent and when its answer was handed over, over all connections in one order. It can keep the
// answers of one database while others go on, and it can deliver everything in random pieces, each connection at a pace
// of its own. It lives on the test's loop, which has to outlive it; handles are gone after the loop has turned.
//
// proxy.h knows nothing of the protocol, and can cut.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <uv.h>

#include "support/random.h"
#include "support/resp_text.h"
#include "support/temp_directory.h"

namespace sake::test {

class CommandProxy {
 public:
  static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

  struct Command {
    std::size_t connection;
    int database;  ///< The one in which it runs; of SELECT the one before.
    int home;      ///< Of its connection: the database of the first command, SELECT and AUTH apart.
    std::vector<std::string> words;
    std::uint64_t sent_at;  ///< Both are positions in one order of all that the proxy saw.
    std::uint64_t answered_at = never;

    const std::string& name() const { return words.front(); }
  };

  CommandProxy(uv_loop_t* loop, std::string upstream_socket) : loop_(loop), upstream_(std::move(upstream_socket)) {
    listener_ = new uv_pipe_t;
    uv_pipe_init(loop, listener_, 0);
    listener_->data = this;
    REQUIRE(uv_pipe_bind(listener_, path().c_str()) == 0);
    REQUIRE(uv_listen(stream(listener_), 64,
                      [](uv_stream_t* server, int) { static_cast<CommandProxy*>(server->data)->accept(); }) == 0);
    idle_ = new uv_idle_t;
    uv_idle_init(loop, idle_);
    check_ = new uv_check_t;
    uv_check_init(loop, check_);
    check_->data = this;
  }

  ~CommandProxy() {
    deliver_at_once();
    while (!links_.empty()) close(*links_.back());
    uv_close(reinterpret_cast<uv_handle_t*>(listener_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_pipe_t*>(handle); });
    uv_close(reinterpret_cast<uv_handle_t*>(idle_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_idle_t*>(handle); });
    uv_close(reinterpret_cast<uv_handle_t*>(check_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_check_t*>(handle); });
  }
  CommandProxy(const CommandProxy&) = delete;
  CommandProxy& operator=(const CommandProxy&) = delete;

  std::string address() const { return "unix://" + path(); }

  /// Keeps the answers of the connections whose own database this is; see Command::home.
  void hold_replies(int database) { held_.insert(database); }
  void hold_replies() { holding_all_ = true; }
  void release_replies(int database) {
    held_.erase(database);
    pump_all();
  }
  void release_replies() {
    holding_all_ = false;
    held_.clear();
    pump_all();
  }
  /// Hands over what is held now, and holds on.
  void let_through() {
    const bool held_all = std::exchange(holding_all_, false);
    const std::set<int> held = std::exchange(held_, {});
    pump_all();
    holding_all_ = held_all;
    held_ = held;
  }

  /// From now on both directions of every connection are delivered in pieces of random size after random pauses, in
  /// turns of the loop. `random` has to outlive the proxy or deliver_at_once().
  void deliver_at_random(Random& random) {
    random_ = &random;
    uv_idle_start(idle_, [](uv_idle_t*) {});
    uv_check_start(check_, [](uv_check_t* check) { static_cast<CommandProxy*>(check->data)->tick(); });
  }
  void deliver_at_once() {
    random_ = nullptr;
    uv_idle_stop(idle_);
    uv_check_stop(check_);
    pump_all();
  }

  /// Lets every SELECT select database 0, as a service does that accepts the command and ignores it.
  void ignore_select() { ignoring_select_ = true; }

  /// Everything that clients have sent, in the order of its arrival here. Arrival is at most a turn behind sending.
  const std::deque<Command>& commands() const { return commands_; }
  void forget_commands() {
    REQUIRE(is_answered());
    first_command_ += commands_.size();
    commands_.clear();
    for (Link* link : links_) link->undelivered.clear();
  }

  /// Whether the server has answered every command that it was sent, though the answers may be held here.
  bool is_answered() const {
    return std::ranges::all_of(links_, [](const Link* link) {
      return link->commands == link->replies && link->flows[0].waiting() == 0 && link->partial.empty();
    });
  }

  std::size_t connections() const { return accepted_; }
  std::size_t open_connections() const { return links_.size(); }

  /// How many times a client's bytes have arrived: its flushes, unless two fall into one turn.
  std::size_t reads() const { return reads_; }

 private:
  struct Link;

  /// One direction: 0 to the server, 1 to the client.
  struct Flow {
    uv_pipe_t* to = nullptr;
    std::string pending;
    std::size_t taken = 0;
    std::uint64_t forwarded = 0;
    bool source_ended = false;
    bool ended = false;
    unsigned pause = 0;

    std::size_t waiting() const { return pending.size() - taken; }
  };

  struct Answer {
    std::uint64_t end;    ///< Position in the stream to the client.
    std::size_t command;  ///< Index of its command.
  };

  struct Link {
    CommandProxy* proxy;
    std::size_t number;
    uv_pipe_t client;
    uv_pipe_t server;
    uv_connect_t connecting;
    Flow flows[2];
    std::string partial;  ///< Of a command that has not come whole.
    std::string partial_reply;
    std::uint64_t reply_bytes = 0;       ///< Of whole replies.
    std::deque<std::size_t> unanswered;  ///< Commands the server has not answered.
    std::deque<Answer> undelivered;
    std::uint64_t commands = 0;
    std::uint64_t replies = 0;
    std::optional<int> home;
    int database = 0;
    bool connected = false;
    bool closing = false;
    int open_handles = 2;
  };

  static uv_stream_t* stream(uv_pipe_t* pipe) { return reinterpret_cast<uv_stream_t*>(pipe); }

  std::string path() const { return directory_.file("commands.sock"); }

  void accept() {
    auto* link = new Link;
    link->proxy = this;
    link->number = accepted_++;
    uv_pipe_init(loop_, &link->client, 0);
    uv_pipe_init(loop_, &link->server, 0);
    link->client.data = link->server.data = link->connecting.data = link;
    link->flows[0].to = &link->server;
    link->flows[1].to = &link->client;
    REQUIRE(uv_accept(stream(listener_), stream(&link->client)) == 0);
    links_.push_back(link);
    uv_pipe_connect(&link->connecting, &link->server, upstream_.c_str(), [](uv_connect_t* request, int status) {
      auto* self = static_cast<Link*>(request->data);
      if (self->closing) return;
      if (status < 0) return self->proxy->close(*self);
      self->connected = true;
      self->proxy->read(*self, self->server);
      self->proxy->pump(*self, 0);
    });
    read(*link, link->client);
  }

  void read(Link&, uv_pipe_t& from) {
    uv_read_start(
        stream(&from),
        [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
          auto& bytes = static_cast<Link*>(handle->data)->proxy->buffer_;
          *buffer = uv_buf_init(bytes.data(), static_cast<unsigned>(bytes.size()));
        },
        [](uv_stream_t* source, ssize_t size, const uv_buf_t* buffer) {
          auto* self = static_cast<Link*>(source->data);
          if (size == 0 || self->closing) return;
          const std::size_t direction = source == stream(&self->client) ? 0 : 1;
          if (size > 0) return self->proxy->on_bytes(*self, direction, {buffer->base, static_cast<std::size_t>(size)});
          uv_read_stop(source);
          self->flows[direction].source_ended = true;
          self->proxy->pump(*self, direction);
        });
  }

  void on_bytes(Link& link, std::size_t direction, std::string_view bytes) {
    if (direction == 0) {
      ++reads_;
      on_commands(link, bytes);
    } else {
      on_replies(link, bytes);
      link.flows[1].pending.append(bytes);
    }
    pump(link, direction);
  }

  void on_commands(Link& link, std::string_view bytes) {
    link.partial.append(bytes);
    std::size_t begin = 0;
    while (begin < link.partial.size()) {
      const auto end = end_of_value(link.partial, begin);
      if (!end) break;
      const std::string_view text = std::string_view(link.partial).substr(begin, *end - begin);
      Command command{link.number, link.database, 0, words_of_command(text), clock_++};
      ++link.commands;
      link.unanswered.push_back(first_command_ + commands_.size());
      const bool select = command.name() == "SELECT";
      if (select) {
        link.database = std::atoi(command.words.at(1).c_str());
      } else if (command.name() != "AUTH" && !link.home) {
        link.home = link.database;
      }
      command.home = link.home.value_or(link.database);
      if (select && ignoring_select_) {
        link.flows[0].pending.append("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n");
      } else {
        link.flows[0].pending.append(text);
      }
      commands_.push_back(std::move(command));
      begin = *end;
    }
    link.partial.erase(0, begin);
  }

  void on_replies(Link& link, std::string_view bytes) {
    link.partial_reply.append(bytes);
    std::size_t begin = 0;
    while (begin < link.partial_reply.size()) {
      const auto end = end_of_value(link.partial_reply, begin);
      if (!end) break;
      link.reply_bytes += *end - begin;
      begin = *end;
      ++link.replies;
      REQUIRE(!link.unanswered.empty());
      link.undelivered.push_back({link.reply_bytes, link.unanswered.front()});
      link.unanswered.pop_front();
    }
    link.partial_reply.erase(0, begin);
  }

  bool is_held(const Link& link) const { return holding_all_ || (link.home && held_.contains(*link.home)); }

  void pump(Link& link, std::size_t direction) {
    if (random_ != nullptr) return;
    forward(link, direction, link.flows[direction].waiting());
  }

  void pump_all() {
    for (std::size_t i = 0; i < links_.size(); ++i)
      for (std::size_t direction : {0u, 1u}) pump(*links_[i], direction);
  }

  void tick() {
    for (std::size_t i = 0; i < links_.size(); ++i) {
      for (std::size_t direction : {0u, 1u}) {
        Link& link = *links_[i];
        Flow& flow = link.flows[direction];
        if (flow.waiting() == 0 && !flow.source_ended) continue;
        if (flow.pause > 0) {
          --flow.pause;
          continue;
        }
        // Mostly small pieces without a pause; now and then all there is, or nothing for a good while.
        const std::size_t kind = random_->below(16);
        flow.pause = kind == 0 ? static_cast<unsigned>(random_->below(60)) : static_cast<unsigned>(random_->below(4));
        const std::size_t most = kind < 3 ? flow.waiting() : kind < 9 ? 40 : 4000;
        forward(link, direction, std::min(flow.waiting(), 1 + random_->below(std::max<std::size_t>(most, 1))));
      }
    }
  }

  struct Write {
    uv_write_t request;
    std::string bytes;
  };

  void forward(Link& link, std::size_t direction, std::size_t size) {
    Flow& flow = link.flows[direction];
    if (link.closing || !link.connected || flow.ended) return;
    if (direction == 1 && is_held(link)) return;
    if (size > 0) {
      auto* write = new Write{{}, flow.pending.substr(flow.taken, size)};
      write->request.data = write;
      flow.taken += size;
      flow.forwarded += size;
      if (flow.taken == flow.pending.size() || flow.taken > (std::size_t{1} << 20)) {
        flow.pending.erase(0, flow.taken);
        flow.taken = 0;
      }
      if (direction == 1) note_delivered(link);
      uv_buf_t buffer = uv_buf_init(write->bytes.data(), static_cast<unsigned>(size));
      uv_write(&write->request, stream(flow.to), &buffer, 1,
               [](uv_write_t* request, int) { delete static_cast<Write*>(request->data); });
    }
    if (flow.source_ended && flow.waiting() == 0) {
      flow.ended = true;
      close(link);
    }
  }

  void note_delivered(Link& link) {
    const std::uint64_t now = clock_++;
    while (!link.undelivered.empty() && link.undelivered.front().end <= link.flows[1].forwarded) {
      commands_[link.undelivered.front().command - first_command_].answered_at = now;
      link.undelivered.pop_front();
    }
  }

  void close(Link& link) {
    if (std::exchange(link.closing, true)) return;
    std::erase(links_, &link);
    for (uv_pipe_t* pipe : {&link.client, &link.server}) {
      uv_close(reinterpret_cast<uv_handle_t*>(pipe), [](uv_handle_t* handle) {
        auto* closed = static_cast<Link*>(handle->data);
        if (--closed->open_handles == 0) delete closed;
      });
    }
  }

  uv_loop_t* loop_;
  std::string upstream_;
  TempDirectory directory_;
  uv_pipe_t* listener_;  // This and the next two are owned by the loop until they have closed.
  uv_idle_t* idle_;
  uv_check_t* check_;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{1} << 18);
  std::vector<Link*> links_;
  std::deque<Command> commands_;
  std::size_t first_command_ = 0;
  std::uint64_t clock_ = 0;
  std::size_t accepted_ = 0;
  std::size_t reads_ = 0;
  std::set<int> held_;
  bool holding_all_ = false;
  bool ignoring_select_ = false;
  Random* random_ = nullptr;
};

}  // namespace sake::test
