#include "redis/pipeline.h"

#include <unistd.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "net/address.h"
#include "support/loop.h"
#include "support/proxy.h"
#include "support/redis_client.h"
#include "support/redis_server.h"
#include "support/scripted_peer.h"
#include "support/temp_directory.h"

using namespace sake;
using namespace sake::redis;
using namespace std::chrono_literals;
using test::Direction;

namespace {

/// What a greeting without a login is answered: two SELECTs, PING, DEL, CLIENT SETNAME and CLIENT ID.
const std::string greeted = "+OK\r\n+OK\r\n+PONG\r\n:0\r\n+OK\r\n:1\r\n";

const Error bye{Errc::closed_client, Cause::none, false, "closed by the test"};

/// Waits for one command and remembers how it ended.
struct Waiter final : Requester {
  int outcomes = 0;
  std::string reply;
  std::optional<Error> error;
  std::vector<int>* order = nullptr;
  int number = 0;
  std::function<void()> then;

  void on_reply(std::uint32_t tag, const resp::Reply& answer) noexcept override {
    reply = std::to_string(tag) + ":" + std::string(answer.text);
    ended();
  }
  void on_acknowledged() noexcept override { ended(); }
  void on_failed(std::uint32_t, const Error& why) noexcept override {
    error = why;
    ended();
  }
  void ended() noexcept {
    ++outcomes;
    if (order != nullptr) order->push_back(number);
    if (then) then();
  }
};

struct Watcher final : PipelineHandler {
  int ready = 0;
  int progress = 0;
  int idle = 0;
  std::vector<Error> lost;
  std::vector<Error> connect_failed;
  std::vector<Error> greeting_refused;
  std::function<void()> on_each;

  void on_ready(Pipeline&) noexcept override { ++ready, each(); }
  void on_lost(Pipeline&, const Error& error) noexcept override { lost.push_back(error), each(); }
  void on_connect_failed(Pipeline&, const Error& error) noexcept override { connect_failed.push_back(error), each(); }
  void on_greeting_refused(Pipeline&, const Error& error) noexcept override {
    greeting_refused.push_back(error), each();
  }
  void on_progress(Pipeline&) noexcept override { ++progress, each(); }
  void on_idle(Pipeline&) noexcept override { ++idle, each(); }
  void each() {
    if (on_each) on_each();
  }
};

ConnectionOptions options_for(const std::string& address) {
  ConnectionOptions options;
  auto parsed = net::parse_address(address);
  REQUIRE(parsed);
  options.address = parsed.value();
  options.backoff_first = 5ms;
  options.backoff_max = 20ms;
  return options;
}

/// A writer of database 3 on a loop of its own.
struct Setup {
  test::Loop loop;
  ConnectionOptions options;
  Watcher watcher;
  std::vector<std::unique_ptr<Waiter>> waiters;
  std::vector<int> order;
  std::unique_ptr<Pipeline> writer;

  explicit Setup(const std::string& address) : options(options_for(address)) { remake(); }

  void remake(int database = 3) {
    writer = std::make_unique<Pipeline>(loop.get(), options, database, Role::writer, watcher);
  }

  Waiter* waiter() {
    waiters.push_back(std::make_unique<Waiter>());
    waiters.back()->order = &order;
    waiters.back()->number = static_cast<int>(waiters.size()) - 1;
    return waiters.back().get();
  }

  Waiter* command(Section section, const std::vector<std::string>& arguments, std::uint32_t tag = 0) {
    Waiter* who = waiter();
    resp::CommandWriter out = writer->begin(section);
    out.begin(arguments.size());
    for (const std::string& argument : arguments) out.arg(argument);
    writer->end(section, who, tag);
    return who;
  }
  Waiter* set(const std::string& key, const std::string& value) {
    return command(Section::records, {"SET", key, value});
  }
  Waiter* get(const std::string& key) { return command(Section::records, {"GET", key}, 1); }

  bool all_ended() const {
    for (const auto& who : waiters) {
      if (who->outcomes == 0) return false;
    }
    return true;
  }
  void run_until_all_ended() {
    loop.run_until([this] { return all_ended(); });
  }
  void run_until_ready() {
    loop.run_until([this] { return writer->is_ready(); });
  }

