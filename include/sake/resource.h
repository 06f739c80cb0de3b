#pragma once

// The kinds of entities the cache keeps, the Redis database of each, and the gateway intents each depends on.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "sake/export.h"

namespace sake {

/// The value is the default Redis database of the resource, and part of the stored format: never change one.
/// 9 holds references and is no resource.
enum class Resource : std::uint8_t {
  emoji = 0,
  guild = 1,
  channel = 2,
  invite = 3,
  member = 4,
  presence = 5,
  role = 6,
  user = 7,
  voice_state = 8,
  message = 10,
  thread = 11,
  sticker = 12,
  stage_instance = 13,
  scheduled_event = 14,
  soundboard_sound = 15,
  integration = 16,
  auto_moderation_rule = 17,
};

/// The database of references; it cannot be overridden.
inline constexpr int reference_index = 9;

/// Every resource this version keeps, in the order of their databases.
SAKE_EXPORT std::span<const Resource> all_resources() noexcept;

/// "emoji", "voice_state", ...: the name used in options, on command lines and in statistics.
SAKE_EXPORT std::string_view name(Resource resource) noexcept;
SAKE_EXPORT std::optional<Resource> resource_from_name(std::string_view name) noexcept;

/// A set of resources.
class Resources {
 public:
  constexpr Resources() noexcept = default;
  /// These.
  constexpr Resources(std::initializer_list<Resource> resources) noexcept {
    for (Resource resource : resources) insert(resource);
  }

  /// What is kept unless the caller chooses: every resource of databases 0 to 15, which any Redis has.
  SAKE_EXPORT static Resources all() noexcept;

  /// Every resource there is, integrations and auto-moderation rules too: their databases 16 and 17 need a Redis with
  /// `databases 18` or an index override.
  SAKE_EXPORT static Resources everything() noexcept;

  /// Whether it is one of them.
  constexpr bool contains(Resource resource) const noexcept { return (bits_ & bit(resource)) != 0; }
  /// Adds one.
  constexpr void insert(Resource resource) noexcept { bits_ |= bit(resource); }
  /// Takes one away.
  constexpr void erase(Resource resource) noexcept { bits_ &= ~bit(resource); }
  /// Whether there are none.
  constexpr bool empty() const noexcept { return bits_ == 0; }
  friend constexpr bool operator==(Resources, Resources) noexcept = default;

 private:
  static constexpr std::uint32_t bit(Resource resource) noexcept { return 1u << static_cast<unsigned>(resource); }
  std::uint32_t bits_ = 0;
};

/// Gateway intents as Discord numbers them: bit n of the value in Identify.
enum class Intents : std::uint32_t {
  none = 0,
  guilds = 1u << 0,
  guild_members = 1u << 1,
  guild_moderation = 1u << 2,
  guild_expressions = 1u << 3,
  guild_integrations = 1u << 4,
  guild_webhooks = 1u << 5,
  guild_invites = 1u << 6,
  guild_voice_states = 1u << 7,
  guild_presences = 1u << 8,
  guild_messages = 1u << 9,
  guild_message_reactions = 1u << 10,
  guild_message_typing = 1u << 11,
  direct_messages = 1u << 12,
  direct_message_reactions = 1u << 13,
  direct_message_typing = 1u << 14,
  message_content = 1u << 15,
  guild_scheduled_events = 1u << 16,
  auto_moderation_configuration = 1u << 20,
  auto_moderation_execution = 1u << 21,
  guild_message_polls = 1u << 24,
  direct_message_polls = 1u << 25,
};

constexpr Intents operator|(Intents a, Intents b) noexcept {
  return static_cast<Intents>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr Intents operator&(Intents a, Intents b) noexcept {
  return static_cast<Intents>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}

/// The intents without which a resource does not stay correct.
SAKE_EXPORT Intents intents(Resource resource) noexcept;

/// The intents of all of these resources together.
SAKE_EXPORT Intents all_intents(Resources resources) noexcept;

}  // namespace sake
