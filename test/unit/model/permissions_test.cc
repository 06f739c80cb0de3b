#include "sake/permissions.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "sake/models.h"

using namespace sake;

namespace {

using By = PermissionReason::By;
using Of = OverwriteType;
using std::chrono::milliseconds;

constexpr std::uint64_t guild_id = 1;
constexpr std::uint64_t role_a = 2;
constexpr std::uint64_t role_b = 3;
constexpr std::uint64_t user_id = 5;
constexpr std::uint64_t other_user = 7;
constexpr std::uint64_t owner_id = 9;
constexpr Timestamp now{milliseconds(1'700'000'000'000)};

/// "VIEW SEND": the short names of the examples, and Discord's own.
Permissions bits(std::string_view names) {
  static const std::map<std::string, std::string, std::less<>> short_names = {
      {"VIEW", "VIEW_CHANNEL"},     {"SEND", "SEND_MESSAGES"},        {"HIST", "READ_MESSAGE_HISTORY"},
      {"REACT", "ADD_REACTIONS"},   {"EMBED", "EMBED_LINKS"},         {"FILES", "ATTACH_FILES"},
      {"TTS", "SEND_TTS_MESSAGES"}, {"EVERYONE", "MENTION_EVERYONE"}, {"THREADS", "SEND_MESSAGES_IN_THREADS"},
      {"MNGTHR", "MANAGE_THREADS"}, {"MNGCH", "MANAGE_CHANNELS"},     {"MNGMSG", "MANAGE_MESSAGES"},
      {"ADMIN", "ADMINISTRATOR"},   {"KICK", "KICK_MEMBERS"},         {"MUTE", "MUTE_MEMBERS"},
      {"RTS", "REQUEST_TO_SPEAK"},
  };
  Permissions found;
  std::istringstream words{std::string(names)};
  for (std::string word; words >> word;) {
    const auto full = short_names.find(word);
    const auto permission = permission_from_name(full == short_names.end() ? word : full->second);
    REQUIRE_MESSAGE(permission.has_value(), word);
    found |= *permission;
  }
  return found;
}

/// What `reasons` add up to.
Permissions sum_of(const std::vector<PermissionReason>& reasons) {
  Permissions sum;
  for (const PermissionReason& reason : reasons) sum = sum.without(reason.taken) | reason.gave;
  return sum;
}

struct Example {
  int number;
  std::string_view everyone;
  std::optional<std::string_view> a;  ///< None: the member does not have the role.
  std::optional<std::string_view> b;
  std::string_view state;
  std::optional<int> type;      ///< None: the guild.
  std::string_view overwrites;  ///< "A +SEND -VIEW; M +VIEW"
  std::uint64_t base;
  std::optional<std::uint64_t> raw;
  std::uint64_t effective;
};

constexpr std::nullopt_t none = std::nullopt;
constexpr std::uint64_t everything = 8866461766385663;

// Guild 1, owner 9, user 5; overwrites of E: @everyone, A and B: the roles 2 and 3, M: the user, 7: another user, R5: a
// role with the user's id.
const Example examples[] = {
    {1, "VIEW SEND", none, none, "", none, "", 3072, none, 3072},
    {2, "VIEW", "SEND", "REACT", "", none, "", 3136, none, 3136},
    {3, "VIEW", none, none, "owner", 0, "E -VIEW", everything, everything, everything},
    {4, "VIEW", "ADMIN", none, "", 0, "A -VIEW -SEND; M -VIEW", everything, everything, everything},
    {5, "ADMIN", none, none, "", none, "", everything, none, everything},
    {6, "VIEW SEND HIST", none, none, "", 0, "E -SEND", 68608, 66560, 66560},
    {7, "VIEW SEND", none, none, "", 0, "E +SEND -SEND", 3072, 3072, 3072},
    {8, "VIEW SEND", "", none, "", 0, "E -SEND; A +SEND", 3072, 3072, 3072},
    {9, "VIEW SEND", "", "", "", 0, "A -SEND; B +SEND", 3072, 3072, 3072},
    {10, "VIEW SEND", "", none, "", 0, "B -VIEW; A +REACT", 3072, 3136, 3136},
    {11, "VIEW SEND", "", none, "", 0, "A +SEND; M -SEND", 3072, 1024, 1024},
    {12, "VIEW", "", none, "", 0, "A -SEND; M +SEND", 1024, 3072, 3072},
    {13, "VIEW", "", none, "", 0, "M +SEND +HIST -SEND", 1024, 68608, 68608},
    {14, "VIEW SEND HIST KICK", none, none, "", 0, "E -VIEW", 68610, 67586, 0},
    {15, "SEND HIST", "", none, "", 0, "A +VIEW", 67584, 68608, 68608},
    {16, "VIEW SEND EMBED FILES TTS EVERYONE REACT", none, none, "", 0, "E -SEND", 187456, 185408, 1088},
    {17, "VIEW SEND HIST KICK REACT", none, none, "timeout", none, "", 68674, none, 66560},
    {18, "VIEW SEND HIST REACT", "", none, "timeout", 0, "A +MNGMSG", 68672, 76864, 66560},
    {19, "VIEW HIST", "ADMIN", none, "timeout", 0, "", everything, everything, everything},
    {20, "VIEW SEND HIST EMBED", none, none, "", 11, "E -THREADS", 84992, 84992, 66560},
    {21, "VIEW HIST EMBED", "THREADS", none, "", 11, "E -SEND", 274877989888, 274877989888, 274877989888},
    {22, "VIEW SEND THREADS", none, none, "not in thread", 12, "", 274877910016, 274877910016, 0},
    {23, "VIEW THREADS", "MNGTHR", none, "not in thread", 12, "", 292057777152, 292057777152, 292057777152},
    {24, "VIEW CONNECT SPEAK MNGCH SEND", "", none, "", 2, "A -CONNECT", 3148816, 2100240, 3072},
    {25, "VIEW CONNECT RTS", "MUTE", "", "", 13, "E -RTS; B +RTS; 7 -VIEW; R5 -VIEW", 4300211200, 4300211200,
     4300211200},
};

std::vector<OverwriteFacts> overwrites_of(std::string_view text) {
  static const std::map<std::string, std::pair<std::uint64_t, Of>> whose = {
      {"E", {guild_id, Of::role}},  {"A", {role_a, Of::role}},       {"B", {role_b, Of::role}},
      {"M", {user_id, Of::member}}, {"7", {other_user, Of::member}}, {"R5", {user_id, Of::role}},
  };
  std::vector<OverwriteFacts> overwrites;
  std::istringstream all{std::string(text)};
  for (std::string one; std::getline(all, one, ';');) {
    std::istringstream words(one);
    std::string word;
    words >> word;
    const auto [id, of] = whose.at(word);
    OverwriteFacts overwrite{.id = id, .type = of};
    while (words >> word) (word[0] == '+' ? overwrite.allow : overwrite.deny) |= bits(word.substr(1));
    overwrites.push_back(overwrite);
  }
  return overwrites;
}

PermissionReport report_of(const Example& example, Reasons reasons) {
  std::vector<RoleFacts> roles = {{.id = guild_id, .permissions = bits(example.everyone)}};
  std::vector<Snowflake> member_roles;
  for (const auto& [id, names] : {std::pair(role_a, example.a), std::pair(role_b, example.b)}) {
    roles.push_back({.id = id, .permissions = bits(names.value_or(""))});
    if (names) member_roles.push_back(id);
  }
  const std::vector<OverwriteFacts> overwrites = overwrites_of(example.overwrites);
  PermissionQuestion question{
      .guild_id = guild_id, .owner_id = owner_id, .user_id = user_id, .roles = roles, .member_roles = member_roles};
  if (example.state == "owner") question.owner_id = user_id;
  if (example.state == "timeout") question.timed_out_until = now + milliseconds(1);
  question.now = now;
  if (example.type)
    question.channel = {.type = static_cast<ChannelType>(*example.type),
                        .overwrites = overwrites,
                        .is_thread_member = example.state != "not in thread"};
  return permissions_of(question, reasons);
}

const Example& example(int number) { return examples[number - 1]; }

std::string told(const std::vector<PermissionReason>& reasons) {
  std::string text;
  for (const PermissionReason& reason : reasons) {
    if (!text.empty()) text += "; ";
    text += describe(reason);
    if (!reason.gave.empty()) text += " +" + describe(reason.gave);
    if (!reason.taken.empty()) text += " -" + describe(reason.taken);
  }
  return text;
}

}  // namespace

