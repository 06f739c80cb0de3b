#include "resp/reply_reader.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <hiredis/hiredis.h>

using namespace sake;
using resp::Reply;
using resp::ReplyReader;
using resp::ReplyType;

namespace {

std::string value_text(ReplyType type, std::string_view text, std::int64_t integer) {
  switch (type) {
    case ReplyType::status:
      return "+" + std::string(text);
    case ReplyType::error:
      return "-" + std::string(text);
    case ReplyType::integer:
      return ":" + std::to_string(integer);
    case ReplyType::bulk:
      return "$" + std::string(text);
    case ReplyType::nil:
      return "nil";
    case ReplyType::array:
      return "*" + std::to_string(integer);
  }
  return "?";
}

/// Writes down what it is told, elements with their depth: "*2 0:$a 0:nil | +OK | ".
struct Trace : resp::ReplyHandler {
  std::string text;
  int count = 0;
  int stop_after = -1;
  ReplyReader* reader = nullptr;

  void on_reply(const Reply& reply) noexcept override {
    text += value_text(reply.type, reply.text, reply.integer);
    for (const resp::Element& element : reply.elements) {
      text += " " + std::to_string(element.depth) + ":" + value_text(element.type, element.text, element.integer);
    }
    text += " | ";
    if (++count == stop_after) reader->stop();
  }
};

constexpr std::size_t no_bound = std::size_t{1} << 30;

std::string trace_of(std::string_view wire, std::size_t chunk = std::string_view::npos) {
  Trace trace;
  ReplyReader reader(trace, no_bound);
  for (std::size_t at = 0; at < wire.size(); at += std::min(chunk, wire.size() - at)) {
    const Status status = reader.feed(wire.data() + at, std::min(chunk, wire.size() - at));
    if (!status) return trace.text + "error";
  }
  return trace.text;
}

/// The text of the error, or "" when there is none.
std::string error_of(std::string_view wire, std::size_t bound = no_bound) {
  Trace trace;
  ReplyReader reader(trace, bound);
  const Status status = reader.feed(wire.data(), wire.size());
  if (status) return "";
  CHECK(status.error().code == Errc::backend_error);
  CHECK(status.error().cause == Cause::protocol);
  // Dead for good.
  const int count = trace.count;
  const Status again = reader.feed("+OK\r\n", 5);
  CHECK_FALSE(again);
  CHECK(trace.count == count);
  return status.error().text;
}

bool says(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

std::string random_line(std::mt19937& random) {
  std::string line(random() % 20, ' ');
  for (char& c : line) c = static_cast<char>('!' + random() % 90);
  return line;
}

std::string random_reply(std::mt19937& random, int depth) {
  switch (random() % (depth < 6 ? 9 : 7)) {
    case 0:
      return "+OK\r\n";
    case 1:
      return "+" + random_line(random) + "\r\n";
    case 2:
      return "-ERR " + random_line(random) + "\r\n";
    case 3:
      return ":" + std::to_string(static_cast<std::int64_t>(random() >> random() % 32)) + "\r\n";
    case 4:
      return ":" + std::to_string(-static_cast<std::int64_t>(random())) + "\r\n";
    case 5:
      return random() % 2 == 0 ? "$-1\r\n" : "*-1\r\n";
    case 6: {
      std::string text(random() % 3 == 0 ? random() % 3000 : random() % 30, '\0');
      for (char& c : text) c = static_cast<char>(random());
      return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
    }
    default: {
      const std::size_t count = random() % 5;
      std::string text = "*" + std::to_string(count) + "\r\n";
      for (std::size_t i = 0; i < count; ++i) text += random_reply(random, depth + 1);
      return text;
    }
  }
}

void add_tree(const redisReply* reply, int depth, std::string& out) {
  const std::string_view text = reply->str == nullptr ? std::string_view() : std::string_view(reply->str, reply->len);
  if (depth >= 0) out += " " + std::to_string(depth) + ":";
  switch (reply->type) {
    case REDIS_REPLY_STATUS:
      out += value_text(ReplyType::status, text, 0);
      break;
    case REDIS_REPLY_ERROR:
      out += value_text(ReplyType::error, text, 0);
      break;
    case REDIS_REPLY_STRING:
      out += value_text(ReplyType::bulk, text, 0);
      break;
    case REDIS_REPLY_INTEGER:
      out += value_text(ReplyType::integer, text, reply->integer);
      break;
    case REDIS_REPLY_NIL:
      out += "nil";
      break;
    case REDIS_REPLY_ARRAY:
      out += "*" + std::to_string(reply->elements);
      for (std::size_t i = 0; i < reply->elements; ++i) add_tree(reply->element[i], depth + 1, out);
      break;
    default:
      FAIL("a reply of type " << reply->type);
  }
}

/// The same bytes, read by hiredis into its own trees.
std::string by_hiredis(std::string_view wire) {
  std::unique_ptr<redisReader, decltype(&redisReaderFree)> reader(redisReaderCreate(), redisReaderFree);
  redisReaderFeed(reader.get(), wire.data(), wire.size());
  std::string out;
  while (true) {
    void* reply = nullptr;
    REQUIRE(redisReaderGetReply(reader.get(), &reply) == REDIS_OK);
    if (reply == nullptr) return out;
    add_tree(static_cast<redisReply*>(reply), -1, out);
    out += " | ";
    freeReplyObject(reply);
  }
}

}  // namespace

TEST_CASE("replies split at every byte give the same as replies that arrive whole") {
  const std::string wire =
      "*2\r\n:7\r\n$-1\r\n+OK\r\n-ERR no\r\n*0\r\n$2\r\nhi\r\n:0\r\n:-3\r\n+OKAY\r\n*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n"
      "*1\r\n+x\r\n+OK\r\n:1234567890\r\n$0\r\n\r\n*-1\r\n+\r\n:12\r\n";
  const std::string expected =
      "*2 0::7 0:nil | +OK | -ERR no | *0 | $hi | :0 | :-3 | +OKAY | *2 0:$0 0:*2 1:$a 1:*1 2:+x | +OK | :1234567890 | "
      "$ | "
      "nil | + | :12 | ";
  for (std::size_t chunk = 1; chunk <= wire.size(); ++chunk) {
    CAPTURE(chunk);
    CHECK(trace_of(wire, chunk) == expected);
  }
}

TEST_CASE("random replies in random pieces are what hiredis makes of them") {
  std::mt19937 random(21);
  for (int round = 0; round < 400; ++round) {
    std::string wire;
    for (std::size_t count = 1 + random() % 30; count > 0; --count) wire += random_reply(random, 0);
    const std::string expected = by_hiredis(wire);
    REQUIRE(trace_of(wire) == expected);

    Trace trace;
    ReplyReader reader(trace, no_bound);
    for (std::size_t at = 0; at < wire.size();) {
      const std::size_t chunk = std::min<std::size_t>(wire.size() - at, 1 + random() % 40);
      REQUIRE(reader.feed(wire.data() + at, chunk));
      at += chunk;
    }
    REQUIRE(trace.text == expected);
  }
}

TEST_CASE("statuses and integers of every spelling are what hiredis makes of them") {
  for (const char* wire : {"+OK\r\n", "+OK \r\n", "+\r\n", ":0\r\n", ":1\r\n", ":-1\r\n", ":999999999999999999\r\n",
                           ":9223372036854775807\r\n", ":-9223372036854775808\r\n", ":10\r\n:20\r\n+OK\r\n"}) {
    CAPTURE(std::string(wire));
    CHECK(trace_of(wire) == by_hiredis(wire));
  }
}

TEST_CASE("a large array, whose texts move while it grows, arrives intact") {
  std::string wire = "*3000\r\n";
  std::string expected = "*3000";
  for (int i = 0; i < 3000; ++i) {
    const std::string text(static_cast<std::size_t>(i % 50), static_cast<char>('a' + i % 26));
    wire += "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
    expected += " 0:$" + text;
  }
  CHECK(trace_of(wire + "+OK\r\n") == expected + " | +OK | ");
  CHECK(trace_of(wire + "+OK\r\n", 1000) == expected + " | +OK | ");
}

TEST_CASE("an error reply is a reply and does not end the reader") {
  CHECK(trace_of("-OOM no\r\n+OK\r\n") == "-OOM no | +OK | ");
}

TEST_CASE("types of RESP3 are refused, also inside an array") {
  for (const char* wire : {"_\r\n", "#t\r\n", ",1.5\r\n", "(12345\r\n", "=7\r\ntxt:abc\r\n", "%1\r\n+a\r\n+b\r\n",
                           "~1\r\n+a\r\n", ">2\r\n+invalidate\r\n+x\r\n", "*1\r\n_\r\n", "*1\r\n%1\r\n+a\r\n+b\r\n"}) {
    CAPTURE(std::string(wire));
    CHECK(error_of(wire) != "");
  }
}

TEST_CASE("garbage is refused") {
  for (const char* wire : {"HTTP/1.1 400 Bad Request\r\n", "OK\r\n", "\r\n", "+OK\r\nx", ":12a\r\n", ":\r\n", ":+\r\n",
                           "$a\r\n", "*x\r\n", "$2\r\nabc\r\n+OK\r\n:x\r\n", "\x16\x03\x01\x02"}) {
    CAPTURE(std::string(wire));
    CHECK(error_of(wire) != "");
  }
  CHECK(error_of(std::string_view("\0\0\0\0", 4)) != "");
}

TEST_CASE("a declared length takes no memory before its bytes arrive") {
  // Either refused at once or still waiting for more: both are right, as long as nothing is allocated for it.
  for (const char* wire : {"*2147483647\r\n", "*4294967295\r\n", "$2147483647\r\nx", "$9223372036854775807\r\nx",
                           "*9223372036854775807\r\n", "*1\r\n*1000000000\r\n:1\r\n"}) {
    CAPTURE(std::string(wire));
    Trace trace;
    ReplyReader reader(trace, no_bound);
    static_cast<void>(reader.feed(wire, std::string_view(wire).size()));
    CHECK(trace.count == 0);
  }
}

TEST_CASE("negative lengths are nil or an error and nothing else") {
  for (const char* wire : {"$-2\r\n", "*-2\r\n", "$-9223372036854775808\r\n", "*-9223372036854775808\r\n"}) {
    CAPTURE(std::string(wire));
    const std::string trace = trace_of(wire);
    CHECK((trace == "nil | " || trace == "error"));
  }
}

TEST_CASE("arrays may be nested seven deep and no deeper") {
  const auto nested = [](int depth) {
    std::string wire;
    for (int i = 0; i < depth; ++i) wire += "*1\r\n";
    return wire + ":1\r\n";
  };
  CHECK(trace_of(nested(7)) == "*1 0:*1 1:*1 2:*1 3:*1 4:*1 5:*1 6::1 | ");
  CHECK(error_of(nested(8)) != "");
  CHECK(error_of(nested(100)) != "");
}

TEST_CASE("a reply beyond the bound is refused while it arrives") {
  const std::string bulk = "$100000\r\n" + std::string(100000, 'x') + "\r\n";
  CHECK(says(error_of(bulk, 20'000), "bound"));
  CHECK(error_of(bulk, 200'000) == "");

  std::string array = "*50000\r\n";
  for (int i = 0; i < 50000; ++i) array += ":1\r\n";
  // 200 KB on the wire, but every element is a struct in memory.
  CHECK(says(error_of(array, 1'000'000), "bound"));
  CHECK(error_of(array, 10'000'000) == "");
}

TEST_CASE("many small replies together are not taken for one large") {
  std::string wire;
  for (int i = 0; i < 20'000; ++i) wire += i % 3 == 0 ? "$5\r\nhello\r\n" : "+OK\r\n";
  CHECK(error_of(wire, 10'000) == "");
}

TEST_CASE("a handler that stops the reader is told nothing more") {
  for (const char* wire :
       {"+OK\r\n:1\r\n+OK\r\n", "$1\r\na\r\n$1\r\nb\r\n", "*1\r\n:1\r\n*1\r\n:2\r\n", "+OK\r\n$1\r\na\r\n"}) {
    CAPTURE(std::string(wire));
    Trace trace;
    ReplyReader reader(trace, no_bound);
    trace.reader = &reader;
    trace.stop_after = 1;
    CHECK(reader.feed(wire, std::string_view(wire).size()));
    CHECK(trace.count == 1);
    CHECK(reader.feed("+OK\r\n", 5));
    CHECK(trace.count == 1);
  }
}

TEST_CASE("random bytes never crash the reader, and never come out as a reply that hiredis does not see") {
  std::mt19937 random(22);
  constexpr std::string_view alphabet = "+-:$*012\r\n\r\nOKx";
  for (int round = 0; round < 20'000; ++round) {
    std::string wire(random() % 40, ' ');
    for (char& c : wire) c = alphabet[random() % alphabet.size()];
    const std::string whole = trace_of(wire);
    // Nothing depends on where the bytes are cut, except how much comes before an error.
    REQUIRE(trace_of(wire, 1) == whole);
  }
}
