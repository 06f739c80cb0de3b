// Members and what rides on them: GUILD_MEMBER_*, GUILD_MEMBERS_CHUNK, bans, presences, typing.

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/snowflake.h"
#include "json/edit.h"
#include "resources/entities.h"
#include "resources/flows.h"
#include "resources/handlers.h"
#include "resources/sweep.h"

namespace sake::resources {
namespace {

/// Takes a voice state away with its place in the set of the channel it names.
void drop_voice(Event& event, std::uint64_t guild, std::uint64_t user, Slot slot) {
  if (!event.uses(Resource::voice_state)) return;
  drop_voice_state(event, guild, user);
  if (const auto channel = event.stored(slot)["channel_id"].snowflake()) leave_voice_channel(event, user, *channel);
}

/// Whether the update says all there is to a member, so that the stored record need not be read.
bool is_complete(json::Value member) {
  for (std::string_view key : {"nick", "premium_since", "deaf", "mute", "pending", "flags",
                               "communication_disabled_until", "avatar_decoration_data", "collectibles"})
    if (!member[key]) return false;
  return true;
}

/// How long Discord wants a request to wait, which it says in seconds; bounded.
std::int64_t retry_after_ms(json::Value seconds) {
  constexpr double default_s = 30;
  constexpr double max_s = 3600;
  double value = default_s;
  const std::string_view text = seconds.text();
  std::from_chars(text.data(), text.data() + text.size(), value);
  return static_cast<std::int64_t>(std::ceil(std::clamp(value, 0.0, max_s) * 1000));
}

}  // namespace

Flow guild_member_add(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t guild = event.id(d, "guild_id");
  const json::Value user = event.object(d, "user");
  const std::uint64_t id = event.id(user, "id");
  put_user(event, user);
  const Entity member{id, d};
  note_members(event, guild, {&member, 1});
  const Slot stored_guild = event.get(Resource::guild, guild);
  const Slot stored_member = event.get_field(Resource::member, guild, id);
  co_await event.turn();
  // Discord repeats the event now and then; only a new record counts.
  if (event.answer(stored_member).nil)
    change_count(event, Resource::guild, guild, event.stored(stored_guild), "member_count", +1);
  put_members(event, guild, {&member, 1});
  event.state().chunks.add(guild, id);
}

Flow guild_member_update(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t guild = event.id(d, "guild_id");
  const json::Value user = event.object(d, "user");
  const std::uint64_t id = event.id(user, "id");
  put_user(event, user);
  const Entity member{id, d};
  note_members(event, guild, {&member, 1});
  const bool complete = is_complete(d);
  const Slot stored = complete ? 0 : event.get_field(Resource::member, guild, id);
  co_await event.turn();

  json::Value old;
  if (!complete) old = event.stored(stored);
  if (!old) {
    put_members(event, guild, {&member, 1});
    co_return;
  }
  index_member(event, guild, id);
  event.out().set_field(Resource::member, guild, id, [&](json::Pieces& pieces) {
    json::ObjectWriter out(pieces);
    out.members(event.out().arena().join("\"guild_id\":\"", base::Decimal(guild).view(), "\""));
    out.members_of(old,
                   [&](json::Value field) { return !field.key_equals("guild_id") && !json::has_key_of(d, field); });
    out.members_of(d, [](json::Value field) { return !field.key_equals("guild_id"); });
    out.close();
  });
}

Flow guild_member_remove(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t guild = event.id(d, "guild_id");
  const json::Value user = event.object(d, "user");
  const std::uint64_t id = event.id(user, "id");
  put_user(event, user);
  if (!event.rejected()) event.state().removed_members.set({guild, id}, event.host().event_clock());
  const Slot stored_guild = event.get(Resource::guild, guild);
  const Slot voice = event.get_field(Resource::voice_state, guild, id);
  co_await event.turn();
  drop_member(event, guild, id);
  drop_presence(event, guild, id);
  drop_voice(event, guild, id, voice);
  change_count(event, Resource::guild, guild, event.stored(stored_guild), "member_count", -1);
}

Flow guild_members_chunk(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t guild = event.id(d, "guild_id");
  std::vector<Entity> members;
  for (json::Value member : event.array(d, "members").children()) {
    if (!event.is_object(member, "members")) continue;
    const json::Value user = event.object(member, "user");
    members.push_back({event.id(user, "id"), member});
    put_user(event, user);
  }
  std::vector<Entity> presences;
  IdSet online;
  for (json::Value presence : event.optional_array(d, "presences").children()) {
    if (!event.is_object(presence, "presences")) continue;
    const json::Value user = event.object(presence, "user");
    const std::uint64_t id = event.id(user, "id");
    put_user(event, user);
    if (presence["status"].equals("offline")) continue;
    presences.push_back({id, presence});
    online.add(id);
  }
  online.seal();
  struct Gone {
    std::uint64_t user;
    Slot voice;
  };
  std::vector<Gone> not_found;
  for (json::Value missing : event.optional_array(d, "not_found").children()) {
    const auto user = missing.snowflake();
    // Discord echoes what was asked for; what is no id names nobody.
    if (user) not_found.push_back({*user, event.get_field(Resource::voice_state, guild, *user)});
  }
  Chunks& chunks = event.state().chunks;
  Chunks::Arrival run;
  if (chunks.has_runs() && !event.rejected())
    run = chunks.arrive(guild, d["nonce"].string(), d["chunk_index"].integer(), d["chunk_count"].integer());
  Settling settling(chunks, guild, run.is_last ? run.token : 0);
  // Who was removed while the run was under way does not come back with it.
  if (run.token == 0) note_members(event, guild, members);
  const bool with_presences = d["presences"].is_array();
  co_await event.turn();

  if (run.token != 0) {
    // Events that came since the request know better.
    const auto is = [&](const Entity& one, Chunks::Told what) { return chunks.told(guild, one.id) == what; };
    std::erase_if(members, [&](const Entity& one) { return !is(one, Chunks::Told::nothing); });
    std::erase_if(presences, [&](const Entity& one) { return is(one, Chunks::Told::removed); });
  }
  put_members(event, guild, members);
  put_presences(event, guild, presences);
  if (with_presences)
    for (const Entity& member : members)
      if (!online.contains(member.id)) drop_presence(event, guild, member.id);
  for (const Gone& gone : not_found) {
    drop_member(event, guild, gone.user);
    drop_presence(event, guild, gone.user);
    drop_voice(event, guild, gone.user, gone.voice);
  }
  if (run.is_last) event.spawn_next(settle_members, guild, run.token);
  settling.hand_over();
}

Flow settle_members(Event& event) {
  const std::uint64_t guild = event.argument(0);
  const Chunks::Token token = event.argument(1);
  Chunks& chunks = event.state().chunks;
  Settling settling(chunks, guild, token);
  const Slot stored_guild = event.get(Resource::guild, guild);
  co_await event.turn();
  const std::optional<IdSet> seen = chunks.take_seen(guild, token);
  // The bot is a member itself, so a list of nobody is none.
  if (!seen || seen->empty()) co_return;

  Sweep sweep(event, Resource::member, guild, *seen);
  do {
    co_await event.settled();
  } while (sweep.step(event));
  const auto count = static_cast<std::int64_t>(seen->size());
  if (const json::Value stored = event.stored(stored_guild); stored && stored["member_count"].integer() != count)
    event.out().set(Resource::guild, guild, [&](json::Pieces& pieces) {
      json::write_with(pieces, event.out().arena(), stored,
                       {{"member_count", base::Decimal(static_cast<std::uint64_t>(count)).view()}});
    });
  co_await event.settled();
  chunks.complete(guild, token, seen->size());
}

void rate_limited(Event& event) {
  constexpr std::int64_t request_members = 8;
  const json::Value d = event.data();
  const json::Value meta = d["meta"];
  const auto guild = meta["guild_id"].snowflake();
  Chunks& chunks = event.state().chunks;
  if (!guild || d["opcode"].integer() != request_members ||
      !chunks.hold(*guild, meta["nonce"].string(), retry_after_ms(d["retry_after"])))
    event.ignore("nothing to cache");
}

void guild_ban(Event& event) {
  event.id(event.data(), "guild_id");
  const json::Value user = event.object(event.data(), "user");
  event.id(user, "id");
  put_user(event, user);
}

void presence_update(Event& event) {
  const json::Value d = event.data();
  if (const auto guild = event.optional_id(d, "guild_id")) {
    apply_presence(event, *guild, d);
  } else {
    event.ignore("no guild");
  }
}

void typing_start(Event& event) {
  const json::Value d = event.data();
  user_id_of(event, d);
  if (const auto guild = event.optional_id(d, "guild_id"))
    harvest_member(event, *guild, event.optional_object(d, "member"));
}

}  // namespace sake::resources
