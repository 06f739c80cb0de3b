// resp::ReplyReader on any bytes, in any pieces: the same replies whatever the pieces are, and those that hiredis's own
// reader makes of the same bytes.
// The first two bytes of an input say how the others are cut and how large a reply may be.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <hiredis/hiredis.h>

#include "fuzz/check.h"
#include "resp/reply_reader.h"

using namespace sake;
using resp::ReplyType;

namespace {

constexpr std::size_t no_bound = std::size_t{1} << 30;

void write_down(std::string& out, ReplyType type, std::string_view text, std::int64_t integer) {
  out += "+-:$n*"[static_cast<int>(type)];
  if (type == ReplyType::integer || type == ReplyType::array) out += std::to_string(integer);
  out += text;
  out += '\n';
}

static_assert(static_cast<int>(ReplyType::status) == 0 && static_cast<int>(ReplyType::error) == 1 &&
              static_cast<int>(ReplyType::integer) == 2 && static_cast<int>(ReplyType::bulk) == 3 &&
              static_cast<int>(ReplyType::nil) == 4 && static_cast<int>(ReplyType::array) == 5);

struct Trace final : resp::ReplyHandler {
  std::string text;
  int replies = 0;

  void on_reply(const resp::Reply& reply) noexcept override {
    ++replies;
    write_down(text, reply.type, reply.text, reply.integer);
    for (const resp::Element& element : reply.elements) {
      text += static_cast<char>('a' + element.depth);
      write_down(text, element.type, element.text, element.integer);
    }
  }
};

struct Read {
  std::string text;
  int replies = 0;
  bool failed = false;
};

/// In pieces of 1 to 2 * piece_bytes - 1 bytes, or in one piece when that is 0.
Read read(std::string_view wire, std::size_t piece_bytes, std::size_t bound) {
  Trace trace;
  resp::ReplyReader reader(trace, bound);
  std::size_t at = 0;
  for (std::size_t step = piece_bytes; at < wire.size(); step = step * 5 % 7 + piece_bytes) {
    const std::size_t size =
        std::min(piece_bytes == 0 ? wire.size() : std::max<std::size_t>(step, 1), wire.size() - at);
    const Status status = reader.feed(wire.data() + at, size);
    if (!status) {
      SAKE_FUZZ_CHECK(status.error().code == Errc::backend_error && status.error().cause == Cause::protocol);
      const int replies = trace.replies;
      SAKE_FUZZ_CHECK(!reader.feed("+OK\r\n", 5));
      SAKE_FUZZ_CHECK(trace.replies == replies);
      return {std::move(trace.text), trace.replies, true};
    }
    at += size;
  }
  return {std::move(trace.text), trace.replies, false};
}

ReplyType type_of(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_STATUS:
      return ReplyType::status;
    case REDIS_REPLY_ERROR:
      return ReplyType::error;
    case REDIS_REPLY_INTEGER:
      return ReplyType::integer;
    case REDIS_REPLY_STRING:
      return ReplyType::bulk;
    case REDIS_REPLY_ARRAY:
      return ReplyType::array;
    default:
      return ReplyType::nil;
  }
}

/// False: it is none of RESP2.
bool add_tree(const redisReply& reply, int depth, std::string& out) {
  if (depth >= 0) out += static_cast<char>('a' + depth);
  const ReplyType type = type_of(reply);
  if (type == ReplyType::nil && reply.type != REDIS_REPLY_NIL) return false;
  const std::string_view text = reply.str == nullptr ? std::string_view() : std::string_view(reply.str, reply.len);
  const bool has_text = type != ReplyType::integer && type != ReplyType::array && type != ReplyType::nil;
  write_down(out, type, has_text ? text : std::string_view(),
             type == ReplyType::array ? static_cast<std::int64_t>(reply.elements) : reply.integer);
  for (std::size_t i = 0; type == ReplyType::array && i < reply.elements; ++i) {
    if (!add_tree(*reply.element[i], depth + 1, out)) return false;
  }
  return true;
}

/// What hiredis reads before it fails or has no more. It takes memory for as many elements as an array announces, so
/// bytes that announce many are not shown to it.
Read by_hiredis(std::string_view wire) {
  std::unique_ptr<redisReader, decltype(&redisReaderFree)> reader(redisReaderCreate(), redisReaderFree);
  redisReaderFeed(reader.get(), wire.data(), wire.size());
  Read read;
  while (true) {
    void* reply = nullptr;
    if (redisReaderGetReply(reader.get(), &reply) != REDIS_OK) {
      read.failed = true;
      return read;
    }
    if (reply == nullptr) return read;
    const std::size_t before = read.text.size();
    const bool known = add_tree(*static_cast<redisReply*>(reply), -1, read.text);
    freeReplyObject(reply);
    if (!known) {
      read.text.resize(before);
      read.failed = true;
      return read;
    }
    ++read.replies;
  }
}

bool announces_much(std::string_view wire) {
  for (std::size_t at = wire.find('*'); at != wire.npos; at = wire.find('*', at + 1)) {
    std::size_t digits = 0;
    while (at + 1 + digits < wire.size() && wire[at + 1 + digits] >= '0' && wire[at + 1 + digits] <= '9') ++digits;
    if (digits > 4) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view wire(reinterpret_cast<const char*>(data + 2), size - 2);

  const Read whole = read(wire, 0, no_bound);
  const Read torn = read(wire, data[0] % 32 + 1u, no_bound);
  SAKE_FUZZ_CHECK(whole.failed == torn.failed);
  SAKE_FUZZ_CHECK(whole.text == torn.text);

  // A bound only ends the reading sooner.
  const Read bounded = read(wire, data[0] % 32u, data[1] * std::size_t{16});
  SAKE_FUZZ_CHECK(whole.text.starts_with(bounded.text));
  SAKE_FUZZ_CHECK(bounded.failed || bounded.text == whole.text);

  if (announces_much(wire)) return 0;
  const Read expected = by_hiredis(wire);
  // We refuse more: RESP3, and arrays that are nested deeper than its older versions can.
  SAKE_FUZZ_CHECK(expected.text.starts_with(whole.text));
  SAKE_FUZZ_CHECK(whole.failed || (!expected.failed && whole.text == expected.text));
  return 0;
}