  /// Exactly one outcome each, in the order of sending.
  void check_outcomes() const {
    for (const auto& who : waiters) CHECK(who->outcomes == 1);
  }
};

/// The names of commands in recorded bytes, and the database of each SELECT: "SELECT 9, SADD, SELECT 3, SET".
std::string command_names(std::string_view wire) {
  std::string names;
  while (!wire.empty()) {
    const auto number = [&wire] {
      const std::size_t end = wire.find("\r\n");
      const int value = std::stoi(std::string(wire.substr(1, end - 1)));
      wire.remove_prefix(end + 2);
      return value;
    };
    const int count = number();
    std::string name;
    for (int i = 0; i < count; ++i) {
      const auto size = static_cast<std::size_t>(number());
      if (i == 0) name = wire.substr(0, size);
      if (i == 1 && name == "SELECT") name += " " + std::string(wire.substr(0, size));
      wire.remove_prefix(size + 2);
    }
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

/// libuv's own work item for its thread pool apart.
int open_handles(uv_loop_t* loop) {
  int count = 0;
  const auto count_one = [](uv_handle_t* handle, void* counter) {
    if (handle->type != UV_ASYNC) ++*static_cast<int*>(counter);
  };
  uv_walk(loop, count_one, &count);
  return count;
}

std::string value_of(test::RedisServer& server, int database, const std::string& key) {
  test::RedisClient client(server.socket_path());
  client.select(database);
  return client.command("GET", key).text;
}

}  // namespace

TEST_CASE("writes arrive in the writer's database and reads bring them back") {
  test::RedisServer server;
  Setup setup(server.address());
  setup.writer->start();
  setup.set("key", "value");
  Waiter* read = setup.get("key");
  Waiter* absent = setup.get("absent");
  setup.writer->flush();
  CHECK(read->outcomes == 0);
  setup.run_until_all_ended();
  setup.check_outcomes();
  CHECK(read->reply == "1:value");
  CHECK(absent->reply == "1:");
  CHECK(value_of(server, 3, "key") == "value");
  CHECK(setup.watcher.ready == 1);
  CHECK(setup.watcher.progress >= 1);
  CHECK(setup.writer->pending_bytes() == 0);
  CHECK(setup.order == std::vector<int>{0, 1, 2});
}

TEST_CASE("the same over TCP, by number and by name") {
  test::RedisServer server({.tcp = true});
  for (const std::string& host : {std::string("127.0.0.1"), std::string("localhost")}) {
    CAPTURE(host);
    Setup setup("redis://" + host + ":" + std::to_string(server.port()));
    setup.writer->start();
    setup.set("key", host);
    setup.writer->flush();
    setup.run_until_all_ended();
    CHECK(value_of(server, 3, "key") == host);
    CHECK(setup.watcher.connect_failed.empty());
  }
}

TEST_CASE("references go around the records of a group, with a SELECT only where the database changes") {
  test::RedisServer server;
  Setup setup(server.address());
  test::Proxy proxy(setup.loop.get(), server.socket_path());
  setup.options.address = net::parse_address(proxy.address()).value();
  setup.writer->start();
  setup.run_until_ready();

  proxy.record(true);
  setup.command(Section::references_last, {"SREM", "set", "1"});
  setup.set("key", "1");
  setup.command(Section::references_first, {"SADD", "set", "1", "2"});
  setup.writer->close_group();
  setup.command(Section::references_first, {"SADD", "set", "3"});
  setup.writer->close_group();
  setup.set("key", "2");
  setup.writer->flush();
  setup.set("key", "3");
  setup.writer->flush();
  setup.run_until_all_ended();

  CHECK(command_names(proxy.recorded(0)) == "SELECT 9, SADD, SELECT 3, SET, SELECT 9, SREM, SADD, SELECT 3, SET, SET");
  CHECK(setup.writer->counters().selects == 4);
  CHECK(setup.writer->counters().commands == 6);
  CHECK(value_of(server, 3, "key") == "3");
  test::RedisClient client(server.socket_path());
  client.select(9);
  CHECK(client.command("SCARD", "set").integer == 2);
}

TEST_CASE("a writer without references never selects after its greeting") {
  test::RedisServer server;
  Setup setup(server.address());
  setup.writer->start();
  for (int i = 0; i < 1000; ++i) setup.set("key", std::string(500, 'x'));
  setup.writer->flush();
  setup.run_until_all_ended();
  CHECK(setup.writer->counters().selects == 0);
  CHECK(setup.writer->counters().flushes < 20);
}

TEST_CASE("a full group is sent without a flush") {
  test::RedisServer server;
  Setup setup(server.address());
  setup.writer->start();
  setup.run_until_ready();
  setup.set("key", std::string(setup.options.batch_bytes, 'x'));
  CHECK(setup.writer->in_flight_bytes() > setup.options.batch_bytes);
  setup.run_until_all_ended();
}

TEST_CASE("an error reply fails its command alone, with the server's words") {
  test::RedisServer server;
  Setup setup(server.address());
  setup.writer->start();
  setup.set("key", "text");
  Waiter* wrong = setup.command(Section::records, {"SADD", "key", "1"});
  Waiter* wrong_read = setup.command(Section::records, {"SMEMBERS", "key"}, 5);
  Waiter* unknown = setup.command(Section::records, {"NO" + std::string(1000, 'x')});
  Waiter* right = setup.set("key", "after");
  // Nobody waits for this one.
  setup.writer->begin(Section::records).begin(1).arg("NONSENSE");
  setup.writer->end(Section::records, nullptr);
  setup.writer->flush();
  setup.run_until_all_ended();
  setup.check_outcomes();

  for (Waiter* who : {wrong, wrong_read, unknown}) {
    REQUIRE(who->error);
    CHECK(who->error->code == Errc::backend_error);
    CHECK(who->error->cause == Cause::server);
    CHECK_FALSE(who->error->may_have_run);
    CHECK(who->error->text.size() <= 256);
  }
  CHECK(wrong->error->text.starts_with("WRONGTYPE "));
  CHECK_FALSE(right->error);
  CHECK(setup.writer->counters().refused == 4);
  CHECK(setup.watcher.lost.empty());
  CHECK(value_of(server, 3, "key") == "after");
}

TEST_CASE("whatever a killed connection has not answered is sent again") {
  test::RedisServer server;
  Setup setup(server.address());
  setup.writer->start();
  setup.run_until_ready();
  test::RedisClient client(server.socket_path());
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 200; ++i) {
      setup.set("key:" + std::to_string(i), std::to_string(round));
      setup.command(Section::references_last, {"SADD", "set", std::to_string(round * 1000 + i)});
    }
    setup.writer->flush();
    CHECK(client.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").integer >= 1);
    setup.run_until_all_ended();
    setup.loop.run_until([&] { return setup.watcher.lost.size() == static_cast<std::size_t>(round) + 1; });
    setup.run_until_ready();
  }
  setup.check_outcomes();
  CHECK(setup.watcher.lost.size() == 20);
  CHECK(setup.watcher.lost[0].cause == Cause::lost);
  CHECK(setup.writer->counters().lost == 20);
  CHECK(value_of(server, 3, "key:199") == "19");
  client.select(9);
  CHECK(client.command("SCARD", "set").integer == 4000);
}

TEST_CASE("cut at any byte of either direction, every command ends once, in order, and the state is right") {
  test::RedisServer server;
  int losses = 0;
  for (const Direction direction : {Direction::to_server, Direction::to_client}) {
    for (std::size_t cut = 1; cut < 1200; cut += direction == Direction::to_server ? 23 : 3) {
      if (direction == Direction::to_client && cut > 260) break;
      CAPTURE(cut);
      Setup setup(server.address());
      test::Proxy proxy(setup.loop.get(), server.socket_path());
      setup.options.address = net::parse_address(proxy.address()).value();
      setup.options.in_flight_bytes_max = 300;
      proxy.cut_after(direction, cut);
      setup.writer->start();
      std::vector<Waiter*> reads;
      for (int i = 0; i < 10; ++i) {
        setup.command(Section::references_first, {"SET", "first", std::to_string(i)});
        setup.set("key", std::to_string(i));
        reads.push_back(setup.get("key"));
        setup.command(Section::references_last, {"SET", "last", std::to_string(i)});
        setup.writer->close_group();
      }
      setup.writer->flush();
      setup.run_until_all_ended();
      setup.check_outcomes();
      losses += static_cast<int>(setup.watcher.lost.size());

      std::vector<int> expected;
      for (int i = 0; i < 40; i += 4) expected.insert(expected.end(), {i, i + 1, i + 2, i + 3});
      CHECK(setup.order == expected);
      for (int i = 0; i < 10; ++i) {
        // A read that is sent again may see writes behind it that have run, never one in front of it that has not.
        const std::string& reply = reads[static_cast<std::size_t>(i)]->reply;
        CHECK(reply >= "1:" + std::to_string(i));
        CHECK(reply <= "1:9");
      }
      CHECK(value_of(server, 3, "key") == "9");
      CHECK(value_of(server, 9, "first") == "9");
      CHECK(value_of(server, 9, "last") == "9");
      CHECK(value_of(server, 3, "first") == "");
      CHECK(value_of(server, 9, "key") == "");
    }
  }
  CHECK(losses > 50);
}

TEST_CASE("a server that restarts with its data finds nothing missing") {
  test::RedisServer server({.arguments = {"--appendonly", "yes", "--appendfsync", "always"}});
  Setup setup(server.address());
  setup.writer->start();
  setup.run_until_ready();
  for (int i = 0; i < 5000; ++i) setup.set("key:" + std::to_string(i), "value");
  setup.writer->flush();
  setup.loop.run_until([&] { return setup.waiters[100]->outcomes == 1; });
  server.restart();
  setup.run_until_all_ended();
  setup.check_outcomes();
  test::RedisClient client(server.socket_path());
  client.select(3);
  CHECK(client.command("DBSIZE").integer == 5000);
}

TEST_CASE("bytes in flight stay within their bound while a server does not answer") {
  test::RedisServer server;
  Setup setup(server.address());
  test::Proxy proxy(setup.loop.get(), server.socket_path());
  setup.options.address = net::parse_address(proxy.address()).value();
  setup.options.batch_bytes = 8192;
  setup.options.in_flight_bytes_max = 50'000;
  setup.remake();
  setup.writer->start();
  setup.run_until_ready();
  const std::size_t before = proxy.bytes_received(Direction::to_server);
  proxy.hold(Direction::to_client);
  for (int i = 0; i < 1000; ++i) setup.set("key", std::string(1000, 'x'));
  setup.writer->flush();
  setup.loop.run_for(50ms);
  CHECK(setup.writer->in_flight_bytes() <= 50'000);
  CHECK(setup.writer->in_flight_bytes() > 40'000);
  CHECK(setup.writer->pending_bytes() > 1'000'000);
  CHECK(proxy.bytes_received(Direction::to_server) - before <= 50'000);
  proxy.release(Direction::to_client);
  setup.run_until_all_ended();
  CHECK(setup.writer->pending_bytes() == 0);
}

TEST_CASE("a value larger than every bound and every socket buffer goes through") {
  test::RedisServer server;
  Setup setup(server.address());
  test::Proxy proxy(setup.loop.get(), server.socket_path());
  proxy.limit_held_bytes(100'000);
  setup.options.address = net::parse_address(proxy.address()).value();
  setup.writer->start();
  std::string large(20'000'000, 'x');
  for (std::size_t i = 0; i < large.size(); i += 1001) large[i] = static_cast<char>('a' + i % 26);
  setup.set("before", "1");
  setup.set("large", large);
  setup.set("after", "2");
  Waiter* read = setup.get("large");
  setup.writer->flush();
  setup.run_until_all_ended();
  setup.check_outcomes();
  CHECK(read->reply == "1:" + large);
  CHECK(value_of(server, 3, "after") == "2");
  CHECK(setup.watcher.lost.empty());
}

TEST_CASE("a server that is silent loses its link and not its commands") {
  test::RedisServer server;
  Setup setup(server.address());
  setup.options.command_timeout = 100ms;
  setup.options.connect_timeout = 100ms;
  setup.writer->start();
  setup.run_until_ready();
  server.pause();
  setup.set("key", "value");
  setup.writer->flush();
  setup.loop.run_until([&] { return !setup.watcher.lost.empty(); });
  CHECK(setup.watcher.lost[0].cause == Cause::timed_out);
  setup.loop.run_until([&] { return !setup.watcher.connect_failed.empty(); });
  CHECK(setup.watcher.connect_failed[0].cause == Cause::timed_out);
  server.resume();
  setup.run_until_all_ended();
  setup.check_outcomes();
  CHECK_FALSE(setup.waiters[0]->error);
}

TEST_CASE("an idle link may be silent for as long as it likes") {
  test::RedisServer server;
  Setup setup(server.address());
  setup.options.command_timeout = 20ms;
  setup.writer->start();
  setup.set("key", "1");
  setup.writer->flush();
  setup.run_until_all_ended();
  setup.loop.run_for(100ms);
  CHECK(setup.watcher.lost.empty());
  setup.set("key", "2");
  setup.writer->flush();
  setup.run_until_all_ended();
  CHECK(setup.watcher.lost.empty());
}

TEST_CASE("a loop that was blocked does not take its own absence for the server's silence") {
  test::RedisServer server;
  Setup setup(server.address());
  setup.options.command_timeout = 40ms;
  setup.writer->start();
  setup.run_until_ready();
  for (int i = 0; i < 5; ++i) {
    setup.set("key", std::to_string(i));
    setup.writer->flush();
    usleep(100'000);  // The host is busy for longer than the timeout.
    setup.run_until_all_ended();
  }
  CHECK(setup.watcher.lost.empty());
}

TEST_CASE("what a given-up link has under way does not run after what the next one sends") {
  test::RedisServer server;
  Setup setup(server.address());
  test::Proxy proxy(setup.loop.get(), server.socket_path());
  setup.options.address = net::parse_address(proxy.address()).value();
  setup.options.command_timeout = 50ms;
  setup.writer->start();
  setup.run_until_ready();

  proxy.hold(Direction::to_server);
  setup.set("key", "old");
  setup.writer->flush();
  setup.loop.run_until([&] { return !setup.watcher.lost.empty(); });
  // The next link takes another way, and is faster than what the network still holds.
  setup.options.address = net::parse_address(server.address()).value();
  setup.set("key", "new");
  setup.writer->flush();
  setup.run_until_all_ended();
  CHECK(value_of(server, 3, "key") == "new");
  proxy.release(Direction::to_server);
  setup.loop.run_for(50ms);
  CHECK(value_of(server, 3, "key") == "new");
}

TEST_CASE("a user who may not use CLIENT can write all the same, and reconnect") {
  test::RedisServer server({.configuration = {"user alice on >secret ~* &* +@all -client"}});
  Setup setup("unix://alice:secret@" + server.socket_path());
  setup.writer->start();
  setup.set("key", "1");
  setup.writer->flush();
  setup.run_until_all_ended();
  test::RedisClient client(server.socket_path());
  client.command("CLIENT", "KILL", "USER", "alice");
  setup.set("key", "2");
  setup.writer->flush();
  setup.run_until_all_ended();
  CHECK(value_of(server, 3, "key") == "2");
  CHECK(setup.watcher.greeting_refused.empty());
}

TEST_CASE("a wrong password is reported and tried again until it is right") {
  test::RedisServer server({.password = "wrong"});
  Setup setup("unix://" + server.socket_path());
  setup.options.password = "right";
  setup.writer->start();
  setup.set("key", "value");
  setup.writer->flush();
  setup.loop.run_until([&] { return setup.watcher.greeting_refused.size() >= 2; });
  CHECK(setup.watcher.greeting_refused[0].cause == Cause::auth);
  CHECK(setup.watcher.greeting_refused[0].text.find("right") == std::string::npos);
  CHECK(setup.watcher.ready == 0);
  test::RedisClient client(server.socket_path());
  client.command("AUTH", "wrong");
  client.command("CONFIG", "SET", "requirepass", "right");
  setup.run_until_all_ended();
  CHECK_FALSE(setup.waiters[0]->error);
}

TEST_CASE("the password of the address wins over the other one") {
  test::RedisServer server({.password = "right"});
  Setup setup("unix://:right@" + server.socket_path());
  setup.options.password = "wrong";
  setup.writer->start();
  setup.loop.run_until([&] { return setup.watcher.ready == 1 || !setup.watcher.greeting_refused.empty(); });
  CHECK(setup.watcher.ready == 1);
}

TEST_CASE("a database that the server does not have is reported with what to change") {
  test::RedisServer server({.databases = 10});
  Setup setup(server.address());
  setup.remake(12);
  setup.writer->start();
  setup.loop.run_until([&] { return !setup.watcher.greeting_refused.empty(); });
  CHECK(setup.watcher.greeting_refused[0].cause == Cause::server);
  CHECK(setup.watcher.greeting_refused[0].text.find("database 12") != std::string::npos);
  CHECK(setup.watcher.greeting_refused[0].text.find("`databases`") != std::string::npos);
}

TEST_CASE("nothing is written to a server without a database for references") {
  test::RedisServer server({.databases = 5});
  Setup setup(server.address());
  setup.writer->start();
  setup.command(Section::references_first, {"SADD", "set", "1"});
  setup.set("key", "1");
  setup.writer->flush();
  setup.loop.run_until([&] { return setup.watcher.greeting_refused.size() >= 2; });
  CHECK(setup.watcher.greeting_refused[0].text.find("database 9") != std::string::npos);
  test::RedisClient client(server.socket_path());
  client.select(3);
  CHECK(client.command("DBSIZE").integer == 0);
}

TEST_CASE("a SELECT that is refused in the middle ends the link, and goes on in the right database") {
  test::RedisServer server({.configuration = {"user alice on >secret ~* &* +@all"}});
  Setup setup("unix://alice:secret@" + server.socket_path());
  setup.writer->start();
  setup.run_until_ready();
  test::RedisClient client(server.socket_path());
  client.command("ACL", "SETUSER", "alice", "-select");
  setup.set("key", "1");
  setup.command(Section::references_last, {"SADD", "set", "1"});
  setup.writer->flush();
  setup.loop.run_until([&] { return !setup.watcher.greeting_refused.empty(); });
  CHECK(setup.watcher.lost.size() == 1);
  CHECK(setup.watcher.lost[0].cause == Cause::server);
  CHECK(setup.watcher.greeting_refused[0].cause == Cause::auth);
  CHECK(setup.waiters[0]->outcomes == 1);
  CHECK(setup.waiters[1]->outcomes == 0);
  client.command("ACL", "SETUSER", "alice", "+select");
  setup.run_until_all_ended();
  client.select(9);
  CHECK(client.command("SCARD", "set").integer == 1);
}

TEST_CASE("a server that is not there is asked again until it is") {
  test::RedisServer server;
  Setup setup(server.address());
  server.kill();
  setup.writer->start();
  setup.set("key", "value");
  setup.writer->flush();
  setup.loop.run_until([&] { return setup.watcher.connect_failed.size() >= 3; });
  CHECK(setup.watcher.connect_failed[0].cause == Cause::connect);
  CHECK(setup.watcher.connect_failed[0].text.find(server.socket_path()) != std::string::npos);
  server.start();
  setup.run_until_all_ended();
  CHECK(value_of(server, 3, "key") == "value");
}

TEST_CASE("a host name that cannot be resolved is an error of connecting") {
  Setup setup("redis://" + std::string(300, 'x') + ":1");
  setup.writer->start();
  CHECK(setup.watcher.connect_failed.empty());
  setup.loop.run_until([&] { return setup.watcher.connect_failed.size() >= 2; });
  CHECK(setup.watcher.connect_failed[0].cause == Cause::connect);
}

TEST_CASE("a peer that is no Redis is left, again and again, without harm") {
  for (const std::string& greeting :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("-DENIED Redis is running in protected mode\r\n"),
        std::string("\0\0\0\0", 4), std::string("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n")}) {
    CAPTURE(greeting);
    Setup setup("unix:///unused");
    test::ScriptedPeer peer(setup.loop.get(), greeting);
    setup.options.address = net::parse_address(peer.address()).value();
    setup.set("key", "value");
    setup.writer->flush();
    setup.writer->start();
    setup.loop.run_until([&] {
      return setup.watcher.connect_failed.size() + setup.watcher.greeting_refused.size() + setup.watcher.lost.size() >=
             3;
    });
    CHECK(setup.waiters[0]->outcomes == 0);
  }
}

TEST_CASE("a reply that nothing asked for ends the link") {
  Setup setup("unix:///unused");
  test::ScriptedPeer peer(setup.loop.get(), greeted + "+WHAT\r\n");
  setup.options.address = net::parse_address(peer.address()).value();
  setup.writer->start();
  setup.loop.run_until([&] { return !setup.watcher.lost.empty(); });
  CHECK(setup.watcher.lost[0].cause == Cause::protocol);
  CHECK(setup.watcher.ready == 1);
}

TEST_CASE("a server may answer commands that it has not read") {
  Setup setup("unix:///unused");
  test::ScriptedPeer peer(setup.loop.get(), greeted);
  setup.options.address = net::parse_address(peer.address()).value();
  setup.writer->start();
  setup.run_until_ready();
  peer.stop_reading();
  setup.set("a", "1");
  setup.set("b", std::string(5'000'000, 'x'));
  peer.say("+OK\r\n+OK\r\n");
  setup.run_until_all_ended();
  for (int i = 0; i < 50; ++i) setup.set("c", std::string(100'000, 'y'));
  setup.writer->flush();
  setup.loop.run_for_turns(20);
  setup.writer->close(bye);
  setup.check_outcomes();
}

TEST_CASE("close at any moment ends every command once and leaves no handle") {
  test::RedisServer server({.tcp = true, .password = "secret"});
  for (const bool tcp : {false, true}) {
    for (const bool right : {true, false}) {
      for (int turns = 0; turns < 25; ++turns) {
        CAPTURE(turns);
        Setup setup(tcp ? server.tcp_address() : server.address());
        setup.options.address.password = right ? "secret" : "wrong";
        setup.options.in_flight_bytes_max = 2000;
        setup.options.batch_bytes = 500;
        setup.remake();
        setup.writer->start();
        for (int i = 0; i < 30; ++i) {
          setup.set("key", std::string(150, 'x'));
          setup.command(Section::references_last, {"SADD", "set", std::to_string(i)});
          if (i == 20) setup.writer->flush();
        }
        setup.loop.run_for_turns(turns);
        setup.writer->close(bye);
        setup.check_outcomes();
        CHECK(setup.writer->pending_bytes() == 0);
        CHECK(setup.writer->is_closed());
        CHECK_FALSE(setup.writer->is_ready());
        for (const auto& who : setup.waiters) {
          if (who->error) CHECK(who->error->code == Errc::closed_client);
        }
        setup.writer->close(bye);
        // The loop's own timer is left, whether the writer still exists or not.
        setup.loop.run_until([&] { return open_handles(setup.loop.get()) == 1; });
      }
    }
  }
}

TEST_CASE("what was sent before close may have run, what was not has not") {
  test::RedisServer server;
  Setup setup(server.address());
  test::Proxy proxy(setup.loop.get(), server.socket_path());
  setup.options.address = net::parse_address(proxy.address()).value();
  setup.writer->start();
  setup.run_until_ready();
  proxy.hold(Direction::to_client);
  Waiter* sent = setup.set("a", "1");
  setup.writer->flush();
  Waiter* unsent = setup.set("b", "1");
  setup.writer->close(bye);
  REQUIRE(sent->error);
  REQUIRE(unsent->error);
  CHECK(sent->error->may_have_run);
  CHECK_FALSE(unsent->error->may_have_run);
  CHECK(sent->error->text == bye.text);
}

TEST_CASE("what was sent on a lost link may have run although it is unsent on this one") {
  test::RedisServer server;
  Setup setup(server.address());
  test::Proxy proxy(setup.loop.get(), server.socket_path());
  setup.options.address = net::parse_address(proxy.address()).value();
  setup.writer->start();
  setup.run_until_ready();
  proxy.hold(Direction::to_client);
  Waiter* sent = setup.set("a", "1");
  setup.writer->flush();
  setup.loop.run_for_turns(5);
  proxy.refuse(true);
  proxy.cut();
  setup.loop.run_until([&] { return !setup.watcher.lost.empty(); });
  setup.writer->close(bye);
  REQUIRE(sent->error);
  CHECK(sent->error->may_have_run);
}

TEST_CASE("a closed writer fails what it is given, at once") {
  Setup setup("unix:///nowhere");
  setup.writer->close(bye);
  Waiter* late = setup.set("key", "value");
  CHECK(late->outcomes == 1);
  REQUIRE(late->error);
  CHECK(late->error->code == Errc::closed_client);
  CHECK_FALSE(late->error->may_have_run);
  setup.writer->flush();
  setup.writer->close_group();
  setup.writer->start();
  setup.loop.run_for_turns(3);
  CHECK(late->outcomes == 1);
  CHECK(setup.watcher.connect_failed.empty());
}

TEST_CASE("a writer may be closed inside every call it makes") {
  test::RedisServer server;
  // on_ready, on_progress, on_lost, on_connect_failed, on_greeting_refused, then a requester's.
  for (int call = 0; call < 12; ++call) {
    for (const int kind : {0, 1, 2, 3}) {
      CAPTURE(call);
      CAPTURE(kind);
      Setup setup(kind == 1 ? "unix:///nowhere" : server.address());
      if (kind == 2) setup.remake(99);
      int left = call;
      const auto close_later = [&] {
        if (left-- == 0) setup.writer->close(bye);
      };
      if (kind == 3) {
        for (int i = 0; i < 12; ++i) {
          Waiter* who = i % 3 == 0   ? setup.get("key")
                        : i % 3 == 1 ? setup.set("key", "v")
                                     : setup.command(Section::records, {"NO"});
          who->then = close_later;
        }
      } else {
        setup.watcher.on_each = close_later;
        for (int i = 0; i < 12; ++i) setup.set("key", "value");
      }
      setup.writer->flush();
      setup.writer->start();
      test::RedisClient client(server.socket_path());
      setup.loop.run_until([&] {
        if (kind == 0 && setup.writer->is_ready()) {
          setup.set("key", "more");
          setup.writer->flush();
          client.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        }
        return setup.writer->is_closed();
      });
      setup.check_outcomes();
      setup.loop.run_for_turns(3);
    }
  }
}

TEST_CASE("a requester may append commands, to its own writer and to others, also while that is closed") {
  test::RedisServer server;
  Setup setup(server.address());
  Pipeline other(setup.loop.get(), setup.options, 4, Role::writer, setup.watcher);
  setup.writer->start();
  other.start();
  Waiter elsewhere;
  Waiter* first = setup.set("key", "1");
  first->then = [&] {
    setup.set("key", "2");
    setup.writer->flush();
    other.begin(Section::records).begin(3).arg("SET").arg("key").arg("other");
    other.end(Section::records, &elsewhere);
    other.flush();
  };
  setup.writer->flush();
  setup.loop.run_until([&] { return setup.all_ended() && elsewhere.outcomes == 1; });
  CHECK(value_of(server, 3, "key") == "2");
  CHECK(value_of(server, 4, "key") == "other");

  Waiter* last = setup.set("key", "3");
  last->then = [&] { setup.set("key", "4"); };
  setup.writer->close(bye);
  CHECK(setup.waiters.size() == 4);
  setup.check_outcomes();
}

TEST_CASE("many writers share a loop and a server") {
  test::RedisServer server;
  Setup setup(server.address());
  std::vector<std::unique_ptr<Pipeline>> writers;
  Waiter who;
  for (int database = 0; database < 14; ++database) {
    writers.push_back(
        std::make_unique<Pipeline>(setup.loop.get(), setup.options, database, Role::writer, setup.watcher));
    writers.back()->start();
    for (int i = 0; i < 500; ++i) {
      writers.back()->begin(Section::records).begin(3).arg("SET").arg(i).arg(database);
      writers.back()->end(Section::records, &who);
    }
    writers.back()->flush();
  }
  setup.loop.run_until([&] { return who.outcomes == 14 * 500; });
  for (int database = 0; database < 14; ++database)
    CHECK(value_of(server, database, "499") == std::to_string(database));
}

// ------------------------------------------------------------------------- What the server cannot take at present

namespace {

const std::string no_memory = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

/// A server without memory for anything, and one that has it again.
void take_memory(test::RedisClient& client) { client.command("CONFIG", "SET", "maxmemory", "1"); }
void give_memory(test::RedisClient& client) { client.command("CONFIG", "SET", "maxmemory", "0"); }

}  // namespace

TEST_CASE("what the server cannot take is sent again until it can, and what is behind it does not overtake") {
  test::RedisServer server;
  test::RedisClient client(server.socket_path());
  Setup setup(server.address());
  setup.writer->start();
  setup.set("key", "old");
  setup.writer->flush();
  setup.run_until_all_ended();

  take_memory(client);
  setup.set("key", "new");
  setup.command(Section::records, {"DEL", "key"});  // Runs although nothing is left: it may not count.
  setup.set("key", "last");
  setup.command(Section::references_last, {"SADD", "set", "member"});
  Waiter* read = setup.get("key");
  setup.writer->flush();
  setup.loop.run_until([&] { return setup.writer->counters().retries >= 3; });
  CHECK_FALSE(setup.all_ended());

  give_memory(client);
  setup.run_until_all_ended();
  setup.check_outcomes();
  for (const auto& waiter : setup.waiters) CHECK_FALSE(waiter->error);
  CHECK(setup.order == std::vector<int>{0, 1, 2, 3, 5, 4});  // The set is in the last section.
  CHECK(read->reply == "1:last");
  CHECK(value_of(server, 3, "key") == "last");
  CHECK(setup.watcher.lost.empty());
  CHECK(setup.writer->counters().refused == 0);
}

TEST_CASE("after retry_timeout the command fails with the server's words, and the rest goes on behind it") {
  test::RedisServer server;
  test::RedisClient client(server.socket_path());
  Setup setup(server.address());
  setup.options.retry_timeout = 30ms;
  setup.writer->start();
  setup.run_until_ready();
  take_memory(client);
  Waiter* refused = setup.set("key", "value");
  Waiter* removed = setup.command(Section::records, {"DEL", "other"});
  setup.writer->flush();
  setup.run_until_all_ended();
  REQUIRE(refused->error);
  CHECK(refused->error->cause == Cause::server);
  CHECK(refused->error->text.starts_with("OOM "));
  CHECK_FALSE(refused->error->may_have_run);
  CHECK_FALSE(removed->error);
  CHECK(setup.writer->counters().refused == 1);
  CHECK(setup.watcher.lost.empty());
}

TEST_CASE("with a retry_timeout of zero nothing is sent twice") {
  Setup setup("unix:///unused");
  test::ScriptedPeer peer(setup.loop.get(), greeted);
  setup.options.address = net::parse_address(peer.address()).value();
  setup.options.retry_timeout = 0ms;
  setup.writer->start();
  setup.run_until_ready();
  setup.set("a", "1");
  setup.set("b", "2");
  setup.writer->flush();
  peer.say(no_memory + "+OK\r\n");
  setup.run_until_all_ended();
  CHECK(setup.waiters[0]->error);
  CHECK_FALSE(setup.waiters[1]->error);
  CHECK(setup.writer->counters().retries == 0);
}

TEST_CASE("every error that passes is waited for, and every other one is told") {
  for (const std::string code :
       {"LOADING", "BUSY", "TRYAGAIN", "MASTERDOWN", "CLUSTERDOWN", "OOM", "MISCONF", "NOREPLICAS"}) {
    CAPTURE(code);
    Setup setup("unix:///unused");
    test::ScriptedPeer peer(setup.loop.get(), greeted);
    setup.options.address = net::parse_address(peer.address()).value();
    setup.writer->start();
    setup.run_until_ready();
    setup.set("a", "1");
    setup.set("b", "2");
    setup.writer->flush();
    const std::uint64_t sent = setup.writer->counters().bytes_sent;
    peer.say("-" + code + " not now\r\n+OK\r\n");
    setup.loop.run_until([&] { return setup.writer->counters().bytes_sent > sent; });
    CHECK(setup.writer->counters().retries == 1);
    CHECK_FALSE(setup.all_ended());
    peer.say("+OK\r\n");  // To SELECT.
    setup.loop.run_until([&] { return setup.writer->counters().flushes == 2; });
    peer.say("+OK\r\n+OK\r\n");
    setup.run_until_all_ended();
    for (const auto& waiter : setup.waiters) CHECK_FALSE(waiter->error);
    CHECK(setup.order == std::vector<int>{0, 1});
  }
  for (const std::string code : {"WRONGTYPE", "NOPERM", "ERR", "EXECABORT", "OOMPH"}) {
    CAPTURE(code);
    Setup setup("unix:///unused");
    test::ScriptedPeer peer(setup.loop.get(), greeted);
    setup.options.address = net::parse_address(peer.address()).value();
    setup.writer->start();
    setup.run_until_ready();
    setup.set("a", "1");
    setup.set("b", "2");
    setup.writer->flush();
    peer.say("-" + code + " never\r\n+OK\r\n");
    setup.run_until_all_ended();
    CHECK(setup.waiters[0]->error);
    CHECK_FALSE(setup.waiters[1]->error);
    CHECK(setup.watcher.lost.empty());
  }
}

TEST_CASE("a link that is lost between the attempts sends everything on the next one") {
  test::RedisServer server;
  test::RedisClient client(server.socket_path());
  Setup setup("unix:///unused");
  test::Proxy proxy(setup.loop.get(), server.socket_path());
  setup.options.address = net::parse_address(proxy.address()).value();
  setup.writer->start();
  setup.run_until_ready();
  take_memory(client);
  setup.set("a", "1");
  setup.set("b", "2");
  setup.writer->flush();
  setup.loop.run_until([&] { return setup.writer->counters().retries >= 2; });
  proxy.cut();
  setup.loop.run_until([&] { return setup.watcher.ready == 2; });
  give_memory(client);
  setup.run_until_all_ended();
  setup.check_outcomes();
  for (const auto& waiter : setup.waiters) CHECK_FALSE(waiter->error);
  CHECK(value_of(server, 3, "b") == "2");
}

TEST_CASE("close between the attempts ends everything once") {
  test::RedisServer server;
  test::RedisClient client(server.socket_path());
  for (int turns = 0; turns < 20; ++turns) {
    Setup setup(server.address());
    setup.writer->start();
    setup.run_until_ready();
    take_memory(client);
    for (int i = 0; i < 5; ++i) setup.set("key", "value");
    setup.writer->flush();
    setup.loop.run_for_turns(turns);
    setup.writer->close(bye);
    setup.check_outcomes();
    give_memory(client);
  }
}

TEST_CASE("a server that turns into a replica is left for another, and everything unanswered goes there") {
  test::RedisServer old_master;
  test::RedisServer new_master;
  test::RedisClient old_client(old_master.socket_path());
  Setup setup("unix:///unused");
  // What a name leads to may change between two connections; here a symbolic link does.
  test::TempDirectory directory;
  const std::string name = directory.file("redis.sock");
  REQUIRE(symlink(old_master.socket_path().c_str(), name.c_str()) == 0);
  setup.options.address = net::parse_address("unix://" + name).value();
  setup.writer->start();
  setup.set("a", "1");
  setup.writer->flush();
  setup.run_until_all_ended();

  REQUIRE_FALSE(old_client.command("REPLICAOF", "127.0.0.1", "1").is_error());
  setup.get("a");
  setup.set("b", "2");
  setup.set("c", "3");
  setup.writer->flush();
  // The old one goes on being what the name leads to for a while: no link to it is of use.
  setup.loop.run_until([&] { return setup.watcher.connect_failed.size() >= 2; });
  CHECK(setup.watcher.lost.size() == 1);
  CHECK(setup.watcher.lost[0].text.find("READONLY") != std::string::npos);
  CHECK(setup.watcher.connect_failed[0].text.find("READONLY") != std::string::npos);
  CHECK(setup.watcher.greeting_refused.empty());
  REQUIRE(unlink(name.c_str()) == 0);
  REQUIRE(symlink(new_master.socket_path().c_str(), name.c_str()) == 0);
  setup.run_until_all_ended();
  for (const auto& waiter : setup.waiters) CHECK_FALSE(waiter->error);
  CHECK(value_of(new_master, 3, "b") == "2");
  CHECK(value_of(new_master, 3, "c") == "3");
}

TEST_CASE("a server that has forgotten the login is told it again") {
  test::RedisServer server;
  test::RedisClient client(server.socket_path());
  client.command("ACL", "SETUSER", "writer", "on", ">secret", "~*", "+@all");
  Setup setup(server.address());
  setup.options.address.user = "writer";
  setup.options.address.password = "secret";
  setup.writer->start();
  setup.set("a", "1");
  setup.writer->flush();
  setup.run_until_all_ended();
  client.command("ACL", "DELUSER", "writer");
  client.command("ACL", "SETUSER", "writer", "on", ">secret", "~*", "+@all");
  setup.set("b", "2");
  setup.writer->flush();
  setup.run_until_all_ended();
  CHECK_FALSE(setup.waiters[1]->error);

  Setup scripted("unix:///unused");
  // Without a CLIENT ID there is no predecessor to ask for.
  test::ScriptedPeer peer(scripted.loop.get(), "+OK\r\n+OK\r\n+PONG\r\n:0\r\n+OK\r\n-ERR no\r\n");
  scripted.options.address = net::parse_address(peer.address()).value();
  scripted.writer->start();
  scripted.run_until_ready();
  scripted.set("a", "1");
  scripted.writer->flush();
  peer.say("-NOAUTH Authentication required.\r\n");
  scripted.loop.run_until([&] { return scripted.watcher.ready == 2; });
  CHECK(scripted.waiters[0]->outcomes == 0);
  scripted.writer->close(bye);
}

TEST_CASE("a reply beyond the bound fails its command, which is never sent again, and nothing else") {
  test::RedisServer server;
  Setup setup(server.address());
  setup.options.reply_bytes_max = 20'000;
  setup.remake();
  setup.writer->start();
  setup.set("large", std::string(100'000, 'x'));
  setup.set("small", "value");
  setup.writer->flush();
  setup.run_until_all_ended();
  Waiter* before = setup.get("small");
  Waiter* large = setup.get("large");
  Waiter* behind = setup.get("small");
  setup.writer->flush();
  setup.run_until_all_ended();
  setup.check_outcomes();
  CHECK(before->reply == "1:value");
  CHECK(behind->reply == "1:value");
  REQUIRE(large->error);
  CHECK(large->error->code == Errc::backend_error);
  CHECK(large->error->cause == Cause::protocol);
  CHECK(large->error->text == "Redis sent a reply larger than the bound");
  CHECK(setup.watcher.lost.size() == 1);
}

TEST_CASE("a connection that is not used says so, again and again, and not while it is used") {
  test::RedisServer server;
  Setup setup(server.address());
  setup.options.idle_after = 20ms;
  setup.remake();
  setup.writer->start();
  setup.run_until_ready();
  setup.loop.run_until([&] { return setup.watcher.idle == 3; });
  int pings = 0;
  setup.watcher.on_each = [&] {
    if (setup.watcher.idle - 3 <= pings) return;
    ++pings;
    setup.writer->ping();
    setup.writer->flush();
  };
  setup.loop.run_until([&] { return setup.watcher.idle == 6; });
  setup.loop.run_until([&] { return setup.writer->pending_commands() == 0; });
  CHECK(setup.watcher.lost.empty());
}

TEST_CASE("a dead server is noticed by a sign of life that does not come") {
  test::RedisServer server;
  Setup setup(server.address());
  setup.options.idle_after = 20ms;
  setup.options.command_timeout = 100ms;
  setup.options.connect_timeout = 100ms;
  setup.remake();
  setup.watcher.on_each = [&] {
    if (setup.watcher.idle != 0) setup.writer->ping(), setup.writer->flush();
  };
  setup.writer->start();
  setup.run_until_ready();
  server.pause();
  setup.loop.run_until([&] { return setup.watcher.lost.size() == 1; });
  CHECK(setup.watcher.lost[0].cause == Cause::timed_out);
  server.resume();
  setup.loop.run_until([&] { return setup.watcher.ready == 2; });
}
