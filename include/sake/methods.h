#pragma once

// hikari-sake's methods, one class template for each resource. Cache has them all; a type that offers a few of them
// derives from these and gives them `get`, `get_many`, `iterate`, `set`, `erase` and `clear` as Cache has them.
//
// Ids are numbers; payloads are JSON objects as Discord sends them. What is common to all methods of a kind:
//   get_x     Errors: entry_not_found (see Error::is_absent), invalid_data_found, backend_error.
//   iter_x    Nothing is asked before the first step. `window_size`: entities asked for at a time, positive.
//   set_x     Stores the payload in place of what is there, with its references and the users in it.
//             Errors: invalid_payload, over_capacity, backend_error.
//   delete_x  Deletes the entity and its references, and nothing else. One that is not there is no error.
//   clear_x   Deletes all of a collection; what is written meanwhile may stay.
// A resource that the cache does not keep, and an index that is off, are invalid_argument. After close everything is
// closed_client.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "sake/cache_iterator.h"
#include "sake/entity.h"
#include "sake/models.h"
#include "sake/options.h"
#include "sake/request.h"

namespace sake {

/// Entities that are asked for at a time unless the caller says otherwise.
inline constexpr std::size_t default_window_size = 1000;

namespace detail {
/// The answer to a question for an entity, seen as a model of it.
template <typename T>
Request<T> as(Request<Entity> request) {
  return std::move(request).map([](Entity entity) { return T(JsonView(std::move(entity))); });
}
}  // namespace detail

/// Custom emojis of guilds: `0`.
template <typename Self>
class EmojiCache {
 public:
  /// One emoji. With the guild, absence is told from ignorance; see Error::is_absent.
  Request<Emoji> get_emoji(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return detail::as<Emoji>(self().get({Resource::emoji, id, guild_id.value_or(0)}));
  }
  /// Walks all emojis.
  CacheIterator<Emoji> iter_emojis(std::size_t window_size = default_window_size) {
    return CacheIterator<Emoji>(self().iterate(Scope::all(Resource::emoji), window_size));
  }
  /// Walks the emojis of a guild.
  CacheIterator<Emoji> iter_emojis_for_guild(std::uint64_t guild_id, std::size_t window_size = default_window_size) {
    return CacheIterator<Emoji>(self().iterate(Scope::of_guild(Resource::emoji, guild_id), window_size));
  }
  /// Stores an emoji of a guild.
  Request<void> set_emoji(std::uint64_t guild_id, std::string payload) {
    return self().set({Resource::emoji, 0, guild_id}, std::move(payload));
  }
  /// With the guild no record has to be read first.
  Request<void> delete_emoji(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return self().erase({Resource::emoji, id, guild_id.value_or(0)});
  }
  /// Deletes all emojis.
  Request<void> clear_emojis() { return self().clear(Scope::all(Resource::emoji)); }
  /// Deletes the emojis of a guild.
  Request<void> clear_emojis_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::emoji, guild_id));
  }

 private:
  friend Self;
  EmojiCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Guilds without what other resources keep: `1`. Deleting one deletes its record; see GUILD_DELETE for a leave.
template <typename Self>
class GuildCache {
 public:
  /// One guild.
  Request<Guild> get_guild(std::uint64_t guild_id) {
    return detail::as<Guild>(self().get({Resource::guild, guild_id, guild_id}));
  }
  /// Walks all guilds.
  CacheIterator<Guild> iter_guilds(std::size_t window_size = default_window_size) {
    return CacheIterator<Guild>(self().iterate(Scope::all(Resource::guild), window_size));
  }
  /// Collections that other resources keep are left out of what is stored.
  Request<void> set_guild(std::string payload) { return self().set({Resource::guild}, std::move(payload)); }
  /// Deletes a guild.
  Request<void> delete_guild(std::uint64_t guild_id) { return self().erase({Resource::guild, guild_id, guild_id}); }
  /// Deletes all guilds.
  Request<void> clear_guilds() { return self().clear(Scope::all(Resource::guild)); }

