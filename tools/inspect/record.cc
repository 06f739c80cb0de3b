#include "record.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "collection.h"

namespace sake::inspect {
namespace {

constexpr unsigned parse_flags =
    rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag | rapidjson::kParseFullPrecisionFlag;

std::string json_of(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

/// Remembers where the value of a top-level `data` begins and ends. The iterative parser calls a handler before it
/// takes the brace.
class DataFinder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, DataFinder> {
 public:
  explicit DataFinder(rapidjson::MemoryStream& stream) : stream_(stream) {}

  bool Key(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ == 1) is_data_ = std::string_view(text, size) == "data";
    return true;
  }
  bool StartObject() {
    if (depth_++ == 1 && is_data_) begin_ = stream_.Tell();
    return true;
  }
  bool EndObject(rapidjson::SizeType) {
    if (--depth_ == 1 && is_data_) end_ = stream_.Tell() + 1;
    return true;
  }
  bool StartArray() { return ++depth_ != 1; }
  bool EndArray(rapidjson::SizeType) { return --depth_ != 0; }

  std::size_t begin() const { return begin_; }
  std::size_t end() const { return end_; }

 private:
  rapidjson::MemoryStream& stream_;
  std::size_t depth_ = 0;
  bool is_data_ = false;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace

std::optional<Record> Record::parse(std::string_view text) {
  Record record;
  record.document_.Parse<parse_flags>(text.data(), text.size());
  if (record.document_.HasParseError() || !record.document_.IsObject()) return std::nullopt;
  return record;
}

const rapidjson::Value* Record::find(std::string_view path) const {
  const rapidjson::Value* value = &document_;
  while (value->IsObject()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const rapidjson::Value key(rapidjson::StringRef(path.data(), static_cast<rapidjson::SizeType>(dot)));
    const auto member = value->FindMember(key);
    if (member == value->MemberEnd()) return nullptr;
    value = &member->value;
    if (dot == path.size()) return value;
    path.remove_prefix(dot + 1);
  }
  return nullptr;
}

std::optional<std::uint64_t> Record::id(std::string_view path) const {
  const rapidjson::Value* value = find(path);
  if (value == nullptr) return std::nullopt;
  if (value->IsUint64()) return value->GetUint64();
  return value->IsString() ? parse_id({value->GetString(), value->GetStringLength()}) : std::nullopt;
}

std::string Record::text(std::string_view path) const {
  const rapidjson::Value* value = find(path);
  if (value == nullptr || value->IsNull()) return {};
  return value->IsString() ? std::string(value->GetString(), value->GetStringLength()) : json_of(*value);
}

std::string Record::only(const std::vector<std::string>& paths) const {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  for (const std::string& path : paths) {
    const rapidjson::Value* value = find(path);
    if (value == nullptr) continue;
    writer.Key(path.data(), static_cast<rapidjson::SizeType>(path.size()));
    value->Accept(writer);
  }
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::vector<std::string> Record::names() const {
  std::vector<std::string> names;
  for (const auto& member : document_.GetObject()) names.emplace_back(member.name.GetString());
  return names;
}

std::optional<std::string_view> data_of(std::string_view line) {
  rapidjson::MemoryStream stream(line.data(), line.size());
  DataFinder finder(stream);
  rapidjson::Reader reader;
  if (!reader.Parse<parse_flags>(stream, finder) || finder.end() == 0) return std::nullopt;
  return line.substr(finder.begin(), finder.end() - finder.begin());
}

}  // namespace sake::inspect
