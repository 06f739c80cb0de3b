// Roles: GUILD_ROLE_*, and taking a deleted role out of the members that had it.

#include "base/snowflake.h"
#include "json/edit.h"
#include "resources/entities.h"
#include "resources/flows.h"
#include "resources/handlers.h"

namespace sake::resources {

void guild_role_upsert(Event& event) {
  const std::uint64_t guild = event.id(event.data(), "guild_id");
  const json::Value role = event.object(event.data(), "role");
  const Entity entity{event.id(role, "id"), role};
  put_listed(event, Resource::role, guild, {&entity, 1});
}

void guild_role_delete(Event& event) {
  const std::uint64_t guild = event.id(event.data(), "guild_id");
  const std::uint64_t role = event.id(event.data(), "role_id");
  drop_listed(event, Resource::role, guild, {&role, 1});
  if (event.settings().policies.scrub_deleted_roles && event.uses(Resource::member))
    event.spawn_last(scrub_role, guild, role);
}

Flow scrub_role(Event& event) {
  const std::uint64_t guild = event.argument(0);
  const std::uint64_t role = event.argument(1);
  co_await event.turn();
  const Slot scan = event.read(store::Action::scan_fields, Resource::member, guild);
  for (;;) {
    co_await event.settled();
    const Answer& answer = event.answer(scan);
    json::Document member;
    for (std::size_t i = 0; i + 1 < answer.size(); i += 2) {
      const auto user = base::parse_snowflake(answer[i]);
      if (!user || !member.parse(answer[i + 1], 2)) continue;
      std::string kept;
      bool had = false;
      for (json::Value entry : member.root()["roles"].children()) {
        if (entry.snowflake() == role) {
          had = true;
        } else {
          kept.append(kept.empty() ? "[" : ",").append(entry.text());
        }
      }
      if (!had) continue;
      kept.append(kept.empty() ? "[]" : "]");
      event.out().set_field(Resource::member, guild, *user, [&](json::Pieces& pieces) {
        json::Pieces changed;
        json::write_with(changed, event.out().arena(), member.root(), {{"roles", kept}});
        pieces.push_back(json::joined(event.out().arena(), changed));
      });
    }
    const std::string cursor = answer.cursor;
    if (cursor.empty() || cursor == "0") break;
    event.again(scan, cursor);
  }
}

}  // namespace sake::resources
