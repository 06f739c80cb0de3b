#include "finding.h"

#include "collection.h"

namespace sake::inspect {

std::string_view name(Kind kind) {
  static constexpr std::array<std::string_view, kind_count> names{
      "foreign_key",   "wrong_type",         "missing_lifetime",  "unreadable_value", "wrong_record",
      "foreign_field", "dangling_reference", "missing_reference", "missing_marker",   "lone_marker"};
  return names[static_cast<std::size_t>(kind)];
}

std::string Reference::key() const {
  return std::to_string(static_cast<int>(owner)) + ":" + std::to_string(id) + ":" +
         std::to_string(static_cast<int>(listed));
}

std::optional<Reference> parse_reference(std::string_view key) {
  const std::size_t first = key.find(':');
  const std::size_t second = first == key.npos ? first : key.find(':', first + 1);
  if (second == key.npos) return std::nullopt;
  const auto owner = parse_id(key.substr(0, first));
  const auto id = parse_id(key.substr(first + 1, second - first - 1));
  const auto number = parse_id(key.substr(second + 1));
  if (!owner || !id || !number || *number > static_cast<std::uint64_t>(Resource::auto_moderation_rule))
    return std::nullopt;
  const auto listed = static_cast<Resource>(*number);
  const bool is_indexed = listed == Resource::message || listed == Resource::invite;
  switch (*owner) {
    case 1:
      if (!is_listed_by_guild(listed) && !is_indexed) return std::nullopt;
      return Reference{Reference::Owner::guild, *id, listed};
    case 2:
      if (listed != Resource::voice_state && listed != Resource::thread && !is_indexed) return std::nullopt;
      return Reference{Reference::Owner::channel, *id, listed};
    case 7:
      if (listed != Resource::member && listed != Resource::presence && listed != Resource::message)
        return std::nullopt;
      return Reference{Reference::Owner::user, *id, listed};
    default:
      return std::nullopt;
  }
}

bool Layout::uses(const Reference& reference) const {
  if (!uses(reference.listed)) return false;
  const SecondaryIndices& on = options_.secondary_indices;
  using enum Reference::Owner;
  switch (reference.listed) {
    case Resource::message:
      return reference.owner == guild     ? on.messages_by_guild
             : reference.owner == channel ? on.messages_by_channel
                                          : on.messages_by_author;
    case Resource::invite:
      return reference.owner == guild ? on.invites_by_guild : on.invites_by_channel;
    case Resource::member:
      return on.members_by_user;
    case Resource::presence:
      return on.presences_by_user;
    default:
      return true;
  }
}

std::optional<std::int64_t> Layout::lifetime_of(Resource resource) const {
  const Lifetime& lifetime = resource == Resource::user      ? options_.user_expire
                             : resource == Resource::message ? options_.message_expire
                             : resource == Resource::invite  ? options_.invite_expire
                                                             : options_.default_expire;
  if (!lifetime.duration()) return std::nullopt;
  return lifetime.duration()->count();
}

std::optional<std::int64_t> Layout::lifetime_of_references() const {
  if (!options_.default_expire.duration()) return std::nullopt;
  return 2 * options_.default_expire.duration()->count();
}

}  // namespace sake::inspect
