#include "support/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>

namespace sake::test {

namespace {

constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

/// Larger than a socket buffer, so that one read takes what one write has sent.
constexpr std::size_t read_buffer_bytes = std::size_t{1} << 20;

constexpr Direction directions[] = {Direction::to_server, Direction::to_client};

constexpr std::size_t index(Direction direction) { return static_cast<std::size_t>(direction); }

void require(int result, const char* what) {
  if (result < 0) throw std::runtime_error(std::string("proxy: ") + what + ": " + uv_strerror(result));
}

union AnyStream {
  uv_handle_t handle;
  uv_stream_t stream;
  uv_pipe_t pipe;
  uv_tcp_t tcp;
};

enum class Closing { orderly, reset };

/// Only TCP can tell its peer that the connection is lost; on a Unix socket both look like an end.
void close_stream(AnyStream& stream, Closing closing, uv_close_cb closed) {
  const bool reset = closing == Closing::reset && stream.handle.type == UV_TCP;
  if (reset && uv_tcp_close_reset(&stream.tcp, closed) == 0) return;
  uv_close(&stream.handle, closed);
}

}  // namespace

struct Proxy::Listener {
  Proxy* owner;
  AnyStream server;

  static void on_connection(uv_stream_t* server, int status) {
    auto* self = static_cast<Listener*>(server->data);
    if (status == 0 && self->owner != nullptr) self->owner->accept();
  }

  void close() {
    owner = nullptr;
    uv_close(&server.handle, [](uv_handle_t* handle) { delete static_cast<Listener*>(handle->data); });
  }
};

/// Wakes the proxy after each poll while split bytes are waiting, and when a stall is over. The idle handle keeps the
/// loop from blocking.
struct Proxy::Ticker {
  explicit Ticker(Proxy* proxy) : owner(proxy) {
    uv_idle_init(proxy->loop_, &idle);
    uv_check_init(proxy->loop_, &check);
    uv_timer_init(proxy->loop_, &timer);
    idle.data = check.data = timer.data = this;
  }

  void start() {
    uv_idle_start(&idle, [](uv_idle_t*) {});
    uv_check_start(&check, [](uv_check_t* handle) {
      auto* self = static_cast<Ticker*>(handle->data);
      if (self->owner != nullptr) self->owner->tick();
    });
  }

  void stop() {
    uv_idle_stop(&idle);
    uv_check_stop(&check);
  }

  void resume_after(std::chrono::milliseconds pause) {
    uv_update_time(owner->loop_);
    const auto elapsed = [](uv_timer_t* handle) {
      auto* self = static_cast<Ticker*>(handle->data);
      if (self->owner != nullptr) self->owner->resume();
    };
    uv_timer_start(&timer, elapsed, static_cast<std::uint64_t>(pause.count()), 0);
  }

  void close() {
    owner = nullptr;
    for (uv_handle_t* handle : {reinterpret_cast<uv_handle_t*>(&idle), reinterpret_cast<uv_handle_t*>(&check),
                                reinterpret_cast<uv_handle_t*>(&timer)}) {
      uv_close(handle, [](uv_handle_t* closed) {
        auto* self = static_cast<Ticker*>(closed->data);
        if (--self->open_handles == 0) delete self;
      });
    }
  }

  Proxy* owner;
  uv_idle_t idle;
  uv_check_t check;
  uv_timer_t timer;
  int open_handles = 3;
};

/// One client with its connection to the server. It deletes itself once both handles have closed.
struct Proxy::Link {
  /// The bytes of one direction: read from `from`, kept in `pending`, written to `to` one write at a time.
  struct Flow {
    Link* link = nullptr;
    Direction direction = Direction::to_server;
    uv_stream_t* from = nullptr;
    uv_stream_t* to = nullptr;
    std::string pending;
    std::size_t taken = 0;  ///< Of `pending`, so that small pieces do not move the rest each time.
    std::string writing;
    uv_write_t write;
    uv_shutdown_t shutdown;
    std::size_t forwarded = 0;
    std::size_t cut_at = unlimited;
    std::size_t piece_bytes = 0;  ///< By a fault; else the proxy's.
    ValueScanner scanner;
    bool struck = false;  ///< A fault waits for the bytes that are being written.
    bool stalled = false;
    bool busy = false;
    bool reading = false;
    bool source_ended = false;
    bool ended = false;