 private:
  friend Self;
  GuildCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Channels of guilds, threads apart: `2`.
template <typename Self>
class GuildChannelCache {
 public:
  /// One channel. With the guild, absence is told from ignorance; see Error::is_absent.
  Request<Channel> get_guild_channel(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return detail::as<Channel>(self().get({Resource::channel, id, guild_id.value_or(0)}));
  }
  /// Walks all channels.
  CacheIterator<Channel> iter_guild_channels(std::size_t window_size = default_window_size) {
    return CacheIterator<Channel>(self().iterate(Scope::all(Resource::channel), window_size));
  }
  /// Walks the channels of a guild.
  CacheIterator<Channel> iter_guild_channels_for_guild(std::uint64_t guild_id,
                                                       std::size_t window_size = default_window_size) {
    return CacheIterator<Channel>(self().iterate(Scope::of_guild(Resource::channel, guild_id), window_size));
  }
  /// The payload holds its `guild_id`.
  Request<void> set_guild_channel(std::string payload) { return self().set({Resource::channel}, std::move(payload)); }
  /// With the guild no record has to be read first.
  Request<void> delete_guild_channel(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return self().erase({Resource::channel, id, guild_id.value_or(0)});
  }
  /// Deletes all channels.
  Request<void> clear_guild_channels() { return self().clear(Scope::all(Resource::channel)); }
  /// Deletes the channels of a guild.
  Request<void> clear_guild_channels_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::channel, guild_id));
  }

 private:
  friend Self;
  GuildChannelCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Invites: `3`.
template <typename Self>
class InviteCache {
 public:
  /// The invite of that code.
  Request<Invite> get_invite(std::string code) {
    return detail::as<Invite>(self().get({Resource::invite, 0, 0, std::move(code)}));
  }
  /// Walks all invites.
  CacheIterator<Invite> iter_invites(std::size_t window_size = default_window_size) {
    return CacheIterator<Invite>(self().iterate(Scope::all(Resource::invite), window_size));
  }
  /// Walks the invites of a channel.
  CacheIterator<Invite> iter_invites_for_channel(std::uint64_t channel_id,
                                                 std::size_t window_size = default_window_size) {
    return CacheIterator<Invite>(self().iterate(Scope::of_channel(Resource::invite, channel_id), window_size));
  }
  /// Walks the invites of a guild.
  CacheIterator<Invite> iter_invites_for_guild(std::uint64_t guild_id, std::size_t window_size = default_window_size) {
    return CacheIterator<Invite>(self().iterate(Scope::of_guild(Resource::invite, guild_id), window_size));
  }
  /// Without `expire_time` it lives as it says itself, else for Options::invite_expire.
  Request<void> set_invite(std::string payload, std::optional<Lifetime> expire_time = std::nullopt) {
    return self().set({Resource::invite}, std::move(payload), expire_time);
  }
  /// Deletes the invite of that code.
  Request<void> delete_invite(std::string code) { return self().erase({Resource::invite, 0, 0, std::move(code)}); }
  /// Deletes all invites.
  Request<void> clear_invites() { return self().clear(Scope::all(Resource::invite)); }
  /// Deletes the invites of a channel.
  Request<void> clear_invites_for_channel(std::uint64_t channel_id) {
    return self().clear(Scope::of_channel(Resource::invite, channel_id));
  }
  /// Deletes the invites of a guild.
  Request<void> clear_invites_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::invite, guild_id));
  }

 private:
  friend Self;
  InviteCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Members: `4`. By user with SecondaryIndices::members_by_user.
