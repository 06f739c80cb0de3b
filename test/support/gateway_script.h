#pragma once

// The making of a generated gateway log: sessions, a table of what can happen, and one function per happening. Such a
// function changes the world and writes the frames about it; it returns false, and has done nothing, where it cannot
// happen in the guild it is given. The functions are in gateway_log.cc (sessions), guild_events.cc, channel_events.cc
// and message_events.cc.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/gateway_log.h"
#include "support/payload_writer.h"
#include "support/payloads.h"
#include "support/world.h"

namespace sake::test {

class GatewayLog::Script {
 public:
  explicit Script(const LogOptions& options);

  bool next(std::string& frame);
  const std::map<std::string, std::uint64_t, std::less<>>& counts() const { return counts_; }

 private:
  struct Session {
    bool open = false;
    std::int64_t sequence = 0;
    std::string latest;  ///< The last dispatch, to be sent again.
    std::string latest_event;
    std::deque<std::uint32_t> to_come;  ///< Guilds announced by READY.
  };

  /// In which guild a happening takes place; `none`: it chooses for itself.
  enum class Place : std::uint8_t { available, outage, none };

  struct Row {
    bool (Script::*happen)(Guild& guild);
    int mixed;  ///< Weights. Zero: only in the first round of a mixed log, which has every row once.
    int steady;
    Place place = Place::available;
  };
  static std::span<const Row> table();
  static std::span<const Row> measured_table();  ///< Of Mix::measured; by `steady`.
  std::span<const Row> rows() const { return options_.mix == Mix::measured ? measured_table() : table(); }

  // gateway_log.cc: frames and sessions.
  template <class Body>
  void dispatch(std::string_view event, int shard, Body&& body) {
    out_.clear();
    out_.write_ids_as_numbers(quirk(150));
    const bool unknown_keys = quirk(50);
    out_.object([&] {
      body();
      if (unknown_keys) write_unknown_keys();
    });
    emit(event, shard, out_.view());
  }
  template <class Body>
  void dispatch(std::string_view event, const Guild& guild, Body&& body) {
    dispatch(event, shard_of(guild.id), std::forward<Body>(body));
  }
  void write_unknown_keys();
  void emit(std::string_view event, int shard, std::string_view data);
  void emit_control(int op, int shard, std::string_view data);
  void push(std::string_view name, std::string frame);
  void begin_frame(std::string& frame, int shard) const;

  void step();
  bool happen_somewhere(const Row& row);
  const Row& row_by_weight();
  Guild* some_guild(GuildState state);
  std::size_t some_guild_by_size();
  void announce_next_guild(int shard);
  void open_session(int shard);
  void write_ready(int shard);
  bool startup_over();

  int shard_of(Id guild) const { return static_cast<int>((guild >> 22) % static_cast<Id>(options_.shards)); }
  bool quirk(std::size_t one_in) { return options_.quirks && random_.one_in(one_in); }
  bool is_live(const Guild& guild) const { return guild.state == GuildState::available; }
  std::size_t available_guilds() const;

  bool session_resumed(Guild& guild);
  bool session_lost(Guild& guild);
  bool own_user_changed(Guild& guild);
  bool rate_limited(Guild& guild);
  bool unknown_event(Guild& guild);

  // guild_events.cc
  enum class Arrival { announced, joined };
  void guild_create(Guild& guild, Arrival arrival);
  void write_guild_lists(const Guild& guild);
  void drift(Guild& guild);
  bool guild_changed(Guild& guild);
  bool guild_lost(Guild& guild);
  bool guild_still_lost(Guild& guild);
  bool guild_back(Guild& guild);
  bool guild_left(Guild& guild);
  bool guild_joined(Guild& guild);
  bool audit_log_entry(Guild& guild);
  bool member_banned(Guild& guild);
  bool member_unbanned(Guild& guild);
  bool integrations_changed(Guild& guild);

  bool member_joined(Guild& guild);
  bool member_got_roles(Guild& guild);
  bool member_changed(Guild& guild);
  bool own_member_changed(Guild& guild);
  bool user_changed(Guild& guild);
  bool member_left(Guild& guild);
  bool members_listed(Guild& guild);
  bool members_asked_for(Guild& guild);
  void member_update(const Guild& guild, const Member& member, MemberShape shape);
  void member_remove(Guild& guild, UserIndex user);
  void late_events(const Guild& guild, const Member& gone);
  void members_chunk(const Guild& guild, std::size_t first, std::size_t count, int index, int chunks);

  bool role_created(Guild& guild);
  bool role_changed(Guild& guild);
  bool roles_reordered(Guild& guild);
  bool role_deleted(Guild& guild);
  void role_event(std::string_view event, const Guild& guild, const Role& role);

  bool emojis_changed(Guild& guild);
  bool stickers_changed(Guild& guild);
  bool sound_created(Guild& guild);
  bool sound_changed(Guild& guild);
  bool sound_deleted(Guild& guild);
  bool sounds_changed(Guild& guild);
  bool sounds_asked_for(Guild& guild);
  void change_list(std::vector<Thing>& things, std::size_t most);
  void sound_list(std::string_view event, const Guild& guild);

