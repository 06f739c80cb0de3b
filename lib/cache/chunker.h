#pragma once

// Asks Discord, through the host, for all members of each guild after its GUILD_CREATE, and sees to it that an answer
// comes. What comes is applied like any other event; see resources/chunks.h for what is known of it.
// Rule to remember: the host is called from work() alone.

#include <chrono>
#include <cstdint>
#include <vector>

#include "sake/callback.h"
#include "sake/chunking.h"
#include "sake/result.h"

#include "cache/chunk_queue.h"
#include "dispatch/dirty.h"
#include "net/timer.h"
#include "resources/chunks.h"

struct uv_loop_s;

namespace sake::cache {

class Chunker {
 public:
  /// Everything passed by reference must outlive it.
  Chunker(uv_loop_s* loop, resources::Chunks& chunks, const dispatch::DirtyGuilds& dirty_guilds);

  /// Errors: invalid_argument for a number that is not positive. `with_presences`: they are asked for too.
  Status configure(Chunking chunking, bool with_presences);
  void on_report(Callback<void(const MembersReport&)> callback) noexcept { on_report_ = std::move(callback); }

  /// Once per iteration of the loop. `has_room`: Redis keeps up, so that more may be asked for. The host may do
  /// anything in its callbacks.
  void work(bool has_room);

  /// Asks for nothing more. What is on its way may still be complete.
  void stop() noexcept;
  void close() noexcept;

  std::uint64_t requests() const noexcept { return requests_; }

 private:
  using Item = ChunkQueue::Item;
  using Stage = resources::Chunks::Stage;
  /// A guild that was asked for, until its run has ended.
  struct Asked {
    Item item;
    std::size_t arrived = 0;
    std::int64_t deadline = 0;
  };

  static std::int64_t now() noexcept;
  bool is_wanted(const Item& item) const noexcept;
  void take_news(std::int64_t now);
  void watch(bool has_room, std::int64_t now);
  void ask_next(std::int64_t now);
  bool send(const Item& item, std::string_view nonce);
  /// It did not come: once more, or given up.
  void again(const Item& item, std::int64_t not_before, std::string_view reason);
  void add(const Item& item, std::int64_t not_before);
  void arm(bool has_room, std::int64_t now);

  resources::Chunks& chunks_;
  const dispatch::DirtyGuilds& dirty_guilds_;
  net::Timer timer_;  // Wakes the loop; the rest happens in work().
  Chunking chunking_;
  bool with_presences_ = false;
  bool stopped_ = false;
  std::uint64_t generation_ = 0;  // Of the configuration.
  Callback<void(const MembersReport&)> on_report_;
  ChunkQueue queue_;
  std::size_t prune_at_ = 1024;
  std::vector<Asked> asked_;
  std::vector<MembersReport> reports_;  // To be told.
  std::int64_t armed_for_ = INT64_MAX;  // When the timer wakes the loop.
  std::uint64_t requests_ = 0;
};

}  // namespace sake::cache
