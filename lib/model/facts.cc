// What the rules of permissions need, read from the models.

#include <string>
#include <utility>

#include "sake/models.h"
#include "sake/permissions.h"

namespace sake {
namespace {

/// Why a field that is needed cannot be used: missing is as bad as wrong.
template <typename T>
Error unusable(const Field<T>& field) {
  if (field.is_invalid()) return field.error();
  return {.code = Errc::invalid_data_found,
          .text = "`" + std::string(field.info()->name) + "` of " + std::string(field.info()->model) +
                  (field.is_null() ? " is null" : " is missing")};
}

Error mismatch(std::string text) { return {.code = Errc::invalid_argument, .text = std::move(text)}; }

struct ChannelGiven {
  ChannelType type;
  const Channel& overwritten;
  bool is_thread_member;
};

Result<PermissionReport> compute(const Guild& guild, const Member& member, std::span<const Role> roles,
                                 const ChannelGiven* channel, Timestamp now, Reasons reasons) {
  const Field<Snowflake> id = guild.id();
  const Field<Snowflake> owner = guild.owner_id();
  if (!id) return unusable(id);
  if (!owner) return unusable(owner);
  const Result<MemberFacts> who = facts_of(member);
  if (!who) return who.error();
  std::vector<RoleFacts> known;
  known.reserve(roles.size());
  for (const Role& role : roles) {
    const Result<RoleFacts> facts = facts_of(role);
    if (!facts) return facts.error();
    known.push_back(*facts);
  }
  PermissionQuestion question{.guild_id = *id,
                              .owner_id = *owner,
                              .user_id = who->user_id,
                              .roles = known,
                              .member_roles = who->roles,
                              .timed_out_until = who->timed_out_until,
                              .now = now};
  if (channel == nullptr) return permissions_of(question, reasons);

  const Field<Snowflake> place = channel->overwritten.guild_id();
  if (!place) return unusable(place);
  if (*place != *id) return mismatch("the channel is of another guild");
  const Result<std::vector<OverwriteFacts>> overwrites = overwrites_of(channel->overwritten);
  if (!overwrites) return overwrites.error();
  question.channel = {.type = channel->type, .overwrites = *overwrites, .is_thread_member = channel->is_thread_member};
  return permissions_of(question, reasons);
}

}  // namespace

Result<RoleFacts> facts_of(const Role& role) {
  const Field<Snowflake> id = role.id();
  const Field<Permissions> permissions = role.permissions();
  const Field<std::int64_t> position = role.position();
  if (!id) return unusable(id);
  if (!permissions) return unusable(permissions);
  if (!position) return unusable(position);
  const std::int64_t color = role.colors().primary_color().value_or(role.color().value_or(0));
  return RoleFacts{.id = *id,
                   .permissions = *permissions,
                   .position = *position,
                   .color = static_cast<std::uint32_t>(color),
                   .hoist = role.hoist().value_or(false)};
}

Result<MemberFacts> facts_of(const Member& member) {
  const Field<Snowflake> user = member.user().id();
  const Field<std::vector<Snowflake>> roles = member.roles();
  const Field<Timestamp> until = member.communication_disabled_until();
  if (!user) return unusable(user);
  if (!roles) return unusable(roles);
  if (until.is_invalid()) return until.error();
  return MemberFacts{.user_id = *user, .roles = *roles, .timed_out_until = until.optional()};
}

Result<std::vector<OverwriteFacts>> overwrites_of(const Channel& channel) {
  const List<PermissionOverwrite> overwrites = channel.permission_overwrites();
  if (!overwrites.has_value())
    return Error{.code = Errc::invalid_data_found,
                 .text = std::string("`permission_overwrites` of Channel is ") +
                         (overwrites.is_missing() ? "missing" : "not an array of objects")};
  std::vector<OverwriteFacts> facts;
  for (const PermissionOverwrite& overwrite : overwrites) {
    const Field<Snowflake> id = overwrite.id();
    const Field<OverwriteType> type = overwrite.type();
    const Field<Permissions> allow = overwrite.allow();
    const Field<Permissions> deny = overwrite.deny();
    if (!id) return unusable(id);
    if (!type) return unusable(type);
    if (!allow) return unusable(allow);
    if (!deny) return unusable(deny);
    facts.push_back({.id = *id, .type = *type, .allow = *allow, .deny = *deny});
  }
  return facts;
}

Result<PermissionReport> permissions_of(const Guild& guild, const Member& member, std::span<const Role> roles,
                                        Timestamp now, Reasons reasons) {
  return compute(guild, member, roles, nullptr, now, reasons);
}

Result<PermissionReport> permissions_of(const Guild& guild, const Member& member, std::span<const Role> roles,
                                        const Channel& channel, Timestamp now, Reasons reasons) {
  const Field<ChannelType> type = channel.type();
  if (!type) return unusable(type);
  const ChannelGiven given{*type, channel, false};
  return compute(guild, member, roles, &given, now, reasons);
}

Result<PermissionReport> permissions_of(const Guild& guild, const Member& member, std::span<const Role> roles,
                                        const Thread& thread, const Channel& parent, bool is_thread_member,
                                        Timestamp now, Reasons reasons) {
  const Field<ChannelType> type = thread.type();
  if (!type) return unusable(type);
  const Field<Snowflake> place = thread.parent_id();
  const Field<Snowflake> id = parent.id();
  if (!place) return unusable(place);
  if (!id) return unusable(id);
  if (*place != *id) return mismatch("the thread is of another channel");
  const ChannelGiven given{*type, parent, is_thread_member};
  return compute(guild, member, roles, &given, now, reasons);
}

}  // namespace sake
