#include "repair.h"

#include <algorithm>
#include <cstdlib>

#include "collection.h"

namespace sake::inspect {
namespace {

using tools::RedisCommand;
using tools::RedisReply;

std::string text_of(const RedisCommand& command) {
  std::string text;
  for (const std::string& word : command) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

}  // namespace

std::string Repair::mend(const Finding& finding) {
  switch (finding.kind) {
    case Kind::wrong_type:
      return run(finding.database, {"UNLINK", finding.key});
    case Kind::unreadable_value:
    case Kind::wrong_record:
    case Kind::foreign_field:
      if (finding.member.empty() && !is_hash(*finding.resource)) return run(finding.database, {"UNLINK", finding.key});
      return run(finding.database, {"HDEL", finding.key, finding.member});
    case Kind::missing_lifetime:
      return give_lifetime(finding);
    case Kind::dangling_reference:
      return remove_reference(finding);
    case Kind::missing_reference:
      return add_reference(finding);
    case Kind::missing_marker:
      // Where nothing tells the guild, its voice states write the set anew.
      if (finding.guild_id == 0) return run(finding.database, {"UNLINK", finding.key});
      return add_reference(finding);
    case Kind::lone_marker:
      return remove_lone_marker(finding.key);
    case Kind::foreign_key:
      return deletes_foreign_ ? run(finding.database, {"UNLINK", finding.key}) : std::string();
  }
  return {};
}

/// Gives back what was sent; throws when Redis refuses.
std::string Repair::run(int database, const RedisCommand& command) {
  const RedisReply reply = redis_.ask(database, command);
  if (reply.is_error()) throw tools::RedisFailure("a repair was refused: " + reply.text);
  return text_of(command);
}

std::string Repair::give_lifetime(const Finding& finding) {
  if (finding.database != reference_index) {
    const auto lifetime = layout_.lifetime_of(*finding.resource);
    return run(finding.database, {"PEXPIRE", finding.key, std::to_string(lifetime.value_or(0))});
  }
  const auto reference = parse_reference(finding.key);
  if (!reference->is_sorted())
    return run(reference_index, {"PEXPIRE", finding.key, std::to_string(layout_.lifetime_of_references().value_or(0))});
  const RedisReply last = redis_.ask(reference_index, RedisCommand{"ZREVRANGE", finding.key, "0", "0", "WITHSCORES"});
  if (last.elements.size() != 2 || last.elements[1].text == "inf") return {};
  const auto end = static_cast<long long>(std::strtod(last.elements[1].text.c_str(), nullptr));
  return run(reference_index, {"PEXPIREAT", finding.key, std::to_string(end)});
}

std::string Repair::remove_reference(const Finding& finding) {
  const auto reference = parse_reference(finding.key);
  std::string done = run(reference_index, {reference->is_sorted() ? "ZREM" : "SREM", finding.key, finding.member});
  if (!reference->is_voice()) return done;
  const std::string more = remove_lone_marker(finding.key);
  return more.empty() ? done : done + "; " + more;
}

/// The set of a voice channel goes with the last of its users.
std::string Repair::remove_lone_marker(const std::string& key) {
  if (redis_.ask(reference_index, RedisCommand{"SCARD", key}).integer != 1) return {};
  const RedisReply rest = redis_.ask(reference_index, RedisCommand{"SRANDMEMBER", key});
  return rest.text.starts_with("KEY.") ? run(reference_index, {"UNLINK", key}) : std::string();
}

std::string Repair::add_reference(const Finding& finding) {
  const auto reference = parse_reference(finding.key);
  if (!reference->is_sorted()) {
    RedisCommand command{"SADD", finding.key};
    if (!finding.member.empty()) command.push_back(finding.member);
    if (reference->is_voice()) command.push_back("KEY." + std::to_string(finding.guild_id));
    std::string done = run(reference_index, command);
    const auto lifetime = layout_.lifetime_of_references();
    if (!lifetime || redis_.ask(reference_index, RedisCommand{"PTTL", finding.key}).integer != -1) return done;
    return done + "; " + run(reference_index, {"PEXPIRE", finding.key, std::to_string(*lifetime)});
  }
  const std::int64_t left =
      redis_.ask(layout_.database_of(reference->listed), RedisCommand{"PTTL", finding.subject}).integer;
  if (left == -2) return {};  // It has expired meanwhile.
  const RedisReply time = redis_.ask(RedisCommand{"TIME"});
  if (time.elements.size() != 2) throw tools::RedisFailure("TIME: " + time.text);
  const std::int64_t end = std::strtoll(time.elements[0].text.c_str(), nullptr, 10) * 1000 +
                           std::strtoll(time.elements[1].text.c_str(), nullptr, 10) / 1000 + left;
  const bool is_new = redis_.ask(reference_index, RedisCommand{"EXISTS", finding.key}).integer == 0;
  std::string done =
      run(reference_index, {"ZADD", finding.key, left < 0 ? std::string("inf") : std::to_string(end), finding.member});
  // An index lives as long as its longest entry.
  const std::int64_t index_left = redis_.ask(reference_index, RedisCommand{"PTTL", finding.key}).integer;
  if (left < 0 && index_left >= 0) return done + "; " + run(reference_index, {"PERSIST", finding.key});
  if (left >= 0 && (is_new || (index_left >= 0 && index_left < left)))
    return done + "; " + run(reference_index, {"PEXPIREAT", finding.key, std::to_string(end)});
  return done;
}

}  // namespace sake::inspect
