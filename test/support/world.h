#pragma once

// What a generated gateway log is about: guilds and what is in them, users, direct channels. It holds only what later
// events depend on. Everything else of an entity (names, texts, colours) follows from its id and the tick of its last
// change, so that two payloads about an unchanged entity agree without anybody storing the text.

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "support/payload_writer.h"
#include "support/random.h"

namespace sake::test {

/// A step of the generator.
using Tick = std::uint32_t;

/// Index in World::users. The own user is the first.
using UserIndex = std::uint32_t;

constexpr UserIndex own_user = 0;

enum class Status : std::uint8_t { offline, online, idle, dnd };

/// Discord's numbers.
enum class ChannelType : std::uint8_t {
  text = 0,
  direct = 1,
  voice = 2,
  category = 4,
  announcement = 5,
  announcement_thread = 10,
  public_thread = 11,
  private_thread = 12,
  stage = 13,
  forum = 15,
  media = 16,
};

struct User {
  Id id;
  Tick changed = 0;
  bool bot = false;
  std::vector<std::uint32_t> guilds;  ///< Indices of the guilds it is a member of.
};

struct Member {
  UserIndex user = 0;
  Tick profile_changed = 0;  ///< Nick, avatar, mute and so on.
  Tick roles_changed = 0;
  std::int64_t joined_ms = 0;
  Tick presence_changed = 0;
  Tick voice_changed = 0;
  Id voice_channel = 0;  ///< 0: not in voice.
  Status status = Status::offline;
};

struct Role {
  Id id;
  Tick born = 0;  ///< Members whose roles changed last before this do not have it.
  Tick changed = 0;
  std::uint8_t position = 0;
};

/// An emoji, sticker, sound, integration, auto-moderation rule, entitlement or subscription.
struct Thing {
  Id id;
  Tick changed = 0;
};

struct Channel {
  Id id;
  ChannelType type;
  Id parent = 0;
  Tick changed = 0;
  std::uint8_t position = 0;
  Id last_message = 0;
  std::int64_t pinned_ms = 0;
};

struct Thread {
  Id id;
  ChannelType type;
  Id parent;
  UserIndex owner;
  Tick changed = 0;
  std::int64_t created_ms = 0;
  Id last_message = 0;
  std::int32_t messages = 0;
  std::int32_t messages_ever = 0;
  bool archived = false;
  bool joined = false;  ///< By the own user.
};

enum class MessageKind : std::uint8_t {
  plain,
  reply,
  rich,  ///< With embeds and components.
  attachment,
  sticker,
  webhook,
  command_answer,
  poll,
  join,
  forward,
};

struct Reaction {
  Id emoji;  ///< 0: a unicode emoji.
  UserIndex user;
  bool burst;
};

struct Vote {
  UserIndex user;
  std::uint8_t answer;
};

struct Message {
  Id id = 0;
  Id channel = 0;
  UserIndex author = 0;
  MessageKind kind = MessageKind::plain;
  Id refers_to = 0;  ///< The message it answers or forwards.
  bool pinned = false;
  bool poll_over = false;
  Tick changed = 0;
  std::int64_t edited_ms = 0;
  std::vector<Reaction> reactions;
  std::vector<Vote> votes;
};

struct Invite {
  std::string code;
  Id channel;
};

struct Stage {
  Id id;
  Id channel;
  Tick changed = 0;
};

struct ScheduledEvent {
  Id id;
  Id channel;  ///< 0: elsewhere.
  UserIndex creator;
  std::uint8_t status = 1;
  std::int32_t users = 0;
  Tick changed = 0;
};

enum class GuildState : std::uint8_t {
  announced,  ///< Listed in READY; its GUILD_CREATE is still to come.
  available,
  outage,
  left,
};

struct Guild {
  std::uint32_t index = 0;
  Id id = 0;
  GuildState state = GuildState::announced;
  Tick changed = 0;
  UserIndex owner = 0;
  std::int64_t joined_ms = 0;
  std::vector<Role> roles;  ///< The first is @everyone.
  std::vector<Thing> emojis, stickers, sounds, integrations, automod_rules;
  std::vector<Channel> channels;
  std::vector<Thread> threads;
  std::vector<Member> members;
  std::size_t members_max = 0;    ///< Nobody joins beyond.
  std::vector<Message> messages;  ///< The latest ones.
  std::vector<Invite> invites;
  std::vector<Stage> stages;
  std::vector<ScheduledEvent> events;

  Member* find_member(UserIndex user);
  Channel* find_channel(Id id);
  Thread* find_thread(Id id);
  bool has_thread(Id id) const;
  const Member* find_member(UserIndex user) const;
  bool large() const { return members.size() > 50; }
};

struct DirectChannel {
  Id id;
  UserIndex user;
  std::vector<Message> messages;
};

struct WorldOptions {
  std::uint64_t seed = 1;
  int guilds = 0;
  int members = 0;
  bool zipf = false;
  std::int64_t start_ms = 0;
};

class World {
 public:
  explicit World(const WorldOptions& options);

  /// A new guild with everything in it, as if it had been there for years.
  Guild& add_guild(int members);

  /// Ids made now or at some time before the log.
  Id new_id();
  Id old_id();

  UserIndex add_user(bool bot);
  Member& add_member(Guild& guild, UserIndex user, std::int64_t joined_ms);

  /// The own user and others, until there are so many.
  void add_members(Guild& guild, int members);
  void remove_member(Guild& guild, UserIndex user);

  /// Forgets the members, so that their users no longer count the guild as theirs.
  void abandon(Guild& guild);

  /// Beyond, those who join are people who are known from elsewhere.
  bool has_room_for_users() const { return users.size() < users_max_; }

  const User& user(UserIndex index) const { return users[index]; }
  Id application_id() const { return users[own_user].id; }

  Random random;
  Tick tick = 0;
  std::int64_t now_ms;
  std::vector<User> users;
  std::deque<Guild> guilds;  ///< A deque: references stay valid while guilds are added.
  std::vector<DirectChannel> direct_channels;

 private:
  void add_roles(Guild& guild);
  void add_channels(Guild& guild);
  void add_threads(Guild& guild);
  void add_expressions(Guild& guild);
  void add_happenings(Guild& guild);

  /// Members of one of the first guilds.
  std::size_t size_of(const WorldOptions& options, int index);

  std::int64_t start_ms_;
  std::size_t users_max_ = SIZE_MAX;  ///< Set once the first guilds are there.
  std::uint32_t ids_made_ = 0;
};

/// What is known about an entity beyond the model: the same numbers as long as it does not change.
inline Random facts_of(Id id, Tick changed) { return Random(mix(id, changed)); }

bool is_voice(ChannelType type);
bool is_readable(ChannelType type);  ///< Messages can be sent to it.

}  // namespace sake::test
