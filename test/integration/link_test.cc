// The link by itself: over TLS it is to its handler what a stream is.

#include "net/link.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <uv.h>

#include "support/loop.h"
#include "support/proxy.h"
#include "support/stream_events.h"
#include "support/temp_directory.h"
#include "support/tls_server.h"
#include "support/tls_session.h"

using namespace sake;
using test::Direction;
using test::Proxy;
using test::write;

namespace {

using Events = test::StreamEvents;

net::SocketAddress loopback(int port) {
  net::SocketAddress address{};
  uv_ip4_addr("127.0.0.1", port, reinterpret_cast<sockaddr_in*>(&address.storage));
  return address;
}

std::string echo(std::size_t bytes) {
  return "*2\r\n$4\r\nECHO\r\n$" + std::to_string(bytes) + "\r\n" + std::string(bytes, 'x') + "\r\n";
}

/// A server, whom it can be reached by, and a link to it over a proxy.
struct Fixture {
  explicit Fixture(std::vector<std::string> configuration = {"tls-auth-clients no"})
      : server(test::with_tls(authority.issue(), authority, std::move(configuration))),
        context(net::TlsContext::make({.ca_file = authority.ca_file()}).value()),
        proxy(loop.get(), server.tls_port()),
        link(std::make_unique<net::Link>(loop.get(), events, context.get(), "127.0.0.1")) {}

  void connect() {
    REQUIRE(link->connect(loopback(proxy.port())).ok());
    loop.run_until([&] { return events.log.starts_with("connected "); });
  }

  test::Certificates authority;
  test::Loop loop;
  test::RedisServer server;
  std::unique_ptr<net::TlsContext> context;
  Proxy proxy;
  Events events;
  std::unique_ptr<net::Link> link;
};

/// A server on a Unix socket that does what no redis-server does. It takes one client.
class Peer {
 public:
  Peer(uv_loop_t* loop, const test::Identity& identity, int version_max = TLS1_3_VERSION)
      : session(identity, {.version_max = version_max}), listener_(new uv_pipe_t), client_(new uv_pipe_t) {
    uv_pipe_init(loop, listener_, 0);
    uv_pipe_init(loop, client_, 0);
    listener_->data = client_->data = this;
    REQUIRE(uv_pipe_bind(listener_, path().c_str()) == 0);
    REQUIRE(uv_listen(stream(listener_), 1, [](uv_stream_t* server, int) {
              auto* self = static_cast<Peer*>(server->data);
              REQUIRE(uv_accept(server, stream(self->client_)) == 0);
              self->read();
            }) == 0);
  }
  ~Peer() {
    for (uv_pipe_t* pipe : {listener_, client_})
      uv_close(reinterpret_cast<uv_handle_t*>(pipe),
               [](uv_handle_t* handle) { delete reinterpret_cast<uv_pipe_t*>(handle); });
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  std::string path() const { return directory_.file("peer.sock"); }
  void stop_reading() { uv_read_stop(stream(client_)); }

  /// As it is: what is to be encrypted goes through `session` before.
  void send(std::string bytes) {
    struct Write {
      uv_write_t request;
      std::string bytes;
    };
    auto* write = new Write{{}, std::move(bytes)};
    write->request.data = write;
    const uv_buf_t buffer = uv_buf_init(write->bytes.data(), static_cast<unsigned>(write->bytes.size()));
    uv_write(&write->request, stream(client_), &buffer, 1,
             [](uv_write_t* request, int) { delete static_cast<Write*>(request->data); });
  }

  test::TlsServerSession session;
  std::optional<std::string> retort;  ///< Said instead of anything by TLS.

 private:
  static uv_stream_t* stream(uv_pipe_t* pipe) { return reinterpret_cast<uv_stream_t*>(pipe); }

  void read() {
    uv_read_start(
        stream(client_),
        [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
          auto& input = static_cast<Peer*>(handle->data)->input_;
          *buffer = uv_buf_init(input, sizeof input);
        },
        [](uv_stream_t* from, ssize_t size, const uv_buf_t* buffer) {
          auto* self = static_cast<Peer*>(from->data);
          if (size <= 0) return self->stop_reading();
          if (self->retort) return self->send(*self->retort);
          self->send(self->session.answer({buffer->base, static_cast<std::size_t>(size)}));
        });
  }

  test::TempDirectory directory_;
  uv_pipe_t* listener_;
  uv_pipe_t* client_;
  char input_[65536];
};

/// A link to a peer that has established its session.
struct PeerFixture {
  explicit PeerFixture(int version_max = TLS1_3_VERSION)
      : peer(loop.get(), authority.issue(), version_max),
        context(net::TlsContext::make({.ca_file = authority.ca_file()}).value()),
        link(loop.get(), events, context.get(), "localhost") {
    REQUIRE(link.connect(peer.path()).ok());
  }

  void establish() {
    loop.run_until([&] { return events.log == "connected " && peer.session.is_done(); });
  }

