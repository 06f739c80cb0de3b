#include "store/ownership.h"

#include <algorithm>

namespace sake::store {

void Ownership::own(std::uint64_t guild, std::uint32_t shard, std::int64_t now) {
  const auto [entry, is_new] = guilds_.try_emplace(guild);
  entry->second.shard = shard;
  if (is_new) schedule(guild, entry->second, now);
}

std::vector<std::uint64_t> Ownership::of_shard(std::uint32_t shard) const {
  std::vector<std::uint64_t> owned;
  for (const auto& [guild, entry] : guilds_)
    if (entry.shard == shard) owned.push_back(guild);
  return owned;
}

std::vector<std::uint64_t> Ownership::all() const {
  std::vector<std::uint64_t> owned;
  for (const auto& [guild, entry] : guilds_) owned.push_back(guild);
  return owned;
}

std::vector<std::uint64_t> Ownership::disown_shard(std::uint32_t shard) {
  const std::vector<std::uint64_t> owned = of_shard(shard);
  for (std::uint64_t guild : owned) guilds_.erase(guild);
  return owned;
}

void Ownership::set_whole(std::uint64_t guild, bool is_whole, std::uint64_t number) noexcept {
  const auto owned = guilds_.find(guild);
  if (owned == guilds_.end()) return;
  std::uint64_t& last = is_whole ? owned->second.made_whole : owned->second.spoiled;
  last = std::max(last, number);
}

bool Ownership::is_whole(std::uint64_t guild) const noexcept {
  const auto owned = guilds_.find(guild);
  return owned != guilds_.end() && owned->second.made_whole > owned->second.spoiled;
}

bool Ownership::needs_lifetime(std::uint64_t guild, Resource resource) noexcept {
  const auto found = guilds_.find(guild);
  if (found == guilds_.end()) return true;
  const std::uint32_t bit = 1u << static_cast<unsigned>(resource);
  if ((found->second.lasting & bit) != 0) return false;
  found->second.lasting |= bit;
  return true;
}

void Ownership::forget_lifetime(std::uint64_t guild, Resource resource) noexcept {
  if (const auto found = guilds_.find(guild); found != guilds_.end())
    found->second.lasting &= ~(1u << static_cast<unsigned>(resource));
}

void Ownership::forget_lifetimes() noexcept {
  for (auto& [guild, entry] : guilds_) entry.lasting = 0;
}

std::vector<std::uint64_t> Ownership::take_due(std::int64_t now, std::size_t count) {
  std::vector<std::uint64_t> due;
  while (queue_first_ < queue_.size() && queue_[queue_first_].at <= now && due.size() < count) {
    const Due entry = queue_[queue_first_++];
    const auto found = guilds_.find(entry.guild);
    if (found == guilds_.end() || found->second.renew_at != entry.at) continue;
    due.push_back(entry.guild);
    schedule(entry.guild, found->second, now);
  }
  // The front is dropped once it is the larger half, so the queue holds about one entry per guild.
  if (queue_first_ > queue_.size() / 2) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(queue_first_));
    queue_first_ = 0;
  }
  return due;
}

void Ownership::schedule(std::uint64_t guild, Owned& owned, std::int64_t now) {
  if (!renew_after_) return;
  const std::int64_t at = now + *renew_after_;
  owned.renew_at = at;
  queue_.push_back({at, guild});
}

}  // namespace sake::store
