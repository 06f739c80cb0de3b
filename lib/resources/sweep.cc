#include "resources/sweep.h"

#include "base/snowflake.h"
#include "resources/entities.h"
#include "resources/flows.h"

namespace sake::resources {
namespace {

using store::Action;
using store::Owner;

/// Beyond this a collection is scanned window by window: one reply with a million fields blocks Redis for a quarter of
/// a second.
constexpr std::int64_t whole_reply_max = 100'000;

}  // namespace

Sweep::Sweep(Event& event, Resource resource, std::uint64_t guild, const IdSet& listed)
    : resource_(resource), guild_(guild), listed_(listed) {
  slot_ = store::is_hash(resource)
              ? event.read(Action::count_fields, resource, guild)
              : event.read(Action::count_references, store::ReferenceKey{Owner::guild, guild, resource});
}

bool Sweep::step(Event& event) {
  if (stage_ == Stage::done) return false;
  const Answer& answer = event.answer(slot_);
  const bool hash = store::is_hash(resource_);
  const store::ReferenceKey set{Owner::guild, guild_, resource_};

  if (stage_ == Stage::counting) {
    // Everything listed is in the collection by now, so equal numbers mean equal contents; unless some was refused.
    const bool is_equal = answer.integer <= static_cast<std::int64_t>(listed_.size()) && !event.out().is_filtered();
    if (is_equal || answer.integer == 0) {
      stage_ = Stage::done;
    } else if (answer.integer <= whole_reply_max) {
      stage_ = Stage::listing;
      slot_ = hash ? event.read(Action::fields, resource_, guild_) : event.read(Action::references, set);
    } else {
      stage_ = Stage::scanning;
      slot_ = hash ? event.read(Action::scan_fields, resource_, guild_) : event.read(Action::scan_references, set);
    }
    return stage_ != Stage::done;
  }

  drop_unlisted(event, resource_, guild_, answer, listed_);
  if (stage_ == Stage::listing || answer.cursor == "0") {
    stage_ = Stage::done;
    return false;
  }
  cursor_ = answer.cursor;
  event.again(slot_, cursor_);
  return true;
}

void drop_unlisted(Event& event, Resource resource, std::uint64_t guild, const Answer& answer, const IdSet& listed) {
  std::vector<std::uint64_t> ids;
  const std::size_t stride = answer.read.action == Action::scan_fields ? 2 : 1;  // HSCAN gives the values too.
  for (std::size_t i = 0; i < answer.size(); i += stride) {
    const auto id = base::parse_snowflake(answer[i]);
    if (id && !listed.contains(*id)) ids.push_back(*id);
  }
  switch (resource) {
    case Resource::member:
      for (std::uint64_t id : ids) drop_member(event, guild, id);
      break;
    case Resource::presence:
      for (std::uint64_t id : ids) drop_presence(event, guild, id);
      break;
    case Resource::voice_state:
      for (std::uint64_t id : ids) drop_voice_state(event, guild, id);
      break;
    case Resource::channel:
      for (std::uint64_t id : ids) {
        drop_channel(event, guild, id);
        drop_threads_of(event, id, guild);
      }
      break;
    case Resource::thread:
      for (std::uint64_t id : ids) event.spawn_next(drop_read_thread, guild, id);
      break;
    default:
      drop_listed(event, resource, guild, ids);
  }
}

}  // namespace sake::resources
