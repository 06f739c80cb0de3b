#include "json/scan.h"

#include <charconv>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include "base/snowflake.h"

namespace sake::json {
namespace {

/// Memory that a document keeps for its next text at most.
constexpr std::size_t kept_bytes_max = 256u << 10;

/// A text of n bytes has at most n / 6 indexed values and some: Discord's average is 20 bytes and more per value, and
/// without this bound a frame of `[0,0,0,...]` would cost ten times its size.
constexpr std::size_t bytes_per_value_min = 6;
constexpr std::size_t values_free = 4096;

/// RapidJSON reads from and "writes" to this stream, but nothing is written: inside a string it jumps to the next
/// character that means something. The text needs no terminating zero.
class SliceStream {
 public:
  using Ch = char;

  explicit SliceStream(std::string_view text) noexcept
      : begin_(text.data()), current_(begin_), end_(begin_ + text.size()) {}

  Ch Peek() const noexcept { return current_ != end_ ? *current_ : '\0'; }
  Ch Take() noexcept { return current_ != end_ ? *current_++ : '\0'; }
  std::size_t Tell() const noexcept { return static_cast<std::size_t>(current_ - begin_); }

  Ch* PutBegin() noexcept {
    // Also called behind a number, where nothing may be skipped.
    if (current_ != begin_ && current_[-1] == '"') jump();
    return const_cast<Ch*>(mark_);
  }
  void Put(Ch c) noexcept {
    if (c == '\0' && current_[-1] == '"') return;  // The end of the string; an escaped NUL goes on.
    non_ascii_ |= static_cast<unsigned char>(c) >= 0x80;
    jump_on();
  }
  std::size_t PutEnd(Ch* head) const noexcept { return static_cast<std::size_t>(current_ - head); }
  void Flush() noexcept {}

  /// Whether anything but ASCII has been passed over in the current string.
  bool non_ascii() const noexcept { return non_ascii_; }

 private:
  void jump() noexcept {
    mark_ = current_;
    non_ascii_ = false;
    jump_on();
  }

  void jump_on() noexcept {
    const char* p = current_;
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1F);
    while (end_ - p >= 16) {
      const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
      const __m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash)),
                                         _mm_cmpeq_epi8(_mm_min_epu8(block, control), block));
      const unsigned stop = static_cast<unsigned>(_mm_movemask_epi8(found));
      unsigned high = static_cast<unsigned>(_mm_movemask_epi8(block));
      if (stop != 0) {
        high &= (stop & (0u - stop)) - 1;  // Only what comes before the first stop is part of this string.
        non_ascii_ |= high != 0;
        current_ = p + __builtin_ctz(stop);
        return;
      }
      non_ascii_ |= high != 0;
      p += 16;
    }
#endif
    while (p != end_ && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20) {
      non_ascii_ |= static_cast<unsigned char>(*p) >= 0x80;
      ++p;
    }
    current_ = p;
  }

  const char* begin_;
  const char* current_;
  const char* end_;
  const char* mark_ = nullptr;
  bool non_ascii_ = false;
};

constexpr unsigned parse_flags = rapidjson::kParseInsituFlag | rapidjson::kParseNumbersAsStringsFlag;

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

/// The four hexadecimal digits at `at`, which the parser has checked to be there.
std::uint32_t hex4(std::string_view raw, std::size_t at) noexcept {
  std::uint32_t code = 0;
  for (std::size_t i = at; i < at + 4 && i < raw.size(); ++i)
    code = code * 16 + static_cast<unsigned>(hex_digit(raw[i]));
  return code;
}

}  // namespace

std::string decode(std::string_view raw) {
  if (raw.find('\\') == std::string_view::npos) return std::string(raw);
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\' || i + 1 == raw.size()) {
      out += raw[i];
      continue;
    }
    switch (raw[++i]) {
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'u': {
        std::uint32_t code = hex4(raw, i + 1);
        i += 4;
        if (code >= 0xD800 && code < 0xDC00 && i + 6 < raw.size() && raw.substr(i + 1, 2) == "\\u") {
          code = 0x10000 + ((code - 0xD800) << 10) + (hex4(raw, i + 3) - 0xDC00);
          i += 6;
        }
        constexpr std::uint32_t replacement = 0xFFFD;  // For half of a pair.
        append_utf8(out, code >= 0xD800 && code < 0xE000 ? replacement : code);
        break;
      }
      default:
        out += raw[i];  // A quote, a backslash or a slash.
    }
  }
  return out;
}

