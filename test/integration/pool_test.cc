#include "redis/pool.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/buffer.h"
#include "net/address.h"
#include "support/command_proxy.h"
#include "support/loop.h"
#include "support/redis_client.h"
#include "support/redis_server.h"

using namespace sake;
using namespace sake::redis;
using namespace std::chrono_literals;

namespace {

const Error bye{Errc::closed_client, Cause::none, false, "closed by the test"};

struct Reader final : Requester {
  int outcomes = 0;
  std::string reply;
  std::optional<Error> error;
  std::vector<int>* order = nullptr;
  int number = 0;

  void on_reply(std::uint32_t, const resp::Reply& answer) noexcept override {
    reply = answer.text;
    ended();
  }
  void on_acknowledged() noexcept override { ended(); }
  void on_failed(std::uint32_t, const Error& why) noexcept override {
    error = why;
    ended();
  }
  void ended() noexcept {
    ++outcomes;
    order->push_back(number);
  }
};

struct NoHandler final : PipelineHandler {
  void on_ready(Pipeline&) noexcept override {}
  void on_lost(Pipeline&, const Error&) noexcept override {}
  void on_connect_failed(Pipeline&, const Error&) noexcept override {}
  void on_greeting_refused(Pipeline&, const Error&) noexcept override {}
  void on_progress(Pipeline&) noexcept override {}
  void on_idle(Pipeline&) noexcept override {}
};

/// The pool of database 3 on a loop of its own.
struct Setup {
  test::Loop loop;
  ConnectionOptions options;
  NoHandler handler;
  std::vector<std::unique_ptr<Reader>> readers;
  std::vector<int> order;
  std::unique_ptr<Pool> pool;

  Setup(const std::string& address, int connections_max, std::chrono::milliseconds idle = 0ms) {
    options.address = net::parse_address(address).value();
    options.backoff_first = 5ms;
    options.backoff_max = 20ms;
    pool = std::make_unique<Pool>(loop.get(), options, 3, connections_max, idle, handler);
    pool->writer().start();
  }

  Reader* get(const std::string& key) {
    readers.push_back(std::make_unique<Reader>());
    readers.back()->order = &order;
    readers.back()->number = static_cast<int>(readers.size()) - 1;
    base::Buffer command;
    resp::CommandWriter(command).begin(2).arg("GET").arg(key);
    pool->read(command.view(), *readers.back(), 1);
    return readers.back().get();
  }

  template <typename Predicate>
  void run_until(Predicate predicate) {
    loop.run_until([&] {
      pool->flush();
      return predicate();
    });
  }
  bool all_ended() const {
    for (const auto& reader : readers)
      if (reader->outcomes == 0) return false;
    return true;
  }
  void run_until_all_ended() {
    run_until([this] { return all_ended(); });
    for (const auto& reader : readers) CHECK(reader->outcomes == 1);
  }
};

struct Server : test::RedisServer {
  Server() : client(socket_path()) {
    client.select(3);
    client.command("SET", "key", "value");
  }
  explicit Server(test::RedisServerOptions wanted) : test::RedisServer(std::move(wanted)), client(socket_path()) {
    client.select(3);
    client.command("SET", "key", "value");
  }
  test::RedisClient client;
};

}  // namespace

TEST_CASE("a pool that only writes holds one connection") {
  Server server;
  Setup setup(server.address(), 5);
  setup.pool->writer().begin(Section::records).begin(3).arg("SET").arg("a").arg("1");
  setup.pool->writer().end(Section::records, nullptr);
  setup.run_until([&] { return setup.pool->writer().is_ready() && setup.pool->pending_bytes() == 0; });
  CHECK(setup.pool->counters().connections == 1);
  CHECK(setup.pool->counters().ready == 1);
  CHECK(server.client.command("GET", "a").text == "1");
}