template <typename Self>
class MemberCache {
 public:
  /// The member of a user in a guild.
  Request<Member> get_member(std::uint64_t guild_id, std::uint64_t user_id) {
    return detail::as<Member>(self().get({Resource::member, user_id, guild_id}));
  }
  /// Walks all members.
  CacheIterator<Member> iter_members(std::size_t window_size = default_window_size) {
    return CacheIterator<Member>(self().iterate(Scope::all(Resource::member), window_size));
  }
  /// Walks the members of a guild.
  CacheIterator<Member> iter_members_for_guild(std::uint64_t guild_id, std::size_t window_size = default_window_size) {
    return CacheIterator<Member>(self().iterate(Scope::of_guild(Resource::member, guild_id), window_size));
  }
  /// Walks the members of a user.
  CacheIterator<Member> iter_members_for_user(std::uint64_t user_id, std::size_t window_size = default_window_size) {
    return CacheIterator<Member>(self().iterate(Scope::of_user(Resource::member, user_id), window_size));
  }
  /// Stores a member of a guild.
  Request<void> set_member(std::uint64_t guild_id, std::string payload) {
    return self().set({Resource::member, 0, guild_id}, std::move(payload));
  }
  /// Deletes the member of a user in a guild.
  Request<void> delete_member(std::uint64_t guild_id, std::uint64_t user_id) {
    return self().erase({Resource::member, user_id, guild_id});
  }
  /// Deletes all members.
  Request<void> clear_members() { return self().clear(Scope::all(Resource::member)); }
  /// Deletes the members of a guild.
  Request<void> clear_members_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::member, guild_id));
  }
  /// Deletes the members of a user.
  Request<void> clear_members_for_user(std::uint64_t user_id) {
    return self().clear(Scope::of_user(Resource::member, user_id));
  }

 private:
  friend Self;
  MemberCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Presences: `5`. By user with SecondaryIndices::presences_by_user.
template <typename Self>
class PresenceCache {
 public:
  /// The presence of a user in a guild.
  Request<Presence> get_presence(std::uint64_t guild_id, std::uint64_t user_id) {
    return detail::as<Presence>(self().get({Resource::presence, user_id, guild_id}));
  }
  /// Walks all presences.
  CacheIterator<Presence> iter_presences(std::size_t window_size = default_window_size) {
    return CacheIterator<Presence>(self().iterate(Scope::all(Resource::presence), window_size));
  }
  /// Walks the presences of a guild.
  CacheIterator<Presence> iter_presences_for_guild(std::uint64_t guild_id,
                                                   std::size_t window_size = default_window_size) {
    return CacheIterator<Presence>(self().iterate(Scope::of_guild(Resource::presence, guild_id), window_size));
  }
  /// Walks the presences of a user.
  CacheIterator<Presence> iter_presences_for_user(std::uint64_t user_id,
                                                  std::size_t window_size = default_window_size) {
    return CacheIterator<Presence>(self().iterate(Scope::of_user(Resource::presence, user_id), window_size));
  }
  /// The payload holds its `guild_id`. One that is offline deletes what is there.
  Request<void> set_presence(std::string payload) { return self().set({Resource::presence}, std::move(payload)); }
  /// Deletes the presence of a user in a guild.
  Request<void> delete_presence(std::uint64_t guild_id, std::uint64_t user_id) {
    return self().erase({Resource::presence, user_id, guild_id});
  }
  /// Deletes all presences.
  Request<void> clear_presences() { return self().clear(Scope::all(Resource::presence)); }
  /// Deletes the presences of a guild.
  Request<void> clear_presences_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::presence, guild_id));
  }
  /// Deletes the presences of a user.
  Request<void> clear_presences_for_user(std::uint64_t user_id) {
    return self().clear(Scope::of_user(Resource::presence, user_id));
  }

 private:
  friend Self;
  PresenceCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Roles: `6`.
