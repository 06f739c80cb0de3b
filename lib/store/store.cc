#include "store/store.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/snowflake.h"

namespace sake::store {
namespace {

using redis::Section;

/// One variadic command takes at most this much: a longer one keeps Redis from everybody else.
constexpr std::size_t members_max = 1000;
constexpr std::size_t command_bytes_max = 32u << 10;

/// A removed reference is remembered until its group is closed; past this many the group is closed early.
constexpr std::size_t removed_max = 64;

constexpr std::size_t scan_count = 1000;

/// What is kept from one value to the next for the codec.
constexpr std::size_t scratch_bytes_max = 1u << 20;

/// The key or member of an operation as text: its own text, or its number in decimal.
class Name {
 public:
  Name(std::string_view text, std::uint64_t number) noexcept : digits_(text.empty() ? number : 0), text_(text) {}
  operator std::string_view() const noexcept { return text_.empty() ? digits_.view() : text_; }

 private:
  base::Decimal digits_;
  std::string_view text_;
};

bool is_entry(Action action) noexcept { return action == Action::add_entry || action == Action::remove_entry; }

}  // namespace

std::uint64_t Store::fingerprint(const ReferenceKey& key, std::string_view member) noexcept {
  const std::uint64_t owner =
      key.id * 0x9E3779B97F4A7C15u + static_cast<unsigned>(key.owner) * 31u + static_cast<unsigned>(key.listed);
  return owner ^ (std::hash<std::string_view>{}(member)*0xD6E8FEB86659FD93u);
}

/// One pass over a batch.
class Store::Commit {
 public:
  Commit(Store& store, const WriteBatch& batch, redis::Requester* who, std::uint32_t& outstanding,
         std::int64_t wall_clock, Remember remember, void* context) noexcept
      : store_(store),
        settings_(store.settings_),
        batch_(batch),
        ops_(batch.ops()),
        who_(who),
        outstanding_(outstanding),
        wall_clock_(wall_clock),
        remember_(remember),
        context_(context) {}

  void run(Which which) {
    for (std::size_t i = 0; i < ops_.size();) {
      const Op& op = ops_[i];
      if ((which == Which::all || !op.ordered) && settings_.uses(op.resource)) {
        i += one(i);
      } else {
        ++i;
      }
    }
  }

 private:
  Slot& slot(const Op& op) noexcept { return store_.slots_[static_cast<std::size_t>(op.resource)]; }
  redis::Pipeline& writer(const Op& op) noexcept { return *slot(op).writer; }

  void end(const Op& op, Section section, std::uint32_t tag = 0) {
    ++outstanding_;
    writer(op).end(section, who_, tag);
  }

  std::size_t value_bytes(const Op& op) const noexcept {
    std::size_t bytes = 0;
    for (std::uint32_t i = 0; i < op.pieces; ++i) bytes += batch_.piece(op.first_piece + i).size();
    return bytes;
  }

  void value(resp::CommandWriter& out, const Op& op) {
    if (settings_.codec != nullptr) {
      out.arg(encoded(op));
      return;
    }
    out.arg_begin(value_bytes(op));
    for (std::uint32_t i = 0; i < op.pieces; ++i) out.append(batch_.piece(op.first_piece + i));
    out.arg_end();
  }

  void append_json(std::string& text, const Op& op) const {
    for (std::uint32_t i = 0; i < op.pieces; ++i) text.append(batch_.piece(op.first_piece + i));
  }

  /// What the host's codec makes of the value; valid until the next one.
  std::string_view encoded(const Op& op) {
    for (std::string* scratch : {&store_.json_, &store_.bytes_}) {
      if (scratch->capacity() > scratch_bytes_max) std::string().swap(*scratch);
      scratch->clear();
    }
    append_json(store_.json_, op);
    settings_.codec->encode(store_.json_, store_.bytes_);
    return store_.bytes_;
  }

