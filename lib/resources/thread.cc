// Threads: THREAD_*. Only active ones are kept, since Discord does not tell of archived ones.

#include "resources/thread.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "base/snowflake.h"
#include "json/edit.h"
#include "resources/entities.h"
#include "resources/flows.h"
#include "resources/handlers.h"
#include "resources/kinds.h"

namespace sake::resources {
namespace {

using store::Action;
using store::Owner;
using store::ReferenceKey;

constexpr std::int64_t private_thread = 12;

/// The own membership with the ids that it lacks inside of a thread.
std::string_view own_member(Event& event, std::uint64_t thread, json::Value member) {
  base::Arena& arena = event.out().arena();
  json::Pieces pieces;
  json::ObjectWriter out(pieces);
  if (!member["id"]) out.members(arena.join("\"id\":\"", base::Decimal(thread).view(), "\""));
  if (!member["user_id"] && event.state().own_id)
    out.members(arena.join("\"user_id\":\"", base::Decimal(*event.state().own_id).view(), "\""));
  out.members_of(member, [](json::Value field) { return !json::key_in(field, {"guild_id", "member", "presence"}); });
  out.close();
  return json::joined(arena, pieces);
}

void put_record(Event& event, std::uint64_t guild, const Thread& thread, json::Value stored) {
  event.out().set(Resource::thread, thread.id, [&](json::Pieces& pieces) {
    base::Arena& arena = event.out().arena();
    json::ObjectWriter out(pieces);
    out.members(arena.join("\"guild_id\":\"", base::Decimal(guild).view(), "\""));
    out.members_of(thread.object, [](json::Value field) {
      return !json::key_in(field, {"guild_id", "newly_created", "member"});
    });
    if (thread.member) out.members(arena.join("\"member\":", own_member(event, thread.id, thread.member)));
    out.members_of(stored, [&](json::Value field) {
      return json::key_in(field, {"member", "member_count", "message_count", "total_message_sent", "last_message_id",
                                  "last_pin_timestamp"}) &&
             !json::has_key_of(thread.object, field);
    });
    out.close();
  });
}

void put_places(Event& event, std::uint64_t guild, std::span<const Thread> threads) {
  const auto add = [&](const ReferenceKey& set, std::uint64_t thread) {
    event.out().add(Action::add_reference, set).member = thread;
  };
  for (const Thread& thread : threads) add({Owner::guild, guild, Resource::thread}, thread.id);
  for (const Thread& thread : threads)
    if (thread.parent) add({Owner::channel, *thread.parent, Resource::thread}, thread.id);
}

}  // namespace

Thread thread_of(Event& event, json::Value object) {
  return {event.id(object, "id"), event.optional_id(object, "parent_id"), object,
          event.optional_object(object, "member"),
          event.optional_object(object, "thread_metadata")["archived"].is_true()};
}

void put_threads(Event& event, std::uint64_t guild, std::span<Thread> threads) {
  if (!event.uses(Resource::thread)) return;
  std::ranges::stable_sort(threads, {}, &Thread::parent);  // Those of a channel then go out as one command.
  put_places(event, guild, threads);
  for (const Thread& thread : threads) put_record(event, guild, thread, {});
}

void merge_thread(Event& event, std::uint64_t guild, const Thread& thread, json::Value stored) {
  if (!event.uses(Resource::thread)) return;
  const auto old_parent = stored["parent_id"].snowflake();
  if (thread.is_archived) {
    drop_thread(event, guild, thread.id, thread.parent ? thread.parent : old_parent);
    return;
  }
  put_places(event, guild, {&thread, 1});
  put_record(event, guild, thread, stored);
  if (old_parent && thread.parent && old_parent != thread.parent)
    event.out().add(Action::remove_reference, ReferenceKey{Owner::channel, *old_parent, Resource::thread}).member =
        thread.id;
}

Flow thread_upsert(Event& event) {
  const json::Value d = event.data();
  const auto sent_guild = event.optional_id(d, "guild_id");
  const Thread thread = thread_of(event, d);
  const Slot slot = event.get(Resource::thread, thread.id);
  // A new post is the last message of its forum.
  const bool is_activity = event.settings().policies.track_channel_activity && d["newly_created"].is_true();
  const Slot forum = is_activity && thread.parent ? event.get(Resource::channel, *thread.parent) : 0;
  co_await event.turn();

  const json::Value stored = event.stored(slot);
  const auto guild = sent_guild ? sent_guild : stored["guild_id"].snowflake();
  if (!guild) {
    event.ignore("not a guild channel");
    co_return;
  }
  merge_thread(event, *guild, thread, stored);
  if (forum == 0) co_return;
  const json::Value parent = event.stored(forum);
  const auto type = parent["type"].integer();
  if (type != 15 && type != 16) co_return;
  event.out().set(Resource::channel, *thread.parent, [&](json::Pieces& pieces) {
    base::Arena& arena = event.out().arena();
    json::write_with(pieces, arena, parent,
                     {{"last_message_id", arena.join("\"", base::Decimal(thread.id).view(), "\"")}});
  });
}

Flow thread_delete(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t id = event.id(d, "id");
  auto guild = event.optional_id(d, "guild_id");
  auto parent = event.optional_id(d, "parent_id");
  const Slot slot = guild && parent ? 0 : event.get(Resource::thread, id);
  co_await event.turn();
  if (slot != 0) {
    const json::Value stored = event.stored(slot);
    if (!guild) guild = stored["guild_id"].snowflake();
    if (!parent) parent = stored["parent_id"].snowflake();
  }
  if (!guild) {
    event.ignore("not a guild channel");
    co_return;
  }
  drop_thread(event, *guild, id, parent);
  drop_messages_of(event, Owner::channel, id, *guild);
}

Flow thread_list_sync(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t guild = event.id(d, "guild_id");
  std::unordered_map<std::uint64_t, json::Value> members;
  for (json::Value member : event.optional_array(d, "members").children())
    if (event.is_object(member, "members"))
      if (const auto id = event.optional_id(member, "id")) members[*id] = member;
  std::vector<Thread> threads;
  IdSet listed;
  for (json::Value object : event.array(d, "threads").children()) {
    if (!event.is_object(object, "threads")) continue;
    Thread thread = thread_of(event, object);
    if (thread.is_archived) continue;
    if (const auto own = members.find(thread.id); own != members.end()) thread.member = own->second;
    threads.push_back(thread);
    listed.add(thread.id);
  }
  listed.seal();
  // The list is complete for these channels; without any named, for the guild.
  struct Scope {
    std::optional<std::uint64_t> parent;
    Slot stored;
  };
  std::vector<Scope> scopes;
  const json::Value channels = event.optional_array(d, "channel_ids");
  for (json::Value entry : channels.children()) {
    const auto parent = entry.snowflake();
    if (!parent) event.reject("channel_ids", "holds something that is not an id");
    if (parent) scopes.push_back({parent, event.read(Action::references, {Owner::channel, *parent, Resource::thread})});
  }
  if (!channels) scopes.push_back({std::nullopt, ask_listed(event, Resource::thread, guild)});
  co_await event.turn();

  put_threads(event, guild, threads);
  for (const Scope& scope : scopes) {
    const Answer& answer = event.answer(scope.stored);
    if (!scope.parent) drop_unlisted(event, Resource::thread, guild, answer, listed);
    if (!scope.parent) continue;
    for (std::uint64_t id : ids_in(answer))
      if (!listed.contains(id)) drop_thread(event, guild, id, scope.parent);
  }
}

Flow thread_member_update(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t id = event.id(d, "id");
  const Slot slot = event.get(Resource::thread, id);
  co_await event.turn();
  const json::Value stored = event.stored(slot);
  if (!stored) co_return;
  event.out().set(Resource::thread, id, [&](json::Pieces& pieces) {
    json::write_with(pieces, event.out().arena(), stored, {{"member", own_member(event, id, d)}});
  });
}

Flow thread_members_update(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t guild = event.id(d, "guild_id");
  const std::uint64_t id = event.id(d, "id");
  json::Value own_added;
  for (json::Value added : event.optional_array(d, "added_members").children()) {
    if (!event.is_object(added, "added_members")) continue;
    harvest_member(event, guild, event.optional_object(added, "member"));
    if (const json::Value presence = event.optional_object(added, "presence")) apply_presence(event, guild, presence);
    const auto user = event.optional_id(added, "user_id");
    if (user && event.state().is_own(*user)) own_added = added;
  }
  bool own_removed = false;
  for (json::Value entry : event.optional_array(d, "removed_member_ids").children()) {
    const auto user = entry.snowflake();
    own_removed = own_removed || (user && event.state().is_own(*user));
  }
  const Slot slot = event.get(Resource::thread, id);
  co_await event.turn();

  const json::Value stored = event.stored(slot);
  if (!stored) co_return;
  // Who is not in a private thread cannot see it.
  if (own_removed && stored["type"].integer() == private_thread) {
    drop_thread(event, guild, id, stored["parent_id"].snowflake());
    co_return;
  }
  event.out().set(Resource::thread, id, [&](json::Pieces& pieces) {
    const json::Value count = d["member_count"].integer() ? d["member_count"] : stored["member_count"];
    const std::string_view member = own_removed ? std::string_view()
                                    : own_added ? own_member(event, id, own_added)
                                                : stored["member"].text();
    json::write_with(pieces, event.out().arena(), stored, {{"member_count", count.text()}, {"member", member}});
  });
}

Flow drop_threads(Event& event) {
  const std::uint64_t channel = event.argument(0);
  const std::uint64_t guild = event.argument(1);
  const ReferenceKey set{Owner::channel, channel, Resource::thread};
  const Slot slot = event.read(Action::references, set);
  co_await event.turn();
  const std::vector<std::uint64_t> threads = ids_in(event.answer(slot));
  if (threads.empty()) co_return;
  drop_listed(event, Resource::thread, guild, threads);
  event.out().add(Action::erase_reference, set);
  for (std::uint64_t thread : threads) drop_messages_of(event, Owner::channel, thread, guild);
}

Flow drop_read_thread(Event& event) {
  const std::uint64_t guild = event.argument(0);
  const std::uint64_t thread = event.argument(1);
  const Slot slot = event.get(Resource::thread, thread);
  co_await event.turn();
  drop_thread(event, guild, thread, event.stored(slot)["parent_id"].snowflake());
  if (event.argument(2) != 0) drop_messages_of(event, Owner::channel, thread, guild);
}

}  // namespace sake::resources
