#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "support/gateway_script.h"

namespace sake::test {

namespace {

constexpr std::size_t channels_max = 40;
constexpr std::size_t threads_max = 25;
constexpr std::size_t invites_max = 20;
constexpr std::size_t few_max = 8;

std::string invite_code(Random& random) {
  static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string code;
  for (int i = 0; i < 8; ++i) code += letters[random.below(letters.size())];
  return code;
}

}  // namespace

// Channels

void GatewayLog::Script::channel_event(std::string_view event, const Guild& guild, const Channel& channel) {
  dispatch(event, guild, [&] { payloads_.channel_fields(guild, channel, true); });
}

bool GatewayLog::Script::channel_created(Guild& guild) {
  static constexpr ChannelType types[] = {ChannelType::text, ChannelType::text, ChannelType::voice, ChannelType::stage,
                                          ChannelType::forum};
  if (guild.channels.size() >= channels_max) return false;
  Channel channel{world_.new_id(), types[random_.below(std::size(types))], guild.channels.front().id, world_.tick};
  channel.position = static_cast<std::uint8_t>(guild.channels.size());
  guild.channels.push_back(channel);
  channel_event("CHANNEL_CREATE", guild, guild.channels.back());
  return true;
}

bool GatewayLog::Script::channel_changed(Guild& guild) {
  Channel& channel = random_.pick(guild.channels);
  channel.changed = world_.tick;
  if (channel.type == ChannelType::text && random_.one_in(20)) channel.type = ChannelType::announcement;
  channel_event("CHANNEL_UPDATE", guild, channel);
  return true;
}

/// Removes a channel with all that a cache has to remove with it.
void GatewayLog::Script::forget_channel(Guild& guild, Id channel) {
  std::erase_if(guild.messages, [&](const Message& message) {
    if (message.channel == channel) return true;
    const Thread* thread = guild.find_thread(message.channel);
    return thread != nullptr && thread->parent == channel;
  });
  std::erase_if(guild.threads, [&](const Thread& thread) { return thread.parent == channel; });
  std::erase_if(guild.invites, [&](const Invite& invite) { return invite.channel == channel; });
  std::erase_if(guild.stages, [&](const Stage& stage) { return stage.channel == channel; });
  std::erase_if(guild.channels, [&](const Channel& one) { return one.id == channel; });
  for (Member& member : guild.members) {
    if (member.voice_channel == channel) member.voice_channel = 0;
  }
}

bool GatewayLog::Script::channel_deleted(Guild& guild) {
  const std::size_t at = random_.below(guild.channels.size());
  const Channel channel = guild.channels[at];
  const auto same_type = [&](const Channel& other) { return other.type == channel.type; };
  // One of each kind stays, so that later events find a place.
  if (channel.type == ChannelType::category) return false;
  if (std::count_if(guild.channels.begin(), guild.channels.end(), same_type) < 2) return false;
  std::vector<UserIndex> in_voice;
  for (const Member& member : guild.members) {
    if (member.voice_channel == channel.id) in_voice.push_back(member.user);
  }
  const std::vector<Stage> stages = guild.stages;
  forget_channel(guild, channel.id);
  channel_event("CHANNEL_DELETE", guild, channel);
  // The following repeats what the deletion implies, in no promised order.
  for (const UserIndex user : in_voice) voice_event(guild, *guild.find_member(user));
  for (const Stage& stage : stages) {
    if (stage.channel != channel.id || random_.one_in(2)) continue;
    dispatch("STAGE_INSTANCE_DELETE", guild, [&] { payloads_.stage_fields(guild, stage); });
  }
  return true;
}

bool GatewayLog::Script::message_pinned(Guild& guild) {
  Channel* channel = some(random_, guild.channels, [](const Channel& c) { return is_readable(c.type); });
  if (channel == nullptr) return false;
  const std::size_t kind = random_.below(6);  // 0: in a thread. 1: the last pin is gone. Else a new pin.
  const Thread* thread = kind == 0 ? some_thread(guild, false) : nullptr;
  const std::int64_t pinned_ms = kind == 1 ? 0 : world_.now_ms;
  if (thread == nullptr) channel->pinned_ms = pinned_ms;
  dispatch("CHANNEL_PINS_UPDATE", guild, [&] {
    if (pinned_ms != 0 || random_.one_in(2)) out_.time_or_null("last_pin_timestamp", pinned_ms);
    out_.id("guild_id", guild.id);
    out_.id("channel_id", thread != nullptr ? thread->id : channel->id);
  });
  return true;
}

bool GatewayLog::Script::channel_info(Guild& guild) {
  dispatch("CHANNEL_INFO", guild, [&] {
    out_.id("guild_id", guild.id);
    out_.array("channels", [&] {
      for (const Channel& channel : guild.channels) {
        if (!is_voice(channel.type)) continue;
        out_.object([&] {
          out_.id("id", channel.id);
          const bool named = random_.one_in(2);
          named ? out_.text("status", payloads_.words(random_, 3)) : out_.null("status");
          if (random_.one_in(2)) out_.number("voice_start_time", world_.now_ms / 1000);
        });
      }
    });
  });
  return true;
}

bool GatewayLog::Script::voice_status(Guild& guild) {
  const Channel* channel = some(random_, guild.channels, [](const Channel& c) { return is_voice(c.type); });
  if (channel == nullptr) return false;
  dispatch("VOICE_CHANNEL_STATUS_UPDATE", guild, [&] {
    const bool cleared = random_.one_in(3);
    cleared ? out_.null("status") : out_.text("status", payloads_.words(random_, 4));
    out_.id("id", channel->id);
    out_.id("guild_id", guild.id);
  });
  return true;
}

bool GatewayLog::Script::voice_start_time(Guild& guild) {
  const Channel* channel = some(random_, guild.channels, [](const Channel& c) { return is_voice(c.type); });
  if (channel == nullptr) return false;
  const std::size_t kind = random_.below(4);  // 0: null. 1: missing. Else a time.
  dispatch("VOICE_CHANNEL_START_TIME_UPDATE", guild, [&] {
    if (kind == 0) out_.null("voice_start_time");
    if (kind > 1) out_.number("voice_start_time", world_.now_ms / 1000);
    out_.id("id", channel->id);
    out_.id("guild_id", guild.id);
  });
  return true;
}

// Threads

Thread* GatewayLog::Script::some_thread(Guild& guild, bool archived) {
  return some(random_, guild.threads, [archived](const Thread& thread) { return thread.archived == archived; });
}

bool GatewayLog::Script::thread_created(Guild& guild) {
  if (guild.threads.size() >= threads_max) return false;
  const Channel* parent = some(random_, guild.channels, [](const Channel& c) {
    return c.type == ChannelType::text || c.type == ChannelType::forum || c.type == ChannelType::announcement;
  });
  if (parent == nullptr) return false;
  const UserIndex owner = random_.pick(guild.members).user;
  Thread thread{world_.new_id(), ChannelType::public_thread, parent->id, owner, world_.tick, world_.now_ms};
  if (parent->type == ChannelType::announcement) thread.type = ChannelType::announcement_thread;
  // Some threads of a text channel hang on a message, whose id they share: on a known one or on one that brings its
  // thread along.
  bool starts_at_message = false;
  bool message_is_new = false;
  if (parent->type == ChannelType::text) {
    const std::size_t kind = random_.below(4);
    const Message* starter = some(random_, guild.messages, [&](const Message& message) {
      return message.channel == parent->id && !guild.has_thread(message.id);
    });
    starts_at_message = kind == 0 && starter != nullptr;
    if (starts_at_message) thread.id = starter->id;
    if (kind == 1) thread.type = ChannelType::private_thread;
    message_is_new = kind == 2;
    if (message_is_new) thread.id = new_message(guild, parent->id, MessageKind::plain).id;
  }
  thread.joined = thread.type == ChannelType::private_thread;
  guild.threads.push_back(thread);
  if (message_is_new) message_event("MESSAGE_CREATE", guild, guild.messages.back());
  // The first message may overtake the thread it is in.
  if (quirk(3)) message_event("MESSAGE_CREATE", guild, new_message(guild, thread.id, MessageKind::plain));
  dispatch("THREAD_CREATE", guild, [&] {
    payloads_.thread_fields(guild, guild.threads.back(), true);
    out_.boolean("newly_created", true);
    if (thread.joined) out_.object("member", [&] { payloads_.thread_member_fields(thread, own_user); });
  });
  if (!starts_at_message) return true;
  const auto begins_it = [&](const Message& message) { return message.id == thread.id; };
  const auto found = std::find_if(guild.messages.begin(), guild.messages.end(), begins_it);
  if (found != guild.messages.end()) message_event("MESSAGE_UPDATE", guild, *found);
  return true;
}

/// The bot has been added to a thread or gets to see it: not new, maybe known.
bool GatewayLog::Script::thread_shown_again(Guild& guild) {
  Thread* thread = some_thread(guild, false);
  if (thread == nullptr) return false;
  thread->joined = true;
  dispatch("THREAD_CREATE", guild, [&] {
    payloads_.thread_fields(guild, *thread, true);
    out_.object("member", [&] { payloads_.thread_member_fields(*thread, own_user); });
  });
  return true;
}

bool GatewayLog::Script::thread_changed(Guild& guild) {
  Thread* thread = some_thread(guild, false);
  if (thread == nullptr) return false;
  thread->changed = world_.tick;
  dispatch("THREAD_UPDATE", guild, [&] { payloads_.thread_fields(guild, *thread, true); });
  return true;
}

/// Or opened again: archived threads are in no cache, so that is how they come back.
bool GatewayLog::Script::thread_archived(Guild& guild) {
  Thread* thread = some_thread(guild, random_.one_in(2));
  if (thread == nullptr) return false;
  thread->changed = world_.tick;
  thread->archived = !thread->archived;
  dispatch("THREAD_UPDATE", guild, [&] { payloads_.thread_fields(guild, *thread, true); });
  return true;
}

bool GatewayLog::Script::thread_deleted(Guild& guild) {
  const Thread* found = some_thread(guild, false);
  if (found == nullptr) return false;
  const Thread thread = *found;
  std::erase_if(guild.messages, [&](const Message& message) { return message.channel == thread.id; });
  std::erase_if(guild.threads, [&](const Thread& one) { return one.id == thread.id; });
  dispatch("THREAD_DELETE", guild, [&] {
    out_.number("type", static_cast<std::int64_t>(thread.type));
    out_.id("parent_id", thread.parent);
    out_.id("id", thread.id);
    out_.id("guild_id", guild.id);
  });
  return true;
}

/// The bot gains access to a channel, or to everything.
bool GatewayLog::Script::thread_list(Guild& guild) {
  const Thread* thread = some_thread(guild, false);
  if (thread == nullptr) return false;
  const Id parent = random_.one_in(2) ? thread->parent : 0;
  // What is not listed any more is gone, without another word about it.
  if (random_.one_in(3)) std::erase_if(guild.threads, [id = thread->id](const Thread& one) { return one.id == id; });
  const auto listed = [&](const Thread& one) { return !one.archived && (parent == 0 || one.parent == parent); };
  dispatch("THREAD_LIST_SYNC", guild, [&] {
    out_.array("threads", [&] {
      for (const Thread& one : guild.threads) {
        if (listed(one)) out_.object([&] { payloads_.thread_fields(guild, one, true); });
      }
    });
    out_.array("members", [&] {
      for (const Thread& one : guild.threads) {
        if (listed(one) && one.joined) out_.object([&] { payloads_.thread_member_fields(one, own_user); });
      }
    });
    out_.id("guild_id", guild.id);
    if (parent != 0) out_.array("channel_ids", [&] { out_.id(parent); });
  });
  return true;
}

/// No channels, no threads: it says nothing, least of all that there are none.
bool GatewayLog::Script::thread_list_of_nothing(Guild& guild) {
  dispatch("THREAD_LIST_SYNC", guild, [&] {
    out_.empty_array("threads");
    out_.empty_array("members");
    out_.id("guild_id", guild.id);
    out_.empty_array("channel_ids");
  });
  return true;
}

bool GatewayLog::Script::thread_member(Guild& guild) {
  Thread* thread = some_thread(guild, false);
  if (thread == nullptr) return false;
  thread->joined = true;
  dispatch("THREAD_MEMBER_UPDATE", guild, [&] {
    payloads_.thread_member_fields(*thread, own_user);
    out_.id("guild_id", guild.id);
  });
  return true;
}

bool GatewayLog::Script::thread_members(Guild& guild) {
  Thread* thread = some_thread(guild, false);
  if (thread == nullptr) return false;
  const Member& added = random_.pick(guild.members);
  const bool own_added = added.user == own_user;
  const bool own_removed = thread->joined && !own_added && random_.one_in(4);
  const bool adds = !own_removed || random_.one_in(2);
  if (adds && own_added) thread->joined = true;
  if (own_removed) thread->joined = false;
  dispatch("THREAD_MEMBERS_UPDATE", guild, [&] {
    if (own_removed) out_.array("removed_member_ids", [&] { out_.id(world_.application_id()); });
    out_.number("member_count", static_cast<std::int64_t>(random_.between(1, 50)));
    out_.id("id", thread->id);
    out_.id("guild_id", guild.id);
    if (!adds) return;
    out_.array("added_members", [&] {
      out_.object([&] {
        payloads_.thread_member_fields(*thread, added.user);
        out_.key("member");
        payloads_.member(guild, added);
        if (added.status == Status::offline) return out_.null("presence");
        out_.object("presence", [&] { payloads_.presence_fields(guild, added, true); });
      });
    });
  });
  // Without being in it, a private thread is not visible any more.
  const Id id = thread->id;
  if (own_removed && thread->type == ChannelType::private_thread)
    std::erase_if(guild.threads, [id](const Thread& one) { return one.id == id; });
  return true;
}

// Presences and voice

void GatewayLog::Script::presence_event(const Guild& guild, const Member& member) {
  dispatch("PRESENCE_UPDATE", guild, [&] { payloads_.presence_fields(guild, member, true); });
}

/// One copy per shared guild.
bool GatewayLog::Script::presence_changed(Guild& guild) {
  const UserIndex user = random_.pick(guild.members).user;
  if (user == own_user) return false;
  const auto status = static_cast<Status>(random_.below(4));
  for (const std::uint32_t index : world_.user(user).guilds) {
    Guild& shared = world_.guilds[index];
    Member* member = is_live(shared) ? shared.find_member(user) : nullptr;
    if (member == nullptr) continue;
    member->status = status;
    member->presence_changed = world_.tick;
    presence_event(shared, *member);
  }
  return true;
}

/// Presences come unchecked: full users, and types that should not be.
bool GatewayLog::Script::presence_odd(Guild& guild) {
  Member& member = random_.pick(guild.members);
  if (member.user == own_user) return false;
  member.status = Status::idle;
  member.presence_changed = world_.tick;
  const bool odd_types = quirk(2);
  dispatch("PRESENCE_UPDATE", guild, [&] {
    out_.object("user", [&] { payloads_.user_fields(member.user); });
    out_.text("status", "idle");
    out_.id("guild_id", guild.id);
    if (odd_types) {
      out_.null("activities");
      out_.text("client_status", "mobile");
    } else {
      out_.empty_array("activities");
      out_.object("client_status", [&] { out_.text("vr", "idle"); });
    }
  });
  return true;
}

void GatewayLog::Script::voice_event(const Guild& guild, const Member& member) {
  dispatch("VOICE_STATE_UPDATE", guild, [&] {
    payloads_.voice_state_fields(guild, member);
    if (!quirk(10)) {
      out_.key("member");
      payloads_.member(guild, member);
    }
    out_.id("guild_id", guild.id);
  });
}

bool GatewayLog::Script::voice_joined(Guild& guild) {
  Member& member = random_.pick(guild.members);
  const Channel* channel = some(random_, guild.channels, [](const Channel& c) { return is_voice(c.type); });
  if (channel == nullptr || member.voice_channel != 0) return false;
  member.voice_channel = channel->id;
  member.voice_changed = world_.tick;
  voice_event(guild, member);
  return true;
}

bool GatewayLog::Script::voice_moved(Guild& guild) {
  Member* member = some(random_, guild.members, [](const Member& m) { return m.voice_channel != 0; });
  if (member == nullptr) return false;
  const Channel* other = some(random_, guild.channels, [&](const Channel& channel) {
    return is_voice(channel.type) && channel.id != member->voice_channel;
  });
  if (other == nullptr) return false;
  member->voice_channel = other->id;
  voice_event(guild, *member);
  return true;
}

bool GatewayLog::Script::voice_changed(Guild& guild) {
  Member* member = some(random_, guild.members, [](const Member& m) { return m.voice_channel != 0; });
  if (member == nullptr) return false;
  member->voice_changed = world_.tick;
  voice_event(guild, *member);
  return true;
}

bool GatewayLog::Script::voice_left(Guild& guild) {
  Member* member = some(random_, guild.members, [](const Member& m) { return m.voice_channel != 0; });
  if (member == nullptr) return false;
  member->voice_channel = 0;
  voice_event(guild, *member);
  return true;
}

bool GatewayLog::Script::voice_server(Guild& guild) {
  dispatch("VOICE_SERVER_UPDATE", guild, [&] {
    out_.text("token", "not-a-token");
    out_.id("guild_id", guild.id);
    const bool moving = random_.one_in(4);
    moving ? out_.null("endpoint") : out_.text("endpoint", "rotterdam1234.example.com:443");
  });
  return true;
}

bool GatewayLog::Script::voice_effect(Guild& guild) {
  const Member* member = some(random_, guild.members, [](const Member& m) { return m.voice_channel != 0; });
  if (member == nullptr) return false;
  dispatch("VOICE_CHANNEL_EFFECT_SEND", guild, [&] {
    out_.id("user_id", world_.user(member->user).id);
    out_.id("guild_id", guild.id);
    out_.id("channel_id", member->voice_channel);
    out_.key("emoji");
    payloads_.partial_emoji(1);
    out_.number("animation_type", 1);
    out_.number("animation_id", 3);
  });
  return true;
}

/// A call in a direct channel has no guild.
bool GatewayLog::Script::voice_call(Guild& guild) {
  if (!sessions_.front().open) return false;
  Member member = guild.members.empty() ? Member{} : guild.members.front();
  member.voice_channel = world_.direct_channels.front().id;
  dispatch("VOICE_STATE_UPDATE", 0, [&] { payloads_.voice_state_fields(guild, member); });
  return true;
}

// Stages, scheduled events, invites, integrations, rules

bool GatewayLog::Script::stage_opened(Guild& guild) {
  const Channel* channel = some(random_, guild.channels, [&](const Channel& one) {
    const auto here = [&](const Stage& stage) { return stage.channel == one.id; };
    // One stage after another, without a word about the end of the first.
    const bool may_replace = options_.quirks && mix(one.id, world_.tick) % 4 == 0;
    return one.type == ChannelType::stage &&
           (may_replace || std::none_of(guild.stages.begin(), guild.stages.end(), here));
  });
  if (channel == nullptr) return false;
  std::erase_if(guild.stages, [&](const Stage& stage) { return stage.channel == channel->id; });
  guild.stages.push_back({world_.new_id(), channel->id, world_.tick});
  dispatch("STAGE_INSTANCE_CREATE", guild, [&] { payloads_.stage_fields(guild, guild.stages.back()); });
  return true;
}

bool GatewayLog::Script::stage_changed(Guild& guild) {
  if (guild.stages.empty()) return false;
  Stage& stage = random_.pick(guild.stages);
  stage.changed = world_.tick;
  dispatch("STAGE_INSTANCE_UPDATE", guild, [&] { payloads_.stage_fields(guild, stage); });
  return true;
}

bool GatewayLog::Script::stage_closed(Guild& guild) {
  if (guild.stages.empty()) return false;
  const Stage stage = guild.stages.back();
  guild.stages.pop_back();
  dispatch("STAGE_INSTANCE_DELETE", guild, [&] { payloads_.stage_fields(guild, stage); });
  return true;
}

bool GatewayLog::Script::event_planned(Guild& guild) {
  if (guild.events.size() >= few_max) return false;
  const Channel* stage = some(random_, guild.channels, [](const Channel& c) { return c.type == ChannelType::stage; });
  ScheduledEvent event{world_.new_id(), 0, random_.pick(guild.members).user};
  if (stage != nullptr && random_.one_in(2)) event.channel = stage->id;
  event.changed = world_.tick;
  guild.events.push_back(event);
  dispatch("GUILD_SCHEDULED_EVENT_CREATE", guild, [&] { payloads_.scheduled_event_fields(guild, event, true); });
  return true;
}

bool GatewayLog::Script::event_changed(Guild& guild) {
  if (guild.events.empty()) return false;
  ScheduledEvent& event = random_.pick(guild.events);
  event.changed = world_.tick;
  event.status = static_cast<std::uint8_t>(random_.between(1, 4));
  dispatch("GUILD_SCHEDULED_EVENT_UPDATE", guild, [&] { payloads_.scheduled_event_fields(guild, event, true); });
  return true;
}

bool GatewayLog::Script::event_deleted(Guild& guild) {
  if (guild.events.empty()) return false;
  const ScheduledEvent event = guild.events.front();
  guild.events.erase(guild.events.begin());
  dispatch("GUILD_SCHEDULED_EVENT_DELETE", guild, [&] { payloads_.scheduled_event_fields(guild, event, true); });
  return true;
}

bool GatewayLog::Script::event_user_added(Guild& guild) {
  if (guild.events.empty()) return false;
  ScheduledEvent& event = random_.pick(guild.events);
  const Member& member = random_.pick(guild.members);
  ++event.users;
  dispatch("GUILD_SCHEDULED_EVENT_USER_ADD", guild, [&] {
    out_.id("user_id", world_.user(member.user).id);
    out_.id("guild_scheduled_event_id", event.id);
    out_.id("guild_id", guild.id);
  });
  return true;
}

bool GatewayLog::Script::event_user_removed(Guild& guild) {
  if (guild.events.empty()) return false;
  ScheduledEvent& event = random_.pick(guild.events);
  const Member& member = random_.pick(guild.members);
  event.users = std::max(event.users - 1, 0);
  dispatch("GUILD_SCHEDULED_EVENT_USER_REMOVE", guild, [&] {
    out_.id("user_id", world_.user(member.user).id);
    out_.id("guild_scheduled_event_id", event.id);
    out_.id("guild_id", guild.id);
  });
  return true;
}

bool GatewayLog::Script::invite_created(Guild& guild) {
  if (guild.invites.size() >= invites_max) return false;
  const Channel* channel = some(random_, guild.channels, [](const Channel& c) { return is_readable(c.type); });
  if (channel == nullptr) return false;
  const Invite& invite = guild.invites.emplace_back(Invite{invite_code(random_), channel->id});
  static constexpr std::int64_t ages[] = {1800, 86400, 604800};
  const std::int64_t age = options_.expiring_invites ? ages[random_.below(std::size(ages))] : 0;
  const UserIndex inviter = random_.pick(guild.members).user;
  const bool by_somebody = random_.percent(80);
  const bool for_somebody = random_.one_in(10);
  dispatch("INVITE_CREATE", guild, [&] {
    out_.number("uses", 0);
    out_.boolean("temporary", false);
    if (for_somebody) {
      out_.number("target_type", 1);
      out_.object("target_user", [&] { out_.id("id", world_.user(inviter).id); });
    }
    out_.number("max_uses", 0);
    out_.number("max_age", age);
    if (by_somebody) {
      out_.key("inviter");
      payloads_.user(inviter);
    }
    out_.id("guild_id", guild.id);
    out_.time_or_null("expires_at", age == 0 ? 0 : world_.now_ms + age * 1000);
    out_.time("created_at", world_.now_ms);
    out_.text("code", invite.code);
    out_.id("channel_id", invite.channel);
  });
  return true;
}

bool GatewayLog::Script::invite_deleted(Guild& guild) {
  if (guild.invites.empty()) return false;
  const std::size_t at = random_.below(guild.invites.size());
  const Invite invite = guild.invites[at];
  erase_at(guild.invites, at);
  dispatch("INVITE_DELETE", guild, [&] {
    out_.id("guild_id", guild.id);
    out_.text("code", invite.code);
    out_.id("channel_id", invite.channel);
  });
  return true;
}

bool GatewayLog::Script::integration_created(Guild& guild) {
  if (guild.integrations.size() >= few_max) return false;
  guild.integrations.push_back({world_.new_id(), world_.tick});
  dispatch("INTEGRATION_CREATE", guild, [&] { payloads_.integration_fields(guild, guild.integrations.back()); });
  return true;
}

bool GatewayLog::Script::integration_changed(Guild& guild) {
  if (guild.integrations.empty()) return false;
  Thing& integration = random_.pick(guild.integrations);
  integration.changed = world_.tick;
  dispatch("INTEGRATION_UPDATE", guild, [&] { payloads_.integration_fields(guild, integration); });
  return true;
}

bool GatewayLog::Script::integration_deleted(Guild& guild) {
  if (guild.integrations.empty()) return false;
  const Id id = guild.integrations.back().id;
  guild.integrations.pop_back();
  dispatch("INTEGRATION_DELETE", guild, [&] {
    out_.id("id", id);
    out_.id("guild_id", guild.id);
    if (random_.one_in(2)) out_.id("application_id", id + 1);
  });
  return true;
}

bool GatewayLog::Script::webhooks_changed(Guild& guild) {
  dispatch("WEBHOOKS_UPDATE", guild, [&] {
    out_.id("guild_id", guild.id);
    out_.id("channel_id", guild.channels.front().id);
  });
  return true;
}

bool GatewayLog::Script::rule_created(Guild& guild) {
  if (guild.automod_rules.size() >= few_max) return false;
  guild.automod_rules.push_back({world_.new_id(), world_.tick});
  dispatch("AUTO_MODERATION_RULE_CREATE", guild,
           [&] { payloads_.automod_rule_fields(guild, guild.automod_rules.back()); });
  return true;
}

bool GatewayLog::Script::rule_changed(Guild& guild) {
  if (guild.automod_rules.empty()) return false;
  Thing& rule = random_.pick(guild.automod_rules);
  rule.changed = world_.tick;
  dispatch("AUTO_MODERATION_RULE_UPDATE", guild, [&] { payloads_.automod_rule_fields(guild, rule); });
  return true;
}

bool GatewayLog::Script::rule_deleted(Guild& guild) {
  if (guild.automod_rules.empty()) return false;
  const Thing rule = guild.automod_rules.back();
  guild.automod_rules.pop_back();
  dispatch("AUTO_MODERATION_RULE_DELETE", guild, [&] { payloads_.automod_rule_fields(guild, rule); });
  return true;
}

bool GatewayLog::Script::rule_executed(Guild& guild) {
  if (guild.automod_rules.empty()) return false;
  const UserIndex user = random_.pick(guild.members).user;
  dispatch("AUTO_MODERATION_ACTION_EXECUTION", guild, [&] {
    out_.id("user_id", world_.user(user).id);
    out_.number("rule_trigger_type", 1);
    out_.id("rule_id", guild.automod_rules.front().id);
    out_.text("matched_keyword", "bad");
    out_.text("matched_content", "bad");
    out_.id("guild_id", guild.id);
    out_.text("content", payloads_.words(random_, 8));
    out_.id("channel_id", guild.channels.back().id);
    out_.object("action", [&] { out_.number("type", 1); });
  });
  return true;
}

}  // namespace sake::test