// ------------------------------------------------------------------------------------------------------------ The set

TEST_CASE("every permission but bit 47 has its name, both ways") {
  CHECK(all_permissions().size() == 52);
  Permissions seen;
  std::uint64_t last = 0;
  for (Permission permission : all_permissions()) {
    const auto value = static_cast<std::uint64_t>(permission);
    CHECK(value > last);
    last = value;
    CHECK(std::popcount(value) == 1);
    CHECK_FALSE(name(permission).empty());
    CHECK(permission_from_name(name(permission)) == permission);
    seen |= permission;
  }
  CHECK(seen == Permissions::all());
  CHECK(Permissions::all().value() == (std::uint64_t{1} << 53) - 1 - (std::uint64_t{1} << 47));
  CHECK(name(static_cast<Permission>(std::uint64_t{1} << 47)).empty());
  CHECK_FALSE(permission_from_name("view_channel").has_value());
  CHECK_FALSE(permission_from_name("").has_value());
}

TEST_CASE("permissions have Discord's numbers") {
  const std::pair<Permission, std::uint64_t> numbers[] = {
      {Permission::create_instant_invite, 1},
      {Permission::administrator, 8},
      {Permission::view_channel, 1024},
      {Permission::send_messages, 2048},
      {Permission::mention_everyone, 131072},
      {Permission::connect, 1048576},
      {Permission::manage_roles, 268435456},
      {Permission::use_application_commands, 2147483648},
      {Permission::request_to_speak, 4294967296},
      {Permission::send_messages_in_threads, 274877906944},
      {Permission::moderate_members, 1099511627776},
      {Permission::send_voice_messages, 70368744177664},
      {Permission::set_voice_channel_status, 281474976710656},
      {Permission::bypass_slowmode, 4503599627370496},
  };
  for (const auto& [permission, number] : numbers) CHECK(Permissions(permission).value() == number);
  CHECK(name(Permission::use_vad) == "USE_VAD");
  CHECK(name(Permission::set_voice_channel_status) == "SET_VOICE_CHANNEL_STATUS");
  CHECK(permission_from_name("MANAGE_GUILD_EXPRESSIONS") == Permission::manage_guild_expressions);
}

