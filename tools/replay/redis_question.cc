#include "redis_question.h"

#include <cstdlib>
#include <string_view>

#include "common/redis_client.h"

namespace sake::replay {
namespace {

constexpr std::chrono::seconds patience(2);

/// What stands behind `name:` in an answer to INFO.
std::string field(std::string_view info, std::string_view name) {
  const std::size_t at = info.find(name);
  if (at == info.npos) return {};
  info.remove_prefix(at + name.size());
  return std::string(info.substr(0, info.find_first_of("\r\n")));
}

double seconds(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

}  // namespace

std::optional<std::string> RedisQuestion::ask(const std::string& command) const try {
  tools::RedisClient client(address_, password_, patience);
  tools::RedisReply reply = client.ask(tools::RedisCommand{command});
  if (!reply.is_text()) return std::nullopt;
  return std::move(reply.text);
} catch (const tools::RedisFailure&) {
  return std::nullopt;
}

std::optional<RedisQuestion::Cpu> RedisQuestion::cpu() const {
  const auto info = ask("INFO");
  if (!info || info->find("used_cpu_user:") == info->npos) return std::nullopt;
  return Cpu{field(*info, "run_id:"), seconds(field(*info, "used_cpu_sys:")) + seconds(field(*info, "used_cpu_user:"))};
}

}  // namespace sake::replay
