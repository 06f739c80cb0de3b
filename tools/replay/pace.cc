#include "pace.h"

#include <algorithm>

namespace sake::replay {
namespace {

using std::chrono::nanoseconds;

/// A timer is this late at most on a machine that is not overloaded.
constexpr nanoseconds lateness_max = std::chrono::milliseconds(50);

constexpr double wait_max_nanoseconds = 1e18;  // 31 years: what is longer does not fit.

}  // namespace

nanoseconds Pace::wait(nanoseconds now, std::optional<std::int64_t> frame_time_ms) noexcept {
  if (settings_.rate) {
    due_ = std::max(due_.value_or(now), now - lateness_max);
    return *due_ - now;
  }
  if (!settings_.speed || !frame_time_ms) return nanoseconds(0);
  if (!first_time_ms_) {
    first_time_ms_ = frame_time_ms;
    log_began_ = now;
  }
  const double offset = static_cast<double>(*frame_time_ms - *first_time_ms_) * 1e6 / *settings_.speed;
  return log_began_ - now + nanoseconds(static_cast<std::int64_t>(std::min(offset, wait_max_nanoseconds)));
}

void Pace::fed() noexcept {
  if (due_) *due_ += nanoseconds(static_cast<std::int64_t>(std::min(1e9 / *settings_.rate, wait_max_nanoseconds)));
}

}  // namespace sake::replay
