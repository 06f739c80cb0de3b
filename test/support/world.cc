#include "support/world.h"

#include <algorithm>
#include <utility>

namespace sake::test {

namespace {

constexpr std::int64_t discord_epoch_ms = 1'420'070'400'000;
constexpr std::int64_t first_id_ms = 1'451'606'400'000;  // 2016
constexpr std::int64_t day_ms = 86'400'000;

template <class Container>
auto* find_by_id(Container& container, Id id) {
  const auto found = std::find_if(container.begin(), container.end(), [id](const auto& item) { return item.id == id; });
  return found == container.end() ? nullptr : &*found;
}

}  // namespace

bool is_voice(ChannelType type) { return type == ChannelType::voice || type == ChannelType::stage; }

bool is_readable(ChannelType type) {
  return type == ChannelType::text || type == ChannelType::announcement || type == ChannelType::voice;
}

const Member* Guild::find_member(UserIndex user) const {
  const auto found =
      std::find_if(members.begin(), members.end(), [user](const Member& member) { return member.user == user; });
  return found == members.end() ? nullptr : &*found;
}

Member* Guild::find_member(UserIndex user) { return const_cast<Member*>(std::as_const(*this).find_member(user)); }

bool Guild::has_thread(Id thread) const { return find_by_id(threads, thread) != nullptr; }

Channel* Guild::find_channel(Id channel) { return find_by_id(channels, channel); }

Thread* Guild::find_thread(Id thread) { return find_by_id(threads, thread); }

World::World(const WorldOptions& options)
    : random(options.seed), now_ms(options.start_ms), start_ms_(options.start_ms) {
  add_user(true);  // The own user.
  for (int i = 0; i < options.guilds; ++i) add_guild(static_cast<int>(size_of(options, i)));
  users_max_ = 2 * users.size() + 100;
  for (int i = 0; i < 4; ++i) {
    const Id id = old_id();
    direct_channels.push_back({id, static_cast<UserIndex>(1 + random.below(users.size() - 1)), {}});
  }
}

std::size_t World::size_of(const WorldOptions& options, int index) {
  const auto average = static_cast<std::size_t>(std::max(options.members, 2));
  if (!options.zipf) return index == 0 ? 6 * average : random.between(average / 4 + 1, average + average / 2);
  // In thousandths, since the first one's share is 1 / (1 + 1/2 + 1/3 + ...).
  std::size_t shares = 0;
  for (int i = 1; i <= options.guilds; ++i) shares += 1000 / static_cast<std::size_t>(i) + 1;
  const std::size_t all = average * static_cast<std::size_t>(options.guilds);
  return all * 1000 / shares / (static_cast<std::size_t>(index) + 1);
}

Id World::new_id() { return static_cast<Id>(now_ms - discord_epoch_ms) << 22 | (++ids_made_ & 0x3fffff); }

Id World::old_id() {
  const auto ms =
      first_id_ms + static_cast<std::int64_t>(random.below(static_cast<std::size_t>(start_ms_ - first_id_ms)));
  return static_cast<Id>(ms - discord_epoch_ms) << 22 | (++ids_made_ & 0x3fffff);
}

UserIndex World::add_user(bool bot) {
  const Id id = old_id();
  users.push_back({id, 0, bot, {}});
  return static_cast<UserIndex>(users.size() - 1);
}

Guild& World::add_guild(int members) {
  Guild& guild = guilds.emplace_back();
  guild.index = static_cast<std::uint32_t>(guilds.size() - 1);
  guild.id = old_id();
  guild.joined_ms = start_ms_ - static_cast<std::int64_t>(random.below(1000)) * day_ms;
  add_roles(guild);
  add_channels(guild);
  add_members(guild, members);
  add_threads(guild);
  add_expressions(guild);
  add_happenings(guild);
  return guild;
}

void World::add_roles(Guild& guild) {
  guild.roles.push_back({guild.id, 0, 0, 0});
  const std::size_t count = random.between(3, 14);
  for (std::size_t i = 1; i <= count; ++i) guild.roles.push_back({old_id(), 0, 0, static_cast<std::uint8_t>(i)});
}

void World::add_channels(Guild& guild) {
  const auto add = [&](ChannelType type, std::size_t count, Id parent) {
    for (std::size_t i = 0; i < count; ++i) {
      Channel channel{old_id(), type, parent};
      channel.position = static_cast<std::uint8_t>(guild.channels.size());
      if (is_readable(type) && random.percent(80)) channel.last_message = old_id();
      if (channel.last_message != 0 && random.one_in(3)) channel.pinned_ms = start_ms_ - 3 * day_ms;
      guild.channels.push_back(channel);
    }
  };
  add(ChannelType::category, 2, 0);
  const Id texts = guild.channels[0].id;
  const Id voices = guild.channels[1].id;
  add(ChannelType::text, 1, 0);
  add(ChannelType::text, random.between(1, 8), texts);
  add(ChannelType::announcement, random.below(2), texts);
  add(ChannelType::forum, random.below(3), texts);
  add(ChannelType::media, random.one_in(5) ? 1 : 0, 0);
  add(ChannelType::voice, random.between(1, 4), voices);
  add(ChannelType::stage, random.between(1, 2), voices);
}

void World::add_members(Guild& guild, int members) {
  add_member(guild, own_user, guild.joined_ms);
  while (guild.members.size() < static_cast<std::size_t>(std::max(members, 3))) {
    // Some people are in several guilds.
    const bool known = !has_room_for_users() || (users.size() > 40 && random.percent(30));
    const bool bot = random.one_in(20);
    const auto user = known ? static_cast<UserIndex>(1 + random.below(users.size() - 1)) : add_user(bot);
    const auto age_ms = static_cast<std::int64_t>(random.below(900 * day_ms));
    const std::vector<std::uint32_t>& guilds_of_user = users[user].guilds;
    if (std::find(guilds_of_user.begin(), guilds_of_user.end(), guild.index) != guilds_of_user.end()) continue;
    Member& member = add_member(guild, user, start_ms_ - age_ms);
    if (random.percent(40)) member.status = static_cast<Status>(random.between(1, 3));
    if (!random.one_in(12)) continue;
    std::vector<Id> voices;
    for (const Channel& channel : guild.channels) {
      if (is_voice(channel.type)) voices.push_back(channel.id);
    }
    member.voice_channel = random.pick(voices);
  }
  guild.owner = guild.members[1].user;
  guild.members_max = 2 * guild.members.size() + 20;
}

void World::add_threads(Guild& guild) {
  for (const Channel& channel : guild.channels) {
    const bool forum = channel.type == ChannelType::forum || channel.type == ChannelType::media;
    if (!forum && channel.type != ChannelType::text && channel.type != ChannelType::announcement) continue;
    if (!random.one_in(forum ? 2 : 5)) continue;
    Thread thread{old_id(), ChannelType::public_thread, channel.id, random.pick(guild.members).user};
    if (channel.type == ChannelType::announcement) thread.type = ChannelType::announcement_thread;
    if (channel.type == ChannelType::text && random.one_in(4)) thread.type = ChannelType::private_thread;
    thread.created_ms = start_ms_ - 10 * day_ms;
    thread.messages = thread.messages_ever = static_cast<std::int32_t>(random.between(1, 49));
    thread.last_message = old_id();
    thread.joined = thread.type == ChannelType::private_thread || random.one_in(3);
    guild.threads.push_back(thread);
  }
}

void World::add_expressions(Guild& guild) {
  const auto add = [&](std::vector<Thing>& things, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) things.push_back({old_id(), 0});
  };
  add(guild.emojis, random.below(20));
  add(guild.stickers, random.below(4));
  add(guild.sounds, random.below(4));
  add(guild.integrations, random.below(3));
  add(guild.automod_rules, random.below(3));
}

