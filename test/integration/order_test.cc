// The order in which events are applied and commands are sent: lanes, users, references before entities. Redis is
// reached through a proxy that keeps answers back, so that whatever may overtake something does so here.

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/cache_fixture.h"
#include "support/command_proxy.h"
#include "support/random.h"

namespace sake::test {
namespace {

using Json = nlohmann::json;

// ------------------------------------------------------------------------------------------------ Generated events

std::string text(std::uint64_t id) { return std::to_string(id); }

/// Events of a few guilds with a few of everything, so that most of them are about what an earlier one has changed.
/// Each value is written once only: what is stored tells which event wrote it.
class Events {
 public:
  struct Kinds {
    int guilds = 1;
    bool without_guild = false;  ///< Deletes of messages that do not name their guild.
  };

  Events(std::uint64_t seed, Kinds kinds) : random_(seed), kinds_(kinds) {}

  std::vector<std::string> make(std::size_t count) {
    ready();
    for (int i = 0; i < kinds_.guilds; ++i) guild_create();
    for (std::size_t i = frames_.size(); i < count; ++i) one();
    return std::move(frames_);
  }

 private:
  static constexpr std::uint64_t own_user = 9;
  static constexpr std::uint64_t direct_channel = 7;

  struct Row {
    unsigned weight;
    void (Events::*happen)();
  };

  void one() {
    static constexpr Row rows[] = {
        {4, &Events::guild_create},   {4, &Events::guild_update},    {2, &Events::guild_delete},
        {8, &Events::member_add},     {10, &Events::member_update},  {10, &Events::member_update_complete},
        {6, &Events::member_remove},  {2, &Events::members_chunk},   {4, &Events::presence_update},
        {16, &Events::voice_join},    {8, &Events::voice_leave},     {10, &Events::message_create},
        {8, &Events::message_update}, {4, &Events::message_delete},  {1, &Events::message_delete_bulk},
        {16, &Events::reaction_add},  {8, &Events::reaction_remove}, {2, &Events::reaction_clear},
        {4, &Events::channel_update}, {1, &Events::channel_delete},  {4, &Events::channel_pins},
        {4, &Events::channel_status}, {4, &Events::role_upsert},     {3, &Events::role_delete},
        {3, &Events::emojis_update},  {4, &Events::interaction},     {2, &Events::invite_create},
        {1, &Events::invite_delete},  {2, &Events::typing},          {1, &Events::user_update},
        {1, &Events::ready},          {1, &Events::outage},          {4, &Events::direct_message},
        {2, &Events::repeat},
    };
    unsigned total = 0;
    for (const Row& row : rows) total += row.weight;
    auto at = static_cast<unsigned>(random_.below(total));
    for (const Row& row : rows) {
      if (at < row.weight) return (this->*row.happen)();
      at -= row.weight;
    }
  }

  void emit(std::string_view event, const Json& d) {
    ++sequence_;
    frames_.push_back(CacheFixture::frame(event, d, sequence_));
  }

  // Ids.
  std::uint64_t guild() { return 1000 * (1 + random_.below(static_cast<std::size_t>(kinds_.guilds))); }
  std::uint64_t user() { return 50 + random_.below(12); }
  std::uint64_t role(std::uint64_t guild) { return guild + 11 + random_.below(5); }
  std::uint64_t voice_channel(std::uint64_t guild) { return guild + 3 + random_.below(3); }
  std::uint64_t message(std::uint64_t guild) { return guild + 100 + random_.below(12); }
  static std::uint64_t channel_of(std::uint64_t message) { return message / 1000 * 1000 + 1 + message % 2; }
  std::uint64_t channel(std::uint64_t guild) { return guild + 1 + random_.below(6); }

