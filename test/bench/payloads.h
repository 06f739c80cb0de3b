#pragma once

// Frames about made-up guilds for questions that ask for so and so much of one thing, which a generated log cannot
// promise. They carry no sequence number, so that they can be fed again.

#include <cstddef>
#include <cstdint>
#include <string>

namespace sake::bench {

/// Ids of the n-th thing of a kind; those of kinds do not meet.
constexpr std::uint64_t guild_id(std::size_t n) { return 1'000'000'000'000'000'000 + n; }
constexpr std::uint64_t channel_id(std::size_t n) { return 1'010'000'000'000'000'000 + n; }
constexpr std::uint64_t user_id(std::size_t n) { return 1'020'000'000'000'000'000 + n; }
constexpr std::uint64_t message_id(std::size_t n) { return 1'030'000'000'000'000'000 + n; }

/// GUILD_CREATE with a role and a channel, and so many members from the n-th user on; some 400 bytes each.
std::string guild_create(std::size_t guild, std::size_t first_user, std::size_t members);

/// The same of about so many bytes.
std::string guild_create_of(std::size_t bytes, std::size_t guild);

/// MESSAGE_CREATE in the guild's channel.
std::string message_create(std::size_t guild, std::size_t message, std::size_t user);

/// MESSAGE_REACTION_ADD by this user.
std::string reaction_add(std::size_t guild, std::size_t message, std::size_t user, std::size_t emoji);

/// GUILD_MEMBER_UPDATE; `variant` decides on the nick. A complete one replaces what is stored, another is merged into
/// it.
std::string member_update(std::size_t guild, std::size_t user, std::size_t variant, bool is_complete);

}  // namespace sake::bench
