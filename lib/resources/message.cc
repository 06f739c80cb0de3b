// Messages: MESSAGE_*, and the users and members that ride along with them.

#include "base/snowflake.h"
#include "json/edit.h"
#include "resources/entities.h"
#include "resources/flows.h"
#include "resources/handlers.h"
#include "resources/thread.h"

namespace sake::resources {
namespace {

using store::Action;
using store::ReferenceKey;

/// No thread has more messages; what is stored beyond it is not ours.
constexpr std::int64_t count_max = 1'000'000'000'000;

/// Discord shows an ephemeral message to one user; it is not cached.
constexpr std::int64_t flag_ephemeral = 1 << 6;

bool is_ephemeral(json::Value message) noexcept {
  return (message["flags"].integer().value_or(0) & flag_ephemeral) != 0;
}

/// A webhook's author is the webhook's own id and name. An answer to an interaction has a real one.
bool has_webhook_author(json::Value message) {
  return !message["webhook_id"].is_null_or_missing() && !message["interaction_metadata"].is_object() &&
         !message["interaction"].is_object();
}

std::vector<std::uint64_t> ids_of(Event& event, json::Value d) {
  std::vector<std::uint64_t> ids;
  for (json::Value entry : event.array(d, "ids").children()) {
    if (const auto id = entry.snowflake()) {
      ids.push_back(*id);
    } else {
      event.reject("ids", "holds something that is not an id");
    }
  }
  return ids;
}

bool indexes_authors(const store::Settings& settings) noexcept {
  return settings.indices.messages_by_author && settings.uses(Resource::message);
}

bool counts_in_threads(const store::Settings& settings) noexcept {
  return settings.policies.track_channel_activity && settings.uses(Resource::thread);
}

/// The thread that starts at a message, which rides along with it.
struct Started {
  std::uint64_t guild;
  Thread thread;
  Slot stored;
};

std::optional<Started> started_thread(Event& event, json::Value message) {
  const json::Value object = message["thread"];
  const auto guild = event.optional_id(message, "guild_id");
  if (!object.is_object() || !guild || !event.uses(Resource::thread)) return std::nullopt;
  const Thread thread = thread_of(event, object);
  return Started{*guild, thread, event.get(Resource::thread, thread.id)};
}

/// What a message changes about the channel or thread it is in. Told from a repeated one by its id: those of a channel
/// rise.
void note_activity(Event& event, Resource resource, std::uint64_t channel, std::uint64_t message, json::Value stored) {
  if (!stored) return;
  const bool is_thread = resource == Resource::thread;
  if (is_thread && stored["last_message_id"].snowflake().value_or(0) >= message) return;
  base::Arena& arena = event.out().arena();
  // The first message of a thread shares its id and is not counted.
  const auto counted = [&](std::string_view key) {
    const auto count = stored[key].integer();
    if (!count || *count < 0 || *count >= count_max || message == channel) return stored[key].text();
    return arena.store(base::Decimal(static_cast<std::uint64_t>(*count + 1)).view());
  };
  event.out().set(resource, channel, [&](json::Pieces& pieces) {
    const std::string_view last = arena.join("\"", base::Decimal(message).view(), "\"");
    if (is_thread) {
      json::write_with(pieces, arena, stored,
                       {{"last_message_id", last},
                        {"message_count", counted("message_count")},
                        {"total_message_sent", counted("total_message_sent")}});
    } else {
      json::write_with(pieces, arena, stored, {{"last_message_id", last}});
    }
  });
}

/// Messages to be deleted, and what must be known for it.
struct Doomed {
  std::vector<std::uint64_t> ids;
  std::vector<Slot> stored;  ///< None where nothing hangs on their authors.
  Slot thread;               ///< 0 where it does not count them.
};

Doomed doomed(Event& event, std::vector<std::uint64_t> ids) {
  Doomed found{std::move(ids), {}, 0};
  const std::uint64_t channel = event.id(event.data(), "channel_id");
  event.optional_id(event.data(), "guild_id");
  if (indexes_authors(event.settings()))
    for (std::uint64_t id : found.ids) found.stored.push_back(event.get(Resource::message, id));
  if (counts_in_threads(event.settings())) found.thread = event.get(Resource::thread, channel);
  return found;
}

void drop_doomed(Event& event, const Doomed& messages) {
  const auto channel = event.data()["channel_id"].snowflake();
  const auto guild = event.data()["guild_id"].snowflake();
  for (std::size_t i = 0; i < messages.ids.size(); ++i) {
    std::optional<std::uint64_t> author;
    if (!messages.stored.empty()) author = event.stored(messages.stored[i], 2)["author"]["id"].snowflake();
    drop_message(event, messages.ids[i], channel, guild, author);
  }
  if (messages.thread != 0)
    change_count(event, Resource::thread, *channel, event.stored(messages.thread), "message_count",
                 -static_cast<std::int64_t>(messages.ids.size()));
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
  if (is_ephemeral(d)) {
    if (!has_webhook_author(d)) put_user(event, author);
    return;
  }
  harvest_message(event, d, true);
  std::optional<std::uint64_t> author_id;
  if (author) author_id = event.optional_id(author, "id");
  put_message(event, id, channel, guild, author_id, [&](json::Pieces& pieces) { pieces.push_back(d.text()); });
}

bool message_create_needs_reads(const Event& event) noexcept {
  const bool tracks = event.settings().policies.track_channel_activity;
  return (tracks && event.uses(Resource::channel)) ||
         (event.uses(Resource::thread) && (tracks || event.data()["thread"].is_object()));
}

Flow message_create_told(Event& event) {
  message_create(event);
  const json::Value d = event.data();
  if (is_ephemeral(d)) co_return;
  const std::uint64_t id = event.id(d, "id");
  const std::uint64_t channel = event.id(d, "channel_id");
  const bool tracks = event.settings().policies.track_channel_activity;
  const Slot in_channel = tracks ? event.get(Resource::channel, channel) : 0;
  const Slot in_thread = tracks ? event.get(Resource::thread, channel) : 0;
  const auto started = started_thread(event, d);
  co_await event.turn();
  if (tracks) {
    note_activity(event, Resource::channel, channel, id, event.stored(in_channel));
    note_activity(event, Resource::thread, channel, id, event.stored(in_thread));
  }
  if (started) merge_thread(event, started->guild, started->thread, event.stored(started->stored));
}

Flow message_update(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t id = event.id(d, "id");
  event.id(d, "channel_id");
  event.optional_array(d, "mentions");
  harvest_message(event, d, false);
  const Slot stored = event.get(Resource::message, id);
  const auto started = started_thread(event, d);
  co_await event.turn();
  merge_message(event, stored, d);
  if (started) merge_thread(event, started->guild, started->thread, event.stored(started->stored));
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
  drop_message(event, id, event.id(d, "channel_id"), event.optional_id(d, "guild_id"), std::nullopt);
}

void message_delete_bulk(Event& event) {
  const json::Value d = event.data();
  const std::uint64_t channel = event.id(d, "channel_id");
  const auto guild = event.optional_id(d, "guild_id");
  for (std::uint64_t id : ids_of(event, d)) drop_message(event, id, channel, guild, std::nullopt);
}

bool message_delete_needs_reads(const Event& event) noexcept {
  return indexes_authors(event.settings()) || counts_in_threads(event.settings());
}

Flow message_delete_told(Event& event) {
  const Doomed messages = doomed(event, {event.id(event.data(), "id")});
  co_await event.turn();
  drop_doomed(event, messages);
}

Flow message_delete_bulk_told(Event& event) {
  const Doomed messages = doomed(event, ids_of(event, event.data()));
  co_await event.turn();
  drop_doomed(event, messages);
}

Flow drop_read_message(Event& event) {
  const std::uint64_t message = event.argument(0);
  const Slot slot = event.get(Resource::message, message);
  co_await event.turn();
  const json::Value stored = event.stored(slot, 2);
  drop_message(event, message, stored["channel_id"].snowflake(), stored["guild_id"].snowflake(),
               stored["author"]["id"].snowflake());
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
  const Slot slot = event.read(Action::entries, index);
  for (;;) {
    co_await event.settled();
    const Answer& answer = event.answer(slot);
    std::vector<std::string_view> entries;
    for (std::size_t i = 0; i < answer.size(); ++i) entries.push_back(event.out().arena().store(answer[i]));
    if (entries.empty()) break;
    for (std::string_view entry : entries) {
      const auto id = base::parse_snowflake(entry);
      if (resource == Resource::invite) {
        event.out().add(Action::erase, resource, 0).text = entry;
      } else if (id && read_first) {
        event.spawn_next(drop_read_message, *id);
      } else if (id) {
        event.out().add(Action::erase, resource, *id);
      }
    }
    // Behind the entities. An entry whose entity has expired goes too.
    if (read_first) co_await event.settled();
    for (std::string_view entry : entries) event.out().add(Action::remove_entry, index).text = entry;
    if (in_guild_too)
      for (std::string_view entry : entries) event.out().add(Action::remove_entry, of_guild).text = entry;
    event.again(slot, {});
  }
}

}  // namespace sake::resources
