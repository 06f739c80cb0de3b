// ResourceClient: opens and closes a cache, as often as it is asked to, and joins it to an event manager meanwhile.

#include "sake/resource_client.h"

#include <string>
#include <utility>
#include <vector>

#include "cache/prepare.h"
#include "net/address.h"
#include "net/tls_options.h"
#include "store/settings.h"

namespace sake {
namespace {

using Then = Callback<void(Status)>;

/// Calls that may wait for the same end.
constexpr std::size_t waiting_max = 1000;

Error closed() { return {.code = Errc::closed_client, .text = "the client is closed"}; }

}  // namespace

struct SAKE_HIDDEN ResourceClient::Impl final : DispatchListener, LifetimeListener {
  enum class Stage : std::uint8_t { closed, opening, open, closing };

  Impl(uv_loop_s* on, Options&& wanted, const ClientOptions& how) noexcept
      : loop(on), options(std::move(wanted)), client(how) {}

  void open(Then then);
  void close(Then then);
  void begin_open();
  void on_opened(Status status);
  void begin_close();
  void finish_close();
  /// From the loop, out of all calls.
  void later(Callback<void()> what) {
    cache::Prepare(loop, [] {}).close(std::move(what));
  }
  void tell_later(Then then, Status status);
  void tell_all_later(std::vector<Then>& waiting, const Status& status);

  Status on_dispatch(const RawDispatch& dispatch) override;
  void on_skip(std::uint32_t shard_id, std::uint32_t shard_count) override;
  void on_starting(Callback<void(Status)> done) override { open(std::move(done)); }
  void on_stopping(Callback<void(Status)> done) override { close(std::move(done)); }

