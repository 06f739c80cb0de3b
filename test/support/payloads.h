#pragma once

// Discord's objects (API v10) about the entities of a World, written in place. A function that ends in `_fields` writes
// only the members, for payloads that add some; its namesake without it writes the whole object as a value.

#include <cstddef>
#include <string>
#include <string_view>

#include "support/payload_writer.h"
#include "support/world.h"

namespace sake::test {

/// Where a member object appears decides what it carries.
enum class MemberShape {
  full,      ///< With its user.
  brief,     ///< With its user, and only what every GUILD_MEMBER_UPDATE carries.
  beside,    ///< Beside its user: messages and mentions.
  resolved,  ///< In interactions: without user, deaf and mute, with permissions.
};

enum class MessageShape {
  gateway,  ///< With guild_id and member.
  nested,   ///< Inside something else: neither.
};

class Payloads {
 public:
  /// `odd` allows text that is hard on parsers and objects with members left out.
  Payloads(World& world, PayloadWriter& out, bool odd) : world_(world), out_(out), odd_(odd) {}

  void user_fields(UserIndex user);
  void user(UserIndex user);
  void own_user_fields();
  void webhook_author(const Guild& guild);

  void member_fields(const Guild& guild, const Member& member, MemberShape shape);
  void member(const Guild& guild, const Member& member, MemberShape shape = MemberShape::full);
  void member_role_ids(const Guild& guild, const Member& member);

  /// `with_guild_id`: as PRESENCE_UPDATE carries it; the presences of GUILD_CREATE have none.
  void presence_fields(const Guild& guild, const Member& member, bool with_guild_id);
  void voice_state_fields(const Guild& guild, const Member& member);

  void guild_fields(const Guild& guild);  ///< Of GUILD_CREATE and GUILD_UPDATE alike.
  void guild_roles_and_expressions(const Guild& guild, bool with_stickers = true);
  void role(const Guild& guild, const Role& role);
  void emoji(const Guild& guild, const Thing& emoji);
  void sticker(const Guild& guild, const Thing& sticker);
  void sound_fields(const Guild& guild, const Thing& sound);
  void channel_fields(const Guild& guild, const Channel& channel, bool with_guild_id);
  void partial_channel(const Channel& channel);  ///< As interactions carry it.
  std::string channel_name(const Channel& channel);
  void thread_fields(const Guild& guild, const Thread& thread, bool with_guild_id);
  void thread_member_fields(const Thread& thread, UserIndex user);
  void stage_fields(const Guild& guild, const Stage& stage);
  void scheduled_event_fields(const Guild& guild, const ScheduledEvent& event, bool with_creator);
  void integration_fields(const Guild& guild, const Thing& integration);
  void automod_rule_fields(const Guild& guild, const Thing& rule);

  /// `guild` is null in direct channels. `original` is what the message answers; null when that is gone.
  void message_fields(const Guild* guild, const Message& message, MessageShape shape, const Message* original);
  void message_reactions(const Message& message);
  void embeds(Random& facts, std::size_t count);
  void partial_emoji(Id emoji, Tick changed = 0);

  /// Two to n words; odd ones among them where allowed.
  std::string words(Random& facts, std::size_t most);
  std::string name(Random& facts);
  std::int64_t some_time_after(Random& facts) const;

 private:
  void message_author(const Guild* guild, const Message& message, MessageShape shape);
  void message_mentions(const Guild* guild, const Message& message, MessageShape shape);
  void message_extras(const Guild* guild, const Message& message, MessageShape shape, const Message* original);
  void message_rarities(const Message& message);
  void forwarded_message(const Message& message);
  void attachments(const Message& message, Random& facts);
  void components(Random& facts);
  void poll(const Message& message);
  void interaction_metadata(const Guild* guild, const Message& message);
  void activity(Random& facts);
  void permission_overwrites(const Guild& guild, Random& facts);

  World& world_;
  PayloadWriter& out_;
  bool odd_;
};

/// Which member asked for a command's answer.
UserIndex asking_user(const Guild* guild, const Message& message);

constexpr std::size_t poll_answers = 3;

/// Discord's number of a message's kind.
int message_type(MessageKind kind);

}  // namespace sake::test
