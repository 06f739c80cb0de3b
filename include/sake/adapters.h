#pragma once

// Adapters: a client's cache as typed caches that know nothing of it, found by their type in whatever a program hands
// its parts their needs with. sake/sake.h leaves this header out: it needs RTTI.
//
//   dependencies.add(client);
//   auto roles = dependencies.get<sake::AsyncCache<std::uint64_t, sake::Role>>();
//   sake::Result<sake::Role> role = co_await roles->get(id);
//
// Everything belongs on the thread of the client's loop, and the client has to outlive the use of its adapters.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeindex>
#include <typeinfo>
#include <utility>
#include <vector>

#include "sake/cache_iterator.h"
#include "sake/callback.h"
#include "sake/entity.h"
#include "sake/error.h"
#include "sake/event_manager.h"
#include "sake/models.h"
#include "sake/request.h"
#include "sake/resource.h"
#include "sake/resource_client.h"
#include "sake/result.h"

namespace sake {

namespace detail {

/// The same request, where these errors are a success with another answer.
template <typename T>
Request<T> or_else(Request<T> request, T other, bool (*is_to_be_replaced)(Errc)) {
  using Answer = Result<T>;
  return Request<T>(
      [request = std::move(request), other = std::move(other), is_to_be_replaced](Callback<void(Answer)> then) mutable {
        request.then([then = std::move(then), other = std::move(other), is_to_be_replaced](Answer answer) mutable {
          const bool replaces = !answer && is_to_be_replaced(answer.error().code);
          then(replaces ? Answer(std::move(other)) : std::move(answer));
        });
      });
}
inline bool is_closed(Errc code) { return code == Errc::closed_client; }
inline bool is_miss(Errc code) { return code == Errc::entry_not_found || code == Errc::cache_miss; }

/// A request that asks nobody.
template <typename T>
Request<T> answered(ResourceClient& client, Result<T> answer) {
  return Request<T>([client = &client, answer = std::move(answer)](Callback<void(Result<T>)> then) mutable {
    client->later([then = std::move(then), answer = std::move(answer)]() mutable { then(std::move(answer)); });
  });
}

}  // namespace detail

/// Walks over a collection like CacheIterator, and is at its end when the client is closed: one that is made then finds
/// nothing and has a length of 0. (The length of one that was made before is closed_client.)
template <typename T>
class AdapterIterator {
 public:
  /// What is called with each entity.
  using Each = typename CacheIterator<T>::Each;

  /// Walks a collection of the client's cache. Over a client that is closed there is nothing to walk.
  AdapterIterator(ResourceClient& client, const Scope& scope) : client_(&client) {
    if (!client.is_alive()) return;
    cache_ = client.cache();
    iterator_.emplace(cache_->iterate(scope));
  }

  /// The next entity; none behind the last one, and once the client is closed.
  Request<std::optional<T>> next() {
    if (!is_open()) return detail::answered<std::optional<T>>(*client_, std::optional<T>());
    return detail::or_else(iterator_->next(), std::optional<T>(), detail::is_closed);
  }
  /// Calls `each` for the entities that are left, as CacheIterator::for_each() does. A close ends it without an error.
  Request<void> for_each(Each each) {
    if (!is_open())
      return Request<void>([client = client_](Callback<void(Status)> then) {
        client->later([then = std::move(then)]() mutable { then({}); });
      });
    return Request<void>([walk = iterator_->for_each(std::move(each))](Callback<void(Status)> then) mutable {
      walk.then([then = std::move(then)](Status status) mutable {
        then(!status && detail::is_closed(status.error().code) ? Status() : std::move(status));
      });
    });
  }
  /// What was found before the client was closed, too.
  Request<std::vector<T>> collect(std::size_t limit = std::numeric_limits<std::size_t>::max()) {
    if (limit == 0) return detail::answered<std::vector<T>>(*client_, std::vector<T>());
    auto found = std::make_shared<std::vector<T>>();
    auto walk = for_each([found, limit](T& entity) {
      found->push_back(std::move(entity));
      return found->size() < limit;
    });
    return Request<std::vector<T>>(
        [walk = std::move(walk), found](Callback<void(Result<std::vector<T>>)> then) mutable {
          walk.then([then = std::move(then), found](Status status) mutable {
            if (status) {
              then(std::move(*found));
            } else {
              then(status.error());
            }
          });
        });
  }
  /// How many there are, as CacheIterator::len() counts; 0 of a client that is closed.
  Request<std::size_t> len() {
    if (is_open()) return iterator_->len();
    if (!iterator_) return detail::answered<std::size_t>(*client_, std::size_t{0});
    return detail::answered<std::size_t>(*client_, Error{.code = Errc::closed_client, .text = "the client was closed"});
  }

