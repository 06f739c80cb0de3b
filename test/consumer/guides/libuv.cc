// A host that runs a libuv loop: one cache, on that loop.
#include <sake/sake.h>

#include <cstdio>
#include <memory>
#include <string>

#include <uv.h>

struct Host {
  std::unique_ptr<sake::Cache> cache;
  int failures = 0;

  // The gateway client calls this with every text frame of shard 0 of 1.
  void on_frame(std::string frame) {
    sake::Status taken = cache->shard(0, 1).dispatch_frame(frame, [this](const sake::EventResult& result) {
      if (result.outcome == sake::Outcome::failed) ++failures;  // Its guild is in cache->dirty_guilds() now.
    });
    // Not this frame, and no later one before it: stop reading from the gateway, keep the frame, and offer it again
    // when Cache::on_capacity() calls.
    if (!taken) std::fprintf(stderr, "%s\n", sake::describe(taken.error()).c_str());
  }
};

int main(int argc, char** argv) {
  uv_loop_t* loop = uv_default_loop();
  Host host;
  auto opened =
      sake::Cache::open(loop, {.address = argc > 1 ? argv[1] : "redis://127.0.0.1:6379"}, [&host](sake::Status status) {
        if (status) return;
        std::fprintf(stderr, "%s\n", sake::describe(status.error()).c_str());
        ++host.failures;
        host.cache->close();
      });
  if (!opened) return std::fprintf(stderr, "%s\n", sake::describe(opened.error()).c_str()), 2;
  host.cache = std::move(opened).value();

  // Frames may come before the connections are there.
  host.on_frame(R"({"op":0,"s":1,"t":"GUILD_ROLE_CREATE","d":{"guild_id":"42","role":{"id":"43","name":"crew"}}})");

  // At the end: everything dispatched so far has its outcome, then the loop has nothing left of the cache.
  host.cache->flush([&host](sake::Status) { host.cache->close(); });
  uv_run(loop, UV_RUN_DEFAULT);
  host.cache.reset();
  return uv_loop_close(loop) == 0 && host.failures == 0 ? 0 : 1;
}
