// A server that answers what no redis-server answers: the link to it ends, or the reply is a value; either way nothing
// is guessed, every command ends once, and what has no answer is sent again, once, on the next link.

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "net/address.h"
#include "redis/pipeline.h"
#include "support/loop.h"
#include "support/proxy.h"
#include "support/redis_client.h"
#include "support/redis_server.h"
#include "support/scripted_server.h"

namespace sake::test {
namespace {

using namespace std::chrono_literals;
using redis::Pipeline;
using Commands = std::vector<std::string>;

/// A command and how it ended.
struct Asked final : redis::Requester {
  int outcomes = 0;
  std::string answer;  ///< "+" for a write, the text of a read's reply, "-" and the words of an error.

  void on_reply(std::uint32_t, const resp::Reply& reply) noexcept override {
    ++outcomes;
    answer = reply.text;
    if (reply.type == resp::ReplyType::nil) answer = "nil";
    if (reply.type == resp::ReplyType::array) answer = std::to_string(reply.elements.size()) + " elements";
  }
  void on_acknowledged() noexcept override {
    ++outcomes;
    answer = "+";
  }
  void on_failed(std::uint32_t, const Error& error) noexcept override {
    ++outcomes;
    answer = "-" + error.text;
  }
};

/// A writer of database 3 whose server follows these scripts, one for each link.
struct Victim final : redis::PipelineHandler {
  explicit Victim(std::vector<std::string> scripts) : server(loop.get(), std::move(scripts)) {
    reach(server.address());
  }

  void reach(const std::string& address) {
    options.address = net::parse_address(address).value();
    options.backoff_first = 5ms;
    options.backoff_max = 20ms;
  }

  void start() {
    writer.emplace(loop.get(), options, 3, redis::Role::writer, *this);
    writer->start();
  }

  Asked& ask(const Commands& words) {
    Asked& who = asked.emplace_back();
    resp::CommandWriter out = writer->begin(redis::Section::records);
    out.begin(words.size());
    for (const std::string& word : words) out.arg(word);
    writer->end(redis::Section::records, &who, words[0] == "SET" ? 0 : 1);
    return who;
  }

  void run_until_all_ended() {
    writer->flush();
    loop.run_until([this] {
      for (const Asked& who : asked) {
        if (who.outcomes == 0) return false;
      }
      return true;
    });
    for (const Asked& who : asked) CHECK(who.outcomes == 1);
    CHECK(writer->pending_bytes() == 0);
  }

  void on_ready(Pipeline&) noexcept override { ++ready; }
  void on_lost(Pipeline&, const Error& error) noexcept override { lost.push_back(error); }
  void on_connect_failed(Pipeline&, const Error& error) noexcept override { failed.push_back(error); }
  void on_greeting_refused(Pipeline&, const Error& error) noexcept override { failed.push_back(error); }
  void on_progress(Pipeline&) noexcept override {}
  void on_idle(Pipeline&) noexcept override {}

