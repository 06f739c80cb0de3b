#pragma once

// Repair: mends a finding where that is safe.

#include <string>

#include "common/redis_client.h"
#include "finding.h"

namespace sake::inspect {

class Repair {
 public:
  /// Keys that are none of ours stay unless `deletes_foreign`.
  Repair(tools::RedisClient& redis, const Layout& layout, bool deletes_foreign)
      : redis_(redis), layout_(layout), deletes_foreign_(deletes_foreign) {}

  /// Says what was done; empty when nothing was.
  std::string mend(const Finding& finding);

 private:
  std::string run(int database, const tools::RedisCommand& command);
  std::string remove_reference(const Finding& finding);
  std::string add_reference(const Finding& finding);
  std::string give_lifetime(const Finding& finding);
  std::string remove_lone_marker(const std::string& key);

  tools::RedisClient& redis_;
  const Layout& layout_;
  const bool deletes_foreign_;
};

}  // namespace sake::inspect
