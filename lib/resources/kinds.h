#pragma once

// The kinds of entities that a guild lists one by one and that behave alike: stored under their id with a place in the
// guild's set, created and changed whole, replaced by lists. What is different about each is data.

#include <array>
#include <string_view>
#include <vector>

#include "resources/entities.h"
#include "resources/sweep.h"

namespace sake::resources {

struct Kind {
  Resource resource;
  /// Where a guild, or the event that replaces them all, lists them.
  std::string_view list = {};
  std::string_view id = "id";
  /// The user that rides along with one.
  json::Value (*user)(json::Value entity) = nullptr;
};

inline json::Value own_user_of(json::Value entity) { return entity["user"]; }
inline json::Value creator_of(json::Value event) { return event["creator"]; }
inline json::Value bot_of(json::Value integration) { return integration["application"]["bot"]; }

inline constexpr Kind roles{Resource::role, "roles"};
inline constexpr Kind emojis{Resource::emoji, "emojis", "id", own_user_of};
inline constexpr Kind stickers{Resource::sticker, "stickers", "id", own_user_of};
inline constexpr Kind stage_instances{Resource::stage_instance, "stage_instances"};
inline constexpr Kind scheduled_events{Resource::scheduled_event, "guild_scheduled_events", "id", creator_of};
inline constexpr Kind soundboard_sounds{Resource::soundboard_sound, "soundboard_sounds", "sound_id", own_user_of};
inline constexpr Kind integrations{Resource::integration, {}, "id", bot_of};
inline constexpr Kind auto_moderation_rules{Resource::auto_moderation_rule};

/// Those that GUILD_CREATE lists.
inline constexpr std::array in_guild{&roles,           &emojis,           &stickers,
                                     &stage_instances, &scheduled_events, &soundboard_sounds};

/// What an event lists, found and checked before anything is written.
struct Listed {
  std::vector<Entity> entities;
  IdSet ids;

  void add(std::uint64_t id, json::Value object) {
    entities.push_back({id, object});
    ids.add(id);
  }
};

/// The list of `kind` in `object`, its users stored.
Listed listed(Event& event, const Kind& kind, json::Value array);

/// Asks which are stored. They are few enough to be asked for at dispatch, so that a list costs its lane no trip.
Slot ask_listed(Event& event, Resource resource, std::uint64_t guild);

/// After the answer: stores what is listed and removes the rest.
void replace_listed(Event& event, Resource resource, std::uint64_t guild, Slot old, const Listed& listed);

/// The entity that is the "d" of an event, checked, its user stored.
struct Sent {
  std::uint64_t guild;
  Entity entity;
};
Sent sent_entity(Event& event);

/// The ids in an answer that is a list.
std::vector<std::uint64_t> ids_in(const Answer& answer);

}  // namespace sake::resources
