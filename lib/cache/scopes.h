#pragma once

// Where in Redis the entities of a Scope are found; see docs/layout.md.

#include <cstdint>

#include "sake/entity.h"
#include "sake/result.h"

#include "store/keys.h"
#include "store/settings.h"

namespace sake::cache {

struct Place {
  enum class Kind : std::uint8_t {
    keys,      ///< All keys of the resource's database.
    hashes,    ///< The fields of all hashes there.
    hash,      ///< The fields of one: that of the guild.
    set,       ///< A reference set names the keys.
    voice,     ///< A reference set names the fields, and by its marker the hash.
    sorted,    ///< A secondary index with scores names the keys.
    by_guild,  ///< A secondary index of a user names the guilds whose hashes have a field of that user.
  };
  Kind kind;
  store::ReferenceKey reference;  ///< Where there is a set or an index.
};

/// Errors: invalid_argument, naming the option that would have to be on.
Result<Place> place_of(const store::Settings& settings, const Scope& scope);

/// Errors: invalid_argument when it is not kept.
Status check_in_use(const store::Settings& settings, Resource resource);

/// Errors: invalid_argument, also when the key lacks what names an entity.
Status check_key(const store::Settings& settings, const EntityKey& key);

/// Errors: invalid_argument.
Status check_guild(Resource resource, std::uint64_t guild_id);

}  // namespace sake::cache
