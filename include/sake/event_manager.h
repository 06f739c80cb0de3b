#pragma once

// EventManager: where a ResourceClient hears of dispatches, and of the start and the end of the program around it.
// A host that has such a thing implements it; EventSource is one for hosts that only want to call functions.
// Everything here belongs on the loop's thread.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "sake/callback.h"
#include "sake/export.h"
#include "sake/result.h"

namespace sake {

/// One dispatch of a gateway connection: a whole frame, or what was taken out of one. What it views lives for the call.
struct RawDispatch {
  std::uint32_t shard_id = 0;                            ///< Which shard received it, counted from 0.
  std::uint32_t shard_count = 1;                         ///< How many shards there are.
  std::string_view frame = {};                           ///< As it came from Discord. Empty: the three below are it.
  std::string_view event = {};                           ///< "t"
  std::string_view data = {};                            ///< The JSON text of "d".
  std::optional<std::uint64_t> sequence = std::nullopt;  ///< "s"
};

/// Hears of dispatches.
class SAKE_EXPORT DispatchListener {
 public:
  /// Returns at once; see Shard::dispatch_frame() and Shard::dispatch(). over_capacity: this listener has not taken it,
  /// and takes nothing else of the shard until it is offered this dispatch again, or told to skip it. Nothing is lost
  /// meanwhile as long as the source waits: it stops reading from the gateway.
  virtual Status on_dispatch(const RawDispatch& dispatch) = 0;

  /// The dispatch of this shard that this listener has refused is given up; see Shard::skip().
  virtual void on_skip(std::uint32_t shard_id, std::uint32_t shard_count) = 0;

 protected:
  ~DispatchListener() = default;
};

/// Hears of the start and the end of the program. Both call `done` once, from the loop and not inside of the call.
class SAKE_EXPORT LifetimeListener {
 public:
  /// The program starts.
  virtual void on_starting(Callback<void(Status)> done) = 0;
  /// The program stops.
  virtual void on_stopping(Callback<void(Status)> done) = 0;

 protected:
  ~LifetimeListener() = default;
};

/// Tells those that have subscribed, each once however often it does. A listener may unsubscribe from inside of a call,
/// and does so before it is destroyed.
class SAKE_EXPORT EventManager {
 public:
  virtual ~EventManager() = default;

  /// From now on the listener hears of dispatches.
  virtual void subscribe(DispatchListener& listener) = 0;
  /// It hears of no more; one that has not subscribed may do so too.
  virtual void unsubscribe(DispatchListener& listener) = 0;
  /// From now on the listener hears of the start and the end.
  virtual void subscribe(LifetimeListener& listener) = 0;
  /// It hears of no more; one that has not subscribed may do so too.
  virtual void unsubscribe(LifetimeListener& listener) = 0;

  /// A listener that has refused a dispatch takes it now. Does nothing unless overridden.
  virtual void on_capacity(DispatchListener& listener);
};

/// The manager of a host that has none: whoever reads from the gateway calls dispatch(), and the program starting() and
/// stopping().
class SAKE_EXPORT EventSource final : public EventManager {
 public:
  EventSource();
  ~EventSource() override;
  EventSource(const EventSource&) = delete;
  EventSource& operator=(const EventSource&) = delete;

  /// Offers it to every listener; where there is none it is dropped. over_capacity: some listener has refused it. Then
  /// offer this dispatch again before any other of its shard (on_capacity() tells when), or skip() it: those that have
  /// taken it are not offered it twice. Errors: those of the listeners, the first of them.
  Status dispatch(const RawDispatch& dispatch);

  /// Gives up the dispatch of this shard that was refused.
  void skip(std::uint32_t shard_id, std::uint32_t shard_count);

  /// Tells every listener, and calls `done` once when all of them are through, with the first error. Without listeners
  /// inside of the call.
  void starting(Callback<void(Status)> done = {});
  /// The same for the end of the program.
  void stopping(Callback<void(Status)> done = {});

  /// Called each time a listener that has refused a dispatch takes more.
  void on_capacity(Callback<void()> callback);

  /// See EventManager, as for the three that follow.
  void subscribe(DispatchListener& listener) override;
  /// See EventManager.
  void unsubscribe(DispatchListener& listener) override;
  /// See EventManager.
  void subscribe(LifetimeListener& listener) override;
  /// See EventManager.
  void unsubscribe(LifetimeListener& listener) override;
  void on_capacity(DispatchListener& listener) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sake
