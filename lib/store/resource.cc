// The public facts about resources: names, intents.

#include "sake/resource.h"

#include <algorithm>
#include <array>

namespace sake {
namespace {

struct ResourceRow {
  Resource resource;
  std::string_view name;
  Intents intents;
};

using enum Intents;

constexpr std::array rows{
    ResourceRow{Resource::emoji, "emoji", guilds | guild_expressions},
    ResourceRow{Resource::guild, "guild", guilds},
    ResourceRow{Resource::channel, "channel", guilds},
    ResourceRow{Resource::invite, "invite", guilds | guild_invites},
    ResourceRow{Resource::member, "member", guilds | guild_members},
    ResourceRow{Resource::presence, "presence", guilds | guild_presences},
    ResourceRow{Resource::role, "role", guilds},
    ResourceRow{Resource::user, "user", none},
    ResourceRow{Resource::voice_state, "voice_state", guilds | guild_voice_states},
    ResourceRow{Resource::message, "message", guild_messages | direct_messages},
    ResourceRow{Resource::thread, "thread", guilds},
    ResourceRow{Resource::sticker, "sticker", guilds | guild_expressions},
    ResourceRow{Resource::stage_instance, "stage_instance", guilds},
    ResourceRow{Resource::scheduled_event, "scheduled_event", guilds | guild_scheduled_events},
    ResourceRow{Resource::soundboard_sound, "soundboard_sound", guilds | guild_expressions},
    ResourceRow{Resource::integration, "integration", guilds | guild_integrations},
    ResourceRow{Resource::auto_moderation_rule, "auto_moderation_rule", guilds | auto_moderation_configuration},
};

constexpr auto resources_in_order = [] {
  std::array<Resource, rows.size()> result{};
  std::ranges::transform(rows, result.begin(), &ResourceRow::resource);
  return result;
}();
static_assert(std::ranges::is_sorted(resources_in_order), "in the order of their databases");

/// A Redis has so many unless it is told otherwise.
constexpr int stock_databases = 16;

const ResourceRow& row_of(Resource resource) noexcept {
  return *std::ranges::find(rows, resource, &ResourceRow::resource);
}

}  // namespace

std::span<const Resource> all_resources() noexcept { return resources_in_order; }

std::string_view name(Resource resource) noexcept { return row_of(resource).name; }

std::optional<Resource> resource_from_name(std::string_view name) noexcept {
  const auto found = std::ranges::find(rows, name, &ResourceRow::name);
  if (found == rows.end()) return std::nullopt;
  return found->resource;
}

Resources Resources::all() noexcept {
  Resources result;
  for (Resource resource : resources_in_order)
    if (static_cast<int>(resource) < stock_databases) result.insert(resource);
  return result;
}

Resources Resources::everything() noexcept {
  Resources result;
  for (Resource resource : resources_in_order) result.insert(resource);
  return result;
}

Intents intents(Resource resource) noexcept { return row_of(resource).intents; }

Intents all_intents(Resources resources) noexcept {
  Intents result = Intents::none;
  for (const ResourceRow& row : rows)
    if (resources.contains(row.resource)) result = result | row.intents;
  return result;
}

}  // namespace sake
