#include "extraction.h"

#include <stdexcept>

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace sake::bench {
namespace {

/// Levels below "d" that are looked at: the arrays, their entities and what is in those.
constexpr unsigned depth = 4;

unsigned depth_of(std::string_view) noexcept { return depth; }

/// The collections of a GUILD_CREATE; another event is one entity with its author or user.
constexpr std::string_view collections[] = {"channels", "emojis",  "members",     "presences",
                                            "roles",    "threads", "voice_states"};

}  // namespace

void SliceExtraction::extract(std::string_view frame, std::string& out) {
  if (!document_.parse_frame(frame, depth_of)) throw std::runtime_error("a frame is no JSON");
  const json::Value event = document_.root()["d"];
  if (const json::Value roles = event["roles"]; roles.is_array()) {
    const std::string guild_member = "\"guild_id\":" + std::string(event["id"].text());
    for (const std::string_view name : collections)
      for (const json::Value entity : event[name].children()) write(entity, guild_member, out);
    return;
  }
  write(event, "\"guild_id\":" + std::string(event["guild_id"].text()), out);
  if (const json::Value author = event["author"]) out += author.text();
}

void SliceExtraction::write(json::Value entity, std::string_view guild_member, std::string& out) {
  pieces_.clear();
  json::ObjectWriter object(pieces_);
  object.members(guild_member);
  object.members_of(entity, [](json::Value member) { return !member.key_equals("guild_id"); });
  object.close();
  for (const std::string_view piece : pieces_) out += piece;
}

void DomExtraction::extract(std::string_view frame, std::string& out) {
  rapidjson::Document document;
  document.Parse(frame.data(), frame.size());
  if (document.HasParseError()) throw std::runtime_error("a frame is no JSON");
  rapidjson::StringBuffer text;
  const auto write = [&](const rapidjson::Value& entity) {
    text.Clear();
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    entity.Accept(writer);
    out.append(text.GetString(), text.GetSize());
  };
  rapidjson::Value& event = document["d"];
  if (!event.HasMember("roles")) {
    write(event);
    if (event.HasMember("author")) write(event["author"]);
    return;
  }
  for (const std::string_view name : collections) {
    const rapidjson::Value key(rapidjson::StringRef(name.data(), name.size()));
    if (!event.HasMember(key)) continue;
    for (rapidjson::Value& entity : event[key].GetArray()) {
      rapidjson::Value guild_id(event["id"], document.GetAllocator());
      entity.AddMember("guild_id", guild_id, document.GetAllocator());
      write(entity);
    }
  }
}

}  // namespace sake::bench
