#pragma once

// What is behind a EntityIterator: fetches window after window of a collection and hands the entities out one by one.
// Lives as long as its iterator, or as a call of it that is under way.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "sake/cache_iterator.h"

#include "cache/reads.h"
#include "cache/scopes.h"

namespace sake::cache {

struct Answer;

class Iteration : public std::enable_shared_from_this<Iteration> {
 public:
  /// `reads` may end before this.
  Iteration(std::shared_ptr<Reads> reads, const Scope& scope, std::size_t window_size);

  void next(Callback<void(Result<std::optional<Entity>>)> then);
  void for_each(EntityIterator::Each each, Callback<void(Status)> then);
  void collect(std::size_t limit, Callback<void(Result<std::vector<Entity>>)> then);
  void len(Callback<void(Result<std::size_t>)> then);

 private:
  class Asked;

  /// Calls `take` for one entity after the other until it returns false or none is left, then `end`.
  void walk(EntityIterator::Each take, Callback<void(Status)> end);
  void go_on();
  void finish(Status status);
  Detached fetch(std::shared_ptr<Iteration> self);
  Detached count(std::shared_ptr<Iteration> self, Callback<void(Result<std::size_t>)> then);

  Asked ask(redis::Pool& pool, std::vector<std::string> commands);
  redis::Pool& own_pool() noexcept { return reads_->pool(scope_.resource); }
  bool is_by_reference() const noexcept {
    return place_.kind != Place::Kind::keys && place_.kind != Place::Kind::hash && place_.kind != Place::Kind::hashes;
  }
  /// The commands that look for more: of the collection, of the hash being walked, and for the marker that tells which
  /// hash the states of a voice channel are in.
  std::string search() const;
  std::string search_hash() const;
  std::string search_marker() const;
  /// Those that count it, the first of several for a walk over hashes; and those that count the hashes found.
  std::vector<std::string> counts(std::string_view cursor) const;
  static std::vector<std::string> lengths(const Answer& scanned);
  /// The commands that fetch the next of keys_, and how many they are for.
  std::vector<std::string> questions(std::size_t& count) const;
  /// These return false after an error, which status_ holds then.
  bool is_answered(const std::vector<Answer>& answers);
  bool take_values(const std::vector<Answer>& answers, std::size_t count);
  bool take_fields(const Answer& scanned);
  bool take_value(EntityKey key, std::string_view text);
  void take_keys(const Answer& scanned);

  std::shared_ptr<Reads> reads_;
  const Scope scope_;
  const std::size_t window_size_;
  Status status_;  ///< Why it ended.
  Place place_{};
  bool is_scanned_ = false;      ///< The collection; what was found may still have to be fetched.
  bool is_hash_scanned_ = true;  ///< The hash of guild_.
  std::string cursor_ = "0";     ///< Of the collection.
  std::string hash_cursor_ = "0";
  std::uint64_t guild_ = 0;        ///< Whose hash is walked.
  std::vector<std::string> keys_;  ///< Found and not fetched yet, or hashes not walked yet: from keys_at_ on.
  std::size_t keys_at_ = 0;
  std::vector<Entity> window_;
  std::size_t window_at_ = 0;

  EntityIterator::Each take_;
  Callback<void(Status)> end_;
  bool is_busy_ = false;
};

}  // namespace sake::cache
