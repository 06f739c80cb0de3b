// The rules of permissions, over plain facts.

#include "sake/permissions.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

#include "base/snowflake.h"

namespace sake {
namespace {

enum Kinds : std::uint8_t { guild = 0, text = 1, voice = 2, stage = 4, spoken = voice | stage, any = text | spoken };

struct Row {
  Permission permission;
  std::string_view name;
  std::uint8_t kinds;  ///< Of channels in which it means something.
  bool needs_two_factor;
};

using enum Permission;

constexpr Row rows[] = {
    {create_instant_invite, "CREATE_INSTANT_INVITE", any, false},
    {kick_members, "KICK_MEMBERS", guild, true},
    {ban_members, "BAN_MEMBERS", guild, true},
    {administrator, "ADMINISTRATOR", guild, true},
    {manage_channels, "MANAGE_CHANNELS", any, true},
    {manage_guild, "MANAGE_GUILD", guild, true},
    {add_reactions, "ADD_REACTIONS", any, false},
    {view_audit_log, "VIEW_AUDIT_LOG", guild, false},
    {priority_speaker, "PRIORITY_SPEAKER", voice, false},
    {stream, "STREAM", spoken, false},
    {view_channel, "VIEW_CHANNEL", any, false},
    {send_messages, "SEND_MESSAGES", any, false},
    {send_tts_messages, "SEND_TTS_MESSAGES", any, false},
    {manage_messages, "MANAGE_MESSAGES", any, true},
    {embed_links, "EMBED_LINKS", any, false},
    {attach_files, "ATTACH_FILES", any, false},
    {read_message_history, "READ_MESSAGE_HISTORY", any, false},
    {mention_everyone, "MENTION_EVERYONE", any, false},
    {use_external_emojis, "USE_EXTERNAL_EMOJIS", any, false},
    {view_guild_insights, "VIEW_GUILD_INSIGHTS", guild, false},
    {connect, "CONNECT", spoken, false},
    {speak, "SPEAK", voice, false},
    {mute_members, "MUTE_MEMBERS", spoken, false},
    {deafen_members, "DEAFEN_MEMBERS", voice, false},
    {move_members, "MOVE_MEMBERS", spoken, false},
    {use_vad, "USE_VAD", voice, false},
    {change_nickname, "CHANGE_NICKNAME", guild, false},
    {manage_nicknames, "MANAGE_NICKNAMES", guild, false},
    {manage_roles, "MANAGE_ROLES", any, true},
    {manage_webhooks, "MANAGE_WEBHOOKS", any, true},
    {manage_guild_expressions, "MANAGE_GUILD_EXPRESSIONS", guild, true},
    {use_application_commands, "USE_APPLICATION_COMMANDS", any, false},
    {request_to_speak, "REQUEST_TO_SPEAK", stage, false},
    {manage_events, "MANAGE_EVENTS", spoken, false},
    {manage_threads, "MANAGE_THREADS", text, true},
    {create_public_threads, "CREATE_PUBLIC_THREADS", text, false},
    {create_private_threads, "CREATE_PRIVATE_THREADS", text, false},
    {use_external_stickers, "USE_EXTERNAL_STICKERS", any, false},
    {send_messages_in_threads, "SEND_MESSAGES_IN_THREADS", text, false},
    {use_embedded_activities, "USE_EMBEDDED_ACTIVITIES", text | voice, false},
    {moderate_members, "MODERATE_MEMBERS", guild, false},
    {view_creator_monetization_analytics, "VIEW_CREATOR_MONETIZATION_ANALYTICS", guild, true},
    {use_soundboard, "USE_SOUNDBOARD", voice, false},
    {create_guild_expressions, "CREATE_GUILD_EXPRESSIONS", guild, false},
    {create_events, "CREATE_EVENTS", spoken, false},
    {use_external_sounds, "USE_EXTERNAL_SOUNDS", voice, false},
    {send_voice_messages, "SEND_VOICE_MESSAGES", any, false},
    {set_voice_channel_status, "SET_VOICE_CHANNEL_STATUS", voice, false},
    {send_polls, "SEND_POLLS", any, false},
    {use_external_apps, "USE_EXTERNAL_APPS", any, false},
    {pin_messages, "PIN_MESSAGES", text, false},
    {bypass_slowmode, "BYPASS_SLOWMODE", any, false},
};

template <typename Predicate>
constexpr Permissions those(Predicate predicate) noexcept {
  Permissions found;
  for (const Row& row : rows)
    if (predicate(row)) found |= row.permission;
  return found;
}

// The header has the sets as numbers, so that they can be used in constant expressions.
static_assert(Permissions::all() == those([](const Row&) { return true; }));
static_assert(Permissions::in_text() == those([](const Row& row) { return (row.kinds & text) != 0; }));
static_assert(Permissions::in_voice() == those([](const Row& row) { return (row.kinds & voice) != 0; }));
static_assert(Permissions::in_stage() == those([](const Row& row) { return (row.kinds & stage) != 0; }));
static_assert(Permissions::needs_two_factor() == those([](const Row& row) { return row.needs_two_factor; }));

constexpr auto listed = [] {
  std::array<Permission, std::size(rows)> permissions{};
  for (std::size_t i = 0; i < permissions.size(); ++i) permissions[i] = rows[i].permission;
  return permissions;
}();

constexpr Permissions kept_in_timeout = view_channel | read_message_history;
constexpr Permissions go_with_sending = {mention_everyone, send_tts_messages, attach_files, embed_links};
/// Discord names MANAGE_CHANNELS as an example; the others are what nobody can use from outside of a voice channel.
constexpr Permissions go_with_connecting = {manage_channels,
                                            manage_roles,
                                            priority_speaker,
                                            stream,
                                            speak,
                                            mute_members,
                                            deafen_members,
                                            move_members,
                                            use_vad,
                                            request_to_speak,
                                            use_soundboard,
                                            use_external_sounds,
                                            use_embedded_activities,
                                            set_voice_channel_status};

constexpr bool is_thread(ChannelType type) noexcept {
  return type == ChannelType::announcement_thread || type == ChannelType::public_thread ||
         type == ChannelType::private_thread;
}

using By = PermissionReason::By;
using Of = OverwriteType;

std::string decimal(std::uint64_t number) { return std::string(base::Decimal(number).view()); }

bool contains(std::span<const Snowflake> ids, Snowflake id) noexcept { return std::ranges::find(ids, id) != ids.end(); }

/// Goes through the rules step by step, and writes down the steps when asked to.
class Computation {
 public:
  Computation(const PermissionQuestion& question, Reasons reasons) noexcept
      : question_(question), with_reasons_(reasons == Reasons::all) {}

