#include "progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "common/format.h"

namespace sake::replay {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds redraw_interval(100);
constexpr milliseconds line_interval(3000);

bool can_draw() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDERR_FILENO) != 0 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

std::size_t terminal_width() {
  winsize size = {};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : 80;
}

double share(std::uint64_t done, std::optional<std::uint64_t> goal) {
  if (!goal) return 0;
  return *goal == 0 ? 1 : std::min(1.0, static_cast<double>(done) / static_cast<double>(*goal));
}

std::string bar(double done, std::size_t width) {
  const auto filled = static_cast<std::size_t>(done * static_cast<double>(width));
  std::string text = "[" + std::string(filled, '=') + std::string(width - filled, ' ') + "] ";
  if (filled < width) text[1 + filled] = '>';
  return text;
}

}  // namespace

Progress::Progress(bool is_quiet) : is_quiet_(is_quiet), is_terminal_(can_draw()) {}

milliseconds Progress::interval() const { return is_terminal_ ? redraw_interval : line_interval; }

void Progress::start(Goal goal) {
  goal_ = goal;
  began_ = updated_ = steady_clock::now();
}

void Progress::update(const Position& position) {
  if (is_quiet_) return;
  const auto now = steady_clock::now();
  const double passed = std::chrono::duration<double>(now - updated_).count();
  const double frames_per_second = static_cast<double>(position.frames - updated_frames_) / std::max(passed, 1e-3);
  // The rate of about the last second, so that it can be read.
  const double weight = 1 - std::exp(-passed);
  frames_per_second_ =
      updated_ == began_ ? frames_per_second : weight * frames_per_second + (1 - weight) * frames_per_second_;
  updated_ = now;
  updated_frames_ = position.frames;

  const double done = std::max(share(position.bytes, goal_.bytes), share(position.frames, goal_.frames));
  std::string text = tools::format_bytes(position.bytes);
  if (goal_.bytes) text += " of " + tools::format_bytes(*goal_.bytes);
  text += "  " + tools::format_count(position.frames) + " events";
  text += "  " + tools::format_count(static_cast<std::uint64_t>(frames_per_second_)) + "/s";
  if (done > 0 && done < 1) {
    const double elapsed = std::chrono::duration<double>(now - began_).count();
    text += "  " + tools::format_clock(elapsed / done * (1 - done)) + " left";
  }
  if (!position.is_connected) text += "  (no connection to Redis: trying again)";

  if (!is_terminal_) {
    std::fprintf(stderr, "sake-replay: %s\n", text.c_str());
    return;
  }
  const std::size_t width = terminal_width();
  const bool has_goal = goal_.bytes || goal_.frames;
  if (has_goal && width > text.size() + 15)
    text.insert(0, bar(done, std::min<std::size_t>(width - text.size() - 5, 40)));
  text.resize(std::min(text.size(), width - 1));
  std::fprintf(stderr, "\r\x1b[K%s", text.c_str());
  is_drawn_ = true;
}

void Progress::stop() { clear(); }

void Progress::say(std::string_view text) {
  clear();
  std::fprintf(stderr, "sake-replay: %.*s\n", static_cast<int>(text.size()), text.data());
}

void Progress::clear() {
  if (is_drawn_) std::fputs("\r\x1b[K", stderr);
  is_drawn_ = false;
}

}  // namespace sake::replay