bool is_utf8(std::string_view bytes) noexcept {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* end = p + bytes.size();
  const auto tail = [&](int offset) { return p + offset < end && (p[offset] & 0xC0) == 0x80; };
  while (p != end) {
    if (*p < 0x80) {
      ++p;
    } else if (*p >= 0xC2 && *p <= 0xDF) {
      if (!tail(1)) return false;
      p += 2;
    } else if (*p >= 0xE0 && *p <= 0xEF) {
      if (!tail(1) || !tail(2)) return false;
      if (*p == 0xE0 && p[1] < 0xA0) return false;  // Longer than needed.
      if (*p == 0xED && p[1] > 0x9F) return false;  // A surrogate.
      p += 3;
    } else if (*p >= 0xF0 && *p <= 0xF4) {
      if (!tail(1) || !tail(2) || !tail(3)) return false;
      if (*p == 0xF0 && p[1] < 0x90) return false;
      if (*p == 0xF4 && p[1] > 0x8F) return false;  // Beyond U+10FFFF.
      p += 4;
    } else {
      return false;
    }
  }
  return true;
}

/// Receives RapidJSON's calls and writes the index.
class Indexer {
 public:
  Indexer(Document& document, const SliceStream& stream, unsigned depth, Document::DepthOf depth_of) noexcept
      : nodes_(document.nodes_),
        stream_(stream),
        text_(document.text_),
        depth_max_(depth),
        depth_of_(depth_of),
        nodes_max_(document.text_.size() / bytes_per_value_min + values_free) {}

  const char* refusal() const noexcept { return refusal_; }

  bool Null() noexcept { return leaf(stream_.Tell() - 4, stream_.Tell()); }
  bool Bool(bool value) noexcept { return leaf(stream_.Tell() - (value ? 4 : 5), stream_.Tell()); }
  bool RawNumber(const char*, rapidjson::SizeType size, bool) noexcept {
    return leaf(stream_.Tell() - size, stream_.Tell());
  }
  bool Int(int) noexcept { return false; }
  bool Uint(unsigned) noexcept { return false; }
  bool Int64(std::int64_t) noexcept { return false; }
  bool Uint64(std::uint64_t) noexcept { return false; }
  bool Double(double) noexcept { return false; }

  bool String(const char* begin, rapidjson::SizeType size, bool) noexcept {
    if (stream_.non_ascii() && !is_utf8({begin, size})) return refuse("a string is not valid UTF-8");
    const auto offset = static_cast<std::size_t>(begin - text_.data());
    if (is_event_name_) {
      is_event_name_ = false;
      const std::string_view name{begin, size};
      depth_max_ = 1 + (name.find('\\') == std::string_view::npos ? depth_of_(name) : depth_of_(decode(name)));
    }
    return leaf(offset - 1, offset + size + 1);
  }

  bool Key(const char* begin, rapidjson::SizeType size, bool) noexcept {
    if (stream_.non_ascii() && !is_utf8({begin, size})) return refuse("a key is not valid UTF-8");
    if (depth_ > depth_max_) return true;
    key_begin_ = static_cast<std::uint32_t>(begin - text_.data());
    key_size_ = size;
    if (std::memchr(begin, '\\', size) != nullptr) key_size_ |= Document::escaped_key;
    return depth_of_ == nullptr || depth_ != 1 || frame_key({begin, size});
  }

  bool StartObject() noexcept { return start(); }
  bool StartArray() noexcept { return start(); }
  bool EndObject(rapidjson::SizeType) noexcept { return end(); }
  bool EndArray(rapidjson::SizeType) noexcept { return end(); }

 private:
  bool refuse(const char* why) noexcept {
    refusal_ = why;
    return false;
  }

