// Stage instances: a channel has one at most.

#include "resources/flows.h"
#include "resources/handlers.h"
#include "resources/kinds.h"

namespace sake::resources {

void stage_instance_create(Event& event) {
  const json::Value d = event.data();
  listed_upsert(event);
  const auto channel = event.optional_id(d, "channel_id");
  if (channel && event.uses(Resource::stage_instance))
    event.spawn_next(drop_stages, event.id(d, "guild_id"), *channel, event.id(d, "id"));
}

Flow drop_stages(Event& event) {
  const std::uint64_t guild = event.argument(0);
  const std::uint64_t channel = event.argument(1);
  const std::uint64_t kept = event.argument(2);
  const Slot slot = ask_listed(event, Resource::stage_instance, guild);
  co_await event.turn();
  struct Other {
    std::uint64_t id;
    Slot slot;
  };
  std::vector<Other> others;
  for (std::uint64_t id : ids_in(event.answer(slot)))
    if (id != kept) others.push_back({id, event.get(Resource::stage_instance, id)});
  if (others.empty()) co_return;
  co_await event.settled();
  for (const Other& other : others)
    if (event.stored(other.slot)["channel_id"].snowflake() == channel)
      drop_listed(event, Resource::stage_instance, guild, {&other.id, 1});
}

}  // namespace sake::resources
