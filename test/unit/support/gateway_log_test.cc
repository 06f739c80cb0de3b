#include "support/gateway_log.h"

#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace sake::test {
namespace {

using nlohmann::json;

/// Every dispatch event that Discord documents.
constexpr std::string_view documented[] = {"APPLICATION_COMMAND_PERMISSIONS_UPDATE",
                                           "AUTO_MODERATION_ACTION_EXECUTION",
                                           "AUTO_MODERATION_RULE_CREATE",
                                           "AUTO_MODERATION_RULE_DELETE",
                                           "AUTO_MODERATION_RULE_UPDATE",
                                           "CHANNEL_CREATE",
                                           "CHANNEL_DELETE",
                                           "CHANNEL_INFO",
                                           "CHANNEL_PINS_UPDATE",
                                           "CHANNEL_UPDATE",
                                           "ENTITLEMENT_CREATE",
                                           "ENTITLEMENT_DELETE",
                                           "ENTITLEMENT_UPDATE",
                                           "GUILD_AUDIT_LOG_ENTRY_CREATE",
                                           "GUILD_BAN_ADD",
                                           "GUILD_BAN_REMOVE",
                                           "GUILD_CREATE",
                                           "GUILD_DELETE",
                                           "GUILD_EMOJIS_UPDATE",
                                           "GUILD_INTEGRATIONS_UPDATE",
                                           "GUILD_MEMBERS_CHUNK",
                                           "GUILD_MEMBER_ADD",
                                           "GUILD_MEMBER_REMOVE",
                                           "GUILD_MEMBER_UPDATE",
                                           "GUILD_ROLE_CREATE",
                                           "GUILD_ROLE_DELETE",
                                           "GUILD_ROLE_UPDATE",
                                           "GUILD_SCHEDULED_EVENT_CREATE",
                                           "GUILD_SCHEDULED_EVENT_DELETE",
                                           "GUILD_SCHEDULED_EVENT_UPDATE",
                                           "GUILD_SCHEDULED_EVENT_USER_ADD",
                                           "GUILD_SCHEDULED_EVENT_USER_REMOVE",
                                           "GUILD_SOUNDBOARD_SOUNDS_UPDATE",
                                           "GUILD_SOUNDBOARD_SOUND_CREATE",
                                           "GUILD_SOUNDBOARD_SOUND_DELETE",
                                           "GUILD_SOUNDBOARD_SOUND_UPDATE",
                                           "GUILD_STICKERS_UPDATE",
                                           "GUILD_UPDATE",
                                           "INTEGRATION_CREATE",
                                           "INTEGRATION_DELETE",
                                           "INTEGRATION_UPDATE",
                                           "INTERACTION_CREATE",
                                           "INVITE_CREATE",
                                           "INVITE_DELETE",
                                           "MESSAGE_CREATE",
                                           "MESSAGE_DELETE",
                                           "MESSAGE_DELETE_BULK",
                                           "MESSAGE_POLL_VOTE_ADD",
                                           "MESSAGE_POLL_VOTE_REMOVE",
                                           "MESSAGE_REACTION_ADD",
                                           "MESSAGE_REACTION_REMOVE",
                                           "MESSAGE_REACTION_REMOVE_ALL",
                                           "MESSAGE_REACTION_REMOVE_EMOJI",
                                           "MESSAGE_UPDATE",
                                           "PRESENCE_UPDATE",
                                           "RATE_LIMITED",
                                           "READY",
                                           "RESUMED",
                                           "SOUNDBOARD_SOUNDS",
                                           "STAGE_INSTANCE_CREATE",
                                           "STAGE_INSTANCE_DELETE",
                                           "STAGE_INSTANCE_UPDATE",
                                           "SUBSCRIPTION_CREATE",
                                           "SUBSCRIPTION_DELETE",
                                           "SUBSCRIPTION_UPDATE",
                                           "THREAD_CREATE",
                                           "THREAD_DELETE",
                                           "THREAD_LIST_SYNC",
                                           "THREAD_MEMBERS_UPDATE",
                                           "THREAD_MEMBER_UPDATE",
                                           "THREAD_UPDATE",
                                           "TYPING_START",
                                           "USER_UPDATE",
                                           "VOICE_CHANNEL_EFFECT_SEND",
                                           "VOICE_CHANNEL_START_TIME_UPDATE",
                                           "VOICE_CHANNEL_STATUS_UPDATE",
                                           "VOICE_SERVER_UPDATE",
                                           "VOICE_STATE_UPDATE",
                                           "WEBHOOKS_UPDATE"};

static_assert(std::size(documented) == 79);

/// FNV-1a over all frames and the ends of their lines.
std::uint64_t checksum(const LogOptions& options) {
  GatewayLog log(options);
  std::uint64_t hash = 0xcbf29ce484222325;
  for (std::string frame; log.next(frame);) {
    frame += '\n';
    for (const char c : frame) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return hash;
}

void advance(GatewayLog& log, int frames) {
  std::string frame;
  for (int i = 0; i < frames; ++i) REQUIRE(log.next(frame));
}

}  // namespace

TEST_CASE("every documented event occurs in a mixed log") {
  for (const bool quirks : {true, false}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      CAPTURE(seed);
      CAPTURE(quirks);
      GatewayLog log({.seed = seed, .guilds = 6, .members = 12, .frames = 2500, .quirks = quirks});
      for (std::string frame; log.next(frame);) continue;
      for (const std::string_view event : documented) CHECK_MESSAGE(log.counts().contains(event), event);
    }
  }
}

