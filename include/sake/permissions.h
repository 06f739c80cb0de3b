#pragma once

// Permissions: Discord's permission bits as a set, what a member may do in a guild or a channel with the reasons for
// it, and the order of roles. Nothing here asks Redis; Cache::permissions_in() does, and computes with this.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sake/enums.h"
#include "sake/export.h"
#include "sake/result.h"
#include "sake/snowflake.h"

namespace sake {

class Channel;
class Guild;
class Member;
class Role;
class Thread;

/// The values are Discord's. A set may hold bits that are not in this list.
enum class Permission : std::uint64_t {
  create_instant_invite = std::uint64_t{1} << 0,
  kick_members = std::uint64_t{1} << 1,
  ban_members = std::uint64_t{1} << 2,
  administrator = std::uint64_t{1} << 3,
  manage_channels = std::uint64_t{1} << 4,
  manage_guild = std::uint64_t{1} << 5,
  add_reactions = std::uint64_t{1} << 6,
  view_audit_log = std::uint64_t{1} << 7,
  priority_speaker = std::uint64_t{1} << 8,
  stream = std::uint64_t{1} << 9,
  view_channel = std::uint64_t{1} << 10,
  send_messages = std::uint64_t{1} << 11,
  send_tts_messages = std::uint64_t{1} << 12,
  manage_messages = std::uint64_t{1} << 13,
  embed_links = std::uint64_t{1} << 14,
  attach_files = std::uint64_t{1} << 15,
  read_message_history = std::uint64_t{1} << 16,
  mention_everyone = std::uint64_t{1} << 17,
  use_external_emojis = std::uint64_t{1} << 18,
  view_guild_insights = std::uint64_t{1} << 19,
  connect = std::uint64_t{1} << 20,
  speak = std::uint64_t{1} << 21,
  mute_members = std::uint64_t{1} << 22,
  deafen_members = std::uint64_t{1} << 23,
  move_members = std::uint64_t{1} << 24,
  use_vad = std::uint64_t{1} << 25,
  change_nickname = std::uint64_t{1} << 26,
  manage_nicknames = std::uint64_t{1} << 27,
  manage_roles = std::uint64_t{1} << 28,
  manage_webhooks = std::uint64_t{1} << 29,
  manage_guild_expressions = std::uint64_t{1} << 30,
  use_application_commands = std::uint64_t{1} << 31,
  request_to_speak = std::uint64_t{1} << 32,
  manage_events = std::uint64_t{1} << 33,
  manage_threads = std::uint64_t{1} << 34,
  create_public_threads = std::uint64_t{1} << 35,
  create_private_threads = std::uint64_t{1} << 36,
  use_external_stickers = std::uint64_t{1} << 37,
  send_messages_in_threads = std::uint64_t{1} << 38,
  use_embedded_activities = std::uint64_t{1} << 39,
  moderate_members = std::uint64_t{1} << 40,
  view_creator_monetization_analytics = std::uint64_t{1} << 41,
  use_soundboard = std::uint64_t{1} << 42,
  create_guild_expressions = std::uint64_t{1} << 43,
  create_events = std::uint64_t{1} << 44,
  use_external_sounds = std::uint64_t{1} << 45,
  send_voice_messages = std::uint64_t{1} << 46,
  set_voice_channel_status = std::uint64_t{1} << 48,
  send_polls = std::uint64_t{1} << 49,
  use_external_apps = std::uint64_t{1} << 50,
  pin_messages = std::uint64_t{1} << 51,
  bypass_slowmode = std::uint64_t{1} << 52,
};

/// A set of permissions: 64 bits, those without a name among them.
///
///   sake::Permissions speaking = sake::Permission::connect | sake::Permission::speak;
///   if (role_permissions.has(speaking)) ...
class Permissions {
 public:
  constexpr Permissions() noexcept = default;
  /// This one alone.
  constexpr Permissions(Permission permission) noexcept : value_(static_cast<std::uint64_t>(permission)) {}
  /// These.
  constexpr Permissions(std::initializer_list<Permission> permissions) noexcept {
    for (Permission permission : permissions) value_ |= static_cast<std::uint64_t>(permission);
  }
  /// Discord's number, as it stands in the JSON once the quotes are gone.
  constexpr explicit Permissions(std::uint64_t value) noexcept : value_(value) {}

