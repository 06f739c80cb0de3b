// Messages: MESSAGE_*, and the users and members that ride along with them.

#include "base/snowflake.h"
#include "json/edit.h"
#include "resources/entities.h"
#include "resources/flows.h"
#include "resources/handlers.h"

namespace sake::resources {
namespace {

using store::Action;
using store::ReferenceKey;

/// Discord shows an ephemeral message to one user; it is not cached.
constexpr std::int64_t flag_ephemeral = 1 << 6;

/// A webhook's author is the webhook's own id and name. An answer to an interaction has a real one.
bool has_webhook_author(json::Value message) {
  return !message["webhook_id"].is_null_or_missing() && !message["interaction_metadata"].is_object() &&
         !message["interaction"].is_object();
}

}  // namespace

void harvest_message(Event& event, json::Value message, bool with_members) {
  const json::Value author = message["author"];
  const bool webhook = has_webhook_author(message);
  if (author.is_object() && !webhook) put_user(event, author);
  const json::Value mentions = message["mentions"];
  if (mentions.is_array())
    for (json::Value mention : mentions.children()) put_user(event, mention);
  put_user_of(event, message["interaction_metadata"]);
  const json::Value referenced = message["referenced_message"];
  if (referenced.is_object() && !has_webhook_author(referenced)) put_user(event, referenced["author"]);

  const auto guild = event.optional_id(message, "guild_id");
  if (!with_members || !guild) return;
  if (!webhook) harvest_member(event, *guild, message["member"], author);
  if (mentions.is_array())
    for (json::Value mention : mentions.children()) harvest_member(event, *guild, mention["member"], mention);
}

void message_create(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t id = event.id(d, "id");
  const std::uint64_t channel = event.id(d, "channel_id");
  const auto guild = event.optional_id(d, "guild_id");
  event.optional_array(d, "mentions");
  const json::Value author = event.optional_object(d, "author");
  if ((d["flags"].integer().value_or(0) & flag_ephemeral) != 0) {
    if (!has_webhook_author(d)) put_user(event, author);
    return;
  }
  harvest_message(event, d, true);
  std::optional<std::uint64_t> author_id;
  if (author) author_id = event.optional_id(author, "id");
  put_message(event, id, channel, guild, author_id, [&](json::Pieces& pieces) { pieces.push_back(d.text()); });
  if (event.settings().policies.track_channel_activity && event.uses(Resource::channel))
    event.spawn_last(touch_channel, channel, id);
}

Flow message_update(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t id = event.id(d, "id");
  event.id(d, "channel_id");
  event.optional_array(d, "mentions");
  harvest_message(event, d, false);
  const Slot stored = event.get(Resource::message, id);
  co_await event.turn();
  merge_message(event, stored, d);
}

void merge_message(Event& event, Slot slot, json::Value change) {
  const json::Value stored = event.stored(slot, 2);
  if (!stored || !change.is_object()) return;
  const auto id = change["id"].snowflake();
  const auto channel = stored["channel_id"].snowflake();
  if (!id || !channel) return;

  // `tts` is always false in an update. Without `results` the counts of a poll are unknown, not none.
  const bool keep_tts = static_cast<bool>(stored["tts"]);
  const json::Value poll = change["poll"];
  const json::Value results = stored["poll"]["results"];
  const bool keep_results = poll.is_object() && !poll["results"] && results;
  put_message(event, *id, *channel, stored["guild_id"].snowflake(), stored["author"]["id"].snowflake(),
              [&](json::Pieces& pieces) {
                base::Arena& arena = event.out().arena();
                json::ObjectWriter out(pieces);
                json::write_merged(out, stored, change, [&](json::Value field) {
                  return !(keep_tts && field.key_equals("tts")) && !(keep_results && field.key_equals("poll")) &&
                         !(field.key_equals("guild_id") && field.is_null());
                });
                if (keep_results) {
                  json::Pieces merged;
                  json::write_with(merged, arena, poll, {{"results", results.text()}});
                  out.members(arena.join("\"poll\":", json::joined(arena, merged)));
                }
                out.close();
              });
}

void message_delete(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t id = event.id(d, "id");
  drop_message(event, id, event.id(d, "channel_id"), event.optional_id(d, "guild_id"));
}

void message_delete_bulk(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t channel = event.id(d, "channel_id");
  const auto guild = event.optional_id(d, "guild_id");
  for (json::Value entry : event.array(d, "ids").children()) {
    if (const auto id = entry.snowflake()) {
      drop_message(event, *id, channel, guild);
    } else {
      event.reject("ids", "holds something that is not an id");
    }
  }
}

Flow drop_read_message(Event& event) {
  const std::uint64_t message = event.argument(0);
  const Slot slot = event.get(Resource::message, message);
  co_await event.turn();
  const SecondaryIndices& indices = event.settings().indices;
  const json::Value stored = event.stored(slot, 2);
  const auto leave = [&](bool is_on, store::Owner owner, std::optional<std::uint64_t> id) {
    if (is_on && id)
      event.out().add(Action::remove_entry, ReferenceKey{owner, *id, Resource::message}).member = message;
  };
  leave(indices.messages_by_author, store::Owner::user, stored["author"]["id"].snowflake());
  leave(indices.messages_by_channel, store::Owner::channel, stored["channel_id"].snowflake());
  leave(indices.messages_by_guild, store::Owner::guild, stored["guild_id"].snowflake());
  event.out().add(Action::erase, Resource::message, message);
}

Flow drop_entries(Event& event) {
  const auto owner = static_cast<store::Owner>(event.argument(0));
  const auto resource = static_cast<Resource>(event.argument(2));
  const ReferenceKey index{owner, event.argument(1), resource};
  const ReferenceKey of_guild{store::Owner::guild, event.argument(3), resource};
  const SecondaryIndices& indices = event.settings().indices;
  co_await event.turn();
  const bool is_channel = owner == store::Owner::channel;
  const bool in_guild_too =
      is_channel && (resource == Resource::invite ? indices.invites_by_guild : indices.messages_by_guild);
  // What else lists a message only its record can tell.
  const bool read_first =
      resource == Resource::message && (indices.messages_by_author || (!is_channel && indices.messages_by_channel));
  const Slot entries = event.read(Action::entries, index);
  for (;;) {
    co_await event.settled();
    const Answer& answer = event.answer(entries);
    if (answer.size() == 0) break;
    for (std::size_t i = 0; i < answer.size(); ++i) {
      const auto id = base::parse_snowflake(answer[i]);
      if (resource == Resource::invite) {
        event.out().add(Action::erase, resource, 0).text = event.out().arena().store(answer[i]);
      } else if (id && read_first) {
        event.spawn_next(drop_read_message, *id);
      } else if (id) {
        event.out().add(Action::erase, resource, *id);
      }
    }
    for (std::size_t i = 0; i < answer.size(); ++i)
      event.out().add(Action::remove_entry, index).text = event.out().arena().store(answer[i]);
    for (std::size_t i = 0; in_guild_too && i < answer.size(); ++i)
      event.out().add(Action::remove_entry, of_guild).text = event.out().arena().store(answer[i]);
    event.again(entries, {});
  }
}

}  // namespace sake::resources
