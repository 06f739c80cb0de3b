#include "session.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace sake::replay {
namespace {

double cpu_seconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

Session::Session(uv_loop_t* loop, Incidents& incidents, Progress& progress)
    : loop_(loop), incidents_(incidents), progress_(progress) {
  constexpr std::array numbers{SIGINT, SIGTERM, SIGHUP, SIGCHLD};
  for (std::size_t n = 0; n != numbers.size(); ++n) {
    signals_[n] = tools::make_handle(loop, uv_signal_init, this);
    uv_signal_start(
        signals_[n].get(),
        [](uv_signal_t* handle, int number) {
          auto* self = static_cast<Session*>(handle->data);
          if (number == SIGCHLD) {
            self->on_child_ended();
          } else {
            self->on_signal(number);
          }
        },
        numbers[n]);
  }
}

Session::Result Session::run(Options options, Plan plan, Progress::Goal goal, PrivateServer* server) {
  server_ = server;
  goal_ = goal;
  replay_.emplace(loop_, std::move(plan), incidents_);
  options.event_clock = Replay::event_clock;
  options.event_clock_context = &*replay_;
  options.log = [this](LogLevel level, std::string_view message) {
    const std::string text = cache_log_.choose(level, message, std::chrono::steady_clock::now());
    if (!text.empty()) progress_.say(text);
  };
  auto opened = Cache::open(loop_, std::move(options), [this](Status status) { on_opened(status); });
  if (opened) {
    cache_ = std::move(opened.value());
  } else {
    result_.not_opened = std::move(opened.error());
    replay_->stop();
    for (auto& handle : signals_) handle.reset();
  }
  uv_run(loop_, UV_RUN_DEFAULT);
  return std::move(result_);
}

void Session::on_opened(const Status& status) {
  if (is_closing_) return;
  if (!status) {
    result_.not_opened = status.error();
    close();
    return;
  }
  began_ = uv_hrtime();
  cpu_began_ = cpu_seconds();
  progress_.start(goal_);
  progress_timer_ = tools::make_handle(loop_, uv_timer_init, this);
  const auto interval = static_cast<std::uint64_t>(progress_.interval().count());
  uv_timer_start(
      progress_timer_.get(), [](uv_timer_t* timer) { static_cast<Session*>(timer->data)->show_progress(); }, interval,
      interval);
  replay_->start(*cache_, [this] {
    cache_->flush([this](const Status&) {
      measure();
      finish();
    });
  });
}

void Session::show_progress() {
  progress_.update(
      {.bytes = replay_->bytes_read(), .frames = replay_->frames(), .is_connected = cache_->stats().connections != 0});
}

void Session::on_signal(int number) {
  if (result_.signal) {
    progress_.stop();
    std::fflush(nullptr);
    if (server_ != nullptr) server_->stop();
    _exit(128 + number);
  }
  result_.signal = number;
  progress_.say("stopping once Redis has what it was given; once more to stop at once");
  finish();
}

void Session::on_child_ended() {
  if (server_ == nullptr || !result_.server_lost.empty()) return;
  result_.server_lost = server_->cause_of_death();
  if (!result_.server_lost.empty()) finish();
}

/// The time is over with the last outcome.
void Session::measure() {
  if (!began_) return;
  result_.wall_seconds = static_cast<double>(uv_hrtime() - *began_) / 1e9;
  result_.cpu_seconds = cpu_seconds() - cpu_began_;
  began_.reset();
}

/// Everything has its outcome, or nobody will wait for it: close() below waits a while for what is under way.
void Session::finish() {
  if (is_closing_) return;
  replay_->stop();
  close();
}

void Session::close() {
  is_closing_ = true;
  cache_->close([this] {
    measure();
    replay_->stop();
    result_.frames = replay_->frames();
    result_.bytes_read = replay_->bytes_read();
    result_.text_bytes = replay_->text_bytes();
    result_.has_times = replay_->has_times();
    result_.stats = cache_->stats();
    progress_timer_.reset();
    progress_.stop();
    for (auto& handle : signals_) handle.reset();
  });
}

}  // namespace sake::replay
