#pragma once

// Keys of the library's own in database 9, one per cache: "sake:probe:9a3f...", never references.

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/snowflake.h"
#include "store/keys.h"

namespace sake::cache {

inline std::string own_key(std::string_view kind) {
  std::string key(store::own_prefix);
  key.append(kind).append(":").append(base::Decimal(base::random_number()).view());
  return key;
}

}  // namespace sake::cache
