#pragma once

// Record: the JSON text of an entity, to look into.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>

namespace sake::inspect {

class Record {
 public:
  /// Empty when the text is no JSON object in UTF-8.
  static std::optional<Record> parse(std::string_view text);

  /// The id at a path such as "id" or "user.id", written as a string or a number.
  std::optional<std::uint64_t> id(std::string_view path) const;
  /// What to show of the value at a path; empty where there is none.
  std::string text(std::string_view path) const;
  /// The object with these paths alone; those of one that is not there are left out.
  std::string only(const std::vector<std::string>& paths) const;
  /// The names of the members.
  std::vector<std::string> names() const;

 private:
  Record() = default;
  const rapidjson::Value* find(std::string_view path) const;

  rapidjson::Document document_;
};

/// Of a line such as {"data":{...}}: where the text of the object `data` stands in it. Empty when there is none.
std::optional<std::string_view> data_of(std::string_view line);

}  // namespace sake::inspect
