// How long a single read takes: get_member, one after the other on a Unix socket, at rest, beside a log that another
// process feeds at full speed into the same server, and beside one that the reading process feeds itself, whose loop is
// busy with it then. All in one run. SAKE_BENCH_READS=n reads each time.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <uv.h>

#include "sake/sake.h"

#include "support/gateway_log.h"
#include "support/redis_server.h"

namespace sake::test {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const Error& error) {
  std::fprintf(stderr, "%s\n", describe(error).c_str());
  std::exit(1);
}

/// A cache on a loop of its own, with one member to read.
class Bench {
 public:
  explicit Bench(const std::string& address) {
    uv_loop_init(&loop_);
    bool is_ready = false;
    auto opened = Cache::open(&loop_, {.address = address}, [&](const Status& status) {
      if (!status) fail(status.error());
      cache_->set_member(5, R"({"user":{"id":"7","username":"seven"},"nick":"n","roles":["1","2","3"]})")
          .then([&](const Status& set) {
            if (!set) fail(set.error());
            is_ready = true;
          });
    });
    if (!opened) fail(opened.error());
    cache_ = std::move(opened).value();
    while (!is_ready) uv_run(&loop_, UV_RUN_ONCE);
  }

  ~Bench() {
    cache_->close();
    uv_run(&loop_, UV_RUN_DEFAULT);
    cache_.reset();
    uv_loop_close(&loop_);
  }

  /// Microseconds of each read, sorted. `turn` runs the loop a little, again and again.
  std::vector<double> read(std::size_t count, const std::function<void()>& turn) {
    std::vector<double> micros;
    std::function<void()> ask = [&] {
      cache_->get_member(5, 7).then([&, since = Clock::now()](Result<Member> member) {
        if (!member) fail(member.error());
        micros.push_back(std::chrono::duration<double, std::micro>(Clock::now() - since).count());
        if (micros.size() < count) ask();
      });
    };
    ask();
    while (micros.size() < count) turn();
    std::ranges::sort(micros);
    return micros;
  }

  void wait() { uv_run(&loop_, UV_RUN_ONCE); }

  /// Feeds so much, or until nothing more is taken, and turns the loop once.
  void feed(const std::vector<std::string>& frames, std::size_t bytes) {
    for (std::size_t fed = 0; fed < bytes; ++fed_) {
      const std::string& frame = frames[fed_ % frames.size()];
      if (!cache_->shard().dispatch_frame(frame)) break;
      fed += frame.size();
    }
    uv_run(&loop_, UV_RUN_NOWAIT);
  }

  std::uint64_t fed() const { return fed_; }

 private:
  uv_loop_t loop_;
  std::unique_ptr<Cache> cache_;
  std::uint64_t fed_ = 0;
};

double quantile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(static_cast<double>(sorted.size() - 1) * share)];
}

/// A process that feeds at full speed until it is killed: in turns of as much as sake-replay has in each.
pid_t start_feeder(const std::string& address, const std::vector<std::string>& frames) {
  const pid_t process = fork();
  if (process != 0) return process;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Bench feeder(address);
  for (;;) feeder.feed(frames, 256u << 10);
}

void run() {
  const char* wanted = std::getenv("SAKE_BENCH_READS");
  const std::size_t count = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 5'000;
  // Without sequence numbers it can be fed again and again.
  std::vector<std::string> frames = generate({.guilds = 50, .members = 40, .frames = 40'000, .mix = Mix::steady});
  for (std::string& frame : frames)
    if (const std::size_t at = frame.find("\"s\":"); at != std::string::npos) frame.replace(at, 3, "\"q\"");

  const RedisServer server;
  Bench bench(server.address());
  bench.read(100, [&] { bench.wait(); });  // Opens a reader.
  const std::vector<double> rest = bench.read(count, [&] { bench.wait(); });

  const pid_t feeder = start_feeder(server.address(), frames);
  bench.read(count / 10, [&] { bench.wait(); });  // It has begun.
  const std::vector<double> other = bench.read(count, [&] { bench.wait(); });
  kill(feeder, SIGKILL);
  waitpid(feeder, nullptr, 0);

  const Clock::time_point since = Clock::now();
  const std::vector<double> same = bench.read(count, [&] { bench.feed(frames, 16u << 10); });
  const double seconds = std::chrono::duration<double>(Clock::now() - since).count();
  const std::vector<double> again = bench.read(count, [&] { bench.wait(); });
  const auto print = [](const char* what, const std::vector<double>& micros) {
    std::printf("%-32s p50 %7.0f us  p99 %7.0f us\n", what, quantile(micros, 0.5), quantile(micros, 0.99));
  };
  print("at rest", rest);
  print("beside another process's log", other);
  print("beside a log in this process", same);
  print("at rest again", again);
  std::printf("p50 to that at rest: %.2f and %.2f; the reading process fed %.0f frames a second\n",
              quantile(other, 0.5) / quantile(rest, 0.5), quantile(same, 0.5) / quantile(rest, 0.5),
              static_cast<double>(bench.fed()) / seconds);
}

}  // namespace
}  // namespace sake::test

int main() { sake::test::run(); }
