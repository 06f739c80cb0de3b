#pragma once

// New objects out of slices of old ones: members are taken over as they were sent, never re-serialised.
// Rule to remember: the pieces point into the texts they come from.

#include <initializer_list>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "json/scan.h"

namespace sake::json {

using Pieces = std::vector<std::string_view>;

/// Appends one object to `pieces`, member by member.
class ObjectWriter {
 public:
  explicit ObjectWriter(Pieces& pieces) : pieces_(pieces) { pieces_.push_back("{"); }

  /// One or several members as text, `"key":value` each, separated by commas. Nothing for an empty text.
  void members(std::string_view text) {
    if (text.empty()) return;
    if (!first_) pieces_.push_back(",");
    first_ = false;
    pieces_.push_back(text);
  }

  /// The members of `object` for which `keep(member)` is true. Neighbours are taken over in one piece.
  template <typename Keep>
  void members_of(Value object, Keep keep) {
    if (!object.is_object()) return;
    std::string_view run;
    for (Value member : object.children()) {
      if (!keep(member)) {
        members(run);
        run = {};
        continue;
      }
      const std::string_view text = member.member_text();
      run = run.empty() ? text : std::string_view(run.data(), static_cast<std::size_t>(text.end() - run.begin()));
    }
    members(run);
  }

  void close() { pieces_.push_back("}"); }

 private:
  Pieces& pieces_;
  bool first_ = true;
};

/// Whether the key of `member` is one of `keys`.
inline bool key_in(Value member, std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys)
    if (member.key_equals(key)) return true;
  return false;
}

/// Whether `object` has a member with the same key as `member`.
bool has_key_of(Value object, Value member);

/// A member of a new object: its key, which needs no escapes, and its value as JSON text.
struct Field {
  std::string_view key;
  std::string_view value;
};

/// `object` with these fields in place of its own of the same name. Fields with an empty value are left out.
void write_with(Pieces& pieces, base::Arena& arena, Value object, std::initializer_list<Field> fields);

/// `base` with every member of `change` in place of its own; members of `change` for which `keep` is false are left
/// out of it. Either may be missing.
template <typename Keep>
void write_merged(ObjectWriter& out, Value base, Value change, Keep keep) {
  out.members_of(base, [&](Value member) { return !has_key_of(change, member) || !keep(change[member.key()]); });
  out.members_of(change, keep);
}

/// The pieces as one text in the arena.
std::string_view joined(base::Arena& arena, const Pieces& pieces);

}  // namespace sake::json
