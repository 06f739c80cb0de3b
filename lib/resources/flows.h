#pragma once

// Stories that no gateway event tells by itself: parts of cascades, and what runs in the background. Their arguments
// come by Event::spawn_*.

#include "resources/event.h"

namespace sake::resources {

Flow leave_guild(Event& event);           ///< (guild): removes everything of a guild.
Flow mark_unavailable(Event& event);      ///< (guild): sets the flag in the record, if there is one.
Flow reconcile(Event& event);             ///< (session): leaves the guilds of the shard that READY did not list.
Flow adopt_guilds(Event& event);          ///< (): the guilds of the shard become owned.
Flow renew_guild(Event& event);           ///< (guild): renews the lifetime of all its keys.
Flow drop_empty_voice_set(Event& event);  ///< (channel): when only the marker is left in it.
Flow drop_read_message(Event& event);     ///< (message): with its entries in all indices, which only it can tell.
Flow extend_index(Event& event);          ///< (owner, id, resource): it lives as long as its longest entry.
Flow drop_entries(Event& event);          ///< (owner, id, resource, guild): the messages or invites of an index.
Flow drop_threads(Event& event);          ///< (channel, guild): its threads with their messages.
Flow drop_read_thread(Event& event);      ///< (guild, thread, with messages): its parent only the record can tell.
Flow drop_stages(Event& event);           ///< (guild, channel, kept): the channel's stage instances but one.
Flow settle_members(Event& event);        ///< (guild, token): removes whom a run of chunks did not list.
Flow scrub_role(Event& event);            ///< (guild, role): takes the role out of the guild's members.

}  // namespace sake::resources
