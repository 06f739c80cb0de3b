#include "store/settings.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "store/keys.h"

namespace sake {

Lifetime::Lifetime(double seconds) noexcept {
  if (!std::isfinite(seconds)) return;
  // Beyond what Redis takes as a lifetime, "longer than anybody lives" is no expiry.
  constexpr double milliseconds_max = 9.2e15;
  const double milliseconds = std::nearbyint(seconds * 1000.0);
  if (milliseconds > milliseconds_max) return;
  milliseconds_ = static_cast<std::int64_t>(std::max(milliseconds, -milliseconds_max));
}

Options& Options::with_index_override(Resource resource, std::optional<int> index) {
  std::erase_if(index_overrides, [&](const IndexOverride& entry) { return entry.resource == resource; });
  if (index) index_overrides.push_back({resource, *index});
  return *this;
}

std::optional<int> Options::get_index_override(Resource resource) const noexcept {
  for (const IndexOverride& entry : index_overrides)
    if (entry.resource == resource) return entry.index;
  return std::nullopt;
}

Options& Options::with_user_expire(Lifetime lifetime) noexcept {
  user_expire = lifetime;
  return *this;
}
Options& Options::with_message_expire(Lifetime lifetime) noexcept {
  message_expire = lifetime;
  return *this;
}
Options& Options::with_invite_expire(Lifetime lifetime) noexcept {
  invite_expire = lifetime;
  return *this;
}

std::vector<int> Options::all_indexes() const {
  std::vector<int> indexes;
  if (store::uses_references(resources, secondary_indices)) indexes.push_back(reference_index);
  for (Resource resource : all_resources())
    if (resources.contains(resource))
      indexes.push_back(get_index_override(resource).value_or(static_cast<int>(resource)));
  std::ranges::sort(indexes);
  return indexes;
}

Intents Options::all_intents() const noexcept { return sake::all_intents(resources); }

namespace store {
namespace {

Error refused(std::string text) { return {.code = Errc::invalid_argument, .text = std::move(text)}; }

Result<LifeMs> checked(std::string_view option, Lifetime lifetime) {
  if (!lifetime.duration()) return LifeMs{};
  const std::int64_t milliseconds = lifetime.duration()->count();
  if (milliseconds <= 0 || milliseconds > life_max)
    return refused(std::string(option) + ": a lifetime is at least a millisecond; use Lifetime::never for no expiry");
  return LifeMs{milliseconds};
}

Status check_numbers(const Options& options) {
  if (options.max_connections_per_db < 1) return refused("max_connections_per_db: at least 1 is needed");
  if (options.pending_bytes_max == 0) return refused("pending_bytes_max: must be positive");
  if (options.batch_bytes == 0) return refused("batch_bytes: must be positive");
  if (options.in_flight_bytes_max == 0) return refused("in_flight_bytes_max: must be positive");
  if (options.frame_bytes_max == 0 || options.frame_bytes_max > (std::size_t{1} << 30))
    return refused("frame_bytes_max: must be from 1 byte to 1 GiB");
  if (options.connect_timeout.count() <= 0) return refused("connect_timeout: must be positive");
  if (options.command_timeout.count() <= 0) return refused("command_timeout: must be positive");
  if (options.retry_timeout.count() < 0) return refused("retry_timeout: must not be negative; zero does not retry");
  if (options.backoff_first.count() <= 0) return refused("backoff_first: must be positive");
  if (options.backoff_max < options.backoff_first) return refused("backoff_max: must not be less than backoff_first");
  if (options.health_check_interval.count() < 0)
    return refused("health_check_interval: must not be negative; zero never checks");
  if (options.reader_idle_timeout.count() < 0)
    return refused("reader_idle_timeout: must not be negative; zero keeps readers");
  if (options.read_timeout.count() < 0) return refused("read_timeout: must not be negative; zero waits");
  if (options.reply_bytes_max == 0) return refused("reply_bytes_max: must be positive");
  if (options.drain_timeout.count() < 0) return refused("drain_timeout: must not be negative");
  if (options.open_timeout.count() < 0) return refused("open_timeout: must not be negative; zero waits for ever");
  return {};
}

}  // namespace

bool uses_references(Resources resources, const SecondaryIndices& indices) noexcept {
  for (Resource resource : listed_by_guild)
    if (resources.contains(resource)) return true;
  if (resources.contains(Resource::voice_state)) return true;
  const bool messages = indices.messages_by_author || indices.messages_by_channel || indices.messages_by_guild;
  return (resources.contains(Resource::message) && messages) ||
         (resources.contains(Resource::invite) && (indices.invites_by_channel || indices.invites_by_guild)) ||
         (resources.contains(Resource::member) && indices.members_by_user) ||
         (resources.contains(Resource::presence) && indices.presences_by_user);
}

Result<Settings> resolve(const Options& options) {
  if (Status status = check_numbers(options); !status) return status.error();
  Settings settings;
  settings.resources = options.resources;
  settings.app = options.app;
  settings.policies = options.policies;
  settings.indices = options.secondary_indices;
  settings.only_guilds = options.filters.only_guilds;
  std::ranges::sort(settings.only_guilds);
  if (options.resources.empty()) return refused("resources: a cache of nothing; name at least one resource");

  settings.harvest_members = options.policies.harvest_members == HarvestPolicy::on ||
                             (options.policies.harvest_members == HarvestPolicy::automatic && options.intents &&
                              (*options.intents & Intents::guild_members) == Intents::none);

  for (Resource resource : all_resources())
    settings.database[static_cast<std::size_t>(resource)] = static_cast<int>(resource);
  for (std::size_t i = 0; i < options.index_overrides.size(); ++i) {
    const IndexOverride& entry = options.index_overrides[i];
    const std::string which = "index_overrides: " + std::string(name(entry.resource));
    if (entry.index < 0) return refused(which + ": a database number is not negative");
    if (entry.index == reference_index) return refused(which + ": database 9 holds the references and nothing else");
    for (std::size_t k = 0; k < i; ++k)
      if (options.index_overrides[k].resource == entry.resource) return refused(which + " is given twice");
    settings.database[static_cast<std::size_t>(entry.resource)] = entry.index;
  }
  for (Resource a : all_resources())
    for (Resource b : all_resources())
      if (a < b && settings.uses(a) && settings.uses(b) && settings.database_of(a) == settings.database_of(b))
        return refused("index_overrides: " + std::string(name(a)) + " and " + std::string(name(b)) +
                       " would share database " + std::to_string(settings.database_of(a)) +
                       "; their ids collide, so each needs its own");

  if (!options.codec.encode != !options.codec.decode)
    return refused("codec: encode and decode go together; one of them is missing");

  auto selection = Selection::make(options);
  if (!selection) return selection.error();
  settings.selection = std::move(selection).value();

  const auto life = checked("default_expire", options.default_expire);
  if (!life) return life.error();
  for (Resource resource : all_resources()) settings.life[static_cast<std::size_t>(resource)] = *life;
  if (*life) settings.reference_life = **life * 2;
  const std::pair<Resource, std::pair<std::string_view, Lifetime>> own[] = {
      {Resource::user, {"user_expire", options.user_expire}},
      {Resource::message, {"message_expire", options.message_expire}},
      {Resource::invite, {"invite_expire", options.invite_expire}}};
  for (const auto& [resource, option] : own) {
    const auto milliseconds = checked(option.first, option.second);
    if (!milliseconds) return milliseconds.error();
    settings.life[static_cast<std::size_t>(resource)] = *milliseconds;
  }
  return settings;
}

}  // namespace store
}  // namespace sake
