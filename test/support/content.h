#pragma once

// What Redis holds, as one JSON value to compare with another.

#include <string>

#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"

namespace sake::test {

/// What Redis holds, as {"<database>": {"<key>": value}}. The scores of sorted sets are left out.
inline nlohmann::json content(CacheFixture& fixture) {
  nlohmann::json found = nlohmann::json::object();
  const nlohmann::json state = fixture.state();
  for (const auto& [database, keys] : state.items()) {
    for (const auto& [key, entry] : keys.items()) {
      nlohmann::json& value = found[database][key] = entry.at("value");
      if (entry.at("type") == "zset")
        for (nlohmann::json& scored : value) scored = nlohmann::json(scored.at(0));
    }
  }
  return found;
}

/// Empty when Redis holds just this; else the differences.
inline std::string differs(CacheFixture& fixture, const nlohmann::json& expected) {
  return diff(content(fixture), expected);
}

}  // namespace sake::test
