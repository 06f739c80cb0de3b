#include "cache/eviction.h"

#include <algorithm>
#include <utility>

#include "base/snowflake.h"
#include "redis/server_error.h"

namespace sake::cache {
namespace {

using redis::Section;

constexpr std::uint32_t memory_tag = 1;
constexpr std::uint32_t statistics_tag = 2;

/// The value of a line "name:value" of INFO; empty when there is none.
std::string_view value_of(std::string_view info, std::string_view name) noexcept {
  while (!info.empty()) {
    const std::string_view line = info.substr(0, info.find("\r\n"));
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ':')
      return line.substr(name.size() + 1);
    info.remove_prefix(std::min(info.size(), line.size() + 2));
  }
  return {};
}

}  // namespace

void Eviction::check() {
  if (outstanding_ != 0 || refused_) return;
  for (const auto& [tag, section] : {std::pair{memory_tag, "memory"}, std::pair{statistics_tag, "stats"}}) {
    ++outstanding_;
    ++commands_;
    references_.begin(Section::records).begin(2).arg("INFO").arg(section);
    references_.end(Section::records, this, tag);
  }
}

void Eviction::on_reply(std::uint32_t tag, const resp::Reply& reply) noexcept {
  --outstanding_;
  if (tag == memory_tag) return on_memory(reply.text);
  on_statistics(reply.text);
}

void Eviction::on_failed(std::uint32_t, const Error& error) noexcept {
  --outstanding_;
  if (error.code == Errc::closed_client || error.cause != Cause::server || redis::is_passing(error.text)) return;
  if (!refused_ && log_) log_(LogLevel::debug, "whether Redis evicts keys is not known: " + describe(error));
  refused_ = true;
}

void Eviction::on_memory(std::string_view info) {
  const std::string_view policy = value_of(info, "maxmemory_policy");
  const std::string_view limit = value_of(info, "maxmemory");
  // Nearly all of our keys have a lifetime, so every policy but this one may take them.
  const bool evicts = !policy.empty() && policy != "noeviction" && limit != "0";
  if (!evicts) return policy_told_.clear();
  if (policy_told_ == policy) return;
  policy_told_ = policy;
  if (log_) {
    log_(LogLevel::warning,
         "maxmemory-policy of Redis is " + policy_told_ +
             ": at its limit of memory it removes entries of the cache without a word; set noeviction");
  }
}

void Eviction::on_statistics(std::string_view info) {
  const auto count = base::parse_snowflake(value_of(info, "evicted_keys"));
  if (!count) return;
  // A server that has started anew counts from 0.
  const std::uint64_t more = counting_ && *count >= counted_ ? *count - counted_ : 0;
  counting_ = true;
  counted_ = *count;
  evicted_ += more;
  if (more != 0 && log_) {
    log_(LogLevel::warning,
         "Redis has evicted " + std::to_string(more) + " keys: entries are missing that nobody has removed");
  }
}

}  // namespace sake::cache