  /// The decimal digits of Discord's JSON. Empty for anything else, and for a number of more than 64 bits.
  SAKE_EXPORT static std::optional<Permissions> parse(std::string_view digits) noexcept;

  /// Every permission that has a name.
  static constexpr Permissions all() noexcept { return Permissions(std::uint64_t{0x1F7FFFFFFFFFFF}); }

  /// What means something in channels of a kind, and so in their overwrites. Text: text, announcement, forum and media
  /// channels, and threads.
  static constexpr Permissions in_text() noexcept { return Permissions(std::uint64_t{0x1E40FCB007FC51}); }
  /// See in_text().
  static constexpr Permissions in_voice() noexcept { return Permissions(std::uint64_t{0x1774A2B3F7FF51}); }
  /// See in_text().
  static constexpr Permissions in_stage() noexcept { return Permissions(std::uint64_t{0x165023B157FE51}); }

  /// In a guild whose `mfa_level` is 1, who uses these needs two-factor authentication (of an application: its owner).
  static constexpr Permissions needs_two_factor() noexcept { return Permissions(std::uint64_t{0x2047000203E}); }

  /// Discord's number.
  constexpr std::uint64_t value() const noexcept { return value_; }
  /// Whether no bit is set.
  constexpr bool empty() const noexcept { return value_ == 0; }

  /// Whether all of these are in the set. ADMINISTRATOR is a bit like the others here; see PermissionReport::allows().
  constexpr bool has(Permissions all) const noexcept { return (value_ & all.value_) == all.value_; }
  /// Whether one of these is in the set at least.
  constexpr bool has_any(Permissions any) const noexcept { return (value_ & any.value_) != 0; }
  /// The set without these.
  constexpr Permissions without(Permissions taken) const noexcept { return Permissions(value_ & ~taken.value_); }

  constexpr Permissions& operator|=(Permissions other) noexcept {
    value_ |= other.value_;
    return *this;
  }
  constexpr Permissions& operator&=(Permissions other) noexcept {
    value_ &= other.value_;
    return *this;
  }
  friend constexpr bool operator==(Permissions, Permissions) noexcept = default;

