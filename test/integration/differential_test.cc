// Generated gateway logs through the library into a real Redis, and through the model of the tests (support/model.h):
// both have to end with the same content, down to the last reference. SAKE_FULL=1 runs more and larger logs;
// SAKE_SEED=n runs one.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"
#include "support/gateway_log.h"
#include "support/model.h"
#include "support/random.h"
#include "support/temp_directory.h"

namespace sake::test {
namespace {

using nlohmann::json;
using Counts = std::map<std::string, std::uint64_t>;

bool is_full() { return std::getenv("SAKE_FULL") != nullptr; }

constexpr std::uint64_t large = 1000;  ///< The seed of the one log that is large.

std::vector<std::uint64_t> seeds() {
  if (const char* one = std::getenv("SAKE_SEED")) return {std::strtoull(one, nullptr, 10)};
  std::vector<std::uint64_t> list(is_full() ? 50 : 10);
  for (std::size_t i = 0; i < list.size(); ++i) list[i] = i + 1;
  if (is_full()) list.push_back(large);
  return list;
}

/// A log, and the choices of the cache that sees it.
struct Case {
  LogOptions log;
  ModelOptions model;
};

/// Each seed has its own choices, so that all of them meet all events.
Case case_of(std::uint64_t seed) {
  using enum ModelOptions::Members;
  constexpr ModelOptions::Members policies[] = {automatic, replace, merge};
  Case one;
  one.log = {.seed = seed, .guilds = 3, .members = 12, .shards = seed % 3 == 0 ? 2 : 1, .frames = 900};
  one.log.quirks = seed % 4 != 0;
  if (seed == large) one.log = {.seed = seed, .guilds = 30, .members = 60, .shards = 3, .frames = 30'000, .zipf = true};
  one.model.guild_create_members = policies[seed % 3];
  one.model.harvest_members = seed % 2 == 1;
  one.model.scrub_deleted_roles = seed % 5 < 2;
  one.model.track_channel_activity = seed % 4 < 2;
  return one;
}

/// Nothing expires, so that lifetimes need no model.
Options engine_options(const ModelOptions& model) {
  using enum ModelOptions::Members;
  Options options{.default_expire = Lifetime::never,
                  .user_expire = Lifetime::never,
                  .message_expire = Lifetime::never,
                  .invite_expire = Lifetime::never,
                  .resources = Resources::everything(),
                  .secondary_indices = SecondaryIndices::all()};
  options.policies.guild_create_members = model.guild_create_members == automatic ? MemberPolicy::automatic
                                          : model.guild_create_members == replace ? MemberPolicy::replace
                                                                                  : MemberPolicy::merge;
  options.policies.harvest_members = model.harvest_members ? HarvestPolicy::on : HarvestPolicy::off;
  options.policies.scrub_deleted_roles = model.scrub_deleted_roles;
  options.policies.track_channel_activity = model.track_channel_activity;
  return options;
}

/// An event of a log, taken apart.
struct Step {
  std::string event;
  json data;
  std::uint32_t shard = 0;
  std::uint32_t shards = 1;
};

/// Without what is no dispatch, and without frames that were sent again.
std::vector<Step> steps_of(const std::vector<std::string>& frames) {
  std::vector<Step> steps;
  std::map<std::uint32_t, std::uint64_t> marks;
  for (const std::string& text : frames) {
    json frame = json::parse(text);
    if (frame.at("op") != 0) continue;
    Step step{frame.at("t"), std::move(frame.at("d"))};
    if (frame.contains("shard")) {
      step.shard = frame.at("shard").at(0);
      step.shards = frame.at("shard").at(1);
    }
    const std::uint64_t sequence = frame.at("s");
    if (step.event != "READY" && sequence <= marks[step.shard]) continue;
    marks[step.shard] = sequence;
    steps.push_back(std::move(step));
  }
  return steps;
}

// ------------------------------------------------------------------------------------------------------- Engines

/// A cache that takes a log, with a pause now and then: what is in the air together differs from seed to seed.
class Engine {
 public:
  Engine(const Case& one) : fixture_(engine_options(one.model)), random_(one.log.seed) { fixture_.open(); }

  /// As it came, so that the cache finds for itself what was sent again. `frame` is the same taken apart.
  void feed_frame(const std::string& text, const json& frame) {
    const json shard = frame.value("shard", json({0, 1}));
    CHECK(fixture_.cache().shard(shard[0], shard[1]).dispatch_frame(text, completion()).ok());
    pause();
  }

  void feed(const Step& step) {
    Shard& shard = fixture_.cache().shard(step.shard, step.shards);
    CHECK(shard.dispatch(step.event, step.data.dump(), std::nullopt, completion()).ok());
    pause();
  }

  /// The whole of Redis, once everything has its outcome.
  json finish() {
    fixture_.flush();
    CHECK(fixture_.cache().dirty_guilds().empty());
    return fixture_.state();
  }

 private:
  Completion completion() {
    return [](const EventResult& result) {
      const bool well = result.outcome == Outcome::applied || result.outcome == Outcome::ignored;
      CHECK_MESSAGE(well, result.event << ": " << (result.error == nullptr ? "" : describe(*result.error)));
    };
  }

  void pause() {
    if (left_-- > 0) return;
    left_ = static_cast<int>(random_.below(80));
    if (random_.one_in(2)) {
      fixture_.flush();
    } else {
      fixture_.loop.run_for_turns(1);
    }
  }

  CacheFixture fixture_;
  Random random_;
  int left_ = 0;
};

json state_after(const Case& one, const std::vector<Step>& steps) {
  Engine engine(one);
  for (const Step& step : steps) engine.feed(step);
  return engine.finish();
}

// ---------------------------------------------------------------------------------------------------- Comparisons

/// The event that is to blame for a key: the one that touched it last in the model, else the last that names it.
std::string culprit(const Model& model, const std::vector<std::string>& frames, int database, const std::string& key) {
  const std::string event = model.touched_by(database, key);
  if (!event.empty()) return event;
  const std::size_t colon = key.find(':');
  const std::string id = colon == std::string::npos ? key : key.substr(colon + 1, key.find(':', colon + 1) - colon - 1);
  for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame)
    if (frame->find(id) != std::string::npos) return json::parse(*frame).at("t").dump() + " (names it)";
  return "?";
}

/// Expected on the left. Empty where both are the same, else how many keys differ by event, and how the first ones do.
std::string differences(const Model& model, const std::vector<std::string>& frames, const json& expected,
                        const json& actual) {
  if (expected == actual) return {};
  Counts by_event;
  std::string details;
  for (int database = 0; database < 18; ++database) {
    const std::string name = std::to_string(database);
    const json left = expected.value(name, json::object());
    const json right = actual.value(name, json::object());
    std::set<std::string> keys;
    for (const auto& [key, value] : left.items()) keys.insert(key);
    for (const auto& [key, value] : right.items()) keys.insert(key);
    for (const std::string& key : keys) {
      const json mine = left.value(key, json());
      const json theirs = right.value(key, json());
      if (mine == theirs) continue;
      const std::string event = culprit(model, frames, database, key);
      if (++by_event[name + " after " + event] > 2) continue;
      details += event + ": " + name + " / " + key + "\n" + diff(mine, theirs);
    }
  }
  std::string text = "differences from the model (left):\n";
  for (const auto& [event, count] : by_event) text += std::to_string(count) + " in database " + event + "\n";
  return text + details;
}

/// Records whose references lack them, and references to nothing. It knows the layout and nothing of events.
std::vector<std::string> broken_references(const json& state) {
  std::set<std::string> needed, found;  // "<key> <entry>"
  const auto id = [](const json& object, const char* key) {
    const json value = object.is_object() ? object.value(key, json()) : json();
    return value.is_string() ? value.get<std::string>() : value.is_null() ? std::string() : value.dump();
  };
  const auto need = [&](int owner, const std::string& of, const std::string& listed, const std::string& entry) {
    if (!of.empty()) needed.insert(std::to_string(owner) + ":" + of + ":" + listed + " " + entry);
  };
  for (const auto& [database, keys] : state.items()) {
    if (database == "1" || database == "7" || database == "9") continue;
    const bool by_channel = database == "3" || database == "10";
    for (const auto& [key, entry] : keys.items()) {
      const json& value = entry.at("value");
      if (entry.at("type") == "hash") {
        for (const auto& [field, state_of_user] : value.items()) {
          if (database != "8") {
            need(7, field, database, key);
            continue;
          }
          need(2, id(state_of_user, "channel_id"), database, field);
          need(2, id(state_of_user, "channel_id"), database, "KEY." + key);
        }
        continue;
      }
      need(1, id(value, "guild_id"), database, key);
      if (by_channel) need(2, id(value, "channel_id"), database, key);
      if (database == "11") need(2, id(value, "parent_id"), database, key);
      if (database == "10") need(7, id(value.value("author", json()), "id"), database, key);
    }
  }
  const json references = state.value("9", json::object());
  for (const auto& [key, entry] : references.items())
    for (const json& member : entry.at("value"))
      found.insert(key + " " + (member.is_array() ? member.at(0) : member).get<std::string>());

  std::vector<std::string> broken;
  for (const std::string& one : needed)
    if (!found.contains(one)) broken.push_back("an entity without its reference: " + one);
  for (const std::string& one : found)
    if (!needed.contains(one)) broken.push_back("a reference without its entity: " + one);
  return broken;
}

void check_references(const json& state) {
  const std::vector<std::string> broken = broken_references(state);
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(broken.size(), 20); ++i) text += broken[i] + "\n";
  CHECK_MESSAGE(broken.empty(), broken.size() << " broken references\n" << text);
}

/// What a user looks like depends on the payload that came last, so only their being there is compared.
json without_looks_of_users(json state) {
  for (auto& [key, entry] : state["7"].items()) entry = true;
  return state;
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------- Tests

TEST_CASE("after any log, Redis holds what the model holds") {
  Counts covered;
  for (const std::uint64_t seed : seeds()) {
    CAPTURE(seed);
    const Case one = case_of(seed);
    const std::vector<std::string> frames = generate(one.log);
    Model model(one.model);
    Engine engine(one);
    for (const std::string& text : frames) {
      const json frame = json::parse(text);
      model.apply_frame(frame);
      engine.feed_frame(text, frame);
    }
    const json state = engine.finish();
    const std::string different = differences(model, frames, model.redis(), state);
    CHECK_MESSAGE(different.empty(), different);
    check_references(state);
    for (const auto& [event, count] : model.applied()) covered[event] += count;
  }
  std::string text;
  for (const auto& [event, count] : covered) text += "\n  " + std::to_string(count) + " " + event;
  MESSAGE(covered.size() << " kinds of events in " << seeds().size() << " logs" << text);
  if (seeds().size() > 1) CHECK(covered.size() >= 79);
}

TEST_CASE("an event that is applied twice in a row changes nothing more, unless it counts") {
  // Discord tells how many there are more or fewer, not how many there are: these are applied once.
  const std::set<std::string> counting{"GUILD_MEMBER_REMOVE",
                                       "MESSAGE_DELETE",
                                       "MESSAGE_DELETE_BULK",
                                       "MESSAGE_REACTION_ADD",
                                       "MESSAGE_REACTION_REMOVE",
                                       "MESSAGE_POLL_VOTE_ADD",
                                       "MESSAGE_POLL_VOTE_REMOVE",
                                       "GUILD_SCHEDULED_EVENT_USER_ADD",
                                       "GUILD_SCHEDULED_EVENT_USER_REMOVE"};
  for (const std::uint64_t seed : seeds()) {
    CAPTURE(seed);
    const Case one = case_of(seed);
    const std::vector<std::string> frames = generate(one.log);
    Model model(one.model);
    std::vector<Step> twice;
    for (Step& step : steps_of(frames)) {
      model.apply(step.event, step.data);
      // A list that leaves out somebody in voice drops them as a member, and then nobody knows how to show them.
      const bool drops_members = one.model.guild_create_members == ModelOptions::Members::replace;
      const bool counts = counting.contains(step.event) || (step.event == "GUILD_CREATE" && drops_members);
      if (!counts) twice.push_back(step);
      twice.push_back(std::move(step));
    }
    const json state = state_after(one, twice);
    const std::string different = differences(model, frames, model.redis(), state);
    CHECK_MESSAGE(different.empty(), different);
    check_references(state);
  }
}

namespace {

std::string text_at(const json& object, std::string_view key) {
  const json value = object.value(key, json());
  return value.is_string() ? value.get<std::string>() : value.dump();
}

bool is_leave(const Step& step) {
  return (step.event == "PRESENCE_UPDATE" && step.data.value("status", "") == "offline") ||
         (step.event == "VOICE_STATE_UPDATE" && step.data.value("channel_id", json()).is_null());
}

std::string user_of(const Step& step) {
  const json& holder = step.data.contains("user") ? step.data.at("user") : step.data;
  return text_at(holder, step.data.contains("user") ? "id" : "user_id");
}

/// Two events of a guild that Discord sends in either order.
bool may_be_swapped(const Step& first, const Step& second, const ModelOptions& model) {
  if (first.shard != second.shard || !first.data.is_object() || !second.data.is_object()) return false;
  const std::string& a = first.event;
  const std::string& b = second.event;
  const std::string guild = text_at(first.data, "guild_id");
  const bool same_guild = guild == text_at(second.data, "guild_id");
  if (a == "GUILD_MEMBER_REMOVE" && b == "GUILD_DELETE")
    return guild == text_at(second.data, "id") && second.data.value("unavailable", json()) != true;
  if (!same_guild) return false;
  if (a == "GUILD_MEMBER_REMOVE" && is_leave(second)) return user_of(first) == user_of(second);
  if (a == "GUILD_MEMBER_REMOVE" && b == "GUILD_BAN_ADD") return user_of(first) == user_of(second);
  if (a == "GUILD_BAN_ADD" && b == "GUILD_MEMBER_REMOVE") return user_of(first) == user_of(second);
  if (a == "CHANNEL_DELETE") return b == "STAGE_INSTANCE_DELETE" || (b == "VOICE_STATE_UPDATE" && is_leave(second));
  // A thread knows of its messages, when they are counted.
  if (a == "MESSAGE_CREATE" && b == "THREAD_CREATE" && !model.track_channel_activity)
    return text_at(first.data, "channel_id") == text_at(second.data, "id");
  return false;
}

}  // namespace

TEST_CASE("events that Discord sends in either order end in the same state") {
  Counts swapped;
  for (const std::uint64_t seed : seeds()) {
    CAPTURE(seed);
    const Case one = case_of(seed);
    const std::vector<std::string> frames = generate(one.log);
    std::vector<Step> steps = steps_of(frames);
    Model model(one.model);
    for (const Step& step : steps) model.apply(step.event, step.data);
    for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
      if (!may_be_swapped(steps[i], steps[i + 1], one.model)) continue;
      ++swapped[steps[i].event + ", " + steps[i + 1].event];
      std::swap(steps[i], steps[i + 1]);
    }
    // Shards know nothing of each other: all of one may come before all of another.
    std::stable_sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) { return a.shard < b.shard; });
    const json state = state_after(one, steps);
    const std::string different =
        differences(model, frames, without_looks_of_users(model.redis()), without_looks_of_users(state));
    CHECK_MESSAGE(different.empty(), different);
    check_references(state);
  }
  std::string text;
  for (const auto& [pair, count] : swapped) text += "\n  " + std::to_string(count) + " " + pair;
  MESSAGE("swapped:" << text);
  if (seeds().size() > 1) CHECK(swapped.size() >= 5);
}

