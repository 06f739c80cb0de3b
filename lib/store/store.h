#pragma once

// Turns batches into commands: chooses database, key, section and lifetime, and groups neighbours into one command.
// Rule to remember: the order of the batch is the order of sending wherever two commands touch the same key.

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "redis/pipeline.h"
#include "store/ownership.h"
#include "store/settings.h"
#include "store/write_batch.h"

namespace sake::store {

class Store {
 public:
  struct Counts {
    std::uint64_t upserts = 0;
    std::uint64_t deletes = 0;
  };

  /// Told of every write, for lanes that must remember it. The value is what was stored; empty for a removal.
  using Remember = void (*)(void* context, const Op& op, bool present, std::string_view value);

  Store(const Settings& settings, Ownership& ownership) noexcept : settings_(settings), ownership_(ownership) {}

  /// The writer of a resource in use. It must outlive the store.
  void set_writer(Resource resource, redis::Pipeline& writer) noexcept {
    slots_[static_cast<std::size_t>(resource)].writer = &writer;
  }

  enum class Which : std::uint8_t {
    unordered,  ///< Users and reads: what does not wait for its turn.
    all,
  };

  /// Appends the commands of those operations of the batch. `outstanding` grows by one for each before it is queued,
  /// and `who` will be told as often.
  void commit(const WriteBatch& batch, Which which, redis::Requester* who, std::uint32_t& outstanding,
              std::int64_t wall_clock, Remember remember = nullptr, void* context = nullptr);

  const Counts& counts(Resource resource) const noexcept { return slots_[static_cast<std::size_t>(resource)].counts; }

 private:
  struct Slot {
    redis::Pipeline* writer = nullptr;
    Counts counts;
    /// What the gathering group takes away at its end. Adding one of these again needs a new group, since additions go
    /// to its front.
    std::uint64_t group = 0;
    std::vector<std::uint64_t> removed;
  };

  class Commit;
  static std::uint64_t fingerprint(const ReferenceKey& key, std::string_view member) noexcept;

  const Settings& settings_;
  Ownership& ownership_;
  std::string json_;   // Of the value that is being encoded.
  std::string bytes_;  // What became of it.
  std::array<Slot, resource_limit> slots_;
};

}  // namespace sake::store
