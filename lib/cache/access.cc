#include "cache/access.h"

#include <utility>

#include "cache/permissions.h"
#include "cache/scopes.h"
#include "store/keys.h"

namespace sake::cache {
namespace {

/// What GUILD_CREATE lists whole, whatever the size of the guild. (Of threads it lists the active ones, of members and
/// presences some.)
bool is_listed_whole(Resource resource) noexcept {
  switch (resource) {
    case Resource::emoji:
    case Resource::channel:
    case Resource::role:
    case Resource::voice_state:
    case Resource::sticker:
    case Resource::stage_instance:
    case Resource::scheduled_event:
    case Resource::soundboard_sound:
      return true;
    default:
      return false;
  }
}

/// Milliseconds; see resources/edits.h.
Result<std::uint64_t> life_of(std::optional<Lifetime> expire_time) {
  if (!expire_time) return resources::life_of_resource;
  if (!expire_time->duration()) return resources::life_for_ever;
  const std::int64_t milliseconds = expire_time->duration()->count();
  if (milliseconds <= 0 || milliseconds > store::life_max)
    return Error{.code = Errc::invalid_argument,
                 .text = "expire_time: a lifetime is at least a millisecond; use Lifetime::never for no expiry"};
  return static_cast<std::uint64_t>(milliseconds);
}

}  // namespace

bool Access::is_known(Resource resource, std::uint64_t guild) const noexcept {
  const bool is_member = resource == Resource::member;
  if (guild == 0 || !settings_.admits(guild)) return false;
  if (is_member ? !dispatcher_.state->chunks.is_complete(guild) : !is_listed_whole(resource)) return false;
  // Without its intents the resource changes unseen.
  const Intents needed = intents(resource);
  if (!options_.intents || (*options_.intents & needed) != needed) return false;
  const bool may_be_bot = is_member || resource == Resource::voice_state;
  if (options_.filters.accepts || (may_be_bot && options_.filters.no_bots)) return false;
  return dispatcher_.ownership->is_whole(guild) && !dispatcher_.dirty_guilds().contains(guild) &&
         dispatcher_.is_settled(guild);
}

Callback<bool()> Access::knowing(Resource resource, std::uint64_t guild) const {
  // Before the read is sent and when its answer is there: what is dispatched meanwhile may have been written behind it,
  // and may have ended before the answer was there.
  const bool was_known = is_known(resource, guild);
  const std::uint32_t begun = dispatcher_.begun(guild);
  return [this, was_known, begun, resource, guild] {
    return was_known && begun == dispatcher_.begun(guild) && is_known(resource, guild);
  };
}

void Access::get(EntityKey key, Callback<void(Result<Entity>)> then) {
  Callback<bool()> is_known = knowing(key.resource, key.guild_id);
  read_entity(*reads_, std::move(key), std::move(is_known), std::move(then));
}

void Access::permissions(std::uint64_t guild, std::uint64_t user, std::optional<std::uint64_t> channel, Reasons reasons,
                         Callback<void(Result<PermissionReport>)> then) {
  read_permissions(*reads_, dispatcher_, {guild, user, channel, reasons}, knowing(Resource::role, guild),
                   std::move(then));
}

void Access::set(const EntityKey& key, std::string payload, std::optional<Lifetime> expire_time,
                 Callback<void(Status)> then) {
  const auto life = life_of(expire_time);
  Status status = check_in_use(settings_, key.resource);
  if (status && resources::set_needs_guild(key.resource)) status = check_guild(key.resource, key.guild_id);
  if (status && !life) status = life.error();
  if (status) {
    perform(resources::set_of(key, std::move(payload), *life), status_to(std::move(then)));
  } else {
    perform(status.error(), status_to(std::move(then)));
  }
}

void Access::update(std::string message, std::optional<Lifetime> expire_time, Callback<void(Result<bool>)> then) {
  const auto life = life_of(expire_time);
  Status status = check_in_use(settings_, Resource::message);
  if (status && !life) status = life.error();
  auto told = [then = std::move(then)](Result<Outcome> outcome) mutable {
    if (outcome) {
      then(*outcome == Outcome::applied);
    } else {
      then(std::move(outcome.error()));
    }
  };
  if (status) {
    perform(resources::update_of_message(std::move(message), *life), std::move(told));
  } else {
    perform(status.error(), std::move(told));
  }
}

void Access::erase(const EntityKey& key, Callback<void(Status)> then) {
  if (Status status = check_key(settings_, key); !status) {
    perform(status.error(), status_to(std::move(then)));
  } else {
    perform(resources::erase_of(key), status_to(std::move(then)));
  }
}

void Access::clear(const Scope& scope, Callback<void(Status)> then) {
  if (const auto place = place_of(settings_, scope); !place) {
    perform(place.error(), status_to(std::move(then)));
  } else {
    perform(resources::clear_of(scope), status_to(std::move(then)));
  }
}

Callback<void(Result<Outcome>)> Access::status_to(Callback<void(Status)> then) {
  return [then = std::move(then)](Result<Outcome> outcome) mutable {
    if (outcome) {
      then({});
    } else {
      then(std::move(outcome.error()));
    }
  };
}

void Access::perform(Result<resources::Edit> edit, Callback<void(Result<Outcome>)> then) {
  auto shared = std::make_shared<Callback<void(Result<Outcome>)>>(std::move(then));
  Status admitted = edit ? Status() : Status(edit.error());
  if (edit) {
    admitted = dispatcher_.perform(std::move(edit).value(), [shared](const EventResult& result) {
      if (result.error != nullptr) {
        (*shared)(*result.error);
      } else {
        (*shared)(result.outcome);
      }
    });
  }
  reads_->wake();
  if (!admitted) reads_->tell([shared, error = admitted.error()]() mutable { (*shared)(std::move(error)); });
}

}  // namespace sake::cache
