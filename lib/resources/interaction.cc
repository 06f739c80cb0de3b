// INTERACTION_CREATE: what a command resolved rides along. A user-installed app is told of guilds the bot is not in, so
// nothing of a guild is stored unless the guild is known.

#include "json/edit.h"
#include "resources/entities.h"
#include "resources/handlers.h"
#include "resources/thread.h"

namespace sake::resources {
namespace {

/// A channel, thread or message that came along, and the read of what is stored of it.
struct Known {
  Resource resource;
  std::uint64_t id;
  json::Value object;
  Slot slot;
};

void collect(Event& event, Resource resource, json::Value object, std::vector<Known>& found) {
  if (!object.is_object()) return;
  const std::uint64_t id = event.id(object, "id");
  found.push_back({resource, id, object, event.get(resource, id)});
}

}  // namespace

Flow interaction_create(Event& event) {
  const json::Value d = event.data();
  const auto guild = event.optional_id(d, "guild_id");
  const json::Value member = event.optional_object(d, "member");
  const json::Value resolved = d["data"]["resolved"];
  put_user(event, event.optional_object(d, "user"));
  put_user_of(event, member);
  for (json::Value user : resolved["users"].children()) put_user(event, user);

  Slot known = 0;
  const bool owned = guild && event.ownership().owns(*guild);
  if (guild && !owned) known = event.read(store::Action::exists, Resource::guild, *guild);
  std::vector<Known> channels;
  std::vector<Known> messages;
  const auto kept_as = [](json::Value channel) { return is_thread(channel) ? Resource::thread : Resource::channel; };
  collect(event, kept_as(d["channel"]), d["channel"], channels);
  for (json::Value channel : resolved["channels"].children()) collect(event, kept_as(channel), channel, channels);
  collect(event, Resource::message, d["message"], messages);
  for (json::Value message : resolved["messages"].children()) collect(event, Resource::message, message, messages);
  for (const Known& message : messages) harvest_message(event, message.object, false);
  std::vector<Companion> members;
  const auto ride_along = [&](json::Value object, json::Value user) {
    if (!guild) return;
    if (auto companion = companion_member(event, *guild, object, user)) members.push_back(*companion);
  };
  ride_along(member, {});
  for (json::Value partial : resolved["members"].children()) ride_along(partial, resolved["users"][partial.key()]);
  std::vector<Entity> roles;
  for (json::Value role : resolved["roles"].children())
    if (event.is_object(role, "roles")) roles.push_back({event.id(role, "id"), role});
  co_await event.turn();

  if (owned || (guild && event.answer(known).integer > 0)) {
    for (const Companion& companion : members) put_companion(event, *guild, companion);
    put_listed(event, Resource::role, *guild, roles);
  }
  for (const Known& channel : channels) {
    const json::Value stored = event.stored(channel.slot);
    if (!stored) continue;
    event.out().set(channel.resource, channel.id, [&](json::Pieces& pieces) {
      json::ObjectWriter out(pieces);
      json::write_merged(out, stored, channel.object, [](json::Value field) {
        return !json::key_in(field, {"permissions", "app_permissions", "guild_id", "member"});
      });
      out.close();
    });
  }
  for (const Known& message : messages) merge_message(event, message.slot, message.object);
}

}  // namespace sake::resources
