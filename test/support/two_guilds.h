#pragma once

// Two guilds with one entity of every kind, for tests of what the host reads and changes.

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"

namespace sake::test {

using Json = nlohmann::json;

inline Json user(std::uint64_t id) { return {{"id", std::to_string(id)}, {"username", "u" + std::to_string(id)}}; }

/// Guild `id` with two members in its voice channel, and one entity of every other kind.
inline Json guild_create(std::uint64_t id) {
  const auto text = [id](std::uint64_t number) { return std::to_string(id * 100 + number); };
  Json d{{"id", std::to_string(id)},
         {"name", "g"},
         {"member_count", 2},
         {"roles", {{{"id", std::to_string(id)}}, {{"id", text(1)}}}},
         {"emojis", {{{"id", text(2)}}}},
         {"channels", {{{"id", text(21)}, {"type", 2}}, {{"id", text(22)}, {"type", 0}}}},
         {"threads", {{{"id", text(25)}, {"parent_id", text(22)}, {"type", 11}}}},
         {"stickers", {{{"id", text(3)}}}},
         {"stage_instances", {{{"id", text(4)}, {"channel_id", text(21)}}}},
         {"guild_scheduled_events", {{{"id", text(5)}}}},
         {"soundboard_sounds", {{{"sound_id", text(6)}}}}};
  for (std::uint64_t member : {5u, 6u}) {
    d["members"].push_back({{"user", user(member)}, {"roles", Json::array()}});
    d["presences"].push_back({{"user", user(member)}, {"status", "idle"}});
    d["voice_states"].push_back({{"user_id", std::to_string(member)}, {"channel_id", text(21)}});
  }
  return d;
}

inline Json message(std::uint64_t id, std::uint64_t guild, std::uint64_t author) {
  return {{"id", std::to_string(id)},
          {"channel_id", std::to_string(guild * 100 + 22)},
          {"guild_id", std::to_string(guild)},
          {"author", user(author)},
          {"content", "c"}};
}

inline Json invite(std::string_view code, std::uint64_t guild) {
  return {{"code", code}, {"channel_id", std::to_string(guild * 100 + 22)}, {"guild_id", std::to_string(guild)}};
}

/// Everything, for guilds 100 and 200.
inline void feed_two_guilds(CacheFixture& fixture) {
  fixture.apply("READY", {{"user", user(7)}, {"session_id", "s"}, {"guilds", Json::array()}});
  for (std::uint64_t guild : {100u, 200u}) {
    fixture.apply("GUILD_CREATE", guild_create(guild));
    fixture.apply("MESSAGE_CREATE", message(guild * 100 + 90, guild, 5));
    fixture.apply("MESSAGE_CREATE", message(guild * 100 + 91, guild, 6));
    fixture.apply("INVITE_CREATE", invite("code" + std::to_string(guild), guild));
    for (const char* event : {"INTEGRATION_CREATE", "AUTO_MODERATION_RULE_CREATE"})
      fixture.apply(event, {{"id", std::to_string(guild * 100 + 7)}, {"guild_id", std::to_string(guild)}});
  }
}

/// Everything is kept, indexed, and known.
inline Options everything() {
  return {.resources = Resources::everything(),
          .secondary_indices = SecondaryIndices::all(),
          .intents = static_cast<Intents>(0xFFFFFFFFu)};
}

}  // namespace sake::test
