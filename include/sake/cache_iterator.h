#pragma once

// CacheIterator: walks over a collection window by window, holding one window in memory.
// Every entity that exists from the first step to the last is seen at least once, and within a window once: that is
// what Redis's SCAN promises. What comes or goes meanwhile may be seen or not. There is no order.

#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "sake/callback.h"
#include "sake/entity.h"
#include "sake/export.h"
#include "sake/request.h"

namespace sake {

namespace cache {
class Iteration;
}

/// Calls may be made one after the other; a second one while one is under way fails with invalid_argument. Errors of
/// all: backend_error, closed_client, and from then on nothing else; invalid_data_found names database and key of an
/// entity that is no JSON object. Destroying the iterator lets a call that is under way end.
class SAKE_EXPORT CacheIterator {
 public:
  /// Asked for each entity; false ends the walk there.
  using Each = Callback<bool(Entity&)>;

  CacheIterator(CacheIterator&&) noexcept;
  CacheIterator& operator=(CacheIterator&&) noexcept;
  ~CacheIterator();

  /// The next entity; none at the end.
  Request<std::optional<Entity>> next();

  /// Calls `each` for all that are left.
  Request<void> for_each(Each each);

  /// All that are left, at most `limit`.
  Request<std::vector<Entity>> collect(std::size_t limit = std::numeric_limits<std::size_t>::max());

  /// How many entries the collection has at present. Consumes nothing; a step may skip some of them (what vanished, a
  /// reference to nothing).
  Request<std::size_t> len();

 private:
  friend class Cache;
  SAKE_HIDDEN explicit CacheIterator(std::shared_ptr<cache::Iteration> iteration) noexcept;

  std::shared_ptr<cache::Iteration> iteration_;
};

}  // namespace sake