  /// The JSON itself, whatever the codec made of it: events that wait go on with this.
  void remember(const Op& op, bool present) {
    if (remember_ == nullptr) return;
    std::string text;
    append_json(text, op);
    remember_(context_, op, present, text);
  }

  /// How many operations from `i` on go into one command with it.
  std::size_t neighbours(std::size_t i) const noexcept {
    const Op& first = ops_[i];
    std::size_t bytes = 0;
    std::size_t count = 0;
    for (std::size_t k = i; k < ops_.size() && count < members_max; ++k, ++count) {
      const Op& op = ops_[k];
      if (op.action != first.action || op.resource != first.resource || op.ordered != first.ordered) break;
      if (op.action != Action::erase && (op.key != first.key || op.owner != first.owner)) break;
      bytes += value_bytes(op) + 48 + op.text.size();
      if (count > 0 && bytes > command_bytes_max) break;
    }
    return count;
  }

  /// Sends the operation at `i`, with its neighbours where one command takes several, and returns how many those were.
  std::size_t one(std::size_t i) {
    const Op& op = ops_[i];
    switch (op.action) {
      case Action::set:
        set(op);
        return 1;
      case Action::set_field:
        return set_fields(i);
      case Action::erase:
        return erase(i);
      case Action::erase_hash:
        erase_hash(op);
        return 1;
      case Action::erase_field:
        return erase_fields(i);
      case Action::add_reference:
      case Action::add_entry:
        return add_references(i);
      case Action::remove_reference:
      case Action::remove_entry:
        return remove_references(i);
      case Action::erase_reference:
        erase_reference(op);
        return 1;
      case Action::renew:
        renew(op);
        return 1;
      case Action::renew_reference:
        renew_reference(op);
        return 1;
      case Action::skip:
        return 1;
      default:
        read(op);
        return 1;
    }
  }

  void set(const Op& op) {
    const LifeMs life = op.life == Life::of_resource ? settings_.life_of(op.resource) : std::nullopt;
    const bool lasting = op.life == Life::none || (op.life == Life::of_resource && !life);
    auto out = writer(op).begin(Section::records);
    out.begin(lasting ? 3 : 5).arg("SET").arg(Name(op.text, op.key));
    value(out, op);
    if (op.life == Life::until) {
      out.arg("PXAT").arg(op.time);
    } else if (op.life == Life::given) {
      out.arg("PX").arg(op.time);
    } else if (!lasting) {
      out.arg("PX").arg(*life);
    }
    end(op, Section::records);
    ++slot(op).counts.upserts;
    remember(op, true);
  }

  std::size_t set_fields(std::size_t i) {
    const Op& op = ops_[i];
    const std::size_t count = neighbours(i);
    auto out = writer(op).begin(Section::records);
    out.begin(2 + 2 * count).arg("HSET").arg(op.key);
    for (std::size_t k = i; k < i + count; ++k) {
      out.arg(ops_[k].member);
      value(out, ops_[k]);
    }
    end(op, Section::records);
    if (settings_.life_of(op.resource) && store_.ownership_.needs_lifetime(op.key, op.resource)) renew(op);
    slot(op).counts.upserts += count;
    for (std::size_t k = i; k < i + count; ++k) remember(ops_[k], true);
    return count;
  }

  std::size_t erase(std::size_t i) {
    const Op& op = ops_[i];
    const std::size_t count = neighbours(i);
    auto out = writer(op).begin(Section::records);
    out.begin(1 + count).arg("DEL");
    for (std::size_t k = i; k < i + count; ++k) out.arg(Name(ops_[k].text, ops_[k].key));
    end(op, Section::records);
    slot(op).counts.deletes += count;
    for (std::size_t k = i; k < i + count; ++k) remember(ops_[k], false);
    return count;
  }

  void erase_hash(const Op& op) {
    writer(op).begin(Section::records).begin(2).arg("UNLINK").arg(op.key);
    end(op, Section::records);
    store_.ownership_.forget_lifetime(op.key, op.resource);
    ++slot(op).counts.deletes;
    remember(op, false);
  }