  // Objects.
  std::string fresh(std::string_view what) { return std::string(what) + std::to_string(++value_); }
  Json user_object(std::uint64_t id) { return {{"id", text(id)}, {"username", fresh("u")}}; }
  Json role_object(std::uint64_t id) { return {{"id", text(id)}, {"name", fresh("r")}}; }
  Json role_ids(std::uint64_t guild) {
    Json ids = Json::array();
    for (std::size_t i = random_.below(3); i > 0; --i) ids.push_back(text(role(guild)));
    return ids;
  }
  Json member_object(std::uint64_t guild, std::uint64_t id) {
    Json member = {{"user", user_object(id)}, {"roles", role_ids(guild)}, {"joined_at", fresh("t")}};
    if (random_.one_in(2)) member["nick"] = fresh("n");
    if (random_.one_in(3)) member["deaf"] = random_.one_in(2);
    if (random_.one_in(4)) member["flags"] = random_.below(8);
    return member;
  }
  Json channel_object(std::uint64_t id) {
    static constexpr int types[] = {0, 0, 2, 2, 13, 5};
    Json channel = {{"id", text(id)}, {"type", types[id % 10 - 1]}, {"name", fresh("c")}};
    if (random_.one_in(3)) channel["last_message_id"] = text(100'000 + ++value_);
    return channel;
  }
  Json voice_object(std::uint64_t id, const Json& channel) {
    return {
        {"user_id", text(id)}, {"channel_id", channel}, {"session_id", fresh("s")}, {"self_mute", random_.one_in(2)}};
  }
  Json message_object(std::uint64_t id) {
    return {{"id", text(id)}, {"channel_id", text(channel_of(id))}, {"content", fresh("m")}, {"tts", false}};
  }
  template <class Make>
  Json some(std::uint64_t from, std::size_t count, std::size_t percent, Make make) {
    Json list = Json::array();
    for (std::uint64_t id = from; id < from + count; ++id)
      if (random_.percent(percent)) list.push_back(make(id));
    return list;
  }

  // Events.
  void ready() {
    sequence_ = 0;
    Json guilds = Json::array();
    for (int i = 1; i <= kinds_.guilds; ++i)
      guilds.push_back({{"id", text(1000u * static_cast<unsigned>(i))}, {"unavailable", true}});
    emit("READY", {{"v", 10}, {"user", user_object(own_user)}, {"guilds", guilds}, {"session_id", fresh("s")}});
  }
  void user_update() { emit("USER_UPDATE", user_object(own_user)); }
  void outage() {
    const std::uint64_t id = guild();
    emit(random_.one_in(2) ? "GUILD_DELETE" : "GUILD_CREATE", {{"id", text(id)}, {"unavailable", true}});
  }
  void guild_create() {
    const std::uint64_t id = guild();
    Json d = {{"id", text(id)}, {"name", fresh("g")}, {"joined_at", fresh("t")}, {"large", random_.one_in(2)}};
    d["roles"] = some(id + 11, 5, 70, [&](std::uint64_t role) { return role_object(role); });
    d["emojis"] = some(id + 21, 4, 60, [&](std::uint64_t emoji) { return emoji_object(emoji); });
    d["channels"] = some(id + 1, 6, 80, [&](std::uint64_t channel) { return channel_object(channel); });
    d["members"] = some(50, 12, 60, [&](std::uint64_t user) { return member_object(id, user); });
    d["presences"] = some(50, 12, 30, [&](std::uint64_t user) { return presence_object(user); });
    d["voice_states"] =
        some(50, 12, 30, [&](std::uint64_t user) { return voice_object(user, text(voice_channel(id))); });
    // Sometimes Discord lists only some of the members, and then the others stay.
    d["member_count"] = d["members"].size() + (random_.one_in(3) ? 5 : 0);
    left_.erase(id);
    emit("GUILD_CREATE", d);
  }
  void guild_update() {
    const std::uint64_t id = guild();
    Json d = {{"id", text(id)}, {"name", fresh("g")}, {"icon", fresh("i")}};
    if (random_.one_in(2)) d["roles"] = some(id + 11, 5, 70, [&](std::uint64_t role) { return role_object(role); });
    if (random_.one_in(2)) d["emojis"] = some(id + 21, 4, 60, [&](std::uint64_t emoji) { return emoji_object(emoji); });
    emit("GUILD_UPDATE", d);
  }
  void guild_delete() {
    const std::uint64_t id = guild();
    emit("GUILD_DELETE", {{"id", text(id)}});
    left_.insert(id);
    // What comes until the guild is back is discarded.
    for (std::size_t i = random_.below(5); i > 0; --i) one_of_guild(id);
    if (random_.one_in(4)) return;
    left_.erase(id);
    Json d = {{"id", text(id)}, {"name", fresh("g")}, {"member_count", 3}};
    d["members"] = some(50, 6, 50, [&](std::uint64_t user) { return member_object(id, user); });
    d["channels"] = some(id + 1, 6, 50, [&](std::uint64_t channel) { return channel_object(channel); });
    emit("GUILD_CREATE", d);
  }
  void one_of_guild(std::uint64_t id) {
    const std::uint64_t who = user();
    if (random_.one_in(2)) {
      emit("GUILD_MEMBER_UPDATE", with_guild(member_object(id, who), id));
    } else {
      emit("GUILD_ROLE_CREATE", {{"guild_id", text(id)}, {"role", role_object(role(id))}});
    }
  }
  static Json with_guild(Json object, std::uint64_t guild) {
    object["guild_id"] = text(guild);
    return object;
  }
  void member_add() {
    const std::uint64_t id = guild();
    const std::uint64_t who = user();
    emit("GUILD_MEMBER_ADD", with_guild(member_object(id, who), id));
  }
  void member_update() {
    const std::uint64_t id = guild();
    const std::uint64_t who = user();
    emit("GUILD_MEMBER_UPDATE", with_guild(member_object(id, who), id));
  }
  void member_update_complete() {
    const std::uint64_t id = guild();
    const std::uint64_t who = user();
    Json d = with_guild(member_object(id, who), id);
    for (const char* key : {"nick", "premium_since", "deaf", "mute", "pending", "flags", "communication_disabled_until",
                            "avatar_decoration_data", "collectibles"})
      if (!d.contains(key)) d[key] = nullptr;
    emit("GUILD_MEMBER_UPDATE", d);
  }
  void member_remove() {
    const std::uint64_t id = guild();
    const std::uint64_t who = user();
    emit("GUILD_MEMBER_REMOVE", {{"guild_id", text(id)}, {"user", user_object(who)}});
  }
  void members_chunk() {
    const std::uint64_t id = guild();
    Json d = {{"guild_id", text(id)}, {"chunk_index", 0}, {"chunk_count", 1}};
    d["members"] = some(50, 12, 40, [&](std::uint64_t user) { return member_object(id, user); });
    if (random_.one_in(2)) d["presences"] = some(50, 12, 30, [&](std::uint64_t user) { return presence_object(user); });
    if (random_.one_in(2)) d["not_found"] = {text(user())};
    emit("GUILD_MEMBERS_CHUNK", d);
  }
  Json presence_object(std::uint64_t id) {
    static constexpr const char* statuses[] = {"online", "idle", "offline"};
    return {{"user", {{"id", text(id)}}}, {"status", statuses[random_.below(3)]}, {"activities", {fresh("a")}}};
  }
  void presence_update() {
    const std::uint64_t id = guild();
    const std::uint64_t who = user();
    emit("PRESENCE_UPDATE", with_guild(presence_object(who), id));
  }
  void voice_join() {
    const std::uint64_t id = guild();
    const std::uint64_t who = user();
    Json d = with_guild(voice_object(who, text(voice_channel(id))), id);
    if (random_.one_in(2)) d["member"] = member_object(id, who);
    emit("VOICE_STATE_UPDATE", d);
  }
  void voice_leave() {
    const std::uint64_t id = guild();
    const std::uint64_t who = user();
    emit("VOICE_STATE_UPDATE", with_guild(voice_object(who, nullptr), id));
  }
  void message_create() {
    const std::uint64_t id = guild();
    const std::uint64_t who = user();
    Json d = with_guild(message_object(message(id)), id);
    d["author"] = user_object(who);
    if (random_.one_in(2)) {
      d["member"] = member_object(id, who);
      d["member"].erase("user");
    }
    emit("MESSAGE_CREATE", d);
  }
  void message_update() {
    const std::uint64_t id = guild();
    Json d = with_guild(message_object(message(id)), id);
    if (random_.one_in(2)) d["embeds"] = {fresh("e")};
    emit("MESSAGE_UPDATE", d);
  }
  void message_delete() {
    const std::uint64_t id = guild();
    const std::uint64_t which = message(id);
    Json d = {{"id", text(which)}, {"channel_id", text(channel_of(which))}};
    // Late events of a guild that was left are discarded, if they name it.
    if (!kinds_.without_guild || left_.contains(id) || random_.one_in(2)) d["guild_id"] = text(id);
    emit("MESSAGE_DELETE", d);
  }
  void message_delete_bulk() {
    const std::uint64_t id = guild();
    Json ids = Json::array();
    for (std::uint64_t which = id + 100; which < id + 112; which += 2)
      if (random_.one_in(2)) ids.push_back(text(which));
    emit("MESSAGE_DELETE_BULK", {{"guild_id", text(id)}, {"channel_id", text(id + 1)}, {"ids", ids}});
  }
  Json reaction_object(std::uint64_t which, std::uint64_t guild) {
    const char* names[] = {"x", "y", "z"};
    return {{"user_id", text(user())},
            {"channel_id", text(channel_of(which))},
            {"message_id", text(which)},
            {"guild_id", text(guild)},
            {"emoji", {{"id", nullptr}, {"name", names[random_.below(3)]}}},
            {"burst", random_.one_in(5)}};
  }
  void reaction_add() {
    const std::uint64_t id = guild();
    emit("MESSAGE_REACTION_ADD", reaction_object(message(id), id));
  }
  void reaction_remove() {
    const std::uint64_t id = guild();
    emit("MESSAGE_REACTION_REMOVE", reaction_object(message(id), id));
  }
  void reaction_clear() {
    const std::uint64_t id = guild();
    const Json d = reaction_object(message(id), id);
    emit(random_.one_in(2) ? "MESSAGE_REACTION_REMOVE_ALL" : "MESSAGE_REACTION_REMOVE_EMOJI", d);
  }
  void channel_update() {
    const std::uint64_t id = guild();
    emit("CHANNEL_UPDATE", with_guild(channel_object(channel(id)), id));
  }
  void channel_delete() {
    const std::uint64_t id = guild();
    emit("CHANNEL_DELETE", with_guild(channel_object(channel(id)), id));
  }
  void channel_pins() {
    const std::uint64_t id = guild();
    emit("CHANNEL_PINS_UPDATE",
         {{"guild_id", text(id)}, {"channel_id", text(channel(id))}, {"last_pin_timestamp", fresh("p")}});
  }
  void channel_status() {
    const std::uint64_t id = guild();
    emit("VOICE_CHANNEL_STATUS_UPDATE",
         {{"guild_id", text(id)}, {"id", text(voice_channel(id))}, {"status", fresh("s")}});
  }
  void role_upsert() {
    const std::uint64_t id = guild();
    emit(random_.one_in(2) ? "GUILD_ROLE_CREATE" : "GUILD_ROLE_UPDATE",
         {{"guild_id", text(id)}, {"role", role_object(role(id))}});
  }
  void role_delete() {
    const std::uint64_t id = guild();
    emit("GUILD_ROLE_DELETE", {{"guild_id", text(id)}, {"role_id", text(role(id))}});
  }
  Json emoji_object(std::uint64_t id) {
    Json emoji = {{"id", text(id)}, {"name", fresh("e")}};
    const std::uint64_t creator = user();
    if (random_.one_in(3)) emoji["user"] = user_object(creator);
    return emoji;
  }
  void emojis_update() {
    const std::uint64_t id = guild();
    emit("GUILD_EMOJIS_UPDATE",
         {{"guild_id", text(id)},
          {"emojis", some(id + 21, 4, 60, [&](std::uint64_t emoji) { return emoji_object(emoji); })}});
  }
  void interaction() {
    const std::uint64_t id = guild();
    const std::uint64_t who = user();
    const std::uint64_t other = user();
    Json d = {{"id", fresh("")}, {"type", 2}, {"guild_id", text(id)}, {"member", member_object(id, who)}};
    d["channel"] = channel_object(channel(id));
    d["channel_id"] = d["channel"]["id"];
    d["channel"].erase("last_message_id");
    d["data"]["resolved"]["users"][text(other)] = user_object(other);
    d["data"]["resolved"]["members"][text(other)] = {{"roles", role_ids(id)}, {"nick", fresh("n")}};
    emit("INTERACTION_CREATE", d);
  }
  void invite_create() {
    const std::uint64_t id = guild();
    emit("INVITE_CREATE", {{"code", text(id) + "-" + text(random_.below(6))},
                           {"guild_id", text(id)},
                           {"channel_id", text(id + 1)},
                           {"uses", ++value_},
                           {"expires_at", "2099-01-01T00:00:00+00:00"}});
  }
  void invite_delete() {
    const std::uint64_t id = guild();
    emit("INVITE_DELETE",
         {{"code", text(id) + "-" + text(random_.below(6))}, {"guild_id", text(id)}, {"channel_id", text(id + 1)}});
  }
  void typing() {
    const std::uint64_t id = guild();
    const std::uint64_t who = user();
    emit("TYPING_START", {{"guild_id", text(id)},
                          {"channel_id", text(channel(id))},
                          {"user_id", text(who)},
                          {"member", member_object(id, who)}});
  }
  void direct_message() {
    const std::uint64_t which = 700 + random_.below(4);
    const std::uint64_t who = which - 650;  // Nobody else becomes the author of a message.
    const Json d = {{"id", text(which)},
                    {"channel_id", text(direct_channel)},
                    {"message_id", text(which)},
                    {"author", user_object(who)},
                    {"user_id", text(who)},
                    {"content", fresh("d")},
                    {"emoji", {{"id", nullptr}, {"name", "x"}}}};
    const char* events[] = {"MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_REACTION_ADD", "MESSAGE_DELETE"};
    emit(events[random_.below(4)], d);
  }
  /// A frame that was there before, under its old sequence number: a duplicate.
  void repeat() { frames_.push_back(std::string(frames_.back())); }

  Random random_;
  Kinds kinds_;
  std::vector<std::string> frames_;
  std::uint64_t sequence_ = 0;
  std::uint64_t value_ = 0;
  std::set<std::uint64_t> left_;
};

// ------------------------------------------------------------------------------------------------ Running them

Options quiet_options() {
  return {.log = [](LogLevel, std::string_view) {}};
}

Options full_options() {
  Options options = quiet_options();
  options.secondary_indices = SecondaryIndices::all();
  options.policies.harvest_members = HarvestPolicy::on;
  options.policies.track_channel_activity = true;
  return options;
}

/// What is compared of two runs. The scores of sorted sets hold the time of the run.
Json comparable_state(CacheFixture& fixture) {
  Json state = fixture.state({.lifetimes = Lifetimes::as_flag});
  for (auto& database : state)
    for (auto& entry : database) {
      if (entry["type"] != "zset") continue;
      std::set<std::string> members;
      for (const Json& member : entry["value"]) members.insert(member.at(0).get<std::string>());
      entry["value"] = members;
    }
  return state;
}

Json state_of_one_by_one(const std::vector<std::string>& frames, Options options) {
  CacheFixture fixture(std::move(options));
  for (const std::string& frame : frames) fixture.apply_frame(frame);
  return comparable_state(fixture);
}

/// A cache whose bytes to and from Redis pass a proxy.
struct Tapped {
  explicit Tapped(Options options = quiet_options()) : proxy(fixture.loop.get(), fixture.server.socket_path()) {
    options.address = proxy.address();
    fixture.reopen(std::move(options));
  }

