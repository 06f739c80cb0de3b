#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "net/resolver.h"
#include "net/stream.h"
#include "net/timer.h"
#include "support/loop.h"
#include "support/redis_server.h"
#include "support/scripted_peer.h"
#include "support/stream_events.h"

using namespace sake;
using namespace std::chrono_literals;
using test::write;
using Events = test::StreamEvents;

TEST_CASE("a timer elapses once for each start, counted from the latest") {
  test::Loop loop;
  int elapsed = 0;
  net::Timer timer(loop.get(), [&] { ++elapsed; });
  CHECK_FALSE(timer.is_running());
  timer.start(1h);
  timer.start(1ms);
  CHECK(timer.is_running());
  loop.run_for(20ms);
  CHECK(elapsed == 1);
  CHECK_FALSE(timer.is_running());
  timer.start(1ms);
  timer.stop();
  loop.run_for(20ms);
  CHECK(elapsed == 1);
  timer.start(-5ms);
  loop.run_for(20ms);
  CHECK(elapsed == 2);
  timer.start(1ms);
  timer.close();
  timer.close();
  timer.start(1ms);
  timer.stop();
  CHECK_FALSE(timer.is_running());
  loop.run_for(20ms);
  CHECK(elapsed == 2);
}

TEST_CASE("a timer may be destroyed while it runs and inside its own callback") {
  test::Loop loop;
  auto running = std::make_unique<net::Timer>(loop.get(), [] { FAIL("called after its end"); });
  running->start(1ms);
  running.reset();

  bool elapsed = false;
  std::unique_ptr<net::Timer> timer;
  timer = std::make_unique<net::Timer>(loop.get(), [&] {
    timer.reset();
    elapsed = true;
  });
  timer->start(1ms);
  loop.run_for(20ms);
  CHECK(elapsed);
}

TEST_CASE("a name is resolved to addresses with its port, never inside the call") {
  test::Loop loop;
  net::Resolver resolver(loop.get());
  std::string found;
  CHECK(resolver.resolve("127.0.0.1", 4242, [&](auto addresses) {
    REQUIRE(addresses);
    for (const net::SocketAddress& address : addresses.value()) found += describe(address) + " ";
  }));
  CHECK(found.empty());
  loop.run_until([&] { return !found.empty(); });
  CHECK(found == "127.0.0.1:4242 ");

  found.clear();
  CHECK(resolver.resolve("::1", 1, [&](auto addresses) {
    if (addresses) found = describe(addresses.value()[0]);
    if (!addresses) found = "none";
  }));
  loop.run_until([&] { return !found.empty(); });
  CHECK(found == "[::1]:1");
}

TEST_CASE("a name that cannot be is an error of connecting") {
  test::Loop loop;
  net::Resolver resolver(loop.get());
  const Status refused = resolver.resolve(std::string(300, 'x'), 1, [](auto) { FAIL("refused, so not called"); });
  std::optional<Error> error;
  if (!refused) error = refused.error();
  loop.run_until([&] { return error.has_value(); });
  CHECK(error->code == Errc::backend_error);
  CHECK(error->cause == Cause::connect);
}

TEST_CASE("a question may be cancelled, also by destroying the resolver in its answer") {
  test::Loop loop;
  {
    net::Resolver cancelled(loop.get());
    CHECK(cancelled.resolve("127.0.0.1", 1, [](auto) { FAIL("called after cancel"); }));
    cancelled.cancel();
    cancelled.cancel();
    CHECK(cancelled.resolve("127.0.0.1", 1, [](auto) { FAIL("called after destruction"); }));
  }
  bool answered = false;
  auto resolver = std::make_unique<net::Resolver>(loop.get());
  CHECK(resolver->resolve("127.0.0.1", 1, [&](auto) {
    resolver.reset();
    answered = true;
  }));
  loop.run_until(answered);
  loop.run_for(20ms);
}

