// Entities that a guild lists one by one: one function for the events of all kinds.

#include "resources/kinds.h"

#include "base/snowflake.h"
#include "resources/handlers.h"
#include "resources/table.h"

namespace sake::resources {

Listed listed(Event& event, const Kind& kind, json::Value array) {
  Listed found;
  for (json::Value entity : array.children()) {
    if (!event.is_object(entity, kind.list)) continue;
    found.add(event.id(entity, kind.id), entity);
    if (kind.user != nullptr) put_user(event, kind.user(entity));
  }
  found.ids.seal();
  return found;
}

Slot ask_listed(Event& event, Resource resource, std::uint64_t guild) {
  return event.read(store::Action::references, store::ReferenceKey{store::Owner::guild, guild, resource});
}

void replace_listed(Event& event, Resource resource, std::uint64_t guild, Slot old, const Listed& listed) {
  put_listed(event, resource, guild, listed.entities);
  drop_unlisted(event, resource, guild, event.answer(old), listed.ids);
}

std::vector<std::uint64_t> ids_in(const Answer& answer) {
  std::vector<std::uint64_t> ids;
  for (std::size_t i = 0; i < answer.size(); ++i)
    if (const auto id = base::parse_snowflake(answer[i])) ids.push_back(*id);
  return ids;
}

Sent sent_entity(Event& event) {
  const Kind& kind = *event.run.row->kind;
  const json::Value d = event.data();
  if (kind.user != nullptr) put_user(event, kind.user(d));
  return {event.id(d, "guild_id"), {event.id(d, kind.id), d}};
}

void listed_upsert(Event& event) {
  const Sent sent = sent_entity(event);
  put_listed(event, event.run.row->kind->resource, sent.guild, {&sent.entity, 1});
}

void listed_delete(Event& event) {
  const Kind& kind = *event.run.row->kind;
  const std::uint64_t guild = event.id(event.data(), "guild_id");
  const std::uint64_t id = event.id(event.data(), kind.id);
  drop_listed(event, kind.resource, guild, {&id, 1});
}

Flow listed_replace(Event& event) {
  const Kind& kind = *event.run.row->kind;
  const json::Value d = event.data();
  const std::uint64_t guild = event.id(d, "guild_id");
  const Listed entities = listed(event, kind, event.array(d, kind.list));
  const Slot old = ask_listed(event, kind.resource, guild);
  co_await event.turn();
  replace_listed(event, kind.resource, guild, old, entities);
}

}  // namespace sake::resources