template <typename Self>
class RoleCache {
 public:
  /// One role. With the guild, absence is told from ignorance; see Error::is_absent.
  Request<Role> get_role(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return detail::as<Role>(self().get({Resource::role, id, guild_id.value_or(0)}));
  }
  /// Walks all roles.
  CacheIterator<Role> iter_roles(std::size_t window_size = default_window_size) {
    return CacheIterator<Role>(self().iterate(Scope::all(Resource::role), window_size));
  }
  /// Walks the roles of a guild.
  CacheIterator<Role> iter_roles_for_guild(std::uint64_t guild_id, std::size_t window_size = default_window_size) {
    return CacheIterator<Role>(self().iterate(Scope::of_guild(Resource::role, guild_id), window_size));
  }
  /// Stores a role of a guild.
  Request<void> set_role(std::uint64_t guild_id, std::string payload) {
    return self().set({Resource::role, 0, guild_id}, std::move(payload));
  }
  /// With the guild no record has to be read first.
  Request<void> delete_role(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return self().erase({Resource::role, id, guild_id.value_or(0)});
  }
  /// Deletes all roles.
  Request<void> clear_roles() { return self().clear(Scope::all(Resource::role)); }
  /// Deletes the roles of a guild.
  Request<void> clear_roles_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::role, guild_id));
  }

 private:
  friend Self;
  RoleCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Users: `7`.
template <typename Self>
class UserCache {
 public:
  /// One user.
  Request<User> get_user(std::uint64_t user_id) { return detail::as<User>(self().get({Resource::user, user_id})); }
  /// Without the own user's own record; it may be among them as a user.
  CacheIterator<User> iter_users(std::size_t window_size = default_window_size) {
    return CacheIterator<User>(self().iterate(Scope::all(Resource::user), window_size));
  }
  /// Without `expire_time` it lives for Options::user_expire.
  Request<void> set_user(std::string payload, std::optional<Lifetime> expire_time = std::nullopt) {
    return self().set({Resource::user}, std::move(payload), expire_time);
  }
  /// Deletes a user.
  Request<void> delete_user(std::uint64_t user_id) { return self().erase({Resource::user, user_id}); }
  /// Deletes all users.
  Request<void> clear_users() { return self().clear(Scope::all(Resource::user)); }

 private:
  friend Self;
  UserCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// The own user: `ME` in `7`.
template <typename Self>
class MeCache {
 public:
  /// The own user. Without READY and Options::app it is entry_not_found.
  Request<OwnUser> get_me() { return detail::as<OwnUser>(self().get(EntityKey::me())); }
  /// Merged with what is known; stored as a user too.
  Request<void> set_me(std::string payload) { return self().set(EntityKey::me(), std::move(payload)); }
  /// Deletes the record of the own user.
  Request<void> delete_me() { return self().erase(EntityKey::me()); }

 private:
  friend Self;
  MeCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Voice states: `8`.
template <typename Self>
class VoiceStateCache {
 public:
  /// The voice state of a user in a guild.
  Request<VoiceState> get_voice_state(std::uint64_t guild_id, std::uint64_t user_id) {
    return detail::as<VoiceState>(self().get({Resource::voice_state, user_id, guild_id}));
  }
  /// Walks all voice states.
  CacheIterator<VoiceState> iter_voice_states(std::size_t window_size = default_window_size) {
    return CacheIterator<VoiceState>(self().iterate(Scope::all(Resource::voice_state), window_size));
  }
  /// Walks the voice states in a channel.
  CacheIterator<VoiceState> iter_voice_states_for_channel(std::uint64_t channel_id,
                                                          std::size_t window_size = default_window_size) {
    return CacheIterator<VoiceState>(self().iterate(Scope::of_channel(Resource::voice_state, channel_id), window_size));
  }
  /// Walks the voice states of a guild.
  CacheIterator<VoiceState> iter_voice_states_for_guild(std::uint64_t guild_id,
                                                        std::size_t window_size = default_window_size) {
    return CacheIterator<VoiceState>(self().iterate(Scope::of_guild(Resource::voice_state, guild_id), window_size));
  }
  /// The payload holds its `channel_id`.
  Request<void> set_voice_state(std::uint64_t guild_id, std::string payload) {
    return self().set({Resource::voice_state, 0, guild_id}, std::move(payload));
  }
  /// Deletes the voice state of a user in a guild.
  Request<void> delete_voice_state(std::uint64_t guild_id, std::uint64_t user_id) {
    return self().erase({Resource::voice_state, user_id, guild_id});
  }
  /// Deletes all voice states.
  Request<void> clear_voice_states() { return self().clear(Scope::all(Resource::voice_state)); }
  /// Deletes the voice states in a channel.
  Request<void> clear_voice_states_for_channel(std::uint64_t channel_id) {
    return self().clear(Scope::of_channel(Resource::voice_state, channel_id));
  }
  /// Deletes the voice states of a guild.
  Request<void> clear_voice_states_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::voice_state, guild_id));
  }

 private:
  friend Self;
  VoiceStateCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Messages: `10`. By channel, author and guild with the indices of SecondaryIndices.