    std::size_t waiting() const { return pending.size() - taken; }
    std::string_view waiting_bytes() const { return std::string_view(pending).substr(taken); }
    bool is_split() const { return piece_bytes != 0 || link->owner->piece_bytes_[index(direction)] != 0; }
  };

  Link(Proxy* proxy, std::size_t number) : owner(proxy), connection(number) {
    if (proxy->port_ != 0) {
      uv_tcp_init(proxy->loop_, &client.tcp);
    } else {
      uv_pipe_init(proxy->loop_, &client.pipe, 0);
    }
    if (proxy->upstream_port_ != 0) {
      uv_tcp_init(proxy->loop_, &server.tcp);
      uv_tcp_nodelay(&server.tcp, 1);
    } else {
      uv_pipe_init(proxy->loop_, &server.pipe, 0);
    }
    client.handle.data = server.handle.data = this;
    for (Direction direction : directions) {
      Flow& flow = flows[index(direction)];
      const bool to_server = direction == Direction::to_server;
      flow.link = this;
      flow.direction = direction;
      flow.from = to_server ? &client.stream : &server.stream;
      flow.to = to_server ? &server.stream : &client.stream;
      flow.cut_at = proxy->next_cut_[index(direction)];
    }
  }

  void connect();
  void read_more(Flow& flow);
  void on_read(Flow& flow, ssize_t size, const uv_buf_t* buffer);
  std::size_t sendable(const Flow& flow) const;
  std::size_t before_fault(const Flow& flow) const;
  void count_to_fault(Flow& flow, std::string_view bytes);
  void strand();
  void pump(Flow& flow, bool in_tick = false);
  void on_written(Flow& flow, int status);
  void pass_on_end(Flow& flow);
  void close(Closing closing = Closing::reset);
  static void on_closed(uv_handle_t* handle);