  PermissionReport run() {
    if (!add_base()) {
      report_.is_unrestricted = true;
      if (question_.channel) report_.raw = permissions_;
    } else {
      report_.base = permissions_;
      if (question_.channel) {
        apply_overwrites(question_.channel->overwrites);
        report_.raw = permissions_;
      }
      const bool is_timed_out = question_.timed_out_until && *question_.timed_out_until > question_.now;
      if (is_timed_out) take(By::timeout, permissions_.without(kept_in_timeout));
      if (question_.channel) take_implied(*question_.channel);
    }
    report_.effective = permissions_;
    return std::move(report_);
  }

 private:
  void note(By by, Snowflake id, Permissions gave, Permissions taken) {
    if (with_reasons_ && !(gave.empty() && taken.empty())) report_.reasons.push_back({by, id, gave, taken});
  }
  void give(By by, Snowflake id, Permissions gave) {
    note(by, id, gave, {});
    permissions_ |= gave;
  }
  void take(By by, Permissions taken) {
    taken &= permissions_;
    note(by, 0, {}, taken);
    permissions_ = permissions_.without(taken);
  }

  bool is_members(Snowflake role) const noexcept {
    return role != question_.guild_id && contains(question_.member_roles, role);
  }

  /// False: nothing can be taken away any more.
  bool add_base() {
    if (question_.user_id == question_.owner_id) {
      give(By::owner, 0, Permissions::all());
      return end_with_all();
    }
    std::optional<Snowflake> administrator_role;
    for (const RoleFacts& role : question_.roles) {
      const bool is_everyone = role.id == question_.guild_id;
      if (!is_everyone && !is_members(role.id)) continue;
      give(is_everyone ? By::everyone : By::role, role.id, role.permissions);
      if (role.permissions.has(administrator) && !administrator_role) administrator_role = role.id;
    }
    if (!administrator_role) return true;
    give(By::administrator, *administrator_role, Permissions::all());
    return end_with_all();
  }