  uv_loop_s* loop;
  Options options;  // The cache has them while there is one.
  ClientOptions client;
  Stage stage = Stage::closed;
  std::unique_ptr<Cache> cache;
  std::vector<Then> opening;  // Wait for the cache to be open; while it is closing, for the next one.
  std::vector<Then> failed;   // Of these the opening was given up; told why when all is closed.
  Status failure;
  std::vector<Then> closing;
  std::shared_ptr<Impl*> self = std::make_shared<Impl*>(this);  // For what is called later.
};

void ResourceClient::Impl::tell_later(Then then, Status status) {
  if (then) later([then = std::move(then), status = std::move(status)]() mutable { then(std::move(status)); });
}

void ResourceClient::Impl::tell_all_later(std::vector<Then>& waiting, const Status& status) {
  for (Then& then : waiting) tell_later(std::move(then), status);
  waiting.clear();
}

void ResourceClient::Impl::open(Then then) {
  if (stage == Stage::open) return tell_later(std::move(then), {});
  if (opening.size() == waiting_max)
    return tell_later(std::move(then), Error{.code = Errc::over_capacity, .text = "too many calls of open() wait"});
  opening.push_back(std::move(then));
  if (stage == Stage::closed) begin_open();
}

void ResourceClient::Impl::begin_open() {
  auto opened = Cache::open_with(loop, options, [this](Status status) { on_opened(std::move(status)); });
  if (!opened) {
    return tell_all_later(opening, opened.error());
  }
  stage = Stage::opening;
  cache = std::move(opened).value();
  if (client.event_manager == nullptr) return;
  cache->on_capacity([this] { client.event_manager->on_capacity(*this); });
  client.event_manager->subscribe(static_cast<DispatchListener&>(*this));
}

void ResourceClient::Impl::on_opened(Status status) {
  if (stage != Stage::opening) return;
  if (status) {
    stage = Stage::open;
    return tell_all_later(opening, {});
  }
  failure = std::move(status);
  begin_close();
}

void ResourceClient::Impl::close(Then then) {
  if (stage == Stage::closed) return tell_later(std::move(then), {});
  if (closing.size() == waiting_max)
    return tell_later(std::move(then), Error{.code = Errc::over_capacity, .text = "too many calls of close() wait"});
  closing.push_back(std::move(then));
  if (stage == Stage::closing) {
    // Those that wanted it open again have waited in vain.
    return tell_all_later(opening, closed());
  }
  failure = closed();
  begin_close();
}

void ResourceClient::Impl::begin_close() {
  stage = Stage::closing;
  failed.swap(opening);
  if (client.event_manager != nullptr) client.event_manager->unsubscribe(static_cast<DispatchListener&>(*this));
  cache->close([alive = std::weak_ptr<Impl*>(self)] {
    if (alive.expired()) return;
    // Not in here: it is the cache's own call, and the cache goes.
    (*alive.lock())->later([alive] {
      if (!alive.expired()) (*alive.lock())->finish_close();
    });
  });
}

void ResourceClient::Impl::finish_close() {
  options = cache->take_options();
  cache.reset();
  stage = Stage::closed;
  tell_all_later(failed, failure);
  tell_all_later(closing, {});
  if (!opening.empty()) begin_open();
}

Status ResourceClient::Impl::on_dispatch(const RawDispatch& dispatch) {
  if (stage != Stage::opening && stage != Stage::open) return closed();
  if (dispatch.shard_id >= dispatch.shard_count)
    return Error{.code = Errc::invalid_argument, .text = "shard_id: must be less than shard_count"};
  Shard& shard = cache->shard(dispatch.shard_id, dispatch.shard_count);
  return dispatch.frame.empty() ? shard.dispatch(dispatch.event, dispatch.data, dispatch.sequence)
                                : shard.dispatch_frame(dispatch.frame);
}

void ResourceClient::Impl::on_skip(std::uint32_t shard_id, std::uint32_t shard_count) {
  if (cache != nullptr && shard_id < shard_count) cache->shard(shard_id, shard_count).skip();
}

Result<std::unique_ptr<ResourceClient>> ResourceClient::create(uv_loop_s* loop, Options options, ClientOptions client) {
  if (client.event_managed && client.event_manager == nullptr)
    return Error{.code = Errc::invalid_argument, .text = "event_managed: needs an event_manager that tells the time"};
  if (auto settings = store::resolve(options); !settings) return std::move(settings.error());
  if (auto address = net::parse_address(options.address); !address) return std::move(address.error());
  if (Status status = net::check(options.tls); !status) return status.error();
  auto impl = std::make_unique<Impl>(loop, std::move(options), client);
  if (client.event_managed) client.event_manager->subscribe(static_cast<LifetimeListener&>(*impl));
  return std::unique_ptr<ResourceClient>(new ResourceClient(std::move(impl)));
}

ResourceClient::ResourceClient(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

ResourceClient::~ResourceClient() {
  EventManager* const manager = impl_->client.event_manager;
  if (manager != nullptr) {
    manager->unsubscribe(static_cast<DispatchListener&>(*impl_));
    manager->unsubscribe(static_cast<LifetimeListener&>(*impl_));
  }
  impl_->stage = Impl::Stage::closing;
  impl_->self.reset();
  impl_->cache.reset();
  for (std::vector<Then>* waiting : {&impl_->opening, &impl_->failed, &impl_->closing})
    impl_->tell_all_later(*waiting, closed());
}

Request<void> ResourceClient::open() {
  return Request<void>([impl = impl_.get()](auto then) { impl->open(std::move(then)); });
}

Request<void> ResourceClient::close() {
  return Request<void>([impl = impl_.get()](auto then) { impl->close(std::move(then)); });
}

bool ResourceClient::is_alive() const noexcept { return impl_->stage == Impl::Stage::open && impl_->cache->is_alive(); }

Cache* ResourceClient::cache() noexcept {
  const bool has_one = impl_->stage == Impl::Stage::opening || impl_->stage == Impl::Stage::open;
  return has_one ? impl_->cache.get() : nullptr;
}

const Options& ResourceClient::options() const noexcept {
  return impl_->cache != nullptr ? impl_->cache->options() : impl_->options;
}

Options* ResourceClient::changeable_options() noexcept {
  return impl_->stage == Impl::Stage::closed ? &impl_->options : nullptr;
}

EventManager* ResourceClient::event_manager() const noexcept { return impl_->client.event_manager; }

LifetimeListener& ResourceClient::lifetime() noexcept { return *impl_; }

void ResourceClient::later(Callback<void()> what) { impl_->later(std::move(what)); }

}  // namespace sake
