#pragma once

// The guilds this process owns, and what it remembers of each: whose shard it is, when its keys are next renewed, and
// which of its hashes and sets have been given their lifetime. Nothing is remembered of other guilds.

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "sake/resource.h"

namespace sake::store {

class Ownership {
 public:
  /// `renew_after`: milliseconds after which the keys of an owned guild are renewed; none: never.
  explicit Ownership(std::optional<std::int64_t> renew_after) noexcept : renew_after_(renew_after) {}

  void own(std::uint64_t guild, std::uint32_t shard, std::int64_t now);
  void disown(std::uint64_t guild) noexcept { guilds_.erase(guild); }
  /// Returns the guilds that the shard owned.
  std::vector<std::uint64_t> disown_shard(std::uint32_t shard);
  std::vector<std::uint64_t> of_shard(std::uint32_t shard) const;
  std::vector<std::uint64_t> all() const;
  bool owns(std::uint64_t guild) const noexcept { return guilds_.contains(guild); }
  /// Redis has all that GUILD_CREATE lists of an owned guild, and what came since. `number` is that of the event, in
  /// the order of dispatch: they end in any order, and a later one must not be undone by an earlier one.
  void set_whole(std::uint64_t guild, bool is_whole, std::uint64_t number) noexcept;
  bool is_whole(std::uint64_t guild) const noexcept;
  std::size_t size() const noexcept { return guilds_.size(); }

  /// Whether the hash or set of `resource` in `guild` must be given its lifetime with this write. It is remembered as
  /// given then.
  bool needs_lifetime(std::uint64_t guild, Resource resource) noexcept;

  /// A removal may have emptied the key, and Redis drops the lifetime with it.
  void forget_lifetime(std::uint64_t guild, Resource resource) noexcept;

  /// The same for every key of every guild: Redis has lost them.
  void forget_lifetimes() noexcept;

  /// Takes up to `count` guilds whose keys are due; each is due again after the same time.
  std::vector<std::uint64_t> take_due(std::int64_t now, std::size_t count);

 private:
  struct Owned {
    std::uint32_t shard = 0;
    std::uint32_t lasting = 0;  ///< Bit n: the key of resource n has its lifetime.
    std::int64_t renew_at = 0;
    std::uint64_t made_whole = 0;  ///< By which event, and by which it was spoiled.
    std::uint64_t spoiled = 0;
  };
  /// Every renewal that was ever due, in the order of time; one that a guild has outlived is skipped.
  struct Due {
    std::int64_t at;
    std::uint64_t guild;
  };

  void schedule(std::uint64_t guild, Owned& owned, std::int64_t now);

  std::optional<std::int64_t> renew_after_;
  std::unordered_map<std::uint64_t, Owned> guilds_;
  std::vector<Due> queue_;
  std::size_t queue_first_ = 0;
};

}  // namespace sake::store
