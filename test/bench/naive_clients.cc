#include "naive_clients.h"

#include <array>
#include <stdexcept>

#include <hiredis/hiredis.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <uv.h>

#if __has_include(<hiredis/async.h>) && __has_include(<hiredis/adapters/libuv.h>)
#define SAKE_BENCH_ASYNC
#include <hiredis/async.h>
// Old C, and not for our warnings to judge.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <hiredis/adapters/libuv.h>
#pragma GCC diagnostic pop
#endif

namespace sake::bench {
namespace {

constexpr int databases = 16;

std::string select(int database) {
  const std::string number = std::to_string(database);
  return "*2\r\n$6\r\nSELECT\r\n$" + std::to_string(number.size()) + "\r\n" + number + "\r\n";
}

[[noreturn]] void lost() { throw std::runtime_error("a client has lost its server"); }

}  // namespace

struct WaitingClient::Impl {
  std::array<redisContext*, databases> contexts{};

  void ask(int database, const std::string& bytes) {
    redisContext* context = contexts[static_cast<std::size_t>(database)];
    void* reply = nullptr;
    if (redisAppendFormattedCommand(context, bytes.data(), bytes.size()) != REDIS_OK ||
        redisGetReply(context, &reply) != REDIS_OK)
      lost();
    freeReplyObject(reply);
  }
};

WaitingClient::WaitingClient(const std::string& socket_path) : impl_(new Impl) {
  for (int database = 0; database < databases; ++database) {
    redisContext* context = redisConnectUnix(socket_path.c_str());
    if (context == nullptr || context->err != 0) lost();
    impl_->contexts[static_cast<std::size_t>(database)] = context;
    impl_->ask(database, select(database));
  }
}

WaitingClient::~WaitingClient() {
  for (redisContext* context : impl_->contexts) redisFree(context);
  delete impl_;
}

void WaitingClient::send(std::span<const std::string> frames, std::span<const SingleCommand> commands) {
  rapidjson::StringBuffer text;
  std::size_t sent = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    rapidjson::Document event;
    event.Parse(frames[i].data(), frames[i].size());
    text.Clear();
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    event.Accept(writer);
    for (const std::size_t end = (i + 1) * commands.size() / frames.size(); sent < end; ++sent)
      impl_->ask(commands[sent].database, commands[sent].bytes);
  }
}

#ifdef SAKE_BENCH_ASYNC

const bool AsyncClient::is_available = true;

struct AsyncClient::Impl {
  uv_loop_t loop;
  std::array<redisAsyncContext*, databases> contexts{};
  std::size_t unanswered = 0;

  void send(int database, const std::string& bytes) {
    redisCallbackFn* on_reply = [](redisAsyncContext*, void* reply, void* self) {
      if (reply != nullptr) --static_cast<Impl*>(self)->unanswered;
    };
    redisAsyncContext* context = contexts[static_cast<std::size_t>(database)];
    if (redisAsyncFormattedCommand(context, on_reply, this, bytes.data(), bytes.size()) != REDIS_OK) lost();
    ++unanswered;
  }
  void wait_until(std::size_t most) {
    while (unanswered > most) uv_run(&loop, UV_RUN_ONCE);
  }
};

AsyncClient::AsyncClient(const std::string& socket_path) : impl_(new Impl) {
  uv_loop_init(&impl_->loop);
  for (int database = 0; database < databases; ++database) {
    redisAsyncContext* context = redisAsyncConnectUnix(socket_path.c_str());
    if (context == nullptr || context->err != 0) lost();
    redisLibuvAttach(context, &impl_->loop);
    impl_->contexts[static_cast<std::size_t>(database)] = context;
    impl_->send(database, select(database));
  }
  impl_->wait_until(0);
}

AsyncClient::~AsyncClient() {
  for (redisAsyncContext* context : impl_->contexts) redisAsyncFree(context);
  uv_run(&impl_->loop, UV_RUN_DEFAULT);
  uv_loop_close(&impl_->loop);
  delete impl_;
}

void AsyncClient::send(std::span<const SingleCommand> commands, std::size_t unanswered_max) {
  for (const SingleCommand& command : commands) {
    impl_->wait_until(unanswered_max - 1);
    impl_->send(command.database, command.bytes);
  }
  impl_->wait_until(0);
}

#else

const bool AsyncClient::is_available = false;

AsyncClient::AsyncClient(const std::string&) : impl_(nullptr) { lost(); }
AsyncClient::~AsyncClient() = default;
void AsyncClient::send(std::span<const SingleCommand>, std::size_t) {}

#endif

}  // namespace sake::bench
