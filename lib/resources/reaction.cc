// Reactions and poll votes: they change a stored message and nothing else. One read each, and nothing is written when
// the message is not cached. Counters are not idempotent: replayed frames are told apart by their sequence number.

#include <algorithm>

#include "base/snowflake.h"
#include "json/edit.h"
#include "resources/entities.h"
#include "resources/handlers.h"

namespace sake::resources {
namespace {

struct Target {
  std::uint64_t message = 0;
  Slot slot = 0;
};

/// Reads the message that the event is about; nothing when reactions are not tracked.
Target target(Event& event) {
  Target found;
  found.message = event.id(event.data(), "message_id");
  event.id(event.data(), "channel_id");
  if (event.settings().policies.track_reactions) found.slot = event.get(Resource::message, found.message);
  return found;
}

/// Stores the message with one field changed.
void put_changed(Event& event, const Target& target, json::Value stored, std::string_view key, std::string_view value) {
  const auto channel = stored["channel_id"].snowflake();
  const auto sent_channel = event.data()["channel_id"].snowflake();
  put_message(event, target.message, channel.value_or(sent_channel.value_or(0)), stored["guild_id"].snowflake(),
              stored["author"]["id"].snowflake(), [&](json::Pieces& pieces) {
                json::write_with(pieces, event.out().arena(), stored, {{key, value}});
              });
}

/// Custom emojis are told apart by their id, since their name may change; others by their name.
bool same_emoji(json::Value a, json::Value b) {
  const auto id_a = a["id"].snowflake();
  const auto id_b = b["id"].snowflake();
  if (id_a || id_b) return id_a == id_b;
  return a["name"].string() == b["name"].string();
}

constexpr std::string_view text_of(bool value) noexcept { return value ? "true" : "false"; }

/// No message has more of anything; what is stored beyond it is not ours.
constexpr std::int64_t count_max = 1'000'000'000'000;

std::int64_t count_of(json::Value value) noexcept {
  return std::clamp<std::int64_t>(value.integer().value_or(0), 0, count_max);
}

std::string_view number(base::Arena& arena, std::int64_t value) {
  return arena.store(base::Decimal(static_cast<std::uint64_t>(std::max<std::int64_t>(0, value))).view());
}

/// The entry of a reaction after one more or one less of it; empty when none is left.
std::string_view changed_entry(Event& event, json::Value entry, int change) {
  base::Arena& arena = event.out().arena();
  const json::Value d = event.data();
  const bool burst = d["burst"].is_true();
  const std::int64_t count = count_of(entry["count"]) + change;
  if (count <= 0) return {};
  const json::Value details = entry["count_details"];
  const std::int64_t bursts = count_of(details["burst"]) + (burst ? change : 0);
  const std::int64_t normal = count_of(details["normal"]) + (burst ? 0 : change);
  const auto user = d["user_id"].snowflake();
  const bool own = user && event.state().is_own(*user);
  const bool me = own && !burst ? change > 0 : entry["me"].is_true();
  const bool me_burst = own && burst ? change > 0 : entry["me_burst"].is_true();
  const json::Value sent_colors = d["burst_colors"];
  const bool new_colors = change > 0 && burst && sent_colors.is_array() && !sent_colors.children().empty();
  const std::string_view colors = new_colors              ? sent_colors.text()
                                  : entry["burst_colors"] ? entry["burst_colors"].text()
                                                          : "[]";
  const json::Value emoji = entry ? entry["emoji"] : d["emoji"];
  json::Pieces pieces;
  json::write_with(
      pieces, arena, entry,
      {{"emoji", emoji.text()},
       {"count", number(arena, count)},
       {"count_details", arena.join("{\"burst\":", number(arena, bursts), ",\"normal\":", number(arena, normal), "}")},
       {"me", text_of(me)},
       {"me_burst", text_of(me_burst)},
       {"burst_colors", colors}});
  return json::joined(arena, pieces);
}

/// The elements of `array` as a new array, each as `change(element)` gives it, those left out for which that is empty,
/// and `appended` behind them.
template <typename Change>
std::string_view rewritten(Event& event, json::Value array, Change change, std::string_view appended = {}) {
  json::Pieces pieces{"["};
  const auto add = [&](std::string_view text) {
    if (text.empty()) return;
    if (pieces.size() > 1) pieces.push_back(",");
    pieces.push_back(text);
  };
  for (json::Value element : array.children()) add(change(element));
  add(appended);
  pieces.push_back("]");
  return json::joined(event.out().arena(), pieces);
}

/// Levels below a message: reactions, entry, emoji, id.
constexpr unsigned reaction_depth = 4;
/// Levels below a message: poll, results, answer_counts, entry, count.
constexpr unsigned vote_depth = 5;

void change_reaction(Event& event, const Target& target, int change) {
  if (target.slot == 0) return;
  const json::Value stored = event.stored(target.slot, reaction_depth);
  if (!stored) return;
  const json::Value emoji = event.data()["emoji"];
  bool found = false;
  const auto changed = [&](json::Value entry) -> std::string_view {
    if (!same_emoji(entry["emoji"], emoji)) return entry.text();
    found = true;
    return changed_entry(event, entry, change);
  };
  const json::Value reactions = stored["reactions"];
  std::string_view value = rewritten(event, reactions, changed);
  if (!found) {
    if (change < 0) return;
    value = rewritten(
        event, reactions, [](json::Value entry) { return entry.text(); }, changed_entry(event, {}, change));
  }
  put_changed(event, target, stored, "reactions", value);
}

void change_vote(Event& event, const Target& target, int change) {
  if (target.slot == 0) return;
  const json::Value stored = event.stored(target.slot, vote_depth);
  const json::Value poll = stored["poll"];
  const json::Value results = poll["results"];
  if (!results.is_object()) return;  // Without results the counts are unknown.

  base::Arena& arena = event.out().arena();
  const auto answer = event.data()["answer_id"].integer();
  const auto user = event.data()["user_id"].snowflake();
  const bool own = user && event.state().is_own(*user);
  bool found = false;
  const json::Value counts = results["answer_counts"];
  const auto entry_after = [&](json::Value entry) {
    json::Pieces pieces;
    json::write_with(pieces, arena, entry,
                     {{"id", number(arena, *answer)},
                      {"count", number(arena, count_of(entry["count"]) + change)},
                      {"me_voted", text_of(own ? change > 0 : entry["me_voted"].is_true())}});
    return json::joined(arena, pieces);
  };
  std::string_view value = rewritten(event, counts, [&](json::Value entry) -> std::string_view {
    if (entry["id"].integer() != answer) return entry.text();
    found = true;
    return entry_after(entry);
  });
  if (!found)
    value = rewritten(
        event, counts, [](json::Value entry) { return entry.text(); }, entry_after({}));

  json::Pieces pieces;
  json::write_with(pieces, arena, results, {{"answer_counts", value}});
  const std::string_view new_results = json::joined(arena, pieces);
  pieces.clear();
  json::write_with(pieces, arena, poll, {{"results", new_results}});
  put_changed(event, target, stored, "poll", json::joined(arena, pieces));
}

/// Checks what a reaction or vote must name before anything is asked.
void check_reaction(Event& event) { event.object(event.data(), "emoji"); }
void check_vote(Event& event) {
  event.id(event.data(), "user_id");
  const auto answer = event.data()["answer_id"].integer();
  if (!answer || *answer < 0) event.reject("answer_id", "is not a number");
}

}  // namespace

Flow message_reaction_add(Event& event) {
  check_reaction(event);
  user_id_of(event, event.data());
  const Target message = target(event);
  if (const auto guild = event.optional_id(event.data(), "guild_id"))
    harvest_member(event, *guild, event.optional_object(event.data(), "member"));
  co_await event.turn();
  change_reaction(event, message, +1);
}

Flow message_reaction_remove(Event& event) {
  check_reaction(event);
  event.id(event.data(), "user_id");
  const Target message = target(event);
  co_await event.turn();
  change_reaction(event, message, -1);
}

Flow message_reaction_remove_all(Event& event) {
  const Target message = target(event);
  co_await event.turn();
  if (message.slot == 0) co_return;
  if (const json::Value stored = event.stored(message.slot, 2)) put_changed(event, message, stored, "reactions", "[]");
}

Flow message_reaction_remove_emoji(Event& event) {
  check_reaction(event);
  const Target message = target(event);
  co_await event.turn();
  if (message.slot == 0) co_return;
  const json::Value stored = event.stored(message.slot, reaction_depth);
  if (!stored) co_return;
  const json::Value emoji = event.data()["emoji"];
  bool found = false;
  const std::string_view value = rewritten(event, stored["reactions"], [&](json::Value entry) -> std::string_view {
    if (!same_emoji(entry["emoji"], emoji)) return entry.text();
    found = true;
    return {};
  });
  if (found) put_changed(event, message, stored, "reactions", value);
}

Flow message_poll_vote_add(Event& event) {
  check_vote(event);
  const Target message = target(event);
  co_await event.turn();
  change_vote(event, message, +1);
}

Flow message_poll_vote_remove(Event& event) {
  check_vote(event);
  const Target message = target(event);
  co_await event.turn();
  change_vote(event, message, -1);
}

}  // namespace sake::resources