  Loop loop;
  ScriptedServer server;
  redis::ConnectionOptions options;
  std::deque<Asked> asked;
  int ready = 0;
  std::vector<Error> lost;
  std::vector<Error> failed;  ///< Links that came to nothing.
  std::optional<Pipeline> writer;
};

std::string sends(std::string_view bytes) { return "SEND " + ScriptedServer::escaped(bytes) + "\n"; }

std::string nested(int depth) {
  std::string wire;
  for (int i = 0; i < depth; ++i) wire += "*1\r\n";
  return wire + ":1\r\n";
}

TEST_CASE("replies that are torn at any byte are the replies they are") {
  RedisServer server;
  RedisClient client(server.socket_path());
  client.select(3);
  client.command("RPUSH", "list", "a", "", "c");
  std::size_t end = 2;
  for (std::size_t at = 1; at < end; ++at) {
    CAPTURE(at);
    Victim victim({"SERVE"});
    Proxy proxy(victim.loop.get(), server.socket_path());
    victim.reach(proxy.address());
    proxy.plan({.fault = Fault::stall, .direction = Direction::to_client, .after = at, .stall_for = 1ms});
    victim.start();
    victim.ask({"SET", "key", "value"});
    Asked& text = victim.ask({"GET", "key"});
    Asked& absent = victim.ask({"GET", "absent"});
    Asked& number = victim.ask({"LLEN", "list"});
    Asked& list = victim.ask({"LRANGE", "list", "0", "-1"});
    Asked& empty = victim.ask({"LRANGE", "list", "5", "9"});
    Asked& wrong = victim.ask({"GET", "list"});
    victim.run_until_all_ended();
    CHECK(text.answer == "value");
    CHECK(absent.answer == "nil");
    CHECK(number.answer == "");
    CHECK(list.answer == "3 elements");
    CHECK(empty.answer == "0 elements");
    CHECK(wrong.answer.starts_with("-WRONGTYPE "));
    CHECK(victim.lost.empty());
    CHECK(proxy.faults() == 1);
    end = proxy.bytes_forwarded(Direction::to_client);
  }
  CHECK(end > 100);
}

TEST_CASE("a reply that is none ends the link, and the next one serves what has no answer") {
  for (const std::string& wire : {
           std::string(":12a\r\n"),
           std::string(":\r\n"),
           std::string("$a\r\n"),
           std::string("$\r\n"),
           std::string("*x\r\n"),
           std::string("$-2\r\n"),
           std::string("*-2\r\n"),
           std::string("$-9223372036854775808\r\n"),
           std::string("$99999999999999999999\r\n"),
           std::string("*99999999999999999999\r\n"),
           std::string(":99999999999999999999\r\n"),
           // Nobody has asked for RESP3.
           std::string("_\r\n"),
           std::string("#t\r\n"),
           std::string(",1.5\r\n"),
           std::string("(12345\r\n"),
           std::string("=7\r\ntxt:abc\r\n"),
           std::string("!5\r\nERR x\r\n"),
           std::string("%1\r\n+a\r\n+b\r\n"),
           std::string("~1\r\n+a\r\n"),
           std::string(">2\r\n+invalidate\r\n+x\r\n"),
           std::string("|1\r\n+a\r\n+b\r\n"),
           std::string("*2\r\n:1\r\n_\r\n"),
           // Nor for another protocol.
           std::string("OK\r\n"),
           std::string("\r\n"),
           std::string("HTTP/1.1 400 Bad Request\r\n\r\n"),
           std::string("\x15\x03\x03\x00\x02\x02\x46", 7),
           std::string("\0\0\0\0", 4),
           std::string("*2\r\n+a\r\nb\r\n"),
           std::string("*1\r\nGET\r\n"),
           nested(8),
           nested(200),
       }) {
    CAPTURE(wire);
    Victim victim({"GREET\nEXPECT SET a\nSEND +OK\\r\\n\nEXPECT GET b\n" + sends(wire) + "SEND +OK\\r\\n+OK\\r\\n",
                   "GREET\nSERVE"});
    victim.start();
    victim.ask({"SET", "a", "1"});
    Asked& read = victim.ask({"GET", "b"});
    Asked& write = victim.ask({"SET", "c", "3"});
    victim.run_until_all_ended();
    CHECK(read.answer == "value");
    CHECK(write.answer == "+");
    REQUIRE(victim.lost.size() == 1);
    CHECK(victim.lost[0].cause == Cause::protocol);
    CHECK(victim.server.served() == Commands{"GET b", "SET c 3"});
    CHECK(victim.server.links() == 2);
  }
}

TEST_CASE("whole replies in front of garbage count, and are not asked for again") {
  Victim victim({"GREET\nEXPECT SET a\nSEND +OK\\r\\n$3\\r\\nabc\\r\\n:7garbage\\r\\n+OK\\r\\n", "GREET\nSERVE"});
  victim.start();
  victim.ask({"SET", "a", "1"});
  Asked& read = victim.ask({"GET", "b"});
  victim.ask({"SET", "c", "3"});
  victim.ask({"SET", "d", "4"});
  victim.run_until_all_ended();
  CHECK(read.answer == "abc");
  CHECK(victim.lost.size() == 1);
  CHECK(victim.server.served() == Commands{"SET c 3", "SET d 4"});
}

TEST_CASE("values of every kind that RESP2 has are answers, to whatever they answer") {
  struct Row {
    std::string wire;
    std::string answer;
  };
  for (const Row& row : {
           Row{"$-1\r\n", "nil"},
           Row{"*-1\r\n", "nil"},
           Row{"*0\r\n", "0 elements"},
           Row{"$0\r\n\r\n", ""},
           Row{"+\r\n", ""},
           Row{":-9223372036854775808\r\n", ""},
           Row{"-ERR no\r\n", "-ERR no"},
           Row{"-\r\n", "-"},
           Row{"*3\r\n$-1\r\n*-1\r\n-ERR inside\r\n", "3 elements"},
           Row{nested(7), "7 elements"},
           Row{std::string("$5\r\na\r\nb\0\r\n", 11), std::string("a\r\nb\0", 5)},
       }) {
    CAPTURE(row.wire);
    Victim victim({"GREET\nEXPECT GET a\n" + sends(row.wire) + "EXPECT SET b\n" + sends(row.wire) + "SERVE"});
    victim.start();
    Asked& read = victim.ask({"GET", "a"});
    Asked& write = victim.ask({"SET", "b", "2"});
    victim.ask({"SET", "c", "3"});
    victim.run_until_all_ended();
    CHECK(read.answer.substr(0, row.answer.size()) == row.answer);
    CHECK(write.answer.starts_with(row.answer.starts_with('-') ? "-" : "+"));
    CHECK(victim.lost.empty());
    CHECK(victim.server.served() == Commands{"SET c 3"});
  }
}

TEST_CASE("a length that is announced and not kept ends the link, and takes no memory") {
  const auto resident_pages = [] {
    std::size_t total = 0;
    std::size_t resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    return resident;
  };
  const auto megabyte = (std::size_t{1} << 20) / static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (const std::string_view wire :
       {"$999999999999\r\nxx", "$2147483647\r\n", "$9223372036854775807\r\nx", "*2147483647\r\n",
        "*2147483647\r\n:1\r\n", "*999999999999\r\n", "*2\r\n$999999999999\r\nx", "*3\r\n:1\r\n*2147483647\r\n",
        "*9223372036854775807\r\n"}) {
    CAPTURE(wire);
    Victim victim({"GREET\nEXPECT SET a\n" + sends(wire), "GREET\nSERVE"});
    victim.options.command_timeout = 40ms;
    victim.start();
    const std::size_t before = resident_pages();
    victim.ask({"SET", "a", "1"});
    victim.ask({"SET", "b", "2"});
    victim.run_until_all_ended();
    CHECK(resident_pages() < before + 4 * megabyte);
    REQUIRE(victim.lost.size() == 1);
    CHECK((victim.lost[0].cause == Cause::timed_out || victim.lost[0].cause == Cause::protocol));
    CHECK(victim.server.served() == Commands{"SET a 1", "SET b 2"});
  }
}

TEST_CASE("a reply without an end is given up at reply_bytes_max, whatever it is made of") {
  constexpr std::size_t reply_bytes_max = std::size_t{1} << 20;
  struct Row {
    std::string begin;
    std::string more;
  };
  for (const Row& row :
       {Row{"$999999999999\r\n", "x"}, Row{"*2147483647\r\n", ":1\r\n"}, Row{"*2147483647\r\n", "$-1\r\n"},
        Row{"*2147483647\r\n", "*0\r\n"}, Row{"+", "x"}, Row{"-", "x"}, Row{":", "1"}, Row{"$", "1"},
        Row{"*1\r\n$999999999999\r\n", std::string(1000, 'y')}}) {
    CAPTURE(row.begin);
    CAPTURE(row.more);
    Victim victim(
        {"GREET\nEXPECT SET a\n" + sends(row.begin) + "FLOOD " + ScriptedServer::escaped(row.more), "GREET\nSERVE"});
    victim.options.reply_bytes_max = reply_bytes_max;
    victim.start();
    Asked& answered = victim.ask({"SET", "a", "1"});
    Asked& unanswered = victim.ask({"SET", "b", "2"});
    victim.run_until_all_ended();
    REQUIRE(victim.lost.size() == 1);
    CHECK(victim.lost[0].cause == Cause::protocol);
    // What one read brings is looked at together.
    CHECK(victim.writer->counters().bytes_received < reply_bytes_max + 100'000);
    // It would be answered like that again.
    CHECK(answered.answer.starts_with("-"));
    CHECK(unanswered.answer == "+");
    CHECK(victim.server.served() == Commands{"SET b 2"});
  }
}

TEST_CASE("replies that nobody asked for end the link, when it is idle and when it is not") {
  for (const std::string_view wire : {"+OK\r\n", "-ERR what\r\n", ":1\r\n", "$-1\r\n", "*2\r\n+a\r\n+b\r\n"}) {
    CAPTURE(wire);
    // Idle, behind a command that was served.
    Victim idle({"GREET\nSERVE"});
    idle.start();
    idle.ask({"SET", "a", "1"});
    idle.run_until_all_ended();
    idle.server.say(wire);
    idle.loop.run_until([&] { return !idle.lost.empty(); });
    CHECK(idle.lost[0].cause == Cause::protocol);
    idle.ask({"SET", "b", "2"});
    idle.run_until_all_ended();
    CHECK(idle.server.served() == Commands{"SET a 1", "SET b 2"});
    CHECK(idle.lost.size() == 1);

    // Together with the answer that was asked for.
    Victim busy({"GREET\nEXPECT SET a\n" + sends("+OK\r\n" + std::string(wire)), "GREET\nSERVE"});
    busy.start();
    busy.ask({"SET", "a", "1"});
    busy.run_until_all_ended();
    busy.loop.run_until([&] { return !busy.lost.empty(); });
    CHECK(busy.lost[0].cause == Cause::protocol);
    busy.ask({"SET", "b", "2"});
    busy.run_until_all_ended();
    CHECK(busy.server.served() == Commands{"SET b 2"});
  }
}

TEST_CASE("an answer to a command that was not sent yet is no answer") {
  Victim victim({"GREET\nEXPECT SET a\nSEND +OK\\r\\n+OK\\r\\n+OK\\r\\n", "GREET\nSERVE"});
  victim.options.in_flight_bytes_max = 20;  // One command at a time.
  victim.options.batch_bytes = 20;
  victim.start();
  victim.ask({"SET", "a", "1"});
  victim.ask({"SET", "b", "2"});
  victim.ask({"SET", "c", "3"});
  victim.run_until_all_ended();
  REQUIRE(victim.lost.size() == 1);
  CHECK(victim.lost[0].cause == Cause::protocol);
  CHECK(victim.server.served() == Commands{"SET b 2", "SET c 3"});
}

TEST_CASE("a reply in front of the greeting shifts none of the answers behind it") {
  for (const std::string_view wire : {"+OK\r\n", ":1\r\n", "$-1\r\n", "*0\r\n", "+PONG\r\n"}) {
    CAPTURE(wire);
    // With all the replies to the greeting, so that one is left when the first command is sent.
    Victim victim({sends(wire) + "GREET\nSERVE", "GREET\nSERVE"});
    victim.start();
    Asked& read = victim.ask({"GET", "a"});
    Asked& write = victim.ask({"SET", "b", "2"});
    Asked& second = victim.ask({"GET", "c"});
    victim.run_until_all_ended();
    CHECK(read.answer == "value");
    CHECK(write.answer == "+");
    CHECK(second.answer == "value");
    CHECK(victim.lost.size() + victim.failed.size() == 1);
    CHECK(victim.server.links() == 2);
  }
}

TEST_CASE("a greeting that is answered with anything at all does no harm, and the next one works") {
  for (const std::string_view wire :
       {"+OK\r\n+OK\r\n", ":1\r\n", "$3\r\nabc\r\n", "*-1\r\n", "_\r\n", "$999999999999\r\nx", "*2147483647\r\n",
        "garbage\r\n", "-ERR unknown command\r\n-ERR unknown command\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"}) {
    CAPTURE(wire);
    for (const std::string_view end : {"CUT", ""}) {
      Victim victim({"EXPECT SELECT\n" + sends(wire) + std::string(end), "GREET\nSERVE"});
      victim.options.connect_timeout = 40ms;
      victim.start();
      victim.ask({"SET", "a", "1"});
      victim.run_until_all_ended();
      CHECK(victim.lost.empty());
      CHECK(victim.failed.size() == 1);
      CHECK(victim.ready == 1);
      CHECK(victim.server.served() == Commands{"SET a 1"});
    }
  }
}

}  // namespace
}  // namespace sake::test
