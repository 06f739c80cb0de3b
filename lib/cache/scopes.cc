#include "cache/scopes.h"

#include <algorithm>
#include <string>

namespace sake::cache {
namespace {

using store::Owner;

Error refused(std::string text) { return {.code = Errc::invalid_argument, .text = std::move(text)}; }

std::string_view word(Scope::Of of) noexcept {
  switch (of) {
    case Scope::Of::guild:
      return "guild";
    case Scope::Of::channel:
      return "channel";
    case Scope::Of::user:
      return "user";
    default:
      return "all";
  }
}

}  // namespace

Status check_in_use(const store::Settings& settings, Resource resource) {
  if (settings.uses(resource)) return {};
  return refused("resources: this cache does not keep " + std::string(name(resource)));
}

Status check_guild(Resource resource, std::uint64_t guild_id) {
  if (guild_id != 0) return {};
  return refused("guild_id: without it no " + std::string(name(resource)) + " is named");
}

Status check_key(const store::Settings& settings, const EntityKey& key) {
  if (Status status = check_in_use(settings, key.resource); !status) return status;
  if (key.resource == Resource::invite && key.code.empty()) return refused("code: an invite is named by its code");
  return store::is_hash(key.resource) ? check_guild(key.resource, key.guild_id) : Status();
}

Result<Place> place_of(const store::Settings& settings, const Scope& scope) {
  if (Status status = check_in_use(settings, scope.resource); !status) return status.error();
  const Resource resource = scope.resource;
  const bool hash = store::is_hash(resource);
  if (scope.of == Scope::Of::all)
    return Place{hash ? Place::Kind::hashes : Place::Kind::keys, {Owner::guild, 0, resource}};

  const auto owner = scope.of == Scope::Of::guild     ? Owner::guild
                     : scope.of == Scope::Of::channel ? Owner::channel
                                                      : Owner::user;
  const auto place = [&](Place::Kind kind) -> Result<Place> { return Place{kind, {owner, scope.id, resource}}; };
  const auto index = [&](Place::Kind kind, bool is_on, std::string_view option) -> Result<Place> {
    if (is_on) return place(kind);
    return refused("secondary_indices." + std::string(option) + " is off: nothing tells which " +
                   std::string(name(resource)) + "s those are");
  };
  const SecondaryIndices& on = settings.indices;
  switch (scope.of) {
    case Scope::Of::guild:
      if (hash) return place(Place::Kind::hash);
      if (std::ranges::find(store::listed_by_guild, resource) != store::listed_by_guild.end())
        return place(Place::Kind::set);
      if (resource == Resource::invite) return index(Place::Kind::sorted, on.invites_by_guild, "invites_by_guild");
      if (resource == Resource::message) return index(Place::Kind::sorted, on.messages_by_guild, "messages_by_guild");
      break;
    case Scope::Of::channel:
      if (resource == Resource::voice_state) return place(Place::Kind::voice);
      if (resource == Resource::thread) return place(Place::Kind::set);
      if (resource == Resource::invite) return index(Place::Kind::sorted, on.invites_by_channel, "invites_by_channel");
      if (resource == Resource::message)
        return index(Place::Kind::sorted, on.messages_by_channel, "messages_by_channel");
      break;
    default:
      if (resource == Resource::member) return index(Place::Kind::by_guild, on.members_by_user, "members_by_user");
      if (resource == Resource::presence)
        return index(Place::Kind::by_guild, on.presences_by_user, "presences_by_user");
      if (resource == Resource::message) return index(Place::Kind::sorted, on.messages_by_author, "messages_by_author");
  }
  return refused("there is no collection of " + std::string(name(resource)) + "s by " + std::string(word(scope.of)));
}

}  // namespace sake::cache