  /// Lets the cache send what it has, and Redis answer it: afterwards nothing happens before answers are released.
  void run_until_stuck() {
    std::size_t before = 0;
    do {
      before = proxy.commands().size();
      // An answer may be held while the loop has not yet given the proxy what was written before.
      fixture.loop.run_for_turns(5);
      fixture.loop.run_until([&] { return proxy.is_answered(); });
      fixture.loop.run_for_turns(5);
    } while (proxy.commands().size() != before || !proxy.is_answered());
  }

  /// Without waiting in the loop: what a completion changes is seen at once.
  template <class Predicate>
  void run_until(Predicate predicate) {
    for (int turns = 0; !predicate(); ++turns) {
      REQUIRE_MESSAGE(turns < 1'000'000, "the condition did not come true");
      fixture.loop.run_for_turns(1);
    }
  }

  /// Only what comes from now on counts.
  void forget_commands() {
    fixture.flush();
    fixture.loop.run_until([&] { return proxy.is_answered(); });
    proxy.forget_commands();
  }

  CacheFixture fixture;
  CommandProxy proxy;
};

std::uint64_t seeds() {
  const char* given = std::getenv("SAKE_TEST_SEEDS");
  return given == nullptr ? 10 : std::strtoull(given, nullptr, 10);
}

void compare_with_one_by_one(std::uint64_t seed, Events::Kinds kinds, const std::function<Options()>& options) {
  CAPTURE(seed);
  Random random(mix(seed, 1));
  const std::vector<std::string> frames = Events(seed, kinds).make(random.between(300, 2000));
  Tapped tapped(options());
  tapped.proxy.deliver_at_random(random);
  for (std::size_t i = 0; i < frames.size();) {
    for (std::size_t burst = random.between(1, 40); burst > 0 && i < frames.size(); --burst)
      tapped.fixture.feed(frames[i++]);
    tapped.fixture.loop.run_for_turns(static_cast<int>(random.below(12)));
  }
  tapped.fixture.flush();
  tapped.proxy.deliver_at_once();

  CHECK(tapped.fixture.stats().events_pending == 0);
  CHECK(tapped.fixture.stats().lanes_waiting == 0);
  tapped.fixture.run_until_answered();
  for (const EventStats& stats : tapped.fixture.stats().events) {
    CAPTURE(stats.event);
    CHECK(stats.failed == 0);
    CHECK(stats.rejected == 0);
  }
  CHECK(diff(comparable_state(tapped.fixture), state_of_one_by_one(frames, options())) == "");
}

TEST_CASE("events of one guild that overlap leave what they leave one by one") {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed)
    compare_with_one_by_one(seed, {.guilds = 1, .without_guild = true}, quiet_options);
}

TEST_CASE("events of many guilds that overlap leave what they leave one by one") {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed)
    compare_with_one_by_one(mix(seed, 2), {.guilds = 5, .without_guild = true}, quiet_options);
}

TEST_CASE("with every index and policy on, events that overlap leave what they leave one by one") {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed)
    compare_with_one_by_one(mix(seed, 3), {.guilds = seed % 2 == 0 ? 1 : 4}, full_options);
}