void World::add_happenings(Guild& guild) {
  for (const Channel& channel : guild.channels) {
    if (channel.type == ChannelType::stage && random.one_in(4)) guild.stages.push_back({old_id(), channel.id, 0});
  }
  for (std::size_t left = random.below(3); left > 0; --left) {
    ScheduledEvent event{old_id(), 0, random.pick(guild.members).user};
    if (random.one_in(2)) event.channel = guild.channels.back().id;
    event.users = static_cast<std::int32_t>(random.below(30));
    guild.events.push_back(event);
  }
}

Member& World::add_member(Guild& guild, UserIndex user, std::int64_t joined_ms) {
  users[user].guilds.push_back(guild.index);
  Member& member = guild.members.emplace_back();
  member.user = user;
  member.profile_changed = member.roles_changed = tick;
  member.joined_ms = joined_ms;
  return member;
}

void World::remove_member(Guild& guild, UserIndex user) {
  std::erase(users[user].guilds, guild.index);
  std::erase_if(guild.members, [user](const Member& member) { return member.user == user; });
}

void World::abandon(Guild& guild) {
  for (const Member& member : guild.members) std::erase(users[member.user].guilds, guild.index);
  guild.members.clear();
  guild.messages.clear();
  guild.invites.clear();
}

}  // namespace sake::test
