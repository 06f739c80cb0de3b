#include "checks.h"

#include <algorithm>
#include <cstdlib>

#include "collection.h"

namespace sake::inspect {
namespace {

using tools::RedisCommand;
using tools::RedisReply;
using Type = RedisReply::Type;
using enum Reference::Owner;

constexpr std::string_view marker_prefix = "KEY.";
constexpr std::string_view own_user_key = "ME";
constexpr std::string_view own_prefix = "sake:";

/// Server and bot need not agree on the time to the millisecond.
constexpr std::int64_t clock_slack_ms = 1000;

std::string marker_of(std::uint64_t guild_id) { return std::string(marker_prefix) + std::to_string(guild_id); }

bool is_code(std::string_view text) {
  constexpr std::string_view known = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  return !text.empty() && text.find_first_not_of(known) == text.npos;
}

bool is_key_of(Resource resource, std::string_view key) {
  if (resource == Resource::invite) return is_code(key);
  return parse_id(key) || (resource == Resource::user && key == own_user_key);
}

/// Where a record says its own id.
std::string_view id_path(Resource resource) {
  switch (resource) {
    case Resource::member:
    case Resource::presence:
      return "user.id";
    case Resource::voice_state:
      return "user_id";
    case Resource::soundboard_sound:
      return "sound_id";
    default:
      return "id";
  }
}

RedisCommand get(Resource resource, std::uint64_t guild_id, const std::string& id) {
  if (is_hash(resource)) return {"HGET", std::to_string(guild_id), id};
  return {"GET", id};
}

/// What a record that `reference` lists says of the owner: empty when it says nothing.
std::optional<std::uint64_t> owner_in(const Record& record, const Reference& reference) {
  switch (reference.owner) {
    case guild:
      return record.id("guild_id");
    case channel:
      return record.id(reference.listed == Resource::thread ? "parent_id" : "channel_id");
    default:
      return record.id(reference.listed == Resource::message ? "author.id" : "user.id");
  }
}

}  // namespace

std::vector<Finding> Checks::keys(Resource resource, const std::vector<std::string>& keys) {
  std::vector<Finding> findings;
  const int database = layout_.database_of(resource);
  std::vector<RedisCommand> questions;
  for (const std::string& key : keys) {
    questions.push_back({"TYPE", key});
    questions.push_back({"PTTL", key});
  }
  const auto facts = redis_.ask(database, questions);
  const char* const wanted = is_hash(resource) ? "hash" : "string";
  std::vector<const std::string*> records;
  for (std::size_t n = 0; n != keys.size(); ++n) {
    const std::string& key = keys[n];
    const std::string& type = facts[2 * n].text;
    if (type == "none") continue;
    const auto add = [&](Kind kind, std::string text) {
      findings.push_back({kind, database, key, {}, std::move(text), key, resource});
    };
    if (!is_key_of(resource, key)) {
      add(Kind::foreign_key, "a " + type + " that is no " + std::string(name(resource)));
    } else if (type != wanted) {
      add(Kind::wrong_type, "a " + type + " in place of a " + wanted);
    } else {
      if (facts[2 * n + 1].integer == -1 && key != own_user_key && layout_.lifetime_of(resource))
        add(Kind::missing_lifetime, "it would stay for ever");
      if (!is_hash(resource)) records.push_back(&key);
    }
  }

  questions.clear();
  for (const std::string* key : records) questions.push_back({"GET", *key});
  auto values = redis_.ask(database, questions);
  std::vector<Finding> expected;
  for (std::size_t n = 0; n != records.size(); ++n)
    if (values[n].type == Type::bulk)
      check_record({resource, *records[n], {}, std::move(values[n].text)}, findings, expected);
  look_for(std::move(expected), findings);
  return findings;
}

std::vector<Finding> Checks::fields(Resource resource, const std::string& guild,
                                    const std::vector<std::string>& fields) {
  std::vector<Finding> findings;
  if (fields.empty()) return findings;
  RedisCommand question{"HMGET", guild};
  question.insert(question.end(), fields.begin(), fields.end());
  auto values = redis_.ask(layout_.database_of(resource), question);
  std::vector<Finding> expected;
  for (std::size_t n = 0; n < values.elements.size() && n != fields.size(); ++n) {
    if (values.elements[n].type != Type::bulk) continue;
    if (parse_id(fields[n])) {
      check_record({resource, guild, fields[n], std::move(values.elements[n].text)}, findings, expected);
    } else {
      findings.push_back({Kind::foreign_field, layout_.database_of(resource), guild, fields[n], "the field is no id",
                          fields[n], resource});
    }
  }
  look_for(std::move(expected), findings);
  return findings;
}

/// What is wrong with the record itself, and the references that there must be.
void Checks::check_record(const Entry& entry, std::vector<Finding>& findings, std::vector<Finding>& expected) {
  const std::string& id = is_hash(entry.resource) ? entry.field : entry.key;
  const auto add = [&](Kind kind, std::string text) {
    findings.push_back(
        {kind, layout_.database_of(entry.resource), entry.key, entry.field, std::move(text), id, entry.resource});
  };
  const auto record = Record::parse(entry.value);
  if (!record) return add(Kind::unreadable_value, "it is no JSON object");
  if (id == own_user_key) return;

  if (entry.resource == Resource::invite) {
    if (record->text("code") != id) return add(Kind::wrong_record, "its code is \"" + record->text("code") + "\"");
  } else if (const auto found = record->id(id_path(entry.resource)); found != parse_id(id)) {
    return add(Kind::wrong_record, found ? "its id is " + std::to_string(*found) : "it has no id");
  }
  const auto guild_id = record->id("guild_id");
  if ((is_hash(entry.resource) || is_listed_by_guild(entry.resource)) && !guild_id)
    return add(Kind::wrong_record, "it has no guild_id");
  if (is_hash(entry.resource) && guild_id != parse_id(entry.key))
    return add(Kind::wrong_record, "its guild is " + std::to_string(*guild_id));
  expect_references(entry, *record, expected);
}

void Checks::expect_references(const Entry& entry, const Record& record, std::vector<Finding>& expected) {
  const Resource resource = entry.resource;
  const std::string& id = is_hash(resource) ? entry.field : entry.key;
  const auto guild_id = record.id("guild_id");
  const auto expect = [&](Reference::Owner owner, std::optional<std::uint64_t> owner_id, const std::string& member) {
    if (!owner_id) return;
    const Reference reference{owner, *owner_id, resource};
    if (!layout_.uses(reference)) return;
    expected.push_back({Kind::missing_reference, reference_index, reference.key(), member,
                        std::string(name(resource)) + " " + id + " is not listed", id, resource, guild_id.value_or(0)});
  };
  switch (resource) {
    case Resource::member:
    case Resource::presence:
      expect(user, parse_id(entry.field), entry.key);
      break;
    case Resource::voice_state:
      if (const auto channel_id = record.id("channel_id")) {
        expect(channel, channel_id, id);
        expected.push_back({Kind::missing_marker,
                            reference_index,
                            Reference{channel, *channel_id, resource}.key(),
                            {},
                            "nothing says whose voice channel it is",
                            id,
                            resource,
                            guild_id.value_or(0)});
      }
      break;
    case Resource::message:
      expect(user, record.id("author.id"), id);
      [[fallthrough]];
    case Resource::invite:
      expect(channel, record.id("channel_id"), id);
      expect(guild, guild_id, id);
      break;
    case Resource::thread:
      expect(channel, record.id("parent_id"), id);
      expect(guild, guild_id, id);
      break;
    default:
      if (is_listed_by_guild(resource)) expect(guild, guild_id, id);
  }
}

/// Keeps of the references that are expected those that are not there. A key of a wrong type is another finding.
void Checks::look_for(std::vector<Finding> expected, std::vector<Finding>& findings) {
  std::vector<RedisCommand> questions;
  for (const Finding& each : expected) {
    const auto reference = parse_reference(each.key);
    const bool is_marker = each.kind == Kind::missing_marker;
    questions.push_back({reference && reference->is_sorted() ? "ZSCORE" : "SISMEMBER", each.key,
                         is_marker ? marker_of(each.guild_id) : each.member});
  }
  const auto answers = redis_.ask(reference_index, questions);
  for (std::size_t n = 0; n != expected.size(); ++n) {
    const RedisReply& answer = answers[n];
    const bool is_missing = answer.type == Type::nil || (answer.type == Type::integer && answer.integer == 0);
    // Where the user is missing too, the marker comes with them.
    const bool is_told = expected[n].kind == Kind::missing_marker && !findings.empty() &&
                         findings.back().kind == Kind::missing_reference && findings.back().key == expected[n].key;
    if (is_missing && !is_told) findings.push_back(std::move(expected[n]));
  }
}

std::vector<Finding> Checks::reference_keys(const std::vector<std::string>& keys) {
  std::vector<Finding> findings;
  std::vector<RedisCommand> questions;
  for (const std::string& key : keys) {
    questions.push_back({"TYPE", key});
    questions.push_back({"PTTL", key});
    questions.push_back({"ZREVRANGE", key, "0", "0", "WITHSCORES"});
  }
  const auto facts = redis_.ask(reference_index, questions);
  for (std::size_t n = 0; n != keys.size(); ++n) {
    const std::string& key = keys[n];
    const std::string& type = facts[3 * n].text;
    if (type == "none" || key.starts_with(own_prefix)) continue;
    const auto reference = parse_reference(key);
    const auto add = [&](Kind kind, std::string text) {
      findings.push_back({kind,
                          reference_index,
                          key,
                          {},
                          std::move(text),
                          key,
                          reference ? std::optional(reference->listed) : std::nullopt});
    };
    if (!reference) {
      add(Kind::foreign_key, "a " + type + " that is no reference");
      continue;
    }
    if (!layout_.uses(*reference)) continue;
    if (const char* wanted = reference->is_sorted() ? "zset" : "set"; type != wanted) {
      add(Kind::wrong_type, "a " + type + " in place of a " + wanted);
      continue;
    }
    // An index lives as long as its longest entry, which may be for ever.
    const auto& last = facts[3 * n + 2].elements;
    const bool is_endless = reference->is_sorted() && last.size() == 2 && last[1].text == "inf";
    const bool must_end = reference->is_sorted() ? !is_endless : layout_.lifetime_of_references().has_value();
    if (facts[3 * n + 1].integer == -1 && must_end) add(Kind::missing_lifetime, "it would stay for ever");
  }
  return findings;
}

std::vector<Finding> Checks::members(const Reference& reference, const std::vector<std::string>& members,
                                     std::uint64_t guild_id) {
  std::vector<Finding> findings;
  const std::string key = reference.key();
  const auto dangles = [&](const std::string& member, std::string text) {
    findings.push_back(
        {Kind::dangling_reference, reference_index, key, member, std::move(text), member, reference.listed, guild_id});
  };
  const bool is_by_guild = reference.owner == user && is_hash(reference.listed);
  std::vector<const std::string*> asked;
  std::vector<RedisCommand> scores;
  std::vector<RedisCommand> records;
  for (const std::string& member : members) {
    if (reference.is_voice() && member.starts_with(marker_prefix)) continue;
    if (!is_key_of(reference.listed == Resource::invite ? Resource::invite : Resource::emoji, member)) {
      dangles(member, "it is no id");
      continue;
    }
    asked.push_back(&member);
    if (is_by_guild) {
      records.push_back({"HGET", member, std::to_string(reference.id)});
    } else {
      records.push_back(get(reference.listed, guild_id, member));
    }
    if (reference.is_sorted()) scores.push_back({"ZSCORE", key, member});
  }
  const auto ends = redis_.ask(reference_index, scores);
  const auto values = redis_.ask(layout_.database_of(reference.listed), records);
  const std::int64_t now = scores.empty() ? 0 : now_ms();
  for (std::size_t n = 0; n != asked.size(); ++n) {
    // What has expired is swept with the next entry.
    if (!ends.empty() && (ends[n].type != Type::bulk ||
                          std::strtod(ends[n].text.c_str(), nullptr) <= static_cast<double>(now + clock_slack_ms)))
      continue;
    if (values[n].type == Type::nil) {
      dangles(*asked[n], "there is no such " + std::string(name(reference.listed)));
      continue;
    }
    const auto record = values[n].type == Type::bulk ? Record::parse(values[n].text) : std::nullopt;
    const auto owner = record ? owner_in(*record, reference) : std::nullopt;
    if (owner && *owner != reference.id)
      dangles(*asked[n], "this " + std::string(name(reference.listed)) + " belongs to " + std::to_string(*owner));
  }
  if (!reference.is_sorted()) keep_members(findings);
  return findings;
}

/// What has left its set since that was listed is no finding.
void Checks::keep_members(std::vector<Finding>& findings) {
  std::vector<RedisCommand> questions;
  for (const Finding& each : findings) questions.push_back({"SISMEMBER", each.key, each.member});
  const auto answers = redis_.ask(reference_index, questions);
  std::vector<Finding> kept;
  for (std::size_t n = 0; n != findings.size(); ++n)
    if (answers[n].integer == 1) kept.push_back(std::move(findings[n]));
  findings = std::move(kept);
}

std::vector<Finding> Checks::markers(const Reference& reference) {
  std::vector<Finding> findings;
  const auto add = [&](Kind kind, std::string member, std::string text, std::uint64_t guild_id) {
    findings.push_back({kind, reference_index, reference.key(), std::move(member), std::move(text), reference.key(),
                        reference.listed, guild_id});
  };
  const std::vector<std::uint64_t> marked = marked_guilds(reference);
  const auto size =
      static_cast<std::uint64_t>(redis_.ask(reference_index, RedisCommand{"SCARD", reference.key()}).integer);
  if (size == 0) return findings;
  const std::uint64_t guild_id = guild_of_voice(reference);
  if (size == marked.size()) {
    add(Kind::lone_marker, {}, "nobody is left in this voice channel", 0);
    return findings;
  }
  if (std::find(marked.begin(), marked.end(), guild_id) == marked.end())
    add(Kind::missing_marker, {}, "nothing says whose voice channel it is", guild_id);
  for (const std::uint64_t each : marked)
    if (each != guild_id)
      add(Kind::dangling_reference, marker_of(each), "the channel belongs to " + std::to_string(guild_id), guild_id);
  return findings;
}

std::vector<std::uint64_t> Checks::marked_guilds(const Reference& reference) {
  std::vector<std::uint64_t> guilds;
  std::string cursor = "0";
  do {
    const RedisReply window =
        redis_.ask(reference_index, RedisCommand{"SSCAN", reference.key(), cursor, "MATCH", "KEY.*", "COUNT", "1000"});
    if (window.elements.size() != 2) break;
    cursor = window.elements[0].text;
    for (const RedisReply& each : window.elements[1].elements)
      if (const auto id = parse_id(std::string_view(each.text).substr(marker_prefix.size()));
          id && std::find(guilds.begin(), guilds.end(), *id) == guilds.end())
        guilds.push_back(*id);
  } while (cursor != "0");
  return guilds;
}

std::uint64_t Checks::guild_of_voice(const Reference& reference) {
  if (const std::uint64_t guild_id = guild_of_channel(reference.id)) return guild_id;
  const std::vector<std::uint64_t> marked = marked_guilds(reference);
  return marked.empty() ? 0 : marked.front();
}

std::uint64_t Checks::guild_of_channel(std::uint64_t channel_id) {
  if (!layout_.uses(Resource::channel)) return 0;
  const RedisReply value =
      redis_.ask(layout_.database_of(Resource::channel), RedisCommand{"GET", std::to_string(channel_id)});
  const auto record = value.type == Type::bulk ? Record::parse(value.text) : std::nullopt;
  return record ? record->id("guild_id").value_or(0) : 0;
}

std::int64_t Checks::now_ms() {
  const RedisReply time = redis_.ask(RedisCommand{"TIME"});
  if (time.elements.size() != 2) throw tools::RedisFailure("TIME: " + time.text);
  return std::strtoll(time.elements[0].text.c_str(), nullptr, 10) * 1000 +
         std::strtoll(time.elements[1].text.c_str(), nullptr, 10) / 1000;
}

}  // namespace sake::inspect
