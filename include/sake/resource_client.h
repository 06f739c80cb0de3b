#pragma once

// ResourceClient: a cache that is opened and closed, by hand or with the program it is part of, and that hears of
// events by itself while it is open. A host that wants neither uses Cache.

#include <memory>

#include "sake/cache.h"
#include "sake/event_manager.h"
#include "sake/export.h"
#include "sake/options.h"
#include "sake/request.h"
#include "sake/result.h"

struct uv_loop_s;

namespace sake {

/// What ties a client to its program.
struct ClientOptions {
  /// Whose dispatches the cache applies from open() to close(); those in between closing and opening again are missed,
  /// so a host begins a new gateway session then. Null: nothing is applied but what the host dispatches itself. It must
  /// outlive the client.
  EventManager* event_manager = nullptr;

  /// Opens when the program starts and closes when it stops, as the event manager tells, for as long as the client
  /// exists. Without it the host calls open() and close().
  bool event_managed = false;
};

/// Every call belongs on the loop's thread.
class SAKE_EXPORT ResourceClient {
 public:
  /// Checks the options; nothing is connected before open(). Errors: invalid_argument, also for event_managed without
  /// an event_manager.
  static Result<std::unique_ptr<ResourceClient>> create(uv_loop_s* loop, Options options, ClientOptions client = {});

  /// Ends what is pending with closed_client; see ~Cache(). Not inside a callback of its cache or of the event manager;
  /// inside an answer to open() or close() it may be.
  ~ResourceClient();

  /// Connects; see Cache::open(). No error when it is open already. While it is closing: opens once that is done.
  /// Dispatches count from this call on. After an error it is closed, and may be opened again.
  ///
  /// Errors: those of Cache::open() and its callback; closed_client when close() came first; over_capacity when a
  /// thousand calls wait for the same end.
  Request<void> open();

  /// See Cache::close(). No error when it is closed already. Errors: over_capacity as above.
  Request<void> close();

  /// Between a successful open() and the start of close().
  bool is_alive() const noexcept;

  /// The cache from open() to the start of close(), else null. Close the client, not the cache. Each open() makes a new
  /// one. Its on_capacity() is taken
  /// where there is an event manager, which is told instead.
  Cache* cache() noexcept;

  /// The options it opens with. They may be changed while it is closed.
  const Options& options() const noexcept;
  /// Null unless it is closed.
  Options* changeable_options() noexcept;

  /// ClientOptions::event_manager; null without one.
  EventManager* event_manager() const noexcept;

  /// Opens when it is told of a start, closes when it is told of a stop. For programs that start and stop their parts
  /// by something else than an event manager; the client does not unsubscribe it.
  LifetimeListener& lifetime() noexcept;

  /// Calls `what` soon, from the loop and not inside this call, whatever becomes of the client.
  void later(Callback<void()> what);

  ResourceClient(const ResourceClient&) = delete;
  ResourceClient& operator=(const ResourceClient&) = delete;

 private:
  struct Impl;
  explicit ResourceClient(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sake