// ------------------------------------------------------------------------------------------------ Lanes

Json reaction(std::string_view user, std::string_view message = "1100") {
  return {{"user_id", user},
          {"channel_id", "1001"},
          {"message_id", message},
          {"guild_id", "1000"},
          {"emoji", {{"id", nullptr}, {"name", "x"}}}};
}

Json message(std::string_view id = "1100", std::string_view content = "first") {
  return {{"id", id}, {"channel_id", "1001"}, {"guild_id", "1000"}, {"content", content}};
}

/// Without what makes it complete, so that the stored record is read.
Json member_update(std::string_view guild, std::string_view user, std::string_view name, std::string_view nick = "n") {
  return {{"guild_id", guild}, {"user", {{"id", user}, {"username", name}}}, {"nick", nick}, {"roles", Json::array()}};
}

Json complete_member_update(std::string_view guild, std::string_view user, std::string_view name) {
  Json d = member_update(guild, user, name);
  for (const char* key : {"premium_since", "deaf", "mute", "pending", "flags", "communication_disabled_until",
                          "avatar_decoration_data", "collectibles"})
    d[key] = nullptr;
  return d;
}

Json voice_state(std::string_view user, const Json& channel) {
  return {{"guild_id", "1000"}, {"user_id", user}, {"channel_id", channel}, {"session_id", "s"}};
}

constexpr int many = 5000;

struct Trips {
  std::uint64_t flushes = 0;
  int rounds = 0;
};

/// Dispatches many events, some in each turn of the loop as a gateway would, and lets answers through only when nothing
/// else can happen: how often that was necessary is the number of trips that the events took one behind the other.
Trips trips_of_many(Tapped& tapped, const std::function<std::pair<std::string_view, Json>(int)>& event) {
  tapped.forget_commands();
  tapped.proxy.hold_replies();
  const std::uint64_t flushes = tapped.fixture.stats().flushes;
  for (int i = 0; i < many; ++i) {
    const auto [name, d] = event(i);
    tapped.fixture.feed_event(name, d);
    if (i % 100 == 0) tapped.fixture.loop.run_for_turns(1);
  }
  Trips trips;
  while (tapped.fixture.stats().events_pending > 0) {
    tapped.run_until_stuck();
    REQUIRE(++trips.rounds < many);
    tapped.proxy.let_through();
    tapped.fixture.loop.run_for_turns(2);
  }
  tapped.proxy.release_replies();
  trips.flushes = tapped.fixture.stats().flushes - flushes;
  tapped.fixture.flush();
  return trips;
}

// Each event writes a record of some hundred bytes, and half a megabyte may be under way.
constexpr int rounds_max = 40;

TEST_CASE("thousands of reactions to one message take no trip each, and none is lost") {
  Tapped tapped;
  tapped.fixture.apply("MESSAGE_CREATE", message());
  const Trips trips = trips_of_many(tapped, [](int i) {
    return std::pair<std::string_view, Json>("MESSAGE_REACTION_ADD", reaction(text(static_cast<unsigned>(i) + 1)));
  });
  CHECK(trips.flushes < many / 20);
  CHECK(trips.rounds < rounds_max);
  const Json reactions = tapped.fixture.json_at(10, "1100")["reactions"];
  REQUIRE(reactions.size() == 1);
  CHECK(reactions[0]["count"] == many);
  CHECK(reactions[0]["count_details"]["normal"] == many);
}

TEST_CASE("thousands of partial updates of one member take no trip each, and none is lost") {
  Tapped tapped;
  tapped.fixture.apply("GUILD_MEMBER_ADD", member_update("1000", "50", "u"));
  const Trips trips = trips_of_many(tapped, [](int i) {
    Json d = member_update("1000", "50", "u");
    // Each key is carried by one event only, so that the record shows whether that event was merged.
    if (i % 100 == 0) d["key" + std::to_string(i)] = i;
    d["nick"] = i;
    return std::pair<std::string_view, Json>("GUILD_MEMBER_UPDATE", d);
  });
  CHECK(trips.flushes < many / 20);
  CHECK(trips.rounds < rounds_max);
  const Json member = tapped.fixture.field_at(4, "1000", "50");
  CHECK(member["nick"] == many - 1);
  for (int i = 0; i < many; i += 100) CHECK(member["key" + std::to_string(i)] == i);
}

TEST_CASE("thousands of voice moves of one user take no trip each, and leave one place") {
  Tapped tapped;
  tapped.fixture.apply("VOICE_STATE_UPDATE", voice_state("50", "1003"));
  const Trips trips = trips_of_many(tapped, [](int i) {
    return std::pair<std::string_view, Json>("VOICE_STATE_UPDATE",
                                             voice_state("50", text(1003 + static_cast<unsigned>(i + 1) % 5)));
  });
  CHECK(trips.flushes < many / 20);
  CHECK(trips.rounds < rounds_max);
  const std::string last = text(1003 + many % 5);
  CHECK(tapped.fixture.field_at(8, "1000", "50")["channel_id"] == last);
  for (std::uint64_t channel = 1003; channel < 1008; ++channel) {
    CAPTURE(channel);
    const auto expected =
        text(channel) == last ? std::vector<std::string>{"50", "KEY.1000"} : std::vector<std::string>{};
    CHECK(tapped.fixture.members_of(9, "2:" + text(channel) + ":8") == expected);
  }
}

