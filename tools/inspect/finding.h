#pragma once

// Finding: one thing that is wrong, and the names of what there is in database 9.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "sake/options.h"

namespace sake::inspect {

enum class Kind : std::uint8_t {
  foreign_key,         ///< A name that is none of ours. Readers trip over it.
  wrong_type,          ///< A key of ours of another Redis type than its own.
  missing_lifetime,    ///< A key that would stay for ever.
  unreadable_value,    ///< No JSON object.
  wrong_record,        ///< Its id or guild is not that of its key.
  foreign_field,       ///< A field of a hash that is no id.
  dangling_reference,  ///< It names nothing, or something of another owner.
  missing_reference,   ///< An entity that its set or index does not list.
  missing_marker,      ///< Users of a voice channel, and no word of their guild.
  lone_marker,         ///< A voice channel in which nobody is left.
};
inline constexpr std::size_t kind_count = 10;
std::string_view name(Kind kind);

struct Finding {
  Kind kind;
  int database;
  std::string key;
  std::string member = {};   ///< A field of a hash, an entry of a set.
  std::string text = {};     ///< What is wrong, for people.
  std::string subject = {};  ///< By which it is looked at again: a key, a field or a member.

  // What mending needs.
  std::optional<Resource> resource = {};  ///< Whose key it is; of a reference, the resource it lists.
  std::uint64_t guild_id = 0;             ///< Of a voice state's reference.

  auto identity() const { return std::tie(kind, database, key, member); }
};

/// A set or index of database 9.
struct Reference {
  enum class Owner : std::uint8_t { guild = 1, channel = 2, user = 7 };

  Owner owner;
  std::uint64_t id;
  Resource listed;

  std::string key() const;
  /// Scored by the end of what it lists.
  bool is_sorted() const { return listed == Resource::message || listed == Resource::invite; }
  bool is_voice() const { return listed == Resource::voice_state; }
};

/// Empty when the name is none of ours.
std::optional<Reference> parse_reference(std::string_view key);

/// Layout: which of what docs/layout.md describes is in use.
class Layout {
 public:
  explicit Layout(const Options& options) : options_(options) {}

  bool uses(Resource resource) const { return options_.resources.contains(resource); }
  bool uses(const Reference& reference) const;
  int database_of(Resource resource) const {
    return options_.get_index_override(resource).value_or(static_cast<int>(resource));
  }
  /// Milliseconds that a record of it gets where nothing else is known; empty for ever.
  std::optional<std::int64_t> lifetime_of(Resource resource) const;
  std::optional<std::int64_t> lifetime_of_references() const;

 private:
  const Options& options_;
};

}  // namespace sake::inspect
