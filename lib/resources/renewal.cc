// Renewal in the background: the keys of a guild that this process owns live on as long as it does.

#include <array>

#include "base/snowflake.h"
#include "resources/flows.h"

namespace sake::resources {
namespace {

using store::Action;

}  // namespace

Flow renew_guild(Event& event) {
  const std::uint64_t guild = event.argument(0);
  const std::array<Resource, 3> listed{Resource::role, Resource::emoji, Resource::channel};
  std::array<Slot, 3> slots{};
  for (std::size_t i = 0; i < listed.size(); ++i)
    slots[i] = event.read(Action::references, store::ReferenceKey{store::Owner::guild, guild, listed[i]});
  co_await event.turn();
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const Answer& answer = event.answer(slots[i]);
    if (answer.size() > 0) event.out().add(Action::renew_reference, {store::Owner::guild, guild, listed[i]});
    for (std::size_t k = 0; k < answer.size(); ++k) {
      const auto id = base::parse_snowflake(answer[k]);
      if (!id) continue;
      event.out().add(Action::renew, listed[i], *id);
      if (listed[i] == Resource::channel && event.uses(Resource::voice_state))
        event.out().add(Action::renew_reference, {store::Owner::channel, *id, Resource::voice_state});
    }
  }
  const std::array<Resource, 4> of_guild{Resource::guild, Resource::member, Resource::presence, Resource::voice_state};
  for (Resource resource : of_guild) event.out().add(Action::renew, resource, guild);
}

}  // namespace sake::resources