  std::size_t erase_fields(std::size_t i) {
    const Op& op = ops_[i];
    const std::size_t count = neighbours(i);
    auto out = writer(op).begin(Section::records);
    out.begin(2 + count).arg("HDEL").arg(op.key);
    for (std::size_t k = i; k < i + count; ++k) out.arg(ops_[k].member);
    end(op, Section::records);
    store_.ownership_.forget_lifetime(op.key, op.resource);
    slot(op).counts.deletes += count;
    for (std::size_t k = i; k < i + count; ++k) remember(ops_[k], false);
    return count;
  }

  /// The group that takes references away at its end must be closed before one of them is added again.
  void make_room(const Op& op, std::size_t i, std::size_t count) {
    Slot& here = slot(op);
    if (here.group != here.writer->group()) here.removed.clear();
    if (here.removed.empty()) return;
    const auto taken_away = [&](std::uint64_t print) {
      return std::ranges::find(here.removed, print) != here.removed.end();
    };
    bool conflict = here.removed.size() > removed_max || taken_away(fingerprint(op.reference(), {}));
    for (std::size_t k = i; k < i + count && !conflict; ++k)
      conflict = taken_away(fingerprint(op.reference(), Name(ops_[k].text, ops_[k].member)));
    if (!conflict) return;
    here.writer->close_group();
    here.removed.clear();
  }

  void take_away(const Op& op, std::string_view member) {
    Slot& here = slot(op);
    if (here.group != here.writer->group()) {
      here.removed.clear();
      here.group = here.writer->group();
    }
    if (here.removed.size() <= removed_max) here.removed.push_back(fingerprint(op.reference(), member));
  }

  std::size_t add_references(std::size_t i) {
    const Op& op = ops_[i];
    const std::size_t count = neighbours(i);
    make_room(op, i, count);
    auto out = writer(op).begin(Section::references_first);
    const bool entries = is_entry(op.action);
    out.begin(2 + count * (entries ? 2 : 1)).arg(entries ? "ZADD" : "SADD").arg(KeyText(op.reference()));
    for (std::size_t k = i; k < i + count; ++k) {
      if (entries) score(out, ops_[k].time);
      out.arg(Name(ops_[k].text, ops_[k].member));
    }
    end(op, Section::references_first);
    if (entries) {
      prune(op);
    } else if (settings_.reference_life && needs_lifetime(op)) {
      renew_reference(op);
    }
    for (std::size_t k = i; k < i + count; ++k) remember(ops_[k], true);
    return count;
  }

  void score(resp::CommandWriter& out, std::int64_t time) {
    if (time == for_ever) {
      out.arg("+inf");
    } else {
      out.arg(time);
    }
  }

  /// Entries whose entity has expired are swept whenever one is added.
  void prune(const Op& op) {
    writer(op)
        .begin(Section::references_first)
        .begin(4)
        .arg("ZREMRANGEBYSCORE")
        .arg(KeyText(op.reference()))
        .arg("-inf")
        .arg(wall_clock_);
    end(op, Section::references_first);
  }

  bool needs_lifetime(const Op& op) {
    return op.owner != Owner::guild || store_.ownership_.needs_lifetime(op.key, op.resource);
  }

  std::size_t remove_references(std::size_t i) {
    const Op& op = ops_[i];
    const std::size_t count = neighbours(i);
    auto out = writer(op).begin(Section::references_last);
    out.begin(2 + count).arg(is_entry(op.action) ? "ZREM" : "SREM").arg(KeyText(op.reference()));
    for (std::size_t k = i; k < i + count; ++k) {
      const Name member(ops_[k].text, ops_[k].member);
      out.arg(member);
      take_away(op, member);
    }
    end(op, Section::references_last);
    if (op.owner == Owner::guild) store_.ownership_.forget_lifetime(op.key, op.resource);
    for (std::size_t k = i; k < i + count; ++k) remember(ops_[k], false);
    return count;
  }

