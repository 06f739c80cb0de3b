// Random sequences of everything that a host and a network can do to a cache. Whatever comes, each operation ends
// exactly once, what was admitted while the server kept its data is applied, and nothing is left behind.
// SAKE_FULL=1 runs more of them; SAKE_SEED=n runs one.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "sake/sake.h"

#include "base/buffer.h"
#include "net/address.h"
#include "redis/pool.h"
#include "support/gateway_log.h"
#include "support/loop.h"
#include "support/proxy.h"
#include "support/random.h"
#include "support/redis_client.h"
#include "support/redis_server.h"

namespace sake::test {
namespace {

using namespace std::chrono_literals;

std::vector<std::uint64_t> seeds() {
  if (const char* one = std::getenv("SAKE_SEED")) return {std::strtoull(one, nullptr, 10)};
  std::vector<std::uint64_t> list(std::getenv("SAKE_FULL") != nullptr ? 200 : 10);
  for (std::size_t i = 0; i < list.size(); ++i) list[i] = i + 1;
  return list;
}

/// What has been begun and must end once.
struct Operation {
  int ended = 0;
};

/// A network that does what it likes, until it is mended.
class Weather {
 public:
  Weather(uv_loop_t* loop, const RedisServer& server, Proxy::Listen listen)
      : proxy_(loop, server.socket_path(), listen) {}

  std::string address() const { return proxy_.address(); }

