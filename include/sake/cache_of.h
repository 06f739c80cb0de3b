#pragma once

// CacheOf: a cache of some resources, chosen when the program is compiled. Calls for any other do not compile.
//
//   auto cache = sake::CacheOf<sake::GuildCache, sake::RoleCache>::open(loop, {.address = "redis://cache:6379"});
//
// A choice that is made while the program runs is Options::resources; what it leaves out is invalid_argument then.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sake/cache.h"
#include "sake/methods.h"
#include "sake/options.h"
#include "sake/request.h"
#include "sake/resource.h"
#include "sake/result.h"

struct uv_loop_s;

namespace sake {

/// The resource that a class template of sake/methods.h is about.
template <template <typename> class Methods>
struct ResourceOf;

#define SAKE_RESOURCE_OF(Methods, name)               \
  template <>                                         \
  struct ResourceOf<Methods> {                        \
    static constexpr Resource value = Resource::name; \
  }
SAKE_RESOURCE_OF(AutoModerationRuleCache, auto_moderation_rule);
SAKE_RESOURCE_OF(EmojiCache, emoji);
SAKE_RESOURCE_OF(GuildCache, guild);
SAKE_RESOURCE_OF(GuildChannelCache, channel);
SAKE_RESOURCE_OF(IntegrationCache, integration);
SAKE_RESOURCE_OF(InviteCache, invite);
SAKE_RESOURCE_OF(MeCache, user);
SAKE_RESOURCE_OF(MemberCache, member);
SAKE_RESOURCE_OF(MessageCache, message);
SAKE_RESOURCE_OF(PresenceCache, presence);
SAKE_RESOURCE_OF(RoleCache, role);
SAKE_RESOURCE_OF(ScheduledEventCache, scheduled_event);
SAKE_RESOURCE_OF(SoundboardSoundCache, soundboard_sound);
SAKE_RESOURCE_OF(StageInstanceCache, stage_instance);
SAKE_RESOURCE_OF(StickerCache, sticker);
SAKE_RESOURCE_OF(ThreadCache, thread);
SAKE_RESOURCE_OF(UserCache, user);
SAKE_RESOURCE_OF(VoiceStateCache, voice_state);
#undef SAKE_RESOURCE_OF

/// Has the calls of these templates, and a Cache for the rest (shards, flush, close, what happens to connections).
template <template <typename> class... Methods>
class CacheOf : public Methods<CacheOf<Methods...>>... {
  static_assert(sizeof...(Methods) > 0, "a cache of nothing; name at least one resource");

 public:
  /// Those that it keeps.
  static constexpr Resources resources() noexcept { return {ResourceOf<Methods>::value...}; }

  /// The intents these resources need.
  static Intents all_intents() noexcept { return sake::all_intents(resources()); }

  /// The databases it uses with such options, ascending.
  static std::vector<int> all_indexes(Options options = {}) {
    options.resources = resources();
    return options.all_indexes();
  }

  /// Cache::open() with these resources. Errors: also invalid_argument where Options::resources chooses others; leave
  /// it alone.
  static Result<std::unique_ptr<CacheOf>> open(uv_loop_s* loop, Options options, Callback<void(Status)> on_open = {}) {
    if (options.resources != Resources::all() && options.resources != resources())
      return Error{.code = Errc::invalid_argument, .text = "resources: those of a CacheOf are in its type"};
    options.resources = resources();
    auto opened = Cache::open(loop, std::move(options), std::move(on_open));
    if (!opened) return std::move(opened.error());
    Cache& cache = **opened;
    return std::unique_ptr<CacheOf>(new CacheOf(cache, std::move(opened).value()));
  }

  /// The same calls on a cache of somebody else's, such as ResourceClient::cache(), which has to outlive it.
  /// Errors: invalid_argument where that keeps less.
  static Result<CacheOf> over(Cache& cache) {
    for (Resource resource : {ResourceOf<Methods>::value...})
      if (!cache.options().resources.contains(resource))
        return Error{.code = Errc::invalid_argument,
                     .text = "resources: this cache does not keep " + std::string(name(resource))};
    return CacheOf(cache, nullptr);
  }

  CacheOf(CacheOf&&) noexcept = default;
  CacheOf& operator=(CacheOf&&) noexcept = default;

  /// The cache behind it, with all methods.
  Cache& cache() noexcept { return *cache_; }

  // What the calls by name come to; see Cache. Here the resource is only known while the program runs.
  /// As Cache::get().
  Request<Entity> get(EntityKey key) { return cache_->get(std::move(key)); }
  /// As Cache::get_many().
  Request<std::vector<std::optional<Entity>>> get_many(Resource resource, std::vector<std::uint64_t> ids,
                                                       std::uint64_t guild_id = 0) {
    return cache_->get_many(resource, std::move(ids), guild_id);
  }
  /// As Cache::iterate().
  EntityIterator iterate(const Scope& scope, std::size_t window_size = default_window_size) {
    return cache_->iterate(scope, window_size);
  }
  /// As Cache::set().
  Request<void> set(EntityKey key, std::string payload, std::optional<Lifetime> expire_time = std::nullopt) {
    return cache_->set(std::move(key), std::move(payload), expire_time);
  }
  /// As Cache::update().
  Request<bool> update(std::string message, std::optional<Lifetime> expire_time = std::nullopt) {
    return cache_->update(std::move(message), expire_time);
  }
  /// As Cache::erase().
  Request<void> erase(EntityKey key) { return cache_->erase(std::move(key)); }
  /// As Cache::clear().
  Request<void> clear(const Scope& scope) { return cache_->clear(scope); }

 private:
  CacheOf(Cache& cache, std::unique_ptr<Cache> owned) noexcept : owned_(std::move(owned)), cache_(&cache) {}

  std::unique_ptr<Cache> owned_;  // Null where it is somebody else's.
  Cache* cache_;
};

}  // namespace sake
