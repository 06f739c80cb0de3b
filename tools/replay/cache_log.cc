#include "cache_log.h"

namespace sake::replay {
namespace {

constexpr std::chrono::seconds window(10);
constexpr std::size_t texts_max = 10;

/// "GUILD_CREATE rejected: ...": that one is among the incidents.
bool is_of_an_event(std::string_view message) {
  const std::size_t space = message.find(' ');
  if (space == message.npos) return false;
  message.remove_prefix(space + 1);
  return message.starts_with("rejected: ") || message.starts_with("failed: ");
}

/// Without "database 7: ", in which the messages of a lost server differ.
std::string_view without_database(std::string_view message) {
  constexpr std::string_view word = "database ";
  if (!message.starts_with(word)) return message;
  const std::size_t end = message.find_first_not_of("0123456789", word.size());
  return end != message.npos && message.substr(end).starts_with(": ") ? message.substr(end + 2) : message;
}

}  // namespace

std::string CacheLog::choose(LogLevel level, std::string_view message, std::chrono::steady_clock::time_point now) {
  if (level < LogLevel::warning || is_of_an_event(message)) return {};
  if (now - shown_since_ > window) {
    shown_.clear();
    shown_since_ = now;
  }
  const std::string_view text = without_database(message);
  if (shown_.size() > texts_max || shown_.contains(text)) return {};
  shown_.emplace(text);
  return shown_.size() > texts_max ? "there are more messages of the cache, not shown" : std::string(text);
}

}  // namespace sake::replay