  void change(Random& random) {
    const Direction direction = random.one_in(2) ? Direction::to_server : Direction::to_client;
    switch (random.below(7)) {
      case 0:
        return proxy_.cut();
      case 1:
        return proxy_.cut_after(direction, random.below(5'000));
      case 2:
        refusing_ = !refusing_;
        return proxy_.refuse(refusing_);
      case 3:
        return proxy_.hold(direction);
      case 4:
        return proxy_.release(direction, random.below(3'000));
      case 5:
        return proxy_.split(direction, random.one_in(2) ? 0 : random.between(1, 200));
      default:
        return calm();
    }
  }

  void calm() {
    refusing_ = false;
    proxy_.refuse(false);
    for (const Direction direction : {Direction::to_server, Direction::to_client}) {
      proxy_.release(direction);
      proxy_.split(direction, 0);
    }
  }

 private:
  Proxy proxy_;
  bool refusing_ = false;
};

/// A host that feeds one shard and keeps book.
class Host {
 public:
  Host(uv_loop_t* loop, const std::string& address, Random& random) : random_(random) {
    Options options;
    options.address = address;
    options.pending_bytes_max = random.between(20'000, 200'000);
    options.in_flight_bytes_max = random.between(2'000, 50'000);
    options.batch_bytes = random.between(500, 20'000);
    options.backoff_first = 1ms;
    options.backoff_max = 5ms;
    options.connect_timeout = 100ms;
    options.command_timeout = 100ms;
    options.open_timeout = 0ms;
    options.health_check_interval = 20ms;
    options.drain_timeout = random.one_in(3) ? 0ms : 20'000ms;
    drains_ = options.drain_timeout != 0ms;
    auto cache = Cache::open(loop, std::move(options), [this](Status status) {
      ++opened_.ended;
      opens_well_ = status.ok();
    });
    REQUIRE(cache);
    cache_ = std::move(cache).value();
    cache_->on_connection([](const ConnectionChange&) {});
    cache_->on_dirty([](std::uint64_t, const Error&) {});
  }

  /// Offers the next frame, or the refused one again. False: it was refused, or the log is at its end.
  bool feed(GatewayLog& log) {
    if (frame_.empty() && !log.next(frame_)) return false;
    Operation& operation = events_.emplace_back();
    const Status status = cache_->shard().dispatch_frame(frame_, [this, &operation](const EventResult& result) {
      ++operation.ended;
      if (result.outcome == Outcome::failed) ++failed_;
      // Sometimes a host does something from here.
      if (random_.one_in(50) && !closing_) flush();
    });
    if (!status) {
      events_.pop_back();
      if (status.error().code == Errc::closed_client) frame_.clear();
      return false;
    }
    frame_.clear();
    return true;
  }
  void skip() {
    cache_->shard().skip();
    frame_.clear();
  }
  void flush() {
    Operation& operation = flushes_.emplace_back();
    cache_->flush([&operation](Status) { ++operation.ended; });
  }
  void close() {
    closing_ = true;
    Operation& operation = closes_.emplace_back();
    cache_->close([&operation] { ++operation.ended; });
  }
  void destroy() {
    closing_ = true;
    cache_.reset();
  }

  Cache& cache() { return *cache_; }
  bool is_open() const { return opened_.ended == 1; }
  bool is_closed() const { return !closes_.empty() && closes_.back().ended == 1; }
  bool drains() const { return drains_; }
  std::size_t failed() const { return failed_; }
  std::size_t admitted() const { return events_.size(); }
  bool flushed() const { return flushes_.back().ended == 1; }

  void check_that_all_ended_once() const {
    CHECK(opened_.ended == 1);
    for (const std::deque<Operation>* list : {&events_, &flushes_, &closes_})
      for (const Operation& operation : *list) CHECK(operation.ended == 1);
  }

 private:
  Random& random_;
  std::unique_ptr<Cache> cache_;
  std::string frame_;
  Operation opened_;
  bool opens_well_ = false;
  bool drains_ = false;
  bool closing_ = false;
  std::size_t failed_ = 0;
  std::deque<Operation> events_;
  std::deque<Operation> flushes_;
  std::deque<Operation> closes_;
};

}  // namespace

TEST_CASE("whatever a host and a network do, each operation ends once, and nothing that was admitted is lost") {
  RedisServer server;
  std::size_t admitted = 0;
  for (const std::uint64_t seed : seeds()) {
    CAPTURE(seed);
    Random random(seed);
    RedisClient client(server.socket_path());
    client.command("FLUSHALL");
    Loop loop;
    Weather weather(loop.get(), server, random.one_in(2) ? Proxy::Listen::tcp : Proxy::Listen::unix_socket);
    Host host(loop.get(), weather.address(), random);
    GatewayLog log({.seed = seed, .guilds = 3, .members = 10, .frames = 2'000});
    bool full = false;
    const bool has_limits = random.one_in(2);  // The server may run out of memory.

    const std::size_t steps = random.between(50, 400);
    for (std::size_t step = 0; step < steps; ++step) {
      switch (random.below(12)) {
        case 0:
          weather.change(random);
          break;
        case 1:
          host.flush();
          break;
        case 2:
          if (random.one_in(5)) host.skip();
          break;
        case 3:
          if (has_limits && random.one_in(4)) {
            full = !full;
            client.command("CONFIG", "SET", "maxmemory", full ? "1" : "0");
          }
          break;
        case 4:
          static_cast<void>(host.cache().stats());
          static_cast<void>(host.cache().dirty_guilds());
          break;
        case 5:
          loop.run_for(std::chrono::milliseconds(random.below(8)));
          break;
        case 6:
          if (random.one_in(100)) host.close();
          break;
        default:
          for (std::size_t i = random.below(20); i > 0 && host.feed(log); --i) {
          }
          loop.run_for_turns(static_cast<int>(random.below(4)));
      }
    }
    client.command("CONFIG", "SET", "maxmemory", "0");

    switch (random.below(3)) {
      case 0:  // The storm ends, and everything is applied.
        weather.calm();
        host.flush();
        loop.run_until([&] { return host.flushed(); });
        if (!host.is_closed() && host.drains()) CHECK(host.failed() == 0);
        host.close();
        break;
      case 1:  // Closed in the middle of it.
        if (host.drains()) weather.calm();
        host.close();
        host.close();
        break;
      default:  // Destroyed in the middle of it.
        host.destroy();
        loop.run_for_turns(5);  // What close() and flush() on a closed cache tell comes from the loop.
        host.check_that_all_ended_once();
        admitted += host.admitted();
        continue;
    }
    loop.run_until([&] { return host.is_closed(); });
    host.check_that_all_ended_once();
    admitted += host.admitted();
  }
  MESSAGE(seeds().size() << " sequences, " << admitted << " events admitted");
  CHECK(admitted > 0);
}

namespace {

struct Reader final : redis::Requester {
  int ended = 0;
  void on_reply(std::uint32_t, const resp::Reply&) noexcept override { ++ended; }
  void on_acknowledged() noexcept override { ++ended; }
  void on_failed(std::uint32_t, const Error&) noexcept override { ++ended; }
};

struct NoHandler final : redis::PipelineHandler {
  void on_ready(redis::Pipeline&) noexcept override {}
  void on_lost(redis::Pipeline&, const Error&) noexcept override {}
  void on_connect_failed(redis::Pipeline&, const Error&) noexcept override {}
  void on_greeting_refused(redis::Pipeline&, const Error&) noexcept override {}
  void on_progress(redis::Pipeline&) noexcept override {}
  void on_idle(redis::Pipeline&) noexcept override {}
};

}  // namespace

TEST_CASE("whatever a network does, each read and each write of a pool ends once") {
  RedisServer server;
  std::size_t reads = 0;
  for (const std::uint64_t seed : seeds()) {
    CAPTURE(seed);
    Random random(seed);
    Loop loop;
    Weather weather(loop.get(), server, random.one_in(2) ? Proxy::Listen::tcp : Proxy::Listen::unix_socket);
    redis::ConnectionOptions options;
    options.address = net::parse_address(weather.address()).value();
    options.backoff_first = 1ms;
    options.backoff_max = 5ms;
    options.connect_timeout = 100ms;
    options.command_timeout = 100ms;
    NoHandler handler;
    std::deque<Reader> requests;
    {
      redis::Pool pool(loop.get(), options, 3, static_cast<int>(random.between(1, 4)),
                       std::chrono::milliseconds(random.below(20)), handler);
      pool.writer().start();
      for (std::size_t step = random.between(50, 300); step > 0; --step) {
        switch (random.below(6)) {
          case 0:
            weather.change(random);
            break;
          case 1:
            loop.run_for(std::chrono::milliseconds(random.below(10)));
            break;
          case 2: {
            const std::string value(random.below(5'000), 'x');
            pool.writer().begin(redis::Section::records).begin(3).arg("SET").arg("key").arg(value);
            pool.writer().end(redis::Section::records, &requests.emplace_back());
            break;
          }
          default:
            for (std::size_t i = random.below(30); i > 0; --i) {
              base::Buffer command;
              resp::CommandWriter(command).begin(2).arg("GET").arg("key");
              pool.read(command.view(), requests.emplace_back(), 1);
              ++reads;
            }
        }
        pool.flush();
        loop.run_for_turns(static_cast<int>(random.below(3)));
      }
      if (random.one_in(2)) {
        weather.calm();
        loop.run_until([&] {
          pool.flush();
          for (const Reader& request : requests)
            if (request.ended == 0) return false;
          return true;
        });
      }
    }
    for (const Reader& request : requests) CHECK(request.ended == 1);
  }
  CHECK(reads > 0);
}

}  // namespace sake::test
