#include "envelope.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <system_error>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace sake::replay {
namespace {

/// Walks JSON from the left without checking it. Every function leaves `at` behind what it took, or is false.
struct Walker {
  std::string_view text;
  std::size_t at = 0;

  void skip_space() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n')) ++at;
  }

  bool take(char c) {
    skip_space();
    if (at == text.size() || text[at] != c) return false;
    ++at;
    return true;
  }

  /// `content` is what stands between the quotes, escapes and all.
  bool take_string(std::string_view& content) {
    if (!take('"')) return false;
    for (std::size_t from = at;;) {
      const std::size_t quote = text.find('"', from);
      if (quote == text.npos) return false;
      std::size_t backslashes = 0;
      while (quote - backslashes > at && text[quote - backslashes - 1] == '\\') ++backslashes;
      from = quote + 1;
      if (backslashes % 2 != 0) continue;
      content = text.substr(at, quote - at);
      at = from;
      return true;
    }
  }

  /// `value` is the text of the value that starts here.
  bool take_value(std::string_view& value) {
    skip_space();
    const std::size_t from = at;
    if (at == text.size()) return false;
    if (text[at] == '"') {
      std::string_view content;
      if (!take_string(content)) return false;
    } else if (text[at] == '{' || text[at] == '[') {
      if (!skip_nested()) return false;
    } else {
      at = std::min(text.find_first_of(",}] \t\r\n", at), text.size());
    }
    value = text.substr(from, at - from);
    return true;
  }

  bool skip_nested();
};

constexpr std::size_t block_bytes = 64;

/// Bit n of each tells about byte n of a block.
struct Block {
  std::uint64_t quotes = 0;
  std::uint64_t backslashes = 0;
  std::uint64_t opening = 0;
  std::uint64_t closing = 0;
};

#ifdef __SSE2__
Block classify(const char* bytes) {
  const auto bits = [](__m128i matches) { return static_cast<std::uint64_t>(_mm_movemask_epi8(matches)); };
  Block block;
  for (unsigned lane = 0; lane != block_bytes; lane += 16) {
    const __m128i raw = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + lane));
    const __m128i folded = _mm_or_si128(raw, _mm_set1_epi8(0x20));  // '[' becomes '{', and ']' becomes '}'.
    block.quotes |= bits(_mm_cmpeq_epi8(raw, _mm_set1_epi8('"'))) << lane;
    block.backslashes |= bits(_mm_cmpeq_epi8(raw, _mm_set1_epi8('\\'))) << lane;
    block.opening |= bits(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{'))) << lane;
    block.closing |= bits(_mm_cmpeq_epi8(folded, _mm_set1_epi8('}'))) << lane;
  }
  return block;
}
#else
Block classify(const char* bytes) {
  Block block;
  for (unsigned n = 0; n != block_bytes; ++n) {
    const char c = bytes[n];
    block.quotes |= std::uint64_t{c == '"'} << n;
    block.backslashes |= std::uint64_t{c == '\\'} << n;
    block.opening |= std::uint64_t{c == '{' || c == '['} << n;
    block.closing |= std::uint64_t{c == '}' || c == ']'} << n;
  }
  return block;
}
#endif

/// The bytes that follow an escaping backslash. `carry` is whether the first byte of this block, of the next one, does.
std::uint64_t escaped_bytes(std::uint64_t backslashes, bool& carry) {
  std::uint64_t escaped = carry ? 1 : 0;
  backslashes &= ~escaped;
  carry = false;
  while (backslashes != 0) {
    const std::uint64_t first = backslashes & -backslashes;
    carry = first >> 63 != 0;
    escaped |= first << 1;
    backslashes &= ~(first | first << 1);
  }
  return escaped;
}

/// Bit n of the result is the parity of the bits 0 to n: set from an opening quote up to its closing one.
std::uint64_t parity_so_far(std::uint64_t bits) {
  for (unsigned shift = 1; shift != 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

/// Skips an object or an array by blocks. A frame is nearly all "d", so this is what reading an envelope costs.
bool Walker::skip_nested() {
  std::int64_t depth = 0;
  bool escape_carry = false;
  std::uint64_t string_carry = 0;  // All ones within a string.
  for (; at < text.size(); at += block_bytes) {
    char padded[block_bytes] = {};
    const char* bytes = text.data() + at;
    if (text.size() - at < block_bytes) bytes = static_cast<char*>(std::memcpy(padded, bytes, text.size() - at));
    const Block block = classify(bytes);
    const std::uint64_t quotes = block.quotes & ~escaped_bytes(block.backslashes, escape_carry);
    const std::uint64_t strings = parity_so_far(quotes) ^ string_carry;
    string_carry = strings >> 63 != 0 ? ~std::uint64_t{0} : 0;

    const std::uint64_t closing = block.closing & ~strings;
    const std::uint64_t opening = block.opening & ~strings;
    for (std::uint64_t left = opening | closing; left != 0; left &= left - 1) {
      depth += (opening & left & -left) != 0 ? 1 : -1;
      if (depth != 0) continue;
      at += static_cast<std::size_t>(std::countr_zero(left)) + 1;
      return true;
    }
  }
  return false;
}

/// Calls `on_member(key, value)` for each member of an object; false when the text is none.
template <typename OnMember>
bool walk_object(std::string_view text, OnMember on_member) {
  Walker walker{text};
  if (!walker.take('{')) return false;
  if (walker.take('}')) return true;
  do {
    std::string_view key;
    std::string_view value;
    if (!walker.take_string(key) || !walker.take(':') || !walker.take_value(value)) return false;
    on_member(key, value);
  } while (walker.take(','));
  return walker.take('}');
}

std::optional<ShardName> parse_shard(std::string_view value) {
  Walker walker{value};
  const auto number = [&walker](std::uint32_t& into) {
    walker.skip_space();
    const char* begin = walker.text.data() + walker.at;
    const auto [end, error] = std::from_chars(begin, walker.text.data() + walker.text.size(), into);
    walker.at += static_cast<std::size_t>(end - begin);
    return error == std::errc();
  };
  ShardName shard;
  if (!walker.take('[') || !number(shard.id) || !walker.take(',') || !number(shard.count) || !walker.take(']') ||
      shard.id >= shard.count)
    return std::nullopt;
  return shard;
}

std::optional<std::int64_t> parse_time(std::string_view value) {
  double milliseconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), milliseconds);
  if (error != std::errc() || end != value.data() + value.size() || !(std::abs(milliseconds) < 1e15))
    return std::nullopt;
  return static_cast<std::int64_t>(milliseconds);
}

}  // namespace

std::optional<Envelope> read_envelope(std::string_view line) {
  Envelope envelope;
  bool is_ready = false;
  std::string_view data;
  const bool is_object = walk_object(line, [&](std::string_view key, std::string_view value) {
    if (key == "t") {
      is_ready = value == "\"READY\"";
    } else if (key == "d") {
      data = value;
    } else if (key == "ts") {
      envelope.time_ms = parse_time(value);
    } else if (key == "shard" && value != "null") {
      envelope.shard = parse_shard(value);
      envelope.shard_is_wrong = !envelope.shard;
    }
  });
  if (!is_object) return std::nullopt;
  if (is_ready)
    walk_object(data, [&envelope](std::string_view key, std::string_view value) {
      if (key == "shard") envelope.ready = parse_shard(value);
    });
  return envelope;
}

}  // namespace sake::replay