  /// What roles give beyond the bits that have a name says nothing when the answer is everything.
  bool end_with_all() {
    permissions_ = report_.base = Permissions::all();
    return false;
  }

  /// Of an overwrite that holds alone.
  void apply(By by, const OverwriteFacts& overwrite) {
    const Permissions allow = overwrite.allow.without(administrator);
    const Permissions taken = overwrite.deny.without(allow) & permissions_;
    note(by, overwrite.id, allow, taken);
    permissions_ = permissions_.without(taken) | allow;
  }

  void apply_overwrites(std::span<const OverwriteFacts> overwrites) {
    for (const OverwriteFacts& overwrite : overwrites)
      if (overwrite.type == Of::role && overwrite.id == question_.guild_id) apply(By::everyone_overwrite, overwrite);

    // Those of the roles hold together: what one allows, no other denies.
    Permissions allow, deny;
    for (const OverwriteFacts& overwrite : overwrites) {
      if (overwrite.type != Of::role || !is_members(overwrite.id)) continue;
      allow |= overwrite.allow.without(administrator);
      deny |= overwrite.deny;
    }
    const Permissions taken = deny.without(allow) & permissions_;
    for (const OverwriteFacts& overwrite : overwrites)
      if (overwrite.type == Of::role && is_members(overwrite.id))
        note(By::role_overwrite, overwrite.id, overwrite.allow.without(administrator), overwrite.deny & taken);
    permissions_ = permissions_.without(taken) | allow;

    for (const OverwriteFacts& overwrite : overwrites)
      if (overwrite.type == Of::member && overwrite.id == question_.user_id) apply(By::member_overwrite, overwrite);
  }

  /// What goes because something else is missing.
  void take_implied(const ChannelFacts& channel) {
    if (!permissions_.has(view_channel)) return take(By::hidden_channel, permissions_);
    if (channel.type == ChannelType::private_thread && !channel.is_thread_member && !permissions_.has(manage_threads))
      return take(By::not_in_thread, permissions_);
    const bool in_thread = is_thread(channel.type);
    if (in_thread) take(By::in_thread, send_messages);
    if (!permissions_.has(in_thread ? send_messages_in_threads : send_messages)) take(By::cannot_send, go_with_sending);
    const bool is_spoken = channel.type == ChannelType::guild_voice || channel.type == ChannelType::guild_stage_voice;
    if (is_spoken && !permissions_.has(connect)) take(By::cannot_connect, go_with_connecting);
  }

