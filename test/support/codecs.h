#pragma once

// Codecs for tests, and what Redis holds with the values decoded.

#include <algorithm>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

#include "sake/codec.h"

#include "support/cache_fixture.h"
#include "support/content.h"

namespace sake::test {

/// Turns every bit of the text, and refuses what begins with anything but a mark of its own.
inline Codec turning_codec() {
  constexpr auto turned = [](std::string_view text) {
    std::string bytes;
    for (char c : text) bytes.push_back(static_cast<char>(~c));
    return bytes;
  };
  return {.encode = [=](std::string_view json, std::string& bytes) { bytes.append("~").append(turned(json)); },
          .decode = [=](std::string_view bytes) -> Result<std::string> {
            if (bytes.starts_with('~')) return turned(bytes.substr(1));
            return Error{.code = Errc::invalid_data_found, .text = "no mark"};
          }};
}

inline Codec zlib_codec() {
  return {.encode =
              [](std::string_view json, std::string& bytes) {
                uLongf size = compressBound(json.size());
                bytes.resize(size);
                compress(reinterpret_cast<Bytef*>(bytes.data()), &size, reinterpret_cast<const Bytef*>(json.data()),
                         json.size());
                bytes.resize(size);
              },
          .decode = [](std::string_view bytes) -> Result<std::string> {
            std::string json(1u << 20, '\0');
            uLongf size = json.size();
            if (uncompress(reinterpret_cast<Bytef*>(json.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                           bytes.size()) != Z_OK)
              return Error{.code = Errc::invalid_data_found, .text = "not compressed"};
            json.resize(size);
            return json;
          }};
}

/// One stored value as JSON; fails the test where it is not encoded.
inline nlohmann::json decoded(Codec& codec, const nlohmann::json& stored) {
  REQUIRE_MESSAGE(stored.is_string(), "a value is stored as the JSON it is: " << stored.dump());
  const auto json = codec.decode(stored.get_ref<const std::string&>());
  REQUIRE_MESSAGE(json, describe(json.error()));
  return nlohmann::json::parse(*json);
}

/// What content() gives, with the entries of sorted sets in the order of their names: scores are times of day.
inline nlohmann::json unordered_content(CacheFixture& fixture) {
  nlohmann::json found = content(fixture);
  if (!found.contains("9")) return found;
  for (auto& [key, members] : found["9"].items()) std::sort(members.begin(), members.end());
  return found;
}

/// The same with every value of databases other than 9 decoded.
inline nlohmann::json decoded_content(CacheFixture& fixture, Codec& codec) {
  nlohmann::json found = unordered_content(fixture);
  const nlohmann::json state = fixture.state();
  for (auto& [database, keys] : found.items()) {
    if (database == "9") continue;
    for (auto& [key, value] : keys.items()) {
      if (state[database][key]["type"] != "hash") {
        value = decoded(codec, value);
        continue;
      }
      for (auto& [field, entry] : value.items()) entry = decoded(codec, entry);
    }
  }
  return found;
}

}  // namespace sake::test
