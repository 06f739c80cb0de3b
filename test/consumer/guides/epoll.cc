// A host with a loop of its own over epoll: libuv's loop is one file descriptor of it.
#include <sake/sake.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include <uv.h>

int main(int argc, char** argv) {
  uv_loop_t loop;
  if (uv_loop_init(&loop) != 0) return 2;
  bool done = false;
  std::unique_ptr<sake::Cache> cache;
  auto opened = sake::Cache::open(&loop, {.address = argc > 1 ? argv[1] : "redis://127.0.0.1:6379"});
  if (!opened) return std::fprintf(stderr, "%s\n", sake::describe(opened.error()).c_str()), 2;
  cache = std::move(opened).value();

  int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event watched{.events = EPOLLIN, .data = {.fd = uv_backend_fd(&loop)}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, uv_backend_fd(&loop), &watched);
  // ... and the host's own sockets.

  int applied = 0;
  sake::Status taken = cache->shard().dispatch_frame(
      R"({"op":0,"s":1,"t":"GUILD_ROLE_CREATE","d":{"guild_id":"42","role":{"id":"43","name":"crew"}}})",
      [&](const sake::EventResult& result) {
        applied += result.outcome == sake::Outcome::applied;
        cache->close([&] { done = true; });
      });
  if (!taken) return 1;

  while (!done) {
    // Always before waiting: what the host has dispatched since the last time is sent here, and timers run.
    uv_run(&loop, UV_RUN_NOWAIT);
    // Always after that: each run may have set a timer. 0: run it again at once. -1: no timer, only the descriptor.
    int timeout = uv_backend_timeout(&loop);

    epoll_event events[16];
    int count = epoll_wait(epoll, events, 16, timeout);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == uv_backend_fd(&loop)) continue;  // The next uv_run reads it.
      // The host's own socket is ready: read it, dispatch frames.
    }
  }

  cache.reset();
  close(epoll);
  return uv_loop_close(&loop) == 0 && applied == 1 ? 0 : 1;
}
