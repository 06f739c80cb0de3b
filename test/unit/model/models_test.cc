#include "sake/models.h"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace sake;
using namespace std::chrono_literals;

namespace {

template <typename T>
T from(std::string_view json) {
  return T(JsonView(std::string(json)));
}

template <typename T>
concept TestedAsBool = requires(const T& field) {
  static_cast<bool>(field);
};

static_assert(TestedAsBool<Field<std::string>>);
static_assert(!TestedAsBool<Field<bool>>, "`if (user.bot())` would ask whether it is known, and read as if it is one");

constexpr std::string_view beyond_double = "9007199254740993";  // 2^53 + 1, which a double cannot hold.

}  // namespace

// ------------------------------------------------------------------------------------------------ The four that it can
// be

TEST_CASE("a field tells missing, null, a value and an invalid one apart") {
  const Member member = from<Member>(R"({"nick":null,"avatar":"a","banner":7,"roles":[]})");
  CHECK(member.nick().given() == Given::null);
  CHECK(member.nick().is_null());
  CHECK(member.avatar().given() == Given::value);
  CHECK(member.avatar().has_value());
  CHECK(member.avatar() == "a");
  CHECK(member.banner().given() == Given::invalid);
  CHECK(member.banner().is_invalid());
  CHECK(member.premium_since().given() == Given::missing);
  CHECK(member.premium_since().is_missing());

  CHECK_FALSE(static_cast<bool>(member.nick()));
  CHECK(static_cast<bool>(member.avatar()));
  CHECK(member.nick().value_or("none") == "none");
  CHECK(member.avatar().value_or("none") == "a");
  CHECK(member.avatar().optional() == std::optional<std::string>("a"));
  CHECK(member.banner().optional() == std::nullopt);
  CHECK(member.avatar()->size() == 1);
  CHECK_FALSE(member.nick() == "");  // No value equals nothing, the empty one neither.
}

TEST_CASE("nested objects tell the four apart too, and hand missing and invalid on to what is inside of them") {
  const Message message =
      from<Message>(R"({"author":{"id":"5"},"poll":null,"call":[1],"interaction":{"member":{"user":{"id":"6"}}}})");
  CHECK(message.author().given() == Given::value);
  CHECK(message.poll().given() == Given::null);
  CHECK(message.call().given() == Given::invalid);
  CHECK(message.thread().given() == Given::missing);

  CHECK(message.interaction().member().user().id() == Snowflake(6));
  CHECK(message.thread().member().member().user().id().is_missing());
  CHECK(message.thread().applied_tags().is_missing());
  CHECK(message.poll().question().emoji().id().is_missing());
  CHECK(message.call().ended_timestamp().is_invalid());
  CHECK(message.call().participants().is_invalid());
  CHECK(message.author().primary_guild().tag().is_missing());

  const Channel channel = from<Channel>("[]");
  CHECK(channel.is_invalid());
  CHECK(channel.id().is_invalid());
  CHECK(channel.recipients().is_invalid());
  CHECK(channel.recipients()[0].is_invalid());
  CHECK(channel.recipients()[0].id().is_invalid());
  CHECK(channel["id"].is_invalid());
  CHECK(channel.mention() == std::nullopt);
}

TEST_CASE("a model of nothing has nothing") {
  const Guild guild;
  CHECK(guild.is_missing());
  CHECK(guild.json().empty());
  CHECK(guild.kind() == JsonView::Kind::none);
  CHECK(guild.name().is_missing());
  CHECK(guild.members().empty());
  CHECK(guild.members()[3].user().id().is_missing());
  CHECK(guild["id"].is_missing());
  CHECK(guild.entity().json.empty());
  CHECK(guild.app() == nullptr);
  CHECK(from<Guild>("null").is_null());
  CHECK(from<Guild>("null").name().is_missing());
}

TEST_CASE("errors name the field and what it should be") {
  const Member member = from<Member>(
      R"({"nick":1,"avatar":null,"joined_at":"yesterday","roles":["x"],"flags":"-1","deaf":"no","user":7,"pending":1})");
  CHECK(member.nick().error().code == Errc::invalid_data_found);
  CHECK(member.nick().error().text == "`nick` of Member is not a string");
  CHECK(member.joined_at().error().text == "`joined_at` of Member is not a time");
  CHECK(member.roles().error().text == "`roles` of Member is not an array, a snowflake each");
  CHECK(member.flags().error().text == "`flags` of Member is not a set of bits");
  CHECK(member.deaf().error().text == "`deaf` of Member is not true or false");
  CHECK(member.user().error().text == "`user` of Member is not an object");
  CHECK(member.user().username().error().code == Errc::invalid_data_found);
  CHECK(member.avatar().error().code == Errc::invalid_argument);
  CHECK(member.avatar().error().text == "`avatar` of Member is null: ask for has_value() before error()");
  CHECK(member.banner().error().text == "`banner` of Member is missing: ask for has_value() before error()");
  CHECK(from<Channel>(R"({"type":"0"})").type().error().text == "`type` of Channel is not an integer");
  CHECK(from<Attachment>(R"({"duration_secs":"1"})").duration_secs().error().text ==
        "`duration_secs` of Attachment is not a number");
  CHECK(from<Role>(R"({"permissions":{}})").permissions().error().text == "`permissions` of Role is not a set of bits");
  CHECK(member.nick().info()->name == "nick");
  CHECK(member.nick().info()->model == "Member");
}

