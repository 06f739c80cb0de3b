#pragma once

// What the engine knows besides Redis: the own user, and who has gone recently.

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "resources/chunks.h"

namespace sake::resources {

/// Ids that are gone for a while, bounded in number: the oldest makes room. A time that never passes (a replay at full
/// speed) keeps them until they are lifted.
template <typename Id, typename Hash = std::hash<Id>>
class Tombstones {
 public:
  Tombstones(std::int64_t life_ms, std::size_t count_max) noexcept : life_ms_(life_ms), count_max_(count_max) {}

  void set(const Id& id, std::int64_t now) {
    stones_[id] = {now + life_ms_, ++serial_};
    order_.push_back({id, serial_});
    while (stones_.size() > count_max_) take_oldest();
    // What was set again or lifted leaves its old place behind.
    while (order_.size() > 2 * count_max_) take_oldest();
  }
  void lift(const Id& id) noexcept {
    if (!stones_.empty()) stones_.erase(id);
  }
  bool covers(const Id& id, std::int64_t now) noexcept {
    if (stones_.empty()) return false;
    const auto found = stones_.find(id);
    if (found == stones_.end()) return false;
    if (now < found->second.end) return true;
    stones_.erase(found);
    return false;
  }

 private:
  struct Stone {
    std::int64_t end = 0;
    std::uint64_t serial = 0;  ///< Of the latest set().
  };
  struct Place {
    Id id;
    std::uint64_t serial;
  };

  void take_oldest() noexcept {
    const auto found = stones_.find(order_.front().id);
    if (found != stones_.end() && found->second.serial == order_.front().serial) stones_.erase(found);
    order_.pop_front();
  }

  std::int64_t life_ms_;
  std::size_t count_max_;
  std::uint64_t serial_ = 0;
  std::unordered_map<Id, Stone, Hash> stones_;
  std::deque<Place> order_;
};

struct GuildUser {
  std::uint64_t guild;
  std::uint64_t user;
  friend bool operator==(const GuildUser&, const GuildUser&) = default;
};
struct GuildUserHash {
  std::size_t operator()(const GuildUser& id) const noexcept {
    return static_cast<std::size_t>(id.guild * 0x9E3779B97F4A7C15u ^ id.user);
  }
};

struct State {
  /// The own user as stored under `ME`; empty before it is known.
  std::string own_user;
  std::optional<std::uint64_t> own_id;
  /// A shard goes on with a session whose READY this process has not seen, and nothing else tells the own id.
  bool wants_own_id = false;

  /// Guilds that were left: late events of theirs are discarded.
  Tombstones<std::uint64_t> left_guilds{60'000, 10'000};
  /// Members that were removed: late events do not bring them back.
  Tombstones<GuildUser, GuildUserHash> removed_members{10'000, 10'000};

  /// Whose lists of members are complete, and what is known of those that are on their way.
  Chunks chunks;

  bool is_own(std::uint64_t user) const noexcept { return own_id == user; }
};

}  // namespace sake::resources
