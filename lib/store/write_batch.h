#pragma once

// What one event asks of Redis: upserts, deletes, references and reads, in order, as data. Nothing is sent before the
// batch is committed (store/store.h), so a rejected event leaves no trace.
// Rule to remember: values are pieces of texts that must live until the commit; ids are numbers until then.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "sake/resource.h"

#include "base/arena.h"
#include "json/edit.h"
#include "store/filter.h"
#include "store/keys.h"
#include "store/selection.h"

namespace sake::store {

enum class Action : std::uint8_t {
  set,               // SET of a record
  set_field,         // HSET in the hash of a guild
  erase,             // DEL of a record
  erase_hash,        // UNLINK of a guild's hash
  erase_field,       // HDEL
  add_reference,     // SADD
  remove_reference,  // SREM
  erase_reference,   // DEL of a reference set or index
  add_entry,         // ZADD to a secondary index, scored with the end of the entity's life
  remove_entry,      // ZREM
  renew,             // PEXPIRE of a record or hash with its lifetime
  renew_reference,   // PEXPIRE of a reference set
  skip,              // Nothing: a filter refused it
  // Reads. `slot` says where the answer goes.
  get,               // GET of a record
  get_field,         // HGET
  exists,            // EXISTS of a record
  count_fields,      // HLEN
  fields,            // HKEYS
  scan_fields,       // HSCAN with values
  count_references,  // SCARD
  references,        // SMEMBERS
  scan_references,   // SSCAN
  entries,           // ZRANGE 0 999
  last_entry,        // ZREVRANGE 0 0 WITHSCORES
  scan_keys,         // SCAN of the resource's database
  scan_sets,         // SCAN of database 9 for the sets in which guilds list the resource
};

constexpr bool is_read(Action action) noexcept { return action >= Action::get; }

/// The score of an entry whose entity never expires.
inline constexpr std::int64_t for_ever = std::numeric_limits<std::int64_t>::max();

/// How long a written record lives.
enum class Life : std::uint8_t {
  of_resource,  ///< As the options say for its resource.
  given,        ///< Op::time in milliseconds.
  until,        ///< Until Op::time (milliseconds since 1970).
  none,
};

struct Op {
  Action action;
  Resource resource;
  Owner owner;  ///< Of references.
  Life life;
  bool ordered;               ///< False for user records: sent at dispatch, whatever the lane does.
  bool refused;               ///< A filter did: what would have been a value is not stored.
  std::uint64_t key;          ///< Id of the record, guild of the hash, owner of the reference.
  std::uint64_t member;       ///< User id of the field, id in the set. Unused where `text` is set.
  std::string_view text;      ///< Invite code, ME, marker or cursor: used in place of a number.
  std::uint32_t first_piece;  ///< Of the value.
  std::uint32_t pieces;
  std::int64_t time;   ///< See Life; the score of entries.
  std::uint32_t slot;  ///< Of reads, from 1.

  ReferenceKey reference() const noexcept { return {owner, key, resource}; }
};

class WriteBatch {
 public:
  /// What is stored of each value from now on. It must outlive the batch.
  void select_by(const Selection& selection) noexcept { selection_ = &selection; }
  /// Whether they are stored. It must outlive the batch too.
  void filter_by(Filter& filter) noexcept { filter_ = filter.is_on() ? &filter : nullptr; }
  /// Whose values those are, for the filter; 0: no guild's.
  void set_guild(std::uint64_t guild) noexcept { guild_ = guild; }

  /// The value is what `write(json::Pieces&)` appends.
  template <typename Write>
  Op& set(Resource resource, std::uint64_t id, Write write) {
    return with_value(add(Action::set, resource, id), write);
  }
  /// Under a key that is no number.
  template <typename Write>
  Op& set(Resource resource, std::string_view key, Write write) {
    Op& op = add(Action::set, resource, std::uint64_t{0});
    op.text = key;
    return with_value(op, write);
  }
  template <typename Write>
  Op& set_field(Resource resource, std::uint64_t guild, std::uint64_t user, Write write) {
    Op& op = add(Action::set_field, resource, guild);
    op.member = user;
    return with_value(op, write);
  }
  Op& add(Action action, Resource resource, std::uint64_t key) {
    return ops_.emplace_back(
        Op{action, resource, Owner::guild, Life::of_resource, true, false, key, 0, {}, 0, 0, 0, 0});
  }
  Op& add(Action action, const ReferenceKey& reference) {
    Op& op = add(action, reference.listed, reference.id);
    op.owner = reference.owner;
    return op;
  }

  const std::vector<Op>& ops() const noexcept { return ops_; }
  std::vector<Op>& ops() noexcept { return ops_; }
  std::string_view piece(std::size_t index) const noexcept { return pieces_[index]; }
  const json::Pieces& pieces() const noexcept { return pieces_; }
  base::Arena& arena() noexcept { return arena_; }

  bool empty() const noexcept { return ops_.empty(); }
  bool is_filtered() const noexcept { return filter_ != nullptr; }
  void clear() noexcept {
    ops_.clear();
    pieces_.clear();
    arena_.clear();
    if (ops_.capacity() > kept_max) std::vector<Op>().swap(ops_);
    if (pieces_.capacity() > kept_max) json::Pieces().swap(pieces_);
  }
  /// Forgets what has been sent ahead of the event's turn.
  void remove_unordered() noexcept {
    std::erase_if(ops_, [](const Op& op) { return !op.ordered; });
  }
  /// Forgets the operations and keeps the bytes they pointed to.
  void clear_ops() noexcept {
    ops_.clear();
    pieces_.clear();
  }

 private:
  static constexpr std::size_t kept_max = 4096;

  template <typename Write>
  Op& with_value(Op& op, Write write) {
    op.first_piece = static_cast<std::uint32_t>(pieces_.size());
    write(pieces_);
    // The own user, whose key is no id, is kept whole: it is merged with later updates.
    const bool is_own_user = op.resource == Resource::user && op.text == own_user_key;
    if (!is_own_user) {
      if (filter_ != nullptr) filter(op);
      if (selection_ != nullptr && selection_->concerns(op.resource) && !op.refused)
        selection_->apply(op.resource, pieces_, op.first_piece, arena_);
    }
    op.pieces = static_cast<std::uint32_t>(pieces_.size()) - op.first_piece;
    return op;
  }

  void filter(Op& op);

  const Selection* selection_ = nullptr;
  Filter* filter_ = nullptr;
  std::uint64_t guild_ = 0;
  std::vector<Op> ops_;
  json::Pieces pieces_;
  base::Arena arena_;
};

}  // namespace sake::store
