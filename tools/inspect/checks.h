#pragma once

// Checks: looks at what it is told to look at, and lists what is wrong there. It changes nothing. Whoever walks over a
// database calls it for a window, and once more for what was found: a bot that writes meanwhile is between two commands
// only for a moment.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/redis_client.h"
#include "finding.h"
#include "record.h"

namespace sake::inspect {

class Checks {
 public:
  Checks(tools::RedisClient& redis, const Layout& layout) : redis_(redis), layout_(layout) {}

  /// Keys of a resource's database, and the records under them unless that is one of hashes.
  std::vector<Finding> keys(Resource resource, const std::vector<std::string>& keys);
  /// Fields of the hash of a guild.
  std::vector<Finding> fields(Resource resource, const std::string& guild, const std::vector<std::string>& fields);
  /// Keys of database 9.
  std::vector<Finding> reference_keys(const std::vector<std::string>& keys);
  /// Members of a set or index. `guild_id`: whose voice states they are.
  std::vector<Finding> members(const Reference& reference, const std::vector<std::string>& members,
                               std::uint64_t guild_id = 0);
  /// The markers of a voice channel.
  std::vector<Finding> markers(const Reference& reference);
  /// The guild of a voice channel, by its record or else its marker; 0 when neither tells.
  std::uint64_t guild_of_voice(const Reference& reference);

 private:
  struct Entry {
    Resource resource;
    std::string key;    ///< Of a string, or the guild's of a hash.
    std::string field;  ///< Of a hash.
    std::string value;
  };
  void check_record(const Entry& entry, std::vector<Finding>& findings, std::vector<Finding>& expected);
  void expect_references(const Entry& entry, const Record& record, std::vector<Finding>& expected);
  void look_for(std::vector<Finding> expected, std::vector<Finding>& findings);
  void keep_members(std::vector<Finding>& findings);
  std::vector<std::uint64_t> marked_guilds(const Reference& reference);
  std::uint64_t guild_of_channel(std::uint64_t channel_id);
  std::int64_t now_ms();

  tools::RedisClient& redis_;
  const Layout& layout_;
};

}  // namespace sake::inspect
