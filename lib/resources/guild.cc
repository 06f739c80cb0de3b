// Guilds as a whole: GUILD_CREATE, GUILD_UPDATE, GUILD_DELETE, and what follows from them.

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/snowflake.h"
#include "json/edit.h"
#include "resources/entities.h"
#include "resources/flows.h"
#include "resources/handlers.h"
#include "resources/kinds.h"
#include "resources/thread.h"

namespace sake::resources {
namespace {

using store::Action;
using store::Owner;
using store::ReferenceKey;

/// Whether a member of a guild object has a database of its own, or is no part of it. Those that came later stay where
/// they are not kept elsewhere.
bool is_collection(const store::Settings& settings, json::Value field) {
  if (json::key_in(field, {"channels", "emojis", "members", "presences", "roles", "threads", "voice_states"}))
    return true;
  for (const Kind* kind : in_guild)
    if (field.key_equals(kind->list)) return settings.uses(kind->resource);
  return false;
}

constexpr bool is_voice(std::int64_t type) noexcept { return type == 2 || type == 13; }

struct VoiceState {
  std::uint64_t user;
  std::uint64_t channel;
  json::Value object;
  std::string_view member;  ///< Of the payload.
  Slot cached_member = 0;   ///< The read of the stored member, when the payload has none.
};

/// Everything of one GUILD_CREATE.
struct Snapshot {
  std::uint64_t guild = 0;
  std::array<Listed, in_guild.size()> kinds;  ///< As in `in_guild`.
  Listed channels, members, presences;
  std::vector<Thread> threads;
  IdSet thread_ids, parents;
  std::vector<VoiceState> voice_states;
  IdSet voice_users;
  bool replace_members = false;
  bool has_all_members = false;

  void read(Event& event);
  void write(Event& event);

  /// A channel that is not listed takes its threads along, but not while the payload has threads in it.
  void keep_parents(Event& event) const {
    std::erase_if(event.run.work->children, [&](const Work::Child& child) {
      return child.flow == drop_threads && parents.contains(child.arguments[0]);
    });
  }

 private:
  void read_members(Event& event, json::Value d);
  void read_voice_states(Event& event, json::Value d);
};

void Snapshot::read(Event& event) {
  const json::Value d = event.data();
  for (std::size_t i = 0; i < kinds.size(); ++i)
    kinds[i] = listed(event, *in_guild[i], event.optional_array(d, in_guild[i]->list));
  for (json::Value channel : event.optional_array(d, "channels").children())
    if (event.is_object(channel, "channels") && !is_thread(channel)) channels.add(event.id(channel, "id"), channel);
  channels.ids.seal();
  for (json::Value object : event.optional_array(d, "threads").children()) {
    if (!event.is_object(object, "threads")) continue;
    const Thread thread = thread_of(event, object);
    if (thread.is_archived) continue;
    threads.push_back(thread);
    thread_ids.add(thread.id);
    if (thread.parent) parents.add(*thread.parent);
  }
  thread_ids.seal();
  parents.seal();
  read_members(event, d);
  for (json::Value presence : event.optional_array(d, "presences").children()) {
    if (!event.is_object(presence, "presences")) continue;
    const json::Value user = event.object(presence, "user");
    const std::uint64_t id = event.id(user, "id");
    put_user(event, user);
    if (!presence["status"].equals("offline")) presences.add(id, presence);
  }
  presences.ids.seal();
  read_voice_states(event, d);
}

void Snapshot::read_members(Event& event, json::Value d) {
  for (json::Value member : event.optional_array(d, "members").children()) {
    if (!event.is_object(member, "members")) continue;
    const json::Value user = event.object(member, "user");
    members.add(event.id(user, "id"), member);
    put_user(event, user);
  }
  members.ids.seal();
  has_all_members = d["member_count"].integer() == static_cast<std::int64_t>(members.ids.size());
  switch (event.settings().policies.guild_create_members) {
    case MemberPolicy::replace:
      replace_members = true;
      break;
    case MemberPolicy::merge:
      break;
    case MemberPolicy::automatic:
      replace_members = has_all_members;
  }
}

void Snapshot::read_voice_states(Event& event, json::Value d) {
  const json::Value states = event.optional_array(d, "voice_states");
  if (!event.uses(Resource::voice_state) || states.children().empty()) return;
  std::unordered_map<std::uint64_t, json::Value> by_user;
  for (const Entity& member : members.entities) by_user[member.id] = member.object;
  for (json::Value state : states.children()) {
    if (!event.is_object(state, "voice_states")) continue;
    const std::uint64_t user = event.id(state, "user_id");
    const auto channel = event.optional_id(state, "channel_id");
    if (!channel) continue;
    VoiceState entry{user, *channel, state, {}};
    if (const auto member = by_user.find(user); member != by_user.end()) {
      entry.member = member->second.text();
    } else if (!state["member"].is_object()) {
      entry.cached_member = event.get_field(Resource::member, guild, user);
    }
    voice_states.push_back(entry);
    voice_users.add(user);
  }
  voice_users.seal();
}

void Snapshot::write(Event& event) {
  for (std::size_t i = 0; i < kinds.size(); ++i) put_listed(event, in_guild[i]->resource, guild, kinds[i].entities);
  put_listed(event, Resource::channel, guild, channels.entities);
  put_threads(event, guild, threads);
  put_members(event, guild, members.entities);
  put_presences(event, guild, presences.entities);
  // Sets first: the states then go out as one command.
  std::ranges::stable_sort(voice_states, {}, &VoiceState::channel);
  for (std::size_t i = 0; i < voice_states.size();) {
    std::vector<std::uint64_t> users;
    const std::uint64_t channel = voice_states[i].channel;
    for (; i < voice_states.size() && voice_states[i].channel == channel; ++i) users.push_back(voice_states[i].user);
    enter_voice_channel(event, guild, channel, users);
  }
  for (const VoiceState& state : voice_states) {
    std::string_view member = state.member;
    if (state.cached_member != 0) member = event.stored(state.cached_member).text();
    put_voice_state(event, guild, state.user, state.object, member);
  }
}

/// Makes the sets of the guild's voice channels hold just the users listed in them.
class VoiceSets {
 public:
  VoiceSets(Event& event, const Snapshot& snapshot) {
    if (!event.uses(Resource::voice_state)) return;
    for (const Entity& channel : snapshot.channels.entities)
      if (is_voice(channel.object["type"].integer().value_or(0))) sets_[channel.id];
    for (const VoiceState& state : snapshot.voice_states) sets_[state.channel].users.add(state.user);
    for (auto& [channel, set] : sets_) {
      set.users.seal();
      set.slot = event.read(Action::count_references, key(channel));
    }
  }

