// The whole way of an event on any text: scan, table, lanes, handlers, commands, replies. Each admitted event has to
// end once, in bounded time; one that is rejected may have written nothing; what is stored has to be JSON.
//
// An input is lines. A line that begins with `<` is a value that reads bring; one with `!` is a name, a space and the
// data of an event; any other is a whole frame. The cache is kept for some hundred inputs, since opening one costs more
// than a thousand events.

#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <uv.h>

#include "sake/sake.h"

#include "fuzz/always_true_server.h"
#include "fuzz/check.h"

using namespace sake;

namespace {

constexpr int turns_max = 100'000;  ///< Without an end in so many, there is none.
constexpr int inputs_per_cache = 500;

class Bench {
 public:
  Bench() {
    char directory[] = "/tmp/sake-fuzz-XXXXXX";
    SAKE_FUZZ_CHECK(mkdtemp(directory) != nullptr);
    directory_ = directory;
    SAKE_FUZZ_CHECK(uv_loop_init(&loop_) == 0);
    server_ = std::make_unique<fuzz::AlwaysTrueServer>(&loop_, directory_ + "/s");
  }
  ~Bench() {
    if (cache_ != nullptr) close();
    // The server sees its clients' ends in the turns that follow.
    for (int i = 0; i < 10; ++i) uv_run(&loop_, UV_RUN_NOWAIT);
    server_.reset();
    while (uv_run(&loop_, UV_RUN_NOWAIT) != 0) {
    }
    SAKE_FUZZ_CHECK(uv_loop_close(&loop_) == 0);
    unlink((directory_ + "/s").c_str());
    rmdir(directory_.c_str());
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void feed(std::string_view input) {
    if (cache_ != nullptr && ++inputs_ % inputs_per_cache == 0) close();
    if (cache_ == nullptr) open();

    std::vector<std::string> values;
    std::vector<std::string_view> lines;
    while (!input.empty()) {
      const std::string_view line = input.substr(0, input.find('\n'));
      input.remove_prefix(std::min(line.size() + 1, input.size()));
      if (line.starts_with('<')) {
        values.emplace_back(line.substr(1));
      } else {
        lines.push_back(line);
      }
    }
    server_->set_values(std::move(values));

    Shard& shard = cache_->shard();
    shard.forget();
    const std::uint64_t writes_before = server_->writes();
    admitted_ = ended_ = rejected_ = 0;
    for (const std::string_view line : lines) offer(shard, line);
    flush();
    SAKE_FUZZ_CHECK(ended_ == admitted_);
    if (rejected_ == admitted_) SAKE_FUZZ_CHECK(server_->writes() == writes_before);
  }

 private:
  void open() {
    Options options;
    options.address = server_->address();
    options.resources = Resources::all();
    options.policies = {.harvest_members = HarvestPolicy::on,
                        .scrub_deleted_roles = true,
                        .track_reactions = true,
                        .track_channel_activity = true};
    options.secondary_indices = {.messages_by_channel = true, .messages_by_author = true, .messages_by_guild = true};
    options.event_clock = [](void*) { return std::int64_t{1'700'000'000'000}; };
    bool opened = false;
    auto cache = Cache::open(&loop_, std::move(options), [&opened](const Status& status) {
      SAKE_FUZZ_CHECK(status.ok());
      opened = true;
    });
    SAKE_FUZZ_CHECK(cache.has_value());
    cache_ = std::move(cache).value();
    run_until(opened);
  }

  void close() {
    bool closed = false;
    cache_->close([&closed] { closed = true; });
    run_until(closed);
    cache_.reset();
  }

  void offer(Shard& shard, std::string_view line) {
    Completion completion = [this](const EventResult& result) {
      ++ended_;
      SAKE_FUZZ_CHECK(result.outcome != Outcome::failed);
      SAKE_FUZZ_CHECK((result.error != nullptr) == (result.outcome == Outcome::rejected));
      if (result.outcome == Outcome::rejected) ++rejected_;
    };
    if (!line.starts_with('!')) return admit(shard.dispatch_frame(line, std::move(completion)));
    const std::string_view name = line.substr(1, std::min(line.find(' '), line.size()) - 1);
    const std::string_view data = line.substr(std::min(name.size() + 2, line.size()));
    const Status status = shard.dispatch(name, data, std::nullopt, std::move(completion));
    if (!name.empty()) return admit(status);
    SAKE_FUZZ_CHECK(!status && status.error().code == Errc::invalid_argument);
  }

  void admit(const Status& status) {
    SAKE_FUZZ_CHECK(status.ok());
    ++admitted_;
  }

  void flush() {
    bool flushed = false;
    cache_->flush([&flushed](const Status& status) {
      SAKE_FUZZ_CHECK(status.ok());
      flushed = true;
    });
    run_until(flushed);
  }

  void run_until(const bool& done) {
    int turns = 0;
    while (!done) {
      SAKE_FUZZ_CHECK(++turns < turns_max);
      uv_run(&loop_, UV_RUN_NOWAIT);
    }
  }

  uv_loop_t loop_;
  std::string directory_;
  std::unique_ptr<fuzz::AlwaysTrueServer> server_;
  std::unique_ptr<Cache> cache_;
  int inputs_ = 0;
  std::size_t admitted_ = 0;
  std::size_t ended_ = 0;
  std::size_t rejected_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Bench bench;
  bench.feed({reinterpret_cast<const char*>(data), size});
  return 0;
}
