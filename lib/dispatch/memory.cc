#include "dispatch/memory.h"

#include <vector>

#include "base/snowflake.h"

namespace sake::dispatch {
namespace {

using store::Action;

/// What an entry costs besides its value, roughly.
constexpr std::size_t entry_bytes = 128;

std::string name_of(const store::Op& op) {
  return std::string(op.text.empty() ? base::Decimal(op.member).view() : op.text);
}

}  // namespace

Memory::Collection Memory::collection_of(const store::Op& op) noexcept {
  switch (op.action) {
    case Action::set:
    case Action::erase:
    case Action::get:
    case Action::exists:
      return {Kind::record, op.resource, store::Owner::guild, op.key};
    case Action::set_field:
    case Action::erase_field:
    case Action::erase_hash:
    case Action::get_field:
    case Action::count_fields:
    case Action::fields:
    case Action::scan_fields:
      return {Kind::field, op.resource, store::Owner::guild, op.key};
    default:
      return {Kind::member, op.resource, op.owner, op.key};
  }
}

void Memory::note(const store::Op& op, bool present, std::string_view value) {
  // Nothing that waits reads an index by its entries, an invite or a user.
  if (op.action == Action::add_entry || op.action == Action::remove_entry) return;
  if (op.resource == Resource::invite || op.resource == Resource::user) return;
  const Collection collection = collection_of(op);
  if (op.action == Action::erase_hash || op.action == Action::erase_reference) {
    forget(collection);
    const auto [erased, is_new] = erased_.insert_or_assign(collection, ++clock_);
    if (is_new) bytes_ += entry_bytes;
    return;
  }
  Entry& entry = entries_[{collection, collection.kind == Kind::record ? std::string() : name_of(op)}];
  bytes_ += (entry.time == 0 ? entry_bytes : 0) + value.size() - (entry.value ? entry.value->size() : 0);
  entry.time = ++clock_;
  if (present) {
    entry.value.emplace(value);
  } else {
    entry.value.reset();
  }
}

bool Memory::erased_since(const Collection& collection, std::uint64_t time) const noexcept {
  const auto found = erased_.find(collection);
  return found != erased_.end() && found->second > time;
}

void Memory::forget(const Collection& collection) {
  auto entry = entries_.lower_bound({collection, {}});
  while (entry != entries_.end() && entry->first.first == collection) {
    bytes_ -= entry_bytes + (entry->second.value ? entry->second.value->size() : 0);
    entry = entries_.erase(entry);
  }
}

void Memory::lay_over(resources::Answer& answer) const {
  if (answer.asked_at >= clock_) return;
  switch (answer.read.action) {
    case Action::get:
    case Action::get_field:
    case Action::exists:
      lay_over_value(answer);
      return;
    case Action::count_fields:
    case Action::fields:
    case Action::count_references:
    case Action::references:
      lay_over_list(answer);
      return;
    default:
      return;  // Scans and indices are only read in the event's own turn.
  }
}

void Memory::lay_over_value(resources::Answer& answer) const {
  const Collection collection = collection_of(answer.read);
  const auto entry =
      entries_.find({collection, collection.kind == Kind::record ? std::string() : name_of(answer.read)});
  bool present = false;
  if (entry != entries_.end() && entry->second.time > answer.asked_at) {
    present = entry->second.value.has_value();
    answer.text = entry->second.value.value_or(std::string());
  } else if (!erased_since(collection, answer.asked_at)) {
    return;
  }
  answer.nil = !present;
  answer.integer = present ? 1 : 0;
}

void Memory::lay_over_list(resources::Answer& answer) const {
  const Collection collection = collection_of(answer.read);
  if (erased_since(collection, answer.asked_at)) {
    answer.text.clear();
    answer.ends.clear();
    answer.integer = 0;
  }
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const auto entry = entries_.find({collection, std::string(answer[i])});
    if (entry == entries_.end() || entry->second.time <= answer.asked_at) kept.emplace_back(answer[i]);
  }
  answer.text.clear();
  answer.ends.clear();
  for (const std::string& element : kept) answer.append(element);
  for (auto entry = entries_.lower_bound({collection, {}}); entry != entries_.end() && entry->first.first == collection;
       ++entry) {
    if (entry->second.time <= answer.asked_at || !entry->second.value) continue;
    answer.append(entry->first.second);
    ++answer.integer;  // Of a count: at least so many. It may have counted this one already.
  }
}

}  // namespace sake::dispatch