  bool step(Event& event) {
    bool more = false;
    for (auto& [channel, set] : sets_) {
      if (set.slot == 0) continue;  // It is as it should be.
      const Answer& answer = event.answer(std::exchange(set.slot, 0));
      if (!set.asked) {
        set.asked = true;
        // The marker is one more; a set without users has no business being there. Where a filter has refused some,
        // the number says nothing.
        const bool is_equal = answer.integer <= static_cast<std::int64_t>(set.users.empty() ? 0 : set.users.size() + 1);
        if (is_equal && (answer.integer == 0 || !event.out().is_filtered())) continue;
        if (set.users.empty()) {
          event.out().add(Action::erase_reference, key(channel));
        } else {
          set.slot = event.read(Action::references, key(channel));
          more = true;
        }
      } else {
        for (std::size_t i = 0; i < answer.size(); ++i) {
          const auto user = base::parse_snowflake(answer[i]);
          if (user && !set.users.contains(*user))
            event.out().add(Action::remove_reference, key(channel)).member = *user;
        }
      }
    }
    return more;
  }

  /// A channel that is not listed goes with its set, but not while the payload has users in it.
  void keep_used(Event& event) {
    std::erase_if(event.out().ops(), [&](const store::Op& op) {
      if (op.action != Action::erase_reference || op.resource != Resource::voice_state) return false;
      const auto set = sets_.find(op.key);
      return set != sets_.end() && !set->second.users.empty();
    });
  }

 private:
  struct Set {
    IdSet users;
    Slot slot = 0;
    bool asked = false;
  };
  static ReferenceKey key(std::uint64_t channel) { return {Owner::channel, channel, Resource::voice_state}; }