TEST_CASE("a lane that waits keeps no other lane waiting") {
  Tapped tapped;
  tapped.fixture.apply("MESSAGE_CREATE", message());
  tapped.proxy.hold_replies(10);
  const Ending& reading = tapped.fixture.feed_event("MESSAGE_REACTION_ADD", reaction("50"));
  const Ending& behind =
      tapped.fixture.feed_event("GUILD_ROLE_CREATE", {{"guild_id", "1000"}, {"role", {{"id", "1011"}}}});
  std::vector<const Ending*> others;
  for (unsigned guild = 2000; guild < 52000; guild += 1000) {
    others.push_back(&tapped.fixture.feed_event("GUILD_MEMBER_ADD", member_update(text(guild), "50", "u")));
    others.push_back(&tapped.fixture.feed_event("GUILD_MEMBER_UPDATE", member_update(text(guild), "50", "u", "new")));
    others.push_back(&tapped.fixture.feed_event("GUILD_DELETE", {{"id", text(guild)}}));
  }
  tapped.fixture.loop.run_until(
      [&] { return std::ranges::all_of(others, [](const Ending* ending) { return ending->told; }); });
  for (const Ending* ending : others) CHECK(*ending == Outcome::applied);
  CHECK_FALSE(reading.told);
  CHECK_FALSE(behind.told);
  CHECK(tapped.fixture.stats().lanes_waiting == 1);
  CHECK_FALSE(tapped.fixture.exists(6, "1011"));

  tapped.proxy.release_replies();
  tapped.fixture.flush();
  CHECK(reading == Outcome::applied);
  CHECK(behind == Outcome::applied);
  CHECK(tapped.fixture.exists(6, "1011"));
}

TEST_CASE("a lane that waits for a database keeps no other lane from writing to it") {
  Tapped tapped;
  tapped.fixture.apply("MESSAGE_CREATE", message());
  tapped.proxy.hold_replies(10);
  tapped.fixture.feed_event("MESSAGE_REACTION_ADD", reaction("50"));
  Json other = message("2100");
  other["guild_id"] = "2000";
  other["channel_id"] = "2001";
  const Ending& written = tapped.fixture.feed_event("MESSAGE_CREATE", other);
  tapped.run_until_stuck();
  CHECK(tapped.fixture.exists(10, "2100"));
  CHECK_FALSE(written.told);
  tapped.proxy.release_replies();
  tapped.fixture.flush();
  CHECK(written == Outcome::applied);
}

TEST_CASE("an event without a guild joins the lane in which an event of its channel waits") {
  Tapped tapped;
  tapped.fixture.apply("MESSAGE_CREATE", message());
  Json elsewhere = message("701");
  elsewhere["channel_id"] = "7";
  elsewhere.erase("guild_id");
  tapped.fixture.apply("MESSAGE_CREATE", elsewhere);
  tapped.proxy.hold_replies();
  tapped.fixture.feed_event("MESSAGE_REACTION_ADD", reaction("50"));
  tapped.fixture.feed_event("MESSAGE_DELETE", {{"id", "1100"}, {"channel_id", "1001"}});
  tapped.fixture.feed_event("MESSAGE_DELETE", {{"id", "701"}, {"channel_id", "7"}});
  tapped.run_until_stuck();
  CHECK(tapped.fixture.exists(10, "1100"));
  CHECK_FALSE(tapped.fixture.exists(10, "701"));
  CHECK(tapped.fixture.stats().lanes_waiting == 1);
  tapped.proxy.release_replies();
  tapped.fixture.flush();
  CHECK_FALSE(tapped.fixture.exists(10, "1100"));
}

TEST_CASE("events without a guild are applied in their own order in the lane they join") {
  Tapped tapped;
  tapped.fixture.apply("MESSAGE_CREATE", message());
  tapped.proxy.hold_replies();
  tapped.fixture.feed_event("MESSAGE_UPDATE", message("1100", "second"));
  Json third = message("1100", "third");
  third.erase("guild_id");
  tapped.fixture.feed_event("MESSAGE_UPDATE", third);
  tapped.fixture.feed_event("MESSAGE_UPDATE", message("1100", "fourth"));
  Json last = reaction("50");
  last.erase("guild_id");
  tapped.fixture.feed_event("MESSAGE_REACTION_ADD", last);
  tapped.run_until_stuck();
  CHECK(tapped.fixture.stats().lanes_waiting == 1);
  tapped.proxy.release_replies();
  tapped.fixture.flush();
  CHECK(tapped.fixture.json_at(10, "1100")["content"] == "fourth");
  CHECK(tapped.fixture.json_at(10, "1100")["reactions"].size() == 1);
}

TEST_CASE("whether an event that names no guild is discarded does not depend on what waits") {
  // A delete that does not name its guild cannot be known to be late, and it does no harm.
  const auto run = [](bool overlapping) {
    Tapped tapped;
    tapped.fixture.apply("MESSAGE_CREATE", message());
    if (overlapping) tapped.proxy.hold_replies();
    tapped.fixture.feed_event("MESSAGE_REACTION_ADD", reaction("50"));
    if (!overlapping) tapped.fixture.flush();
    tapped.fixture.feed_event("GUILD_DELETE", {{"id", "1000"}});
    if (!overlapping) tapped.fixture.flush();
    const Ending& ending = tapped.fixture.feed_event("MESSAGE_DELETE", {{"id", "1100"}, {"channel_id", "1001"}});
    tapped.proxy.release_replies();
    tapped.fixture.flush();
    return std::pair(ending.reason, tapped.fixture.exists(10, "1100"));
  };
  const auto apart = run(false);
  const auto overlapping = run(true);
  CHECK(apart.first == overlapping.first);
  CHECK(apart.second == overlapping.second);
}

TEST_CASE("what a message changes in its channel is applied in the message's place") {
  Options options = quiet_options();
  options.policies.track_channel_activity = true;
  Tapped tapped(std::move(options));
  tapped.fixture.apply("CHANNEL_CREATE", {{"id", "1001"}, {"guild_id", "1000"}, {"type", 0}});
  tapped.proxy.hold_replies();
  tapped.fixture.feed_event("CHANNEL_PINS_UPDATE", {{"channel_id", "1001"}, {"guild_id", "1000"}});
  tapped.fixture.feed_event("MESSAGE_CREATE", message());
  tapped.fixture.feed_event("CHANNEL_UPDATE",
                            {{"id", "1001"}, {"guild_id", "1000"}, {"type", 0}, {"last_message_id", "1200"}});
  tapped.run_until_stuck();
  tapped.proxy.release_replies();
  tapped.fixture.flush();
  CHECK(tapped.fixture.json_at(2, "1001")["last_message_id"] == "1200");
}

// ------------------------------------------------------------------------------------------------ Users

std::vector<std::string> usernames_sent(const Tapped& tapped, std::string_view key) {
  std::vector<std::string> names;
  for (const auto& command : tapped.proxy.commands())
    if (command.database == 7 && command.name() == "SET" && command.words[1] == key)
      names.push_back(Json::parse(command.words[2])["username"]);
  return names;
}

TEST_CASE("user records are sent at dispatch and in its order, while what they came with waits") {
  Tapped tapped;
  tapped.proxy.hold_replies(4);
  tapped.fixture.feed_event("GUILD_MEMBER_UPDATE", member_update("1000", "50", "first"));
  tapped.fixture.feed_event("GUILD_MEMBER_UPDATE", member_update("2000", "50", "second"));
  Json third = message();
  third["author"] = {{"id", "50"}, {"username", "third"}};
  tapped.fixture.feed_event("MESSAGE_CREATE", third);
  tapped.fixture.feed_event("GUILD_MEMBER_UPDATE", complete_member_update("1000", "50", "fourth"));
  tapped.run_until_stuck();
  CHECK(tapped.fixture.stats().lanes_waiting == 2);
  CHECK_FALSE(tapped.fixture.exists(4, "1000"));
  CHECK(tapped.fixture.json_at(7, "50")["username"] == "fourth");
  const std::vector<std::string> in_order{"first", "second", "third", "fourth"};
  CHECK(usernames_sent(tapped, "50") == in_order);
  tapped.proxy.release_replies();
  tapped.fixture.flush();
  CHECK(usernames_sent(tapped, "50") == in_order);
}

