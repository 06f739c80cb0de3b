#pragma once

// EntityIterator: walks over a collection window by window, holding one window in memory. CacheIterator<T> is the same
// with a typed model for each entity.
// Every entity that exists from the first step to the last is seen at least once, and within a window once: that is
// what Redis's SCAN promises. What comes or goes meanwhile may be seen or not. There is no order.

#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "sake/callback.h"
#include "sake/entity.h"
#include "sake/export.h"
#include "sake/json_view.h"
#include "sake/request.h"

namespace sake {

namespace cache {
class Iteration;
}

/// Calls may be made one after the other; a second one while one is under way fails with invalid_argument. Errors of
/// all: backend_error, closed_client, and from then on nothing else; invalid_data_found names database and key of an
/// entity that is no JSON object. Destroying the iterator lets a call that is under way end.
class SAKE_EXPORT EntityIterator {
 public:
  /// Asked for each entity; false ends the walk there.
  using Each = Callback<bool(Entity&)>;

  EntityIterator(EntityIterator&&) noexcept;
  EntityIterator& operator=(EntityIterator&&) noexcept;
  ~EntityIterator();

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
  SAKE_HIDDEN explicit EntityIterator(std::shared_ptr<cache::Iteration> iteration) noexcept;

  std::shared_ptr<cache::Iteration> iteration_;
};

/// What the methods by name give: T is the model of the resource, such as Role; see sake/models.h.
template <typename T>
class CacheIterator {
 public:
  /// Asked for each entity; false ends the walk there.
  using Each = Callback<bool(T&)>;

  /// Views what it walks as T.
  explicit CacheIterator(EntityIterator entities) noexcept : entities_(std::move(entities)) {}

  /// See EntityIterator for each of these.
  Request<std::optional<T>> next() {
    return entities_.next().map([](std::optional<Entity> entity) {
      return entity ? std::optional<T>(model(std::move(*entity))) : std::nullopt;
    });
  }
  /// Calls `each` for the entities that are left; see EntityIterator::for_each().
  Request<void> for_each(Each each) {
    return entities_.for_each([each = std::move(each)](Entity& entity) mutable {
      T seen = model(std::move(entity));
      return each(seen);
    });
  }
  /// The entities that are left, at most `limit`.
  Request<std::vector<T>> collect(std::size_t limit = std::numeric_limits<std::size_t>::max()) {
    return entities_.collect(limit).map([](std::vector<Entity> entities) {
      std::vector<T> models;
      models.reserve(entities.size());
      for (Entity& entity : entities) models.push_back(model(std::move(entity)));
      return models;
    });
  }
  /// How many there are; see EntityIterator::len().
  Request<std::size_t> len() { return entities_.len(); }

 private:
  static T model(Entity entity) { return T(JsonView(std::move(entity))); }

  EntityIterator entities_;
};

}  // namespace sake
