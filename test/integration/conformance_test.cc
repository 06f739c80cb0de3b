// The conformance cases of the gateway reference (test/data/conformance.json) against the engine and a real Redis.
//
// The cases speak of logical keys; an adapter writes what they give straight into Redis in the stored layout, and reads
// what they expect back from there. Every optional index, resource and policy is on, and nothing is left out. Where the
// engine decides otherwise than the reference, the table below says so, once per expectation: what is expected instead,
// and which decision it follows. An expectation in that table must fail as the reference states it, so a row that is no
// longer needed is found.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"

namespace sake::test {
namespace {

using nlohmann::json;

// ------------------------------------------------------------------------------------------------ The decisions
//
// Named after the rows of the table of decisions on the gateway reference.

constexpr std::string_view guild_sets = "logical sets guilds, unavailable";
constexpr std::string_view hash_sets = "logical guild:G/members, /presences, /voice";
constexpr std::string_view member_records = "member records keep user inside";
constexpr std::string_view riding_members =
    "members that ride along: composed with their user and stored whole, no read";
constexpr std::string_view stored_as_sent = "voice state, message: stored as sent";

struct Adaptation {
  std::string_view id;    ///< Of the case.
  std::string_view path;  ///< "given <set> <id>", or "<kind> <key>" of an expectation.
  /// For a given set what is written; for an expectation what is expected in its place, "<kind> <key>" too.
  std::string_view instead;
  std::string_view value;  ///< The JSON that is expected there, of the kind "records".
  std::string_view row;
};

// clang-format off
constexpr std::array adaptations{
    // A guild that is in `guilds` is one that database 1 has; being unavailable is a flag of its record.
    Adaptation{"E02", "given guilds 101", R"(the record {"id":"101"})", "", guild_sets},
    Adaptation{"E04", "given unavailable 100", "the flag in the record", "", guild_sets},
    Adaptation{"E06", "given unavailable 100", "the flag in the record", "", guild_sets},

    // The set is the fields of the hash: an entry without a record cannot be given.
    Adaptation{"E19", "given guild:100/members 5", "nothing", "", hash_sets},

    Adaptation{"E17", "absent member:100:5#user", "records member:100:5#user.id", R"("5")", member_records},

    Adaptation{"E40", "records member:100:5#banner", "absent member:100:5#banner", "", riding_members},
    Adaptation{"E44", "records member:100:6#deaf", "absent member:100:6#deaf", "", riding_members},

    Adaptation{"E25", "absent voice:100:5#member", "records voice:100:5#member.user.id", R"("5")", stored_as_sent},
    Adaptation{"E40", "absent message:900#member", "records message:900#member.nick", R"("N")", stored_as_sent},
    Adaptation{"E40", "records message:900#mentions", "records message:900#mentions",
               R"([{"id":"6","username":"u6","member":{"roles":["8"]}}])", stored_as_sent},
};
// clang-format on

/// Each of these is looked for among the rows of its case, so that none of them goes unused.
std::set<std::string> rows_used;

const Adaptation* find_row(std::string_view id, std::string_view path) {
  for (const Adaptation& row : adaptations)
    if (row.id == id && row.path == path) {
      rows_used.insert(std::string(id) + " " + std::string(path));
      return &row;
    }
  return nullptr;
}

// --------------------------------------------------------------------------------------------------- The layout

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

const json& part_of(const json& object, const char* key) {
  static const json nothing = json::object();
  return object.contains(key) ? object.at(key) : nothing;
}

bool lists(const json& ids, const std::string& id) {
  return std::any_of(ids.begin(), ids.end(), [&](const json& entry) { return entry == id; });
}

/// Where a record is stored: a key, or a field of the hash of a guild.
struct Place {
  int database;
  std::string key;
  std::string field = {};
};

Place place_of(const std::string& record) {
  static const std::map<std::string, int> databases{
      {"emoji", 0},  {"guild", 1},  {"channel", 2}, {"invite", 3},       {"member", 4},  {"presence", 5},
      {"role", 6},   {"user", 7},   {"voice", 8},   {"message", 10},     {"thread", 11}, {"sticker", 12},
      {"stage", 13}, {"event", 14}, {"sound", 15},  {"integration", 16}, {"automod", 17}};
  if (record == "me") return Place{7, "ME"};
  const std::vector<std::string> parts = split(record, ':');
  const auto database = databases.find(parts.front());
  REQUIRE_MESSAGE(database != databases.end(), "no resource has the key " << record);
  return Place{database->second, parts.at(1), parts.size() > 2 ? parts[2] : std::string()};
}

/// How a logical set is stored.
struct SetPlace {
  enum class Kind {
    guilds,       ///< The keys of database 1.
    unavailable,  ///< Those of them with the flag.
    fields,       ///< The fields of a hash.
    set,
    voice,   ///< A set with a marker that names the guild.
    scored,  ///< A sorted set by the end of each entry's life.
  };
  Kind kind;
  int database = 9;
  std::string key = {};
};

SetPlace set_place_of(const std::string& name) {
  using enum SetPlace::Kind;
  if (name == "guilds") return SetPlace{guilds, 1};
  if (name == "unavailable") return SetPlace{unavailable, 1};
  const std::vector<std::string> parts = split(name, '/');
  const std::vector<std::string> owner = split(parts.at(0), ':');
  const std::string kind = owner.at(0) + "/" + parts.at(1);
  const std::string& id = owner.at(1);
  if (kind == "guild/members") return SetPlace{fields, 4, id};
  if (kind == "guild/presences") return SetPlace{fields, 5, id};
  if (kind == "guild/voice") return SetPlace{fields, 8, id};
  if (kind == "guild/emojis") return SetPlace{set, 9, "1:" + id + ":0"};
  if (kind == "guild/channels") return SetPlace{set, 9, "1:" + id + ":2"};
  if (kind == "guild/roles") return SetPlace{set, 9, "1:" + id + ":6"};
  if (kind == "user/guilds") return SetPlace{set, 9, "7:" + id + ":4"};
  if (kind == "channel/voice") return SetPlace{voice, 9, "2:" + id + ":8"};
  if (kind == "channel/messages") return SetPlace{scored, 9, "2:" + id + ":10"};
  if (kind == "channel/invites") return SetPlace{scored, 9, "2:" + id + ":3"};
  if (kind == "guild/invites") return SetPlace{scored, 9, "1:" + id + ":3"};
  static const std::map<std::string, const char*> listed{
      {"guild/threads", "11"}, {"channel/threads", "11"},    {"guild/stickers", "12"}, {"guild/stages", "13"},
      {"guild/events", "14"},  {"guild/integrations", "16"}, {"guild/sounds", "15"},   {"guild/automod", "17"}};
  REQUIRE_MESSAGE(listed.contains(kind), "no set is named " << name);
  return SetPlace{set, 9, (owner.at(0) == "guild" ? "1:" : "2:") + id + ":" + listed.at(kind)};
}

Options everything_on() {
  return {.resources = Resources::everything(),
          .policies = {.harvest_members = HarvestPolicy::on,
                       .reconcile = true,
                       .scrub_deleted_roles = true,
                       .track_reactions = true,
                       .track_channel_activity = true},
          .secondary_indices = SecondaryIndices::all()};
}

// ------------------------------------------------------------------------------------------------------ One case

class CaseRun {
 public:
  explicit CaseRun(const json& the_case) : case_(the_case), id_(the_case.at("id")), fixture_(everything_on()) {}