template <typename Self>
class MessageCache {
 public:
  /// One message.
  Request<Message> get_message(std::uint64_t message_id) {
    return detail::as<Message>(self().get({Resource::message, message_id}));
  }
  /// Walks all messages.
  CacheIterator<Message> iter_messages(std::size_t window_size = default_window_size) {
    return CacheIterator<Message>(self().iterate(Scope::all(Resource::message), window_size));
  }
  /// Walks the messages of a channel.
  CacheIterator<Message> iter_messages_for_channel(std::uint64_t channel_id,
                                                   std::size_t window_size = default_window_size) {
    return CacheIterator<Message>(self().iterate(Scope::of_channel(Resource::message, channel_id), window_size));
  }
  /// Walks the messages that a user wrote.
  CacheIterator<Message> iter_messages_for_author(std::uint64_t user_id,
                                                  std::size_t window_size = default_window_size) {
    return CacheIterator<Message>(self().iterate(Scope::of_user(Resource::message, user_id), window_size));
  }
  /// Walks the messages of a guild.
  CacheIterator<Message> iter_messages_for_guild(std::uint64_t guild_id,
                                                 std::size_t window_size = default_window_size) {
    return CacheIterator<Message>(self().iterate(Scope::of_guild(Resource::message, guild_id), window_size));
  }
  /// Without `expire_time` it lives for Options::message_expire.
  Request<void> set_message(std::string payload, std::optional<Lifetime> expire_time = std::nullopt) {
    return self().set({Resource::message}, std::move(payload), expire_time);
  }
  /// Merges the top-level fields of the payload into the stored message, whose lifetime begins anew. False: there is
  /// none, and nothing was stored.
  Request<bool> update_message(std::string payload, std::optional<Lifetime> expire_time = std::nullopt) {
    return self().update(std::move(payload), expire_time);
  }
  /// Deletes a message.
  Request<void> delete_message(std::uint64_t message_id) { return self().erase({Resource::message, message_id}); }
  /// Deletes all messages.
  Request<void> clear_messages() { return self().clear(Scope::all(Resource::message)); }
  /// Deletes the messages of a channel.
  Request<void> clear_messages_for_channel(std::uint64_t channel_id) {
    return self().clear(Scope::of_channel(Resource::message, channel_id));
  }
  /// Deletes the messages that a user wrote.
  Request<void> clear_messages_for_author(std::uint64_t user_id) {
    return self().clear(Scope::of_user(Resource::message, user_id));
  }
  /// Deletes the messages of a guild.
  Request<void> clear_messages_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::message, guild_id));
  }

 private:
  friend Self;
  MessageCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Active threads: `11`.
