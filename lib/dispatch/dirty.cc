#include "dispatch/dirty.h"

#include <algorithm>

namespace sake::dispatch {

void DirtyGuilds::mark(std::uint64_t guild, std::uint64_t number, const Error& why) {
  const auto [entry, is_new] = guilds_.try_emplace(guild, number);
  entry->second = std::max(entry->second, number);
  if (is_new) news_.emplace_back(guild, why);
}

void DirtyGuilds::heal(std::uint64_t guild, std::uint64_t number) noexcept {
  const auto entry = guilds_.find(guild);
  if (entry != guilds_.end() && entry->second < number) guilds_.erase(entry);
}

std::vector<std::uint64_t> DirtyGuilds::list() const {
  std::vector<std::uint64_t> list;
  list.reserve(guilds_.size());
  for (const auto& [guild, number] : guilds_) list.push_back(guild);
  return list;
}

}  // namespace sake::dispatch
