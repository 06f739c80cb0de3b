#include <algorithm>
#include <string>
#include <utility>

#include "support/gateway_script.h"

namespace sake::test {

namespace {

constexpr std::size_t roles_max = 40;
constexpr std::size_t emojis_max = 50;
constexpr std::size_t few_max = 8;

/// What Discord allows in one GUILD_MEMBERS_CHUNK. Logs stay small with less, and have more chunks.
constexpr std::size_t members_per_chunk = 100;

}  // namespace

// Guilds

void GatewayLog::Script::guild_create(Guild& guild, Arrival arrival) {
  dispatch("GUILD_CREATE", guild, [&] {
    payloads_.guild_fields(guild);
    out_.time("joined_at", guild.joined_ms);
    out_.boolean("large", guild.large());
    out_.number("member_count", static_cast<std::int64_t>(guild.members.size()));
    // A guild that the bot has just joined does not say whether it is available.
    if (arrival == Arrival::announced) out_.boolean("unavailable", false);
    if (options_.quirks) {
      out_.boolean("lazy", true);
      out_.number("version", 1'700'000'000'123);
      out_.object("application_command_counts", [&] { out_.number("1", 3); });
      out_.empty_array("embedded_activities");
    }
    payloads_.guild_roles_and_expressions(guild);
    write_guild_lists(guild);
  });
}

void GatewayLog::Script::write_guild_lists(const Guild& guild) {
  out_.array("channels", [&] {
    for (const Channel& channel : guild.channels) out_.object([&] { payloads_.channel_fields(guild, channel, false); });
  });
  out_.array("threads", [&] {
    for (const Thread& thread : guild.threads) {
      if (thread.archived) continue;
      out_.object([&] {
        payloads_.thread_fields(guild, thread, false);
        if (!thread.joined) return;
        out_.object("member", [&] {
          out_.time("join_timestamp", thread.created_ms);
          out_.number("flags", 1);
        });
      });
    }
  });
  // Of a large guild only some: here those who are online or in voice, and bots. Now and then not even those in voice.
  const bool voice_missing = options_.quirks && mix(guild.id, 5) % 3 == 0;
  const auto listed = [&](const Member& member) {
    const bool in_voice = member.voice_channel != 0 && !voice_missing;
    return !guild.large() || member.status != Status::offline || in_voice || world_.user(member.user).bot;
  };
  out_.array("members", [&] {
    for (const Member& member : guild.members) {
      if (listed(member)) payloads_.member(guild, member);
    }
    if (!options_.quirks) return;
    for (const Member& member : guild.members) {
      if (listed(member) && member.voice_channel != 0) payloads_.member(guild, member);
    }
  });
  out_.array("presences", [&] {
    for (const Member& member : guild.members) {
      if (member.status != Status::offline) out_.object([&] { payloads_.presence_fields(guild, member, false); });
    }
  });
  out_.array("voice_states", [&] {
    for (const Member& member : guild.members) {
      if (member.voice_channel != 0) out_.object([&] { payloads_.voice_state_fields(guild, member); });
    }
  });
  out_.array("stage_instances", [&] {
    for (const Stage& stage : guild.stages) out_.object([&] { payloads_.stage_fields(guild, stage); });
  });
  out_.array("guild_scheduled_events", [&] {
    for (const ScheduledEvent& event : guild.events)
      out_.object([&] { payloads_.scheduled_event_fields(guild, event, false); });
  });
  out_.array("soundboard_sounds", [&] {
    for (const Thing& sound : guild.sounds) out_.object([&] { payloads_.sound_fields(guild, sound); });
  });
}

/// What happens while nobody is told: the next GUILD_CREATE differs from the last state in every collection.
void GatewayLog::Script::drift(Guild& guild) {
  guild.changed = world_.tick;
  change_list(guild.emojis, emojis_max);
  change_list(guild.stickers, few_max);
  change_list(guild.sounds, few_max);
  if (guild.roles.size() > 2) erase_at(guild.roles, random_.between(1, guild.roles.size() - 1));
  if (guild.roles.size() < roles_max) guild.roles.push_back({world_.new_id(), world_.tick, world_.tick, 2});
  const Channel* gone = some(random_, guild.channels, [](const Channel& c) { return c.type == ChannelType::text; });
  if (gone != nullptr && guild.channels.size() > 6) forget_channel(guild, gone->id);
  if (!guild.threads.empty()) guild.threads.pop_back();
  if (!guild.stages.empty()) guild.stages.pop_back();
  if (!guild.events.empty()) guild.events.pop_back();
  for (Member& member : guild.members) {
    if (random_.one_in(4)) member.status = static_cast<Status>(random_.below(4));
    if (random_.one_in(4)) member.voice_channel = 0;
  }
  const Member* leaver =
      some(random_, guild.members, [&](const Member& m) { return m.user != own_user && m.user != guild.owner; });
  if (leaver != nullptr && guild.members.size() > 5) world_.remove_member(guild, leaver->user);
  if (guild.members.size() < guild.members_max && world_.has_room_for_users())
    world_.add_member(guild, world_.add_user(false), world_.now_ms);
}

bool GatewayLog::Script::guild_changed(Guild& guild) {
  guild.changed = world_.tick;
  if (random_.one_in(6)) change_list(guild.emojis, emojis_max);
  dispatch("GUILD_UPDATE", guild, [&] {
    payloads_.guild_fields(guild);
    payloads_.guild_roles_and_expressions(guild, !quirk(3));
    if (quirk(4)) out_.id("guild_id", guild.id + 1);  // Seen in the field; the guild is the one in "id".
  });
  return true;
}

bool GatewayLog::Script::guild_lost(Guild& guild) {
  guild.state = GuildState::outage;
  const std::size_t times = quirk(3) ? 2 : 1;
  for (std::size_t i = 0; i < times; ++i) {
    dispatch("GUILD_DELETE", guild, [&] {
      out_.boolean("unavailable", true);
      out_.id("id", guild.id);
    });
  }
  return true;
}

/// A stub: the announcement of a guild of which there is nothing to tell yet.
bool GatewayLog::Script::guild_still_lost(Guild& guild) {
  dispatch("GUILD_CREATE", guild, [&] {
    out_.boolean("unavailable", true);
    out_.id("id", guild.id);
  });
  return true;
}

bool GatewayLog::Script::guild_back(Guild& guild) {
  guild.state = GuildState::available;
  drift(guild);
  guild_create(guild, Arrival::announced);
  return true;
}

bool GatewayLog::Script::guild_left(Guild& guild) {
  // A log should not run out of guilds.
  if (available_guilds() * 3 < world_.guilds.size() * 2) return false;
  const Member someone = guild.members.back();
  const bool told_before = random_.one_in(2);
  const auto own_removal = [&] {
    dispatch("GUILD_MEMBER_REMOVE", guild, [&] {
      out_.object("user", [&] { payloads_.user_fields(own_user); });
      out_.id("guild_id", guild.id);
    });
  };
  if (told_before) own_removal();
  const std::size_t wording = options_.quirks ? random_.below(5) : 0;  // Mostly without "unavailable".
  dispatch("GUILD_DELETE", guild, [&] {
    if (wording == 3) {
      payloads_.guild_fields(guild);
    } else {
      out_.id("id", guild.id);
    }
    if (wording == 1) out_.boolean("unavailable", false);
    if (wording == 2) out_.null("unavailable");
  });
  if (!told_before) own_removal();
  if (options_.quirks) {
    late_events(guild, someone);
    message_sent(guild);
    role_changed(guild);
  }
  guild.state = GuildState::left;
  world_.abandon(guild);
  return true;
}

bool GatewayLog::Script::guild_joined(Guild&) {
  const auto waits = [](const Session& session) { return !session.open; };
  if (std::any_of(sessions_.begin(), sessions_.end(), waits)) return false;
  Guild* guild = some_guild(GuildState::left);
  if (guild == nullptr) {
    if (world_.guilds.size() >= 2 * static_cast<std::size_t>(options_.guilds) + 2) return false;
    guild = &world_.add_guild(options_.members);
  } else {
    guild->changed = world_.tick;
    world_.add_members(*guild, options_.members);
  }
  guild->joined_ms = world_.now_ms;
  guild->members.front().joined_ms = world_.now_ms;
  guild->state = GuildState::available;
  guild_create(*guild, Arrival::joined);
  return true;
}

bool GatewayLog::Script::audit_log_entry(Guild& guild) {
  dispatch("GUILD_AUDIT_LOG_ENTRY_CREATE", guild, [&] {
    out_.id("user_id", world_.user(guild.owner).id);
    out_.id("target_id", random_.pick(guild.roles).id);
    out_.text("reason", payloads_.words(random_, 4));
    out_.id("id", world_.new_id());
    out_.id("guild_id", guild.id);
    out_.array("changes", [&] {
      out_.object([&] {
        out_.text("key", "name");
        out_.text("old_value", "before");
        out_.text("new_value", "after");
      });
    });
    out_.number("action_type", 31);
  });
  return true;
}

bool GatewayLog::Script::member_banned(Guild& guild) {
  if (guild.members.size() < 8) return false;
  const UserIndex user = guild.members[random_.between(2, guild.members.size() - 1)].user;
  if (user == own_user || user == guild.owner) return false;
  const auto ban = [&] {
    dispatch("GUILD_BAN_ADD", guild, [&] {
      out_.object("user", [&] { payloads_.user_fields(user); });
      out_.id("guild_id", guild.id);
    });
  };
  const bool ban_first = random_.one_in(2);
  if (ban_first) ban();
  member_remove(guild, user);
  if (!ban_first) ban();
  return true;
}

bool GatewayLog::Script::member_unbanned(Guild& guild) {
  const auto user = static_cast<UserIndex>(random_.below(world_.users.size()));
  if (guild.find_member(user) != nullptr) return false;
  dispatch("GUILD_BAN_REMOVE", guild, [&] {
    out_.object("user", [&] { payloads_.user_fields(user); });
    out_.id("guild_id", guild.id);
  });
  return true;
}

bool GatewayLog::Script::integrations_changed(Guild& guild) {
  dispatch("GUILD_INTEGRATIONS_UPDATE", guild, [&] { out_.id("guild_id", guild.id); });
  return true;
}

// Members

bool GatewayLog::Script::member_joined(Guild& guild) {
  if (guild.members.size() >= guild.members_max) return false;
  const bool known = random_.one_in(2) || !world_.has_room_for_users();
  const auto user =
      known ? static_cast<UserIndex>(1 + random_.below(world_.users.size() - 1)) : world_.add_user(random_.one_in(20));
  if (guild.find_member(user) != nullptr) return false;
  world_.add_member(guild, user, world_.now_ms);
  // Discord repeats itself when it repairs its own records.
  const std::size_t times = quirk(6) ? random_.between(2, 3) : 1;
  for (std::size_t i = 0; i < times; ++i) {
    dispatch("GUILD_MEMBER_ADD", guild, [&] {
      payloads_.member_fields(guild, guild.members.back(), MemberShape::full);
      out_.id("guild_id", guild.id);
    });
  }
  if (random_.one_in(2)) {
    Member& member = guild.members.back();
    member.status = Status::online;
    member.presence_changed = world_.tick;
    presence_event(guild, member);
  }
  return true;
}

void GatewayLog::Script::member_update(const Guild& guild, const Member& member, MemberShape shape) {
  dispatch("GUILD_MEMBER_UPDATE", guild, [&] {
    payloads_.member_fields(guild, member, shape);
    out_.id("guild_id", guild.id);
  });
}

bool GatewayLog::Script::member_got_roles(Guild& guild) {
  Member& member = random_.pick(guild.members);
  member.roles_changed = world_.tick;
  member_update(guild, member, random_.one_in(2) ? MemberShape::brief : MemberShape::full);
  return true;
}

bool GatewayLog::Script::member_changed(Guild& guild) {
  Member& member = random_.pick(guild.members);
  member.profile_changed = world_.tick;
  member_update(guild, member, MemberShape::full);
  return true;
}

bool GatewayLog::Script::own_member_changed(Guild& guild) {
  Member* member = guild.find_member(own_user);
  if (member == nullptr) return false;
  member->profile_changed = world_.tick;
  member_update(guild, *member, MemberShape::full);
  return true;
}

/// A new name or avatar is told once per shared guild.
bool GatewayLog::Script::user_changed(Guild& guild) {
  const UserIndex user = random_.pick(guild.members).user;
  if (user == own_user) return false;
  world_.users[user].changed = world_.tick;
  for (const std::uint32_t index : world_.user(user).guilds) {
    const Guild& shared = world_.guilds[index];
    const Member* member = is_live(shared) ? shared.find_member(user) : nullptr;
    if (member != nullptr) member_update(shared, *member, MemberShape::full);
  }
  return true;
}

void GatewayLog::Script::member_remove(Guild& guild, UserIndex user) {
  const Member gone = *guild.find_member(user);
  world_.remove_member(guild, user);
  dispatch("GUILD_MEMBER_REMOVE", guild, [&] {
    out_.object("user", [&] { payloads_.user_fields(user); });
    out_.id("guild_id", guild.id);
  });
  if (quirk(2)) late_events(guild, gone);
}

/// What Discord still says about somebody after it has said that they are gone.
void GatewayLog::Script::late_events(const Guild& guild, const Member& gone) {
  Member late = gone;
  late.status = Status::offline;
  late.voice_channel = 0;
  presence_event(guild, late);
  if (gone.voice_channel != 0 || random_.one_in(3)) voice_event(guild, late);
  if (random_.one_in(3)) typing_event(guild, late);
}

bool GatewayLog::Script::member_left(Guild& guild) {
  if (guild.members.size() < 8) return false;
  const UserIndex user = random_.pick(guild.members).user;
  if (user == own_user || user == guild.owner) return false;
  member_remove(guild, user);
  return true;
}

void GatewayLog::Script::members_chunk(const Guild& guild, std::size_t first, std::size_t count, int index,
                                       int chunks) {
  dispatch("GUILD_MEMBERS_CHUNK", guild, [&] {
    out_.array("presences", [&] {
      for (std::size_t i = first; i < first + count; ++i) {
        const Member& member = guild.members[i];
        if (member.status != Status::offline) out_.object([&] { payloads_.presence_fields(guild, member, false); });
      }
    });
    out_.array("members", [&] {
      for (std::size_t i = first; i < first + count; ++i) payloads_.member(guild, guild.members[i]);
    });
    out_.id("guild_id", guild.id);
    out_.number("chunk_index", index);
    out_.number("chunk_count", chunks);
    out_.text("nonce", "all:" + std::to_string(guild.index));
  });
}

/// A complete run: every member, in as many chunks as it takes. Bots ask for it where GUILD_CREATE has not told them
/// all.
bool GatewayLog::Script::members_listed(Guild& guild) {
  if (!guild.large() && !random_.one_in(8)) return false;
  const std::size_t count = guild.members.size();
  const std::size_t chunks = (count + members_per_chunk - 1) / members_per_chunk;
  for (std::size_t i = 0; i < chunks; ++i) {
    const std::size_t first = i * members_per_chunk;
    members_chunk(guild, first, std::min(members_per_chunk, count - first), static_cast<int>(i),
                  static_cast<int>(chunks));
  }
  return true;
}

/// The answer to a request by user ids, some of which are nobody.
bool GatewayLog::Script::members_asked_for(Guild& guild) {
  const auto absent = static_cast<UserIndex>(random_.below(world_.users.size()));
  if (guild.find_member(absent) != nullptr) return false;
  const Member& found = random_.pick(guild.members);
  const bool with_presences = random_.one_in(2);
  dispatch("GUILD_MEMBERS_CHUNK", guild, [&] {
    if (with_presences) {
      out_.array("presences", [&] {
        if (found.status != Status::offline) out_.object([&] { payloads_.presence_fields(guild, found, false); });
      });
    }
    out_.array("not_found", [&] {
      out_.id(world_.user(absent).id);
      out_.id(guild.id);
    });
    out_.array("members", [&] { payloads_.member(guild, found); });
    out_.id("guild_id", guild.id);
    out_.number("chunk_index", 0);
    out_.number("chunk_count", 1);
  });
  return true;
}

// Roles

void GatewayLog::Script::role_event(std::string_view event, const Guild& guild, const Role& role) {
  dispatch(event, guild, [&] {
    out_.key("role");
    payloads_.role(guild, role);
    out_.id("guild_id", guild.id);
  });
}

bool GatewayLog::Script::role_created(Guild& guild) {
  if (guild.roles.size() >= roles_max) return false;
  const Id id = world_.new_id();
  const auto position = static_cast<std::uint8_t>(guild.roles.size());
  guild.roles.push_back({id, world_.tick, world_.tick, position});
  role_event("GUILD_ROLE_CREATE", guild, guild.roles.back());
  return true;
}

bool GatewayLog::Script::role_changed(Guild& guild) {
  Role& role = random_.pick(guild.roles);
  role.changed = world_.tick;
  role_event("GUILD_ROLE_UPDATE", guild, role);
  return true;
}

bool GatewayLog::Script::roles_reordered(Guild& guild) {
  if (guild.roles.size() < 4) return false;
  const std::size_t at = random_.between(1, guild.roles.size() - 3);
  for (std::size_t i = at; i < at + 3; ++i) {
    guild.roles[i].position = static_cast<std::uint8_t>(at + (i - at + 1) % 3);
    role_event("GUILD_ROLE_UPDATE", guild, guild.roles[i]);
  }
  return true;
}

bool GatewayLog::Script::role_deleted(Guild& guild) {
  if (guild.roles.size() < 3) return false;
  const std::size_t at = random_.between(1, guild.roles.size() - 1);
  const Id id = guild.roles[at].id;
  erase_at(guild.roles, at);
  dispatch("GUILD_ROLE_DELETE", guild, [&] {
    out_.id("role_id", id);
    out_.id("guild_id", guild.id);
  });
  return true;
}

// Emojis, stickers, sounds

/// Something goes, something changes, something comes; rarely everything goes.
void GatewayLog::Script::change_list(std::vector<Thing>& things, std::size_t most) {
  if (random_.one_in(15)) {
    things.clear();
    return;
  }
  if (!things.empty() && random_.one_in(2)) erase_at(things, random_.below(things.size()));
  if (!things.empty()) random_.pick(things).changed = world_.tick;
  if (things.size() < most && random_.percent(70)) things.push_back({world_.new_id(), world_.tick});
}

bool GatewayLog::Script::emojis_changed(Guild& guild) {
  change_list(guild.emojis, emojis_max);
  dispatch("GUILD_EMOJIS_UPDATE", guild, [&] {
    out_.id("guild_id", guild.id);
    out_.array("emojis", [&] {
      for (const Thing& emoji : guild.emojis) payloads_.emoji(guild, emoji);
    });
  });
  return true;
}

bool GatewayLog::Script::stickers_changed(Guild& guild) {
  change_list(guild.stickers, few_max);
  dispatch("GUILD_STICKERS_UPDATE", guild, [&] {
    out_.array("stickers", [&] {
      for (const Thing& sticker : guild.stickers) payloads_.sticker(guild, sticker);
    });
    out_.id("guild_id", guild.id);
  });
  return true;
}

bool GatewayLog::Script::sound_created(Guild& guild) {
  if (guild.sounds.size() >= few_max) return false;
  guild.sounds.push_back({world_.new_id(), world_.tick});
  dispatch("GUILD_SOUNDBOARD_SOUND_CREATE", guild, [&] {
    payloads_.sound_fields(guild, guild.sounds.back());
    out_.key("user");
    payloads_.user(guild.owner);
  });
  return true;
}

bool GatewayLog::Script::sound_changed(Guild& guild) {
  if (guild.sounds.empty()) return false;
  Thing& sound = random_.pick(guild.sounds);
  sound.changed = world_.tick;
  dispatch("GUILD_SOUNDBOARD_SOUND_UPDATE", guild, [&] { payloads_.sound_fields(guild, sound); });
  return true;
}

bool GatewayLog::Script::sound_deleted(Guild& guild) {
  if (guild.sounds.empty()) return false;
  const Id id = guild.sounds.back().id;
  guild.sounds.pop_back();
  dispatch("GUILD_SOUNDBOARD_SOUND_DELETE", guild, [&] {
    out_.id("sound_id", id);
    out_.id("guild_id", guild.id);
  });
  return true;
}

void GatewayLog::Script::sound_list(std::string_view event, const Guild& guild) {
  dispatch(event, guild, [&] {
    out_.array("soundboard_sounds", [&] {
      for (const Thing& sound : guild.sounds) out_.object([&] { payloads_.sound_fields(guild, sound); });
    });
    out_.id("guild_id", guild.id);
  });
}

bool GatewayLog::Script::sounds_changed(Guild& guild) {
  change_list(guild.sounds, few_max);
  sound_list("GUILD_SOUNDBOARD_SOUNDS_UPDATE", guild);
  return true;
}

bool GatewayLog::Script::sounds_asked_for(Guild& guild) {
  sound_list("SOUNDBOARD_SOUNDS", guild);
  return true;
}

}  // namespace sake::test