TEST_CASE("what was asked for by its key tells missing from invalid in its error too") {
  const JsonView view(R"({"a":1,"b":null})");
  CHECK(view["c"].error().code == Errc::invalid_argument);
  CHECK(view["c"].error().text == "the value is missing: ask for has_value() before error()");
  CHECK(view["b"].error().code == Errc::invalid_argument);
  CHECK(view["a"]["x"].error().code == Errc::invalid_data_found);
  CHECK(view["a"].as<bool>().error().code == Errc::invalid_data_found);
  CHECK(view["a"].as<bool>().error().text == "the value is not of the type asked for");
  CHECK(JsonView().error().code == Errc::invalid_argument);
}

TEST_CASE("a text that is no JSON, or no object, is invalid with all its fields") {
  for (const std::string_view text :
       {"", " ", "{", "{]", "nul", "{\"id\":\"1\"", "{\"id\":\"\xFF\"}", "{} {}", "\"a"}) {
    const JsonView view{std::string(text)};
    CHECK(view.is_invalid());
    CHECK(view.error().code == Errc::invalid_data_found);
    CHECK(view["id"].is_invalid());
    CHECK(view.as_list().empty());
    CHECK(view.as_map().entries().empty());
    CHECK(User(view).id().is_invalid());
    // Of an entity the text is not looked at before somebody asks.
    const User stored(JsonView(Entity{.resource = Resource::user, .json = std::string(text)}));
    CHECK_MESSAGE(stored.id().is_invalid(), text.size());
    CHECK(stored.json() == text);
    CHECK(JsonView(Entity{.json = std::string(text)}).as_list().empty());
    CHECK(JsonView(Entity{.json = std::string(text)}).as_map().entries().empty());
  }
  for (const std::string_view text : {"[]", "1", "true", "\"id\""}) {
    CAPTURE(text);
    CHECK(JsonView(std::string(text)).has_value());
    CHECK(from<User>(text).is_invalid());
    CHECK(from<User>(text).error().code == Errc::invalid_data_found);
    CHECK(from<User>(text).id().is_invalid());
    CHECK(User(JsonView(Entity{.json = std::string(text)})).is_invalid());
  }
  CHECK(JsonView(std::string(70, '[') + std::string(70, ']')).is_invalid());
  CHECK(JsonView(std::string(60, '[') + std::string(60, ']')).has_value());
}

// --------------------------------------------------------------------------------------------------------- Kinds of
// values

TEST_CASE("numbers and words that Discord adds are kept") {
  const Channel channel = from<Channel>(R"({"type":77,"flags":9007199254740994})");
  CHECK(static_cast<std::int64_t>(*channel.type()) == 77);
  CHECK(name(*channel.type()).empty());
  CHECK(channel.flags()->bits() == (1ull << 53 | 1u << 1));
  CHECK(channel.flags()->has(ChannelFlag::pinned));
  CHECK_FALSE(channel.flags()->has(ChannelFlag::require_tag));
  CHECK(static_cast<std::int64_t>(*from<Channel>(R"({"type":-3})").type()) == -3);

  const Presence presence = from<Presence>(R"({"status":"asleep","client_status":{"vr":"dnd"}})");
  CHECK(presence.status()->value == PresenceStatus::unknown);
  CHECK(presence.status()->text == "asleep");
  CHECK_FALSE(*presence.status() == PresenceStatus::online);
  CHECK(*presence.client_status().vr() == PresenceStatus::dnd);

  const Guild guild = from<Guild>(R"({"features":["NEWS","TIME_TRAVEL","COMMUNITY"]})");
  REQUIRE(guild.features()->size() == 3);
  CHECK(guild.features()->at(0) == GuildFeature::news);
  CHECK(guild.features()->at(1) == GuildFeature::unknown);
  CHECK(guild.features()->at(1).text == "TIME_TRAVEL");
  CHECK(guild.features()->at(2) == GuildFeature::community);
}

TEST_CASE("flags and permissions have 64 bits, as numbers and in strings") {
  for (const std::string_view quote : {"", "\""}) {
    const auto with = [quote](std::string_view key, std::string_view digits) {
      return "{\"" + std::string(key) + "\":" + std::string(quote) + std::string(digits) + std::string(quote) + "}";
    };
    const User user = from<User>(with("flags", "1125899906842625"));
    CHECK(user.flags()->has(UserFlag::collaborator));  // Bit 50.
    CHECK(user.flags()->has(UserFlag::staff));
    CHECK(user.flags()->bits() == (1ull << 50 | 1));
    CHECK(from<User>(with("flags", beyond_double)).flags()->bits() == 9007199254740993u);
    CHECK(from<User>(with("flags", "18446744073709551615")).flags()->bits() == UINT64_MAX);
    CHECK(from<User>(with("flags", "18446744073709551616")).flags().is_invalid());
    CHECK(from<User>(with("flags", "-1")).flags().is_invalid());
    CHECK(from<User>(with("flags", "1.5")).flags().is_invalid());
    CHECK(from<Role>(with("permissions", beyond_double)).permissions()->value() == 9007199254740993u);
    CHECK(from<Role>(with("permissions", "18446744073709551615")).permissions()->value() == UINT64_MAX);
    CHECK(from<Role>(with("permissions", "x")).permissions().given() != Given::value);
  }
}

