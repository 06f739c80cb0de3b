#include "collection.h"

#include <charconv>

namespace sake::inspect {

std::optional<Resource> resource_of(std::string_view word) {
  if (const auto resource = resource_from_name(word)) return resource;
  return word.ends_with('s') ? resource_from_name(word.substr(0, word.size() - 1)) : std::nullopt;
}

std::optional<std::uint64_t> parse_id(std::string_view text) {
  std::uint64_t id = 0;
  if (text.empty() || (text.front() == '0' && text.size() > 1)) return std::nullopt;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return id;
}

bool is_listed_by_guild(Resource resource) {
  switch (resource) {
    case Resource::emoji:
    case Resource::channel:
    case Resource::role:
    case Resource::thread:
    case Resource::sticker:
    case Resource::stage_instance:
    case Resource::scheduled_event:
    case Resource::soundboard_sound:
    case Resource::integration:
    case Resource::auto_moderation_rule:
      return true;
    default:
      return false;
  }
}

std::vector<Scope> scopes_of_guild(std::uint64_t guild_id, const Options& options) {
  std::vector<Scope> scopes;
  for (const Resource resource : all_resources()) {
    const bool is_indexed = (resource == Resource::invite && options.secondary_indices.invites_by_guild) ||
                            (resource == Resource::message && options.secondary_indices.messages_by_guild);
    if (options.resources.contains(resource) && (is_hash(resource) || is_listed_by_guild(resource) || is_indexed))
      scopes.push_back(Scope::of_guild(resource, guild_id));
  }
  return scopes;
}

}  // namespace sake::inspect