  std::unordered_map<std::uint64_t, Set> sets_;
};

/// The record of a guild that has just been created: its own fields, available.
std::string guild_record(const store::Settings& settings, json::Value d) {
  json::Pieces pieces;
  json::ObjectWriter out(pieces);
  const bool flagged = d["unavailable"].text() == "false";
  if (!flagged) out.members("\"unavailable\":false");
  out.members_of(d, [&](json::Value field) {
    return !is_collection(settings, field) && (flagged || !field.key_equals("unavailable"));
  });
  out.close();
  std::string record;
  for (std::string_view piece : pieces) record.append(piece);
  return record;
}

}  // namespace

Flow guild_create(Event& event) {
  Snapshot snapshot;
  const std::uint64_t guild = snapshot.guild = event.id(event.data(), "id");
  if (event.data()["unavailable"].is_true()) {  // A stub during an outage overwrites nothing.
    event.state().chunks.forget(guild);
    const Slot stub_slot = event.get(Resource::guild, guild);
    co_await event.turn();
    write_unavailable(event, guild, stub_slot);
    co_return;
  }
  snapshot.read(event);
  Chunks::Token token = 0;
  if (!event.rejected()) {
    token = event.state().chunks.create(guild, event.shard_id());
    event.state().left_guilds.lift(guild);
    event.ownership().own(guild, event.shard_id(), event.host().wall_clock());
  }
  note_members(event, guild, snapshot.members.entities);
  co_await event.turn();

  snapshot.write(event);
  Sweep voice_states(event, Resource::voice_state, guild, snapshot.voice_users);
  VoiceSets voice_sets(event, snapshot);
  std::vector<Sweep> sweeps;
  for (std::size_t i = 0; i < in_guild.size(); ++i)
    sweeps.emplace_back(event, in_guild[i]->resource, guild, snapshot.kinds[i].ids);
  sweeps.emplace_back(event, Resource::presence, guild, snapshot.presences.ids);
  Sweep channels(event, Resource::channel, guild, snapshot.channels.ids);
  Sweep threads(event, Resource::thread, guild, snapshot.thread_ids);
  std::optional<Sweep> members;
  if (snapshot.replace_members) members.emplace(event, Resource::member, guild, snapshot.members.ids);
  const std::string record = guild_record(event.settings(), event.data());

  for (bool more = true, first = true; more; first = false) {
    co_await event.settled();
    if (first) event.release_text();
    more = voice_states.step(event);
    // The sets of voice channels go behind the states in them, and channels that vanished take theirs along.
    if (!more) {
      more = voice_sets.step(event);
      more |= channels.step(event);
      voice_sets.keep_used(event);
      snapshot.keep_parents(event);
    }
    // Behind the channels: their threads go with their messages, others without.
    if (!more) more = threads.step(event);
    for (Sweep& sweep : sweeps) more |= sweep.step(event);
    if (members) more |= members->step(event);
  }
  // Last, so that whoever sees the guild can see its parts.
  co_await event.settled();
  event.out().set(Resource::guild, guild, [&](json::Pieces& pieces) { pieces.push_back(record); });
  event.heals_guild();
  co_await event.settled();
  if (snapshot.has_all_members && snapshot.replace_members) {
    event.state().chunks.complete(guild, token, snapshot.members.ids.size());
  } else {
    event.state().chunks.want(guild, token);
  }
}

void set_guild(Event& event) {
  const std::uint64_t guild = event.id(event.data(), "id");
  const std::string record = guild_record(event.settings(), event.data());
  event.out().set(Resource::guild, guild,
                  [&](json::Pieces& pieces) { pieces.push_back(event.out().arena().store(record)); });
}

Flow guild_update(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t guild = event.id(d, "id");
  const Slot stored = event.get(Resource::guild, guild);
  struct Sent {
    Resource resource;
    Listed listed;
    Slot old;
  };
  std::vector<Sent> sent;
  for (const Kind* kind : in_guild) {
    if (!event.optional_array(d, kind->list)) continue;
    sent.push_back({kind->resource, listed(event, *kind, d[kind->list]), ask_listed(event, kind->resource, guild)});
  }
  co_await event.turn();

  event.out().set(Resource::guild, guild, [&](json::Pieces& pieces) {
    json::ObjectWriter out(pieces);
    json::write_merged(out, event.stored(stored), d, [&](json::Value field) {
      return !is_collection(event.settings(), field) && !field.key_equals("guild_id");
    });
    out.close();
  });
  for (const Sent& list : sent) replace_listed(event, list.resource, guild, list.old, list.listed);
}

Flow guild_delete(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t guild = event.id(d, "id");
  const json::Value unavailable = d["unavailable"];
  if (!unavailable.is_null_or_missing() && unavailable.type() != json::Type::boolean)
    event.reject("unavailable", "is not true or false");  // Too much hangs on it to guess.
  if (!event.rejected()) event.state().chunks.forget(guild);
  if (unavailable.is_true()) {  // An outage, which is no leave: everything stays readable.
    event.ownership().set_whole(guild, false, event.run.number);
    const Slot stored = event.get(Resource::guild, guild);
    co_await event.turn();
    write_unavailable(event, guild, stored);
    co_return;
  }
  if (!event.rejected()) {
    event.state().left_guilds.set(guild, event.host().event_clock());
    event.ownership().disown(guild);
  }
  co_await event.turn();
  event.spawn_next(leave_guild, guild);
}

void write_unavailable(Event& event, std::uint64_t guild, Slot slot) {
  const json::Value stored = event.stored(slot);
  if (!stored || stored["unavailable"].is_true()) return;
  event.out().set(Resource::guild, guild, [&](json::Pieces& pieces) {
    json::write_with(pieces, event.out().arena(), stored, {{"unavailable", "true"}});
  });
}

Flow mark_unavailable(Event& event) {
  const std::uint64_t guild = event.argument(0);
  const Slot stored = event.get(Resource::guild, guild);
  co_await event.turn();
  write_unavailable(event, guild, stored);
}

Flow leave_guild(Event& event) {
  const std::uint64_t guild = event.argument(0);
  co_await event.turn();
  // The record goes first: nobody shall see a guild without its parts.
  if (event.uses(Resource::guild)) event.out().add(Action::erase, Resource::guild, guild);
  std::array<Slot, store::listed_by_guild.size()> listed_in{};
  for (std::size_t i = 0; i < listed_in.size(); ++i) listed_in[i] = ask_listed(event, store::listed_by_guild[i], guild);
  // States may be of channels that are not listed.
  Slot states = event.read(Action::scan_fields, Resource::voice_state, guild);
  const bool by_member = event.settings().indices.members_by_user;
  const bool by_presence = event.settings().indices.presences_by_user;
  Slot members = 0;
  Slot presences = 0;
  if (by_member) members = event.read(Action::scan_fields, Resource::member, guild);
  if (by_presence) presences = event.read(Action::scan_fields, Resource::presence, guild);
  co_await event.settled();

  std::vector<std::uint64_t> voice_channels;
  for (std::string cursor; states != 0;) {
    const Answer& answer = event.answer(states);
    json::Document state;
    for (std::size_t i = 1; i < answer.size(); i += 2)
      if (state.parse(answer[i], 1))
        if (const auto channel = state.root()["channel_id"].snowflake()) voice_channels.push_back(*channel);
    cursor = answer.cursor;
    if (cursor.empty() || cursor == "0") break;
    event.again(states, cursor);
    co_await event.settled();
  }
  std::vector<std::uint64_t> users[2];
  const std::array<Resource, 2> indexed{Resource::member, Resource::presence};
  for (std::size_t which = 0; which < indexed.size(); ++which) {
    const Slot slot = which == 0 ? members : presences;
    for (std::string cursor; slot != 0;) {
      const Answer& answer = event.answer(slot);
      for (std::size_t i = 0; i < answer.size(); i += 2)
        if (const auto user = base::parse_snowflake(answer[i])) users[which].push_back(*user);
      cursor = answer.cursor;
      if (cursor.empty() || cursor == "0") break;
      event.again(slot, cursor);
      co_await event.settled();
    }
  }

  // Entities before what refers to them.
  const std::array<Resource, 3> hashes{Resource::member, Resource::presence, Resource::voice_state};
  for (Resource resource : hashes)
    if (event.uses(resource)) event.out().add(Action::erase_hash, resource, guild);
  for (std::size_t which = 0; which < indexed.size(); ++which)
    for (std::uint64_t user : users[which])
      event.out().add(Action::remove_reference, ReferenceKey{Owner::user, user, indexed[which]}).member = guild;
  for (std::uint64_t channel : voice_channels)
    event.out().add(Action::erase_reference, ReferenceKey{Owner::channel, channel, Resource::voice_state});
  for (std::size_t i = 0; i < listed_in.size(); ++i) {
    const Resource resource = store::listed_by_guild[i];
    const std::vector<std::uint64_t> ids = ids_in(event.answer(listed_in[i]));
    for (std::uint64_t id : ids) {
      if (resource == Resource::channel) drop_channel(event, guild, id);
      if (resource == Resource::thread) event.spawn_next(drop_read_thread, guild, id, true);
    }
    if (resource != Resource::channel && resource != Resource::thread) drop_listed(event, resource, guild, ids);
  }
  drop_entries_of(event, Owner::guild, guild, guild);
  event.heals_guild();
}

}  // namespace sake::resources
