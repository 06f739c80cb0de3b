// Renewal in the background: the keys of a guild that this process owns live on as long as it does.

#include <array>

#include "resources/flows.h"
#include "resources/kinds.h"

namespace sake::resources {
namespace {

using store::Action;
using store::Owner;

}  // namespace

Flow renew_guild(Event& event) {
  const std::uint64_t guild = event.argument(0);
  std::array<Slot, store::listed_by_guild.size()> slots{};
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i] = ask_listed(event, store::listed_by_guild[i], guild);
  co_await event.turn();
  std::vector<Slot> threads;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Resource resource = store::listed_by_guild[i];
    const std::vector<std::uint64_t> ids = ids_in(event.answer(slots[i]));
    if (!ids.empty()) event.out().add(Action::renew_reference, {Owner::guild, guild, resource});
    for (std::uint64_t id : ids) {
      event.out().add(Action::renew, resource, id);
      if (resource == Resource::channel && event.uses(Resource::voice_state))
        event.out().add(Action::renew_reference, {Owner::channel, id, Resource::voice_state});
      if (resource == Resource::thread) threads.push_back(event.get(resource, id));
    }
  }
  const std::array<Resource, 4> of_guild{Resource::guild, Resource::member, Resource::presence, Resource::voice_state};
  for (Resource resource : of_guild) event.out().add(Action::renew, resource, guild);
  if (threads.empty()) co_return;

  // In which channels there are threads only their records tell.
  co_await event.settled();
  IdSet parents;
  for (Slot thread : threads)
    if (const auto parent = event.stored(thread)["parent_id"].snowflake()) parents.add(*parent);
  parents.seal();
  for (std::uint64_t parent : parents.ids())
    event.out().add(Action::renew_reference, {Owner::channel, parent, Resource::thread});
}

}  // namespace sake::resources