  // channel_events.cc
  bool channel_created(Guild& guild);
  bool channel_changed(Guild& guild);
  bool channel_deleted(Guild& guild);
  bool message_pinned(Guild& guild);
  bool channel_info(Guild& guild);
  bool voice_status(Guild& guild);
  bool voice_start_time(Guild& guild);
  void channel_event(std::string_view event, const Guild& guild, const Channel& channel);
  void forget_channel(Guild& guild, Id channel);

  bool thread_created(Guild& guild);
  bool thread_shown_again(Guild& guild);
  bool thread_changed(Guild& guild);
  bool thread_archived(Guild& guild);
  bool thread_deleted(Guild& guild);
  bool thread_list(Guild& guild);
  bool thread_list_of_nothing(Guild& guild);
  bool thread_member(Guild& guild);
  bool thread_members(Guild& guild);
  Thread* some_thread(Guild& guild, bool archived);

  bool presence_changed(Guild& guild);
  bool presence_odd(Guild& guild);
  void presence_event(const Guild& guild, const Member& member);
  bool voice_joined(Guild& guild);
  bool voice_moved(Guild& guild);
  bool voice_left(Guild& guild);
  bool voice_changed(Guild& guild);
  bool voice_server(Guild& guild);
  bool voice_effect(Guild& guild);
  bool voice_call(Guild& guild);
  void voice_event(const Guild& guild, const Member& member);

  bool stage_opened(Guild& guild);
  bool stage_changed(Guild& guild);
  bool stage_closed(Guild& guild);
  bool event_planned(Guild& guild);
  bool event_changed(Guild& guild);
  bool event_deleted(Guild& guild);
  bool event_user_added(Guild& guild);
  bool event_user_removed(Guild& guild);
  bool invite_created(Guild& guild);
  bool invite_deleted(Guild& guild);
  bool integration_created(Guild& guild);
  bool integration_changed(Guild& guild);
  bool integration_deleted(Guild& guild);
  bool webhooks_changed(Guild& guild);
  bool rule_created(Guild& guild);
  bool rule_changed(Guild& guild);
  bool rule_deleted(Guild& guild);
  bool rule_executed(Guild& guild);

  // message_events.cc
  bool message_sent(Guild& guild);
  bool message_sent_in_thread(Guild& guild);
  bool poll_sent(Guild& guild);
  bool direct_message(Guild& guild);
  bool ephemeral_message(Guild& guild);
  bool message_edited(Guild& guild);
  bool message_unfurled(Guild& guild);
  bool unknown_message_edited(Guild& guild);
  bool unknown_message_reacted_to(Guild& guild);
  bool deleted_message_edited(Guild& guild);
  bool poll_ended(Guild& guild);
  bool direct_message_edited(Guild& guild);
  bool message_deleted(Guild& guild);
  bool messages_deleted(Guild& guild);
  bool direct_message_deleted(Guild& guild);
  bool reaction_added(Guild& guild);
  bool reaction_removed(Guild& guild);
  bool reactions_cleared(Guild& guild);
  bool reactions_of_emoji_cleared(Guild& guild);
  bool vote_added(Guild& guild);
  bool vote_removed(Guild& guild);
  bool typing(Guild& guild);
  void typing_event(const Guild& guild, const Member& member);
  bool direct_typing(Guild& guild);
  Message& new_message(Guild& guild, Id channel, MessageKind kind);
  void message_event(std::string_view event, const Guild& guild, const Message& message);
  Message* some_message(Guild& guild);
  Message* some_poll(Guild& guild);
  void reaction_event(std::string_view event, const Guild& guild, const Message& message, const Reaction& reaction);
  void vote_event(std::string_view event, const Guild& guild, const Message& message, const Vote& vote);
  const Message* original_of(const Guild& guild, const Message& message) const;

  bool command_used(Guild& guild);
  bool button_pressed(Guild& guild);
  bool foreign_command_used(Guild& guild);
  bool direct_command_used(Guild& guild);
  void interaction_fields(int type);
  void resolved_data(const Guild& guild);
  bool command_permissions(Guild& guild);
  bool entitlement_created(Guild& guild);
  bool entitlement_changed(Guild& guild);
  bool entitlement_deleted(Guild& guild);
  bool subscription_created(Guild& guild);
  bool subscription_changed(Guild& guild);
  bool subscription_deleted(Guild& guild);
  void entitlement_event(std::string_view event, const Thing& entitlement);
  void subscription_event(std::string_view event, const Thing& subscription);

  LogOptions options_;
  World world_;
  Random& random_ = world_.random;
  PayloadWriter out_;
  Payloads payloads_;
  std::vector<Session> sessions_;
  std::vector<Thing> entitlements_, subscriptions_;
  std::deque<std::string> ready_;  ///< Frames made and not yet taken.
  std::map<std::string, std::uint64_t, std::less<>> counts_;
  std::uint64_t frames_ = 0;
  std::uint64_t total_weight_ = 0;
  std::vector<std::size_t> members_up_to_;  ///< Of each guild at the start, with all before it. By Zipf's law only.
  std::size_t first_round_ = 0;             ///< The next row of the first round.
  int first_round_delay_ = 0;               ///< Other happenings since it was to happen.
  bool members_told_ = false;               ///< Of large guilds, before anything else happens. Mix::measured only.
  bool over_ = false;
};

}  // namespace sake::test