template <typename Self>
class ThreadCache {
 public:
  /// One thread. With the guild, absence is told from ignorance; see Error::is_absent.
  Request<Thread> get_thread(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return detail::as<Thread>(self().get({Resource::thread, id, guild_id.value_or(0)}));
  }
  /// Walks all threads.
  CacheIterator<Thread> iter_threads(std::size_t window_size = default_window_size) {
    return CacheIterator<Thread>(self().iterate(Scope::all(Resource::thread), window_size));
  }
  /// Walks the threads of a guild.
  CacheIterator<Thread> iter_threads_for_guild(std::uint64_t guild_id, std::size_t window_size = default_window_size) {
    return CacheIterator<Thread>(self().iterate(Scope::of_guild(Resource::thread, guild_id), window_size));
  }
  /// The payload holds its `guild_id`.
  Request<void> set_thread(std::string payload) { return self().set({Resource::thread}, std::move(payload)); }
  /// With the guild no record has to be read first.
  Request<void> delete_thread(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return self().erase({Resource::thread, id, guild_id.value_or(0)});
  }
  /// Deletes all threads.
  Request<void> clear_threads() { return self().clear(Scope::all(Resource::thread)); }
  /// Deletes the threads of a guild.
  Request<void> clear_threads_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::thread, guild_id));
  }
  /// Walks the threads of a channel.
  CacheIterator<Thread> iter_threads_for_channel(std::uint64_t channel_id,
                                                 std::size_t window_size = default_window_size) {
    return CacheIterator<Thread>(self().iterate(Scope::of_channel(Resource::thread, channel_id), window_size));
  }
  /// Deletes the threads of a channel.
  Request<void> clear_threads_for_channel(std::uint64_t channel_id) {
    return self().clear(Scope::of_channel(Resource::thread, channel_id));
  }

 private:
  friend Self;
  ThreadCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Stickers of guilds: `12`.
template <typename Self>
class StickerCache {
 public:
  /// One sticker. With the guild, absence is told from ignorance; see Error::is_absent.
  Request<Sticker> get_sticker(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return detail::as<Sticker>(self().get({Resource::sticker, id, guild_id.value_or(0)}));
  }
  /// Walks all stickers.
  CacheIterator<Sticker> iter_stickers(std::size_t window_size = default_window_size) {
    return CacheIterator<Sticker>(self().iterate(Scope::all(Resource::sticker), window_size));
  }
  /// Walks the stickers of a guild.
  CacheIterator<Sticker> iter_stickers_for_guild(std::uint64_t guild_id,
                                                 std::size_t window_size = default_window_size) {
    return CacheIterator<Sticker>(self().iterate(Scope::of_guild(Resource::sticker, guild_id), window_size));
  }
  /// Stores a sticker of a guild.
  Request<void> set_sticker(std::uint64_t guild_id, std::string payload) {
    return self().set({Resource::sticker, 0, guild_id}, std::move(payload));
  }
  /// With the guild no record has to be read first.
  Request<void> delete_sticker(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return self().erase({Resource::sticker, id, guild_id.value_or(0)});
  }
  /// Deletes all stickers.
  Request<void> clear_stickers() { return self().clear(Scope::all(Resource::sticker)); }
  /// Deletes the stickers of a guild.
  Request<void> clear_stickers_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::sticker, guild_id));
  }

 private:
  friend Self;
  StickerCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Stage instances: `13`.
template <typename Self>
class StageInstanceCache {
 public:
  /// One stage instance. With the guild, absence is told from ignorance; see Error::is_absent.
  Request<StageInstance> get_stage_instance(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return detail::as<StageInstance>(self().get({Resource::stage_instance, id, guild_id.value_or(0)}));
  }
  /// Walks all stage instances.
  CacheIterator<StageInstance> iter_stage_instances(std::size_t window_size = default_window_size) {
    return CacheIterator<StageInstance>(self().iterate(Scope::all(Resource::stage_instance), window_size));
  }
  /// Walks the stage instances of a guild.
  CacheIterator<StageInstance> iter_stage_instances_for_guild(std::uint64_t guild_id,
                                                              std::size_t window_size = default_window_size) {
    return CacheIterator<StageInstance>(
        self().iterate(Scope::of_guild(Resource::stage_instance, guild_id), window_size));
  }
  /// Stores a stage instance of a guild.
  Request<void> set_stage_instance(std::uint64_t guild_id, std::string payload) {
    return self().set({Resource::stage_instance, 0, guild_id}, std::move(payload));
  }
  /// With the guild no record has to be read first.
  Request<void> delete_stage_instance(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return self().erase({Resource::stage_instance, id, guild_id.value_or(0)});
  }
  /// Deletes all stage instances.
  Request<void> clear_stage_instances() { return self().clear(Scope::all(Resource::stage_instance)); }
  /// Deletes the stage instances of a guild.
  Request<void> clear_stage_instances_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::stage_instance, guild_id));
  }

 private:
  friend Self;
  StageInstanceCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Scheduled events: `14`.
