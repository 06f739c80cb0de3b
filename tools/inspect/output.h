#pragma once

// What is printed: aligned text for people, a JSON object a line for programs.

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "sake/entity.h"

namespace sake::inspect {

/// Rows in aligned columns. The first rows decide how wide a column is; no more are held than those.
class Table {
 public:
  enum class Side : bool { left, right };
  struct Column {
    std::string title;
    Side side = Side::left;
  };
  explicit Table(std::vector<Column> columns);
  ~Table() { flush(); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  /// One cell for each column.
  void add(std::vector<std::string> cells);
  /// Prints what is held.
  void flush();

 private:
  void print(const std::vector<std::string>& cells) const;

  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
  bool has_begun_ = false;
};

/// One JSON object in one line.
class JsonLine {
 public:
  JsonLine() { writer_.StartObject(); }
  void open(std::string_view key) { write_key(key), writer_.StartObject(); }
  void close() { writer_.EndObject(); }
  /// A list of objects: each is opened and closed.
  void open_list(std::string_view key) { write_key(key), writer_.StartArray(); }
  void open() { writer_.StartObject(); }
  void close_list() { writer_.EndArray(); }
  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, std::uint64_t value) { write_key(key), writer_.Uint64(value); }
  void add_flag(std::string_view key, bool value) { write_key(key), writer_.Bool(value); }
  void add_null(std::string_view key) { write_key(key), writer_.Null(); }
  /// Text that is JSON.
  void add_json(std::string_view key, std::string_view text);
  /// To standard output.
  void print();

 private:
  void write_key(std::string_view key) { writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size())); }

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

/// `resource`, `id` or `code`, and `guild_id` where it is known. `guild_id`: whose collection it was found in, or 0.
void add_names(JsonLine& line, const Entity& entity, std::uint64_t guild_id);

/// Nothing that could move a terminal's cursor.
std::string printable(std::string_view text);

/// False once nobody reads what is printed any more.
inline bool is_read() { return std::ferror(stdout) == 0; }

}  // namespace sake::inspect