 private:
  /// Iterators answer at once when their cache is gone; nothing here does.
  bool is_open() const noexcept { return iterator_ && client_->is_alive() && client_->cache() == cache_; }

  ResourceClient* client_;
  Cache* cache_ = nullptr;  // Only to compare with.
  std::optional<CacheIterator<T>> iterator_;
};

// What all get calls below can end with: entry_not_found, where it is certain that there is none (see
// AdapterOptions::trust_get_for); cache_miss, where it is not, and while the client is closed; else the errors of
// Cache::get(). With a second argument both of these are a success with that.

/// One entity of its kind, such as the own user.
template <typename T>
class SingleStoreCache {
 public:
  virtual ~SingleStoreCache() = default;
  /// The entity. Errors: entry_not_found where it does not exist, cache_miss where the cache does not know.
  virtual Request<T> get() = 0;
  /// The same, or `other` where it is missing.
  Request<T> get_or(T other) { return detail::or_else(get(), std::move(other), detail::is_miss); }
};

/// Entities by a key that is theirs alone.
template <typename K, typename T>
class AsyncCache {
 public:
  virtual ~AsyncCache() = default;
  /// The entity of that key. Errors: entry_not_found where there is none, cache_miss where the cache does not know.
  virtual Request<T> get(K key) = 0;
  /// All of them.
  virtual AdapterIterator<T> iter_all() = 0;
  /// The same as get(), or `other` where it is missing.
  Request<T> get_or(K key, T other) { return detail::or_else(get(std::move(key)), std::move(other), detail::is_miss); }
};

/// Entities of guilds. Members, presences and voice states have no key of their own: their get() is invalid_argument.
template <typename K, typename T>
class GuildBoundCache : public AsyncCache<K, T> {
 public:
  /// One that is found in another guild is entry_not_found.
  virtual Request<T> get_from_guild(std::uint64_t guild_id, K key) = 0;
  /// All of one guild.
  virtual AdapterIterator<T> iter_for_guild(std::uint64_t guild_id) = 0;
  /// The same as get_from_guild(), or `other` where it is missing.
  Request<T> get_from_guild_or(std::uint64_t guild_id, K key, T other) {
    return detail::or_else(get_from_guild(guild_id, std::move(key)), std::move(other), detail::is_miss);
  }
};

namespace detail {

/// What an adapter asks, and what it makes of the answer.
class Adapted {
 public:
  Adapted(ResourceClient& client, bool is_trusted) noexcept : client_(&client), is_trusted_(is_trusted) {}

  ResourceClient& client() const noexcept { return *client_; }

  /// `guild_id`: of which guild it must be; 0: of any.
  template <typename T>
  Request<T> get(EntityKey key, std::uint64_t guild_id = 0) const {
    return Request<T>([adapted = *this, key = std::move(key), guild_id](Callback<void(Result<T>)> then) mutable {
      if (!adapted.client_->is_alive()) {
        Request<T> closed = answered<T>(*adapted.client_, miss("the client is closed"));
        return closed.then(std::move(then));
      }
      adapted.client_->cache()
          ->get(std::move(key))
          .then([adapted, guild_id, then = std::move(then)](Result<Entity> found) mutable {
            if (!found) return then(adapted.told(std::move(found.error())));
            const JsonView entity(std::move(*found));
            if (guild_id != 0 && !(entity["guild_id"].as<Snowflake>() == Snowflake(guild_id)))
              return then(Error{.code = Errc::entry_not_found, .text = "it is of another guild", .is_absent = true});
            then(T(entity));
          });
    });
  }

 private:
  static Error miss(std::string text) { return {.code = Errc::cache_miss, .text = std::move(text)}; }
  Error told(Error error) const {
    const bool is_missing = error.code == Errc::entry_not_found;
    if (error.code == Errc::closed_client || (is_missing && !is_trusted_)) error.code = Errc::cache_miss;
    if (is_missing) error.is_absent = is_trusted_;
    return error;
  }