template <typename Self>
class ScheduledEventCache {
 public:
  /// One scheduled event. With the guild, absence is told from ignorance; see Error::is_absent.
  Request<ScheduledEvent> get_scheduled_event(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return detail::as<ScheduledEvent>(self().get({Resource::scheduled_event, id, guild_id.value_or(0)}));
  }
  /// Walks all scheduled events.
  CacheIterator<ScheduledEvent> iter_scheduled_events(std::size_t window_size = default_window_size) {
    return CacheIterator<ScheduledEvent>(self().iterate(Scope::all(Resource::scheduled_event), window_size));
  }
  /// Walks the scheduled events of a guild.
  CacheIterator<ScheduledEvent> iter_scheduled_events_for_guild(std::uint64_t guild_id,
                                                                std::size_t window_size = default_window_size) {
    return CacheIterator<ScheduledEvent>(
        self().iterate(Scope::of_guild(Resource::scheduled_event, guild_id), window_size));
  }
  /// Stores a scheduled event of a guild.
  Request<void> set_scheduled_event(std::uint64_t guild_id, std::string payload) {
    return self().set({Resource::scheduled_event, 0, guild_id}, std::move(payload));
  }
  /// With the guild no record has to be read first.
  Request<void> delete_scheduled_event(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return self().erase({Resource::scheduled_event, id, guild_id.value_or(0)});
  }
  /// Deletes all scheduled events.
  Request<void> clear_scheduled_events() { return self().clear(Scope::all(Resource::scheduled_event)); }
  /// Deletes the scheduled events of a guild.
  Request<void> clear_scheduled_events_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::scheduled_event, guild_id));
  }

 private:
  friend Self;
  ScheduledEventCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Soundboard sounds of guilds: `15`.
template <typename Self>
class SoundboardSoundCache {
 public:
  /// One soundboard sound. With the guild, absence is told from ignorance; see Error::is_absent.
  Request<SoundboardSound> get_soundboard_sound(std::uint64_t id,
                                                std::optional<std::uint64_t> guild_id = std::nullopt) {
    return detail::as<SoundboardSound>(self().get({Resource::soundboard_sound, id, guild_id.value_or(0)}));
  }
  /// Walks all soundboard sounds.
  CacheIterator<SoundboardSound> iter_soundboard_sounds(std::size_t window_size = default_window_size) {
    return CacheIterator<SoundboardSound>(self().iterate(Scope::all(Resource::soundboard_sound), window_size));
  }
  /// Walks the soundboard sounds of a guild.
  CacheIterator<SoundboardSound> iter_soundboard_sounds_for_guild(std::uint64_t guild_id,
                                                                  std::size_t window_size = default_window_size) {
    return CacheIterator<SoundboardSound>(
        self().iterate(Scope::of_guild(Resource::soundboard_sound, guild_id), window_size));
  }
  /// Stores a soundboard sound of a guild.
  Request<void> set_soundboard_sound(std::uint64_t guild_id, std::string payload) {
    return self().set({Resource::soundboard_sound, 0, guild_id}, std::move(payload));
  }
  /// With the guild no record has to be read first.
  Request<void> delete_soundboard_sound(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return self().erase({Resource::soundboard_sound, id, guild_id.value_or(0)});
  }
  /// Deletes all soundboard sounds.
  Request<void> clear_soundboard_sounds() { return self().clear(Scope::all(Resource::soundboard_sound)); }
  /// Deletes the soundboard sounds of a guild.
  Request<void> clear_soundboard_sounds_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::soundboard_sound, guild_id));
  }

 private:
  friend Self;
  SoundboardSoundCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Integrations: `16`.
