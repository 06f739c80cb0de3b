#pragma once

// One reply of Redis, as its reader sees it: views that are valid during the call they are passed to, and no longer.

#include <cstdint>
#include <span>
#include <string_view>

namespace sake::resp {

enum class ReplyType : std::uint8_t { status, error, integer, bulk, nil, array };

/// One value inside an array. Nested arrays are laid flat, each in front of what it holds: SCAN's [cursor, [a, b]] is
/// bulk, array of 2, bulk, bulk with the depths 0, 0, 1, 1.
struct Element {
  ReplyType type = ReplyType::nil;
  std::uint8_t depth = 0;      ///< 0: directly in the reply's array.
  std::int64_t integer = 0;    ///< The value of an integer, the number of elements of an array.
  std::string_view text = {};  ///< Of a status, an error or a bulk.
};

struct Reply {
  ReplyType type = ReplyType::nil;
  std::string_view text = {};              ///< Of a status, an error (without the "-") or a bulk.
  std::int64_t integer = 0;                ///< The value of an integer, the number of direct elements of an array.
  std::span<const Element> elements = {};  ///< Of an array, at all depths.
};

/// Who is told each whole reply.
class ReplyHandler {
 public:
  virtual void on_reply(const Reply& reply) noexcept = 0;

 protected:
  ~ReplyHandler() = default;
};

}  // namespace sake::resp
