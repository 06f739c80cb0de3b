#pragma once

// Guilds whose members are wanted, and when each may be asked for: not twice within a time, and by each shard no more
// than so many in a minute. Knows no clock: times are milliseconds of any.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "resources/chunks.h"

namespace sake::cache {

class ChunkQueue {
 public:
  struct Limits {
    std::size_t requests_per_minute = 60;  ///< Of one shard.
    std::int64_t guild_interval = 30'000;
    std::int64_t pause = 1'000;  ///< The first one of a shard that cannot send.
  };
  struct Item {
    std::uint64_t guild;
    resources::Chunks::Token token;
    std::uint32_t shard;
    unsigned attempts = 0;  ///< How often it was asked for.
  };

  void limit(const Limits& limits) noexcept { limits_ = limits; }

  void add(const Item& item, std::int64_t not_before);
  /// The next that may be asked for; its caller calls asked() or refused(), or neither if it is not wanted any more.
  /// The shards take turns.
  std::optional<Item> take(std::int64_t now);
  void asked(const Item& item, std::int64_t now);
  /// The shard cannot send: it pauses, and the guild is its first when it goes on.
  void refused(const Item& item, std::int64_t now);
  /// When there may be something to take; nothing when the queue is empty.
  std::optional<std::int64_t> next(std::int64_t now) const noexcept;

  void clear() noexcept;
  std::size_t size() const noexcept { return size_; }
  template <typename Predicate>
  void erase_if(Predicate predicate) {
    std::erase_if(later_, [&](const auto& entry) { return predicate(entry.second); });
    size_ = later_.size();
    for (auto& [id, shard] : shards_) {
      std::erase_if(shard.ready, predicate);
      size_ += shard.ready.size();
    }
  }

 private:
  static constexpr std::int64_t minute = 60'000;

  struct Shard {
    std::deque<Item> ready;
    std::deque<std::int64_t> asked;  ///< In the last minute, oldest first.
    std::int64_t paused_until = 0;
    std::int64_t pause = 0;
  };
  struct Asked {
    std::int64_t at;
    std::uint64_t guild;
  };

  /// When the shard may send, if that is not now.
  std::int64_t free_at(const Shard& shard) const noexcept;
  /// When the guild may be asked for.
  std::int64_t due_at(std::uint64_t guild) const noexcept;
  void ripen(std::int64_t now);

  Limits limits_;
  std::map<std::uint32_t, Shard> shards_;
  std::uint32_t last_shard_ = UINT32_MAX;  ///< The one that had its turn last.
  std::multimap<std::int64_t, Item> later_;
  std::deque<Asked> asked_;  ///< In the last guild_interval, oldest first.
  std::size_t size_ = 0;
};

}  // namespace sake::cache
