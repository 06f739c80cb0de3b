#pragma once

// Threads, which are kept apart from channels: in the sets of their guild and of their parent channel.

#include <cstdint>
#include <optional>
#include <span>

#include "json/scan.h"
#include "resources/event.h"

namespace sake::resources {

/// Whether a channel object is that of a thread.
inline bool is_thread(json::Value channel) noexcept {
  const auto type = channel["type"].integer();
  return type && *type >= 10 && *type <= 12;
}

/// A thread of an event.
struct Thread {
  std::uint64_t id = 0;
  std::optional<std::uint64_t> parent = {};
  json::Value object = {};
  json::Value member = {};  ///< The own membership.
  bool is_archived = false;
};

/// Checks it; before the event's turn, since it may reject the event.
Thread thread_of(Event& event, json::Value object);

/// Stores threads as they are. Archived ones must not be among them.
void put_threads(Event& event, std::uint64_t guild, std::span<Thread> threads);

/// Stores a thread, and keeps of the `stored` one what the event does not say. An archived thread is removed.
void merge_thread(Event& event, std::uint64_t guild, const Thread& thread, json::Value stored);

}  // namespace sake::resources
