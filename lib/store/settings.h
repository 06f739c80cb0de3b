#pragma once

// The options of a cache as the inner rooms use them: checked, resolved, in plain numbers.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sake/options.h"
#include "sake/resource.h"
#include "sake/result.h"

#include "store/selection.h"

namespace sake::store {

/// Milliseconds, or no expiry.
using LifeMs = std::optional<std::int64_t>;

/// Redis computes with milliseconds since 1970 in 63 bits; a lifetime beyond this overflows there.
inline constexpr std::int64_t life_max = std::int64_t{1} << 52;

struct Settings {
  Resources resources;
  std::array<int, resource_limit> database{};  ///< Of each resource, overrides applied.
  std::array<LifeMs, resource_limit> life{};   ///< Of the records of each resource.
  LifeMs reference_life;                       ///< Of `1:<guild>:*`, `2:<channel>:8` and the sets of users.
  Policies policies;
  SecondaryIndices indices;
  bool harvest_members = false;
  std::vector<std::uint64_t> only_guilds;  ///< Sorted; empty: all.
  Selection selection;
  std::shared_ptr<App> app;  ///< What the entities that are read carry.
  Codec* codec = nullptr;  ///< Null: values are stored as the JSON they are. Set by who owns the options.

  bool admits(std::uint64_t guild) const noexcept {
    return only_guilds.empty() || std::ranges::binary_search(only_guilds, guild);
  }
  bool uses(Resource resource) const noexcept { return resources.contains(resource); }
  LifeMs life_of(Resource resource) const noexcept { return life[static_cast<std::size_t>(resource)]; }
  int database_of(Resource resource) const noexcept { return database[static_cast<std::size_t>(resource)]; }
};

/// Whether anything is kept in database 9 besides the library's own keys.
bool uses_references(Resources resources, const SecondaryIndices& indices) noexcept;

/// Errors: invalid_argument, naming the option.
Result<Settings> resolve(const Options& options);

}  // namespace sake::store
