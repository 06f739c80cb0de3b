#pragma once

// What a lane has written while events wait in it. Their reads may have been sent before these writes, and then what
// was written is laid over the answers. A clock that ticks with each write tells which came first.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "resources/event.h"
#include "store/write_batch.h"

namespace sake::dispatch {

class Memory {
 public:
  /// A write was sent: the record, field or member of a set is there with this value, or is gone.
  void note(const store::Op& op, bool present, std::string_view value);

  /// Corrects an answer.
  void lay_over(resources::Answer& answer) const;

  /// Of the latest write; a read is stamped with it when it is sent.
  std::uint64_t clock() const noexcept { return clock_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  enum class Kind : std::uint8_t { record, field, member };
  /// Everything with the same kind, resource, owner and key is one hash or set.
  struct Collection {
    Kind kind;
    Resource resource;
    store::Owner owner;
    std::uint64_t key;
    auto operator<=>(const Collection&) const = default;
  };
  /// The id in decimal, or the text of one that is no number. Records are collections of one without a name.
  using Key = std::pair<Collection, std::string>;

  static Collection collection_of(const store::Op& op) noexcept;

  void forget(const Collection& collection);
  void lay_over_value(resources::Answer& answer) const;
  void lay_over_list(resources::Answer& answer) const;

  struct Entry {
    std::uint64_t time = 0;
    std::optional<std::string> value;  ///< Empty: it is gone.
  };
  using Entries = std::map<Key, Entry>;

  bool erased_since(const Collection& collection, std::uint64_t time) const noexcept;

  Entries entries_;
  std::map<Collection, std::uint64_t> erased_;
  std::uint64_t clock_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace sake::dispatch