// ------------------------------------------------------------------------------------- The reference implementation
//
// spec/ref_cache.py, which whoever wrote the reference on gateway events wrote along with it, says what the model
// should hold. It is no part of this repository: SAKE_SHARED names the folder that holds spec, else it is looked for
// next to the sources.

namespace {

std::filesystem::path spec_folder() {
  const char* shared = std::getenv("SAKE_SHARED");
  const char* root = std::getenv("SAKE_SOURCE_ROOT");
  return (shared != nullptr ? std::filesystem::path(shared)
          : root != nullptr ? std::filesystem::path(root) / ".." / "shared"
                            : std::filesystem::path("shared")) /
         "spec";
}

constexpr std::string_view run_reference = R"(
import json, sys
sys.path.insert(0, sys.argv[1])
import ref_cache
cache = ref_cache.Cache()
for line in open(sys.argv[2], encoding='utf-8', newline='\n'):
    frame = json.loads(line)
    if frame['op'] == 0:
        cache.dispatch(frame['t'], frame['d'], frame['s'], frame.get('shard', [0, 1])[0])
json.dump(cache.r, sys.stdout)
)";

/// Its records, by their logical keys: "member:100:5".
json reference_records(const std::vector<std::string>& frames) {
  const TempDirectory directory;
  std::ofstream(directory.file("run.py")) << run_reference;
  std::ofstream log(directory.file("log.ndjson"));
  for (const std::string& frame : frames) log << frame << '\n';
  log.close();
  const std::string command = "python3 -B '" + directory.file("run.py") + "' '" + spec_folder().string() + "' '" +
                              directory.file("log.ndjson") + "' > '" + directory.file("records.json") + "'";
  REQUIRE(std::system(command.c_str()) == 0);
  std::ifstream records(directory.file("records.json"));
  return json::parse(records);
}