 private:
  std::uint64_t value_ = 0;
};

constexpr Permissions operator|(Permissions a, Permissions b) noexcept { return a |= b; }
constexpr Permissions operator|(Permission a, Permission b) noexcept { return Permissions(a) | b; }
constexpr Permissions operator&(Permissions a, Permissions b) noexcept { return a &= b; }

/// Every permission that has a name, in the order of their bits.
SAKE_EXPORT std::span<const Permission> all_permissions() noexcept;

/// "VIEW_CHANNEL", ...: Discord's word. Empty for a value that is not in the list.
SAKE_EXPORT std::string_view name(Permission permission) noexcept;
SAKE_EXPORT std::optional<Permission> permission_from_name(std::string_view name) noexcept;

/// "VIEW_CHANNEL SEND_MESSAGES": in the order of the bits, those without a name behind them as a hexadecimal number;
/// "none" of an empty set.
SAKE_EXPORT std::string describe(Permissions permissions);

// ---------------------------------------------------------------------------------------------- What a member may do

/// What the rules need of an overwrite.
struct OverwriteFacts {
  Snowflake id = {};                         ///< Of the role or the user; for @everyone the guild's.
  OverwriteType type = OverwriteType::role;  ///< Whose the id is; of neither a role nor a member: it counts nothing.
  Permissions allow = {};                    ///< What it gives.
  Permissions deny = {};                     ///< What it takes away.
};

/// What the rules need of a role. That of @everyone has its guild's id.
struct RoleFacts {
  Snowflake id = {};             ///< The guild's, of @everyone.
  Permissions permissions = {};  ///< What the role gives in the guild.
  std::int64_t position = 0;     ///< Higher ones rank above; where two are equal, the lower id does.
  std::uint32_t color = 0;       ///< `colors.primary_color`; 0: none.
  bool hoist = false;            ///< Whether its members are listed apart.
};

/// What the rules need of a channel. What is viewed must outlive the call.
struct ChannelFacts {
  ChannelType type = ChannelType::guild_text;  ///< Says which of the rules apply.
  /// The channel's own; of a thread (types 10 to 12) those of the channel it is in, its `parent_id`. A category's never
  /// count: a channel that follows its category has copies of them.
  std::span<const OverwriteFacts> overwrites = {};
  bool is_thread_member = false;  ///< Asked for in private threads (type 12) alone.
};

/// What the rules need of a member.
struct MemberFacts {
  Snowflake user_id = {};                         ///< Who it is.
  std::vector<Snowflake> roles = {};              ///< Without @everyone.
  std::optional<Timestamp> timed_out_until = {};  ///< `communication_disabled_until`; it may have passed.
};

/// The facts of what a host has. Errors: invalid_data_found, naming the field: what is missing is not guessed. The
/// colour of a role may be missing, and so may `hoist`.
SAKE_EXPORT Result<RoleFacts> facts_of(const Role& role);
SAKE_EXPORT Result<MemberFacts> facts_of(const Member& member);
SAKE_EXPORT Result<std::vector<OverwriteFacts>> overwrites_of(const Channel& channel);

/// Who asks for what. What is viewed must outlive the call.
struct PermissionQuestion {
  Snowflake guild_id = {};                        ///< Where.
  Snowflake owner_id = {};                        ///< Who may do everything there.
  Snowflake user_id = {};                         ///< Who asks.
  std::span<const RoleFacts> roles = {};          ///< @everyone and the member's at least.
  std::span<const Snowflake> member_roles = {};   ///< Roles that are not among `roles` count nothing.
  std::optional<Timestamp> timed_out_until = {};  ///< `communication_disabled_until`.
  Timestamp now = {};                             ///< Held against that.
  std::optional<ChannelFacts> channel = {};       ///< None: the guild as a whole.
};

/// One step of the way to a member's permissions.
struct PermissionReason {
  /// The rules by which bits come and go.
  enum class By : std::uint8_t {
    owner,               ///< Has everything.
    everyone,            ///< The role @everyone.
    role,                ///< Another role.
    administrator,       ///< ADMINISTRATOR, which is everything; `id` is the role that has it.
    everyone_overwrite,  ///< The overwrite for @everyone.
    role_overwrite,      ///< For another role.
    member_overwrite,    ///< For the member.
    timeout,             ///< Leaves VIEW_CHANNEL and READ_MESSAGE_HISTORY.
    hidden_channel,      ///< Without VIEW_CHANNEL there is nothing.
    not_in_thread,       ///< Nor in a private thread, for those who are not in it and lack MANAGE_THREADS.
    in_thread,           ///< SEND_MESSAGES means nothing there.
    cannot_send,         ///< What goes with sending goes with it.
    cannot_connect,      ///< What goes with CONNECT goes with it.
  };

  By by = By::role;        ///< The rule.
  Snowflake id = {};       ///< The role or the user whose overwrite it is; else 0.
  Permissions gave = {};   ///< All that it gives, also what was there already.
  Permissions taken = {};  ///< What was there and is gone.
};

/// "owner", "role_overwrite", ...: the enumerator's own name.
SAKE_EXPORT std::string_view name(PermissionReason::By by) noexcept;

/// "the role 5", "the overwrite for the user 7", "VIEW_CHANNEL is missing": what gave or took.
SAKE_EXPORT std::string describe(const PermissionReason& reason);

/// What a member may do, and why.
struct PermissionReport {
  Permissions base;                ///< From the roles: what holds in the guild where no channel says otherwise.
  std::optional<Permissions> raw;  ///< After the overwrites, as interactions carry it; none without a channel.
  Permissions effective;           ///< What the member can use: after a time out, and what one takes with it.
  bool is_unrestricted = false;    ///< The owner or ADMINISTRATOR: nothing takes anything away.