TEST_CASE("a stream connects, writes and reads over a Unix socket and over TCP") {
  test::RedisServer server({.tcp = true});
  for (const bool tcp : {false, true}) {
    test::Loop loop;
    Events events;
    net::Stream stream(loop.get(), events);
    if (tcp) {
      net::SocketAddress address{};
      uv_ip4_addr("127.0.0.1", server.port(), reinterpret_cast<sockaddr_in*>(&address.storage));
      REQUIRE(stream.connect(address));
    } else {
      REQUIRE(stream.connect(server.socket_path()));
    }
    CHECK(events.log.empty());
    loop.run_until([&] { return events.log == "connected "; });
    const std::array<std::string_view, 4> pieces{"PI", "N", "G", "\r\n"};
    CHECK(stream.write(pieces));
    loop.run_until([&] { return events.read == "+PONG\r\n"; });
    server.restart();
    loop.run_until([&] { return events.error.has_value(); });
    CHECK(events.error->cause == Cause::lost);
    CHECK_FALSE(stream.is_open());
  }
}

TEST_CASE("a stream that cannot connect is lost, and may try again in that call") {
  test::Loop loop;
  Events events;
  net::Stream stream(loop.get(), events);
  int attempts = 0;
  events.then = [&] {
    if (++attempts < 3) REQUIRE(stream.connect("/nowhere/at.all"));
  };
  REQUIRE(stream.connect("/nowhere/at.all"));
  loop.run_until([&] { return attempts == 3; });
  CHECK(events.log == "lost lost lost ");
  CHECK(events.error->cause == Cause::connect);
}

TEST_CASE("what a peer does not read yet is written when it does") {
  test::Loop loop;
  Events events;
  test::ScriptedPeer peer(loop.get(), "");
  net::Stream stream(loop.get(), events);
  REQUIRE(stream.connect(peer.path()));
  loop.run_until([&] { return events.log == "connected "; });
  const std::string large(10'000'000, 'x');
  CHECK_FALSE(write(stream, large));
  CHECK(stream.is_writing());
  CHECK(stream.unwritten_bytes() > 0);
  loop.run_until([&] { return events.log == "connected written "; });
  CHECK_FALSE(stream.is_writing());
  CHECK(stream.unwritten_bytes() == 0);
}

TEST_CASE("a stream may be closed or destroyed inside every call it makes") {
  test::RedisServer server;
  for (const bool destroy : {false, true}) {
    for (const std::string moment : {"connected ", "read ", "lost ", "written "}) {
      CAPTURE(moment);
      test::Loop loop;
      Events events;
      auto stream = std::make_unique<net::Stream>(loop.get(), events);
      bool ended = false;
      const std::string large = "*2\r\n$4\r\nECHO\r\n$5000000\r\n" + std::string(5'000'000, 'x') + "\r\n";
      events.then = [&] {
        if (events.log.ends_with(moment)) {
          ended = true;
          if (destroy) stream.reset();
          if (!destroy) stream->close();
          return;
        }
        if (events.log != "connected ") return;
        if (moment == "written ") {
          write(*stream, large);
        } else {
          write(*stream, moment == "lost " ? "QUIT\r\n" : "PING\r\n");
        }
      };
      REQUIRE(stream->connect(server.socket_path()));
      loop.run_until(ended);
      const std::string log = events.log;
      loop.run_for_turns(5);
      CHECK(events.log == log);
    }
  }
}

TEST_CASE("a stream that is closed while it connects or writes calls nobody") {
  test::RedisServer server;
  test::Loop loop;
  Events events;
  net::Stream stream(loop.get(), events);
  REQUIRE(stream.connect(server.socket_path()));
  stream.close();
  stream.close();
  REQUIRE(stream.connect(server.socket_path()));
  loop.run_until([&] { return events.log == "connected "; });
  const std::string large(10'000'000, 'x');
  CHECK_FALSE(write(stream, large));
  stream.reset();
  CHECK_FALSE(stream.is_writing());
  loop.run_for_turns(10);
  CHECK(events.log == "connected ");
}
