#pragma once

// Ids that an event or a run of events lists.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sake::resources {

class IdSet {
 public:
  void add(std::uint64_t id) { ids_.push_back(id); }

  /// Sorts what was added. The functions below only know what was sealed.
  void seal() {
    std::ranges::sort(ids_);
    // Not std::ranges::unique: clang 14 cannot compile libstdc++'s.
    ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
  }

  bool contains(std::uint64_t id) const noexcept { return std::ranges::binary_search(ids_, id); }
  std::size_t size() const noexcept { return ids_.size(); }
  bool empty() const noexcept { return ids_.empty(); }
  const std::vector<std::uint64_t>& ids() const noexcept { return ids_; }

  template <typename Predicate>
  void erase_if(Predicate predicate) {
    std::erase_if(ids_, predicate);
  }

 private:
  std::vector<std::uint64_t> ids_;
};

}  // namespace sake::resources