TEST_CASE("ids are strings of digits or integers of 64 bits") {
  CHECK(from<Role>(R"({"id":"9007199254740993"})").id() == Snowflake(9007199254740993u));
  CHECK(from<Role>(R"({"id":9007199254740993})").id() == Snowflake(9007199254740993u));
  CHECK(from<Role>(R"({"id":"18446744073709551615"})").id() == Snowflake(UINT64_MAX));
  CHECK(from<Role>(R"({"id":"\u0031\u0032"})").id() == Snowflake(12));
  CHECK(from<Role>(R"({"id":0})").id() == Snowflake(0));
  for (const std::string_view bad : {R"("")", R"("1x")", R"("-1")", "-1", "1.0", "1e3", R"(" 1")",
                                     R"("18446744073709551616")", "true", "[]", "{}", R"(["1"])"})
    CHECK_MESSAGE(from<Role>("{\"id\":" + std::string(bad) + "}").id().is_invalid(), bad);
}

TEST_CASE("integers are read exactly, and nothing else is one") {
  CHECK(from<Role>(R"({"position":-9223372036854775808})").position() == std::numeric_limits<std::int64_t>::min());
  CHECK(from<Role>(R"({"position":9007199254740993})").position() == 9007199254740993);
  for (const std::string_view bad : {"1.0", "1e2", R"("1")", "9223372036854775808", "true", "[1]"})
    CHECK_MESSAGE(from<Role>("{\"position\":" + std::string(bad) + "}").position().is_invalid(), bad);
  CHECK(from<SoundboardSound>(R"({"volume":0.25})").volume() == 0.25);
  CHECK(from<SoundboardSound>(R"({"volume":1})").volume() == 1.0);
  CHECK(from<SoundboardSound>(R"({"volume":-1.5e2})").volume() == -150.0);
  CHECK(from<SoundboardSound>(R"({"volume":"1"})").volume().is_invalid());
  CHECK(from<SoundboardSound>(R"({"available":true})").available() == true);
  CHECK(from<SoundboardSound>(R"({"available":false})").available() == false);
  CHECK(from<SoundboardSound>(R"({"available":0})").available().is_invalid());
}

TEST_CASE("strings are decoded") {
  CHECK(from<Role>(R"({"name":"\"\\\/\b\f\n\r\t"})").name() == "\"\\/\b\f\n\r\t");
  CHECK(from<Role>(R"({"name":"\u00e9\u20AC"})").name() == "\xC3\xA9\xE2\x82\xAC");
  CHECK(from<Role>(R"({"name":"\ud83d\ude00!"})").name() == "\xF0\x9F\x98\x80!");
  CHECK(from<Role>("{\"name\":\"\xF0\x9F\x98\x80\"}").name() == "\xF0\x9F\x98\x80");
  CHECK(from<Role>(R"({"name":"a\u0000b"})").name() == std::string("a\0b", 3));
  CHECK(from<Role>(R"({"name":""})").name() == "");
  CHECK(from<Role>(R"({"name":"\ud83d"})").is_invalid());  // Half of a character, and so no text.
  // Keys and words are told by what they decode to.
  CHECK(from<Role>(R"({"n\u0061me":"a"})").name() == "a");
  CHECK(*from<Presence>(R"({"status":"\u0069dle"})").status() == PresenceStatus::idle);
}

