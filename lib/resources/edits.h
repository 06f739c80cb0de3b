#pragma once

// What a host changes by itself: set_x, update_message, delete_x, clear_x. Each is a row like an event's, applied in
// the lane of its guild, and changes the entity it names with its references and nothing else.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sake/entity.h"

#include "resources/table.h"

namespace sake::resources {

struct Edit {
  const Row* row = nullptr;
  std::uint64_t guild = 0;  ///< Whose lane it belongs in, where neither the payload nor what is stored says so.
  std::array<std::uint64_t, 4> arguments{};
  std::string code = {};     ///< Of an invite.
  std::string payload = {};  ///< Empty where the row takes none.
};

/// How long a written entity lives, as an argument of its edit: as its resource does, for ever, or so many
/// milliseconds.
inline constexpr std::uint64_t life_of_resource = 0;
inline constexpr std::uint64_t life_for_ever = UINT64_MAX;

/// Whether the guild has to be named beside the payload.
bool set_needs_guild(Resource resource) noexcept;
Edit set_of(const EntityKey& key, std::string payload, std::uint64_t life);
Edit update_of_message(std::string payload, std::uint64_t life);
Edit erase_of(const EntityKey& key);
/// REQUIRES: there is such a collection (cache/scopes.h).
Edit clear_of(const Scope& scope);

}  // namespace sake::resources
