#include "resources/table.h"

#include <algorithm>
#include <array>

#include "resources/handlers.h"

namespace sake::resources {
namespace {

constexpr Row applied(std::string_view event, LaneOf lane, std::uint8_t depth, void (*apply)(Event&)) {
  return {event, lane, depth, apply, nullptr, nullptr, false};
}
constexpr Row told(std::string_view event, LaneOf lane, std::uint8_t depth, Flow (*flow)(Event&),
                   bool outlives_leave = false) {
  return {event, lane, depth, nullptr, flow, nullptr, outlives_leave};
}
constexpr Row either(std::string_view event, LaneOf lane, std::uint8_t depth, void (*apply)(Event&),
                     Flow (*flow)(Event&), bool (*needs_reads)(const store::Settings&) noexcept) {
  return {event, lane, depth, apply, flow, needs_reads, false};
}
constexpr Row nothing(std::string_view event) { return {event}; }

using enum LaneOf;

// clang-format off
constexpr std::array rows{
    nothing("APPLICATION_COMMAND_PERMISSIONS_UPDATE"),
    nothing("AUTO_MODERATION_ACTION_EXECUTION"),
    nothing("AUTO_MODERATION_RULE_CREATE"),
    nothing("AUTO_MODERATION_RULE_DELETE"),
    nothing("AUTO_MODERATION_RULE_UPDATE"),
    told("CHANNEL_CREATE", channel, 3, channel_upsert),
    told("CHANNEL_DELETE", channel, 1, channel_delete),
    told("CHANNEL_INFO", guild, 3, channel_info),
    told("CHANNEL_PINS_UPDATE", guild, 1, channel_pins_update),
    told("CHANNEL_UPDATE", channel, 3, channel_upsert),
    nothing("ENTITLEMENT_CREATE"),
    nothing("ENTITLEMENT_DELETE"),
    nothing("ENTITLEMENT_UPDATE"),
    nothing("GUILD_AUDIT_LOG_ENTRY_CREATE"),
    applied("GUILD_BAN_ADD", guild, 2, guild_ban),
    applied("GUILD_BAN_REMOVE", guild, 2, guild_ban),
    told("GUILD_CREATE", id, 4, guild_create, true),
    told("GUILD_DELETE", id, 1, guild_delete, true),
    told("GUILD_EMOJIS_UPDATE", guild, 4, guild_emojis_update),
    nothing("GUILD_INTEGRATIONS_UPDATE"),
    told("GUILD_MEMBERS_CHUNK", guild, 4, guild_members_chunk),
    told("GUILD_MEMBER_ADD", guild, 2, guild_member_add),
    told("GUILD_MEMBER_REMOVE", guild, 2, guild_member_remove),
    told("GUILD_MEMBER_UPDATE", guild, 2, guild_member_update),
    applied("GUILD_ROLE_CREATE", guild, 2, guild_role_upsert),
    applied("GUILD_ROLE_DELETE", guild, 1, guild_role_delete),
    applied("GUILD_ROLE_UPDATE", guild, 2, guild_role_upsert),
    nothing("GUILD_SCHEDULED_EVENT_CREATE"),
    nothing("GUILD_SCHEDULED_EVENT_DELETE"),
    nothing("GUILD_SCHEDULED_EVENT_UPDATE"),
    nothing("GUILD_SCHEDULED_EVENT_USER_ADD"),
    nothing("GUILD_SCHEDULED_EVENT_USER_REMOVE"),
    nothing("GUILD_SOUNDBOARD_SOUNDS_UPDATE"),
    nothing("GUILD_SOUNDBOARD_SOUND_CREATE"),
    nothing("GUILD_SOUNDBOARD_SOUND_DELETE"),
    nothing("GUILD_SOUNDBOARD_SOUND_UPDATE"),
    nothing("GUILD_STICKERS_UPDATE"),
    told("GUILD_UPDATE", id, 4, guild_update),
    nothing("INTEGRATION_CREATE"),
    nothing("INTEGRATION_DELETE"),
    nothing("INTEGRATION_UPDATE"),
    told("INTERACTION_CREATE", guild, 7, interaction_create),
    applied("INVITE_CREATE", guild, 2, invite_create),
    applied("INVITE_DELETE", guild, 1, invite_delete),
    either("MESSAGE_CREATE", guild, 5, message_create, message_create_told, tracks_channel_activity),
    either("MESSAGE_DELETE", guild, 1, message_delete, message_delete_told, indexes_authors),
    either("MESSAGE_DELETE_BULK", guild, 2, message_delete_bulk, message_delete_bulk_told, indexes_authors),
    told("MESSAGE_POLL_VOTE_ADD", guild, 1, message_poll_vote_add),
    told("MESSAGE_POLL_VOTE_REMOVE", guild, 1, message_poll_vote_remove),
    told("MESSAGE_REACTION_ADD", guild, 3, message_reaction_add),
    told("MESSAGE_REACTION_REMOVE", guild, 2, message_reaction_remove),
    told("MESSAGE_REACTION_REMOVE_ALL", guild, 1, message_reaction_remove_all),
    told("MESSAGE_REACTION_REMOVE_EMOJI", guild, 2, message_reaction_remove_emoji),
    told("MESSAGE_UPDATE", guild, 4, message_update),
    applied("PRESENCE_UPDATE", guild, 2, presence_update),
    nothing("RATE_LIMITED"),
    applied("READY", none, 3, ready),
    applied("RESUMED", none, 1, resumed),
    nothing("SOUNDBOARD_SOUNDS"),
    nothing("STAGE_INSTANCE_CREATE"),
    nothing("STAGE_INSTANCE_DELETE"),
    nothing("STAGE_INSTANCE_UPDATE"),
    nothing("SUBSCRIPTION_CREATE"),
    nothing("SUBSCRIPTION_DELETE"),
    nothing("SUBSCRIPTION_UPDATE"),
    nothing("THREAD_CREATE"),
    nothing("THREAD_DELETE"),
    nothing("THREAD_LIST_SYNC"),
    applied("THREAD_MEMBERS_UPDATE", guild, 5, thread_members_update),
    nothing("THREAD_MEMBER_UPDATE"),
    nothing("THREAD_UPDATE"),
    applied("TYPING_START", guild, 3, typing_start),
    applied("USER_UPDATE", none, 1, user_update),
    nothing("VOICE_CHANNEL_EFFECT_SEND"),
    told("VOICE_CHANNEL_START_TIME_UPDATE", channel, 1, voice_channel_start_time_update),
    told("VOICE_CHANNEL_STATUS_UPDATE", channel, 1, voice_channel_status_update),
    nothing("VOICE_SERVER_UPDATE"),
    told("VOICE_STATE_UPDATE", guild, 3, voice_state_update),
    nothing("WEBHOOKS_UPDATE"),
};
// clang-format on

static_assert(rows.size() == 79, "Discord documents 79 dispatch events");
static_assert(std::ranges::is_sorted(rows, {}, &Row::event), "find_row() searches by bisection");
static_assert(std::ranges::adjacent_find(rows, {}, &Row::event) == rows.end(), "one row per event");

}  // namespace

std::span<const Row> table() noexcept { return rows; }

const Row* find_row(std::string_view event) noexcept {
  const auto found = std::ranges::lower_bound(rows, event, {}, &Row::event);
  return found != rows.end() && found->event == event ? &*found : nullptr;
}

}  // namespace sake::resources