  Proxy* owner;  ///< Null once the link is closing.
  std::size_t connection;
  AnyStream client;
  AnyStream server;
  uv_connect_t connecting;
  Flow flows[2];
  bool stranded = false;  ///< The client's handle is closed already.
  int open_handles = 2;
};

void Proxy::Link::connect() {
  connecting.data = this;
  const uv_connect_cb connected = [](uv_connect_t* request, int status) {
    auto* self = static_cast<Link*>(request->data);
    if (self->owner == nullptr) return;
    if (status < 0) return self->close();
    for (Flow& flow : self->flows) {
      self->read_more(flow);
      self->pump(flow);
      if (self->owner == nullptr) return;
    }
  };
  if (owner->upstream_port_ == 0) {
    uv_pipe_connect(&connecting, &server.pipe, owner->upstream_socket_.c_str(), connected);
    return;
  }
  sockaddr_in address{};
  uv_ip4_addr("127.0.0.1", owner->upstream_port_, &address);
  if (uv_tcp_connect(&connecting, &server.tcp, reinterpret_cast<const sockaddr*>(&address), connected) < 0) close();
}

void Proxy::Link::read_more(Flow& flow) {
  if (flow.reading || flow.source_ended || flow.waiting() >= owner->held_bytes_max_) return;
  flow.reading = true;
  uv_read_start(
      flow.from,
      [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        std::vector<char>& storage = static_cast<Link*>(handle->data)->owner->read_buffer_;
        *buffer = uv_buf_init(storage.data(), static_cast<unsigned>(storage.size()));
      },
      [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
        auto* self = static_cast<Link*>(stream->data);
        self->on_read(self->flows[stream == &self->client.stream ? 0 : 1], size, buffer);
      });
}

void Proxy::Link::on_read(Flow& flow, ssize_t size, const uv_buf_t* buffer) {
  if (size == 0) return;
  if (stranded) {
    // The answers to a client that is gone. The server's end is noticed when there is something to write to it.
    if (size < 0) uv_read_stop(flow.from);
    return;
  }
  if (size < 0 && size != UV_EOF) return close();
  if (size < 0) {
    flow.reading = false;
    flow.source_ended = true;
    uv_read_stop(flow.from);
    return pump(flow);
  }
  const auto bytes = static_cast<std::size_t>(size);
  Traffic& traffic = owner->traffic_[connection];
  traffic.received[index(flow.direction)] += bytes;
  traffic.reads[index(flow.direction)] += 1;
  if (owner->recording_ && flow.direction == Direction::to_server) traffic.recorded.append(buffer->base, bytes);
  flow.pending.append(buffer->base, bytes);
  if (flow.waiting() >= owner->held_bytes_max_) {
    flow.reading = false;
    uv_read_stop(flow.from);
  }
  pump(flow);
}

std::size_t Proxy::Link::sendable(const Flow& flow) const {
  if (flow.stalled) return 0;
  return std::min(
      {flow.waiting(), owner->allowance_[index(flow.direction)], flow.cut_at - flow.forwarded, before_fault(flow)});
}

std::size_t Proxy::Link::before_fault(const Flow& flow) const {
  if (!owner->is_planned_for(*this, flow.direction)) return unlimited;
  if (owner->plan_->unit == FaultPlan::Unit::bytes) return owner->plan_->after;
  ValueScanner scanner = flow.scanner;
  return scanner.pass(flow.waiting_bytes(), owner->plan_->after).bytes;
}

/// With all bytes that are about to be written, in this order.
void Proxy::Link::count_to_fault(Flow& flow, std::string_view bytes) {
  std::size_t values = 0;
  if (owner->counting_values_) values = flow.scanner.pass(bytes, unlimited).values;
  if (!owner->is_planned_for(*this, flow.direction)) return;
  owner->plan_->after -= owner->plan_->unit == FaultPlan::Unit::bytes ? bytes.size() : values;
  flow.struck = owner->striking_ = owner->plan_->after == 0;
}

void Proxy::Link::strand() {
  Flow& sent = flows[index(Direction::to_server)];
  uv_os_fd_t descriptor = -1;
  uv_fileno(&client.handle, &descriptor);
  std::vector<char>& buffer = owner->read_buffer_;
  for (ssize_t size = 0; (size = read(descriptor, buffer.data(), buffer.size())) > 0;) {
    sent.pending.append(buffer.data(), static_cast<std::size_t>(size));
  }
  sent.stalled = sent.source_ended = true;
  flows[index(Direction::to_client)].ended = true;
  stranded = true;
  close_stream(client, Closing::reset, on_closed);
}

/// Writes what may go now. Split bytes go only from the tick, so that each piece has a poll to itself.
void Proxy::Link::pump(Flow& flow, bool in_tick) {
  if (owner == nullptr || flow.busy) return;
  if (flow.forwarded == flow.cut_at) {
    owner->cut_rule_used();
    return close();
  }
  if (flow.waiting() != 0 && owner->is_planned_for(*this, flow.direction) && owner->plan_->after == 0) {
    // Until the bytes in front of the fault are written, the others wait.
    if (owner->striking_) return;
    return owner->come_true(*this, flow.direction);
  }
  std::size_t bytes = sendable(flow);
  const std::size_t piece_bytes = flow.piece_bytes != 0 ? flow.piece_bytes : owner->piece_bytes_[index(flow.direction)];
  if (piece_bytes != 0 && bytes != 0) {
    if (!in_tick) return owner->ticker_->start();
    bytes = std::min(bytes, piece_bytes);
  }
  if (bytes == 0) {
    if (flow.source_ended && flow.waiting() == 0 && !flow.stalled) pass_on_end(flow);
    return;
  }
  if (owner->allowance_[index(flow.direction)] != unlimited) owner->allowance_[index(flow.direction)] -= bytes;
  flow.writing.assign(flow.pending, flow.taken, bytes);
  count_to_fault(flow, flow.writing);
  flow.taken += bytes;
  if (flow.taken == flow.pending.size()) {
    flow.pending.clear();
    flow.taken = 0;
  }
  flow.busy = true;
  flow.write.data = &flow;
  const uv_buf_t buffer = uv_buf_init(flow.writing.data(), static_cast<unsigned>(bytes));
  const int result = uv_write(&flow.write, flow.to, &buffer, 1, [](uv_write_t* request, int status) {
    auto* written = static_cast<Flow*>(request->data);
    written->link->on_written(*written, status);
  });
  if (result < 0) close();
}

void Proxy::Link::on_written(Flow& flow, int status) {
  flow.busy = false;
  if (owner == nullptr || (stranded && flow.direction == Direction::to_client)) return;
  if (status < 0) return close();
  flow.forwarded += flow.writing.size();
  owner->traffic_[connection].forwarded[index(flow.direction)] += flow.writing.size();
  if (std::exchange(flow.struck, false)) return owner->come_true(*this, flow.direction);
  read_more(flow);
  pump(flow);
}

void Proxy::Link::pass_on_end(Flow& flow) {
  if (flow.ended) return;
  flow.ended = true;
  if (flows[0].ended && flows[1].ended) return close(Closing::orderly);
  flow.shutdown.data = this;
  uv_shutdown(&flow.shutdown, flow.to, [](uv_shutdown_t*, int) {});
}

void Proxy::Link::on_closed(uv_handle_t* handle) {
  auto* self = static_cast<Link*>(handle->data);
  if (--self->open_handles == 0) delete self;
}

void Proxy::Link::close(Closing closing) {
  if (owner == nullptr) return;
  Proxy& proxy = *owner;
  std::erase(proxy.links_, this);
  owner = nullptr;
  if (!stranded) close_stream(client, closing, on_closed);
  close_stream(server, closing, on_closed);
  // It has ended by itself just before it was to be struck.
  if (flows[0].struck || flows[1].struck) proxy.plan_used();
}

Proxy::Proxy(uv_loop_t* loop, std::string upstream_socket, Listen listen)
    : loop_(loop),
      upstream_socket_(std::move(upstream_socket)),
      read_buffer_(read_buffer_bytes),
      allowance_{unlimited, unlimited},
      next_cut_{unlimited, unlimited} {
  open_listener(listen);
  ticker_ = new Ticker(this);
}

Proxy::Proxy(uv_loop_t* loop, int upstream_port) : Proxy(loop, std::string(), Listen::tcp) {
  upstream_port_ = upstream_port;
}

Proxy::~Proxy() {
  cut();
  ticker_->close();
  listener_->close();
}

void Proxy::open_listener(Listen listen) {
  listener_ = new Listener{this, {}};
  AnyStream& server = listener_->server;
  try {
    if (listen == Listen::tcp) {
      uv_tcp_init(loop_, &server.tcp);
      server.handle.data = listener_;
      sockaddr_in address{};
      require(uv_ip4_addr("127.0.0.1", 0, &address), "address");
      require(uv_tcp_bind(&server.tcp, reinterpret_cast<const sockaddr*>(&address), 0), "bind");
      int size = sizeof(address);
      require(uv_tcp_getsockname(&server.tcp, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
      port_ = ntohs(address.sin_port);
    } else {
      uv_pipe_init(loop_, &server.pipe, 0);
      server.handle.data = listener_;
      require(uv_pipe_bind(&server.pipe, socket_path().c_str()), "bind");
    }
    require(uv_listen(&server.stream, 128, Listener::on_connection), "listen");
  } catch (const std::runtime_error&) {
    listener_->close();
    throw;
  }
}

std::string Proxy::address() const {
  return port_ != 0 ? "redis://127.0.0.1:" + std::to_string(port_) : "unix://" + socket_path();
}

void Proxy::accept() {
  auto* link = new Link(this, traffic_.size());
  links_.push_back(link);
  if (uv_accept(&listener_->server.stream, &link->client.stream) < 0 || refusing_) return link->close();
  if (port_ != 0) uv_tcp_nodelay(&link->client.tcp, 1);
  traffic_.emplace_back();
  link->connect();
}

void Proxy::tick() {
  for (Link* link : std::vector<Link*>(links_)) {
    for (Link::Flow& flow : link->flows) {
      if (link->owner != nullptr && flow.is_split()) link->pump(flow, true);
    }
  }
  // A piece that is under way may be followed by another.
  const bool more = std::any_of(links_.begin(), links_.end(), [](const Link* link) {
    return std::any_of(std::begin(link->flows), std::end(link->flows),
                       [&](const Link::Flow& flow) { return flow.is_split() && link->sendable(flow) != 0; });
  });
  if (!more) ticker_->stop();
}

void Proxy::pump_all(Direction direction) {
  // A link that closes meanwhile is deleted only by the loop, and its pump() does nothing.
  for (Link* link : std::vector<Link*>(links_)) link->pump(link->flows[index(direction)]);
}

void Proxy::hold(Direction direction) { allowance_[index(direction)] = 0; }

void Proxy::release(Direction direction) {
  allowance_[index(direction)] = unlimited;
  pump_all(direction);
}

void Proxy::release(Direction direction, std::size_t bytes) {
  allowance_[index(direction)] = bytes;
  pump_all(direction);
}

void Proxy::split(Direction direction, std::size_t piece_bytes) {
  piece_bytes_[index(direction)] = piece_bytes;
  pump_all(direction);
}

void Proxy::cut_after(Direction direction, std::size_t bytes, std::optional<std::size_t> connection) {
  if (!connection) next_cut_[index(direction)] = bytes;
  for (Link* link : std::vector<Link*>(links_)) {
    if (connection && link->connection != *connection) continue;
    Link::Flow& flow = link->flows[index(direction)];
    // Bytes on their way to the socket cannot be called back.
    flow.cut_at = flow.forwarded + (flow.busy ? flow.writing.size() : 0) + bytes;
    link->pump(flow);
  }
}

void Proxy::cut_rule_used() {
  for (Direction direction : directions) {
    next_cut_[index(direction)] = unlimited;
    for (Link* link : links_) link->flows[index(direction)].cut_at = unlimited;
  }
}

void Proxy::plan(const FaultPlan& plan) {
  plan_ = plan;
  striking_ = false;
  counting_values_ = counting_values_ || plan.unit == FaultPlan::Unit::values;
  // Nothing new may go, but what has been held may have to be struck at once.
  if (plan.after == 0) pump_all(plan.direction);
}

bool Proxy::is_planned_for(const Link& link, Direction direction) const {
  return plan_ && plan_->direction == direction && (!plan_->connection || *plan_->connection == link.connection);
}

void Proxy::come_true(Link& link, Direction direction) {
  if (!plan_) return;  // Another has replaced it meanwhile and come true.
  const FaultPlan plan = *plan_;
  Link::Flow& flow = link.flows[index(direction)];
  switch (plan.fault) {
    case Fault::end:
      link.close(Closing::orderly);
      break;
    case Fault::reset:
      link.close();
      break;
    case Fault::strand:
      link.strand();
      break;
    case Fault::stall:
      flow.stalled = true;
      if (plan.stall_for.count() > 0) ticker_->resume_after(plan.stall_for);
      break;
    case Fault::split:
      flow.piece_bytes = plan.piece_bytes;
      break;
  }
  plan_used();
}

void Proxy::plan_used() {
  const Direction direction = plan_->direction;
  plan_.reset();
  striking_ = false;
  ++faults_;
  pump_all(direction);  // The others have waited at the place of the fault.
}

void Proxy::resume() {
  for (Link* link : std::vector<Link*>(links_)) {
    if (link->stranded) continue;
    for (Link::Flow& flow : link->flows) {
      if (std::exchange(flow.stalled, false)) link->pump(flow);
    }
  }
}

void Proxy::deliver_stranded() {
  for (Link* link : std::vector<Link*>(links_)) {
    Link::Flow& flow = link->flows[index(Direction::to_server)];
    if (!link->stranded || !std::exchange(flow.stalled, false)) continue;
    link->pump(flow);
  }
}

std::size_t Proxy::stranded_bytes() const {
  std::size_t sum = 0;
  for (const Link* link : links_) {
    if (link->stranded) sum += link->flows[index(Direction::to_server)].waiting();
  }
  return sum;
}

void Proxy::cut() {
  for (Link* link : std::vector<Link*>(links_)) link->close();
}

void Proxy::cut(std::size_t connection) {
  for (Link* link : std::vector<Link*>(links_)) {
    if (link->connection == connection) link->close();
  }
}

std::size_t Proxy::bytes_received(Direction direction) const {
  std::size_t sum = 0;
  for (const Traffic& traffic : traffic_) sum += traffic.received[index(direction)];
  return sum;
}

std::size_t Proxy::bytes_forwarded(Direction direction) const {
  std::size_t sum = 0;
  for (const Traffic& traffic : traffic_) sum += traffic.forwarded[index(direction)];
  return sum;
}

std::size_t Proxy::reads(Direction direction) const {
  std::size_t sum = 0;
  for (const Traffic& traffic : traffic_) sum += traffic.reads[index(direction)];
  return sum;
}

}  // namespace sake::test