TEST_CASE("a set of permissions is put together, asked and taken apart") {
  constexpr Permissions speaking = Permission::connect | Permission::speak;
  static_assert(speaking == Permissions{Permission::speak, Permission::connect});
  static_assert(speaking.has(Permission::speak) && !speaking.has(Permission::speak | Permission::stream));
  static_assert(speaking.has_any(Permission::speak | Permission::stream) && !speaking.has_any(Permission::stream));
  static_assert(speaking.without(Permission::speak) == Permission::connect);
  static_assert((speaking & Permission::speak) == Permission::speak);
  static_assert(Permissions().empty() && !speaking.empty());
  CHECK(speaking.has({}));
  CHECK_FALSE(speaking.has_any({}));

  const Permissions unnamed(std::uint64_t{1} << 63 | std::uint64_t{1} << 47);
  CHECK((speaking | unnamed).value() == (speaking.value() | std::uint64_t{1} << 63 | std::uint64_t{1} << 47));
  CHECK((speaking | unnamed).has(unnamed));
}

TEST_CASE("permissions are read from Discord's digits") {
  CHECK(Permissions::parse("3072") == (Permission::view_channel | Permission::send_messages));
  CHECK(Permissions::parse("0") == Permissions());
  CHECK(Permissions::parse("18446744073709551615") == Permissions(~std::uint64_t{0}));
  for (std::string_view text : {"", "18446744073709551616", "-1", "0x400", " 1", "1.0", "VIEW_CHANNEL"}) {
    CAPTURE(text);
    CHECK_FALSE(Permissions::parse(text).has_value());
  }
}

TEST_CASE("permissions are described in the order of their bits, the unnamed ones as a number") {
  CHECK(describe(Permissions()) == "none");
  CHECK(describe(Permission::send_messages | Permission::view_channel) == "VIEW_CHANNEL SEND_MESSAGES");
  CHECK(describe(Permissions(std::uint64_t{1} << 47)) == "0x800000000000");
  CHECK(describe(Permissions(std::uint64_t{0xA1} << 56 | 1)) == "CREATE_INSTANT_INVITE 0xa100000000000000");
}

TEST_CASE("the kinds of channels and two-factor authentication have their sets") {
  CHECK(Permissions::in_text().value() == 0x1E40FCB007FC51);
  CHECK(Permissions::in_voice().value() == 0x1774A2B3F7FF51);
  CHECK(Permissions::in_stage().value() == 0x165023B157FE51);
  CHECK(Permissions::needs_two_factor() ==
        bits("KICK_MEMBERS BAN_MEMBERS ADMINISTRATOR MANAGE_CHANNELS MANAGE_GUILD MANAGE_MESSAGES MANAGE_ROLES "
             "MANAGE_WEBHOOKS MANAGE_GUILD_EXPRESSIONS MANAGE_THREADS VIEW_CREATOR_MONETIZATION_ANALYTICS"));
}

// ---------------------------------------------------------------------------------------------------------- The rules

TEST_CASE("the worked examples come out as Discord's rules say, with reasons and without") {
  CHECK(std::size(examples) == 25);
  for (const Example& each : examples) {
    CAPTURE(each.number);
    const PermissionReport report = report_of(each, Reasons::none);
    CHECK(report.base.value() == each.base);
    CHECK(report.raw.has_value() == each.raw.has_value());
    if (report.raw && each.raw) CHECK(report.raw->value() == *each.raw);
    CHECK(report.effective.value() == each.effective);
    CHECK(report.reasons.empty());

    const PermissionReport explained = report_of(each, Reasons::all);
    CHECK(explained.base == report.base);
    CHECK(explained.raw == report.raw);
    CHECK(explained.effective == report.effective);
    CHECK(explained.is_unrestricted == report.is_unrestricted);
    CHECK(sum_of(explained.reasons) == report.effective);
    for (const PermissionReason& reason : explained.reasons) CHECK_FALSE(reason.gave.has_any(reason.taken));
  }
}

TEST_CASE("owners and administrators may do what has no name yet, and nobody else") {
  const Permissions unnamed(std::uint64_t{1} << 60);
  for (int number : {3, 4, 5, 19}) {
    CAPTURE(number);
    const PermissionReport report = report_of(example(number), Reasons::none);
    CHECK(report.is_unrestricted);
    CHECK(report.allows(unnamed | Permission::ban_members));
  }
  const PermissionReport report = report_of(example(1), Reasons::none);
  CHECK_FALSE(report.is_unrestricted);
  CHECK_FALSE(report.allows(unnamed));
  CHECK(report.allows(Permission::view_channel | Permission::send_messages));
  CHECK_FALSE(report.allows(Permission::view_channel | Permission::kick_members));
}

