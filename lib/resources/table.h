#pragma once

// One row per documented gateway event: which lane it belongs to, how deep its handler looks into it, and the handler.
// A new event is a row and a function.

#include <cstdint>
#include <span>
#include <string_view>

#include "resources/flow.h"

namespace sake::resources {

class Event;
struct Kind;

/// Which id of "d" names the lane in which the event is applied.
enum class LaneOf : std::uint8_t {
  none,     ///< Applied at once.
  id,       ///< The guild's, which is `id`.
  guild,    ///< The guild's, which is `guild_id`; else that of the channel in `channel_id`, if there is one.
  channel,  ///< The guild's, which is `guild_id`; else that of the channel in `id`.
};

struct Row {
  std::string_view event;
  LaneOf lane = LaneOf::none;
  /// How many levels below "d" the handler reads.
  std::uint8_t depth = 0;
  /// One of these, or none for an event that changes nothing in the cache.
  void (*apply)(Event&) = nullptr;
  Flow (*flow)(Event&) = nullptr;
  /// An event with both is only told across reads where its settings and its "d" make it need them.
  bool (*needs_reads)(const Event&) noexcept = nullptr;
  /// What the handler handles, where one does for several kinds of entities.
  const Kind* kind = nullptr;
  /// Whether the event is applied to a guild that was left a moment ago.
  bool outlives_leave = false;

  bool is_told(const Event& event) const noexcept {
    return flow != nullptr && (needs_reads == nullptr || needs_reads(event));
  }
  constexpr bool changes_nothing() const noexcept { return apply == nullptr && flow == nullptr; }
};

/// Sorted by event name.
std::span<const Row> table() noexcept;

/// The row of an event; null for one that Discord does not document.
const Row* find_row(std::string_view event) noexcept;

}  // namespace sake::resources