  ResourceClient* client_;
  bool is_trusted_;
};

class OwnUserAdapter final : public SingleStoreCache<OwnUser> {
 public:
  explicit OwnUserAdapter(Adapted adapted) noexcept : adapted_(adapted) {}
  Request<OwnUser> get() override { return adapted_.get<OwnUser>(EntityKey::me()); }

 private:
  Adapted adapted_;
};

/// Users and messages by id, guilds, and invites by their code.
template <typename K, typename T>
class GlobalAdapter final : public AsyncCache<K, T> {
 public:
  GlobalAdapter(Adapted adapted, Resource resource) noexcept : adapted_(adapted), resource_(resource) {}
  Request<T> get(K key) override {
    if constexpr (std::is_same_v<K, std::string>) {
      return adapted_.get<T>({resource_, 0, 0, std::move(key)});
    } else {
      return adapted_.get<T>({resource_, key});
    }
  }
  AdapterIterator<T> iter_all() override { return {adapted_.client(), Scope::all(resource_)}; }

 private:
  Adapted adapted_;
  Resource resource_;
};

/// Everything else that guilds have.
template <typename T>
class GuildAdapter final : public GuildBoundCache<std::uint64_t, T> {
 public:
  /// `has_own_ids`: whether an id without its guild names one of them.
  GuildAdapter(Adapted adapted, Resource resource, bool has_own_ids) noexcept
      : adapted_(adapted), resource_(resource), has_own_ids_(has_own_ids) {}
  Request<T> get(std::uint64_t id) override {
    if (has_own_ids_) return adapted_.get<T>({resource_, id});
    return answered<T>(adapted_.client(), Error{.code = Errc::invalid_argument,
                                                .text = std::string(name(resource_)) +
                                                        ": known by guild and user alone; use get_from_guild()"});
  }
  Request<T> get_from_guild(std::uint64_t guild_id, std::uint64_t id) override {
    return adapted_.get<T>({resource_, id, guild_id}, has_own_ids_ ? guild_id : 0);
  }
  AdapterIterator<T> iter_all() override { return {adapted_.client(), Scope::all(resource_)}; }
  AdapterIterator<T> iter_for_guild(std::uint64_t guild_id) override {
    return {adapted_.client(), Scope::of_guild(resource_, guild_id)};
  }

 private:
  Adapted adapted_;
  Resource resource_;
  bool has_own_ids_;
};

}  // namespace detail

/// How a client is offered to the parts of a program.
struct AdapterOptions {
  /// Resources of which what the cache does not have does not exist: a miss is entry_not_found. Of the others it is
  /// cache_miss. Empty: emojis, guilds, channels, members, presences, roles, voice states, stickers, stage instances,
  /// scheduled events and soundboard sounds, and users where members are kept too.
  std::optional<Resources> trust_get_for = std::nullopt;
  /// The same for the own user.
  bool trust_get_for_me = false;

  /// Opens the client when the program starts and closes it when it stops, as the dependencies tell; at once where it
  /// is running. For clients that are not event_managed; both together do no harm. The client then has to outlive the
  /// program's stop. An opening that fails is logged (Options::log); the adapters say that the client is closed.
  bool managed = false;

  /// What is meant by an empty trust_get_for.
  static Resources trusted_by_default(Resources kept) noexcept {
    Resources trusted{Resource::emoji,           Resource::guild,           Resource::channel,
                      Resource::member,          Resource::presence,        Resource::role,
                      Resource::voice_state,     Resource::sticker,         Resource::stage_instance,
                      Resource::scheduled_event, Resource::soundboard_sound};
    if (kept.contains(Resource::member)) trusted.insert(Resource::user);
    return trusted;
  }
};

/// Where the parts of a program find what they need, by its type. The host implements it over what it has.
class TypeDependencies {
 public:
  virtual ~TypeDependencies() = default;

  /// Keeps the value for whoever asks for the type, in place of what was there.
  virtual void set_type_dependency(std::type_index type, std::shared_ptr<void> value) = 0;
  /// Null where there is none.
  virtual std::shared_ptr<void> get_type_dependency(std::type_index type) const = 0;

