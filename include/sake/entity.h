#pragma once

// An entity as it is stored, the names of one and of a collection of them, and what identifies them in Redis.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sake/resource.h"

namespace sake {

class App;

/// What Redis holds of one entity. Owns its text.
struct Entity {
  Resource resource = Resource::emoji;  ///< What kind of entity it is.
  std::uint64_t id = 0;           ///< Of members, presences and voice states the user's; 0 of an invite and of `ME`.
  std::uint64_t guild_id = 0;     ///< Of members, presences and voice states; else 0: the JSON says it.
  std::string code = {};          ///< Of an invite; `ME` of the own user.
  std::string json = {};          ///< An object in UTF-8, as Discord sent it; see docs/layout.md.
  std::shared_ptr<App> app = {};  ///< Options::app of the cache it was read from.
};

/// Names one entity.
struct EntityKey {
  Resource resource;           ///< What kind of entity it is.
  std::uint64_t id = 0;        ///< Of members, presences and voice states the user's.
  std::uint64_t guild_id = 0;  ///< Needed for those three; of the others it helps: see Error::is_absent.
  std::string code = {};       ///< In place of the id of an invite.

  /// The own user.
  static EntityKey me() { return {Resource::user, 0, 0, "ME"}; }
};

/// Names a collection: all entities of a resource, or those of a guild, a channel or a user.
struct Scope {
  /// Whose collection it is.
  enum class Of : std::uint8_t { all, guild, channel, user };

  Resource resource;     ///< What is in the collection.
  Of of = Of::all;       ///< Whose it is; `id` says which.
  std::uint64_t id = 0;  ///< Whose they are.

  /// Everything there is of a resource.
  static constexpr Scope all(Resource resource) noexcept { return {resource, Of::all, 0}; }
  /// What belongs to a guild.
  static constexpr Scope of_guild(Resource resource, std::uint64_t id) noexcept { return {resource, Of::guild, id}; }
  /// What belongs to a channel.
  static constexpr Scope of_channel(Resource resource, std::uint64_t id) noexcept {
    return {resource, Of::channel, id};
  }
  /// The author of messages.
  static constexpr Scope of_user(Resource resource, std::uint64_t id) noexcept { return {resource, Of::user, id}; }
};

}  // namespace sake