TEST_CASE("the same options give the same bytes") {
  const LogOptions options{.seed = 3, .guilds = 3, .members = 8, .shards = 2, .frames = 600};
  const std::uint64_t expected = checksum(options);
  CHECK(checksum(options) == expected);
  CHECK(expected == 13023234594462621608u);  // Whoever changes the generator makes the sample in test/data anew, too.
}

TEST_CASE("without quirks nothing is repeated, unknown or odd") {
  std::int64_t sequence = 0;
  for (const std::string& text : generate({.seed = 5, .guilds = 3, .members = 8, .frames = 1500, .quirks = false})) {
    const json frame = json::parse(text);
    if (frame.at("op") != 0) continue;
    sequence = frame.at("t") == "READY" ? 1 : sequence + 1;
    CHECK(frame.at("s") == sequence);
    const json& data = frame.at("d");
    CHECK_FALSE(data.contains("_future"));
    if (data.contains("guild_id")) CHECK(data.at("guild_id").is_string());
  }
}

TEST_CASE("guilds have the sizes of Zipf's law") {
  std::vector<std::int64_t> sizes;
  for (const std::string& text :
       generate({.seed = 1, .guilds = 10, .members = 50, .mix = Mix::startup, .quirks = false, .zipf = true})) {
    const json frame = json::parse(text);
    if (frame.at("t") == "GUILD_CREATE") sizes.push_back(frame.at("d").at("member_count"));
  }
  REQUIRE(sizes.size() == 10);
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  for (std::size_t n = 1; n < sizes.size(); ++n) CHECK(sizes[n] == sizes[0] / static_cast<std::int64_t>(n + 1));
  CHECK(sizes[0] > 150);
}

TEST_CASE("a log to measure with announces everything first and then keeps its mix") {
  std::map<std::string, int> counts;
  int events = 0;
  bool has_begun = false;
  for (const std::string& text :
       generate({.seed = 1, .guilds = 20, .members = 60, .frames = 20'000, .mix = Mix::measured, .quirks = false})) {
    const json frame = json::parse(text);
    if (frame.at("op") != 0) continue;
    const std::string event = frame.at("t");
    const bool is_of_the_start = event == "READY" || event == "GUILD_CREATE" || event == "GUILD_MEMBERS_CHUNK";
    has_begun = has_begun || !is_of_the_start;
    if (!has_begun) continue;
    CHECK_FALSE(is_of_the_start);
    ++counts[event];
    ++events;
  }
  const auto percent = [&](std::initializer_list<const char*> names) {
    int sum = 0;
    for (const char* name : names) sum += counts[name];
    return 100.0 * sum / events;
  };
  CHECK(percent({"PRESENCE_UPDATE"}) == doctest::Approx(46).epsilon(0.05));
  CHECK(percent({"MESSAGE_CREATE"}) == doctest::Approx(21).epsilon(0.05));
  CHECK(percent({"TYPING_START"}) == doctest::Approx(12).epsilon(0.1));
  CHECK(percent({"MESSAGE_UPDATE"}) == doctest::Approx(3.5).epsilon(0.15));
  CHECK(percent({"MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE", "MESSAGE_REACTION_REMOVE_ALL",
                 "MESSAGE_REACTION_REMOVE_EMOJI"}) == doctest::Approx(3.5).epsilon(0.15));
  CHECK(percent({"VOICE_STATE_UPDATE"}) == doctest::Approx(3).epsilon(0.15));
  CHECK(percent({"GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE"}) ==
        doctest::Approx(4).epsilon(0.15));
}

TEST_CASE("as much as is asked for happens in the first guild") {
  std::string first;
  int there = 0;
  int messages = 0;
  for (const std::string& text : generate({.seed = 1,
                                 .guilds = 20,
                                 .members = 20,
                                 .frames = 10'000,
                                 .mix = Mix::measured,
                                 .quirks = false,
                                 .first_guild_percent = 30})) {
    const json frame = json::parse(text);
    // READY lists the guilds in the order of their making.
    if (frame.at("t") == "READY") first = frame.at("d").at("guilds").at(0).at("id");
    if (frame.at("t") != "MESSAGE_CREATE") continue;
    ++messages;
    there += frame.at("d").at("guild_id") == first ? 1 : 0;
  }
  // And one in twenty of the rest.
  CHECK(100.0 * there / messages == doctest::Approx(33.5).epsilon(0.1));
}

TEST_CASE("a log takes the same memory however long it is") {
  GatewayLog log({.seed = 2, .guilds = 2, .members = 4, .frames = 1'000'000});
  advance(log, 6000);  // Until everything has found its size.
  const std::size_t before = mallinfo2().uordblks;
  advance(log, 12000);
  const std::size_t after = mallinfo2().uordblks;
  MESSAGE(before << " bytes in use, " << after << " after three times the frames");
  CHECK(after < before + 100'000);
}

}  // namespace sake::test