  /// Whether the program runs, and who wants to hear of its start and its end.
  virtual bool is_alive() const noexcept = 0;
  /// Tells the listener of both.
  virtual void subscribe(LifetimeListener& listener) = 0;

  /// set_type_dependency() for the type T.
  template <typename T>
  void set(std::shared_ptr<T> value) {
    set_type_dependency(typeid(T), std::move(value));
  }
  /// get_type_dependency() for the type T.
  template <typename T>
  std::shared_ptr<T> get() const {
    return std::static_pointer_cast<T>(get_type_dependency(typeid(T)));
  }

  /// Registers an adapter for each resource that the client keeps, and the client itself as a ResourceClient.
  /// SingleStoreCache<OwnUser>; AsyncCache<K, T> of users, messages, guilds, invites (by their code, a std::string) and
  /// of whatever in a guild has an id of its own; GuildBoundCache<std::uint64_t, T> of whatever a guild has.
  void add(ResourceClient& client, const AdapterOptions& options = {});

 private:
  using Id = std::uint64_t;
  template <typename T>
  void add_of_guild(const detail::Adapted& adapted, Resource resource, bool has_own_ids) {
    auto adapter = std::make_shared<detail::GuildAdapter<T>>(adapted, resource, has_own_ids);
    if (has_own_ids) set<AsyncCache<Id, T>>(adapter);
    set<GuildBoundCache<Id, T>>(std::move(adapter));
  }
  template <typename K, typename T>
  void add_global(const detail::Adapted& adapted, Resource resource) {
    set<AsyncCache<K, T>>(std::make_shared<detail::GlobalAdapter<K, T>>(adapted, resource));
  }
  void add_resource(const detail::Adapted& adapted, Resource resource);
};

inline void TypeDependencies::add_resource(const detail::Adapted& adapted, Resource resource) {
  switch (resource) {
    case Resource::emoji:
      return add_of_guild<Emoji>(adapted, resource, true);
    case Resource::guild:
      return add_global<Id, Guild>(adapted, resource);
    case Resource::channel:
      return add_of_guild<Channel>(adapted, resource, true);
    case Resource::invite:
      return add_global<std::string, Invite>(adapted, resource);
    case Resource::member:
      return add_of_guild<Member>(adapted, resource, false);
    case Resource::presence:
      return add_of_guild<Presence>(adapted, resource, false);
    case Resource::role:
      return add_of_guild<Role>(adapted, resource, true);
    case Resource::user:
      return add_global<Id, User>(adapted, resource);
    case Resource::voice_state:
      return add_of_guild<VoiceState>(adapted, resource, false);
    case Resource::message:
      return add_global<Id, Message>(adapted, resource);
    case Resource::thread:
      return add_of_guild<Thread>(adapted, resource, true);
    case Resource::sticker:
      return add_of_guild<Sticker>(adapted, resource, true);
    case Resource::stage_instance:
      return add_of_guild<StageInstance>(adapted, resource, true);
    case Resource::scheduled_event:
      return add_of_guild<ScheduledEvent>(adapted, resource, true);
    case Resource::soundboard_sound:
      return add_of_guild<SoundboardSound>(adapted, resource, true);
    case Resource::integration:
      return add_of_guild<Integration>(adapted, resource, true);
    case Resource::auto_moderation_rule:
      return add_of_guild<AutoModerationRule>(adapted, resource, true);
  }
}

inline void TypeDependencies::add(ResourceClient& client, const AdapterOptions& options) {
  const Resources kept = client.options().resources;
  const Resources trusted = options.trust_get_for.value_or(AdapterOptions::trusted_by_default(kept));
  for (Resource resource : all_resources())
    if (kept.contains(resource)) add_resource(detail::Adapted(client, trusted.contains(resource)), resource);
  if (kept.contains(Resource::user))
    set<SingleStoreCache<OwnUser>>(
        std::make_shared<detail::OwnUserAdapter>(detail::Adapted(client, options.trust_get_for_me)));
  set<ResourceClient>(std::shared_ptr<ResourceClient>(&client, [](ResourceClient*) {}));
  if (!options.managed) return;
  subscribe(client.lifetime());
  if (is_alive()) client.open().then();
}

}  // namespace sake