  /// In the order of the rules. Beginning with none, taking away `taken` and adding `gave` of each in turn ends in
  /// `effective` (with Permissions::all() where is_unrestricted). Empty unless asked for.
  std::vector<PermissionReason> reasons = {};

  /// Whether the member may do all of these. The owner and administrators may do also what has no name yet.
  bool allows(Permissions wanted) const noexcept { return is_unrestricted || effective.has(wanted); }
};

enum class Reasons : bool { none, all };

/// Discord's documented rules, with what one permission takes away with it. Allocates only for reasons. Bits of
/// ADMINISTRATOR in an overwrite are not looked at.
///
/// Other things that keep a member from acting are no permissions: `pending`, quarantine flags, locked threads, slow
/// mode, two-factor authentication.
SAKE_EXPORT PermissionReport permissions_of(const PermissionQuestion& question, Reasons reasons = Reasons::none);

/// The same of what a host has: in the guild as a whole, in a channel, and in a thread of the channel `parent`.
/// `roles`: @everyone and the member's at least; those that are not there count nothing.
/// Errors: invalid_data_found, naming the field; invalid_argument when the channel is of another guild, or the thread
/// of another channel.
SAKE_EXPORT Result<PermissionReport> permissions_of(const Guild& guild, const Member& member,
                                                    std::span<const Role> roles, Timestamp now,
                                                    Reasons reasons = Reasons::none);
SAKE_EXPORT Result<PermissionReport> permissions_of(const Guild& guild, const Member& member,
                                                    std::span<const Role> roles, const Channel& channel, Timestamp now,
                                                    Reasons reasons = Reasons::none);
SAKE_EXPORT Result<PermissionReport> permissions_of(const Guild& guild, const Member& member,
                                                    std::span<const Role> roles, const Thread& thread,
                                                    const Channel& parent, bool is_thread_member, Timestamp now,
                                                    Reasons reasons = Reasons::none);

// ---------------------------------------------------------------------------------------------------- The role order

/// Whether `a` is strictly above `b`: the higher position, of equal ones the lower id. @everyone is below every other.
SAKE_EXPORT bool ranks_above(Snowflake guild_id, const RoleFacts& a, const RoleFacts& b) noexcept;

/// The one of the member's roles that is above the others; null when it has none but @everyone. Ids that are not among
/// `roles` count nothing. The same holds for the others here.
SAKE_EXPORT const RoleFacts* highest_role(Snowflake guild_id, std::span<const RoleFacts> roles,
                                          std::span<const Snowflake> member_roles) noexcept;

/// The highest one that has a colour: that of the member's name. Null when none has.
SAKE_EXPORT const RoleFacts* color_role(Snowflake guild_id, std::span<const RoleFacts> roles,
                                        std::span<const Snowflake> member_roles) noexcept;

/// The highest one that is hoisted: under which the member is listed. Null when none is.
SAKE_EXPORT const RoleFacts* hoist_role(Snowflake guild_id, std::span<const RoleFacts> roles,
                                        std::span<const Snowflake> member_roles) noexcept;

/// A guild as the order of its members needs it. What is viewed must outlive the call.
struct RoleOrder {
  Snowflake guild_id = {};                ///< Which guild it is.
  Snowflake owner_id = {};                ///< Who stands above all roles.
  std::span<const RoleFacts> roles = {};  ///< All roles of the guild.
};

/// Somebody in that order. What is viewed must outlive the call.
struct RankedMember {
  Snowflake user_id = {};                 ///< Who it is.
  std::span<const Snowflake> roles = {};  ///< The member's roles, without @everyone.
};

/// Whether the order lets `actor` kick, ban, time out or rename `target`; which permission that needs is another
/// question. Nobody acts on the owner or on itself here.
SAKE_EXPORT bool may_act_on(const RoleOrder& order, const RankedMember& actor, const RankedMember& target) noexcept;

/// Whether the order lets `actor` grant, remove, edit, move or delete `role`. Permissions that `actor` lacks cannot be
/// granted through it either.
SAKE_EXPORT bool may_manage_role(const RoleOrder& order, const RankedMember& actor, const RoleFacts& role) noexcept;

}  // namespace sake
