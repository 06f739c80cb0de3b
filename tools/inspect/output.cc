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

namespace {

/// Characters behind ASCII, in UTF-8, that control a terminal or change the direction and the lines of what it shows.
std::size_t length_of_control(std::string_view text) {
  const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
  const auto is_in = [&](std::size_t at, unsigned first, unsigned last) {
    return byte(at) >= first && byte(at) <= last;
  };
  if (byte(0) == 0xC2 && is_in(1, 0x80, 0x9F)) return 2;  // U+0080 to U+009F
  if (byte(0) == 0xD8 && byte(1) == 0x9C) return 2;       // U+061C
  if (byte(0) == 0xE2 && byte(1) == 0x80 && (is_in(2, 0x8E, 0x8F) || is_in(2, 0xA8, 0xAE))) return 3;  // U+200E, U+2028
  if (byte(0) == 0xE2 && byte(1) == 0x81 && is_in(2, 0xA6, 0xA9)) return 3;                            // U+2066
  return 0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t control = first < 0x20 || first == 0x7F ? 1 : length_of_control(text);
    if (control == 0) shown += text.front();
    for (const char each : text.substr(0, control)) {
      std::array<char, 8> escape;
      std::snprintf(escape.data(), escape.size(), "\\x%02x", static_cast<unsigned char>(each));
      shown += escape.data();
    }
    text.remove_prefix(std::max<std::size_t>(control, 1));
  }
  return shown;
}

}  // namespace sake::inspect
