#include "resources/edits.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/snowflake.h"
#include "resources/entities.h"
#include "resources/flows.h"
#include "resources/handlers.h"
#include "resources/kinds.h"

namespace sake::resources {
namespace {

using store::Action;
using store::Owner;
using store::ReferenceKey;

Resource resource_of(const Event& event, std::size_t argument = 0) noexcept {
  return static_cast<Resource>(event.argument(argument));
}

bool is_listed(Resource resource) noexcept {
  return std::ranges::find(store::listed_by_guild, resource) != store::listed_by_guild.end();
}

// ------------------------------------------------------------------------------------------------------------- set

void set_listed(Event& event) {
  const Kind& kind = *event.run.row->kind;
  const json::Value d = event.data();
  const Entity entity{event.id(d, kind.id), d};
  if (kind.user != nullptr) put_user(event, kind.user(d));
  put_listed(event, kind.resource, event.argument(0), {&entity, 1});
}

void set_guild_channel(Event& event) {
  const json::Value d = event.data();
  const Entity channel{event.id(d, "id"), d};
  const std::uint64_t guild = event.id(d, "guild_id");
  put_listed(event, Resource::channel, guild, {&channel, 1});
}

void set_member(Event& event) {
  const json::Value user = event.object(event.data(), "user");
  const Entity member{event.id(user, "id"), event.data()};
  put_user(event, user);
  note_members(event, event.argument(0), {&member, 1});
  put_members(event, event.argument(0), {&member, 1});
}

void set_presence(Event& event) { apply_presence(event, event.id(event.data(), "guild_id"), event.data()); }

void set_user(Event& event) {
  const json::Value d = event.data();
  event.id(d, "id");
  if (!d["username"].is_string()) event.reject("username", "is missing");
  if (store::Op* op = put_user(event, d)) apply_given_life(event, *op);
}

Flow update_message(Event& event) {
  const json::Value d = event.data();
  const Slot stored = event.get(Resource::message, event.id(d, "id"));
  harvest_message(event, d, false);
  co_await event.turn();
  if (event.stored(stored)) {
    merge_message(event, stored, d);
  } else {
    event.ignore("not cached");
  }
}

// ---------------------------------------------------------------------------------------------------------- delete

/// (resource, id, guild), in the guild's lane.
Flow delete_in_guild(Event& event) {
  const Resource resource = resource_of(event);
  const std::uint64_t id = event.argument(1);
  const std::uint64_t guild = event.argument(2);
  const Slot stored = resource == Resource::voice_state ? event.get_field(resource, guild, id)
                      : resource == Resource::thread    ? event.get(resource, id)
                                                        : 0;
  co_await event.turn();
  switch (resource) {
    case Resource::guild:
      event.out().add(Action::erase, resource, id);
      break;
    case Resource::member:
      drop_member(event, guild, id);
      break;
    case Resource::presence:
      drop_presence(event, guild, id);
      break;
    case Resource::voice_state: {
      drop_voice_state(event, guild, id);
      if (const auto channel = event.stored(stored)["channel_id"].snowflake()) leave_voice_channel(event, id, *channel);
      break;
    }
    case Resource::thread:
      drop_thread(event, guild, id, event.stored(stored)["parent_id"].snowflake());
      break;
    default:
      drop_listed(event, resource, guild, {&id, 1});
  }
}

/// (): the invite named by the text, in the lane of its guild or channel.
Flow delete_read_invite(Event& event) {
  const std::string_view code = event.out().arena().store(event.run.text);
  const Slot slot = event.read(Action::get, Resource::invite, 0, code);
  co_await event.turn();
  const json::Value stored = event.stored(slot);
  drop_invite(event, code, stored["channel_id"].snowflake(), stored["guild_id"].snowflake());
}

/// (resource, id) or an invite's code: only the record tells the lane.
Flow delete_stored(Event& event) {
  const Resource resource = resource_of(event);
  const std::uint64_t id = event.argument(1);
  const bool is_invite = resource == Resource::invite;
  const std::string_view code = event.out().arena().store(event.run.text);
  const Slot slot = is_invite ? event.read(Action::get, resource, 0, code) : event.get(resource, id);
  co_await event.turn();
  const json::Value stored = event.stored(slot);
  const auto guild = stored["guild_id"].snowflake();
  const auto lane = guild ? guild : stored["channel_id"].snowflake();
  if (!lane) {
    // Nothing there, or nothing that says whose it is.
    store::Op& op = event.out().add(Action::erase, resource, id);
    if (is_invite) op.text = code;
  } else if (is_invite) {
    event.spawn_in(*lane, delete_read_invite, 0, 0, 0, event.run.text);
  } else if (resource == Resource::message) {
    event.spawn_in(*lane, drop_read_message, id);
  } else {
    event.spawn_in(*lane, delete_in_guild, event.argument(0), id, *lane);
  }
}

void delete_user(Event& event) { event.out().add(Action::erase, Resource::user, event.argument(1)).ordered = false; }

void delete_me(Event& event) {
  event.state().own_user.clear();
  store::Op& op = event.out().add(Action::erase, Resource::user, 0);
  op.text = store::own_user_key;
  op.ordered = false;
}

// ----------------------------------------------------------------------------------------------------------- clear

/// (resource, guild): what the guild lists, or its hash.
Flow clear_in_guild(Event& event) {
  const Resource resource = resource_of(event);
  const std::uint64_t guild = event.argument(1);
  co_await event.turn();
  const bool hash = store::is_hash(resource);
  const ReferenceKey set{Owner::guild, guild, resource};
  std::string cursor = "0";
  const Slot slot = hash ? event.read(Action::scan_fields, resource, guild, cursor)
                         : event.read(Action::scan_references, set, cursor);
  for (;;) {
    co_await event.settled();
    const Answer& answer = event.answer(slot);
    json::Document state;
    std::vector<std::uint64_t> ids;
    for (std::size_t i = 0; i < answer.size(); i += hash ? 2 : 1) {
      const auto id = base::parse_snowflake(answer[i]);
      if (!id) continue;
      if (resource == Resource::thread) {
        event.spawn_next(delete_in_guild, event.argument(0), *id, guild);
      } else if (resource == Resource::member) {
        drop_member(event, guild, *id);
      } else if (resource == Resource::presence) {
        drop_presence(event, guild, *id);
      } else if (resource == Resource::voice_state) {
        drop_voice_state(event, guild, *id);
        if (!state.parse(answer[i + 1], 1)) continue;
        if (const auto channel = state.root()["channel_id"].snowflake()) leave_voice_channel(event, *id, *channel);
      } else {
        ids.push_back(*id);
      }
    }
    if (!ids.empty()) drop_listed(event, resource, guild, ids);
    cursor = answer.cursor;
    if (cursor.empty() || cursor == "0") break;
    event.again(slot, cursor);
  }
}

/// (owner, id, resource): the messages or invites of an index, each in the lane it belongs to.
Flow clear_index(Event& event) {
  const ReferenceKey index{static_cast<Owner>(event.argument(0)), event.argument(1), resource_of(event, 2)};
  const bool is_invite = index.listed == Resource::invite;
  const Slot slot = event.read(Action::entries, index);
  co_await event.turn();
  for (;;) {
    const Answer& answer = event.answer(slot);
    if (answer.size() == 0) break;
    std::vector<std::string> entries;
    for (std::size_t i = 0; i < answer.size(); ++i) entries.emplace_back(answer[i]);
    std::vector<Slot> records;
    for (const std::string& entry : entries) {
      const auto id = base::parse_snowflake(entry);
      records.push_back(is_invite ? event.read(Action::get, index.listed, 0, entry)
                                  : event.get(index.listed, id.value_or(0)));
    }
    co_await event.settled();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const json::Value stored = event.stored(records[i]);
      const auto guild = stored["guild_id"].snowflake();
      const auto lane = guild ? guild : stored["channel_id"].snowflake();
      const auto id = base::parse_snowflake(entries[i]);
      if (lane && is_invite) {
        event.spawn_in(*lane, delete_read_invite, 0, 0, 0, entries[i]);
      } else if (lane && id) {
        event.spawn_in(*lane, drop_read_message, *id);
      }
    }
    co_await event.settled();
    // Also those whose entity is gone: nothing else takes them away.
    for (const std::string& entry : entries)
      event.out().add(Action::remove_entry, index).text = event.out().arena().store(entry);
    event.forget_answers_behind(slot);
    event.again(slot, {});
    co_await event.settled();
  }
}

/// (owner, id, resource): the threads or voice states of a channel, the members or presences of a user.
Flow clear_referenced(Event& event) {
  const ReferenceKey set{static_cast<Owner>(event.argument(0)), event.argument(1), resource_of(event, 2)};
  const auto resource = static_cast<std::uint64_t>(set.listed);
  const Slot slot = event.read(Action::references, set);
  co_await event.turn();
  const Answer& answer = event.answer(slot);
  const std::vector<std::uint64_t> ids = ids_in(answer);
  if (set.owner == Owner::user) {
    for (std::uint64_t guild : ids) event.spawn_in(guild, delete_in_guild, resource, set.id, guild);
  } else if (set.listed == Resource::voice_state) {
    std::uint64_t guild = 0;
    for (std::size_t i = 0; i < answer.size(); ++i)
      if (answer[i].starts_with("KEY.")) guild = base::parse_snowflake(answer[i].substr(4)).value_or(0);
    if (guild == 0) co_return;
    for (std::uint64_t user : ids) event.spawn_in(guild, delete_in_guild, resource, user, guild);
  } else {
    for (std::uint64_t id : ids) event.spawn_apart(delete_stored, resource, id);
    co_await event.settled();
    // Also those whose thread is gone: nothing else takes them away.
    for (std::uint64_t id : ids) event.out().add(Action::remove_reference, set).member = id;
  }
}

/// (resource): all there is, window by window.
Flow clear_all(Event& event) {
  const Resource resource = resource_of(event);
  const auto number = static_cast<std::uint64_t>(resource);
  const bool hash = store::is_hash(resource);
  std::string cursor = "0";
  const Slot sets = is_listed(resource) ? event.read(Action::scan_sets, resource, 0, cursor) : 0;
  co_await event.turn();
  while (sets != 0) {  // By their guilds first, references to nothing included.
    const Answer& answer = event.answer(sets);
    for (std::size_t i = 0; i < answer.size(); ++i) {
      const std::string_view key = answer[i].substr(2);
      if (const auto guild = base::parse_snowflake(key.substr(0, key.find(':'))))
        event.spawn_in(*guild, clear_in_guild, number, *guild);
    }
    cursor = answer.cursor;
    co_await event.settled();
    if (cursor.empty() || cursor == "0") break;
    event.again(sets, cursor);
    co_await event.settled();
  }
  cursor = "0";
  const Slot slot = event.read(Action::scan_keys, resource, 0, cursor);
  for (;;) {
    co_await event.settled();
    const Answer& answer = event.answer(slot);
    for (std::size_t i = 0; i < answer.size(); ++i) {
      const auto id = base::parse_snowflake(answer[i]);
      if (resource == Resource::invite) {
        event.spawn_apart(delete_stored, number, 0, 0, std::string(answer[i]));
      } else if (!id) {
        continue;  // The own user, or a key that is not ours.
      } else if (hash) {
        event.spawn_in(*id, clear_in_guild, number, *id);
      } else if (resource == Resource::guild) {
        event.spawn_in(*id, delete_in_guild, number, *id, *id);
      } else if (resource == Resource::user) {
        event.out().add(Action::erase, resource, *id).ordered = false;
      } else {
        event.spawn_apart(delete_stored, number, *id);
      }
    }
    cursor = answer.cursor;
    co_await event.settled();
    if (cursor.empty() || cursor == "0") break;
    event.again(slot, cursor);
  }
}

using enum LaneOf;

constexpr Row set_row(std::string_view name, LaneOf lane, std::uint8_t depth, void (*apply)(Event&),
                      const Kind* kind = nullptr) {
  return {name, lane, depth, apply, nullptr, nullptr, kind, false};
}
constexpr Row told_row(std::string_view name, LaneOf lane, std::uint8_t depth, Flow (*flow)(Event&)) {
  return {name, lane, depth, nullptr, flow, nullptr, nullptr, false};
}
constexpr Row without_payload(std::string_view name, Flow (*flow)(Event&)) { return told_row(name, none, 0, flow); }

// clang-format off
constexpr Row set_rows[] = {
    set_row("set_emoji", none, 3, set_listed, &emojis),
    set_row("set_guild", id, 1, set_guild),
    set_row("set_guild_channel", guild, 2, set_guild_channel),
    set_row("set_invite", guild, 2, invite_create),
    set_row("set_member", none, 3, set_member),
    set_row("set_presence", guild, 3, set_presence),
    set_row("set_role", none, 3, set_listed, &roles),
    set_row("set_user", none, 2, set_user),
    told_row("set_voice_state", none, 3, voice_state_update),
    {},  // The references are no resource.
    set_row("set_message", guild, 4, message_create),
    told_row("set_thread", guild, 3, thread_upsert),
    set_row("set_sticker", none, 3, set_listed, &stickers),
    set_row("set_stage_instance", none, 3, set_listed, &stage_instances),
    set_row("set_scheduled_event", none, 3, set_listed, &scheduled_events),
    set_row("set_soundboard_sound", none, 3, set_listed, &soundboard_sounds),
    set_row("set_integration", none, 4, set_listed, &integrations),
    set_row("set_auto_moderation_rule", none, 3, set_listed, &auto_moderation_rules),
};
// clang-format on
static_assert(std::size(set_rows) == store::resource_limit);

constexpr Row set_me_row = set_row("set_me", none, 1, user_update);
constexpr Row update_message_row = told_row("update_message", guild, 4, update_message);

constexpr Row delete_in_guild_row = without_payload("delete", delete_in_guild);
constexpr Row delete_stored_row = without_payload("delete", delete_stored);
constexpr Row delete_user_row = set_row("delete_user", none, 0, delete_user);
constexpr Row delete_me_row = set_row("delete_me", none, 0, delete_me);

constexpr Row clear_in_guild_row = without_payload("clear", clear_in_guild);
constexpr Row clear_index_row = without_payload("clear", clear_index);
constexpr Row clear_referenced_row = without_payload("clear", clear_referenced);
constexpr Row clear_all_row = without_payload("clear", clear_all);

}  // namespace