  void write_given();
  void run_events(bool one_by_one);
  void check_expectations();
  void print() const;

 private:
  const json& given(const char* part) const { return part_of(part_of(case_, "given"), part); }

  json completed(const std::string& record, const json& value);
  void write_set(const std::string& name, const json& ids);
  void write_indices_of_records();
  void add_scored(const std::string& key, const std::string& member);
  std::string channel_of_message(const std::string& id, const json& message) const;
  std::string guild_of_channel(const std::string& channel) const;

  std::optional<json> record(const std::string& key);
  std::vector<std::string> set(const std::string& name);
  bool holds(const std::string& kind, const std::string& key, const json& wanted, std::string& found);
  void check(const std::string& kind, const std::string& key, const json& wanted);

  const json& case_;
  const std::string id_;
  CacheFixture fixture_;
  json before_;
  std::vector<std::string> adapted_;
  int checks_ = 0;
};

/// Records of members, presences and voice states are given without what every one of them has.
json CaseRun::completed(const std::string& record, const json& value) {
  const std::vector<std::string> parts = split(record, ':');
  if (parts.size() != 3) return value;
  json full = value;
  full["guild_id"] = parts[1];
  if (parts[0] == "voice") {
    full["user_id"] = parts[2];
    return full;
  }
  full.erase("user_id");
  if (full.contains("user")) return full;
  const json& records = given("records");
  json user{{"id", parts[2]}};
  if (parts[0] == "member")
    user = records.value("user:" + parts[2], json{{"id", parts[2]}, {"username", "u" + parts[2]}});
  full["user"] = user;
  return full;
}

std::string CaseRun::guild_of_channel(const std::string& channel) const {
  const json& records = given("records");
  for (const char* kind : {"channel:", "thread:"})
    if (records.contains(kind + channel) && records.at(kind + channel).contains("guild_id"))
      return records.at(kind + channel).at("guild_id");
  for (const auto& [name, ids] : given("sets").items())
    if (name.starts_with("guild:") && (name.ends_with("/channels") || name.ends_with("/threads")) &&
        lists(ids, channel))
      return split(split(name, '/')[0], ':')[1];
  for (const auto& [key, value] : records.items())
    if (key.starts_with("voice:") && value.value("channel_id", "") == channel) return split(key, ':')[1];
  return {};
}

std::string CaseRun::channel_of_message(const std::string& id, const json& message) const {
  if (message.contains("channel_id")) return message["channel_id"];
  for (const auto& [name, ids] : given("sets").items())
    if (name.ends_with("/messages") && lists(ids, id)) return split(split(name, '/')[0], ':')[1];
  return {};
}

void CaseRun::add_scored(const std::string& key, const std::string& member) {
  const auto end = std::chrono::system_clock::now() + std::chrono::minutes(5);
  const auto score = std::chrono::duration_cast<std::chrono::milliseconds>(end.time_since_epoch()).count();
  fixture_.client.select(9);
  CHECK_FALSE(fixture_.client.command("ZADD", key, std::to_string(score), member).is_error());
  fixture_.client.select(0);
}

void CaseRun::write_set(const std::string& name, const json& ids) {
  const SetPlace place = set_place_of(name);
  const json& records = given("records");
  const auto adapt = [&](const std::string& id) {
    const auto* row = find_row(id_, "given " + name + " " + id);
    REQUIRE_MESSAGE(row != nullptr, id_ << ": given " << name << " " << id << " cannot be stored as it is");
    adapted_.push_back(std::string(row->path) + " [" + std::string(row->row) + "]");
  };
  for (const std::string id : ids) {
    switch (place.kind) {
      case SetPlace::Kind::guilds:
        if (records.contains("guild:" + id)) break;
        adapt(id);
        fixture_.put(1, id, {{"id", id}});
        break;
      case SetPlace::Kind::unavailable: {
        adapt(id);
        json guild = fixture_.json_at(1, id);
        guild["unavailable"] = true;
        fixture_.put(1, id, guild);
        break;
      }
      case SetPlace::Kind::fields:
        if (fixture_.field_at(place.database, place.key, id).is_null()) adapt(id);
        break;
      case SetPlace::Kind::voice:
        fixture_.put_members(9, place.key, {id, "KEY." + guild_of_channel(split(place.key, ':')[1])});
        break;
      case SetPlace::Kind::set:
        fixture_.put_members(9, place.key, {id});
        break;
      case SetPlace::Kind::scored:
        add_scored(place.key, id);
        break;
    }
  }
}

/// The layout has indices that the logical keys do not: they hold what the given records say.
void CaseRun::write_indices_of_records() {
  const json& sets = given("sets");
  for (const auto& [key, value] : given("records").items()) {
    const std::vector<std::string> parts = split(key, ':');
    if (parts[0] == "member" && !sets.contains("user:" + parts[2] + "/guilds"))
      fixture_.put_members(9, "7:" + parts[2] + ":4", {parts[1]});
    if (parts[0] == "presence") fixture_.put_members(9, "7:" + parts[2] + ":5", {parts[1]});
    if (parts[0] != "message") continue;
    const std::string guild = guild_of_channel(channel_of_message(parts[1], value));
    if (!guild.empty()) add_scored("1:" + guild + ":10", parts[1]);
    if (value.contains("author")) add_scored("7:" + value["author"]["id"].get<std::string>() + ":10", parts[1]);
  }
}

void CaseRun::write_given() {
  for (const auto& [key, value] : given("records").items()) {
    const Place place = place_of(key);
    if (place.field.empty()) {
      fixture_.put(place.database, place.key, value);
    } else {
      fixture_.put_field(place.database, place.key, place.field, completed(key, value));
    }
  }
  for (const auto& [name, ids] : given("sets").items()) write_set(name, ids);
  write_indices_of_records();
  before_ = fixture_.state();
}

void CaseRun::run_events(bool one_by_one) {
  // READY says which shard it is of; the other cases have one shard.
  std::pair<std::uint32_t, std::uint32_t> shard{0, 1};
  for (const json& event : case_.at("events"))
    if (event.at("t") == "READY") shard = event.at("d").value("shard", json{0, 1}).get<decltype(shard)>();
  fixture_.open();
  fixture_.shard(shard.first, shard.second);

  const bool with_sequence = id_ >= "E48" && id_ <= "E51";
  std::uint64_t next = 1;
  for (const json& event : case_.at("events")) {
    std::optional<std::uint64_t> sequence;
    if (with_sequence) sequence = next++;
    if (event.contains("s")) sequence = event["s"].get<std::uint64_t>();
    const Ending& ending = fixture_.feed_event(event.at("t").get<std::string>(), event.at("d"), sequence);
    if (one_by_one) {
      fixture_.flush();
      CHECK_MESSAGE((ending == Outcome::applied || ending == Outcome::ignored), event.at("t") << ": " << ending);
    }
  }
  fixture_.flush();
  for (const EventStats& stats : fixture_.stats().events)
    CHECK_MESSAGE(stats.rejected + stats.failed == 0, stats.event << " was rejected or failed");
}

// -------------------------------------------------------------------------------------------------- Expectations

std::optional<json> CaseRun::record(const std::string& key) {
  const Place place = place_of(key);
  json value = place.field.empty() ? fixture_.json_at(place.database, place.key)
                                   : fixture_.field_at(place.database, place.key, place.field);
  if (value.is_null()) return std::nullopt;
  return value;
}

std::vector<std::string> CaseRun::set(const std::string& name) {
  const SetPlace place = set_place_of(name);
  std::vector<std::string> members;
  if (place.kind == SetPlace::Kind::guilds || place.kind == SetPlace::Kind::unavailable) {
    const json state = fixture_.state({.databases = {1}, .lifetimes = Lifetimes::left_out});
    for (const auto& [guild, entry] : part_of(state, "1").items())
      if (place.kind == SetPlace::Kind::guilds || entry.at("value").value("unavailable", false))
        members.push_back(guild);
  } else {
    members = fixture_.members_of(place.database, place.key);
  }
  if (place.kind == SetPlace::Kind::voice && !members.empty()) {
    const auto is_marker = [](const std::string& member) { return member.starts_with("KEY."); };
    CHECK_MESSAGE(std::ranges::count_if(members, is_marker) == 1, name << " names its guild once");
    CHECK_MESSAGE(members.size() > 1, name << " is gone when nobody is left in it");
    std::erase_if(members, is_marker);
  }
  std::ranges::sort(members);
  return members;
}

/// The value at a path like reactions.0.count; nothing when there is none.
std::optional<json> at_path(const json& record, const std::string& path) {
  json value = record;
  for (const std::string& part : split(path, '.')) {
    if (value.is_array() && std::stoul(part) < value.size()) {
      value = json(value[std::stoul(part)]);
    } else if (value.is_object() && value.contains(part)) {
      value = json(value[part]);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

bool CaseRun::holds(const std::string& kind, const std::string& key, const json& wanted, std::string& found) {
  if (kind == "sets") {
    auto ids = wanted.get<std::vector<std::string>>();
    std::ranges::sort(ids);
    const std::vector<std::string> members = set(key);
    found = json(members).dump();
    return members == ids;
  }
  const std::string name = key.substr(0, key.find('#'));
  const auto stored = record(name);
  found = stored ? stored->dump() : "no record";
  if (key.size() == name.size()) {
    if (kind == "records") return stored == wanted;
    return stored.has_value() == (kind == "present");
  }
  // An absent path is one of a record that is there.
  if (!stored) return false;
  const auto value = at_path(*stored, key.substr(name.size() + 1));
  return kind == "absent" ? !value : value == wanted;
}

void CaseRun::check(const std::string& kind, const std::string& key, const json& wanted) {
  const std::string path = kind + " " + key;
  std::string found;
  const bool as_stated = holds(kind, key, wanted, found);
  ++checks_;
  const auto* row = find_row(id_, path);
  if (row == nullptr) {
    CHECK_MESSAGE(as_stated, id_ << ": " << path << (wanted.is_null() && kind != "records" ? "" : " = " + wanted.dump())
                                 << ", but there is " << found);
    return;
  }
  CHECK_MESSAGE(!as_stated, id_ << ": " << path << " holds as the reference states it; the adaptation is not needed");
  adapted_.push_back(path + " [" + std::string(row->row) + "]");
  const std::string other(row->instead);
  const std::string other_kind = other.substr(0, other.find(' '));
  const json other_value = row->value.empty() ? json() : json::parse(row->value);
  CHECK_MESSAGE(holds(other_kind, other.substr(other_kind.size() + 1), other_value, found),
                id_ << ": " << other << " " << row->value << ", but there is " << found);
}

void CaseRun::check_expectations() {
  const json& expect = case_.at("expect");
  for (const auto& [key, value] : part_of(expect, "records").items()) check("records", key, value);
  for (const std::string key : part_of(expect, "absent")) check("absent", key, nullptr);
  for (const std::string key : part_of(expect, "present")) check("present", key, nullptr);
  for (const auto& [name, ids] : part_of(expect, "sets").items()) check("sets", name, ids);
  if (expect.value("unchanged", false)) {
    const std::string change = diff(before_, fixture_.state());
    CHECK_MESSAGE(change.empty(), id_ << ": something has changed\n" << change);
    ++checks_;
  }
}

void CaseRun::print() const {
  std::string line = id_ + " " + case_.at("title").get<std::string>() + ": ";
  line += std::to_string(checks_) + " checks";
  CHECK(checks_ > 0);
  for (const std::string& what : adapted_) line += "\n      adapted: " + what;
  std::printf("%s\n", line.c_str());
}

json load_cases() {
  const char* root = std::getenv("SAKE_SOURCE_ROOT");
  REQUIRE_MESSAGE(root != nullptr, "SAKE_SOURCE_ROOT names the folder of the sources");
  std::ifstream file(std::string(root) + "/test/data/conformance.json");
  REQUIRE_MESSAGE(file.good(), "test/data/conformance.json can be read");
  return json::parse(file);
}

}  // namespace

TEST_CASE("what each conformance case expects is in Redis after its events") {
  static const json cases = load_cases();
  CHECK(cases.size() == 54);
  for (const json& the_case : cases) {
    SUBCASE(the_case.at("id").get<std::string>().c_str()) {
      CaseRun run(the_case);
      run.write_given();
      run.run_events(false);
      run.check_expectations();
      run.print();
    }
  }
}

TEST_CASE("the conformance cases end the same when each event has its outcome before the next is dispatched") {
  static const json cases = load_cases();
  for (const json& the_case : cases) {
    SUBCASE(the_case.at("id").get<std::string>().c_str()) {
      CaseRun run(the_case);
      run.write_given();
      run.run_events(true);
      run.check_expectations();
    }
  }
}

TEST_CASE("every adaptation belongs to an expectation of its case") {
  // Filled by the tests above, which doctest runs first: they stand first in this file.
  if (rows_used.empty()) return;
  for (const Adaptation& row : adaptations)
    CHECK_MESSAGE(rows_used.contains(std::string(row.id) + " " + std::string(row.path)), row.id << " " << row.path);
}

}  // namespace sake::test
