#pragma once

// Collection: what the command line calls "members", "channels" or "me".

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sake/entity.h"
#include "sake/options.h"

namespace sake::inspect {

/// "member" and "members"; "me" is the own user, among the users.
std::optional<Resource> resource_of(std::string_view word);

/// Discord's ids: decimal numbers of 64 bits, in their only spelling.
std::optional<std::uint64_t> parse_id(std::string_view text);

/// Whether records are fields of one hash per guild.
constexpr bool is_hash(Resource resource) {
  return resource == Resource::member || resource == Resource::presence || resource == Resource::voice_state;
}

/// Whether `1:<guild>:<resource>` lists the records.
bool is_listed_by_guild(Resource resource);

/// All that can be found of a guild, its own record last: who sees that can see the rest.
std::vector<Scope> scopes_of_guild(std::uint64_t guild_id, const Options& options);

}  // namespace sake::inspect