TEST_CASE("users of an interaction are not written again when its turn comes") {
  Tapped tapped;
  tapped.fixture.apply("GUILD_CREATE", {{"id", "1000"}, {"member_count", 0}});
  tapped.proxy.hold_replies();
  Json d = {{"id", "1"}, {"type", 2}, {"guild_id", "1000"}, {"member", member_update("1000", "50", "old")}};
  d["channel"] = {{"id", "1001"}};
  d["data"]["resolved"]["users"]["51"] = {{"id", "51"}, {"username", "old"}};
  d["data"]["resolved"]["members"]["51"] = {{"roles", Json::array()}};
  tapped.fixture.feed_event("INTERACTION_CREATE", d);
  tapped.fixture.feed_event("GUILD_MEMBER_UPDATE", complete_member_update("2000", "50", "new"));
  tapped.fixture.feed_event("GUILD_MEMBER_UPDATE", complete_member_update("2000", "51", "new"));
  tapped.run_until_stuck();
  tapped.proxy.release_replies();
  tapped.fixture.flush();
  CHECK(usernames_sent(tapped, "50") == std::vector<std::string>{"old", "new"});
  CHECK(usernames_sent(tapped, "51") == std::vector<std::string>{"old", "new"});
  CHECK(tapped.fixture.json_at(7, "50")["username"] == "new");
}

TEST_CASE("the own user's records are sent at dispatch and in its order") {
  Tapped tapped;
  tapped.proxy.hold_replies();
  tapped.fixture.feed_event("READY", {{"user", {{"id", "9"}, {"username", "first"}, {"verified", true}}},
                                      {"guilds", {{{"id", "1000"}, {"unavailable", true}}}}});
  tapped.fixture.feed_event("USER_UPDATE", {{"id", "9"}, {"username", "second"}});
  tapped.run_until_stuck();
  CHECK(tapped.fixture.json_at(7, "ME")["username"] == "second");
  CHECK(tapped.fixture.json_at(7, "ME")["verified"] == true);
  CHECK(tapped.fixture.json_at(7, "9")["username"] == "second");
  CHECK(usernames_sent(tapped, "ME") == std::vector<std::string>{"first", "second"});
  tapped.proxy.release_replies();
  tapped.fixture.flush();
  CHECK(tapped.fixture.json_at(7, "ME")["username"] == "second");
}

// ------------------------------------------------------------------------------------------------ READY

Json ready(std::initializer_list<std::string_view> guilds) {
  Json list = Json::array();
  for (std::string_view id : guilds) list.push_back({{"id", id}, {"unavailable", true}});
  return {{"user", {{"id", "9"}, {"username", "u"}}}, {"guilds", list}};
}

Json guild_create(std::string_view id) {
  return {{"id", id}, {"name", "g"}, {"member_count", 0}, {"roles", {{{"id", id}, {"name", "everyone"}}}}};
}

TEST_CASE("a guild that is being created when a READY does not list it is removed behind that") {
  Tapped tapped;
  tapped.proxy.hold_replies();
  tapped.fixture.feed_event("GUILD_CREATE", guild_create("1000"));
  tapped.fixture.feed_event("READY", ready({"2000"}));
  tapped.run_until_stuck();
  tapped.proxy.release_replies();
  tapped.fixture.flush();
  CHECK_FALSE(tapped.fixture.exists(1, "1000"));
  CHECK_FALSE(tapped.fixture.exists(6, "1000"));
  CHECK_FALSE(tapped.fixture.exists(9, "1:1000:6"));
}

TEST_CASE("a GUILD_CREATE behind a READY that does not list its guild wins") {
  Tapped tapped;
  tapped.fixture.apply("GUILD_CREATE", guild_create("1000"));
  tapped.proxy.hold_replies();
  tapped.fixture.feed_event("READY", ready({"2000"}));
  tapped.fixture.feed_event("GUILD_CREATE", guild_create("1000"));
  tapped.run_until_stuck();
  tapped.proxy.release_replies();
  tapped.fixture.flush();
  CHECK(tapped.fixture.json_at(1, "1000")["unavailable"] == false);
  CHECK(tapped.fixture.exists(6, "1000"));
  CHECK(tapped.fixture.members_of(9, "1:1000:6") == std::vector<std::string>{"1000"});
}

TEST_CASE("the guilds of a READY are marked in their lanes, in its place") {
  Tapped tapped;
  tapped.fixture.apply("GUILD_CREATE", guild_create("1000"));
  tapped.fixture.apply("GUILD_CREATE", guild_create("2000"));
  tapped.proxy.hold_replies();
  tapped.fixture.feed_event("GUILD_CREATE", guild_create("1000"));
  tapped.fixture.feed_event("READY", ready({"1000", "2000"}));
  tapped.fixture.feed_event("GUILD_CREATE", guild_create("2000"));
  tapped.run_until_stuck();
  tapped.proxy.release_replies();
  tapped.fixture.flush();
  CHECK(tapped.fixture.json_at(1, "1000")["unavailable"] == true);
  CHECK(tapped.fixture.json_at(1, "2000")["unavailable"] == false);
}

// ------------------------------------------------------------------------------------------------ What is sent

/// Follows the commands of all connections and says what breaks the rules of sending.
class WireCheck {
 public:
  explicit WireCheck(const SecondaryIndices& indices) : indices_(indices) {}

  std::vector<std::string> of_form;   ///< Complaints about single commands.
  std::vector<std::string> of_order;  ///< And about what they leave, were the connection to end behind them.
  std::size_t most_ids = 0;           ///< In one command.

  void take(const CommandProxy::Command& command) {
    const std::string& name = command.name();
    static const std::set<std::string> greeting{"AUTH", "SELECT", "PING", "CLIENT", "INFO"};
    static const std::set<std::string> writes{"SET",      "MSET", "HSET", "DEL",  "UNLINK",           "HDEL",
                                              "SADD",     "SREM", "ZADD", "ZREM", "ZREMRANGEBYSCORE", "PEXPIRE",
                                              "PEXPIREAT"};
    static const std::set<std::string> reads{"GET",      "MGET",      "HGET",  "HMGET", "EXISTS",   "HLEN",
                                             "HKEYS",    "HSCAN",     "SCAN",  "SCARD", "SSCAN",    "ZRANGE",
                                             "SMEMBERS", "ZREVRANGE", "ZSCAN", "ZCARD", "SISMEMBER"};
    if (greeting.contains(name) || reads.contains(name)) return;
    if (!writes.contains(name)) return complain(of_form, command, "is no command that may be sent");
    check_size(command);
    if (command.database == 9) {
      check_connection(command);
      reference(command);
    } else {
      entity(command);
    }
  }

 private:
  using Reference = std::pair<std::string, std::string>;  ///< Key and member.

  static void complain(std::vector<std::string>& complaints, const CommandProxy::Command& command,
                       std::string_view what) {
    std::string line;
    for (const std::string& word : command.words) line += word.substr(0, 40) + " ";
    complaints.push_back("[" + std::to_string(command.database) + "] " + line.substr(0, 160) + ": " +
                         std::string(what));
  }