TEST_CASE("each reason names what gave or took") {
  const auto reasons = [](int number) { return told(report_of(example(number), Reasons::all).reasons); };
  CHECK(reasons(2) == "the role @everyone +VIEW_CHANNEL; the role 2 +SEND_MESSAGES; the role 3 +ADD_REACTIONS");
  CHECK(reasons(3) == "the guild's owner +" + describe(Permissions::all()));
  CHECK(reasons(5) ==
        "the role @everyone +ADMINISTRATOR; ADMINISTRATOR of the role 1 +" + describe(Permissions::all()));
  // What one overwrite allows and denies it allows.
  CHECK(reasons(7) == "the role @everyone +VIEW_CHANNEL SEND_MESSAGES; the overwrite for @everyone +SEND_MESSAGES");
  CHECK(reasons(8) ==
        "the role @everyone +VIEW_CHANNEL SEND_MESSAGES; the overwrite for @everyone -SEND_MESSAGES; "
        "the overwrite for the role 2 +SEND_MESSAGES");
  // The denial of the role 2 is without effect.
  CHECK(reasons(9) == "the role @everyone +VIEW_CHANNEL SEND_MESSAGES; the overwrite for the role 3 +SEND_MESSAGES");
  CHECK(reasons(11) ==
        "the role @everyone +VIEW_CHANNEL SEND_MESSAGES; the overwrite for the role 2 +SEND_MESSAGES; "
        "the overwrite for the user 5 -SEND_MESSAGES");
  CHECK(reasons(14).ends_with("VIEW_CHANNEL is missing -KICK_MEMBERS SEND_MESSAGES READ_MESSAGE_HISTORY"));
  CHECK(
      reasons(16).ends_with("the overwrite for @everyone -SEND_MESSAGES; sending is not allowed "
                            "-SEND_TTS_MESSAGES EMBED_LINKS ATTACH_FILES MENTION_EVERYONE"));
  CHECK(
      reasons(18).ends_with("the overwrite for the role 2 +MANAGE_MESSAGES; the timeout "
                            "-ADD_REACTIONS SEND_MESSAGES MANAGE_MESSAGES"));
  CHECK(reasons(20) ==
        "the role @everyone +VIEW_CHANNEL SEND_MESSAGES EMBED_LINKS READ_MESSAGE_HISTORY; "
        "threads have SEND_MESSAGES_IN_THREADS -SEND_MESSAGES; sending is not allowed -EMBED_LINKS");
  CHECK(reasons(22).ends_with("not in the private thread -VIEW_CHANNEL SEND_MESSAGES SEND_MESSAGES_IN_THREADS"));
  CHECK(reasons(24).ends_with("the overwrite for the role 2 -CONNECT; CONNECT is missing -MANAGE_CHANNELS SPEAK"));

  std::vector<std::string_view> names;
  for (int by = 0; by <= static_cast<int>(By::cannot_connect); ++by) names.push_back(name(static_cast<By>(by)));
  CHECK(names == std::vector<std::string_view>{"owner", "everyone", "role", "administrator", "everyone_overwrite",
                                               "role_overwrite", "member_overwrite", "timeout", "hidden_channel",
                                               "not_in_thread", "in_thread", "cannot_send", "cannot_connect"});
}

TEST_CASE("an overwrite neither gives nor takes ADMINISTRATOR") {
  const std::vector<RoleFacts> roles = {{.id = guild_id, .permissions = Permission::view_channel}};
  for (const auto& [id, of] : {std::pair(guild_id, Of::role), std::pair(user_id, Of::member)}) {
    const OverwriteFacts overwrites[] = {{.id = id, .type = of, .allow = Permission::administrator}};
    const PermissionReport report = permissions_of({.guild_id = guild_id,
                                                    .owner_id = owner_id,
                                                    .user_id = user_id,
                                                    .roles = roles,
                                                    .channel = ChannelFacts{.overwrites = overwrites}});
    CHECK_FALSE(report.is_unrestricted);
    CHECK(report.raw == Permissions(Permission::view_channel));
    CHECK(report.effective == Permission::view_channel);
  }
}

TEST_CASE("a timeout holds until its end and not at it") {
  const std::vector<RoleFacts> roles = {{.id = guild_id, .permissions = bits("VIEW SEND HIST")}};
  const auto effective = [&](std::optional<Timestamp> until) {
    return permissions_of({.guild_id = guild_id,
                           .owner_id = owner_id,
                           .user_id = user_id,
                           .roles = roles,
                           .timed_out_until = until,
                           .now = now})
        .effective;
  };
  CHECK(effective(now + milliseconds(1)) == bits("VIEW HIST"));
  CHECK(effective(now) == bits("VIEW SEND HIST"));
  CHECK(effective(now - milliseconds(1)) == bits("VIEW SEND HIST"));
  CHECK(effective(std::nullopt) == bits("VIEW SEND HIST"));
}