/// What the table of decisions on the reference stores otherwise, brought to the reference's way.
json as_reference_stores(const std::string& kind, json record) {
  const auto only_id = [&record](const std::string& user) {
    if (!record.contains(user)) return;
    record[user + "_id"] = record[user]["id"];
    record.erase(user);
  };
  if (kind == "member" || kind == "presence") {
    only_id("user");
  } else if (kind == "voice") {
    record.erase("member");
  } else if (kind == "message") {
    record.erase("member");
    record.erase("thread");
    for (json& mention : record["mentions"]) mention.erase("member");
  } else if (kind == "invite") {
    only_id("inviter");
    only_id("target_user");
  } else {
    record.erase("user");
    record.erase("creator");
  }
  return record;
}

/// What of a record is not compared, since the two merge and replace differently.
void forget_what_survives(const std::string& kind, json& mine, json& theirs) {
  const auto forget = [&](const char* key) {
    if (mine.contains(key) && theirs.contains(key)) return;
    mine.erase(key);
    theirs.erase(key);
  };
  if (kind == "member") {  // "members that ride along are stored whole, no read"
    forget("deaf");
    forget("mute");
  }
  if (kind == "thread") {  // The same for lists of threads.
    forget("member");
    forget("last_pin_timestamp");
  }
  if (kind == "channel") {  // Channels in a GUILD_CREATE are complete, and replace.
    forget("status");
    forget("voice_start_time");
    forget("last_message_id");
    forget("last_pin_timestamp");
  }
}

