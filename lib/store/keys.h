#pragma once

// Every key that is read or written is built here. The stored layout is a contract: docs/layout.md specifies it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "sake/resource.h"

#include "base/snowflake.h"

namespace sake::store {

/// Database numbers of resources are below this.
inline constexpr std::size_t resource_limit = 18;

/// Who a reference set belongs to: the number of the owner's database, in front of its id in the key.
enum class Owner : std::uint8_t { guild = 1, channel = 2, user = 7 };

/// A reference set or secondary index of database 9: `<owner>:<id>:<listed>`, with the default database numbers
/// whatever the overrides are.
struct ReferenceKey {
  Owner owner;
  std::uint64_t id;
  Resource listed;
  friend bool operator==(const ReferenceKey&, const ReferenceKey&) = default;
};

/// A key or a member of a set as text, on the stack.
class KeyText {
 public:
  explicit KeyText(const ReferenceKey& key) noexcept {
    char* at = base::append_decimal(text_, static_cast<unsigned>(key.owner));
    *at++ = ':';
    at = base::append_decimal(at, key.id);
    *at++ = ':';
    end(base::append_decimal(at, static_cast<unsigned>(key.listed)));
  }

  /// The member of `2:<channel>:8` that names the guild of the channel.
  static KeyText voice_marker(std::uint64_t guild) noexcept {
    KeyText text;
    std::memcpy(text.text_, "KEY.", 4);
    text.end(base::append_decimal(text.text_ + 4, guild));
    return text;
  }

  operator std::string_view() const noexcept { return {text_, size_}; }

 private:
  KeyText() noexcept = default;
  void end(const char* end) noexcept { size_ = static_cast<std::size_t>(end - text_); }

  char text_[3 * base::decimal_digits_max + 2];
  std::size_t size_ = 0;
};

/// The own user's key in the user database.
inline constexpr std::string_view own_user_key = "ME";

/// In front of every key of the library's own in database 9.
inline constexpr std::string_view own_prefix = "sake:";

/// Whether records of this resource are fields of one hash per guild.
constexpr bool is_hash(Resource resource) noexcept {
  return resource == Resource::member || resource == Resource::presence || resource == Resource::voice_state;
}

/// The resources whose records `1:<guild>:<resource>` lists.
inline constexpr std::array listed_by_guild{Resource::emoji,
                                            Resource::channel,
                                            Resource::role,
                                            Resource::thread,
                                            Resource::sticker,
                                            Resource::stage_instance,
                                            Resource::scheduled_event,
                                            Resource::soundboard_sound,
                                            Resource::integration,
                                            Resource::auto_moderation_rule};

}  // namespace sake::store
