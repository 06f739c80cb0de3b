// A host whose Discord library has parsed the gateway's frames already and hands out the JSON of each event.
#include <sake/sake.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

// What such a library offers, in one way or another: a hook that its own threads call.
struct DiscordLibrary {
  struct RawEvent {
    std::uint32_t shard_id;
    std::string name;        // "t"
    std::uint64_t sequence;  // "s"
    std::string data;        // "d", as it came. From a library that gives the whole frame, use dispatch_frame().
  };
  std::function<void(RawEvent)> on_raw_event;

  void run() {
    std::thread([this] {
      on_raw_event({0, "GUILD_ROLE_CREATE", 1, R"({"guild_id":"42","role":{"id":"43","name":"crew"}})"});
      on_raw_event({0, "GUILD_ROLE_CREATE", 2, R"({"guild_id":"42","role":{"id":"44","name":"guest"}})"});
    }).join();
  }
};

int main(int argc, char** argv) {
  auto made = sake::Bridge::open({.address = argc > 1 ? argv[1] : "redis://127.0.0.1:6379"});
  if (!made) return std::fprintf(stderr, "%s\n", sake::describe(made.error()).c_str()), 2;
  sake::Bridge& bridge = **made;

  DiscordLibrary discord;
  discord.on_raw_event = [&bridge](DiscordLibrary::RawEvent event) {
    sake::Status taken = bridge.dispatch(event.shard_id, 1, std::move(event.name), std::move(event.data),
                                         event.sequence, [](const sake::EventResult& result) {
                                           if (result.error)
                                             std::fprintf(stderr, "%s\n", sake::describe(*result.error).c_str());
                                         });
    // A hook must return, and the library will not offer the event again. Its guild is dirty from now on, and whole
    // again after the next GUILD_CREATE. A library that can stop reading should wait for capacity() instead.
    if (!taken) bridge.skip(event.shard_id, 1);
  };
  discord.run();

  sake::Status flushed = bridge.flush().get();
  bridge.close().wait();
  return flushed ? 0 : 1;
}
