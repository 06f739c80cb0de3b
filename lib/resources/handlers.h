#pragma once

// One function per gateway event, or per few of the same kind; resources/table.cc says which. A plain function applies
// an event that needs to read nothing; a Flow is told across reads.

#include "resources/event.h"

namespace sake::resources {

// guild.cc
Flow guild_create(Event& event);
Flow guild_update(Event& event);
Flow guild_delete(Event& event);
/// The host's own: its record alone.
void set_guild(Event& event);
/// Sets the flag in the stored record, if there is one.
void write_unavailable(Event& event, std::uint64_t guild, Slot stored);

// session.cc
void ready(Event& event);
void resumed(Event& event);
void user_update(Event& event);

// member.cc
Flow guild_member_add(Event& event);
Flow guild_member_update(Event& event);
Flow guild_member_remove(Event& event);
Flow guild_members_chunk(Event& event);
void rate_limited(Event& event);
void guild_ban(Event& event);
void presence_update(Event& event);
void typing_start(Event& event);

// kinds.cc
/// What the row's kind says.
void listed_upsert(Event& event);
void listed_delete(Event& event);
Flow listed_replace(Event& event);

// stage.cc
void stage_instance_create(Event& event);

// scheduled_event.cc
Flow scheduled_event_upsert_told(Event& event);
/// The count of interested users survives an event that does not say it.
bool lacks_user_count(const Event& event) noexcept;
Flow scheduled_event_user_add(Event& event);
Flow scheduled_event_user_remove(Event& event);

// thread.cc
Flow thread_upsert(Event& event);
Flow thread_delete(Event& event);
Flow thread_list_sync(Event& event);
Flow thread_member_update(Event& event);
Flow thread_members_update(Event& event);

// role.cc
void guild_role_upsert(Event& event);
void guild_role_delete(Event& event);

// channel.cc
Flow channel_upsert(Event& event);
Flow channel_delete(Event& event);
Flow channel_pins_update(Event& event);
Flow channel_info(Event& event);
Flow voice_channel_status_update(Event& event);
Flow voice_channel_start_time_update(Event& event);

// voice.cc
Flow voice_state_update(Event& event);

// message.cc
void message_create(Event& event);
Flow message_update(Event& event);
Flow message_create_told(Event& event);
/// With policy track_channel_activity, and where a thread rides along.
bool message_create_needs_reads(const Event& event) noexcept;
void message_delete(Event& event);
void message_delete_bulk(Event& event);
Flow message_delete_told(Event& event);
Flow message_delete_bulk_told(Event& event);
/// The index by author only the stored message can tell; with policy track_channel_activity its thread is counted.
bool message_delete_needs_reads(const Event& event) noexcept;
/// Users and members that ride along with a message.
void harvest_message(Event& event, json::Value message, bool with_members);
/// The stored message with what `change` says, if both are there.
void merge_message(Event& event, Slot stored, json::Value change);

// reaction.cc
Flow message_reaction_add(Event& event);
Flow message_reaction_remove(Event& event);
Flow message_reaction_remove_all(Event& event);
Flow message_reaction_remove_emoji(Event& event);
Flow message_poll_vote_add(Event& event);
Flow message_poll_vote_remove(Event& event);

// invite.cc
void invite_create(Event& event);
void invite_delete(Event& event);

// interaction.cc
Flow interaction_create(Event& event);

}  // namespace sake::resources
