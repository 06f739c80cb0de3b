#include "session.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "common/redis_client.h"

namespace sake::inspect {
namespace {

constexpr int exit_signal_base = 128;

}  // namespace

Session::Session(uv_loop_t* loop, Options options) : loop_(loop), options_(std::move(options)) {
  constexpr std::array numbers{SIGINT, SIGTERM, SIGHUP};
  for (std::size_t n = 0; n != numbers.size(); ++n) {
    signals_[n] = tools::make_handle(loop, uv_signal_init, this);
    uv_signal_start(
        signals_[n].get(),
        [](uv_signal_t* handle, int number) { static_cast<Session*>(handle->data)->on_signal(number); }, numbers[n]);
  }
  timer_ = tools::make_handle(loop, uv_timer_init, this);
}

int Session::run(std::function<Detached(Session&)> command) {
  command_ = std::move(command);
  const std::string address = tools::without_password(options_.address);
  auto opened = Cache::open(loop_, std::move(options_), [this, address](Status status) {
    if (is_ending_) return;
    if (status) {
      command_(*this);
    } else {
      unable(explain(status.error(), address));
      end(exit_unable);
    }
  });
  if (opened) {
    cache_ = std::move(opened.value());
  } else {
    exit_code_ = unable(explain(opened.error(), address));
    for (auto& handle : signals_) handle.reset();
    timer_.reset();
  }
  uv_run(loop_, UV_RUN_DEFAULT);
  return exit_code_;
}

void Session::end(int exit_code) {
  if (is_ending_) return;
  is_ending_ = true;
  exit_code_ = exit_code;
  cache_->close([this] {
    for (auto& handle : signals_) handle.reset();
    timer_.reset();
  });
}

void Session::fail(const Error& error) {
  if (is_ending_) return;
  unable(describe(error));
  const bool is_about_data = error.code == Errc::entry_not_found || error.code == Errc::invalid_data_found;
  end(is_about_data ? exit_found : exit_unable);
}

Session::Pause Session::pause(std::chrono::milliseconds time) { return {*this, time}; }

void Session::on_signal(int number) {
  if (is_ending_) _exit(exit_signal_base + number);
  end(exit_signal_base + number);
  if (paused_) std::exchange(paused_, {}).resume();
}

void Session::Pause::await_suspend(std::coroutine_handle<> waiting) {
  session_.paused_ = waiting;
  uv_timer_start(
      session_.timer_.get(),
      [](uv_timer_t* timer) {
        auto* session = static_cast<Session*>(timer->data);
        if (session->paused_) std::exchange(session->paused_, {}).resume();
      },
      static_cast<std::uint64_t>(time_.count()), 0);
}

int unable(const std::string& why) {
  std::fflush(stdout);
  std::fprintf(stderr, "sake-inspect: %s\n", why.c_str());
  return exit_unable;
}

std::string explain(const Error& error, const std::string& address) {
  std::string text = describe(error);
  switch (error.cause) {
    case Cause::connect:
    case Cause::timed_out:
      return text + "\nsake-inspect: is a server running at " + address + "? --address names another one";
    case Cause::tls:
      return text + "\nsake-inspect: --tls-ca-file names whom to trust; see \"TLS\" in sake-inspect --help";
    case Cause::auth:
      return text +
             "\nsake-inspect: the user and the password belong into --address, the password alone into REDISCLI_AUTH";
    default:
      return text;
  }
}

}  // namespace sake::inspect