  static bool is_one_of(const std::string& name, std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, name) != names.end();
  }

  void check_size(const CommandProxy::Command& command) {
    const std::string& name = command.name();
    std::size_t ids = command.words.size() - 2;
    if (is_one_of(name, {"DEL", "UNLINK"})) ids = command.words.size() - 1;
    if (is_one_of(name, {"HSET", "ZADD"})) ids = (command.words.size() - 2) / 2;
    if (!is_one_of(name, {"DEL", "UNLINK", "HSET", "HDEL", "SADD", "SREM", "ZADD", "ZREM"})) return;
    if (ids > 1000) complain(of_form, command, "names more than 1,000 ids");
    std::size_t bytes = 0;
    for (const std::string& word : command.words) bytes += word.size();
    if (ids > 1 && bytes > (32u << 10)) complain(of_form, command, "is longer than 32 KiB");
    most_ids = std::max(most_ids, ids);
  }

  /// The references to a resource are written by the connection of that resource's database.
  void check_connection(const CommandProxy::Command& command) {
    const std::string& key = command.words[1];
    if (key.starts_with("sake:")) return;
    if (command.home != std::stoi(key.substr(key.rfind(':') + 1)))
      complain(of_form, command, "comes from another connection than its entities");
  }

  void reference(const CommandProxy::Command& command) {
    const std::string& key = command.words[1];
    const std::string& name = command.name();
    if (name == "SADD")
      for (std::size_t i = 2; i < command.words.size(); ++i) references_.insert({key, command.words[i]});
    if (name == "ZADD")
      for (std::size_t i = 3; i < command.words.size(); i += 2) references_.insert({key, command.words[i]});
    if (is_one_of(name, {"SREM", "ZREM"}))
      for (std::size_t i = 2; i < command.words.size(); ++i) remove(command, {key, command.words[i]});
    if (is_one_of(name, {"DEL", "UNLINK"}))
      for (std::size_t i = 1; i < command.words.size(); ++i)
        for (auto at = references_.lower_bound({command.words[i], ""});
             at != references_.end() && at->first == command.words[i];
             at = references_.lower_bound({command.words[i], ""}))
          remove(command, Reference(*at));
  }

  void remove(const CommandProxy::Command& command, const Reference& which) {
    const auto used = users_.find(which);
    if (used != users_.end() && used->second > 0)
      complain(of_order, command, "takes the reference of " + which.second + " away, whose entity is still there");
    references_.erase(which);
  }

  void entity(const CommandProxy::Command& command) {
    const std::string& key = command.words[1];
    const std::string name = std::to_string(command.database) + "/";
    if (command.name() == "SET") put(command, name + key, key, command.words[2]);
    if (command.name() == "HSET")
      for (std::size_t i = 2; i < command.words.size(); i += 2)
        put(command, name + key + "/" + command.words[i], command.words[i], command.words[i + 1]);
    if (command.name() == "HDEL")
      for (std::size_t i = 2; i < command.words.size(); ++i) drop(name + key + "/" + command.words[i]);
    if (is_one_of(command.name(), {"DEL", "UNLINK"}))
      for (std::size_t i = 1; i < command.words.size(); ++i) {
        drop(name + command.words[i]);
        const std::string fields = name + command.words[i] + "/";
        for (auto at = needs_.lower_bound(fields); at != needs_.end() && at->first.starts_with(fields);
             at = needs_.lower_bound(fields))
          drop(std::string(at->first));
      }
  }

  void put(const CommandProxy::Command& command, const std::string& name, const std::string& id,
           const std::string& value) {
    drop(name);
    std::vector<Reference>& needed = needs_[name];
    needed = needed_by(command.database, id, Json::parse(value));
    for (const Reference& which : needed) {
      ++users_[which];
      if (!references_.contains(which)) complain(of_order, command, "comes before its reference in " + which.first);
    }
  }

  void drop(const std::string& name) {
    const auto found = needs_.find(name);
    if (found == needs_.end()) return;
    for (const Reference& which : found->second) --users_[which];
    needs_.erase(found);
  }

  std::vector<Reference> needed_by(int database, const std::string& id, const Json& value) const {
    std::vector<Reference> needed;
    const auto add = [&](bool wanted, const char* owner, const Json& owner_id, const std::string& member) {
      if (!wanted || !owner_id.is_string()) return;
      needed.emplace_back(owner + owner_id.get<std::string>() + ":" + std::to_string(database), member);
    };
    const auto field = [&](const char* key) { return value.contains(key) ? value[key] : Json(); };
    if (id == "ME") return needed;
    if (database == 0 || database == 2 || database == 6) add(true, "1:", field("guild_id"), id);
    if (database == 8) add(true, "2:", field("channel_id"), id);
    if (database == 10) {
      add(indices_.messages_by_channel, "2:", field("channel_id"), id);
      add(indices_.messages_by_guild, "1:", field("guild_id"), id);
      add(indices_.messages_by_author, "7:", field("author").is_object() ? field("author")["id"] : Json(), id);
    }
    if (database == 3) {
      add(indices_.invites_by_channel, "2:", field("channel_id"), id);
      add(indices_.invites_by_guild, "1:", field("guild_id"), id);
    }
    if (database == 4) add(indices_.members_by_user, "7:", id, field("guild_id"));
    if (database == 5) add(indices_.presences_by_user, "7:", id, field("guild_id"));
    return needed;
  }

  SecondaryIndices indices_;
  std::set<Reference> references_;
  std::map<Reference, int> users_;
  std::map<std::string, std::vector<Reference>> needs_;
};

void check_none(const std::vector<std::string>& complaints) {
  std::string first;
  for (std::size_t i = 0; i < complaints.size() && i < 10; ++i) first += complaints[i] + "\n";
  CHECK_MESSAGE(complaints.empty(), complaints.size(), " complaints, the first are:\n", first);
}

WireCheck checked(Tapped& tapped) {
  WireCheck check(tapped.fixture.cache().options().secondary_indices);
  for (const auto& command : tapped.proxy.commands()) check.take(command);
  check_none(check.of_form);
  return check;
}

void check_sending(std::uint64_t seed, Events::Kinds kinds, Options options) {
  CAPTURE(seed);
  Random random(mix(seed, 4));
  const std::vector<std::string> frames = Events(seed, kinds).make(random.between(300, 1000));
  Tapped tapped(std::move(options));
  tapped.proxy.deliver_at_random(random);
  for (std::size_t i = 0; i < frames.size();) {
    for (std::size_t burst = random.between(1, 40); burst > 0 && i < frames.size(); --burst)
      tapped.fixture.feed(frames[i++]);
    tapped.fixture.loop.run_for_turns(static_cast<int>(random.below(12)));
  }
  tapped.fixture.flush();
  tapped.proxy.deliver_at_once();
  check_none(checked(tapped).of_order);
}

TEST_CASE("references are sent before their entities and taken away behind them") {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) check_sending(mix(seed, 5), {.guilds = 2}, quiet_options());
}

TEST_CASE("entries of secondary indices are sent before their entities and taken away behind them") {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) check_sending(mix(seed, 6), {.guilds = 2}, full_options());
}

