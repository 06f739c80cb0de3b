// VOICE_STATE_UPDATE: one state per member, its place in the set of its channel, and moves from one to another.

#include "base/snowflake.h"
#include "resources/entities.h"
#include "resources/flows.h"
#include "resources/handlers.h"

namespace sake::resources {

Flow voice_state_update(Event& event) {
  const json::Value d = event.data();
  const bool is_edit = event.run.is_edit;
  const auto guild = is_edit ? std::optional(event.argument(0)) : event.optional_id(d, "guild_id");
  if (!guild) {  // A call in a DM.
    event.ignore("no guild");
    co_return;
  }
  const std::uint64_t user = user_id_of(event, d);
  const auto channel = event.optional_id(d, "channel_id");
  if (is_edit && !channel) event.reject("channel_id", "is missing");
  const json::Value member = event.optional_object(d, "member");
  const Slot stored = event.get_field(Resource::voice_state, *guild, user);
  const Slot stored_member =
      event.uses(Resource::voice_state) && channel && !member ? event.get_field(Resource::member, *guild, user) : 0;
  // A leave names a member who may be gone already, and must not bring it back.
  if (channel) {
    harvest_member(event, *guild, member);
  } else if (member) {
    put_user_of(event, member);
  }
  co_await event.turn();

  const auto old = event.stored(stored)["channel_id"].snowflake();
  if (!channel) {
    if (event.uses(Resource::voice_state)) drop_voice_state(event, *guild, user);
    if (old) leave_voice_channel(event, user, *old);
    co_return;
  }
  enter_voice_channel(event, *guild, *channel, {&user, 1});
  put_voice_state(event, *guild, user, d, stored_member != 0 ? event.stored(stored_member).text() : "");
  if (old && *old != *channel) leave_voice_channel(event, user, *old);
}

Flow drop_empty_voice_set(Event& event) {
  const store::ReferenceKey set{store::Owner::channel, event.argument(0), Resource::voice_state};
  const Slot count = event.read(store::Action::count_references, set);
  co_await event.turn();
  if (event.answer(count).integer == 1) event.out().add(store::Action::erase_reference, set);
}

}  // namespace sake::resources
