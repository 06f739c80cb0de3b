#pragma once

// The guilds of which something was not written: an event failed, a refused frame was skipped, or Redis lost data.
// A guild stays in the list until everything that marked it lies behind an event that wrote the whole guild.

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "sake/callback.h"
#include "sake/error.h"

namespace sake::dispatch {

class DirtyGuilds {
 public:
  /// `number`: of the event, in the order of dispatch.
  void mark(std::uint64_t guild, std::uint64_t number, const Error& why);

  /// The event with this number has written the whole guild.
  void heal(std::uint64_t guild, std::uint64_t number) noexcept;
  /// False: it was not marked.
  bool clear(std::uint64_t guild) noexcept { return guilds_.erase(guild) != 0; }

  bool empty() const noexcept { return guilds_.empty(); }
  std::size_t size() const noexcept { return guilds_.size(); }
  bool contains(std::uint64_t guild) const noexcept { return guilds_.contains(guild); }
  std::vector<std::uint64_t> list() const;

  /// What was marked since the last call, each guild with the first reason.
  std::vector<std::pair<std::uint64_t, Error>> take_news() noexcept { return std::exchange(news_, {}); }

 private:
  std::map<std::uint64_t, std::uint64_t> guilds_;  // To the number of the latest event that marked it.
  std::vector<std::pair<std::uint64_t, Error>> news_;
};

}  // namespace sake::dispatch
