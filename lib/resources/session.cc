// Sessions and the own user: READY, RESUMED, USER_UPDATE, and what READY says about the guilds of its shard.

#include <algorithm>

#include "base/snowflake.h"
#include "json/edit.h"
#include "resources/entities.h"
#include "resources/flows.h"
#include "resources/handlers.h"
#include "resources/shard_state.h"

namespace sake::resources {
namespace {

using store::Action;

/// Merges `user` into what is known of the own user, which is held in memory once it was read, and stores both records.
void put_own_user(Event& event, json::Value user, bool another_application) {
  const std::uint64_t id = event.id(user, "id");
  if (event.rejected()) return;
  State& state = event.state();
  json::Document known;
  json::Pieces pieces;
  json::ObjectWriter out(pieces);
  if (!another_application && !state.own_user.empty() && known.parse(state.own_user, 1)) {
    json::write_merged(out, known.root(), user, [](json::Value) { return true; });
  } else {
    out.members_of(user, [](json::Value) { return true; });
  }
  out.close();
  const std::string_view merged = json::joined(event.out().arena(), pieces);
  state.own_user.assign(merged);
  state.own_id = id;
  if (event.uses(Resource::user)) {
    store::Op& op =
        event.out().set(Resource::user, store::own_user_key, [&](json::Pieces& value) { value.push_back(merged); });
    op.life = store::Life::none;
    op.ordered = false;
  }
  put_user(event, user);
}

bool is_of_shard(Event& event, std::uint64_t guild) noexcept {
  return (guild >> 22) % event.shard_count() == event.shard_id();
}

}  // namespace

void ready(Event& event) {
  event.state().chunks.forget_shard(event.shard_id());
  const json::Value d = event.data();
  const json::Value user = event.object(d, "user");
  std::vector<std::uint64_t> guilds;
  for (json::Value guild : event.array(d, "guilds").children())
    if (event.is_object(guild, "guilds")) guilds.push_back(event.id(guild, "id"));
  // A guild that is not cached goes like one that is not listed.
  std::erase_if(guilds, [&](std::uint64_t guild) { return !event.settings().admits(guild); });
  std::ranges::sort(guilds);
  const std::uint64_t id = event.id(user, "id");
  if (event.rejected()) return;

  const bool another = event.state().own_id && event.state().own_id != id;
  if (another)
    event.host().log(LogLevel::warning, "READY is of application " + std::to_string(id) +
                                            ", but this Redis holds the cache of " +
                                            std::to_string(*event.state().own_id) +
                                            ": one Redis serves one application. Guilds are not reconciled.");
  put_own_user(event, user, another);

  ShardState& shard = *event.run.shard;
  shard.session_id = d["session_id"].string();
  shard.resume_gateway_url = d["resume_gateway_url"].string();
  shard.recorded = 0;
  const std::vector<std::uint64_t> owned = event.ownership().disown_shard(shard.id);
  if (!event.uses(Resource::guild)) return;
  for (std::uint64_t guild : guilds) event.spawn_in(guild, mark_unavailable, guild);
  if (event.settings().policies.reconcile && !another) {
    // One that is just being created is not in the database yet, so the walk would miss it.
    for (std::uint64_t guild : owned)
      if (!std::ranges::binary_search(guilds, guild)) event.spawn_in(guild, leave_guild, guild);
    shard.ready_guilds = std::move(guilds);
    event.spawn_apart(reconcile, shard.session);
  }
}

Flow reconcile(Event& event) {
  const std::uint64_t session = event.argument(0);
  ShardState& shard = *event.run.shard;
  const Slot scan = event.read(Action::scan_keys, Resource::guild, 0);
  co_await event.turn();
  for (;;) {
    const Answer& answer = event.answer(scan);
    for (std::size_t i = 0; i < answer.size(); ++i) {
      const auto guild = base::parse_snowflake(answer[i]);
      if (!guild || !is_of_shard(event, *guild) || event.ownership().owns(*guild)) continue;
      if (!std::ranges::binary_search(shard.ready_guilds, *guild)) event.spawn_in(*guild, leave_guild, *guild);
    }
    const std::string cursor = answer.cursor;
    // One window at a time: the leaves it found end before the next is asked for. A newer READY has a walk of its own.
    if (cursor.empty() || cursor == "0" || shard.session != session) break;
    event.again(scan, cursor);
    co_await event.settled();
    if (shard.session != session) break;
  }
}

void resumed(Event& event) {
  if (!event.state().own_id) event.state().wants_own_id = true;
  // A process that starts by resuming takes the guilds of its shard over; one that saw READY has them.
  if (!event.run.shard->saw_ready && event.uses(Resource::guild)) {
    event.run.shard->saw_ready = true;
    event.spawn_apart(adopt_guilds);
  } else {
    event.ignore("nothing to do");
  }
}

Flow adopt_guilds(Event& event) {
  const Slot scan = event.read(Action::scan_keys, Resource::guild, 0);
  co_await event.turn();
  for (;;) {
    const Answer& answer = event.answer(scan);
    for (std::size_t i = 0; i < answer.size(); ++i) {
      const auto guild = base::parse_snowflake(answer[i]);
      if (guild && is_of_shard(event, *guild) && event.settings().admits(*guild))
        event.ownership().own(*guild, event.shard_id(), event.host().wall_clock());
    }
    const std::string cursor = answer.cursor;
    if (cursor.empty() || cursor == "0") break;
    event.again(scan, cursor);
    co_await event.settled();
  }
}

void user_update(Event& event) { put_own_user(event, event.data(), false); }

}  // namespace sake::resources