  void erase_reference(const Op& op) {
    writer(op).begin(Section::references_last).begin(2).arg("DEL").arg(KeyText(op.reference()));
    take_away(op, {});
    end(op, Section::references_last);
    if (op.owner == Owner::guild) store_.ownership_.forget_lifetime(op.key, op.resource);
    remember(op, false);
  }

  void renew(const Op& op) {
    const LifeMs life = settings_.life_of(op.resource);
    if (!life) return;
    writer(op).begin(Section::records).begin(3).arg("PEXPIRE").arg(Name(op.text, op.key)).arg(*life);
    end(op, Section::records);
  }

  /// With a time, the set ends then; else after the lifetime of references.
  void renew_reference(const Op& op) {
    auto out = writer(op).begin(Section::references_first);
    if (op.action == Action::renew_reference && op.life == Life::until) {
      out.begin(3).arg("PEXPIREAT").arg(KeyText(op.reference())).arg(op.time);
    } else if (settings_.reference_life) {
      out.begin(3).arg("PEXPIRE").arg(KeyText(op.reference())).arg(*settings_.reference_life);
    } else {
      return;
    }
    end(op, Section::references_first);
  }

  void read(const Op& op) {
    const auto record = [&](std::size_t count, std::string_view command) {
      auto out = writer(op).begin(Section::records);
      out.begin(count).arg(command);
      return out;
    };
    // Behind everything of this group, removals too.
    const auto reference = [&](std::size_t count, std::string_view command) {
      auto out = writer(op).begin(Section::references_last);
      out.begin(count).arg(command).arg(KeyText(op.reference()));
      return out;
    };
    const std::string_view cursor = op.text.empty() ? "0" : op.text;
    Section section = Section::records;
    switch (op.action) {
      case Action::get:
        record(2, "GET").arg(Name(op.text, op.key));
        break;
      case Action::get_field:
        record(3, "HGET").arg(op.key).arg(op.member);
        break;
      case Action::exists:
        record(2, "EXISTS").arg(Name(op.text, op.key));
        break;
      case Action::count_fields:
        record(2, "HLEN").arg(op.key);
        break;
      case Action::fields:
        record(2, "HKEYS").arg(op.key);
        break;
      case Action::scan_fields:
        record(5, "HSCAN").arg(op.key).arg(cursor).arg("COUNT").arg(scan_count / 10);
        break;
      case Action::scan_keys:
        record(4, "SCAN").arg(cursor).arg("COUNT").arg(scan_count);
        break;
      default:
        section = Section::references_last;
        switch (op.action) {
          case Action::count_references:
            reference(2, "SCARD");
            break;
          case Action::references:
            reference(2, "SMEMBERS");
            break;
          case Action::scan_references:
            reference(5, "SSCAN").arg(cursor).arg("COUNT").arg(scan_count);
            break;
          case Action::scan_sets: {
            auto out = writer(op).begin(section);
            const std::string pattern = "1:*:" + std::string(base::Decimal(static_cast<unsigned>(op.resource)).view());
            out.begin(6).arg("SCAN").arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(scan_count);
            break;
          }
          case Action::entries:
            reference(4, "ZRANGE").arg(0).arg(members_max - 1);
            break;
          default:
            reference(5, "ZREVRANGE").arg(0).arg(0).arg("WITHSCORES");
            break;
        }
    }
    end(op, section, op.slot);
  }

  Store& store_;
  const Settings& settings_;
  const WriteBatch& batch_;
  const std::vector<Op>& ops_;
  redis::Requester* who_;
  std::uint32_t& outstanding_;
  std::int64_t wall_clock_;
  Remember remember_;
  void* context_;
};

void Store::commit(const WriteBatch& batch, Which which, redis::Requester* who, std::uint32_t& outstanding,
                   std::int64_t wall_clock, Remember remember, void* context) {
  if (!batch.empty()) Commit(*this, batch, who, outstanding, wall_clock, remember, context).run(which);
}

}  // namespace sake::store
