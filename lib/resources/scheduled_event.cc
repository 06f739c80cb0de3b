// Scheduled events: how many users are interested in one comes by events of its own, and not with the event itself.

#include "base/snowflake.h"
#include "json/edit.h"
#include "resources/handlers.h"
#include "resources/kinds.h"

namespace sake::resources {
namespace {

struct Counted {
  std::uint64_t id;
  Slot slot;
};

/// Reads the event whose count changes.
Counted counted(Event& event) {
  event.id(event.data(), "guild_id");
  const std::uint64_t id = event.id(event.data(), "guild_scheduled_event_id");
  return {id, event.get(Resource::scheduled_event, id)};
}

void change_users(Event& event, const Counted& counted, int change) {
  change_count(event, Resource::scheduled_event, counted.id, event.stored(counted.slot), "user_count", change);
}

}  // namespace

bool lacks_user_count(const Event& event) noexcept {
  return event.uses(Resource::scheduled_event) && !event.data()["user_count"];
}

Flow scheduled_event_upsert_told(Event& event) {
  const Sent sent = sent_entity(event);
  const Slot slot = event.get(Resource::scheduled_event, sent.entity.id);
  co_await event.turn();
  const json::Value count = event.stored(slot)["user_count"];
  if (!count) {
    put_listed(event, Resource::scheduled_event, sent.guild, {&sent.entity, 1});
    co_return;
  }
  event.out().add(store::Action::add_reference, {store::Owner::guild, sent.guild, Resource::scheduled_event}).member =
      sent.entity.id;
  event.out().set(Resource::scheduled_event, sent.entity.id, [&](json::Pieces& pieces) {
    base::Arena& arena = event.out().arena();
    json::write_with(
        pieces, arena, sent.entity.object,
        {{"guild_id", arena.join("\"", base::Decimal(sent.guild).view(), "\"")}, {"user_count", count.text()}});
  });
}

Flow scheduled_event_user_add(Event& event) {
  const Counted scheduled = counted(event);
  co_await event.turn();
  change_users(event, scheduled, +1);
}

Flow scheduled_event_user_remove(Event& event) {
  const Counted scheduled = counted(event);
  co_await event.turn();
  change_users(event, scheduled, -1);
}

}  // namespace sake::resources
