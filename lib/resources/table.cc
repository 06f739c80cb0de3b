#include "resources/table.h"

#include <algorithm>
#include <array>

#include "resources/handlers.h"
#include "resources/kinds.h"

namespace sake::resources {
namespace {

using Applied = void (*)(Event&);
using Told = Flow (*)(Event&);

constexpr Row applied(std::string_view event, LaneOf lane, std::uint8_t depth, Applied apply,
                      const Kind* kind = nullptr) {
  return {event, lane, depth, apply, nullptr, nullptr, kind, false};
}
constexpr Row told(std::string_view event, LaneOf lane, std::uint8_t depth, Told flow, const Kind* kind = nullptr) {
  return {event, lane, depth, nullptr, flow, nullptr, kind, false};
}
constexpr Row either(std::string_view event, LaneOf lane, std::uint8_t depth, Applied apply, Told flow,
                     bool (*needs_reads)(const Event&) noexcept, const Kind* kind = nullptr) {
  return {event, lane, depth, apply, flow, needs_reads, kind, false};
}
/// It says whether the bot is in the guild.
constexpr Row comes_or_goes(std::string_view event, std::uint8_t depth, Told flow) {
  return {event, LaneOf::id, depth, nullptr, flow, nullptr, nullptr, true};
}
constexpr Row nothing(std::string_view event) { return {event}; }

using enum LaneOf;

// clang-format off
constexpr std::array rows{
    nothing("APPLICATION_COMMAND_PERMISSIONS_UPDATE"),
    nothing("AUTO_MODERATION_ACTION_EXECUTION"),
    applied("AUTO_MODERATION_RULE_CREATE", guild, 1, listed_upsert, &auto_moderation_rules),
    applied("AUTO_MODERATION_RULE_DELETE", guild, 1, listed_delete, &auto_moderation_rules),
    applied("AUTO_MODERATION_RULE_UPDATE", guild, 1, listed_upsert, &auto_moderation_rules),
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
    comes_or_goes("GUILD_CREATE", 4, guild_create),
    comes_or_goes("GUILD_DELETE", 1, guild_delete),
    told("GUILD_EMOJIS_UPDATE", guild, 4, listed_replace, &emojis),
    nothing("GUILD_INTEGRATIONS_UPDATE"),
    told("GUILD_MEMBERS_CHUNK", guild, 4, guild_members_chunk),
    told("GUILD_MEMBER_ADD", guild, 2, guild_member_add),
    told("GUILD_MEMBER_REMOVE", guild, 2, guild_member_remove),
    told("GUILD_MEMBER_UPDATE", guild, 2, guild_member_update),
    applied("GUILD_ROLE_CREATE", guild, 2, guild_role_upsert),
    applied("GUILD_ROLE_DELETE", guild, 1, guild_role_delete),
    applied("GUILD_ROLE_UPDATE", guild, 2, guild_role_upsert),
    either("GUILD_SCHEDULED_EVENT_CREATE", guild, 2, listed_upsert, scheduled_event_upsert_told, lacks_user_count, &scheduled_events),
    applied("GUILD_SCHEDULED_EVENT_DELETE", guild, 2, listed_delete, &scheduled_events),
    either("GUILD_SCHEDULED_EVENT_UPDATE", guild, 2, listed_upsert, scheduled_event_upsert_told, lacks_user_count, &scheduled_events),
    told("GUILD_SCHEDULED_EVENT_USER_ADD", guild, 1, scheduled_event_user_add),
    told("GUILD_SCHEDULED_EVENT_USER_REMOVE", guild, 1, scheduled_event_user_remove),
    told("GUILD_SOUNDBOARD_SOUNDS_UPDATE", guild, 4, listed_replace, &soundboard_sounds),
    applied("GUILD_SOUNDBOARD_SOUND_CREATE", guild, 2, listed_upsert, &soundboard_sounds),
    applied("GUILD_SOUNDBOARD_SOUND_DELETE", guild, 1, listed_delete, &soundboard_sounds),
    applied("GUILD_SOUNDBOARD_SOUND_UPDATE", guild, 2, listed_upsert, &soundboard_sounds),
    told("GUILD_STICKERS_UPDATE", guild, 4, listed_replace, &stickers),
    told("GUILD_UPDATE", id, 4, guild_update),
    applied("INTEGRATION_CREATE", guild, 3, listed_upsert, &integrations),
    applied("INTEGRATION_DELETE", guild, 1, listed_delete, &integrations),
    applied("INTEGRATION_UPDATE", guild, 3, listed_upsert, &integrations),
    told("INTERACTION_CREATE", guild, 7, interaction_create),
    applied("INVITE_CREATE", guild, 2, invite_create),
    applied("INVITE_DELETE", guild, 1, invite_delete),
    either("MESSAGE_CREATE", guild, 5, message_create, message_create_told, message_create_needs_reads),
    either("MESSAGE_DELETE", guild, 1, message_delete, message_delete_told, message_delete_needs_reads),
    either("MESSAGE_DELETE_BULK", guild, 2, message_delete_bulk, message_delete_bulk_told, message_delete_needs_reads),
    told("MESSAGE_POLL_VOTE_ADD", guild, 1, message_poll_vote_add),
    told("MESSAGE_POLL_VOTE_REMOVE", guild, 1, message_poll_vote_remove),
    told("MESSAGE_REACTION_ADD", guild, 3, message_reaction_add),
    told("MESSAGE_REACTION_REMOVE", guild, 2, message_reaction_remove),
    told("MESSAGE_REACTION_REMOVE_ALL", guild, 1, message_reaction_remove_all),
    told("MESSAGE_REACTION_REMOVE_EMOJI", guild, 2, message_reaction_remove_emoji),
    told("MESSAGE_UPDATE", guild, 4, message_update),
    applied("PRESENCE_UPDATE", guild, 2, presence_update),
    applied("RATE_LIMITED", none, 2, rate_limited),
    applied("READY", none, 3, ready),
    applied("RESUMED", none, 1, resumed),
    told("SOUNDBOARD_SOUNDS", guild, 4, listed_replace, &soundboard_sounds),
    applied("STAGE_INSTANCE_CREATE", guild, 1, stage_instance_create, &stage_instances),
    applied("STAGE_INSTANCE_DELETE", guild, 1, listed_delete, &stage_instances),
    applied("STAGE_INSTANCE_UPDATE", guild, 1, listed_upsert, &stage_instances),
    nothing("SUBSCRIPTION_CREATE"),
    nothing("SUBSCRIPTION_DELETE"),
    nothing("SUBSCRIPTION_UPDATE"),
    told("THREAD_CREATE", channel, 2, thread_upsert),
    told("THREAD_DELETE", channel, 1, thread_delete),
    told("THREAD_LIST_SYNC", guild, 4, thread_list_sync),
    told("THREAD_MEMBERS_UPDATE", channel, 5, thread_members_update),
    told("THREAD_MEMBER_UPDATE", channel, 1, thread_member_update),
    told("THREAD_UPDATE", channel, 2, thread_upsert),
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