  test::Certificates authority;
  test::Loop loop;
  Peer peer;
  std::unique_ptr<net::TlsContext> context;
  Events events;
  net::Link link;
};

}  // namespace

TEST_CASE("a link over TLS connects, writes and reads like a stream") {
  Fixture fixture;
  fixture.connect();
  CHECK(fixture.events.log == "connected ");
  const std::array<std::string_view, 4> pieces{"PI", "N", "G", "\r\n"};
  CHECK(fixture.link->write(pieces));
  fixture.loop.run_until([&] { return fixture.events.read == "+PONG\r\n"; });
  CHECK_FALSE(fixture.link->is_writing());
  CHECK(fixture.link->unwritten_bytes() == 0);
  fixture.server.restart();
  fixture.loop.run_until([&] { return fixture.events.error.has_value(); });
  CHECK(fixture.events.error->cause == Cause::lost);
  CHECK_FALSE(fixture.link->is_open());
}

TEST_CASE("what is sent can be read by nobody on the way") {
  Fixture fixture;
  fixture.proxy.record(true);
  fixture.connect();
  CHECK(write(*fixture.link, "*2\r\n$4\r\nECHO\r\n$6\r\nsecret\r\n"));
  fixture.loop.run_until([&] { return fixture.events.read == "$6\r\nsecret\r\n"; });
  CHECK(fixture.proxy.recorded(0).size() > 100);
  CHECK(fixture.proxy.recorded(0).find("secret") == std::string::npos);
  CHECK(fixture.proxy.recorded(0).find("ECHO") == std::string::npos);
}

TEST_CASE("a large write is encrypted as the server takes it, and comes back whole") {
  Fixture fixture;
  fixture.connect();
  fixture.proxy.limit_held_bytes(1 << 16);
  fixture.proxy.hold(Direction::to_server);
  constexpr std::size_t size = 30'000'000;
  const std::string large = echo(size);
  CHECK_FALSE(write(*fixture.link, large));
  CHECK(fixture.link->is_writing());
  fixture.loop.run_for_turns(50);
  const std::size_t unwritten = fixture.link->unwritten_bytes();
  CHECK(unwritten > size / 2);
  CHECK(unwritten < size);
  CHECK(fixture.events.log == "connected ");
  fixture.proxy.release(Direction::to_server);
  const std::string head = "$" + std::to_string(size) + "\r\n";
  fixture.loop.run_until([&] { return fixture.events.read.size() == head.size() + size + 2; });
  CHECK(fixture.events.read == head + std::string(size, 'x') + "\r\n");
  CHECK(fixture.events.log.find("connected written read ") == 0);
  CHECK_FALSE(fixture.link->is_writing());
  CHECK(fixture.link->unwritten_bytes() == 0);
}

TEST_CASE("bytes may come in pieces of any size, both ways") {
  for (const std::size_t piece_bytes : {1, 3, 50}) {
    CAPTURE(piece_bytes);
    Fixture fixture;
    fixture.proxy.split(Direction::to_server, piece_bytes);
    fixture.proxy.split(Direction::to_client, piece_bytes);
    fixture.connect();
    const std::string text = echo(300);
    CHECK(write(*fixture.link, text));
    fixture.loop.run_until([&] { return fixture.events.read == "$300\r\n" + std::string(300, 'x') + "\r\n"; });
  }
}

TEST_CASE("a link may be closed or destroyed inside every call it makes, and connected again") {
  enum class How { close, destroy, connect_again };
  Fixture shared;
  for (const How how : {How::close, How::destroy, How::connect_again}) {
    for (const std::string moment : {"connected ", "read ", "lost ", "written "}) {
      CAPTURE(moment);
      CAPTURE(static_cast<int>(how));
      test::Loop loop;
      Events events;
      auto link = std::make_unique<net::Link>(loop.get(), events, shared.context.get(), "127.0.0.1");
      bool ended = false;
      std::string log_at_end;
      const std::string large = echo(20'000'000);
      events.then = [&] {
        if (!ended && events.log.ends_with(moment)) {
          ended = true;
          log_at_end = events.log;
          if (how == How::destroy) return link.reset();
          link->close();
          if (how == How::connect_again) CHECK(link->connect(loopback(shared.server.tls_port())).ok());
          return;
        }
        if (ended || events.log != "connected ") return;
        if (moment == "written ") {
          write(*link, large);
        } else {
          write(*link, moment == "lost " ? "QUIT\r\n" : "PING\r\n");
        }
      };
      REQUIRE(link->connect(loopback(shared.server.tls_port())).ok());
      loop.run_until(ended);
      if (how == How::connect_again) {
        loop.run_until([&] { return events.log == log_at_end + "connected "; });
      } else {
        loop.run_for_turns(20);
        CHECK(events.log == log_at_end);
      }
    }
  }
}

TEST_CASE("a link that is closed at any point of the handshake calls nobody and leaves nothing") {
  Fixture shared;
  int established = 0;
  for (int turns = 0; turns < 60; ++turns) {
    test::Loop loop;
    Events events;
    net::Link link(loop.get(), events, shared.context.get(), "127.0.0.1");
    REQUIRE(link.connect(loopback(shared.server.tls_port())).ok());
    for (int turn = 0; turn < turns && events.log.empty(); ++turn) uv_run(loop.get(), UV_RUN_NOWAIT);
    const std::string log = events.log;
    if (!log.empty()) ++established;
    if (turns % 2 == 0) link.close();
    if (turns % 2 != 0) link.reset();
    CHECK_FALSE(link.is_open());
    CHECK_FALSE(link.is_writing());
    loop.run_for_turns(5);
    CHECK(events.log == log);
  }
  CHECK(established < 60);
}

TEST_CASE("a link that is closed while a large write is under way is done with it") {
  Fixture fixture;
  fixture.connect();
  fixture.proxy.limit_held_bytes(1 << 16);
  fixture.proxy.hold(Direction::to_server);
  {
    const std::string large = echo(20'000'000);
    CHECK_FALSE(write(*fixture.link, large));
    fixture.link->reset();
  }
  CHECK_FALSE(fixture.link->is_writing());
  CHECK(fixture.link->unwritten_bytes() == 0);
  fixture.loop.run_for_turns(20);
  CHECK(fixture.events.log == "connected ");
}

TEST_CASE("a handshake that is cut off is a connection that did not come about") {
  for (const Direction direction : {Direction::to_server, Direction::to_client}) {
    for (const std::size_t bytes : {0, 1, 4, 60, 200, 700}) {
      CAPTURE(static_cast<int>(direction));
      CAPTURE(bytes);
      Fixture fixture;
      fixture.proxy.cut_after(direction, bytes);
      REQUIRE(fixture.link->connect(loopback(fixture.proxy.port())).ok());
      fixture.loop.run_until([&] { return !fixture.events.log.empty(); });
      // In TLS 1.3 our part of the handshake may be done by then.
      if (direction == Direction::to_server && bytes > 300) continue;
      CHECK(fixture.events.log == "lost ");
      CHECK(fixture.events.error->cause == Cause::connect);
      CHECK(fixture.events.error->text.find("the TLS handshake was cut off: ") == 0);
    }
  }
}

TEST_CASE("a server that answers a handshake with something else does not speak TLS") {
  PeerFixture fixture;
  fixture.peer.retort = "HTTP/1.1 400 Bad Request\r\n\r\n";
  fixture.loop.run_until([&] { return fixture.events.error.has_value(); });
  CHECK(fixture.events.log == "lost ");
  CHECK(fixture.events.error->cause == Cause::tls);
  CHECK(fixture.events.error->text.find("does not speak TLS on this port") != std::string::npos);
  CHECK_FALSE(fixture.link.is_open());
}

TEST_CASE("what a server says before it says goodbye is read") {
  PeerFixture fixture;
  fixture.establish();
  std::string last_words = fixture.peer.session.say("+OK\r\n");
  SSL_shutdown(fixture.peer.session.ssl());
  fixture.peer.send(last_words + fixture.peer.session.said());
  fixture.loop.run_until([&] { return fixture.events.error.has_value(); });
  CHECK(fixture.events.log == "connected read lost ");
  CHECK(fixture.events.read == "+OK\r\n");
  CHECK(fixture.events.error->cause == Cause::lost);
  CHECK_FALSE(fixture.link.is_open());
}

TEST_CASE("a server that asks and asks and reads no answer is cut off") {
  PeerFixture fixture(TLS1_2_VERSION);
  fixture.establish();
  fixture.peer.stop_reading();
  SSL* session = fixture.peer.session.ssl();
  std::size_t questions = 0;
  for (; questions < 200'000 && !fixture.events.error; ++questions) {
    REQUIRE(SSL_renegotiate(session) == 1);
    SSL_do_handshake(session);
    if (questions % 1000 != 0) continue;
    fixture.peer.send(fixture.peer.session.said());
    fixture.loop.run_for_turns(2);
  }
  REQUIRE(fixture.events.error);
  CHECK(fixture.events.error->cause == Cause::protocol);
  CHECK(fixture.events.log == "connected lost ");
}

TEST_CASE("a link without TLS passes everything on") {
  test::RedisServer server;
  test::Loop loop;
  Events events;
  net::Link link(loop.get(), events, nullptr, "");
  REQUIRE(link.connect(server.socket_path()).ok());
  loop.run_until([&] { return events.log == "connected "; });
  CHECK(write(link, "PING\r\n"));
  loop.run_until([&] { return events.read == "+PONG\r\n"; });
  server.kill();
  loop.run_until([&] { return events.error.has_value(); });
  CHECK(events.error->cause == Cause::lost);
  CHECK(events.error->text.find("TLS") == std::string::npos);
  CHECK_FALSE(link.is_open());
}
