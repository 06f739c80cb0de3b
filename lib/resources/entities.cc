#include "resources/entities.h"

#include <algorithm>

#include "base/snowflake.h"
#include "json/edit.h"
#include "resources/edits.h"
#include "resources/flows.h"

namespace sake::resources {
namespace {

using store::Action;
using store::Op;
using store::Owner;
using store::ReferenceKey;

void add_to(Event& event, const ReferenceKey& key, std::uint64_t member) {
  event.out().add(Action::add_reference, key).member = member;
}
void remove_from(Event& event, const ReferenceKey& key, std::uint64_t member) {
  event.out().add(Action::remove_reference, key).member = member;
}

std::string_view guild_field(Event& event, std::uint64_t guild) {
  return event.out().arena().join("\"guild_id\":\"", base::Decimal(guild).view(), "\"");
}

}  // namespace

store::LifeMs given_life(const Event& event, Resource resource) noexcept {
  const std::uint64_t given = event.run.is_edit ? event.argument(1) : life_of_resource;
  if (given == life_of_resource) return event.settings().life_of(resource);
  if (given == life_for_ever) return std::nullopt;
  return static_cast<std::int64_t>(given);
}

void apply_given_life(const Event& event, Op& op) noexcept {
  if (!event.run.is_edit || event.argument(1) == life_of_resource) return;
  const store::LifeMs life = given_life(event, op.resource);
  op.life = life ? store::Life::given : store::Life::none;
  op.time = life.value_or(0);
}

Op* put_user(Event& event, json::Value user) {
  if (!event.uses(Resource::user) || !user.is_object() || !user["username"].is_string()) return nullptr;
  const std::uint64_t id = event.id(user, "id");
  Op& op = event.out().set(Resource::user, id, [&](json::Pieces& pieces) {
    if (!user["member"]) {
      pieces.push_back(user.text());
      return;
    }
    json::ObjectWriter out(pieces);
    out.members_of(user, [](json::Value field) { return !field.key_equals("member"); });
    out.close();
  });
  op.ordered = false;
  return &op;
}

void put_user_of(Event& event, json::Value object, std::string_view key) { put_user(event, object[key]); }

void write_with_guild(Event& event, json::Pieces& pieces, json::Value object, std::uint64_t guild) {
  int found = 0;
  bool same = false;
  bool empty = true;
  for (json::Value field : object.children()) {
    empty = false;
    if (!field.key_equals("guild_id")) continue;
    ++found;
    same = field.raw_string() == base::Decimal(guild).view();
  }
  if (found == 1 && same) {
    pieces.push_back(object.text());
  } else if (found == 0 && !empty) {
    pieces.push_back(event.out().arena().join("{\"guild_id\":\"", base::Decimal(guild).view(), "\","));
    pieces.push_back(object.text().substr(1));
  } else {
    json::ObjectWriter out(pieces);
    out.members(guild_field(event, guild));
    out.members_of(object, [](json::Value field) { return !field.key_equals("guild_id"); });
    out.close();
  }
}

void put_listed(Event& event, Resource resource, std::uint64_t guild, std::span<const Entity> entities) {
  if (!event.uses(resource)) return;
  for (const Entity& entity : entities) add_to(event, {Owner::guild, guild, resource}, entity.id);
  for (const Entity& entity : entities)
    event.out().set(resource, entity.id,
                    [&](json::Pieces& pieces) { write_with_guild(event, pieces, entity.object, guild); });
}

void drop_listed(Event& event, Resource resource, std::uint64_t guild, std::span<const std::uint64_t> ids) {
  if (!event.uses(resource)) return;
  for (std::uint64_t id : ids) event.out().add(Action::erase, resource, id);
  for (std::uint64_t id : ids) remove_from(event, {Owner::guild, guild, resource}, id);
}

void index_member(Event& event, std::uint64_t guild, std::uint64_t user) {
  event.state().chunks.see(guild, user);
  if (event.settings().indices.members_by_user) add_to(event, {Owner::user, user, Resource::member}, guild);
}

void note_members(Event& event, std::uint64_t guild, std::span<const Entity> members) {
  if (event.rejected()) return;
  for (const Entity& member : members) event.state().removed_members.lift({guild, member.id});
}

void put_members(Event& event, std::uint64_t guild, std::span<const Entity> members) {
  if (!event.uses(Resource::member)) return;
  for (const Entity& member : members) index_member(event, guild, member.id);
  for (const Entity& member : members)
    event.out().set_field(Resource::member, guild, member.id,
                          [&](json::Pieces& pieces) { write_with_guild(event, pieces, member.object, guild); });
}

std::optional<Companion> companion_member(Event& event, std::uint64_t guild, json::Value member, json::Value user) {
  if (!member.is_object()) return std::nullopt;
  if (const json::Value own = member["user"]; own.is_object()) user = own;
  if (!user.is_object()) return std::nullopt;
  const std::uint64_t id = event.id(user, "id");
  if (!event.uses(Resource::member) || !event.settings().harvest_members) return std::nullopt;
  if (event.state().removed_members.covers({guild, id}, event.host().event_clock())) return std::nullopt;
  return Companion{id, member, user};
}

void put_companion(Event& event, std::uint64_t guild, const Companion& companion) {
  index_member(event, guild, companion.id);
  event.out().set_field(Resource::member, guild, companion.id, [&](json::Pieces& pieces) {
    base::Arena& arena = event.out().arena();
    json::ObjectWriter out(pieces);
    out.members(guild_field(event, guild));
    json::Pieces user_text;
    json::ObjectWriter nested(user_text);
    nested.members_of(companion.user, [](json::Value field) { return !field.key_equals("member"); });
    nested.close();
    out.members(arena.join("\"user\":", json::joined(arena, user_text)));
    out.members_of(companion.member, [](json::Value field) {
      return !json::key_in(field, {"user", "guild_id", "permissions"});
    });
    out.close();
  });
}

void harvest_member(Event& event, std::uint64_t guild, json::Value member, json::Value user) {
  put_user_of(event, member);
  if (const auto companion = companion_member(event, guild, member, user)) put_companion(event, guild, *companion);
}

void drop_member(Event& event, std::uint64_t guild, std::uint64_t user) {
  if (!event.uses(Resource::member)) return;
  event.state().chunks.remove(guild, user);
  event.out().add(Action::erase_field, Resource::member, guild).member = user;
  if (event.settings().indices.members_by_user) remove_from(event, {Owner::user, user, Resource::member}, guild);
}

void put_presences(Event& event, std::uint64_t guild, std::span<const Entity> presences) {
  if (!event.uses(Resource::presence)) return;
  if (event.settings().indices.presences_by_user)
    for (const Entity& presence : presences) add_to(event, {Owner::user, presence.id, Resource::presence}, guild);
  for (const Entity& presence : presences)
    event.out().set_field(Resource::presence, guild, presence.id,
                          [&](json::Pieces& pieces) { write_with_guild(event, pieces, presence.object, guild); });
}

void drop_presence(Event& event, std::uint64_t guild, std::uint64_t user) {
  if (!event.uses(Resource::presence)) return;
  event.out().add(Action::erase_field, Resource::presence, guild).member = user;
  if (event.settings().indices.presences_by_user) remove_from(event, {Owner::user, user, Resource::presence}, guild);
}

void apply_presence(Event& event, std::uint64_t guild, json::Value presence) {
  const json::Value user = event.object(presence, "user");
  const std::uint64_t id = event.id(user, "id");
  put_user(event, user);
  if (presence["status"].equals("offline")) {
    drop_presence(event, guild, id);
  } else {
    const Entity entity{id, presence};
    put_presences(event, guild, {&entity, 1});
  }
}

void enter_voice_channel(Event& event, std::uint64_t guild, std::uint64_t channel,
                         std::span<const std::uint64_t> users) {
  if (!event.uses(Resource::voice_state)) return;
  const ReferenceKey set{Owner::channel, channel, Resource::voice_state};
  for (std::uint64_t user : users) add_to(event, set, user);
  event.out().add(Action::add_reference, set).text = event.out().arena().store(store::KeyText::voice_marker(guild));
}

void put_voice_state(Event& event, std::uint64_t guild, std::uint64_t user, json::Value state,
                     std::string_view member) {
  if (!event.uses(Resource::voice_state)) return;
  event.out().set_field(Resource::voice_state, guild, user, [&](json::Pieces& pieces) {
    if (state["member"].is_object() || member.empty()) {
      write_with_guild(event, pieces, state, guild);
      return;
    }
    json::ObjectWriter out(pieces);
    out.members(guild_field(event, guild));
    out.members_of(state, [](json::Value field) { return !json::key_in(field, {"guild_id", "member"}); });
    out.members(event.out().arena().join("\"member\":", member));
    out.close();
  });
}

void drop_voice_state(Event& event, std::uint64_t guild, std::uint64_t user) {
  event.out().add(Action::erase_field, Resource::voice_state, guild).member = user;
}

void leave_voice_channel(Event& event, std::uint64_t user, std::uint64_t channel) {
  if (!event.uses(Resource::voice_state)) return;
  remove_from(event, {Owner::channel, channel, Resource::voice_state}, user);
  event.spawn_last(drop_empty_voice_set, channel);
}

void enter_index(Event& event, const ReferenceKey& index, std::int64_t end, std::uint64_t id, std::string_view text) {
  Op& entry = event.out().add(Action::add_entry, index);
  entry.member = id;
  entry.text = text;
  entry.time = end;
  event.spawn_last(extend_index, static_cast<std::uint64_t>(index.owner), index.id,
                   static_cast<std::uint64_t>(index.listed));
}

void index_message(Event& event, std::uint64_t id, std::uint64_t channel, std::optional<std::uint64_t> guild,
                   std::optional<std::uint64_t> author) {
  const SecondaryIndices& indices = event.settings().indices;
  const auto life = given_life(event, Resource::message);
  const std::int64_t end = life ? event.host().wall_clock() + *life : store::for_ever;
  const auto enter = [&](bool is_on, Owner owner, std::optional<std::uint64_t> owner_id) {
    if (is_on && owner_id) enter_index(event, {owner, *owner_id, Resource::message}, end, id);
  };
  enter(indices.messages_by_channel, Owner::channel, channel);
  enter(indices.messages_by_author, Owner::user, author);
  enter(indices.messages_by_guild, Owner::guild, guild);
}

void drop_message(Event& event, std::uint64_t message, std::optional<std::uint64_t> channel,
                  std::optional<std::uint64_t> guild, std::optional<std::uint64_t> author) {
  if (!event.uses(Resource::message)) return;
  const SecondaryIndices& indices = event.settings().indices;
  event.out().add(Action::erase, Resource::message, message);
  const auto leave = [&](bool is_on, Owner owner, std::optional<std::uint64_t> id) {
    if (is_on && id)
      event.out().add(Action::remove_entry, ReferenceKey{owner, *id, Resource::message}).member = message;
  };
  leave(indices.messages_by_channel, Owner::channel, channel);
  leave(indices.messages_by_author, Owner::user, author);
  leave(indices.messages_by_guild, Owner::guild, guild);
}

void drop_invite(Event& event, std::string_view code, std::optional<std::uint64_t> channel,
                 std::optional<std::uint64_t> guild) {
  if (!event.uses(Resource::invite)) return;
  event.out().add(Action::erase, Resource::invite, 0).text = code;
  const auto remove = [&](Owner owner, std::uint64_t id) {
    event.out().add(Action::remove_entry, {owner, id, Resource::invite}).text = code;
  };
  if (event.settings().indices.invites_by_channel && channel) remove(Owner::channel, *channel);
  if (event.settings().indices.invites_by_guild && guild) remove(Owner::guild, *guild);
}

void drop_channel(Event& event, std::uint64_t guild, std::uint64_t channel) {
  drop_listed(event, Resource::channel, guild, {&channel, 1});
  if (event.uses(Resource::voice_state))
    event.out().add(Action::erase_reference, ReferenceKey{Owner::channel, channel, Resource::voice_state});
  drop_entries_of(event, Owner::channel, channel, guild);
}

void drop_threads_of(Event& event, std::uint64_t channel, std::uint64_t guild) {
  if (event.uses(Resource::thread)) event.spawn_next(drop_threads, channel, guild);
}

void drop_thread(Event& event, std::uint64_t guild, std::uint64_t thread, std::optional<std::uint64_t> parent) {
  drop_listed(event, Resource::thread, guild, {&thread, 1});
  if (event.uses(Resource::thread) && parent) remove_from(event, {Owner::channel, *parent, Resource::thread}, thread);
}

void drop_messages_of(Event& event, Owner owner, std::uint64_t id, std::uint64_t guild) {
  const SecondaryIndices& indices = event.settings().indices;
  const bool is_on = owner == Owner::channel ? indices.messages_by_channel : indices.messages_by_guild;
  if (event.uses(Resource::message) && is_on)
    event.spawn_next(drop_entries, static_cast<std::uint64_t>(owner), id, static_cast<std::uint64_t>(Resource::message),
                     guild);
}

void drop_entries_of(Event& event, Owner owner, std::uint64_t id, std::uint64_t guild) {
  const SecondaryIndices& indices = event.settings().indices;
  const bool is_on = owner == Owner::channel ? indices.invites_by_channel : indices.invites_by_guild;
  drop_messages_of(event, owner, id, guild);
  if (event.uses(Resource::invite) && is_on)
    event.spawn_next(drop_entries, static_cast<std::uint64_t>(owner), id, static_cast<std::uint64_t>(Resource::invite),
                     guild);
}

void change_count(Event& event, Resource resource, std::uint64_t id, json::Value stored, std::string_view key,
                  std::int64_t change) {
  // Nothing has more of anything; what is stored beyond it is not ours.
  constexpr std::int64_t count_max = 1'000'000'000'000;
  const auto count = stored[key].integer();
  if (!count) return;
  const std::int64_t changed = std::max<std::int64_t>(0, std::clamp<std::int64_t>(*count, 0, count_max) + change);
  event.out().set(resource, id, [&](json::Pieces& pieces) {
    json::write_with(pieces, event.out().arena(), stored,
                     {{key, base::Decimal(static_cast<std::uint64_t>(changed)).view()}});
  });
}

std::uint64_t user_id_of(Event& event, json::Value object) {
  const json::Value member_user = object["member"]["user"];
  if (object["user_id"].is_missing() && member_user.is_object()) return event.id(member_user, "id");
  return event.id(object, "user_id");
}

}  // namespace sake::resources