  const PermissionQuestion& question_;
  const bool with_reasons_;
  Permissions permissions_;
  PermissionReport report_;
};

/// The highest of the member's roles of which `predicate` holds.
template <typename Predicate>
const RoleFacts* highest_where(Snowflake guild_id, std::span<const RoleFacts> roles,
                               std::span<const Snowflake> member_roles, Predicate predicate) noexcept {
  const RoleFacts* best = nullptr;
  for (const RoleFacts& role : roles) {
    if (role.id == guild_id || !contains(member_roles, role.id) || !predicate(role)) continue;
    if (best == nullptr || ranks_above(guild_id, role, *best)) best = &role;
  }
  return best;
}

}  // namespace

std::optional<Permissions> Permissions::parse(std::string_view digits) noexcept {
  const auto value = base::parse_snowflake(digits);
  return value ? std::optional(Permissions(*value)) : std::nullopt;
}

std::span<const Permission> all_permissions() noexcept { return listed; }

std::string_view name(Permission permission) noexcept {
  const auto found = std::ranges::find(rows, permission, &Row::permission);
  return found == std::end(rows) ? std::string_view() : found->name;
}

std::optional<Permission> permission_from_name(std::string_view name) noexcept {
  const auto found = std::ranges::find(rows, name, &Row::name);
  return found == std::end(rows) ? std::nullopt : std::optional(found->permission);
}

std::string describe(Permissions permissions) {
  if (permissions.empty()) return "none";
  std::string text;
  for (const Row& row : rows) {
    if (!permissions.has(row.permission)) continue;
    if (!text.empty()) text += ' ';
    text += row.name;
  }
  const std::uint64_t unnamed = permissions.without(Permissions::all()).value();
  if (unnamed == 0) return text;
  if (!text.empty()) text += ' ';
  text += "0x";
  constexpr std::string_view digits = "0123456789abcdef";
  for (int shift = (std::bit_width(unnamed) - 1) / 4 * 4; shift >= 0; shift -= 4) text += digits[unnamed >> shift & 15];
  return text;
}

std::string_view name(By by) noexcept {
  switch (by) {
    case By::owner:
      return "owner";
    case By::everyone:
      return "everyone";
    case By::role:
      return "role";
    case By::administrator:
      return "administrator";
    case By::everyone_overwrite:
      return "everyone_overwrite";
    case By::role_overwrite:
      return "role_overwrite";
    case By::member_overwrite:
      return "member_overwrite";
    case By::timeout:
      return "timeout";
    case By::hidden_channel:
      return "hidden_channel";
    case By::not_in_thread:
      return "not_in_thread";
    case By::in_thread:
      return "in_thread";
    case By::cannot_send:
      return "cannot_send";
    case By::cannot_connect:
      return "cannot_connect";
  }
  return {};
}

std::string describe(const PermissionReason& reason) {
  switch (reason.by) {
    case By::owner:
      return "the guild's owner";
    case By::everyone:
      return "the role @everyone";
    case By::role:
      return "the role " + decimal(reason.id);
    case By::administrator:
      return "ADMINISTRATOR of the role " + decimal(reason.id);
    case By::everyone_overwrite:
      return "the overwrite for @everyone";
    case By::role_overwrite:
      return "the overwrite for the role " + decimal(reason.id);
    case By::member_overwrite:
      return "the overwrite for the user " + decimal(reason.id);
    case By::timeout:
      return "the timeout";
    case By::hidden_channel:
      return "VIEW_CHANNEL is missing";
    case By::not_in_thread:
      return "not in the private thread";
    case By::in_thread:
      return "threads have SEND_MESSAGES_IN_THREADS";
    case By::cannot_send:
      return "sending is not allowed";
    case By::cannot_connect:
      return "CONNECT is missing";
  }
  return {};
}

PermissionReport permissions_of(const PermissionQuestion& question, Reasons reasons) {
  return Computation(question, reasons).run();
}

bool ranks_above(Snowflake guild_id, const RoleFacts& a, const RoleFacts& b) noexcept {
  if (a.id == guild_id || b.id == guild_id) return a.id != guild_id && b.id == guild_id;
  return a.position != b.position ? a.position > b.position : a.id < b.id;
}

const RoleFacts* highest_role(Snowflake guild_id, std::span<const RoleFacts> roles,
                              std::span<const Snowflake> member_roles) noexcept {
  return highest_where(guild_id, roles, member_roles, [](const RoleFacts&) { return true; });
}

const RoleFacts* color_role(Snowflake guild_id, std::span<const RoleFacts> roles,
                            std::span<const Snowflake> member_roles) noexcept {
  return highest_where(guild_id, roles, member_roles, [](const RoleFacts& role) { return role.color != 0; });
}

const RoleFacts* hoist_role(Snowflake guild_id, std::span<const RoleFacts> roles,
                            std::span<const Snowflake> member_roles) noexcept {
  return highest_where(guild_id, roles, member_roles, [](const RoleFacts& role) { return role.hoist; });
}

bool may_act_on(const RoleOrder& order, const RankedMember& actor, const RankedMember& target) noexcept {
  if (target.user_id == order.owner_id || target.user_id == actor.user_id) return false;
  if (actor.user_id == order.owner_id) return true;
  const RoleFacts* const own = highest_role(order.guild_id, order.roles, actor.roles);
  const RoleFacts* const other = highest_role(order.guild_id, order.roles, target.roles);
  return own != nullptr && (other == nullptr || ranks_above(order.guild_id, *own, *other));
}

bool may_manage_role(const RoleOrder& order, const RankedMember& actor, const RoleFacts& role) noexcept {
  if (actor.user_id == order.owner_id) return true;
  const RoleFacts* const own = highest_role(order.guild_id, order.roles, actor.roles);
  return own != nullptr && ranks_above(order.guild_id, *own, role);
}

}  // namespace sake
