// A host with threads and without libuv: the cache has a thread of its own.
#include <sake/sake.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Dispatches a frame and waits while Redis is behind. False: the bridge is closed.
bool feed(sake::Bridge& bridge, std::uint32_t shard, std::uint32_t shards, std::string frame) {
  for (;;) {
    sake::Status taken = bridge.dispatch_frame(shard, shards, std::move(frame));
    if (taken) return true;
    if (taken.error().code != sake::Errc::over_capacity) return false;
    bridge.capacity().wait();  // The frame is still here; offer it again.
  }
}

int main(int argc, char** argv) {
  // Callbacks would run on the bridge's thread. With Asio, have them on a context:
  //   {.executor = [&](auto task) { asio::post(context, std::move(task)); }}
  auto made = sake::Bridge::open({.address = argc > 1 ? argv[1] : "redis://127.0.0.1:6379"});
  if (!made) return std::fprintf(stderr, "%s\n", sake::describe(made.error()).c_str()), 2;
  sake::Bridge& bridge = **made;
  sake::Status opened = bridge.opened().get();
  if (!opened) return std::fprintf(stderr, "%s\n", sake::describe(opened.error()).c_str()), 1;

  // One thread per shard: what one thread dispatches for a shard is applied in that order.
  constexpr std::uint32_t shards = 4;
  std::vector<std::thread> threads;
  for (std::uint32_t shard = 0; shard < shards; ++shard)
    threads.emplace_back([&bridge, shard] {
      const std::string id = std::to_string(42 + shard);
      for (int s = 1; s <= 100; ++s)
        feed(bridge, shard, shards,
             R"({"op":0,"s":)" + std::to_string(s) + R"(,"t":"GUILD_ROLE_UPDATE","d":{"guild_id":")" + id +
                 R"(","role":{"id":")" + id + R"(","name":"crew"}}})");
    });
  for (std::thread& thread : threads) thread.join();

  // Everything else that a Cache can do is a question.
  sake::Status flushed = bridge.flush().get();
  sake::Result<sake::Role> role = bridge.ask([](sake::Cache& cache) { return cache.get_role(42); }).get();
  bridge.close().wait();
  return flushed && role ? 0 : 1;
}
