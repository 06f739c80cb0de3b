// Invites: INVITE_CREATE and INVITE_DELETE. Discord is silent when one expires, so its lifetime is its end.

#include <charconv>

#include "base/timestamp.h"
#include "resources/edits.h"
#include "resources/entities.h"
#include "resources/flows.h"
#include "resources/handlers.h"

namespace sake::resources {
namespace {

/// When the invite ends by its own words, in milliseconds since 1970: expires_at, else created_at and max_age.
std::optional<std::int64_t> end_of(json::Value invite) {
  if (const auto end = base::parse_timestamp(invite["expires_at"].raw_string())) return end;
  const auto age = invite["max_age"].integer();
  const auto created = base::parse_timestamp(invite["created_at"].raw_string());
  if (created && age && *age > 0 && *age < (std::int64_t{1} << 32)) return *created + *age * 1000;
  return std::nullopt;
}

std::string_view code_of(Event& event, json::Value d) {
  const json::Value code = d["code"];
  const std::string text = code.string();
  if (text.empty()) event.reject("code", code.is_missing() ? "is missing" : "is not an invite code");
  return event.out().arena().store(text);
}

}  // namespace

void invite_create(Event& event) {
  const json::Value d = event.data();
  const std::string_view code = code_of(event, d);
  const std::uint64_t channel = event.id(d, "channel_id");
  const auto guild = event.optional_id(d, "guild_id");
  put_user(event, event.optional_object(d, "inviter"));
  put_user(event, event.optional_object(d, "target_user"));

  const bool has_given_life = event.run.is_edit && event.argument(1) != life_of_resource;
  const auto own_end = has_given_life ? std::nullopt : end_of(d);
  const std::int64_t now = event.host().wall_clock();
  if (own_end && *own_end <= now) return;  // Already expired.
  const auto life = given_life(event, Resource::invite);
  const std::int64_t end = own_end ? *own_end : life ? now + *life : store::for_ever;

  if (event.uses(Resource::invite)) {
    const SecondaryIndices& indices = event.settings().indices;
    if (indices.invites_by_channel)
      enter_index(event, {store::Owner::channel, channel, Resource::invite}, end, 0, code);
    if (indices.invites_by_guild && guild)
      enter_index(event, {store::Owner::guild, *guild, Resource::invite}, end, 0, code);
  }
  store::Op& op = event.out().set(Resource::invite, code, [&](json::Pieces& pieces) { pieces.push_back(d.text()); });
  if (own_end) {
    op.life = store::Life::until;
    op.time = *own_end;
  }
  apply_given_life(event, op);
}

void invite_delete(Event& event) {
  const json::Value d = event.data();
  const std::string_view code = code_of(event, d);
  drop_invite(event, code, event.optional_id(d, "channel_id"), event.optional_id(d, "guild_id"));
}

Flow extend_index(Event& event) {
  /// Later than the end of anything: the end of the year 9999.
  constexpr std::int64_t far_away = 253'402'300'799'000;
  const store::ReferenceKey index{static_cast<store::Owner>(event.argument(0)), event.argument(1),
                                  static_cast<Resource>(event.argument(2))};
  const Slot last = event.read(store::Action::last_entry, index);
  co_await event.turn();
  const Answer& answer = event.answer(last);
  if (answer.size() < 2) co_return;
  double score = 0;
  std::from_chars(answer[1].data(), answer[1].data() + answer[1].size(), score);
  store::Op& renewal = event.out().add(store::Action::renew_reference, index);
  renewal.life = store::Life::until;
  renewal.time = score > 0 && score < static_cast<double>(far_away) ? static_cast<std::int64_t>(score) : far_away;
}

}  // namespace sake::resources
