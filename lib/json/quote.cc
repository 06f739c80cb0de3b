#include "json/quote.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace sake::json {

std::string quoted(std::string_view text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace sake::json