/// The model's records by logical keys. Users are left out: they go by their lifetime here, there with their guilds.
std::map<std::string, json> records_of(const json& state) {
  static const std::map<std::string, std::string> kinds{
      {"0", "emoji"},  {"1", "guild"},  {"2", "channel"},      {"3", "invite"},  {"4", "member"},   {"5", "presence"},
      {"6", "role"},   {"8", "voice"},  {"10", "message"},     {"11", "thread"}, {"12", "sticker"}, {"13", "stage"},
      {"14", "event"}, {"15", "sound"}, {"16", "integration"}, {"17", "automod"}};
  std::map<std::string, json> records;
  for (const auto& [database, keys] : state.items()) {
    if (!kinds.contains(database)) continue;
    const std::string& kind = kinds.at(database);
    for (const auto& [key, entry] : keys.items()) {
      const json& value = entry.at("value");
      if (entry.at("type") != "hash") {
        records[kind + ":" + key] = as_reference_stores(kind, value);
        continue;
      }
      for (const auto& [field, record] : value.items())
        records[kind + ":" + key + ":" + field] = as_reference_stores(kind, record);
    }
  }
  return records;
}

}  // namespace

TEST_CASE("the model holds what the reference implementation holds") {
  if (!std::filesystem::exists(spec_folder() / "ref_cache.py")) {
    std::cout << "SKIPPED: there is no ref_cache.py at " << spec_folder()
              << "; SAKE_SHARED names the folder above spec\n";
    return;
  }
  std::size_t compared = 0;
  for (std::uint64_t seed = 1; seed <= (is_full() ? 20u : 3u); ++seed) {
    CAPTURE(seed);
    Case one = case_of(seed);
    one.log.quirks = false;  // Merged and replaced records differ in what is unknown or odd.
    one.model = {.guild_create_members = ModelOptions::Members::replace,
                 .scrub_deleted_roles = true,
                 .track_channel_activity = true};
    const std::vector<std::string> frames = generate(one.log);
    Model model(one.model);
    for (const std::string& frame : frames) model.apply_frame(json::parse(frame));
    const json state = model.redis();
    std::map<std::string, json> mine = records_of(state);
    const json guilds = state.value("1", json::object());
    std::string different;
    json reference = reference_records(frames);
    for (auto& [key, record] : reference.items()) {
      const std::string kind = key.substr(0, key.find(':'));
      if (kind == "me" || kind == "user") continue;
      const auto found = mine.find(key);
      if (found == mine.end()) {
        // Messages of a guild that was left go through their index by guild; there through the channels it knows.
        if (kind == "message" && record.contains("guild_id") && !guilds.contains(text_at(record, "guild_id"))) continue;
        different += key + " is only there\n";
        continue;
      }
      forget_what_survives(kind, found->second, record);
      if (found->second != record) different += key + "\n" + diff(found->second, record);
      mine.erase(found);
      ++compared;
    }
    for (const auto& [key, record] : mine) different += key + " is only here\n";
    CHECK_MESSAGE(different.empty(), different.substr(0, 6000));
  }
  MESSAGE(compared << " records are the same");
}

}  // namespace sake::test
