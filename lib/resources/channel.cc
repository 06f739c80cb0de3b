// Guild channels: CHANNEL_*, and the few fields that come by events of their own. Threads are kept elsewhere, DMs
// nowhere.

#include "base/snowflake.h"
#include "json/edit.h"
#include "resources/entities.h"
#include "resources/flows.h"
#include "resources/handlers.h"
#include "resources/thread.h"

namespace sake::resources {
namespace {

constexpr std::int64_t stage_channel = 13;

/// Whether a channel object is of a kind that is kept here: no thread and no DM.
bool is_kept(json::Value channel) {
  const auto type = channel["type"].integer();
  return type != 1 && type != 3 && !is_thread(channel);
}

/// Sets one field of a stored channel or thread; unknown ones are not created. A missing value is null.
void set_field(Event& event, Resource resource, std::uint64_t channel, Slot slot, std::string_view key,
               json::Value value) {
  const json::Value stored = event.stored(slot);
  if (!stored) return;
  event.out().set(resource, channel, [&](json::Pieces& pieces) {
    json::write_with(pieces, event.out().arena(), stored, {{key, value ? value.text() : "null"}});
  });
}

}  // namespace

Flow channel_upsert(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t id = event.id(d, "id");
  const auto sent_guild = event.optional_id(d, "guild_id");
  const bool kept = is_kept(d);
  for (json::Value user : event.optional_array(d, "recipients").children()) put_user(event, user);
  if (!kept) {
    event.ignore("not a guild channel");
    co_return;
  }
  const Slot slot = event.get(Resource::channel, id);
  co_await event.turn();

  const json::Value old = event.stored(slot);
  const auto guild = sent_guild ? sent_guild : old["guild_id"].snowflake();
  if (!guild) {
    event.ignore("not a guild channel");
    co_return;
  }
  event.out()
      .add(store::Action::add_reference, store::ReferenceKey{store::Owner::guild, *guild, Resource::channel})
      .member = id;
  event.out().set(Resource::channel, id, [&](json::Pieces& pieces) {
    // No part of a channel object, and sometimes left out of it: these survive.
    const auto survives = [&](json::Value field) {
      return json::key_in(field, {"status", "voice_start_time", "last_message_id", "last_pin_timestamp"}) &&
             !json::has_key_of(d, field);
    };
    bool any = false;
    for (json::Value field : old.children()) any = any || survives(field);
    if (!any) {
      write_with_guild(event, pieces, d, *guild);
      return;
    }
    json::ObjectWriter out(pieces);
    out.members(event.out().arena().join("\"guild_id\":\"", base::Decimal(*guild).view(), "\""));
    out.members_of(d, [](json::Value field) { return !field.key_equals("guild_id"); });
    out.members_of(old, survives);
    out.close();
  });
}

Flow channel_delete(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t id = event.id(d, "id");
  const auto sent_guild = event.optional_id(d, "guild_id");
  const Slot stored = sent_guild ? 0 : event.get(Resource::channel, id);
  const Slot users =
      event.read(store::Action::references, store::ReferenceKey{store::Owner::channel, id, Resource::voice_state});
  co_await event.turn();

  const auto guild = sent_guild ? sent_guild : event.stored(stored)["guild_id"].snowflake();
  if (!guild) {
    event.ignore("not a guild channel");
    co_return;
  }
  const Answer& answer = event.answer(users);
  for (std::size_t i = 0; i < answer.size(); ++i)
    if (const auto user = base::parse_snowflake(answer[i])) drop_voice_state(event, *guild, *user);
  drop_channel(event, *guild, id);
  drop_threads_of(event, id, *guild);
  const auto type = d["type"].integer();
  if (event.uses(Resource::stage_instance) && (!type || type == stage_channel))
    event.spawn_next(drop_stages, *guild, id);
}

Flow channel_pins_update(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t channel = event.id(d, "channel_id");
  const Slot stored = event.get(Resource::channel, channel);
  const Slot thread = event.get(Resource::thread, channel);
  co_await event.turn();
  set_field(event, Resource::channel, channel, stored, "last_pin_timestamp", d["last_pin_timestamp"]);
  set_field(event, Resource::thread, channel, thread, "last_pin_timestamp", d["last_pin_timestamp"]);
}

Flow channel_info(Event& event) {
  const json::Value d = event.data();
  event.id(d, "guild_id");
  std::vector<Entity> channels;
  std::vector<Slot> slots;
  for (json::Value channel : event.array(d, "channels").children()) {
    if (!event.is_object(channel, "channels")) continue;
    channels.push_back({event.id(channel, "id"), channel});
    slots.push_back(event.get(Resource::channel, channels.back().id));
  }
  co_await event.turn();
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const json::Value stored = event.stored(slots[i]);
    if (!stored) continue;
    event.out().set(Resource::channel, channels[i].id, [&](json::Pieces& pieces) {
      json::ObjectWriter out(pieces);
      json::write_merged(out, stored, channels[i].object, [](json::Value field) {
        return json::key_in(field, {"status", "voice_start_time"});
      });
      out.close();
    });
  }
}

Flow voice_channel_status_update(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t channel = event.id(d, "id");
  const Slot stored = event.get(Resource::channel, channel);
  co_await event.turn();
  set_field(event, Resource::channel, channel, stored, "status", d["status"]);
}

Flow voice_channel_start_time_update(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t channel = event.id(d, "id");
  const Slot stored = event.get(Resource::channel, channel);
  co_await event.turn();
  set_field(event, Resource::channel, channel, stored, "voice_start_time", d["voice_start_time"]);
}

}  // namespace sake::resources
