// A program that starts, reads from the gateway and stops: the cache of its roles comes and goes with it.
#include <sake/sake.h>

#include <cstdio>
#include <memory>
#include <string>

#include <uv.h>

using Roles = sake::CacheOf<sake::GuildCache, sake::RoleCache, sake::MeCache>;

// Who can ask Discord. A real one calls back when its HTTP client has an answer.
struct Rest final : sake::App {
  void fetch_my_user(sake::Callback<void(sake::Result<std::string>)> then) override {
    then(std::string(R"({"id":"7","username":"seven"})"));
  }
};

struct Program {
  sake::EventSource events;
  std::unique_ptr<sake::ResourceClient> client;
  int failures = 0;

  // The gateway client calls this with every text frame of shard 0 of 1.
  void on_frame(const std::string& frame) {
    // Where it is over_capacity: keep this frame, stop reading, and offer it again when events.on_capacity() calls.
    if (sake::Status taken = events.dispatch({.frame = frame}); !taken) fail(taken.error());
  }

  void run() {
    on_frame(R"({"op":0,"s":1,"t":"GUILD_ROLE_CREATE","d":{"guild_id":"42","role":{"id":"43","name":"crew"}}})");
    client->cache()->flush([this](const sake::Status&) { read(); });
  }

  sake::Detached read() {
    auto roles = Roles::over(*client->cache());  // roles->get_emoji(1) would not compile.
    auto role = co_await roles->get_role(43);
    if (!role) fail(role.error());
    auto me = co_await roles->get_me();  // READY was not seen and Redis was empty: Rest is asked.
    if (!me) fail(me.error());
    events.stopping();
  }

  void fail(const sake::Error& error) {
    ++failures;
    std::fprintf(stderr, "%s\n", sake::describe(error).c_str());
  }
};

int main(int argc, char** argv) {
  uv_loop_t* loop = uv_default_loop();
  Program program;
  auto made = sake::ResourceClient::create(loop,
                                           {.address = argc > 1 ? argv[1] : "redis://127.0.0.1:6379",
                                            .resources = Roles::resources(),
                                            .app = std::make_shared<Rest>()},
                                           {.event_manager = &program.events, .event_managed = true});
  if (!made) return std::fprintf(stderr, "%s\n", sake::describe(made.error()).c_str()), 2;
  program.client = std::move(made).value();

  program.events.starting([&program](sake::Status started) {
    if (started) return program.run();
    program.fail(started.error());
  });
  uv_run(loop, UV_RUN_DEFAULT);
  program.client.reset();
  return uv_loop_close(loop) == 0 && program.failures == 0 ? 0 : 1;
}
