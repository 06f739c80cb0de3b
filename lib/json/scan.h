#pragma once

// One validating pass over a JSON text that leaves behind an index of slices: no string is copied, decoded or freed,
// and what lies deeper than the caller asked for is checked and not indexed.
// Rule to remember: a Value is an offset into its Document and stays valid when the Document takes its text over
// (copy_of()); a std::string_view taken from it does not.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sake/result.h"

namespace sake::json {

/// Texts nested deeper are refused, which bounds the recursion of the parser.
inline constexpr unsigned nesting_max = 64;

class Document;

enum class Type : std::uint8_t { missing, null, boolean, number, string, array, object };

/// One value of a Document, or `missing`. Cheap to copy; lives as long as its Document holds the text.
class Value {
 public:
  Value() noexcept = default;

  Type type() const noexcept;
  explicit operator bool() const noexcept { return document_ != nullptr; }
  /// Its place in the index, by which Document::at() finds it again; 0 of what is missing.
  std::uint32_t node() const noexcept { return node_; }
  bool is_null() const noexcept { return type() == Type::null; }
  bool is_missing() const noexcept { return document_ == nullptr; }
  bool is_null_or_missing() const noexcept { return is_missing() || is_null(); }
  bool is_object() const noexcept { return type() == Type::object; }
  bool is_array() const noexcept { return type() == Type::array; }
  bool is_string() const noexcept { return type() == Type::string; }
  bool is_true() const noexcept;

  /// The text of the value as it was sent: a string with its quotes.
  std::string_view text() const noexcept;

  /// A string without its quotes, escapes not decoded.
  std::string_view raw_string() const noexcept;

  /// A string decoded. Empty for anything else.
  std::string string() const;

  /// Whether this is a string that reads `expected` once decoded.
  bool equals(std::string_view expected) const;

  /// An id: a string of decimal digits or a non-negative integer, of 64 bits.
  std::optional<std::uint64_t> snowflake() const;
  std::optional<std::int64_t> integer() const noexcept;

  /// The member `key`, the last one where it is given twice (as every common reader of JSON takes it).
  Value operator[](std::string_view key) const;

  /// Iteration over the members of an object or the elements of an array that lie within the indexed depth.
  class Iterator;
  struct Children;
  Children children() const noexcept;

  /// The decoded key of this member; empty for elements.
  std::string key() const;
  bool key_equals(std::string_view expected) const;
  std::string_view raw_key() const noexcept;
  /// `"key":value` as it was sent.
  std::string_view member_text() const noexcept;

 private:
  friend class Document;
  Value(const Document* document, std::uint32_t node) noexcept : document_(document), node_(node) {}

  const Document* document_ = nullptr;
  std::uint32_t node_ = 0;
};

/// A text and the index of its values.
class Document {
 public:
  /// Asked once, when the member "t" of the outermost object has been read before its "d": how many levels below "d"
  /// are to be indexed.
  using DepthOf = unsigned (*)(std::string_view event) noexcept;

  /// Checks the whole text (grammar, UTF-8, nesting) and indexes `depth` levels below the outermost value. `text` must
  /// outlive the document, or its next parse() or copy_of().
  /// Errors: invalid_payload, with what is wrong and at which byte, never the text itself.
  Status parse(std::string_view text, unsigned depth);

  /// The same for a gateway frame: `depth_of` chooses the depth below "d".
  Status parse_frame(std::string_view text, DepthOf depth_of);

  /// The outermost value; missing before parse() succeeded.
  Value root() const noexcept { return nodes_.empty() ? Value{} : Value{this, 0}; }

  /// The value whose node() that is; missing where there is none.
  Value at(std::uint32_t node) const noexcept { return node < nodes_.size() ? Value{this, node} : Value{}; }

  /// Copies what is below `value` of `from`, text and index, so that the caller's text may go away.
  void copy_of(Value value);

  /// Forgets everything; keeps its memory for the next text unless it is large.
  void clear() noexcept;

  std::size_t text_bytes() const noexcept { return text_.size(); }
  /// Bytes that this document keeps alive.
  std::size_t held_bytes() const noexcept { return owned_.size() + nodes_.size() * sizeof(Node); }

 private:
  friend class Value;
  friend class Indexer;

  struct Node {
    std::uint32_t begin;
    std::uint32_t end;
    std::uint32_t key_begin;  ///< Of the first character of the key, behind its quote.
    std::uint32_t key_size;   ///< The highest bit says that the key holds escapes.
    std::uint32_t next;       ///< The node behind this one and everything in it.
  };
  static constexpr std::uint32_t escaped_key = 1u << 31;

  Status scan(std::string_view text, unsigned depth, DepthOf depth_of);

  std::string_view text_;
  std::string owned_;
  std::vector<Node> nodes_;
};

class Value::Iterator {
 public:
  Iterator(const Document* document, std::uint32_t node) noexcept : document_(document), node_(node) {}
  Value operator*() const noexcept { return Value{document_, node_}; }
  Iterator& operator++() noexcept;
  bool operator==(const Iterator& other) const noexcept { return node_ == other.node_; }

 private:
  const Document* document_;
  std::uint32_t node_;
};

struct Value::Children {
  Iterator first;
  Iterator last;
  Iterator begin() const noexcept { return first; }
  Iterator end() const noexcept { return last; }
  bool empty() const noexcept { return first == last; }
};

/// The characters of a JSON string (given without its quotes) with their escapes decoded, as UTF-8.
std::string decode(std::string_view raw);

/// Whether `bytes` is well-formed UTF-8.
bool is_utf8(std::string_view bytes) noexcept;

}  // namespace sake::json