// ----------------------------------------------------------------------------------------------------- The role order

TEST_CASE("the order of roles lets members act on those strictly below them") {
  struct Row {
    std::vector<Snowflake> actor;
    std::vector<Snowflake> target;
    std::vector<std::pair<std::uint64_t, std::int64_t>> positions;
    std::uint64_t owner;
    bool may_act;
  };
  constexpr std::uint64_t actor = 5, target = 6, nobody = 9;
  const Row rows[] = {
      {{2}, {3}, {{2, 5}, {3, 4}}, nobody, true},
      {{2}, {3}, {{2, 4}, {3, 5}}, nobody, false},
      {{2}, {2}, {{2, 5}}, nobody, false},
      {{2}, {3}, {{2, 5}, {3, 5}}, nobody, true},
      {{3}, {2}, {{2, 5}, {3, 5}}, nobody, false},
      {{2}, {}, {{2, 1}}, nobody, true},
      {{}, {}, {}, nobody, false},
      {{}, {3}, {{3, 9}}, actor, true},
      {{2}, {}, {{2, 9}}, target, false},
  };
  int number = 0;
  for (const Row& row : rows) {
    CAPTURE(++number);
    std::vector<RoleFacts> roles = {{.id = guild_id}};
    for (const auto& [id, position] : row.positions) roles.push_back({.id = id, .position = position});
    const RoleOrder order{guild_id, row.owner, roles};
    CHECK(may_act_on(order, {actor, row.actor}, {target, row.target}) == row.may_act);
    CHECK_FALSE(may_act_on(order, {actor, row.actor}, {actor, row.actor}));
  }
}

TEST_CASE("roles are managed from strictly above, and @everyone is below all") {
  // The position of @everyone counts nothing.
  const std::vector<RoleFacts> roles = {
      {.id = guild_id, .position = 7}, {.id = 2, .position = 0}, {.id = 3, .position = 0}, {.id = 4, .position = 3}};
  const RoleOrder order{guild_id, owner_id, roles};
  const Snowflake two[] = {2}, four[] = {4}, strangers[] = {77, guild_id};
  CHECK(may_manage_role(order, {user_id, two}, roles[0]));
  CHECK_FALSE(may_manage_role(order, {user_id, two}, roles[1]));
  CHECK(may_manage_role(order, {user_id, two}, roles[2]));
  CHECK_FALSE(may_manage_role(order, {user_id, two}, roles[3]));
  CHECK(may_manage_role(order, {user_id, four}, roles[2]));
  CHECK_FALSE(may_manage_role(order, {user_id, four}, roles[3]));
  CHECK(may_manage_role(order, {owner_id, {}}, roles[3]));
  CHECK_FALSE(may_manage_role(order, {user_id, {}}, roles[0]));
  CHECK_FALSE(may_manage_role(order, {user_id, strangers}, roles[0]));

  CHECK(ranks_above(guild_id, roles[1], roles[0]));
  CHECK_FALSE(ranks_above(guild_id, roles[0], roles[1]));
  CHECK_FALSE(ranks_above(guild_id, roles[0], roles[0]));
  CHECK_FALSE(ranks_above(guild_id, roles[3], roles[3]));
}

TEST_CASE("the colour and the place in the list of members come from the highest role that has one") {
  const std::vector<RoleFacts> roles = {{.id = guild_id, .position = 0, .color = 1, .hoist = true},
                                        {.id = 2, .position = 1, .color = 0x112233},
                                        {.id = 3, .position = 2, .hoist = true},
                                        {.id = 4, .position = 3},
                                        {.id = 5, .position = 1, .color = 0x445566},
                                        {.id = 6, .position = 9, .color = 0x778899, .hoist = true}};
  const Snowflake member[] = {5, 4, 3, 2, 99, guild_id};
  CHECK(highest_role(guild_id, roles, member) == &roles[3]);
  CHECK(color_role(guild_id, roles, member) == &roles[1]);
  CHECK(hoist_role(guild_id, roles, member) == &roles[2]);
  const Snowflake plain[] = {4};
  CHECK(color_role(guild_id, roles, plain) == nullptr);
  CHECK(hoist_role(guild_id, roles, plain) == nullptr);
  CHECK(highest_role(guild_id, roles, {}) == nullptr);
}

// ---------------------------------------------------------------------------------------------------- From the models

namespace {

template <typename T>
T view_of(std::string json) {
  return T(JsonView(std::move(json)));
}

Role role_of(std::string_view id, std::string_view permissions) {
  return view_of<Role>(R"({"id":")" + std::string(id) + R"(","position":1,"permissions":")" + std::string(permissions) +
                       R"("})");
}

}  // namespace

