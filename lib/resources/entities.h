#pragma once

// How entities of each kind are stored and removed, whatever event they came with. Handlers are built from these.
// Each appends to the event's batch and does nothing for a resource that is not in use.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "json/scan.h"
#include "resources/event.h"

namespace sake::resources {

/// How long what an edit of the host writes lives (resources/edits.h); for events, as the options say.
store::LifeMs given_life(const Event& event, Resource resource) noexcept;
/// Has the record of `op` live so long.
void apply_given_life(const Event& event, store::Op& op) noexcept;

/// A user object replaces the record; without a username there is nothing to store. `member` inside is left out.
/// Returns what it wrote until the next write.
store::Op* put_user(Event& event, json::Value user);
/// The `user` of an emoji or the like, if it has one.
void put_user_of(Event& event, json::Value object, std::string_view key = "user");

/// The value of an entity: its text with `"guild_id":"<guild>"` in place of any other guild_id.
void write_with_guild(Event& event, json::Pieces& pieces, json::Value object, std::uint64_t guild);

/// An object of an event and the id it is stored under.
struct Entity {
  std::uint64_t id;
  json::Value object;
};

/// What a guild lists (store::listed_by_guild): the records and their places in the guild's set.
void put_listed(Event& event, Resource resource, std::uint64_t guild, std::span<const Entity> entities);
void drop_listed(Event& event, Resource resource, std::uint64_t guild, std::span<const std::uint64_t> ids);

/// These are members again, whoever was removed before. When the event is dispatched, as removals are noted then.
void note_members(Event& event, std::uint64_t guild, std::span<const Entity> members);
/// Members with their `user` inside.
void put_members(Event& event, std::uint64_t guild, std::span<const Entity> members);
/// A member that rides along, and the user object that belongs to it.
struct Companion {
  std::uint64_t id;
  json::Value member;
  json::Value user;
};
/// Checks a member that rides along: none when the policy leaves it, or when it was removed a moment ago. `user` is the
/// user object where the member holds none. Before the event's turn, since it may reject the event.
std::optional<Companion> companion_member(Event& event, std::uint64_t guild, json::Value member, json::Value user = {});
/// Stores it with its user and without `permissions`, which hold for one channel only.
void put_companion(Event& event, std::uint64_t guild, const Companion& companion);
/// Both, and the member's user.
void harvest_member(Event& event, std::uint64_t guild, json::Value member, json::Value user = {});
void drop_member(Event& event, std::uint64_t guild, std::uint64_t user);
/// What every member that is written passes.
void index_member(Event& event, std::uint64_t guild, std::uint64_t user);

void put_presences(Event& event, std::uint64_t guild, std::span<const Entity> presences);
void drop_presence(Event& event, std::uint64_t guild, std::uint64_t user);
/// Stores or, when offline, removes; checks that the presence names its user.
void apply_presence(Event& event, std::uint64_t guild, json::Value presence);

/// Voice states are a record in the guild's hash and a place in the set of their channel, which also holds a marker.
/// `member` is what to store with the state when it holds none: an object as text, or empty.
void put_voice_state(Event& event, std::uint64_t guild, std::uint64_t user, json::Value state, std::string_view member);
void drop_voice_state(Event& event, std::uint64_t guild, std::uint64_t user);
void enter_voice_channel(Event& event, std::uint64_t guild, std::uint64_t channel,
                         std::span<const std::uint64_t> users);
/// Takes the user out of the channel's set, and removes the set when nothing but its marker is left.
void leave_voice_channel(Event& event, std::uint64_t user, std::uint64_t channel);

/// The record and its entries in those indices that are on and whose owner is known.
void drop_message(Event& event, std::uint64_t message, std::optional<std::uint64_t> channel,
                  std::optional<std::uint64_t> guild, std::optional<std::uint64_t> author);
/// An entry of a secondary index, for an entity that ends at `end`; its name is `text`, or `id`.
void enter_index(Event& event, const store::ReferenceKey& index, std::int64_t end, std::uint64_t id,
                 std::string_view text = {});
void drop_invite(Event& event, std::string_view code, std::optional<std::uint64_t> channel,
                 std::optional<std::uint64_t> guild);

/// Removes a channel, its voice set, and by their indices its messages and invites. Voice states, threads and stage
/// instances need their own ids.
void drop_channel(Event& event, std::uint64_t guild, std::uint64_t channel);
/// The threads of a channel with their messages, in a story of its own.
void drop_threads_of(Event& event, std::uint64_t channel, std::uint64_t guild);
/// A thread without its messages. `parent`: the channel it is in, where that is known.
void drop_thread(Event& event, std::uint64_t guild, std::uint64_t thread, std::optional<std::uint64_t> parent);

/// The messages and invites of a channel or guild, by those of its indices that are on. `guild`: itself, or the
/// channel's.
void drop_entries_of(Event& event, store::Owner owner, std::uint64_t id, std::uint64_t guild);
/// The same for the messages alone.
void drop_messages_of(Event& event, store::Owner owner, std::uint64_t id, std::uint64_t guild);

/// Its places in the secondary indices that are on, until its lifetime ends.
void index_message(Event& event, std::uint64_t id, std::uint64_t channel, std::optional<std::uint64_t> guild,
                   std::optional<std::uint64_t> author);

/// A message as it is sent or was merged; `write` appends its value.
template <typename Write>
void put_message(Event& event, std::uint64_t id, std::uint64_t channel, std::optional<std::uint64_t> guild,
                 std::optional<std::uint64_t> author, Write write) {
  if (!event.uses(Resource::message)) return;
  index_message(event, id, channel, guild, author);
  apply_given_life(event, event.out().set(Resource::message, id, write));
}
/// Adds to a number in a stored record, which never falls below zero. Nothing where either is not there.
void change_count(Event& event, Resource resource, std::uint64_t id, json::Value stored, std::string_view key,
                  std::int64_t change);

/// The id in `user_id`, else in `member.user.id`: abridged captures lack the former.
std::uint64_t user_id_of(Event& event, json::Value object);

}  // namespace sake::resources
