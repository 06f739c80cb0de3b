#include "output.h"

#include <algorithm>
#include <array>

#include "collection.h"

namespace sake::inspect {
namespace {

constexpr std::size_t rows_held = 500;

/// Of a text in UTF-8, on a terminal, near enough.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char each) { return (static_cast<unsigned char>(each) & 0xC0) != 0x80; }));
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (const Column& column : columns_) widths_.push_back(width_of(column.title));
}

void Table::add(std::vector<std::string> cells) {
  rows_.push_back(std::move(cells));
  if (rows_.size() >= rows_held) flush();
}

void Table::flush() {
  if (rows_.empty()) return;
  for (const auto& row : rows_)
    for (std::size_t n = 0; n != row.size(); ++n) widths_[n] = std::max(widths_[n], width_of(row[n]));
  if (!has_begun_) {
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.push_back(column.title);
    print(titles);
    has_begun_ = true;
  }
  for (const auto& row : rows_) print(row);
  rows_.clear();
}

void Table::print(const std::vector<std::string>& cells) const {
  std::string line;
  for (std::size_t n = 0; n != cells.size(); ++n) {
    const std::string padding(widths_[n] - width_of(cells[n]), ' ');
    line += columns_[n].side == Side::right ? padding + cells[n] : cells[n] + padding;
    line += "  ";
  }
  line.erase(line.find_last_not_of(' ') + 1);
  std::printf("%s\n", line.c_str());
}

void JsonLine::add(std::string_view key, std::string_view value) {
  write_key(key);
  writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void JsonLine::add_json(std::string_view key, std::string_view text) {
  write_key(key);
  // Between the parts of a JSON text a line break is a blank like others; within a string there is none.
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char each) { return each == '\n' || each == '\r'; }, ' ');
  writer_.RawValue(line.data(), line.size(), rapidjson::kObjectType);
}

void JsonLine::print() {
  writer_.EndObject();
  std::printf("%s\n", buffer_.GetString());
}

void add_names(JsonLine& line, const Entity& entity, std::uint64_t guild_id) {
  line.add("resource", name(entity.resource));
  if (entity.code.empty()) {
    line.add("id", std::to_string(entity.id));
  } else {
    line.add("code", entity.code);
  }
  if (entity.guild_id != 0) guild_id = entity.guild_id;
  if (guild_id != 0) line.add("guild_id", std::to_string(guild_id));
}

std::string printable(std::string_view text) {
  std::string shown;
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte >= 0x20 && byte != 0x7F) {
      shown += each;
      continue;
    }
    std::array<char, 8> escape;
    std::snprintf(escape.data(), escape.size(), "\\x%02x", byte);
    shown += escape.data();
  }
  return shown;
}

}  // namespace sake::inspect
