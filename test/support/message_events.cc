#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "support/gateway_script.h"

namespace sake::test {

namespace {

/// Per guild or direct channel; older messages are forgotten, and nothing happens to them any more.
constexpr std::size_t messages_max = 40;

constexpr std::size_t reactions_max = 12;
constexpr std::size_t votes_max = 12;
constexpr std::size_t few_max = 8;
constexpr std::size_t unicode_emojis = 6;

constexpr int flag_ephemeral = 64;

void keep_latest(std::vector<Message>& messages) {
  if (messages.size() > messages_max) messages.erase(messages.begin());
}

bool can_be_edited(const Message& message) {
  return message.kind != MessageKind::join && message.kind != MessageKind::poll;
}

}  // namespace

// Messages

Message* GatewayLog::Script::some_message(Guild& guild) {
  return guild.messages.empty() ? nullptr : &random_.pick(guild.messages);
}

Message* GatewayLog::Script::some_poll(Guild& guild) {
  return some(random_, guild.messages,
              [](const Message& message) { return message.kind == MessageKind::poll && !message.poll_over; });
}

const Message* GatewayLog::Script::original_of(const Guild& guild, const Message& message) const {
  if (message.kind != MessageKind::reply) return nullptr;
  const auto is_it = [&](const Message& other) { return other.id == message.refers_to; };
  const auto found = std::find_if(guild.messages.begin(), guild.messages.end(), is_it);
  return found == guild.messages.end() ? nullptr : &*found;
}

/// In a channel or thread, which remembers its last message.
Message& GatewayLog::Script::new_message(Guild& guild, Id channel, MessageKind kind) {
  Message message;
  message.id = world_.new_id();
  message.channel = channel;
  message.author = kind == MessageKind::command_answer ? own_user : random_.pick(guild.members).user;
  message.kind = kind;
  if (kind == MessageKind::reply || kind == MessageKind::forward) {
    const Message* original = some_message(guild);
    message.refers_to = original == nullptr ? world_.old_id() : original->id;
  }
  if (Channel* found = guild.find_channel(channel)) found->last_message = message.id;
  if (Thread* found = guild.find_thread(channel)) {
    found->last_message = message.id;
    ++found->messages;
    ++found->messages_ever;
  }
  guild.messages.push_back(message);
  keep_latest(guild.messages);
  return guild.messages.back();
}

void GatewayLog::Script::message_event(std::string_view event, const Guild& guild, const Message& message) {
  const auto starts_here = [&](const Thread& thread) {
    return thread.id == message.id && message.channel != message.id && !thread.archived;
  };
  const auto thread = std::find_if(guild.threads.begin(), guild.threads.end(), starts_here);
  dispatch(event, guild, [&] {
    payloads_.message_fields(&guild, message, MessageShape::gateway, original_of(guild, message));
    if (thread != guild.threads.end()) out_.object("thread", [&] { payloads_.thread_fields(guild, *thread, true); });
  });
}

bool GatewayLog::Script::message_sent(Guild& guild) {
  static constexpr MessageKind kinds[] = {
      MessageKind::plain,      MessageKind::plain,   MessageKind::plain,   MessageKind::plain,
      MessageKind::plain,      MessageKind::plain,   MessageKind::reply,   MessageKind::reply,
      MessageKind::rich,       MessageKind::rich,    MessageKind::webhook, MessageKind::command_answer,
      MessageKind::attachment, MessageKind::sticker, MessageKind::join,    MessageKind::forward};
  const Channel* channel = some(random_, guild.channels, [](const Channel& c) { return is_readable(c.type); });
  if (channel == nullptr) return false;
  const MessageKind kind = kinds[random_.below(std::size(kinds))];
  message_event("MESSAGE_CREATE", guild, new_message(guild, channel->id, kind));
  return true;
}

bool GatewayLog::Script::message_sent_in_thread(Guild& guild) {
  const Thread* thread = some_thread(guild, false);
  if (thread == nullptr) return false;
  const MessageKind kind = random_.one_in(4) ? MessageKind::reply : MessageKind::plain;
  message_event("MESSAGE_CREATE", guild, new_message(guild, thread->id, kind));
  return true;
}

bool GatewayLog::Script::poll_sent(Guild& guild) {
  const Channel* channel = some(random_, guild.channels, [](const Channel& c) { return is_readable(c.type); });
  if (channel == nullptr) return false;
  message_event("MESSAGE_CREATE", guild, new_message(guild, channel->id, MessageKind::poll));
  return true;
}

/// Direct channels have no guild; their events come on the first shard.
bool GatewayLog::Script::direct_message(Guild&) {
  if (!sessions_.front().open) return false;
  DirectChannel& channel = random_.pick(world_.direct_channels);
  Message message;
  message.id = world_.new_id();
  message.channel = channel.id;
  message.author = random_.one_in(3) ? own_user : channel.user;
  message.kind = random_.one_in(5) ? MessageKind::rich : MessageKind::plain;
  channel.messages.push_back(message);
  keep_latest(channel.messages);
  dispatch("MESSAGE_CREATE", 0, [&] { payloads_.message_fields(nullptr, message, MessageShape::gateway, nullptr); });
  return true;
}

/// The answer to a command that only its user sees comes without guild_id, though its channel is in a guild.
bool GatewayLog::Script::ephemeral_message(Guild&) {
  if (!sessions_.front().open) return false;
  const Guild* guild = some_guild(GuildState::available);
  if (guild == nullptr) return false;
  Message message;
  message.id = world_.new_id();
  message.channel = guild->channels.back().id;
  message.author = own_user;
  Random facts = facts_of(message.id, 0);
  dispatch("MESSAGE_CREATE", 0, [&] {
    out_.number("type", 20);
    out_.boolean("tts", false);
    out_.time("timestamp", world_.now_ms);
    out_.boolean("pinned", false);
    out_.empty_array("mentions");
    out_.empty_array("mention_roles");
    out_.boolean("mention_everyone", false);
    out_.id("id", message.id);
    out_.number("flags", flag_ephemeral);
    payloads_.embeds(facts, 1);
    out_.null("edited_timestamp");
    out_.text("content", payloads_.words(facts, 10));
    out_.empty_array("components");
    out_.id("channel_id", message.channel);
    out_.key("author");
    payloads_.user(own_user);
    out_.empty_array("attachments");
    out_.id("application_id", world_.application_id());
    out_.id("webhook_id", world_.application_id());
    out_.object("interaction_metadata", [&] {
      out_.number("type", 2);
      out_.id("id", message.id - 1);
      out_.key("user");
      payloads_.user(guild->members.back().user);
      out_.object("authorizing_integration_owners", [&] {
        out_.key("0");
        out_.id(guild->id);
      });
    });
  });
  return true;
}

/// The whole message comes again: with new text, with a pin, or with its reactions.
bool GatewayLog::Script::message_edited(Guild& guild) {
  Message* message = some(random_, guild.messages, can_be_edited);
  if (message == nullptr) return false;
  const bool only_pinned = random_.one_in(5);
  if (only_pinned) {
    message->pinned = !message->pinned;
  } else {
    message->changed = world_.tick;
    message->edited_ms = world_.now_ms;
  }
  const bool with_reactions = random_.one_in(6);
  dispatch("MESSAGE_UPDATE", guild, [&] {
    payloads_.message_fields(&guild, *message, MessageShape::gateway, original_of(guild, *message));
    if (with_reactions) payloads_.message_reactions(*message);
  });
  return true;
}

/// A link preview is added, in the few words of old recordings.
bool GatewayLog::Script::message_unfurled(Guild& guild) {
  const Message* message = some(random_, guild.messages, can_be_edited);
  if (message == nullptr) return false;
  Random facts = facts_of(message->id, world_.tick);
  dispatch("MESSAGE_UPDATE", guild, [&] {
    out_.id("id", message->id);
    payloads_.embeds(facts, 1);
    out_.id("channel_id", message->channel);
    out_.id("guild_id", guild.id);
  });
  return true;
}

/// From before the log.
bool GatewayLog::Script::unknown_message_edited(Guild& guild) {
  const Channel* channel = some(random_, guild.channels, [](const Channel& c) { return is_readable(c.type); });
  if (channel == nullptr) return false;
  Message message;
  message.id = world_.old_id();
  message.channel = channel->id;
  message.author = random_.pick(guild.members).user;
  message.edited_ms = world_.now_ms;
  message_event("MESSAGE_UPDATE", guild, message);
  return true;
}

bool GatewayLog::Script::unknown_message_reacted_to(Guild& guild) {
  const Channel* channel = some(random_, guild.channels, [](const Channel& c) { return is_readable(c.type); });
  if (channel == nullptr) return false;
  Message message;
  message.id = world_.old_id();
  message.channel = channel->id;
  message.author = random_.pick(guild.members).user;
  const Reaction reaction{0, random_.pick(guild.members).user, false};
  reaction_event(random_.one_in(2) ? "MESSAGE_REACTION_ADD" : "MESSAGE_REACTION_REMOVE", guild, message, reaction);
  return true;
}

/// A preview or an edit that comes after the end must not bring the message back.
bool GatewayLog::Script::deleted_message_edited(Guild& guild) {
  if (guild.messages.empty()) return false;
  const std::size_t at = random_.below(guild.messages.size());
  const Message message = guild.messages[at];
  erase_at(guild.messages, at);
  if (Thread* thread = guild.find_thread(message.channel)) thread->messages = std::max(thread->messages - 1, 0);
  dispatch("MESSAGE_DELETE", guild, [&] {
    out_.id("id", message.id);
    out_.id("channel_id", message.channel);
    out_.id("guild_id", guild.id);
  });
  if (!options_.quirks) return true;
  message_event("MESSAGE_UPDATE", guild, message);
  const Reaction reaction{1, message.author, false};
  reaction_event("MESSAGE_REACTION_ADD", guild, message, reaction);
  return true;
}

bool GatewayLog::Script::poll_ended(Guild& guild) {
  Message* poll = some_poll(guild);
  if (poll == nullptr) return false;
  poll->poll_over = true;
  poll->changed = world_.tick;
  message_event("MESSAGE_UPDATE", guild, *poll);
  return true;
}

bool GatewayLog::Script::direct_message_edited(Guild&) {
  DirectChannel& channel = random_.pick(world_.direct_channels);
  if (channel.messages.empty()) return false;
  Message& message = random_.pick(channel.messages);
  message.changed = world_.tick;
  message.edited_ms = world_.now_ms;
  dispatch("MESSAGE_UPDATE", 0, [&] { payloads_.message_fields(nullptr, message, MessageShape::gateway, nullptr); });
  return true;
}

bool GatewayLog::Script::message_deleted(Guild& guild) {
  if (guild.messages.empty()) return false;
  const std::size_t at = random_.below(guild.messages.size());
  const Message message = guild.messages[at];
  // Now and then one that nobody has seen.
  const bool unknown = random_.one_in(8);
  const Id id = unknown ? world_.old_id() : message.id;
  if (!unknown) erase_at(guild.messages, at);
  if (Thread* thread = guild.find_thread(message.channel)) thread->messages = std::max(thread->messages - 1, 0);
  dispatch("MESSAGE_DELETE", guild, [&] {
    out_.id("id", id);
    out_.id("channel_id", message.channel);
    out_.id("guild_id", guild.id);
  });
  return true;
}

bool GatewayLog::Script::messages_deleted(Guild& guild) {
  if (guild.messages.size() < 3) return false;
  const Id channel = random_.pick(guild.messages).channel;
  std::vector<Id> ids = {world_.old_id()};
  for (const Message& message : guild.messages) {
    if (message.channel == channel) ids.push_back(message.id);
  }
  std::erase_if(guild.messages, [&](const Message& message) { return message.channel == channel; });
  if (Thread* thread = guild.find_thread(channel))
    thread->messages = std::max(thread->messages - static_cast<std::int32_t>(ids.size()), 0);
  dispatch("MESSAGE_DELETE_BULK", guild, [&] {
    out_.array("ids", [&] {
      for (const Id id : ids) out_.id(id);
    });
    out_.id("channel_id", channel);
    out_.id("guild_id", guild.id);
  });
  return true;
}

bool GatewayLog::Script::direct_message_deleted(Guild&) {
  DirectChannel& channel = random_.pick(world_.direct_channels);
  if (channel.messages.empty()) return false;
  const Id id = channel.messages.front().id;
  channel.messages.erase(channel.messages.begin());
  dispatch("MESSAGE_DELETE", 0, [&] {
    out_.id("id", id);
    out_.id("channel_id", channel.id);
  });
  return true;
}

// Reactions and votes

void GatewayLog::Script::reaction_event(std::string_view event, const Guild& guild, const Message& message,
                                        const Reaction& reaction) {
  const bool added = event == "MESSAGE_REACTION_ADD";
  const Member* member = guild.find_member(reaction.user);
  dispatch(event, guild, [&] {
    out_.id("user_id", world_.user(reaction.user).id);
    out_.number("type", reaction.burst ? 1 : 0);
    out_.id("message_id", message.id);
    if (added && member != nullptr) {
      out_.id("message_author_id", world_.user(message.author).id);
      out_.key("member");
      payloads_.member(guild, *member);
    }
    out_.key("emoji");
    payloads_.partial_emoji(reaction.emoji, world_.tick % 3);  // The name may have changed in between.
    out_.id("channel_id", message.channel);
    if (added && reaction.burst) out_.array("burst_colors", [&] { out_.text("#ff8800"); });
    out_.boolean("burst", reaction.burst);
    out_.id("guild_id", guild.id);
  });
}

bool GatewayLog::Script::reaction_added(Guild& guild) {
  Message* message = some_message(guild);
  if (message == nullptr || message->reactions.size() >= reactions_max) return false;
  const bool custom = !guild.emojis.empty() && random_.one_in(3);
  // Few kinds, so that some are given several times.
  const Id emoji = custom ? guild.emojis[random_.below(std::min<std::size_t>(guild.emojis.size(), 3))].id
                          : random_.below(std::min<std::size_t>(unicode_emojis, 3));
  const UserIndex user = random_.one_in(6) ? own_user : random_.pick(guild.members).user;
  const Reaction reaction{emoji, user, random_.one_in(8)};
  const auto same = [&](const Reaction& other) {
    return other.emoji == emoji && other.user == user && other.burst == reaction.burst;
  };
  if (std::any_of(message->reactions.begin(), message->reactions.end(), same)) return false;
  message->reactions.push_back(reaction);
  reaction_event("MESSAGE_REACTION_ADD", guild, *message, reaction);
  return true;
}

bool GatewayLog::Script::reaction_removed(Guild& guild) {
  Message* message = some(random_, guild.messages, [](const Message& one) { return !one.reactions.empty(); });
  if (message == nullptr) return false;
  const std::size_t at = random_.below(message->reactions.size());
  const Reaction reaction = message->reactions[at];
  erase_at(message->reactions, at);
  reaction_event("MESSAGE_REACTION_REMOVE", guild, *message, reaction);
  return true;
}

bool GatewayLog::Script::reactions_cleared(Guild& guild) {
  Message* message = some(random_, guild.messages, [](const Message& one) { return !one.reactions.empty(); });
  if (message == nullptr) return false;
  message->reactions.clear();
  dispatch("MESSAGE_REACTION_REMOVE_ALL", guild, [&] {
    out_.id("message_id", message->id);
    out_.id("channel_id", message->channel);
    out_.id("guild_id", guild.id);
  });
  return true;
}

bool GatewayLog::Script::reactions_of_emoji_cleared(Guild& guild) {
  Message* message = some(random_, guild.messages, [](const Message& one) { return !one.reactions.empty(); });
  if (message == nullptr) return false;
  const Id emoji = random_.pick(message->reactions).emoji;
  std::erase_if(message->reactions, [emoji](const Reaction& reaction) { return reaction.emoji == emoji; });
  dispatch("MESSAGE_REACTION_REMOVE_EMOJI", guild, [&] {
    out_.id("message_id", message->id);
    out_.key("emoji");
    payloads_.partial_emoji(emoji);
    out_.id("channel_id", message->channel);
    out_.id("guild_id", guild.id);
  });
  return true;
}

void GatewayLog::Script::vote_event(std::string_view event, const Guild& guild, const Message& message,
                                    const Vote& vote) {
  dispatch(event, guild, [&] {
    out_.id("user_id", world_.user(vote.user).id);
    out_.id("message_id", message.id);
    out_.id("guild_id", guild.id);
    out_.id("channel_id", message.channel);
    out_.number("answer_id", vote.answer);
  });
}

bool GatewayLog::Script::vote_added(Guild& guild) {
  Message* poll = some_poll(guild);
  if (poll == nullptr || poll->votes.size() >= votes_max) return false;
  const UserIndex user = random_.one_in(5) ? own_user : random_.pick(guild.members).user;
  const Vote vote{user, static_cast<std::uint8_t>(random_.between(1, poll_answers))};
  const auto voted = [user](const Vote& other) { return other.user == user; };
  if (std::any_of(poll->votes.begin(), poll->votes.end(), voted)) return false;
  poll->votes.push_back(vote);
  vote_event("MESSAGE_POLL_VOTE_ADD", guild, *poll, vote);
  return true;
}

bool GatewayLog::Script::vote_removed(Guild& guild) {
  Message* poll = some(random_, guild.messages,
                       [](const Message& message) { return !message.votes.empty() && !message.poll_over; });
  if (poll == nullptr) return false;
  const Vote vote = poll->votes.back();
  poll->votes.pop_back();
  vote_event("MESSAGE_POLL_VOTE_REMOVE", guild, *poll, vote);
  return true;
}

// Typing

bool GatewayLog::Script::typing(Guild& guild) {
  typing_event(guild, random_.pick(guild.members));
  return true;
}

void GatewayLog::Script::typing_event(const Guild& guild, const Member& member) {
  const Channel* channel = some(random_, guild.channels, [](const Channel& c) { return is_readable(c.type); });
  if (channel == nullptr) return;
  dispatch("TYPING_START", guild, [&] {
    out_.id("user_id", world_.user(member.user).id);
    out_.number("timestamp", world_.now_ms / 1000);
    out_.key("member");
    payloads_.member(guild, member);
    out_.id("guild_id", guild.id);
    out_.id("channel_id", channel->id);
  });
}

bool GatewayLog::Script::direct_typing(Guild&) {
  if (!sessions_.front().open) return false;
  const DirectChannel& channel = random_.pick(world_.direct_channels);
  dispatch("TYPING_START", 0, [&] {
    out_.id("user_id", world_.user(channel.user).id);
    out_.number("timestamp", world_.now_ms / 1000);
    out_.id("channel_id", channel.id);
  });
  return true;
}

// Interactions

/// What every interaction carries.
void GatewayLog::Script::interaction_fields(int type) {
  out_.number("version", 1);
  out_.number("type", type);
  out_.text("token", "not-a-token");
  out_.text("locale", "en-GB");
  out_.id("id", world_.new_id());
  out_.empty_array("entitlements");
  out_.number("attachment_size_limit", 26214400);
  out_.id("application_id", world_.application_id());
  out_.text("app_permissions", "2251799813685247");
}

void GatewayLog::Script::resolved_data(const Guild& guild) {
  const Member& named = random_.pick(guild.members);
  const Role& role = random_.pick(guild.roles);
  const Channel& channel = random_.pick(guild.channels);
  const Id user_id = world_.user(named.user).id;
  out_.object("users", [&] {
    out_.key(user_id);
    payloads_.user(named.user);
  });
  out_.object("members", [&] {
    out_.key(user_id);
    payloads_.member(guild, named, MemberShape::resolved);
  });
  out_.object("roles", [&] {
    out_.key(role.id);
    payloads_.role(guild, role);
  });
  out_.object("channels", [&] {
    out_.key(channel.id);
    payloads_.partial_channel(channel);
  });
  if (guild.messages.empty()) return;
  const Message& message = guild.messages.front();
  out_.object("messages", [&] {
    out_.key(message.id);
    out_.object([&] { payloads_.message_fields(&guild, message, MessageShape::nested, nullptr); });
  });
}

bool GatewayLog::Script::command_used(Guild& guild) {
  const Channel* channel = some(random_, guild.channels, [](const Channel& c) { return is_readable(c.type); });
  if (channel == nullptr) return false;
  const Member& member = random_.pick(guild.members);
  const bool with_resolved = random_.percent(70);
  dispatch("INTERACTION_CREATE", guild, [&] {
    interaction_fields(2);
    out_.object("member", [&] {
      payloads_.member_fields(guild, member, MemberShape::full);
      out_.text("permissions", "2251799813685247");
    });
    out_.text("guild_locale", "en-US");
    out_.id("guild_id", guild.id);
    out_.object("guild", [&] {
      out_.text("locale", "en-US");
      out_.id("id", guild.id);
      out_.empty_array("features");
    });
    out_.object("data", [&] {
      out_.number("type", 1);
      out_.text("name", "play");
      out_.id("id", 1066034217341014056);
      if (with_resolved) out_.object("resolved", [&] { resolved_data(guild); });
    });
    out_.number("context", 0);
    out_.id("channel_id", channel->id);
    out_.key("channel");
    payloads_.partial_channel(*channel);
    out_.object("authorizing_integration_owners", [&] {
      out_.key("0");
      out_.id(guild.id);
    });
  });
  return true;
}

bool GatewayLog::Script::button_pressed(Guild& guild) {
  const Message* message = some_message(guild);
  if (message == nullptr) return false;
  const Member& member = random_.pick(guild.members);
  const Channel* channel = guild.find_channel(message->channel);
  dispatch("INTERACTION_CREATE", guild, [&] {
    interaction_fields(3);
    out_.object("message", [&] { payloads_.message_fields(&guild, *message, MessageShape::nested, nullptr); });
    out_.object("member", [&] {
      payloads_.member_fields(guild, member, MemberShape::full);
      out_.text("permissions", "2251799813685247");
    });
    out_.id("guild_id", guild.id);
    out_.object("data", [&] {
      out_.text("custom_id", "button:0");
      out_.number("component_type", 2);
      out_.number("id", 2);
    });
    out_.number("context", 0);
    out_.id("channel_id", message->channel);
    if (channel == nullptr) return;
    out_.key("channel");
    payloads_.partial_channel(*channel);
  });
  return true;
}

/// Somebody has installed the application for themselves and uses it where the bot is not.
bool GatewayLog::Script::foreign_command_used(Guild&) {
  if (!sessions_.front().open) return false;
  const Guild* like = some_guild(GuildState::available);
  if (like == nullptr) return false;
  Guild elsewhere;
  elsewhere.id = world_.old_id();
  const Id role = world_.old_id();
  const Id channel = world_.old_id();
  elsewhere.roles = {{elsewhere.id, 0, 0, 0}, {role, 0, 0, 1}};
  elsewhere.channels = {{channel, ChannelType::text}};
  Member member;
  member.user = random_.pick(like->members).user;
  member.joined_ms = world_.now_ms - 1'000'000;
  if (member.user == own_user) return false;
  elsewhere.members = {member};
  dispatch("INTERACTION_CREATE", elsewhere, [&] {
    interaction_fields(2);
    out_.object("member", [&] {
      payloads_.member_fields(elsewhere, member, MemberShape::full);
      out_.text("permissions", "0");
    });
    out_.id("guild_id", elsewhere.id);
    out_.object("data", [&] {
      out_.number("type", 1);
      out_.text("name", "whois");
      out_.id("id", 1066034217341014057);
      out_.object("resolved", [&] { resolved_data(elsewhere); });
    });
    out_.number("context", 0);
    out_.id("channel_id", channel);
    out_.key("channel");
    payloads_.partial_channel(elsewhere.channels.front());
    out_.object("authorizing_integration_owners", [&] {
      out_.key("1");
      out_.id(world_.user(member.user).id);
    });
  });
  return true;
}

bool GatewayLog::Script::direct_command_used(Guild&) {
  if (!sessions_.front().open) return false;
  const DirectChannel& channel = random_.pick(world_.direct_channels);
  dispatch("INTERACTION_CREATE", 0, [&] {
    interaction_fields(2);
    out_.key("user");
    payloads_.user(channel.user);
    out_.object("data", [&] {
      out_.number("type", 1);
      out_.text("name", "help");
      out_.id("id", 1066034217341014058);
    });
    out_.number("context", 1);
    out_.id("channel_id", channel.id);
    out_.object("channel", [&] {
      out_.number("type", 1);
      out_.id("id", channel.id);
      out_.array("recipients", [&] { payloads_.user(channel.user); });
    });
    out_.object("authorizing_integration_owners", [&] {
      out_.key("1");
      out_.id(world_.user(channel.user).id);
    });
  });
  return true;
}

bool GatewayLog::Script::command_permissions(Guild& guild) {
  dispatch("APPLICATION_COMMAND_PERMISSIONS_UPDATE", guild, [&] {
    out_.array("permissions", [&] {
      out_.object([&] {
        out_.number("type", 1);
        out_.boolean("permission", false);
        out_.id("id", guild.id);
      });
    });
    out_.id("id", 1066034217341014056);
    out_.id("guild_id", guild.id);
    out_.id("application_id", world_.application_id());
  });
  return true;
}

// Purchases, which belong to users; they come on the first shard.

void GatewayLog::Script::entitlement_event(std::string_view event, const Thing& entitlement) {
  Random facts = facts_of(entitlement.id, 0);
  dispatch(event, 0, [&] {
    out_.id("user_id", facts.pick(world_.users).id);
    out_.number("type", 8);
    out_.null("starts_at");
    out_.null("ends_at");
    out_.id("sku_id", 1019475255913222144);
    out_.id("id", entitlement.id);
    out_.boolean("deleted", event == "ENTITLEMENT_DELETE");
    out_.boolean("consumed", entitlement.changed != 0);
    out_.id("application_id", world_.application_id());
  });
}

bool GatewayLog::Script::entitlement_created(Guild&) {
  if (!sessions_.front().open || entitlements_.size() >= few_max) return false;
  entitlements_.push_back({world_.new_id(), 0});
  entitlement_event("ENTITLEMENT_CREATE", entitlements_.back());
  return true;
}

bool GatewayLog::Script::entitlement_changed(Guild&) {
  if (entitlements_.empty()) return false;
  entitlements_.front().changed = world_.tick;
  entitlement_event("ENTITLEMENT_UPDATE", entitlements_.front());
  return true;
}

bool GatewayLog::Script::entitlement_deleted(Guild&) {
  if (entitlements_.empty()) return false;
  const Thing entitlement = entitlements_.front();
  entitlements_.erase(entitlements_.begin());
  entitlement_event("ENTITLEMENT_DELETE", entitlement);
  return true;
}

void GatewayLog::Script::subscription_event(std::string_view event, const Thing& subscription) {
  Random facts = facts_of(subscription.id, 0);
  dispatch(event, 0, [&] {
    out_.id("user_id", facts.pick(world_.users).id);
    out_.number("status", event == "SUBSCRIPTION_DELETE" ? 1 : 0);
    out_.array("sku_ids", [&] { out_.id(1019475255913222144); });
    out_.null("renewal_sku_ids");
    out_.id("id", subscription.id);
    out_.array("entitlement_ids", [&] { out_.id(subscription.id + 1); });
    out_.time("current_period_start", world_.now_ms);
    out_.time("current_period_end", world_.now_ms + 2'592'000'000);
    out_.null("canceled_at");
  });
}

bool GatewayLog::Script::subscription_created(Guild&) {
  if (!sessions_.front().open || subscriptions_.size() >= few_max) return false;
  subscriptions_.push_back({world_.new_id(), 0});
  subscription_event("SUBSCRIPTION_CREATE", subscriptions_.back());
  return true;
}

bool GatewayLog::Script::subscription_changed(Guild&) {
  if (subscriptions_.empty()) return false;
  subscription_event("SUBSCRIPTION_UPDATE", subscriptions_.front());
  return true;
}

bool GatewayLog::Script::subscription_deleted(Guild&) {
  if (subscriptions_.empty()) return false;
  const Thing subscription = subscriptions_.front();
  subscriptions_.erase(subscriptions_.begin());
  subscription_event("SUBSCRIPTION_DELETE", subscription);
  return true;
}

}  // namespace sake::test