TEST_CASE("reads open connections of their own, up to the limit, and are all answered") {
  Server server;
  for (const int limit : {2, 3, 5}) {
    CAPTURE(limit);
    Setup setup(server.address(), limit);
    for (int i = 0; i < 1'000; ++i) {
      setup.get("key");
      setup.pool->flush();
      if (i % 10 == 0) setup.loop.run_for_turns(1);
      CHECK(setup.pool->counters().connections <= static_cast<std::size_t>(limit));
    }
    setup.run_until_all_ended();
    for (const auto& reader : setup.readers) CHECK(reader->reply == "value");
    const PoolCounters counters = setup.pool->counters();
    CHECK(counters.connections == static_cast<std::size_t>(limit));
    CHECK(counters.reads == 1'000);
    CHECK(counters.waited > 0);
    CHECK(counters.waiting == 0);
    CHECK(counters.readers.commands == 1'000);
    CHECK(counters.writer.commands == 0);
    CHECK(setup.pool->pending_bytes() == 0);
  }
}

TEST_CASE("with one connection reads share it with the writer") {
  Server server;
  Setup setup(server.address(), 1);
  for (int i = 0; i < 10; ++i) setup.get("key");
  setup.run_until_all_ended();
  CHECK(setup.pool->counters().connections == 1);
  CHECK(setup.pool->counters().writer.commands == 10);
  CHECK(setup.pool->counters().waited == 0);
}

TEST_CASE("reads that find every reader busy wait, and go in the order in which they came") {
  Server server;
  Setup setup(server.address(), 2);
  test::CommandProxy proxy(setup.loop.get(), server.socket_path());
  setup.options.address = net::parse_address(proxy.address()).value();
  setup.pool = std::make_unique<Pool>(setup.loop.get(), setup.options, 3, 2, 0ms, setup.handler);
  setup.pool->writer().start();
  setup.get("key");
  setup.run_until_all_ended();
  proxy.hold_replies();
  constexpr int reads = 3 * static_cast<int>(Pool::reads_per_reader_max);
  for (int i = 0; i < reads; ++i) setup.get("key");
  setup.pool->flush();
  CHECK(setup.pool->counters().waiting == reads - Pool::reads_per_reader_max);
  CHECK(setup.pool->pending_bytes() > 0);
  proxy.release_replies();
  setup.run_until_all_ended();
  for (std::size_t i = 0; i < setup.order.size(); ++i) CHECK(setup.order[i] == static_cast<int>(i));
}

TEST_CASE("reads go to the reader that has least to do") {
  Server server;
  Setup setup(server.address(), 3);
  for (int i = 0; i < 200; ++i) setup.get("key");
  setup.run_until_all_ended();
  REQUIRE(setup.pool->counters().connections == 3);
  // One of the two readers is kept busy by a server that is asleep for it alone.
  Reader* slow = nullptr;
  {
    setup.readers.push_back(std::make_unique<Reader>());
    slow = setup.readers.back().get();
    slow->order = &setup.order;
    base::Buffer command;
    resp::CommandWriter(command).begin(3).arg("BLPOP").arg("nothing").arg("0");
    setup.pool->read(command.view(), *slow, 1);
  }
  std::vector<Reader*> quick;
  for (int i = 0; i < 8; ++i) {
    quick.push_back(setup.get("key"));
    setup.run_until([&] { return quick.back()->outcomes == 1; });
  }
  CHECK(slow->outcomes == 0);
  server.client.command("RPUSH", "nothing", "x");
  setup.run_until_all_ended();
}

TEST_CASE("readers that are not used are closed, and opened again when they are needed") {
  Server server;
  Setup setup(server.address(), 3, 30ms);
  for (int i = 0; i < 100; ++i) setup.get("key");
  setup.run_until_all_ended();
  CHECK(setup.pool->counters().connections == 3);
  setup.run_until([&] { return setup.pool->counters().connections == 1; });
  CHECK(setup.pool->counters().readers.commands == 100);
  setup.get("key");
  setup.run_until_all_ended();
  CHECK(setup.pool->counters().opened >= 3);
}

TEST_CASE("a server that takes no further connection is read through the writer") {
  Server server;
  Setup setup(server.address(), 4);
  setup.run_until([&] { return setup.pool->writer().is_ready(); });
  // The test's own client is one of the two.
  server.client.command("CONFIG", "SET", "maxclients", "2");
  for (int i = 0; i < 40; ++i) setup.get("key");
  setup.run_until_all_ended();
  for (const auto& reader : setup.readers) CHECK(reader->reply == "value");
  CHECK(setup.pool->counters().writer.commands == 40);
  server.client.command("CONFIG", "SET", "maxclients", "100");
  setup.get("key");
  setup.run_until_all_ended();
  CHECK(setup.pool->counters().readers.commands == 1);
}

TEST_CASE("reads outlive a server that is killed and started again") {
  Server server({.arguments = {"--appendonly", "yes", "--appendfsync", "always"}});
  Setup setup(server.address(), 3);
  for (int i = 0; i < 100; ++i) setup.get("key");
  setup.run_until_all_ended();
  server.kill();
  for (int i = 0; i < 100; ++i) setup.get("key");
  setup.pool->flush();
  setup.loop.run_for_turns(5);
  server.start();
  setup.run_until_all_ended();
  for (const auto& reader : setup.readers) CHECK(reader->reply == "value");
}

TEST_CASE("close at any moment ends every read once") {
  Server server;
  for (int turns = 0; turns < 20; ++turns) {
    CAPTURE(turns);
    Setup setup(server.address(), 3);
    for (int i = 0; i < 60; ++i) setup.get("key");
    setup.pool->flush();
    for (int i = 0; i < turns; ++i) {
      setup.loop.run_for_turns(1);
      setup.pool->flush();
    }
    setup.pool->close(bye);
    for (const auto& reader : setup.readers) {
      CHECK(reader->outcomes == 1);
      CHECK((reader->error ? reader->error->code == Errc::closed_client : reader->reply == "value"));
    }
    Reader* late = setup.get("key");
    CHECK(late->outcomes == 1);
    CHECK(late->error->code == Errc::closed_client);
    CHECK(setup.pool->counters().connections == 0);
  }
}
