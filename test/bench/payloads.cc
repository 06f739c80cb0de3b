#include "payloads.h"

#include <string_view>

namespace sake::bench {
namespace {

std::string quoted(std::uint64_t id) { return '"' + std::to_string(id) + '"'; }

std::string frame(std::string_view event, std::string_view members) {
  return R"({"t":")" + std::string(event) + R"(","op":0,"d":{)" + std::string(members) + "}}";
}

std::string user(std::size_t number) {
  return R"({"id":)" + quoted(user_id(number)) + R"(,"username":"user_)" + std::to_string(number) +
         R"(","global_name":"Somebody )" + std::to_string(number) +
         R"(","discriminator":"0","avatar":"8342729096ea3675442027381ff50dfe","public_flags":64,)"
         R"("avatar_decoration_data":null,"collectibles":null,"primary_guild":null,"bot":false})";
}

std::string member_fields(std::size_t number, std::string_view nick, bool is_complete) {
  std::string fields = R"("user":)" + user(number) + R"(,"nick":")" + std::string(nick) +
                       R"(","avatar":null,"banner":null,"roles":[],"joined_at":"2021-04-09T13:37:00.123000+00:00",)"
                       R"("premium_since":null,"deaf":false,"mute":false,"pending":false)";
  if (is_complete)
    fields += R"(,"flags":0,"communication_disabled_until":null,"avatar_decoration_data":null,"collectibles":null)";
  return fields;
}

}  // namespace

std::string guild_create(std::size_t guild, std::size_t first_user, std::size_t members) {
  const std::string id = quoted(guild_id(guild));
  std::string text =
      R"("id":)" + id + R"(,"name":"Guild )" + std::to_string(guild) + R"(","owner_id":)" +
      quoted(user_id(first_user)) +
      R"(,"icon":null,"features":[],"preferred_locale":"en-US",)"
      R"("joined_at":"2021-04-09T13:37:00.123000+00:00","large":false,"unavailable":false,"member_count":)" +
      std::to_string(members) +
      R"(,"emojis":[],"stickers":[],"threads":[],"voice_states":[],"presences":[],)"
      R"("stage_instances":[],"guild_scheduled_events":[],"soundboard_sounds":[],"roles":[{"id":)" +
      id +
      R"(,"name":"@everyone","color":0,"hoist":false,"position":0,"permissions":"104324673",)"
      R"("managed":false,"mentionable":false,"flags":0}],"channels":[{"id":)" +
      quoted(channel_id(guild)) +
      R"(,"type":0,"name":"general","position":0,"parent_id":null,"topic":null,)"
      R"("nsfw":false,"rate_limit_per_user":0,"permission_overwrites":[],"last_message_id":null}],"members":[)";
  text.reserve(text.size() + members * 500);
  for (std::size_t i = 0; i < members; ++i) {
    text += i == 0 ? "{" : ",{";
    text += member_fields(first_user + i, "somebody", true);
    text += '}';
  }
  return frame("GUILD_CREATE", text + "]");
}

std::string guild_create_of(std::size_t bytes, std::size_t guild) {
  constexpr std::size_t sampled = 100;
  static const std::size_t empty = guild_create(0, 0, 0).size();
  static const std::size_t each = (guild_create(0, 0, sampled).size() - empty) / sampled;
  return guild_create(guild, 0, bytes > empty ? (bytes - empty) / each : 0);
}

std::string message_create(std::size_t guild, std::size_t message, std::size_t author) {
  return frame("MESSAGE_CREATE",
               R"("id":)" + quoted(message_id(message)) + R"(,"channel_id":)" + quoted(channel_id(guild)) +
                   R"(,"guild_id":)" + quoted(guild_id(guild)) + R"(,"author":)" + user(author) +
                   R"(,"content":"something to react to","timestamp":"2024-01-01T00:00:00.000000+00:00",)"
                   R"("edited_timestamp":null,"tts":false,"mention_everyone":false,"mentions":[],"mention_roles":[],)"
                   R"("attachments":[],"embeds":[],"pinned":false,"type":0,"flags":0,"components":[])");
}

std::string reaction_add(std::size_t guild, std::size_t message, std::size_t by, std::size_t emoji) {
  return frame("MESSAGE_REACTION_ADD",
               R"("user_id":)" + quoted(user_id(by)) + R"(,"channel_id":)" + quoted(channel_id(guild)) +
                   R"(,"message_id":)" + quoted(message_id(message)) + R"(,"guild_id":)" + quoted(guild_id(guild)) +
                   R"(,"member":{)" + member_fields(by, "somebody", true) + R"(},"message_author_id":)" +
                   quoted(user_id(0)) + R"(,"emoji":{"id":null,"name":"e)" + std::to_string(emoji) +
                   R"("},"type":0,"burst":false)");
}

std::string member_update(std::size_t guild, std::size_t number, std::size_t variant, bool is_complete) {
  return frame("GUILD_MEMBER_UPDATE", R"("guild_id":)" + quoted(guild_id(guild)) + "," +
                                          member_fields(number, "nick " + std::to_string(variant), is_complete));
}

}  // namespace sake::bench