  /// A member of the frame itself. The event decides how its data is indexed, so no other name
  /// may come behind the data.
  bool frame_key(std::string_view raw) noexcept {
    const std::string key = raw.find('\\') == std::string_view::npos ? std::string(raw) : decode(raw);
    if (key == "t") {
      if (named_ && saw_data_) return refuse("it names its event again behind the data");
      is_event_name_ = named_ = !saw_data_;  // Behind the data it is too late to choose.
    }
    saw_data_ = saw_data_ || key == "d";
    return true;
  }

  bool leaf(std::size_t begin, std::size_t end) noexcept {
    is_event_name_ = false;
    if (depth_ > depth_max_) return true;
    if (nodes_.size() >= nodes_max_) return refuse("it holds too many values for its size");
    push(begin, end);
    return true;
  }

  void push(std::size_t begin, std::size_t end) noexcept {
    nodes_.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), key_begin_, key_size_,
                      static_cast<std::uint32_t>(nodes_.size() + 1)});
    key_begin_ = key_size_ = 0;
  }

  bool start() noexcept {
    is_event_name_ = false;
    if (depth_ >= nesting_max) return refuse("it is nested deeper than 64 levels");
    if (depth_ <= depth_max_) {
      if (nodes_.size() >= nodes_max_) return refuse("it holds too many values for its size");
      open_[depth_] = static_cast<std::uint32_t>(nodes_.size());
      push(stream_.Tell() - 1, 0);
    }
    ++depth_;
    return true;
  }

  bool end() noexcept {
    --depth_;
    if (depth_ <= depth_max_) {
      auto& node = nodes_[open_[depth_]];
      node.end = static_cast<std::uint32_t>(stream_.Tell());
      node.next = static_cast<std::uint32_t>(nodes_.size());
    }
    return true;
  }

  std::vector<Document::Node>& nodes_;
  const SliceStream& stream_;
  std::string_view text_;
  unsigned depth_ = 0;
  unsigned depth_max_;
  Document::DepthOf depth_of_;
  std::size_t nodes_max_;
  std::uint32_t key_begin_ = 0;
  std::uint32_t key_size_ = 0;
  bool is_event_name_ = false;
  bool named_ = false;
  bool saw_data_ = false;
  const char* refusal_ = nullptr;
  std::uint32_t open_[nesting_max] = {};
};

Status Document::parse(std::string_view text, unsigned depth) { return scan(text, depth, nullptr); }

Status Document::parse_frame(std::string_view text, DepthOf depth_of) {
  // As deep as any row of the table asks for, in case "d" comes before "t".
  constexpr unsigned depth_unknown = 9;
  return scan(text, depth_unknown, depth_of);
}

Status Document::scan(std::string_view text, unsigned depth, DepthOf depth_of) {
  clear();
  if (text.size() >= UINT32_MAX / 2) return Error{.code = Errc::invalid_payload, .text = "the text is too long"};
  text_ = text;

  SliceStream stream(text);
  Indexer indexer(*this, stream, depth, depth_of);
  rapidjson::Reader reader;
  const rapidjson::ParseResult parsed = reader.Parse<parse_flags>(stream, indexer);
  // The reader takes a NUL for the end of the text.
  if (!parsed.IsError() && stream.Tell() == text.size()) return {};

  nodes_.clear();
  std::string why = indexer.refusal() != nullptr ? indexer.refusal()
                    : parsed.IsError()           ? rapidjson::GetParseError_En(parsed.Code())
                                                 : "a NUL stands outside of a string";
  if (!why.empty() && why.back() == '.') why.pop_back();
  const std::size_t offset = parsed.IsError() ? parsed.Offset() : stream.Tell();
  return Error{.code = Errc::invalid_payload,
               .text = "not valid JSON: " + why + " (byte " + std::to_string(offset) + ")"};
}

void Document::copy_of(Value value) {
  const Document& from = *value.document_;
  const Node& top = from.nodes_[value.node_];
  // A key in front of the value is not part of the copy.
  owned_.assign(from.text_.substr(top.begin, top.end - top.begin));
  text_ = owned_;
  nodes_.clear();
  nodes_.reserve(top.next - value.node_);
  for (std::uint32_t i = value.node_; i != top.next; ++i) {
    Node node = from.nodes_[i];
    node.begin -= top.begin;
    node.end -= top.begin;
    if (i == value.node_) {
      node.key_begin = node.key_size = 0;
    } else if (node.key_begin != 0) {  // Elements have no key.
      node.key_begin -= top.begin;
    }
    node.next -= value.node_;
    nodes_.push_back(node);
  }
}