bool set_needs_guild(Resource resource) noexcept {
  return resource != Resource::user && set_rows[static_cast<std::size_t>(resource)].lane == LaneOf::none;
}

Edit set_of(const EntityKey& key, std::string payload, std::uint64_t life) {
  const bool is_me = key.resource == Resource::user && key.code == store::own_user_key;
  const Row& row = is_me ? set_me_row : set_rows[static_cast<std::size_t>(key.resource)];
  return {&row, key.guild_id, {key.guild_id, life}, {}, std::move(payload)};
}

Edit update_of_message(std::string payload, std::uint64_t life) {
  return {&update_message_row, 0, {0, life}, {}, std::move(payload)};
}

Edit erase_of(const EntityKey& key) {
  const auto resource = static_cast<std::uint64_t>(key.resource);
  if (key.resource == Resource::user)
    return {key.code == store::own_user_key ? &delete_me_row : &delete_user_row, 0, {resource, key.id}};
  const bool has_guild = key.guild_id != 0 && key.resource != Resource::message && key.resource != Resource::invite;
  return {has_guild ? &delete_in_guild_row : &delete_stored_row,
          has_guild ? key.guild_id : 0,
          {resource, key.id, key.guild_id},
          key.code};
}

Edit clear_of(const Scope& scope) {
  const auto resource = static_cast<std::uint64_t>(scope.resource);
  const bool in_index = scope.resource == Resource::message || scope.resource == Resource::invite;
  if (scope.of == Scope::Of::all) return {&clear_all_row, 0, {resource}};
  if (scope.of == Scope::Of::guild && !in_index) return {&clear_in_guild_row, scope.id, {resource, scope.id}};
  const Owner owner = scope.of == Scope::Of::guild     ? Owner::guild
                      : scope.of == Scope::Of::channel ? Owner::channel
                                                       : Owner::user;
  return {
      in_index ? &clear_index_row : &clear_referenced_row, 0, {static_cast<std::uint64_t>(owner), scope.id, resource}};
}

}  // namespace sake::resources
