#include "store/keys.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

using namespace sake;
using store::KeyText;
using store::Owner;

namespace {

std::string text(const KeyText& key) { return std::string(std::string_view(key)); }

}  // namespace

TEST_CASE("a reference set names its owner's kind and id, and what it lists") {
  CHECK(text(KeyText({Owner::guild, 100, Resource::emoji})) == "1:100:0");
  CHECK(text(KeyText({Owner::guild, 100, Resource::channel})) == "1:100:2");
  CHECK(text(KeyText({Owner::guild, 100, Resource::role})) == "1:100:6");
  CHECK(text(KeyText({Owner::guild, 100, Resource::thread})) == "1:100:11");
  CHECK(text(KeyText({Owner::guild, 100, Resource::auto_moderation_rule})) == "1:100:17");
  CHECK(text(KeyText({Owner::channel, 200, Resource::thread})) == "2:200:11");
  CHECK(text(KeyText({Owner::channel, 200, Resource::voice_state})) == "2:200:8");
  CHECK(text(KeyText({Owner::channel, 200, Resource::message})) == "2:200:10");
  CHECK(text(KeyText({Owner::user, 5, Resource::message})) == "7:5:10");
  CHECK(text(KeyText({Owner::channel, UINT64_MAX, Resource::message})) == "2:18446744073709551615:10");
}

TEST_CASE("the marker of a voice channel names its guild") {
  CHECK(text(KeyText::voice_marker(100)) == "KEY.100");
  CHECK(text(KeyText::voice_marker(UINT64_MAX)) == "KEY.18446744073709551615");
}

TEST_CASE("fixed names are what other readers look for") {
  CHECK(store::own_user_key == "ME");
  CHECK(store::own_prefix == "sake:");
}

TEST_CASE("members, presences and voice states are fields of a hash") {
  for (Resource resource : all_resources()) {
    CAPTURE(name(resource));
    CHECK(store::is_hash(resource) ==
          (resource == Resource::member || resource == Resource::presence || resource == Resource::voice_state));
  }
}

TEST_CASE("a guild lists what has a record of its own and belongs to it") {
  for (Resource resource : all_resources()) {
    CAPTURE(name(resource));
    const bool is_listed = std::ranges::find(store::listed_by_guild, resource) != store::listed_by_guild.end();
    const bool belongs_elsewhere = store::is_hash(resource) || resource == Resource::guild ||
                                   resource == Resource::invite || resource == Resource::user ||
                                   resource == Resource::message;
    CHECK(is_listed == !belongs_elsewhere);
  }
}

TEST_CASE("the numbers of databases are those of the stored format") {
  const std::pair<Resource, int> numbers[] = {{Resource::emoji, 0},
                                              {Resource::guild, 1},
                                              {Resource::channel, 2},
                                              {Resource::invite, 3},
                                              {Resource::member, 4},
                                              {Resource::presence, 5},
                                              {Resource::role, 6},
                                              {Resource::user, 7},
                                              {Resource::voice_state, 8},
                                              {Resource::message, 10},
                                              {Resource::thread, 11},
                                              {Resource::sticker, 12},
                                              {Resource::stage_instance, 13},
                                              {Resource::scheduled_event, 14},
                                              {Resource::soundboard_sound, 15},
                                              {Resource::integration, 16},
                                              {Resource::auto_moderation_rule, 17}};
  for (const auto& [resource, number] : numbers) CHECK(static_cast<int>(resource) == number);
  CHECK(reference_index == 9);
  CHECK(all_resources().size() == std::size(numbers));
}

TEST_CASE("resources are found by their names, and by nothing else") {
  for (Resource resource : all_resources()) CHECK(resource_from_name(name(resource)) == resource);
  CHECK(name(Resource::voice_state) == "voice_state");
  CHECK(resource_from_name("message") == Resource::message);
  CHECK(resource_from_name("auto_moderation_rule") == Resource::auto_moderation_rule);
  for (std::string_view unknown :
       {"", "Message", "messages", "threads", "rule", "reference", "voice state", "ME", "10"})
    CHECK_FALSE_MESSAGE(resource_from_name(unknown), std::string(unknown));
}