void Document::clear() noexcept {
  text_ = {};
  nodes_.clear();
  owned_.clear();
  if (nodes_.capacity() * sizeof(Node) > kept_bytes_max) std::vector<Node>().swap(nodes_);
  if (owned_.capacity() > kept_bytes_max) std::string().swap(owned_);
}

Type Value::type() const noexcept {
  if (document_ == nullptr) return Type::missing;
  switch (document_->text_[document_->nodes_[node_].begin]) {
    case '{':
      return Type::object;
    case '[':
      return Type::array;
    case '"':
      return Type::string;
    case 'n':
      return Type::null;
    case 't':
    case 'f':
      return Type::boolean;
    default:
      return Type::number;
  }
}

bool Value::is_true() const noexcept { return text() == "true"; }

std::string_view Value::text() const noexcept {
  if (document_ == nullptr) return {};
  const auto& node = document_->nodes_[node_];
  return document_->text_.substr(node.begin, node.end - node.begin);
}

std::string_view Value::raw_string() const noexcept {
  std::string_view whole = text();
  return is_string() ? whole.substr(1, whole.size() - 2) : std::string_view{};
}

std::string Value::string() const { return decode(raw_string()); }

bool Value::equals(std::string_view expected) const {
  if (!is_string()) return false;
  const std::string_view raw = raw_string();
  return raw == expected || (raw.find('\\') != std::string_view::npos && decode(raw) == expected);
}

std::optional<std::uint64_t> Value::snowflake() const {
  switch (type()) {
    case Type::number:
      return base::parse_snowflake(text());
    case Type::string: {
      const std::string_view raw = raw_string();
      if (raw.find('\\') != std::string_view::npos) return base::parse_snowflake(decode(raw));
      return base::parse_snowflake(raw);
    }
    default:
      return std::nullopt;
  }
}

std::optional<std::int64_t> Value::integer() const noexcept {
  if (type() != Type::number) return std::nullopt;
  const std::string_view digits = text();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

Value Value::operator[](std::string_view key) const {
  Value found;
  if (!is_object()) return found;
  const char* const text = document_->text_.data();
  const Document::Node* const nodes = document_->nodes_.data();
  const std::uint32_t end = nodes[node_].next;
  for (std::uint32_t at = node_ + 1; at != end; at = nodes[at].next) {
    const Document::Node& member = nodes[at];
    // Most keys of another name differ in their size or in their last character, so that few are compared as a whole.
    if (member.key_size == key.size()) {
      if (key.empty() || (text[member.key_begin + key.size() - 1] == key.back() &&
                          std::memcmp(text + member.key_begin, key.data(), key.size()) == 0))
        found = Value{document_, at};
    } else if ((member.key_size & Document::escaped_key) != 0 && Value{document_, at}.key() == key) {
      found = Value{document_, at};
    }
  }
  return found;
}

bool Value::key_equals(std::string_view expected) const {
  const auto& node = document_->nodes_[node_];
  if (node.key_size == expected.size())
    return std::memcmp(document_->text_.data() + node.key_begin, expected.data(), expected.size()) == 0;
  return (node.key_size & Document::escaped_key) != 0 && key() == expected;
}

std::string_view Value::raw_key() const noexcept {
  const auto& node = document_->nodes_[node_];
  return document_->text_.substr(node.key_begin, node.key_size & ~Document::escaped_key);
}

std::string Value::key() const { return decode(raw_key()); }

std::string_view Value::member_text() const noexcept {
  const auto& node = document_->nodes_[node_];
  return document_->text_.substr(node.key_begin - 1, node.end - node.key_begin + 1);
}

Value::Children Value::children() const noexcept {
  if (document_ == nullptr) return {{nullptr, 0}, {nullptr, 0}};
  return {{document_, node_ + 1}, {document_, document_->nodes_[node_].next}};
}

Value::Iterator& Value::Iterator::operator++() noexcept {
  node_ = document_->nodes_[node_].next;
  return *this;
}

}  // namespace sake::json