TEST_CASE("permissions are computed from models as from facts") {
  const auto guild = view_of<Guild>(R"({"id":"1","owner_id":"9"})");
  const auto member = view_of<Member>(R"({"user":{"id":"5"},"roles":["2"],
                                        "communication_disabled_until":"2024-01-01T00:00:00.000001+00:00"})");
  const std::vector<Role> roles = {role_of("1", "3072"), role_of("2", "64"), role_of("3", "8")};
  const auto channel = view_of<Channel>(R"({"id":"20","guild_id":"1","type":0,"permission_overwrites":[
      {"id":"2","type":0,"allow":"65536","deny":"2048"},{"id":"5","type":7,"allow":"0","deny":"1024"}]})");
  const auto thread = view_of<Thread>(R"({"id":"30","guild_id":"1","type":12,"parent_id":"20"})");
  const Timestamp later = Timestamp(std::chrono::seconds(1'704'067'200)) + std::chrono::microseconds(1);
  const Timestamp earlier = later - std::chrono::microseconds(1);

  const auto whole = permissions_of(guild, member, roles, later);
  REQUIRE(whole);
  CHECK(whole->effective == bits("VIEW SEND REACT"));
  CHECK_FALSE(whole->raw);
  const auto timed_out = permissions_of(guild, member, roles, earlier, Reasons::all);
  REQUIRE(timed_out);
  CHECK(timed_out->effective == bits("VIEW"));
  CHECK(timed_out->reasons.back().by == By::timeout);

  const auto in_channel = permissions_of(guild, member, roles, channel, later);
  REQUIRE(in_channel);
  CHECK(in_channel->raw == bits("VIEW REACT HIST"));
  CHECK(permissions_of(guild, member, roles, thread, channel, true, later)->effective == bits("VIEW REACT HIST"));
  CHECK(permissions_of(guild, member, roles, thread, channel, false, later)->effective == Permissions());
}

TEST_CASE("what a model lacks is named and not guessed") {
  const auto guild = view_of<Guild>(R"({"id":"1","owner_id":"9"})");
  const auto member = view_of<Member>(R"({"user":{"id":"5"},"roles":[]})");
  const std::vector<Role> roles = {role_of("1", "3072")};
  const auto channel = view_of<Channel>(R"({"id":"20","guild_id":"1","type":0,"permission_overwrites":[]})");
  const auto error = [](auto result) {
    REQUIRE_FALSE(result);
    return describe(result.error());
  };
  const auto of = [&](const Guild& in, const Member& who) { return error(permissions_of(in, who, roles, now)); };
  const auto in = [&](const Channel& place) { return error(permissions_of(guild, member, roles, place, now)); };
  CHECK(of(view_of<Guild>(R"({"id":"1"})"), member) == "invalid_data_found: `owner_id` of Guild is missing");
  CHECK(of(guild, view_of<Member>(R"({"user":{"id":"5"}})")) == "invalid_data_found: `roles` of Member is missing");
  CHECK(of(guild, view_of<Member>(R"({"roles":[]})")) == "invalid_data_found: `id` of User is missing");
  CHECK(of(guild, view_of<Member>(R"({"user":{"id":"5"},"roles":[],"communication_disabled_until":"soon"})"))
            .starts_with("invalid_data_found: `communication_disabled_until` of Member is not"));
  CHECK(in(view_of<Channel>(R"({"id":"20","guild_id":"1","type":0})")) ==
        "invalid_data_found: `permission_overwrites` of Channel is missing");
  CHECK(in(view_of<Channel>(R"({"id":"20","guild_id":"1","permission_overwrites":[]})")) ==
        "invalid_data_found: `type` of Channel is missing");
  CHECK(in(view_of<Channel>(R"({"id":"20","guild_id":"2","type":0,"permission_overwrites":[]})")) ==
        "invalid_argument: the channel is of another guild");
  CHECK(error(permissions_of(guild, member, roles, view_of<Thread>(R"({"id":"30","type":11,"parent_id":"21"})"),
                             channel, true, now)) == "invalid_argument: the thread is of another channel");
  CHECK(error(facts_of(view_of<Role>(R"({"id":"2","permissions":"8"})"))) ==
        "invalid_data_found: `position` of Role is missing");
  CHECK(error(facts_of(view_of<Role>(R"({"id":"2","permissions":null,"position":1})"))) ==
        "invalid_data_found: `permissions` of Role is null");

  const auto old = facts_of(view_of<Role>(R"({"id":"2","permissions":"8","position":3,"color":255,"hoist":true})"));
  REQUIRE(old);
  CHECK(old->position == 3);
  CHECK(old->color == 255);
  CHECK(old->hoist);
  CHECK(facts_of(view_of<Role>(R"({"id":"2","permissions":"8","position":3,"color":255,
                                 "colors":{"primary_color":7}})"))
            ->color == 7);
}

// --------------------------------------------------------------------------------------------------- A second opinion

namespace {

/// A guild that was made up, and the question about it.
struct Made {
  std::vector<RoleFacts> roles;
  std::vector<Snowflake> member_roles;
  std::vector<OverwriteFacts> overwrites;
  PermissionQuestion question;
};

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {}

  Made make() {
    Made made;
    const std::uint64_t roles = 1 + below(5);
    for (std::uint64_t id = guild_id; id < guild_id + roles; ++id)
      if (id != guild_id || below(20) != 0)
        made.roles.push_back({.id = id,
                              .permissions = some(id == guild_id ? 2 : 3),
                              .position = static_cast<std::int64_t>(below(4)),
                              .color = static_cast<std::uint32_t>(below(2)),
                              .hoist = below(2) == 0});
    std::ranges::shuffle(made.roles, random_);
    for (std::uint64_t id = role_a; id < guild_id + 7; ++id)
      if (below(3) == 0) made.member_roles.push_back(id);
    std::ranges::shuffle(made.member_roles, random_);
    for (std::uint64_t left = below(7); left > 0; --left)
      made.overwrites.push_back({.id = below(3) == 0 ? user_id : guild_id + below(7),
                                 .type = below(3) == 0 ? Of::member : Of::role,
                                 .allow = some(2),
                                 .deny = some(2)});
    PermissionQuestion& question = made.question;
    question = {.guild_id = guild_id, .owner_id = below(30) == 0 ? user_id : owner_id, .user_id = user_id};
    question.now = now;
    if (below(3) == 0) question.timed_out_until = now + milliseconds(below(3)) - milliseconds(1);
    if (below(6) != 0) {
      constexpr int types[] = {0, 2, 4, 5, 10, 11, 12, 12, 13, 15, 16};
      question.channel = {.type = static_cast<ChannelType>(types[below(std::size(types))]),
                          .is_thread_member = below(2) == 0};
    }
    return made;
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  /// Sparse enough that ADMINISTRATOR is rare, with bits that have no name, and rich in those that others hang on.
  Permissions some(unsigned times) {
    std::uint64_t value = random_();
    for (unsigned i = 1; i < times; ++i) value &= random_();
    if (below(2) == 0) value |= Permissions(Permission::view_channel).value();
    if (below(8) != 0) value &= ~Permissions(Permission::administrator).value();
    return Permissions(value);
  }

  std::mt19937_64 random_;
};

unsigned bit_of(std::string_view permission) {
  return static_cast<unsigned>(std::countr_zero(Permissions(*permission_from_name(permission)).value()));
}

/// The rules told another way: bit by bit, each from its last word backwards.
class SecondOpinion {
 public:
  explicit SecondOpinion(const Made& made) : made_(made), question_(made.question) {
    all_ = question_.owner_id == user_id || from_roles(administrator_bit);
    for (unsigned bit = 0; bit < 64; ++bit) {
      base_[bit] = all_ ? has_name(bit) : from_roles(bit);
      raw_[bit] = all_ ? has_name(bit) : question_.channel ? after_overwrites(bit) : base_[bit];
      left_[bit] = raw_[bit] && (all_ || !is_timed_out() || bit == view || bit == history);
    }
  }

  bool is_all() const { return all_; }
  bool base(unsigned bit) const { return base_[bit]; }
  bool raw(unsigned bit) const { return raw_[bit]; }

  bool effective(unsigned bit) const {
    if (all_ || !question_.channel) return left_[bit];
    static const std::vector<unsigned> sending =
        bits_of({"MENTION_EVERYONE", "SEND_TTS_MESSAGES", "ATTACH_FILES", "EMBED_LINKS"});
    static const std::vector<unsigned> voice =
        bits_of({"MANAGE_CHANNELS", "MANAGE_ROLES", "PRIORITY_SPEAKER", "STREAM", "SPEAK", "MUTE_MEMBERS",
                 "DEAFEN_MEMBERS", "MOVE_MEMBERS", "USE_VAD", "REQUEST_TO_SPEAK", "USE_SOUNDBOARD",
                 "USE_EXTERNAL_SOUNDS", "USE_EMBEDDED_ACTIVITIES", "SET_VOICE_CHANNEL_STATUS"});
    const auto type = static_cast<int>(question_.channel->type);
    const bool in_thread = type == 10 || type == 11 || type == 12;
    const bool outside = type == 12 && !question_.channel->is_thread_member && !left_[manage_threads];
    if (outside || !left_[view]) return false;
    if (in_thread && bit == send) return false;
    if (!left_[in_thread ? send_in_threads : send] && is_in(sending, bit)) return false;
    if ((type == 2 || type == 13) && !left_[connect] && is_in(voice, bit)) return false;
    return left_[bit];
  }

 private:
  static constexpr unsigned administrator_bit = 3;
  static inline const unsigned view = bit_of("VIEW_CHANNEL");
  static inline const unsigned history = bit_of("READ_MESSAGE_HISTORY");
  static inline const unsigned send = bit_of("SEND_MESSAGES");
  static inline const unsigned send_in_threads = bit_of("SEND_MESSAGES_IN_THREADS");
  static inline const unsigned manage_threads = bit_of("MANAGE_THREADS");
  static inline const unsigned connect = bit_of("CONNECT");

  static bool is_set(Permissions permissions, unsigned bit) { return (permissions.value() >> bit & 1) != 0; }
  static bool has_name(unsigned bit) { return bit != 47 && bit <= 52; }
  static bool is_in(const std::vector<unsigned>& bits, unsigned bit) {
    return std::ranges::find(bits, bit) != bits.end();
  }
  static std::vector<unsigned> bits_of(std::initializer_list<std::string_view> names) {
    std::vector<unsigned> bits;
    for (std::string_view name : names) bits.push_back(bit_of(name));
    return bits;
  }

  bool is_timed_out() const { return question_.timed_out_until && question_.now < *question_.timed_out_until; }

  bool from_roles(unsigned bit) const {
    return std::ranges::any_of(made_.roles, [&](const RoleFacts& role) {
      return is_set(role.permissions, bit) &&
             (role.id == guild_id || std::ranges::find(made_.member_roles, role.id) != made_.member_roles.end());
    });
  }

  /// The last overwrite that says anything about the bit has the last word, and one that allows and denies allows.
  std::optional<bool> said(unsigned bit, std::uint64_t id, Of of) const {
    for (auto each = made_.overwrites.rbegin(); each != made_.overwrites.rend(); ++each) {
      if (each->id != id || each->type != of) continue;
      if (bit != administrator_bit && is_set(each->allow, bit)) return true;
      if (is_set(each->deny, bit)) return false;
    }
    return std::nullopt;
  }

  bool after_overwrites(unsigned bit) const {
    if (const auto word = said(bit, user_id, Of::member)) return *word;
    bool is_allowed = false, is_denied = false;
    for (const OverwriteFacts& overwrite : made_.overwrites) {
      if (overwrite.type != Of::role || overwrite.id == guild_id) continue;
      if (std::ranges::find(made_.member_roles, overwrite.id) == made_.member_roles.end()) continue;
      is_allowed = is_allowed || (bit != administrator_bit && is_set(overwrite.allow, bit));
      is_denied = is_denied || is_set(overwrite.deny, bit);
    }
    if (is_allowed || is_denied) return is_allowed;
    if (const auto word = said(bit, guild_id, Of::role)) return *word;
    return base_[bit];
  }

  const Made& made_;
  const PermissionQuestion& question_;
  bool all_ = false;
  std::array<bool, 64> base_{};
  std::array<bool, 64> raw_{};
  std::array<bool, 64> left_{};
};

template <typename Test>
Permissions where(Test test) {
  std::uint64_t value = 0;
  for (unsigned bit = 0; bit < 64; ++bit)
    if (test(bit)) value |= std::uint64_t{1} << bit;
  return Permissions(value);
}

}  // namespace

TEST_CASE("a hundred thousand random guilds agree with a second opinion") {
  Maker maker(20'240'101);
  std::array<std::uint64_t, 4> seen{};  // Unrestricted, with something, with nothing, timed out.
  for (int i = 0; i < 100'000; ++i) {
    Made made = maker.make();
    PermissionQuestion& question = made.question;
    question.roles = made.roles;
    question.member_roles = made.member_roles;
    if (question.channel) question.channel->overwrites = made.overwrites;
    const PermissionReport report = permissions_of(question, i % 2 == 0 ? Reasons::all : Reasons::none);
    const SecondOpinion opinion(made);

    const bool agrees = report.is_unrestricted == opinion.is_all() &&
                        report.base == where([&](unsigned bit) { return opinion.base(bit); }) &&
                        report.raw.has_value() == question.channel.has_value() &&
                        report.raw.value_or(report.base) == where([&](unsigned bit) { return opinion.raw(bit); }) &&
                        report.effective == where([&](unsigned bit) { return opinion.effective(bit); });
    CAPTURE(i);
    REQUIRE(agrees);
    if (i % 2 == 0) {
      Permissions sum = sum_of(report.reasons);
      if (report.is_unrestricted) sum &= Permissions::all();
      REQUIRE(sum == report.effective);
    }
    ++seen[report.is_unrestricted ? 0 : report.effective.empty() ? 2 : 1];
    if (question.timed_out_until && *question.timed_out_until > question.now) ++seen[3];
  }
  for (std::uint64_t number : seen) CHECK(number > 2'000);
}

TEST_CASE("the highest role is the first one of the sorted list") {
  Maker maker(7);
  for (int i = 0; i < 10'000; ++i) {
    const Made made = maker.make();
    std::vector<RoleFacts> own;
    for (const RoleFacts& role : made.roles)
      if (role.id != guild_id && std::ranges::count(made.member_roles, role.id) != 0) own.push_back(role);
    std::ranges::sort(own, [](const RoleFacts& a, const RoleFacts& b) {
      return std::pair(-a.position, a.id) < std::pair(-b.position, b.id);
    });
    const auto first = [&](auto predicate) {
      const auto found = std::ranges::find_if(own, predicate);
      return found == own.end() ? Snowflake() : found->id;
    };
    const auto id_of = [](const RoleFacts* role) { return role == nullptr ? Snowflake() : role->id; };
    CAPTURE(i);
    REQUIRE(id_of(highest_role(guild_id, made.roles, made.member_roles)) == first([](const auto&) { return true; }));
    REQUIRE(id_of(color_role(guild_id, made.roles, made.member_roles)) ==
            first([](const auto& role) { return role.color != 0; }));
    REQUIRE(id_of(hoist_role(guild_id, made.roles, made.member_roles)) ==
            first([](const auto& role) { return role.hoist; }));
  }
}
