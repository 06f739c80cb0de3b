#include "cache/marker.h"

#include <utility>

#include "base/snowflake.h"
#include "cache/own_key.h"
#include "redis/server_error.h"

namespace sake::cache {
namespace {

using redis::Section;

constexpr std::uint32_t tag = 1;

/// A process that stands still for longer takes the server for emptied.
constexpr std::int64_t life_ms = 24 * 60 * 60 * 1000;

}  // namespace

Marker::Marker(redis::Pipeline& references, LogSink& log, Callback<void()> on_reset)
    : references_(references), log_(log), on_reset_(std::move(on_reset)), key_(own_key("marker")) {}

void Marker::tick(std::uint64_t activity) {
  if (activity == activity_ || outstanding_) return;
  activity_ = activity;
  check();
}

void Marker::check() {
  if (outstanding_ || stopped_) return;
  outstanding_ = true;
  ++commands_;
  references_.begin(Section::records).begin(6).arg("SET").arg(key_).arg(++value_).arg("PX").arg(life_ms).arg("GET");
  references_.end(Section::records, this, tag);
}

void Marker::stop() {
  // Without a link it goes by itself: close() need not wait for that.
  if (std::exchange(stopped_, true) || value_ == 0 || !references_.is_ready()) return;
  ++commands_;
  references_.begin(Section::records).begin(2).arg("DEL").arg(key_);
  references_.end(Section::records, nullptr);
}

void Marker::on_reply(std::uint32_t, const resp::Reply& reply) noexcept {
  outstanding_ = false;
  // A write that is sent again after a loss finds its own value, unless that was lost too.
  const std::uint64_t before = base::parse_snowflake(reply.text).value_or(0);
  const bool missing = before < acknowledged_;
  acknowledged_ = value_;
  if (missing) on_reset_();
}

void Marker::on_failed(std::uint32_t, const Error& error) noexcept {
  outstanding_ = false;
  if (error.code == Errc::closed_client || stopped_) return;
  // What passes will have passed at the next tick. Anything else will not: a right that is missing, a server too old.
  if (error.cause == Cause::server && !redis::is_passing(error.text)) {
    stopped_ = true;
    if (log_) log_(LogLevel::warning, "a loss of data in Redis cannot be noticed: " + describe(error));
  }
}

}  // namespace sake::cache
