#include "cache/chunk_queue.h"

#include <algorithm>

namespace sake::cache {
namespace {

constexpr std::int64_t pause_growth_max = 30;

}  // namespace

void ChunkQueue::add(const Item& item, std::int64_t not_before) {
  later_.emplace(not_before, item);
  ++size_;
}

std::optional<ChunkQueue::Item> ChunkQueue::take(std::int64_t now) {
  ripen(now);
  // Two rounds: from the shard behind the last one to the end, then from the beginning.
  for (auto from : {shards_.upper_bound(last_shard_), shards_.begin()}) {
    for (auto at = from; at != shards_.end(); ++at) {
      Shard& shard = at->second;
      if (free_at(shard) > now) continue;
      while (!shard.ready.empty()) {
        const Item item = shard.ready.front();
        shard.ready.pop_front();
        if (const std::int64_t due = due_at(item.guild); due > now) {
          later_.emplace(due, item);
          continue;
        }
        --size_;
        last_shard_ = at->first;
        return item;
      }
    }
  }
  return std::nullopt;
}

void ChunkQueue::asked(const Item& item, std::int64_t now) {
  Shard& shard = shards_[item.shard];
  shard.asked.push_back(now);
  shard.pause = shard.paused_until = 0;
  asked_.push_back({now, item.guild});
}

void ChunkQueue::refused(const Item& item, std::int64_t now) {
  Shard& shard = shards_[item.shard];
  shard.pause = shard.pause == 0 ? limits_.pause : std::min(2 * shard.pause, pause_growth_max * limits_.pause);
  shard.paused_until = now + shard.pause;
  shard.ready.push_front(item);
  ++size_;
}

std::optional<std::int64_t> ChunkQueue::next(std::int64_t now) const noexcept {
  std::optional<std::int64_t> next;
  if (!later_.empty()) next = later_.begin()->first;
  for (const auto& [id, shard] : shards_)
    if (!shard.ready.empty()) next = std::min(next.value_or(INT64_MAX), std::max(now, free_at(shard)));
  return next;
}

void ChunkQueue::clear() noexcept {
  later_.clear();
  for (auto& [id, shard] : shards_) shard.ready.clear();
  size_ = 0;
}

std::int64_t ChunkQueue::free_at(const Shard& shard) const noexcept {
  if (shard.asked.size() < limits_.requests_per_minute) return shard.paused_until;
  // The one so many requests ago must be a minute old.
  return std::max(shard.paused_until, shard.asked[shard.asked.size() - limits_.requests_per_minute] + minute);
}

std::int64_t ChunkQueue::due_at(std::uint64_t guild) const noexcept {
  for (auto asked = asked_.rbegin(); asked != asked_.rend(); ++asked)
    if (asked->guild == guild) return asked->at + limits_.guild_interval;
  return 0;
}

void ChunkQueue::ripen(std::int64_t now) {
  while (!asked_.empty() && asked_.front().at + limits_.guild_interval <= now) asked_.pop_front();
  for (auto& [id, shard] : shards_)
    while (!shard.asked.empty() && shard.asked.front() + minute <= now) shard.asked.pop_front();
  while (!later_.empty() && later_.begin()->first <= now) {
    const auto first = later_.begin();
    shards_[first->second.shard].ready.push_back(first->second);
    later_.erase(first);
  }
}

}  // namespace sake::cache