TEST_CASE("a voice channel that is found empty loses its set behind the states in it") {
  Tapped tapped;
  const Json channels = {{{"id", "1003"}, {"type", 2}}};
  const Json states = {{{"user_id", "50"}, {"channel_id", "1003"}}};
  Json d = guild_create("1000");
  d["channels"] = channels;
  d["voice_states"] = states;
  tapped.fixture.apply("GUILD_CREATE", d);
  d.erase("voice_states");
  tapped.fixture.apply("GUILD_CREATE", d);
  CHECK_FALSE(tapped.fixture.exists(8, "1000"));
  CHECK_FALSE(tapped.fixture.exists(9, "2:1003:8"));
  check_none(checked(tapped).of_order);
}

TEST_CASE("a deleted message leaves the indices behind its record") {
  Tapped tapped(full_options());
  Json d = message();
  d["author"] = {{"id", "50"}, {"username", "u"}};
  tapped.fixture.apply("MESSAGE_CREATE", d);
  tapped.fixture.apply("MESSAGE_DELETE", {{"id", "1100"}, {"channel_id", "1001"}, {"guild_id", "1000"}});
  CHECK_FALSE(tapped.fixture.exists(10, "1100"));
  CHECK(tapped.fixture.members_of(9, "2:1001:10").empty());
  check_none(checked(tapped).of_order);
}

/// Of everything more than fits into one reply of a scan or one command.
Json large_guild(std::size_t count) {
  Json d = {{"id", "1000"}, {"name", "g"}, {"member_count", count}};
  for (std::size_t i = 0; i < count; ++i) {
    const std::string user = text(100'000 + i);
    d["roles"].push_back({{"id", text(200'000 + i)}});
    d["emojis"].push_back({{"id", text(300'000 + i)}});
    d["channels"].push_back({{"id", text(400'000 + i)}, {"type", 2}});
    d["members"].push_back({{"user", {{"id", user}, {"username", "u"}}}, {"nick", std::string(100, 'n')}});
    d["presences"].push_back({{"user", {{"id", user}}}, {"status", "idle"}, {"activities", {std::string(100, 'a')}}});
    d["voice_states"].push_back({{"user_id", user}, {"channel_id", text(400'000 + i % 3)}});
  }
  return d;
}

TEST_CASE("a command names at most 1,000 ids, whatever the size of the guild") {
  for (const bool indexed : {false, true}) {
    CAPTURE(indexed);
    Tapped tapped(indexed ? full_options() : quiet_options());
    constexpr std::size_t count = 1500;
    tapped.fixture.apply("GUILD_CREATE", large_guild(count));
    CHECK(tapped.fixture.members_of(9, "1:1000:6").size() == count);
    // Everything but a few is taken away again.
    tapped.fixture.apply("GUILD_CREATE", large_guild(3));
    CHECK(tapped.fixture.members_of(9, "1:1000:6").size() == 3);
    CHECK(tapped.fixture.members_of(4, "1000").size() == 3);
    CHECK(tapped.fixture.members_of(8, "1000").size() == 3);
    const WireCheck check = checked(tapped);
    CHECK(check.most_ids > 500);
    CHECK(check.most_ids <= 1000);
  }
}

TEST_CASE("a guild that is left loses every reference behind its entity, whatever its size") {
  for (const bool indexed : {false, true}) {
    CAPTURE(indexed);
    Tapped tapped(indexed ? full_options() : quiet_options());
    tapped.fixture.apply("GUILD_CREATE", large_guild(1200));
    tapped.fixture.apply("GUILD_DELETE", {{"id", "1000"}});
    const Json left = tapped.fixture.state();
    for (const auto& entry : left.items())
      if (entry.key() != "7") CHECK_MESSAGE(entry.value().empty(), entry.key(), entry.value().dump().substr(0, 200));
    check_none(checked(tapped).of_order);
  }
}

/// GUILD_CREATEs of one guild, one behind the other; the commands that were not answered when its record was sent.
void check_record_is_last(std::initializer_list<std::size_t> sizes) {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    CAPTURE(seed);
    Random random(mix(seed, 7));
    Tapped tapped(full_options());
    for (const std::size_t size : sizes) {
      CAPTURE(size);
      tapped.proxy.deliver_at_once();
      tapped.forget_commands();
      tapped.proxy.deliver_at_random(random);
      tapped.fixture.apply("GUILD_CREATE", large_guild(size));
      std::uint64_t record_sent_at = 0;
      for (const auto& command : tapped.proxy.commands())
        if (command.database == 1 && command.name() == "SET") record_sent_at = command.sent_at;
      REQUIRE(record_sent_at > 0);
      std::vector<std::string> late;
      for (const auto& command : tapped.proxy.commands())
        if (command.sent_at != record_sent_at && command.answered_at > record_sent_at)
          late.push_back(command.name() + " " + command.words[1]);
      check_none(late);
    }
    tapped.proxy.deliver_at_once();
  }
}

TEST_CASE("the record of a guild is sent when everything else of its GUILD_CREATE is answered") {
  check_record_is_last({10, 30});
}

TEST_CASE("the record of a guild is sent when what follows from its vanished channels is answered too") {
  check_record_is_last({30, 10});
}

TEST_CASE("a guild's record waits for every database, one at a time") {
  for (const int held : {0, 2, 4, 5, 6, 7, 8}) {
    CAPTURE(held);
    Tapped tapped;
    tapped.proxy.hold_replies(held);
    const Ending& ending = tapped.fixture.feed_event("GUILD_CREATE", large_guild(3));
    tapped.run_until_stuck();
    CHECK_FALSE(tapped.fixture.exists(1, "1000"));
    CHECK_FALSE(ending.told);
    tapped.proxy.release_replies();
    tapped.fixture.flush();
    CHECK(ending == Outcome::applied);
    CHECK(tapped.fixture.exists(1, "1000"));
  }
}

TEST_CASE("a writer goes to the references and back at most once per flush group") {
  Tapped tapped;
  tapped.forget_commands();
  constexpr int groups = 20;
  unsigned id = 5000;
  for (int group = 0; group < groups; ++group) {
    // Many events of many guilds in one turn, and of both kinds, are one group.
    for (unsigned i = 0; i < 20; ++i) {
      const std::string guild = text(1000 * (1 + i % 4));
      tapped.fixture.feed_event("GUILD_ROLE_CREATE", {{"guild_id", guild}, {"role", {{"id", text(++id)}}}});
      if (i % 4 == 3) tapped.fixture.feed_event("GUILD_ROLE_DELETE", {{"guild_id", guild}, {"role_id", text(id - 40)}});
    }
    tapped.fixture.flush();
  }
  int to_references = 0;
  int back = 0;
  int others = 0;
  for (const auto& command : tapped.proxy.commands()) {
    if (command.name() != "SELECT") {
      ++others;
    } else if (command.words[1] == "9") {
      ++to_references;
    } else {
      CHECK(command.words[1] == "6");
      ++back;
    }
  }
  CHECK(others >= groups * 40);
  CHECK(to_references <= groups + 1);
  CHECK(back <= groups + 1);
  CHECK(tapped.fixture.stats().selects >= static_cast<std::uint64_t>(to_references + back));
  checked(tapped);
}

}  // namespace
}  // namespace sake::test
