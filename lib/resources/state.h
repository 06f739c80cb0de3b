#pragma once

// What the engine knows besides Redis: the own user, and who has gone recently.

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

namespace sake::resources {

/// Ids that are gone for a while, bounded in number: the oldest makes room. A time that never passes (a replay at full
/// speed) keeps them until they are lifted.
template <typename Id, typename Hash = std::hash<Id>>
class Tombstones {
 public:
  Tombstones(std::int64_t life_ms, std::size_t count_max) noexcept : life_ms_(life_ms), count_max_(count_max) {}

  void set(const Id& id, std::int64_t now) {
    ends_[id] = now + life_ms_;
    order_.push_back(id);
    while (order_.size() > count_max_) {
      ends_.erase(order_.front());
      order_.pop_front();
    }
  }
  void lift(const Id& id) noexcept {
    if (!ends_.empty()) ends_.erase(id);
  }
  bool covers(const Id& id, std::int64_t now) noexcept {
    if (ends_.empty()) return false;
    const auto found = ends_.find(id);
    if (found == ends_.end()) return false;
    if (now < found->second) return true;
    ends_.erase(found);
    return false;
  }

 private:
  std::int64_t life_ms_;
  std::size_t count_max_;
  std::unordered_map<Id, std::int64_t, Hash> ends_;
  std::deque<Id> order_;
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

  /// Guilds that were left: late events of theirs are discarded.
  Tombstones<std::uint64_t> left_guilds{60'000, 10'000};
  /// Members that were removed: late events do not bring them back.
  Tombstones<GuildUser, GuildUserHash> removed_members{10'000, 10'000};

  bool is_own(std::uint64_t user) const noexcept { return own_id == user; }
};

}  // namespace sake::resources
