#include "json/edit.h"

namespace sake::json {

bool has_key_of(Value object, Value member) {
  const std::string_view raw = member.raw_key();
  if (raw.find('\\') != std::string_view::npos) return static_cast<bool>(object[member.key()]);
  return static_cast<bool>(object[raw]);
}

void write_with(Pieces& pieces, base::Arena& arena, Value object, std::initializer_list<Field> fields) {
  ObjectWriter out(pieces);
  out.members_of(object, [&](Value member) {
    for (const Field& field : fields)
      if (member.key_equals(field.key)) return false;
    return true;
  });
  for (const Field& field : fields)
    if (!field.value.empty()) out.members(arena.join("\"", field.key, "\":", field.value));
  out.close();
}

std::string_view joined(base::Arena& arena, const Pieces& pieces) {
  std::size_t size = 0;
  for (std::string_view piece : pieces) size += piece.size();
  char* const begin = arena.allocate(size);
  char* at = begin;
  for (std::string_view piece : pieces) {
    if (!piece.empty()) std::memcpy(at, piece.data(), piece.size());
    at += piece.size();
  }
  return {begin, size};
}

}  // namespace sake::json