template <typename Self>
class IntegrationCache {
 public:
  /// One integration. With the guild, absence is told from ignorance; see Error::is_absent.
  Request<Integration> get_integration(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return detail::as<Integration>(self().get({Resource::integration, id, guild_id.value_or(0)}));
  }
  /// Walks all integrations.
  CacheIterator<Integration> iter_integrations(std::size_t window_size = default_window_size) {
    return CacheIterator<Integration>(self().iterate(Scope::all(Resource::integration), window_size));
  }
  /// Walks the integrations of a guild.
  CacheIterator<Integration> iter_integrations_for_guild(std::uint64_t guild_id,
                                                         std::size_t window_size = default_window_size) {
    return CacheIterator<Integration>(self().iterate(Scope::of_guild(Resource::integration, guild_id), window_size));
  }
  /// Stores an integration of a guild.
  Request<void> set_integration(std::uint64_t guild_id, std::string payload) {
    return self().set({Resource::integration, 0, guild_id}, std::move(payload));
  }
  /// With the guild no record has to be read first.
  Request<void> delete_integration(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return self().erase({Resource::integration, id, guild_id.value_or(0)});
  }
  /// Deletes all integrations.
  Request<void> clear_integrations() { return self().clear(Scope::all(Resource::integration)); }
  /// Deletes the integrations of a guild.
  Request<void> clear_integrations_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::integration, guild_id));
  }

 private:
  friend Self;
  IntegrationCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Auto-moderation rules: `17`.
template <typename Self>
class AutoModerationRuleCache {
 public:
  /// One auto-moderation rule. With the guild, absence is told from ignorance; see Error::is_absent.
  Request<AutoModerationRule> get_auto_moderation_rule(std::uint64_t id,
                                                       std::optional<std::uint64_t> guild_id = std::nullopt) {
    return detail::as<AutoModerationRule>(self().get({Resource::auto_moderation_rule, id, guild_id.value_or(0)}));
  }
  /// Walks all auto-moderation rules.
  CacheIterator<AutoModerationRule> iter_auto_moderation_rules(std::size_t window_size = default_window_size) {
    return CacheIterator<AutoModerationRule>(self().iterate(Scope::all(Resource::auto_moderation_rule), window_size));
  }
  /// Walks the auto-moderation rules of a guild.
  CacheIterator<AutoModerationRule> iter_auto_moderation_rules_for_guild(
      std::uint64_t guild_id, std::size_t window_size = default_window_size) {
    return CacheIterator<AutoModerationRule>(
        self().iterate(Scope::of_guild(Resource::auto_moderation_rule, guild_id), window_size));
  }
  /// Stores an auto-moderation rule of a guild.
  Request<void> set_auto_moderation_rule(std::uint64_t guild_id, std::string payload) {
    return self().set({Resource::auto_moderation_rule, 0, guild_id}, std::move(payload));
  }
  /// With the guild no record has to be read first.
  Request<void> delete_auto_moderation_rule(std::uint64_t id, std::optional<std::uint64_t> guild_id = std::nullopt) {
    return self().erase({Resource::auto_moderation_rule, id, guild_id.value_or(0)});
  }
  /// Deletes all auto-moderation rules.
  Request<void> clear_auto_moderation_rules() { return self().clear(Scope::all(Resource::auto_moderation_rule)); }
  /// Deletes the auto-moderation rules of a guild.
  Request<void> clear_auto_moderation_rules_for_guild(std::uint64_t guild_id) {
    return self().clear(Scope::of_guild(Resource::auto_moderation_rule, guild_id));
  }

 private:
  friend Self;
  AutoModerationRuleCache() noexcept = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

}  // namespace sake
