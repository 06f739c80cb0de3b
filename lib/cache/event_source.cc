// EventSource: offers dispatches to listeners, and remembers who has taken one that somebody else has refused.

#include <algorithm>
#include <utility>

#include "sake/event_manager.h"

namespace sake {
namespace {

template <typename Listener>
bool contains(const std::vector<Listener*>& listeners, Listener* listener) {
  return std::ranges::find(listeners, listener) != listeners.end();
}

/// Calls `tell` for each that is in the list when its turn comes: any of them may take itself or others off the list.
template <typename Listener, typename Tell>
void for_each(const std::vector<Listener*>& listeners, Tell tell) {
  const std::vector<Listener*> told = listeners;
  for (Listener* listener : told)
    if (contains(listeners, listener)) tell(*listener);
}

template <typename Listener>
void add(std::vector<Listener*>& listeners, Listener& listener) {
  if (!contains(listeners, &listener)) listeners.push_back(&listener);
}

/// Counts those that are asked, and calls back when the last of them has answered.
struct Gathering {
  std::size_t missing = 1;  // One of them is the call that asks.
  Status status;
  Callback<void(Status)> done;

  void answer(Status one) {
    if (!one && status) status = std::move(one);
    if (--missing == 0 && done) done(std::move(status));
  }
};

}  // namespace

void EventManager::on_capacity(DispatchListener&) {}

struct SAKE_HIDDEN EventSource::Impl {
  /// A dispatch that waits to be offered again.
  struct Refused {
    std::uint32_t shard_id;
    std::uint32_t shard_count;
    std::vector<DispatchListener*> took;  // Those that were offered it and did not refuse.
  };

  auto find(std::uint32_t shard_id, std::uint32_t shard_count) {
    return std::ranges::find_if(
        refused, [=](const Refused& one) { return one.shard_id == shard_id && one.shard_count == shard_count; });
  }

  void tell_all(void (LifetimeListener::*what)(Callback<void(Status)>), Callback<void(Status)> done) {
    auto gathering = std::make_shared<Gathering>();
    gathering->done = std::move(done);
    for_each(lifetime, [&](LifetimeListener& listener) {
      ++gathering->missing;
      (listener.*what)([gathering](Status status) { gathering->answer(std::move(status)); });
    });
    gathering->answer({});
  }

  std::vector<DispatchListener*> dispatch;
  std::vector<LifetimeListener*> lifetime;
  std::vector<Refused> refused;  // At most one of each shard.
  Callback<void()> on_capacity;
};

EventSource::EventSource() : impl_(std::make_unique<Impl>()) {}
EventSource::~EventSource() = default;

Status EventSource::dispatch(const RawDispatch& dispatch) {
  std::vector<DispatchListener*> took;
  if (const auto again = impl_->find(dispatch.shard_id, dispatch.shard_count); again != impl_->refused.end()) {
    took = std::move(again->took);
    impl_->refused.erase(again);
  }
  Status status;
  bool is_refused = false;
  for_each(impl_->dispatch, [&](DispatchListener& listener) {
    if (contains(took, &listener)) return;
    Status one = listener.on_dispatch(dispatch);
    const bool refuses = !one && one.error().code == Errc::over_capacity;
    is_refused = is_refused || refuses;
    if (!refuses) took.push_back(&listener);
    // That it has to be offered again is what the caller must know first.
    if (!one && (status || (refuses && status.error().code != Errc::over_capacity))) status = std::move(one);
  });
  if (!is_refused) return status;
  std::erase_if(took, [&](DispatchListener* one) { return !contains(impl_->dispatch, one); });
  impl_->refused.push_back({dispatch.shard_id, dispatch.shard_count, std::move(took)});
  return status;
}

void EventSource::skip(std::uint32_t shard_id, std::uint32_t shard_count) {
  const auto given_up = impl_->find(shard_id, shard_count);
  if (given_up == impl_->refused.end()) return;
  const std::vector<DispatchListener*> took = std::move(given_up->took);
  impl_->refused.erase(given_up);
  for_each(impl_->dispatch, [&](DispatchListener& listener) {
    if (!contains(took, &listener)) listener.on_skip(shard_id, shard_count);
  });
}

void EventSource::starting(Callback<void(Status)> done) {
  impl_->tell_all(&LifetimeListener::on_starting, std::move(done));
}

void EventSource::stopping(Callback<void(Status)> done) {
  impl_->tell_all(&LifetimeListener::on_stopping, std::move(done));
}

void EventSource::on_capacity(Callback<void()> callback) { impl_->on_capacity = std::move(callback); }

void EventSource::subscribe(DispatchListener& listener) { add(impl_->dispatch, listener); }

void EventSource::unsubscribe(DispatchListener& listener) {
  std::erase(impl_->dispatch, &listener);
  for (Impl::Refused& one : impl_->refused) std::erase(one.took, &listener);
}

void EventSource::subscribe(LifetimeListener& listener) { add(impl_->lifetime, listener); }

void EventSource::unsubscribe(LifetimeListener& listener) { std::erase(impl_->lifetime, &listener); }

void EventSource::on_capacity(DispatchListener&) {
  if (impl_->on_capacity) impl_->on_capacity();
}

}  // namespace sake
