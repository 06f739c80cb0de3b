#pragma once

// A byte proxy between a client under test and a redis-server. It lives on the test's own loop, so what it holds,
// splits or cuts happens at the same byte in every run. Of the protocol it knows no more than where a value ends.
// Handles are closed by the destructor and gone after the loop has turned once more; the loop has to outlive the proxy.
//
// A peer that ends its stream is passed on as an end, behind the bytes still held: those of a client that has given up
// may reach the server later, as on a real network. A peer that resets takes the held bytes with it.

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <uv.h>

#include "support/temp_directory.h"
#include "support/value_scanner.h"

namespace sake::test {

enum class Direction { to_server, to_client };

/// What befalls a connection.
enum class Fault {
  end,     ///< Both sides see an end behind what was forwarded. What is held is lost.
  reset,   ///< The same, but on TCP the client sees a reset.
  strand,  ///< The client sees a reset; what it has sent stays under way until deliver_stranded().
  stall,   ///< Nothing more goes in this direction, for a while or until resume().
  split,   ///< From here on this direction goes in small pieces.
};

/// A fault and its place in the conversation: right behind the last of so many bytes or values, or at once for none.
struct FaultPlan {
  enum class Unit {
    bytes,
    values,  ///< Commands to the server, replies to the client. No value may be half through when this is planned.
  };

  Fault fault = Fault::reset;
  Direction direction = Direction::to_server;
  std::size_t after = 0;  ///< Counted from now on over all connections together, or over `connection` alone.
  Unit unit = Unit::bytes;
  std::optional<std::size_t> connection = {};  ///< In the order of arrival, from 0. Else whoever gets to that place.
  std::chrono::milliseconds stall_for{0};      ///< 0: until resume().
  std::size_t piece_bytes = 1;                 ///< Of a split.
};

class Proxy {
 public:
  enum class Listen { unix_socket, tcp };

  /// Accepts from now on. Throws std::runtime_error when it cannot listen.
  Proxy(uv_loop_t* loop, std::string upstream_socket, Listen listen = Listen::unix_socket);
  /// The same to a port of this machine, listening on another.
  Proxy(uv_loop_t* loop, int upstream_port);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  std::string socket_path() const { return directory_.file("proxy.sock"); }
  int port() const { return port_; }  ///< 0 on a Unix socket.
  std::string address() const;        ///< unix:///.../proxy.sock or redis://127.0.0.1:port

  /// Keeps the bytes of a direction, on connections of today and tomorrow.
  void hold(Direction direction);
  void release(Direction direction);

  /// Lets this many more bytes through, all connections together, and holds again.
  void release(Direction direction, std::size_t bytes);

  /// Forwards in pieces of at most this many bytes, each in a turn of the loop of its own; 0 ends that.
  void split(Direction direction, std::size_t piece_bytes);

  /// Cuts the first connection that has forwarded this many bytes of a direction from now on, right after them; only
  /// `connection` (counted from 0 in the order of arrival) when it is given. The rule is used up by that.
  void cut_after(Direction direction, std::size_t bytes, std::optional<std::size_t> connection = {});

  /// Lets this happen once. A plan that has not come true is replaced.
  void plan(const FaultPlan& plan);
  std::size_t faults() const { return faults_; }  ///< Plans that have come true.

  /// Ends every stall.
  void resume();

  /// Hands the server what stranded connections have sent, then their ends; and how much there is of it.
  void deliver_stranded();
  std::size_t stranded_bytes() const;

  /// Cuts every open connection now, or one. On TCP the client sees a reset. What is held is lost.
  void cut();
  void cut(std::size_t connection);

  /// Connections to come get to this server.
  void lead_to(std::string upstream_socket) { upstream_socket_ = std::move(upstream_socket); }

  /// While on, new connections are accepted and cut at once.
  void refuse(bool on) { refusing_ = on; }

  /// While on, keeps what clients send, for recorded().
  void record(bool on) { recording_ = on; }
  const std::string& recorded(std::size_t connection) const { return traffic_.at(connection).recorded; }

  /// How much is held per connection and direction before the proxy stops reading, so that the sender feels it.
  void limit_held_bytes(std::size_t bytes) { held_bytes_max_ = bytes; }

  std::size_t connections() const { return traffic_.size(); }  ///< Accepted so far, without those refused.
  std::size_t open_connections() const { return links_.size(); }

  /// Over all connections. A read is one arrival of bytes: what a client writes at once arrives in one read up to the
  /// size of a socket buffer, so the reads to the server are its flushes, unless two fall into one turn.
  std::size_t bytes_received(Direction direction) const;
  std::size_t bytes_forwarded(Direction direction) const;
  std::size_t reads(Direction direction) const;

 private:
  struct Link;
  struct Listener;
  struct Ticker;

  struct Traffic {
    std::size_t received[2] = {0, 0};
    std::size_t forwarded[2] = {0, 0};
    std::size_t reads[2] = {0, 0};
    std::string recorded;
  };

  void open_listener(Listen listen);
  void accept();
  void tick();
  void pump_all(Direction direction);
  void cut_rule_used();
  bool is_planned_for(const Link& link, Direction direction) const;
  void come_true(Link& link, Direction direction);
  void plan_used();

  uv_loop_t* loop_;
  std::string upstream_socket_;
  int upstream_port_ = 0;  // Instead of the socket, unless it is 0.
  TempDirectory directory_;
  int port_ = 0;
  Listener* listener_ = nullptr;  // This and the next two are owned by the loop until they have closed.
  Ticker* ticker_ = nullptr;
  std::vector<Link*> links_;
  std::deque<Traffic> traffic_;
  std::vector<char> read_buffer_;
  std::size_t allowance_[2];
  std::size_t piece_bytes_[2] = {0, 0};
  std::size_t next_cut_[2];
  std::optional<FaultPlan> plan_;  // What it counts is what is left until then.
  bool striking_ = false;          // Somebody's bytes in front of it are being written.
  bool counting_values_ = false;
  std::size_t faults_ = 0;
  std::size_t held_bytes_max_ = std::size_t{64} << 20;
  bool refusing_ = false;
  bool recording_ = false;
};

}  // namespace sake::test
