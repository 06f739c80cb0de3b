#include "store/filter.h"

#include <functional>
#include <unordered_map>

#include "json/scan.h"
#include "store/write_batch.h"

namespace sake::store {
namespace {

/// A field that is in the text at all: most entities need not be parsed to be let through.
bool mentions(std::string_view text, std::string_view quoted_key) noexcept {
  return text.find(quoted_key) != std::string_view::npos;
}

/// Where an entity that was refused and a reference to it meet: its code, its user, or its id.
std::uint64_t meeting_point(std::string_view code, std::uint64_t id) noexcept {
  return code.empty() ? id : std::hash<std::string_view>{}(code);
}
std::uint64_t point_of_entity(const Op& op) noexcept {
  return meeting_point(op.text, is_hash(op.resource) ? op.member : op.key);
}
std::uint64_t point_of_reference(const Op& op) noexcept {
  return meeting_point(op.text, is_hash(op.resource) && op.owner == Owner::user ? op.key : op.member);
}

}  // namespace

bool Filter::is_refused_bot(const Candidate& candidate) const {
  if (!mentions(candidate.json, "\"bot\"") || candidate.id == own_id_) return false;
  constexpr unsigned deepest = 3;
  json::Document document;
  if (!document.parse(candidate.json, deepest)) return false;
  json::Value user = document.root();
  if (candidate.resource == Resource::voice_state) user = user["member"];
  if (candidate.resource != Resource::user) user = user["user"];
  return user["bot"].is_true();
}

Filter::Verdict Filter::judge(const Candidate& candidate) noexcept {
  const Resource resource = candidate.resource;
  // Who is a bot and what a webhook wrote never changes: where nothing else keeps it alive, none of it can be stored.
  if (wanted_.no_bots && (resource == Resource::user || is_hash(resource)) && is_refused_bot(candidate)) {
    ++refusals_;
    return resource == Resource::user ? Verdict::skip : Verdict::remove;
  }
  if (wanted_.no_webhook_messages && resource == Resource::message && mentions(candidate.json, "\"webhook_id\"")) {
    json::Document document;
    if (document.parse(candidate.json, 1) && !document.root()["webhook_id"].is_null_or_missing()) {
      ++refusals_;
      return Verdict::skip;
    }
  }
  if (!wanted_.accepts || wanted_.accepts(candidate)) return Verdict::store;
  ++refusals_;
  return Verdict::remove;
}

void WriteBatch::filter(Op& op) {
  const json::Pieces value(pieces_.begin() + op.first_piece, pieces_.end());
  const bool in_hash = is_hash(op.resource);
  const bool has_own_guild = in_hash || op.resource == Resource::guild;
  const Filter::Verdict verdict = filter_->judge({.resource = op.resource,
                                                  .id = in_hash ? op.member : op.key,
                                                  .guild_id = has_own_guild ? op.key : guild_,
                                                  .code = op.resource == Resource::invite ? op.text : "",
                                                  .json = json::joined(arena_, value)});
  if (verdict == Filter::Verdict::store) return;
  op.refused = true;
  pieces_.resize(op.first_piece);
  op.action = verdict == Filter::Verdict::skip ? Action::skip : in_hash ? Action::erase_field : Action::erase;
}

void withdraw_references(WriteBatch& batch, void (*on_left)(void* context, std::uint64_t channel), void* context) {
  std::unordered_map<std::uint64_t, const Op*> refused[resource_limit];
  // The last word about an entity counts: one event may carry it twice.
  for (const Op& op : batch.ops()) {
    auto& entities = refused[static_cast<std::size_t>(op.resource)];
    if (op.refused) {
      entities.insert_or_assign(point_of_entity(op), &op);
    } else if (op.action == Action::set || op.action == Action::set_field) {
      entities.erase(point_of_entity(op));
    }
  }
  for (Op& op : batch.ops()) {
    if (op.action != Action::add_reference && op.action != Action::add_entry) continue;
    const auto& entities = refused[static_cast<std::size_t>(op.resource)];
    const auto entity = entities.find(point_of_reference(op));
    if (entity == entities.end()) continue;
    if (entity->second->action == Action::skip) {
      op.action = Action::skip;
    } else {
      op.action = op.action == Action::add_entry ? Action::remove_entry : Action::remove_reference;
      if (op.resource == Resource::voice_state) on_left(context, op.key);
    }
  }
}

}  // namespace sake::store
