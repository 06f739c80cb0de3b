// All payloads at hand are read through their models and by another reader of JSON, and have to be the same. There are
// two sources: examples of Discord's documentation and of other libraries, which are no part of this repository
// (SAKE_SHARED names the folder that holds spec/fixtures, else it is looked for next to the sources), and generated
// gateway logs.

#include <fnmatch.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/field_comparison.h"
#include "support/gateway_log.h"
#include "support/json_mutations.h"
#include "support/random.h"

using namespace sake;
using nlohmann::json;

namespace {

/// What a file holds: a model at a place of it, a dispatch event, or no resource.
struct Row {
  std::string_view files;  ///< "twilight__guild-role--*", without ".json".
  std::string_view pointer;
  std::string_view model;
};

constexpr Row rows[] = {
    {"discord-docs__auto-moderation--auto-moderation-rule", "", "AutoModerationRule"},
    {"discord-docs__channel--thread-channel", "", "Thread"},
    {"discord-docs__channel--*-channel", "", "Channel"},
    {"discord-docs__channel--channel-category", "", "Channel"},
    {"discord-docs__emoji--*", "", "Emoji"},
    {"discord-docs__gateway-events--activity*", "", "Activity"},
    {"discord-docs__guild--ban", "/user", "User"},
    {"discord-docs__guild--get-guild-response", "", "Guild"},
    {"discord-docs__guild--guild", "", "Guild"},
    {"discord-docs__guild--guild-member", "", "Member"},
    {"discord-docs__guild--guild-onboarding", "/prompts/*/options/*/emoji", "PartialEmoji"},
    {"discord-docs__guild--incidents-data", "", "IncidentsData"},
    {"discord-docs__guild--unavailable-guild", "", "Guild"},
    {"discord-docs__guild--welcome-screen", "", "WelcomeScreen"},
    {"discord-docs__invite--invite-metadata", "", "Invite"},
    {"discord-docs__invite--invite-object", "", "Invite"},
    {"discord-docs__invite--invite-stage-instance", "/members/*", "Member"},
    {"discord-docs__message--shared-client-theme", "/shared_client_theme", "SharedClientTheme"},
    {"discord-docs__message--*message", "", "Message"},
    {"discord-docs__permissions--role", "", "Role"},
    {"discord-docs__soundboard--*", "", "SoundboardSound"},
    {"discord-docs__stage-instance--stage-instance", "", "StageInstance"},
    {"discord-docs__sticker--sticker", "", "Sticker"},
    {"discord-docs__user--partial-guild", "", "Guild"},
    {"discord-docs__user--user", "", "OwnUser"},
    {"discord-docs__voice--voice-state", "", "VoiceState"},
    {"hikari__action_row", "", "Component"},
    {"hikari__alternative_user", "", "User"},
    {"hikari__attachment", "", "Attachment"},
    {"hikari__audit_log", "/users/*", "User"},
    {"hikari__audit_log", "/integrations/*", "Integration"},
    {"hikari__auto_mod_rule", "", "AutoModerationRule"},
    {"hikari__avatar_decoration", "", "AvatarDecoration"},
    {"hikari__button", "", "Component"},
    {"hikari__container", "", "Component"},
    {"hikari__custom_emoji", "", "PartialEmoji"},
    {"hikari__dm_channel", "", "Channel"},
    {"hikari__embed", "", "Embed"},
    {"hikari__file", "", "Component"},
    {"hikari__gateway_guild", "", "Guild"},
    {"hikari__group_dm_channel", "", "Channel"},
    {"hikari__guild_category", "", "Channel"},
    {"hikari__guild_*_channel", "", "Channel"},
    {"hikari__guild_*_thread", "", "Thread"},
    {"hikari__guild_incidents", "", "IncidentsData"},
    {"hikari__guild_member_ban", "/user", "User"},
    {"hikari__guild_onboarding_prompt", "/options/*/emoji", "PartialEmoji"},
    {"hikari__guild_preview", "/emojis/*", "Emoji"},
    {"hikari__guild_role", "", "Role"},
    {"hikari__guild_sticker", "", "Sticker"},
    {"hikari__guild_welcome_screen", "", "WelcomeScreen"},
    {"hikari__integration", "", "Integration"},
    {"hikari__interaction_member", "", "Member"},
    {"hikari__interaction_resolved_data", "", "ResolvedData"},
    {"hikari__invite", "", "Invite"},
    {"hikari__invite_application", "", "PartialApplication"},
    {"hikari__invite_role", "", "Role"},
    {"hikari__invite_with_metadata", "", "Invite"},
    {"hikari__known_custom_emoji", "", "Emoji"},
    {"hikari__media", "", "UnfurledMedia"},
    {"hikari__media_gallery", "", "Component"},
    {"hikari__media_gallery_item", "", "MediaGalleryItem"},
    {"hikari__member", "", "Member"},
    {"hikari__member_presence", "", "Presence"},
    {"hikari__message", "", "Message"},
    {"hikari__message_null_and_unset_fields", "", "Message"},
    {"hikari__message_snapshot*", "", "MessageSnapshot"},
    {"hikari__my_user", "", "OwnUser"},
    {"hikari__own_guild", "", "Guild"},
    {"hikari__owner", "", "User"},
    {"hikari__partial_application", "", "PartialApplication"},
    {"hikari__partial_channel", "", "Channel"},
    {"hikari__partial_integration*", "", "Integration"},
    {"hikari__partial_interaction_metadata", "", "InteractionMetadata"},
    {"hikari__partial_sticker", "", "StickerItem"},
    {"hikari__permission_overwrite", "", "PermissionOverwrite"},
    {"hikari__poll", "", "Poll"},
    {"hikari__presence_activity", "", "Activity"},
    {"hikari__primary_guild", "", "PrimaryGuild"},
    {"hikari__referenced_message", "", "Message"},
    {"hikari__rest_guild", "", "Guild"},
    {"hikari__scheduled_*_event", "", "ScheduledEvent"},
    {"hikari__scheduled_event_user", "/user", "User"},
    {"hikari__scheduled_event_user", "/member", "Member"},
    {"hikari__section", "", "Component"},
    {"hikari__select_menu", "", "Component"},
    {"hikari__separator", "", "Component"},
    {"hikari__stage_instance", "", "StageInstance"},
    {"hikari__standard_sticker", "", "Sticker"},
    {"hikari__sticker_pack", "/stickers/*", "Sticker"},
    {"hikari__text_display", "", "Component"},
    {"hikari__thread_member", "", "ThreadMember"},
    {"hikari__thumbnail", "", "Component"},
    {"hikari__user", "", "User"},
    {"hikari__voice_state", "", "VoiceState"},
    {"twilight__application-interaction-resolved--*", "", "ResolvedData"},
    {"twilight__channel--*_thread_*", "", "Thread"},
    {"twilight__channel--guild_channel_*", "", "Channel"},
    {"twilight__channel-attachment--*", "", "Attachment"},
    {"twilight__channel-channel_mention--*", "", "ChannelMention"},
    {"twilight__channel-forum--*", "", "ForumTag"},
    {"twilight__channel-message-application--*", "", "PartialApplication"},
    {"twilight__channel-message-component-mod--*", "", "Component"},
    {"twilight__channel-message-embed-author--*", "", "EmbedAuthor"},
    {"twilight__channel-message-embed-field--*", "", "EmbedField"},
    {"twilight__channel-message-embed-footer--*", "", "EmbedFooter"},
    {"twilight__channel-message-embed-image--*", "", "EmbedMedia"},
    {"twilight__channel-message-embed-thumbnail--*", "", "EmbedMedia"},
    {"twilight__channel-message-embed-video--*", "", "EmbedMedia"},
    {"twilight__channel-message-embed-provider--*", "", "EmbedProvider"},
    {"twilight__channel-message-embed-mod--*", "", "Embed"},
    {"twilight__channel-message-interaction--*", "", "MessageInteraction"},
    {"twilight__channel-message-mention--*", "", "User"},
    {"twilight__channel-message-message_pin--*", "/message", "Message"},
    {"twilight__channel-message-mod--*", "", "Message"},
    {"twilight__channel-message-pins_listing--*", "/items/*/message", "Message"},
    {"twilight__channel-message-reaction--custom", "", "PartialEmoji"},
    {"twilight__channel-message-reaction--message_reaction_unicode", "", "Reaction"},
    {"twilight__channel-message-reference--*", "", "MessageReference"},
    {"twilight__channel-message-role_subscription_data--*", "", "RoleSubscriptionData"},
    {"twilight__channel-message-snapshot--*", "", "MessageSnapshot"},
    {"twilight__channel-message-sticker-message--*", "", "StickerItem"},
    {"twilight__channel-message-sticker-mod--*", "", "Sticker"},
    {"twilight__channel-message-sticker-pack--*", "/stickers/*", "Sticker"},
    {"twilight__channel-permission_overwrite--*", "", "PermissionOverwrite"},
    {"twilight__channel-stage_instance-mod--*", "", "StageInstance"},
    {"twilight__channel-thread-member--*", "", "ThreadMember"},
    {"twilight__channel-thread-metadata--*", "", "ThreadMetadata"},
    {"twilight__gateway-payload-incoming-guild_create--*", "", "Guild"},
    {"twilight__gateway-payload-incoming-invite_create--partial_user", "", "User"},
    {"twilight__gateway-payload-incoming-member_add--*", "", "Member"},
    {"twilight__gateway-presence-activity_assets--*", "", "ActivityAssets"},
    {"twilight__gateway-presence-activity_emoji--*", "", "PartialEmoji"},
    {"twilight__gateway-presence-client_status--*", "", "ClientStatus"},
    {"twilight__gateway-presence-mod--*", "", "Presence"},
    {"twilight__guild-auto_moderation-mod--*", "", "AutoModerationRule"},
    {"twilight__guild-auto_moderation-trigger_metadata--*", "", "TriggerMetadata"},
    {"twilight__guild-ban--*", "/user", "User"},
    {"twilight__guild-emoji--*", "", "Emoji"},
    {"twilight__guild-info--*", "", "Guild"},
    {"twilight__guild-integration--*", "", "Integration"},
    {"twilight__guild-integration_application--*", "", "IntegrationApplication"},
    {"twilight__guild-invite-channel--*", "", "Channel"},
    {"twilight__guild-invite-guild--*", "", "Guild"},
    {"twilight__guild-invite-mod--*", "", "Invite"},
    {"twilight__guild-invite-welcome_screen--*", "", "WelcomeScreen"},
    {"twilight__guild-member--*", "", "Member"},
    {"twilight__guild-mod--guild", "", "Guild"},
    {"twilight__guild-onboarding-option--*", "/emoji", "PartialEmoji"},
    {"twilight__guild-partial_guild--*", "", "Guild"},
    {"twilight__guild-partial_member--*", "", "Member"},
    {"twilight__guild-preview--*", "/emojis/*", "Emoji"},
    {"twilight__guild-role--*", "", "Role"},
    {"twilight__guild-role_tags--*", "", "RoleTags"},
    {"twilight__guild-scheduled_event-mod--*", "", "ScheduledEvent"},
    {"twilight__poll-answer--*", "", "PollAnswer"},
    {"twilight__poll-media--*", "", "PollMedia"},
    {"twilight__poll-mod--*", "", "Poll"},
    {"twilight__poll-results--*", "", "PollResults"},
    {"twilight__presences-array--*", "/*", "Presence"},
    {"twilight__user-avatar_decoration_data--*", "", "AvatarDecoration"},
    {"twilight__user-current_user_guild--*", "", "Guild"},
    {"twilight__voice-voice_state--*", "", "VoiceState"},
};

/// Files that are "d" of an event, beside those that have its name in theirs.
constexpr std::pair<std::string_view, std::string_view> events[] = {
    {"discord-docs__application-commands--interaction*", "INTERACTION_CREATE"},
    {"hikari__*_interaction", "INTERACTION_CREATE"},
    {"twilight__application-interaction-mod--*", "INTERACTION_CREATE"},
    {"twilight__gateway-payload-incoming-auto_moderation_action_execution--*", "AUTO_MODERATION_ACTION_EXECUTION"},
    {"twilight__gateway-payload-incoming-guild_delete--*", "GUILD_DELETE"},
    {"twilight__gateway-payload-incoming-invite_create--invite_create", "INVITE_CREATE"},
    {"twilight__gateway-payload-incoming-member_update--*", "GUILD_MEMBER_UPDATE"},
    {"twilight__gateway-payload-incoming-ready--*", "READY"},
    {"twilight__gateway-payload-incoming-role_update--*", "GUILD_ROLE_UPDATE"},
    {"twilight__gateway-payload-incoming-thread_members_update--*", "THREAD_MEMBERS_UPDATE"},
    {"twilight__gateway-payload-incoming-typing_start--*", "TYPING_START"},
    {"twilight__gateway-payload-incoming-voice_state_update--*", "VOICE_STATE_UPDATE"},
    {"twilight__gateway-reaction--*", "MESSAGE_REACTION_ADD"},
    {"twilight__guild-members-chunk--*", "GUILD_MEMBERS_CHUNK"},
    {"twilight__message-reaction-add--*", "MESSAGE_REACTION_ADD"},
    {"twilight__typing-start--*", "TYPING_START"},
};

/// Neither stored nor part of what is.
constexpr std::string_view no_resource[] = {
    "discord-docs__application--*",
    "discord-docs__application-commands--*",
    "discord-docs__audit-log--*",
    "discord-docs__entitlement--*",
    "discord-docs__gateway--*",
    "discord-docs__gateway-events--*",
    "discord-docs__guild--guild-preview",
    "discord-docs__guild--guild-widget*",
    "discord-docs__guild-template--*",
    "discord-docs__sticker--sticker-pack",
    "discord-docs__subscription--*",
    "discord-docs__webhook--*",
    "discord-docs__webhook-events--*",
    "hikari__*_info",  // Of entries of the audit log.
    "hikari__*_webhook",
    "hikari__activity_instance",
    "hikari__application",
    "hikari__audit_log_entry",
    "hikari__entitlement*",
    "hikari__guild_command_permissions",
    "hikari__guild_embed",
    "hikari__template",
    "hikari__vanity_url",
    "hikari__voice_region",
    "twilight__application-interaction-application_command-option--*",
    "twilight__application-interaction-message_component--*",
    "twilight__application-monetization-entitlement--*",
    "twilight__gateway-payload-incoming-message_poll_vote_*",
    "twilight__gateway-payload-incoming-role_delete--*",
    "twilight__gateway-payload-incoming-webhooks_update--*",
    "twilight__guild-audit_log-entry--*",
    "twilight__guild-audit_log-mod--*",
    "twilight__guild-onboarding-*",
    "twilight__guild-template-mod--*",
    "twilight__guild-widget-*",
    "twilight__oauth-application--*",
    "twilight__template--*",
    "twilight__voice-voice_region--*",
};

/// Keys that are not documented where the examples have them.
const std::set<std::pair<std::string, std::string>> undocumented{
    // A thread in place of a channel: Thread(channel) reads it.
    {"Channel", "member_count"},
    {"Channel", "message_count"},
    {"Channel", "thread_metadata"},
    {"Channel", "total_message_sent"},
    // Of the own user, which these examples have in places of others.
    {"User", "email"},
    {"User", "locale"},
    {"User", "mfa_enabled"},
    {"User", "verified"},
    // What Discord once had.
    {"Guild", "embed_channel_id"},
    {"Guild", "embed_enabled"},
    {"Member", "is_pending"},
    {"PermissionOverwrite", "allow_new"},
    {"PermissionOverwrite", "deny_new"},
    {"Presence", "activity"},
    {"ScheduledEvent", "sku_ids"},
    {"EntityMetadata", "speaker_ids"},
    {"User", "avatar_decoration"},
    // What has been seen, or what a library made up.
    {"AvatarDecoration", "expires_at"},
    {"Channel", "guild_hashes"},
    {"Channel", "nicks"},
    {"Channel", "unknown_field"},
    {"Guild", "guild_id"},
    {"Member", "hoisted_role"},
    {"Message", "mentions_everyone"},
    {"MessageSnapshot", "guild_id"},
    {"Thread", "default_auto_archive_duration"},
    {"Thread", "invitable"},
    {"Thread", "managed"},
    {"Thread", "permission_overwrites"},
    {"ThreadMember", "mute_config"},
    {"ThreadMember", "muted"},
    {"User", "e"},
};

/// The same of generated logs, which have what gateways do send.
const std::set<std::pair<std::string, std::string>> undocumented_in_logs{
    {"AvatarDecoration", "expires_at"},
    {"Channel", "template"},
    {"Guild", "application_command_counts"},
    {"Guild", "embedded_activities"},
    {"Guild", "guild_id"},
    {"Guild", "hub_type"},
    {"Guild", "latest_onboarding_question_id"},
    {"Guild", "lazy"},
    {"Guild", "nsfw"},
    {"Guild", "version"},
    {"OwnUser", "bio"},
    {"ThreadMember", "guild_id"},  // Around the member in THREAD_MEMBER_UPDATE.
};

/// Keys that odd logs have anywhere, and a field that is of another type there.
constexpr std::string_view odd_keys[] = {"_future", "hoisted_role"};
constexpr std::string_view odd_field = "Presence/client_status";

bool matches(std::string_view pattern, const std::string& name) {
  return fnmatch(std::string(pattern).c_str(), name.c_str(), 0) == 0;
}

std::filesystem::path fixtures_folder() {
  const char* shared = std::getenv("SAKE_SHARED");
  const char* root = std::getenv("SAKE_SOURCE_ROOT");
  const std::filesystem::path base = shared != nullptr ? std::filesystem::path(shared)
                                     : root != nullptr ? std::filesystem::path(root) / ".." / "shared"
                                                       : std::filesystem::path("shared");
  return base / "spec" / "fixtures";
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  REQUIRE_MESSAGE(file.good(), path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Compares what an event's "d" carries. False: the event carries no resources.
bool compare_event(const std::string& event, const JsonView& d, const json& expected, test::Comparison& comparison) {
  bool has_parts = false;
  for (const test::EventPart& part : test::event_parts()) {
    if (part.event != event) continue;
    has_parts = true;
    for (const auto& [view, json] : test::parts(d, expected, part.pointer))
      test::compare(part.model, view, json, comparison);
  }
  return has_parts;
}

/// Of an example whose name says so.
std::string event_of(const std::string& name) {
  if (name.starts_with("hikari-event__")) return name.substr(14, name.find("--") - 14);
  for (const auto& [pattern, event] : events)
    if (matches(pattern, name)) return std::string(event);
  return {};
}

/// The same for one that is a little wrong.
void compare_mutations(std::string_view model, std::string_view text, test::Random& random) {
  for (const test::Mutation& mutation : test::mutations(std::string(text), random)) {
    test::Comparison comparison;
    if (mutation.is_json)
      test::compare_text(model, mutation.text, comparison);
    else
      test::compare(model, JsonView(mutation.text), json::array(), comparison);
    for (const std::string& difference : comparison.differences) FAIL_CHECK(mutation.kind << ": " << difference);
  }
}

/// Whether anything says what the example is.
bool compare_example(const std::string& name, const std::string& text, test::Comparison& comparison,
                     std::vector<int>& used, test::Random& random) {
  json expected = json::parse(text);
  JsonView view(text);
  if (const std::string event = event_of(name); !event.empty()) {
    compare_event(event, view, expected, comparison);
    return true;
  }
  if (expected.is_object() && (expected.contains("op") || expected.contains("plain_text"))) {  // A frame.
    if (expected.contains("t") && expected["t"].is_string())
      compare_event(expected["t"], view["d"], expected["d"], comparison);
    return true;
  }
  bool is_known = false;
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    if (!matches(rows[i].files, name)) continue;
    is_known = true;
    for (const auto& [part, json] : test::parts(view, expected, rows[i].pointer)) {
      ++used[i];
      if (json.is_object() && !json.empty() && part.json().size() < 12'000)
        compare_mutations(rows[i].model, part.json(), random);
      test::compare(rows[i].model, part, json, comparison);
    }
  }
  for (const std::string_view pattern : no_resource) is_known |= matches(pattern, name);
  return is_known;
}

}  // namespace

TEST_CASE("each example of a resource reads through its model as another reader of JSON sees it") {
  const std::filesystem::path folder = fixtures_folder();
  if (!std::filesystem::exists(folder / "index.md")) {
    std::cout << "SKIPPED: there are no payload examples at " << folder
              << "; SAKE_SHARED names the folder above spec\n";
    return;
  }
  std::uint64_t files = 0;
  std::uint64_t fields = 0;
  std::uint64_t values = 0;
  std::vector<int> used(std::size(rows));
  test::Random random(5);
  std::set<std::pair<std::string, std::string>> unknown;
  std::set<std::string> models;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    ++files;
    const std::string name = entry.path().stem();
    test::Comparison comparison;
    CHECK_MESSAGE(compare_example(name, read_file(entry.path()), comparison, used, random),
                  "nothing says what " << name << " is");
    for (const std::string& difference : comparison.differences) FAIL_CHECK(name << ": " << difference);
    for (const std::string& path : comparison.invalid) FAIL_CHECK(name << ": " << path << " is not as documented");
    for (const auto& each : comparison.unknown) {
      unknown.insert(each);
      CHECK_MESSAGE(undocumented.contains(each),
                    "{\"" << each.first << "\", \"" << each.second << "\"}, is unknown to its model; " << name);
    }
    fields += comparison.fields;
    values += comparison.values;
    models.insert(comparison.models.begin(), comparison.models.end());
  }
  for (std::size_t i = 0; i < std::size(rows); ++i)
    CHECK_MESSAGE(used[i] > 0, rows[i].files << rows[i].pointer << " matches nothing");
  for (const auto& [model, key] : undocumented)
    CHECK_MESSAGE(unknown.contains({model, key}), model << "." << key << " is gone");
  std::string missed;
  for (const std::string_view model : test::model_names())
    if (!models.contains(std::string(model))) missed += " " + std::string(model);
  MESSAGE(files << " examples, " << fields << " fields, " << values << " of them with values, " << models.size()
                << " models; none of" << missed);
  CHECK(files >= 396);
  CHECK(values > 5000);
}

TEST_CASE("each entity of a generated log reads through its model as another reader of JSON sees it") {
  std::uint64_t fields = 0;
  std::uint64_t values = 0;
  std::set<std::string> models;
  for (const bool quirks : {false, true}) {
    test::GatewayLog log({.seed = 11, .guilds = 4, .members = 10, .frames = 600, .quirks = quirks});
    for (std::string frame; log.next(frame);) {
      const json expected = json::parse(frame);
      if (expected.at("op") != 0) continue;
      test::Comparison comparison;
      const std::string event = expected.at("t");
      compare_event(event, JsonView(frame)["d"], expected.at("d"), comparison);
      for (const std::string& difference : comparison.differences) FAIL_CHECK(event << ": " << difference);
      for (const std::string& path : comparison.invalid)
        CHECK_MESSAGE((quirks && path == odd_field), event << ": " << path << " is not as documented");
      for (const auto& [model, key] : comparison.unknown) {
        const bool is_odd = quirks && std::ranges::find(odd_keys, key) != std::end(odd_keys);
        CHECK_MESSAGE((is_odd || undocumented_in_logs.contains({model, key})),
                      event << ": " << model << " knows nothing of " << key);
      }
      fields += comparison.fields;
      values += comparison.values;
      models.insert(comparison.models.begin(), comparison.models.end());
    }
  }
  MESSAGE(fields << " fields, " << values << " of them with values, " << models.size() << " models");
  CHECK(values > 30'000);
}