TEST_CASE("times come in all forms that Discord uses") {
  const auto time = [](std::string_view text) {
    return from<Message>("{\"timestamp\":\"" + std::string(text) + "\"}").timestamp();
  };
  const Timestamp second(std::chrono::seconds(1'430'029'616));  // 2015-04-26T06:26:56Z
  CHECK(time("2015-04-26T06:26:56.936000+00:00") == second + 936ms);
  CHECK(time("2015-04-26T06:26:56.936001+00:00") == second + 936'001us);
  CHECK(time("2015-04-26T06:26:56+00:00") == second);
  CHECK(time("2015-04-26T06:26:56.776Z") == second + 776ms);
  CHECK(time("2015-04-26T06:26:56Z") == second);
  CHECK(time("2015-04-26T06:26:56.000000") == second);  // Without an offset: UTC.
  CHECK(time("2015-04-26T06:26:56") == second);
  CHECK(time("2015-04-26T08:26:56+02:00") == second);
  CHECK(time("2015-04-26T00:56:56-05:30") == second);
  CHECK(time("2015-04-26T06:26:56.123456789Z") == second + 123'456us);
  CHECK(time("1969-12-31T23:59:59.5Z") == Timestamp(-500ms));
  for (const std::string_view bad : {"", "2015-04-26", "2015-02-29T00:00:00Z", "2015-04-26T06:26:56+00:00Z", "06:26:56",
                                     "2015-04-26T24:00:00Z", "1430029616"})
    CHECK_MESSAGE(time(bad).is_invalid(), bad);
  CHECK(from<Message>(R"({"timestamp":1430029616})").timestamp().is_invalid());

  CHECK(from<Activity>(R"({"created_at":1430029616936})").created_at() == second + 936ms);
  CHECK(from<ActivityTimestamps>(R"({"start":1430029616936})").start() == second + 936ms);
  CHECK(from<ActivityTimestamps>(R"({"end":-1})").end() == Timestamp(-1ms));
  CHECK(from<Activity>(R"({"created_at":"2015-04-26T06:26:56Z"})").created_at().is_invalid());
  CHECK(from<Activity>(R"({"created_at":9223372036854775})").created_at().has_value());
  CHECK(from<Activity>(R"({"created_at":9223372036854776})")
            .created_at()
            .is_invalid());  // Not in 64 bits of microseconds.
  CHECK(from<Activity>(R"({"created_at":-9223372036854776})").created_at().is_invalid());
  CHECK(from<Activity>(R"({"created_at":1.5})").created_at().is_invalid());
  CHECK(from<Channel>(R"({"voice_start_time":1430029616})").voice_start_time() == second);
  CHECK(from<Channel>(R"({"voice_start_time":null})").voice_start_time().is_null());
  CHECK(from<Channel>(R"({"voice_start_time":9223372036855})").voice_start_time().is_invalid());
}

TEST_CASE("lists of values are read whole or not at all") {
  const Member member = from<Member>(R"({"roles":["1",2,"18446744073709551615"]})");
  CHECK(*member.roles() == std::vector<Snowflake>{1, 2, UINT64_MAX});
  CHECK(from<Member>(R"({"roles":[]})").roles()->empty());
  CHECK(from<Member>(R"({"roles":[]})").roles().has_value());
  CHECK(from<Member>(R"({"roles":null})").roles().is_null());
  CHECK(from<Member>(R"({"roles":["1",null]})").roles().is_invalid());
  CHECK(from<Member>(R"({"roles":["1","x"]})").roles().is_invalid());
  CHECK(from<Member>(R"({"roles":{}})").roles().is_invalid());
  CHECK(from<Member>(R"({"roles":"1"})").roles().is_invalid());
  CHECK(*from<ActivityParty>(R"({"size":[2,5]})").size() == std::vector<std::int64_t>{2, 5});
  CHECK(*from<RecurrenceRule>(R"({"by_weekday":[0,6]})").by_weekday() == std::vector{Weekday::monday, Weekday::sunday});
}

TEST_CASE("lists of objects are walked, counted and asked by index") {
  const Message message = from<Message>(
      R"({"mentions":[{"id":"1"},{"id":"2","x":[{},[]]},7,null,{"id":"3"}],"embeds":[],"reactions":null,"attachments":{}})");
  const List<User> mentions = message.mentions();
  CHECK(mentions.has_value());
  CHECK(mentions.size() == 5);
  CHECK_FALSE(mentions.empty());
  CHECK(mentions[0].id() == Snowflake(1));
  CHECK(mentions[1].id() == Snowflake(2));
  CHECK(mentions[2].is_invalid());
  CHECK(mentions[2].id().is_invalid());
  CHECK(mentions[3].is_null());
  CHECK(mentions[3].id().is_missing());
  CHECK(mentions[4].id() == Snowflake(3));
  CHECK(mentions[5].is_missing());
  CHECK(mentions[SIZE_MAX].is_missing());
  CHECK(mentions.json() == R"([{"id":"1"},{"id":"2","x":[{},[]]},7,null,{"id":"3"}])");
  std::vector<std::string> texts;
  for (const User user : mentions) texts.emplace_back(user.json());
  CHECK(texts == std::vector<std::string>{R"({"id":"1"})", R"({"id":"2","x":[{},[]]})", "7", "null", R"({"id":"3"})"});
  auto at = mentions.begin();
  CHECK((*at++).id() == Snowflake(1));
  CHECK((*at).id() == Snowflake(2));

  CHECK(message.embeds().has_value());
  CHECK(message.embeds().empty());
  CHECK(message.embeds().begin() == message.embeds().end());
  CHECK(message.embeds()[0].is_missing());
  CHECK(message.reactions().is_null());
  CHECK(message.reactions()[0].is_missing());
  CHECK(message.attachments().is_invalid());
  CHECK(message.attachments().empty());
  CHECK(message.attachments()[0].is_invalid());
  CHECK(message.stickers().is_missing());
}

TEST_CASE("maps are asked by key or id, and walked in the order of the text") {
  const ResolvedData resolved = from<ResolvedData>(
      R"({"users":{"7":{"id":"7"},"5":{"id":"5"},"\u0039":3},"roles":{},"members":null,"channels":[{"id":"1"}]})");
  CHECK(resolved.users().has_value());
  CHECK(resolved.users().size() == 3);
  CHECK(resolved.users()[Snowflake(5)].id() == Snowflake(5));
  CHECK(resolved.users()["7"].id() == Snowflake(7));
  CHECK(resolved.users()["9"].is_invalid());
  CHECK(resolved.users()["8"].is_missing());
  const auto entries = resolved.users().entries();
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].first == "7");
  CHECK(entries[0].second.id() == Snowflake(7));
  CHECK(entries[1].first == "5");
  CHECK(entries[2].first == "9");
  CHECK(resolved.roles().has_value());
  CHECK(resolved.roles().empty());
  CHECK(resolved.roles().entries().empty());
  CHECK(resolved.members().is_null());
  CHECK(resolved.members()["1"].is_missing());
  CHECK(resolved.channels().is_invalid());
  CHECK(resolved.channels()["1"].is_invalid());
  CHECK(resolved.channels().entries().empty());
  CHECK(resolved.messages().is_missing());
  CHECK(resolved.messages()["1"].author().id().is_missing());
}

TEST_CASE("a mark is set by being there") {
  const RoleTags tags = from<RoleTags>(R"({"premium_subscriber":null,"available_for_purchase":true})");
  CHECK(tags.premium_subscriber());
  CHECK(tags.available_for_purchase());
  CHECK_FALSE(tags.guild_connections());
  CHECK_FALSE(from<Role>("{}").tags().premium_subscriber());
  CHECK_FALSE(from<Role>(R"({"tags":1})").tags().premium_subscriber());
}

// ---------------------------------------------------------------------------------------------------------------- Any
// JSON

TEST_CASE("as reads what models have no field for") {
  const JsonView view(
      R"({"b":true,"i":-7,"u":18446744073709551615,"d":1.5,"s":"\u0061","id":"12","t":"2015-04-26T06:26:56Z","n":null,"a":[1]})");
  CHECK(view["b"].as<bool>() == true);
  CHECK(view["i"].as<std::int64_t>() == -7);
  CHECK(view["i"].as<std::uint64_t>().is_invalid());
  CHECK(view["u"].as<std::uint64_t>() == UINT64_MAX);
  CHECK(view["u"].as<std::int64_t>().is_invalid());
  CHECK(view["id"].as<std::uint64_t>().is_invalid());
  CHECK(view["d"].as<double>() == 1.5);
  CHECK(view["d"].as<std::int64_t>().is_invalid());
  CHECK(view["s"].as<std::string>() == "a");
  CHECK(view["id"].as<Snowflake>() == Snowflake(12));
  CHECK(view["u"].as<Snowflake>() == Snowflake(UINT64_MAX));
  CHECK(view["t"].as<Timestamp>() == Timestamp(std::chrono::seconds(1'430'029'616)));
  CHECK(view["n"].as<bool>().is_null());
  CHECK(view["x"].as<bool>().is_missing());
  CHECK(view["a"].as<std::string>().is_invalid());
  CHECK(view["b"].as<bool>().info() == nullptr);
  CHECK(view.as_list().is_invalid());
  CHECK(view["a"].as_list()[0].as<std::int64_t>() == 1);
  CHECK(view["a"].as_list()[1].is_missing());
  CHECK(view["a"].as_map().is_invalid());
  CHECK(view.as_map().size() == 9);
}

TEST_CASE("fields that no model knows are found by key, and a key given twice means its last value") {
  const Member member =
      from<Member>(R"({"nick":"a","_new":{"deep":[{"er":5}]},"nick":"b","roles":["1"],"roles":null})");
  CHECK(member["_new"]["deep"].as_list()[0]["er"].as<std::int64_t>() == 5);
  CHECK(member["_new"].kind() == JsonView::Kind::object);
  CHECK(member.nick() == "b");
  CHECK(member["nick"].as<std::string>() == "b");
  CHECK(member.roles().is_null());
  CHECK(member.as_map().size() == 5);
  CHECK(member.as_map()["nick"].as<std::string>() == "b");
}

TEST_CASE("json is the text as it is stored, and kind what it is") {
  const std::string text = R"( {"nick": "\u0061" , "user": {"id" : 1e1}, "mute":true,"avatar":null} )";
  const Member member = from<Member>(text);
  CHECK(member.json() == text);
  CHECK(member.user().json() == R"({"id" : 1e1})");
  CHECK(member["nick"].json() == R"("\u0061")");
  CHECK(member["avatar"].json() == "null");
  CHECK(member["gone"].json().empty());
  CHECK(member.kind() == JsonView::Kind::object);
  CHECK(member["nick"].kind() == JsonView::Kind::string);
  CHECK(member["user"]["id"].kind() == JsonView::Kind::number);
  CHECK(member["mute"].kind() == JsonView::Kind::boolean);
  CHECK(member["avatar"].kind() == JsonView::Kind::null);
  CHECK(JsonView("[1]").kind() == JsonView::Kind::array);
}

TEST_CASE("copies and parts outlive what they were taken from") {
  User user;
  std::string_view text;
  List<Role> roles;
  {
    const Guild guild =
        from<Guild>(R"({"roles":[{"id":"1"},{"id":"2"}],"members":[{"user":{"id":"5","username":"five"}}]})");
    user = guild.members()[0].user();
    roles = guild.roles();
    text = user.json();
  }
  const User copy = user;
  user = {};
  CHECK(user.is_missing());
  CHECK(copy.username() == "five");
  CHECK(text == R"({"id":"5","username":"five"})");
  CHECK(roles[1].id() == Snowflake(2));
}

TEST_CASE("an entity's ids come with its models") {
  const Member member(
      JsonView(Entity{.resource = Resource::member, .id = 5, .guild_id = 1, .json = R"({"nick":"n"})"}));
  CHECK(member.entity().id == 5);
  CHECK(member.entity().guild_id == 1);
  CHECK(member.user().entity().id == 5);
  CHECK(member.nick() == "n");
}

TEST_CASE("two threads may ask the same text for the first time") {
  for (int round = 0; round < 20; ++round) {
    const Guild guild(JsonView(Entity{.json = R"({"id":"1","name":"n","roles":[{"id":"2"},{"id":"3"}]})"}));
    std::uint64_t sums[2] = {};
    const auto read = [&guild](std::uint64_t& sum) {
      sum = guild.id()->value();
      for (const Role role : guild.roles()) sum += role.id()->value();
    };
    std::thread other([&] { read(sums[1]); });
    read(sums[0]);
    other.join();
    CHECK(sums[0] == 6);
    CHECK(sums[1] == 6);
  }
}

// --------------------------------------------------------------------------------------------------------------
// Snowflakes

TEST_CASE("a snowflake tells when and where it was made") {
  struct Example {
    std::uint64_t id;
    std::int64_t ms;
    unsigned worker, process, increment;
  };
  for (const Example& example :
       {Example{175928847299117063, 1462015105796, 1, 0, 7}, Example{80351110224678912, 1439227597529, 0, 1, 0},
        Example{41771983423143937, 1430029616934, 0, 0, 1}, Example{1234567890123456789, 1714414322167, 20, 24, 277}}) {
    const Snowflake id = example.id;
    CHECK(id.created_at() == Timestamp(std::chrono::milliseconds(example.ms)));
    CHECK(id.worker() == example.worker);
    CHECK(id.process() == example.process);
    CHECK(id.increment() == example.increment);
    CHECK(Snowflake::at(id.created_at()) <= id);
    CHECK(Snowflake::at(id.created_at() + 1ms) > id);
  }
  CHECK(Snowflake::at(Timestamp(std::chrono::milliseconds(1'704'067'200'000))) == 1191168914227200000u);
  CHECK(Snowflake::at(Timestamp(std::chrono::milliseconds(1'420'070'400'000))) == 0);
  CHECK(Snowflake::at(Timestamp(std::chrono::milliseconds(1'420'070'399'999))) == 0);
  CHECK(Snowflake::at(Timestamp(-1us)) == 0);
  CHECK(Snowflake(10) > Snowflake(9));  // By number, not as text.
  CHECK(Snowflake(UINT64_MAX).created_at() > Snowflake(1).created_at());
}

// ------------------------------------------------------------------------------------------------------- URLs and
// mentions

namespace {

using Text = std::optional<std::string>;
constexpr std::string_view cdn = "https://cdn.discordapp.com/";

Text at_cdn(std::string_view path) { return std::string(cdn) + std::string(path); }

const std::string still = "8342729096ea3675442027381ff50dfe";
const std::string moving = "a_1269e74af4df7417b13759eae50c83dc";

User user_80() {
  return from<User>(
      R"({"id":"80351110224678912","username":"Nelly","global_name":"Nell","discriminator":"1337","avatar":")" + still +
      R"(","banner":")" + moving + "\"}");
}

}  // namespace

TEST_CASE("users have names, mentions and images") {
  const User user = user_80();
  CHECK(user.avatar_url({.size = 256}) ==
        at_cdn("avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png?size=256"));
  CHECK(user.display_avatar_url() == user.avatar_url());
  CHECK(user.banner_url() == at_cdn("banners/80351110224678912/" + moving + ".gif"));
  CHECK(user.banner_url({.extension = "webp"}) == at_cdn("banners/80351110224678912/" + moving + ".webp"));
  CHECK(user.mention() == "<@80351110224678912>");
  CHECK(user.display_name() == "Nell");
  CHECK(user.tag() == "Nelly#1337");

  const User moved = from<User>(R"({"id":"80351110224678912","avatar":")" + moving + "\"}");
  CHECK(moved.avatar_url() == at_cdn("avatars/80351110224678912/" + moving + ".gif"));

  const User plain = from<User>(
      R"({"id":"80351110224678912","username":"Nelly","global_name":null,"discriminator":"1337","avatar":null,"banner":null})");
  CHECK(plain.avatar_url() == std::nullopt);
  CHECK(plain.banner_url() == std::nullopt);
  CHECK(plain.default_avatar_url() == at_cdn("embed/avatars/2.png"));
  CHECK(plain.display_avatar_url() == at_cdn("embed/avatars/2.png"));
  CHECK(plain.display_name() == "Nelly");
  const auto index = [](std::string_view id, std::string_view discriminator) {
    return from<User>("{\"id\":\"" + std::string(id) + "\",\"username\":\"a\",\"discriminator\":\"" +
                      std::string(discriminator) + "\"}");
  };
  CHECK(index("80351110224678912", "0").default_avatar_url() == at_cdn("embed/avatars/5.png"));
  CHECK(index("175928847299117063", "0").default_avatar_url() == at_cdn("embed/avatars/2.png"));
  CHECK(index("80351110224678912", "0000").default_avatar_url() == at_cdn("embed/avatars/0.png"));
  CHECK(index("1", "0").tag() == "a");
  const User nothing;
  CHECK(nothing.avatar_url() == std::nullopt);
  CHECK(nothing.default_avatar_url() == std::nullopt);
  CHECK(nothing.display_avatar_url() == std::nullopt);
  CHECK(nothing.banner_url() == std::nullopt);
  CHECK(nothing.display_name() == std::nullopt);
  CHECK(nothing.tag() == std::nullopt);
  CHECK(nothing.mention() == std::nullopt);
}

TEST_CASE("members have what is theirs in the guild, or else their user's") {
  const auto member = [](std::string_view more) {
    return from<Member>(
        R"({"guild_id":"1","user":{"id":"5","username":"u","global_name":"g","discriminator":"0","avatar":"own"})" +
        std::string(more) + "}");
  };
  const Member full = member(R"(,"nick":"n","avatar":"abc","banner":"a_b")");
  CHECK(full.avatar_url() == at_cdn("guilds/1/users/5/avatars/abc.png"));
  CHECK(full.display_avatar_url({.size = 64}) == at_cdn("guilds/1/users/5/avatars/abc.png?size=64"));
  CHECK(full.banner_url() == at_cdn("guilds/1/users/5/banners/a_b.gif"));
  CHECK(full.display_name() == "n");
  CHECK(full.mention() == "<@5>");
  const Member bare = member("");
  CHECK(bare.avatar_url() == std::nullopt);
  CHECK(bare.display_avatar_url() == at_cdn("avatars/5/own.png"));
  CHECK(bare.banner_url() == std::nullopt);
  CHECK(bare.display_name() == "g");
  CHECK(Member().mention() == std::nullopt);
  CHECK(Member().display_name() == std::nullopt);
  CHECK(Member().display_avatar_url() == std::nullopt);

  const Member timed_out = member(R"(,"communication_disabled_until":"2015-04-26T06:26:56+00:00")");
  const Timestamp end(std::chrono::seconds(1'430'029'616));
  CHECK(timed_out.is_timed_out(end - 1us));
  CHECK_FALSE(timed_out.is_timed_out(end));
  CHECK_FALSE(bare.is_timed_out(end));
  CHECK_FALSE(member(R"(,"communication_disabled_until":null)").is_timed_out(end));
}

TEST_CASE("roles, channels, threads and messages have mentions and links") {
  CHECK(from<Role>(R"({"id":"165511591545143296","guild_id":"1"})").mention() == "<@&165511591545143296>");
  CHECK(from<Role>(R"({"id":"1","guild_id":"1"})").mention() == "@everyone");
  CHECK(from<Role>(R"({"id":"7"})").mention() == "<@&7>");
  CHECK(Role().mention() == std::nullopt);
  CHECK(from<Channel>(R"({"id":"6"})").mention() == "<#6>");
  CHECK(Channel().mention() == std::nullopt);
  CHECK(from<Thread>(R"({"id":"6"})").mention() == "<#6>");
  CHECK(Thread().mention() == std::nullopt);
  CHECK(from<Message>(R"({"id":"3","channel_id":"2","guild_id":"1"})").link() == "https://discord.com/channels/1/2/3");
  CHECK(from<Message>(R"({"id":"3","channel_id":"2"})").link() == "https://discord.com/channels/@me/2/3");
  CHECK(from<Message>(R"({"id":"3"})").link() == std::nullopt);
}

TEST_CASE("emojis have an address, a mention and a name in paths") {
  const PartialEmoji custom = from<PartialEmoji>(R"({"id":"41771983429993937","name":"LUL"})");
  CHECK(custom.url() == at_cdn("emojis/41771983429993937.webp"));
  CHECK(custom.url({.extension = "gif"}) == at_cdn("emojis/41771983429993937.png"));
  CHECK(custom.url({.extension = "jpg", .size = 32}) == at_cdn("emojis/41771983429993937.jpg?size=32"));
  CHECK(custom.mention() == "<:LUL:41771983429993937>");
  CHECK(custom.route_name() == "LUL:41771983429993937");
  const PartialEmoji animated = from<PartialEmoji>(R"({"id":"392938283556143104","name":"b1nzy","animated":true})");
  CHECK(animated.url() == at_cdn("emojis/392938283556143104.webp?animated=true"));
  CHECK(animated.url({.size = 48}) == at_cdn("emojis/392938283556143104.webp?animated=true&size=64"));
  CHECK(animated.url({.extension = "webp"}) == at_cdn("emojis/392938283556143104.webp?animated=true"));
  CHECK(animated.url({.extension = "gif", .size = 48}) == at_cdn("emojis/392938283556143104.gif?size=64"));
  CHECK(animated.mention() == "<a:b1nzy:392938283556143104>");
  const PartialEmoji deleted = from<PartialEmoji>(R"({"id":"9","name":null})");
  CHECK(deleted.mention() == "<:_:9>");
  CHECK(deleted.route_name() == "_:9");
  const PartialEmoji unicode = from<PartialEmoji>(R"({"id":null,"name":"\ud83d\udd25"})");
  CHECK(unicode.url() == std::nullopt);
  CHECK(unicode.mention() == "\xF0\x9F\x94\xA5");
  CHECK(unicode.route_name() == "%F0%9F%94%A5");
  CHECK(PartialEmoji().mention() == std::nullopt);
  CHECK(PartialEmoji().route_name() == std::nullopt);
  CHECK(from<Emoji>(R"({"id":"4","name":"e"})").mention() == "<:e:4>");
}

TEST_CASE("stickers have files by their format") {
  const auto url = [](std::string_view format) {
    return from<StickerItem>("{\"id\":\"7\",\"format_type\":" + std::string(format) + "}").url();
  };
  CHECK(url("1") == at_cdn("stickers/7.png"));
  CHECK(url("2") == at_cdn("stickers/7.png"));
  CHECK(url("3") == at_cdn("stickers/7.json"));
  CHECK(url("4") == "https://media.discordapp.net/stickers/7.gif");
  CHECK(url("99") == at_cdn("stickers/7.png"));
  CHECK(StickerItem().url() == std::nullopt);
  CHECK(from<Sticker>(R"({"id":"8","format_type":3})").url() == at_cdn("stickers/8.json"));
}

TEST_CASE("each image has its address, and none without its hash or id") {
  const ImageFormat webp{.extension = "webp", .size = 128};
  struct Row {
    Text url, with_format, absent;
    std::string_view path;  ///< With the extension left out.
  };
  const Guild guild = from<Guild>(R"({"id":"1","icon":"i","splash":"s","discovery_splash":"d","banner":"b"})");
  const PartialApplication application = from<PartialApplication>(R"({"id":"3","icon":"i","cover_image":"c"})");
  const Channel group = from<Channel>(R"({"id":"6","icon":"i"})");
  const Role role = from<Role>(R"({"id":"2","icon":"i"})");
  const PrimaryGuild primary = from<PrimaryGuild>(R"({"identity_guild_id":"1","badge":"b"})");
  const ScheduledEvent event = from<ScheduledEvent>(R"({"id":"4","image":"i"})");
  const Activity activity =
      from<Activity>(R"({"application_id":"3","assets":{"large_image":"10","small_image":"11"}})");
  const Row rows[] = {
      {guild.icon_url(), guild.icon_url(webp), Guild().icon_url(), "icons/1/i"},
      {guild.splash_url(), guild.splash_url(webp), Guild().splash_url(), "splashes/1/s"},
      {guild.discovery_splash_url(), guild.discovery_splash_url(webp), Guild().discovery_splash_url(),
       "discovery-splashes/1/d"},
      {guild.banner_url(), guild.banner_url(webp), Guild().banner_url(), "banners/1/b"},
      {application.icon_url(), application.icon_url(webp), PartialApplication().icon_url(), "app-icons/3/i"},
      {application.cover_image_url(), application.cover_image_url(webp), PartialApplication().cover_image_url(),
       "app-icons/3/c"},
      {group.icon_url(), group.icon_url(webp), Channel().icon_url(), "channel-icons/6/i"},
      {role.icon_url(), role.icon_url(webp), Role().icon_url(), "role-icons/2/i"},
      {primary.badge_url(), primary.badge_url(webp), PrimaryGuild().badge_url(), "guild-tag-badges/1/b"},
      {event.image_url(), event.image_url(webp), ScheduledEvent().image_url(), "guild-events/4/i"},
      {activity.large_image_url(), activity.large_image_url(webp), Activity().large_image_url(), "app-assets/3/10"},
      {activity.small_image_url(), activity.small_image_url(webp), Activity().small_image_url(), "app-assets/3/11"},
  };
  for (const Row& row : rows) {
    CHECK(row.url == at_cdn(std::string(row.path) + ".png"));
    CHECK(row.with_format == at_cdn(std::string(row.path) + ".webp?size=128"));
    CHECK(row.absent == std::nullopt);
  }
  CHECK(from<Guild>(R"({"id":"1","icon":null})").icon_url() == std::nullopt);
  CHECK(from<Guild>(R"({"icon":"i"})").icon_url() == std::nullopt);
  CHECK(from<Guild>(R"({"id":"1","icon":"a_i"})").icon_url() == at_cdn("icons/1/a_i.gif"));
  CHECK(from<Guild>(R"({"id":"1","banner":"a_i"})").banner_url() == at_cdn("banners/1/a_i.gif"));
  CHECK(from<Guild>(R"({"id":"1","splash":"a_i"})").splash_url() == at_cdn("splashes/1/a_i.png"));

  CHECK(from<AvatarDecoration>(R"({"asset":"a_d"})").url() == at_cdn("avatar-decoration-presets/a_d.png"));
  CHECK(AvatarDecoration().url() == std::nullopt);
  const Activity media = from<Activity>(R"({"assets":{"large_image":"mp:external/x/y.png","small_image":"11"}})");
  CHECK(media.large_image_url() == "https://media.discordapp.net/external/x/y.png");
  CHECK(media.small_image_url() == std::nullopt);
}

TEST_CASE("a format that an image does not come in is png, and sizes are powers of two") {
  const User still_user = from<User>(R"({"id":"5","avatar":"h"})");
  const auto url = [&still_user](std::string_view extension, unsigned size) {
    return still_user.avatar_url({.extension = extension, .size = size}).value().substr(cdn.size() + 9);
  };
  CHECK(url("png", 0) == "/h.png");
  CHECK(url("jpg", 0) == "/h.jpg");
  CHECK(url("webp", 0) == "/h.webp");
  CHECK(url("gif", 0) == "/h.png");
  CHECK(url("bmp", 0) == "/h.png");
  CHECK(url("", 1) == "/h.png?size=16");
  CHECK(url("", 16) == "/h.png?size=16");
  CHECK(url("", 17) == "/h.png?size=32");
  CHECK(url("", 4096) == "/h.png?size=4096");
  CHECK(url("", 4097) == "/h.png?size=4096");
  CHECK(url("", UINT32_MAX) == "/h.png?size=4096");
  CHECK(from<User>(R"({"id":"5","avatar":"a_h"})").avatar_url({.extension = "gif"}) == at_cdn("avatars/5/a_h.gif"));
  CHECK(from<User>(R"({"id":"5","avatar":"a_h"})").avatar_url({.extension = "png"}) == at_cdn("avatars/5/a_h.png"));
}

// -----------------------------------------------------------------------------------------------------------
// Descriptions

TEST_CASE("values have Discord's names") {
  CHECK(name(ChannelType::guild_text) == "GUILD_TEXT");
  CHECK(name(VideoQualityMode::auto_) == "AUTO");
  CHECK(name(MessageType::default_) == "DEFAULT");
  CHECK(name(UserFlag::restricted_collaborator) == "RESTRICTED_COLLABORATOR");
  CHECK(name(PresenceStatus::dnd) == "dnd");
  CHECK(name(PresenceStatus::unknown).empty());
  CHECK(name(ChannelType(6)).empty());
  CHECK(name(GuildFeature::news) == "NEWS");
}

TEST_CASE("a model visits each of its fields with what its accessor returns, those of its base first") {
  const OwnUser user = from<OwnUser>(R"({"id":"5","email":"a","mfa_enabled":true,"primary_guild":{"tag":"t"}})");
  std::vector<std::string_view> names;
  user.visit([&names]<typename T>(const FieldInfo& field, const T& value) {
    names.push_back(field.name);
    if constexpr (std::same_as<T, Field<Snowflake>>) CHECK(value == Snowflake(5));
    if constexpr (std::same_as<T, PrimaryGuild>) CHECK(value.tag() == "t");
  });
  CHECK(names.front() == "id");
  CHECK(names.back() == "email");
  REQUIRE(names.size() == OwnUser::info().fields.size());
  CHECK(std::ranges::equal(names, OwnUser::info().fields, {}, {}, &FieldInfo::name));
  CHECK(OwnUser::info().name == "OwnUser");
  CHECK(OwnUser::info().fields.front().model == "OwnUser");
  CHECK(OwnUser::info().fields.back().model == "OwnUser");
  const FieldInfo& channel_type = Channel::info().fields[1];
  CHECK(channel_type.name == "type");
  CHECK(channel_type.kind == FieldKind::enumeration);
  CHECK(channel_type.values.front().name == "GUILD_TEXT");
  CHECK((channel_type.object == nullptr));
}
