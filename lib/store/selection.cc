#include "store/selection.h"

#include <algorithm>

#include "json/edit.h"

namespace sake::store {
namespace {

Error invalid(std::string_view option, Resource resource, std::string_view why) {
  return {.code = Errc::invalid_argument,
          .text = std::string(option) + ": " + std::string(name(resource)) + " " + std::string(why)};
}

/// What identifies an entity, what the engine reads of a stored record, and what readers of the layout cannot do
/// without: the user inside members and presences.
constexpr std::string_view needed[] = {"id",           "guild_id",   "channel_id", "user_id",   "code",
                                       "sound_id",     "user",       "author",     "parent_id", "unavailable",
                                       "member_count", "expires_at", "created_at", "max_age"};

bool is_needed(Resource resource, json::Value field) {
  // A private thread goes with the own user, a new post is the last message of its forum.
  if (resource == Resource::thread || resource == Resource::channel)
    if (field.key_equals("type")) return true;
  return std::ranges::any_of(needed, [&](std::string_view key) { return field.key_equals(key); });
}

}  // namespace

Result<Selection> Selection::make(const Options& options) {
  Selection selection;
  const auto take = [&](std::string_view option, const std::vector<FieldSelection>& given, Kind kind) -> Status {
    for (const FieldSelection& each : given) {
      Rule& rule = selection.rules_[static_cast<std::size_t>(each.resource)];
      if (rule.kind == kind) return invalid(option, each.resource, "is given twice");
      if (rule.kind != Kind::everything) return invalid(option, each.resource, "is in keep_fields too: one of them");
      if (std::ranges::find(each.fields, std::string()) != each.fields.end())
        return invalid(option, each.resource, "has a field without a name");
      rule = {kind, each.fields};
    }
    return {};
  };
  if (Status status = take("keep_fields", options.keep_fields, Kind::keep); !status) return status.error();
  if (Status status = take("drop_fields", options.drop_fields, Kind::drop); !status) return status.error();
  return selection;
}

std::string_view Selection::left_out_by(Resource resource, std::string_view field) const noexcept {
  const Rule& wanted = rule(resource);
  const bool has_type = resource == Resource::thread || resource == Resource::channel;
  if (wanted.kind == Kind::everything || (has_type && field == "type")) return {};
  if (std::ranges::find(needed, field) != std::end(needed)) return {};
  const bool is_named = std::ranges::find(wanted.fields, field) != wanted.fields.end();
  if (is_named == (wanted.kind == Kind::keep)) return {};
  return wanted.kind == Kind::keep ? "keep_fields" : "drop_fields";
}

void Selection::apply(Resource resource, std::vector<std::string_view>& pieces, std::size_t first,
                      base::Arena& arena) const {
  const Rule& wanted = rule(resource);
  const json::Pieces value(pieces.begin() + static_cast<std::ptrdiff_t>(first), pieces.end());
  const std::string_view text = json::joined(arena, value);
  json::Document document;
  if (!document.parse(text, 1)) return;  // It was made of parts that were checked.
  pieces.resize(first);
  json::ObjectWriter out(pieces);
  out.members_of(document.root(), [&](json::Value field) {
    const bool named = std::ranges::any_of(wanted.fields, [&](const auto& name) { return field.key_equals(name); });
    return named == (wanted.kind == Kind::keep) || is_needed(resource, field);
  });
  out.close();
}

}  // namespace sake::store
