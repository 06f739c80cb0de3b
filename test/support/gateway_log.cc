#include "support/gateway_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <utility>

#include "support/gateway_script.h"

namespace sake::test {

namespace {

constexpr std::size_t step_ms_max = 60;

constexpr int first_round_delay_max = 200;

/// Discord's ops.
constexpr int op_reconnect = 7;
constexpr int op_invalid_session = 9;
constexpr int op_hello = 10;
constexpr int op_heartbeat_ack = 11;

/// The same JSON in ASCII, with \u escapes: some libraries write their logs that way.
std::string escape_non_ascii(const std::string& text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string result;
  const auto escape = [&result](std::uint32_t unit) {
    result += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) result += digits[unit >> shift & 15];
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) {
      result += text[at++];
      continue;
    }
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    std::uint32_t code = lead & (0xffu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3fu);
    at += length;
    if (code < 0x10000) {
      escape(code);
    } else {
      escape(0xd800 + ((code - 0x10000) >> 10));
      escape(0xdc00 + ((code - 0x10000) & 0x3ff));
    }
  }
  return result;
}

LogOptions checked(LogOptions options) {
  options.shards = std::max(options.shards, 1);
  options.guilds = std::max(options.guilds, 1);
  return options;
}

}  // namespace

// In the first round an entity is created before it is changed, and changed before it is deleted.
std::span<const GatewayLog::Script::Row> GatewayLog::Script::table() {
  using S = Script;
  static constexpr Row rows[] = {
      {&S::own_user_changed, 2, 0, Place::none},
      {&S::rate_limited, 2, 0, Place::none},
      {&S::unknown_event, 6, 0},

      {&S::guild_changed, 12, 1},
      {&S::guild_lost, 4, 0},
      {&S::guild_still_lost, 1, 0, Place::outage},
      {&S::guild_back, 5, 0, Place::outage},
      {&S::guild_left, 2, 0},
      {&S::guild_joined, 2, 0, Place::none},
      {&S::audit_log_entry, 6, 1},
      {&S::member_banned, 4, 0},
      {&S::member_unbanned, 3, 0},
      {&S::integrations_changed, 2, 0},

      {&S::member_joined, 40, 10},
      {&S::member_got_roles, 40, 30},
      {&S::member_changed, 50, 70},
      {&S::own_member_changed, 4, 0},
      {&S::user_changed, 12, 10},
      {&S::member_left, 25, 8},
      {&S::members_listed, 4, 0},
      {&S::members_asked_for, 6, 0},

      {&S::role_created, 14, 1},
      {&S::role_changed, 20, 2},
      {&S::roles_reordered, 4, 0},
      {&S::role_deleted, 7, 1},

      {&S::emojis_changed, 14, 1},
      {&S::stickers_changed, 6, 0},
      {&S::sound_created, 5, 0},
      {&S::sound_changed, 4, 0},
      {&S::sound_deleted, 3, 0},
      {&S::sounds_changed, 3, 0},
      {&S::sounds_asked_for, 3, 0},

      {&S::channel_created, 12, 1},
      {&S::channel_changed, 25, 4},
      {&S::channel_deleted, 8, 1},
      {&S::message_pinned, 10, 0},
      {&S::channel_info, 4, 0},
      {&S::voice_status, 8, 0},
      {&S::voice_start_time, 6, 0},

      {&S::thread_created, 15, 2},
      {&S::thread_shown_again, 3, 0},
      {&S::thread_changed, 8, 1},
      {&S::thread_archived, 8, 1},
      {&S::thread_deleted, 4, 0},
      {&S::thread_list, 3, 0},
      {&S::thread_list_of_nothing, 1, 0},
      {&S::thread_member, 4, 0},
      {&S::thread_members, 8, 0},

      {&S::message_sent, 260, 280},
      {&S::message_sent_in_thread, 30, 15},
      {&S::poll_sent, 10, 5},
      {&S::direct_message, 20, 0, Place::none},
      {&S::ephemeral_message, 8, 0, Place::none},
      {&S::message_edited, 60, 110},
      {&S::message_unfurled, 25, 40},
      {&S::unknown_message_edited, 8, 0},
      {&S::unknown_message_reacted_to, 4, 0},
      {&S::deleted_message_edited, 4, 0},
      {&S::poll_ended, 4, 0},
      {&S::direct_message_edited, 4, 0, Place::none},
      {&S::message_deleted, 25, 10},
      {&S::messages_deleted, 6, 1},
      {&S::direct_message_deleted, 3, 0, Place::none},
      {&S::reaction_added, 80, 70},
      {&S::reaction_removed, 30, 30},
      {&S::reactions_cleared, 5, 0},
      {&S::reactions_of_emoji_cleared, 5, 0},
      {&S::vote_added, 20, 5},
      {&S::vote_removed, 8, 1},
      {&S::typing, 70, 200},
      {&S::direct_typing, 5, 0, Place::none},

      {&S::presence_changed, 180, 9000},
      {&S::presence_odd, 4, 0},
      {&S::voice_joined, 30, 30},
      {&S::voice_moved, 15, 15},
      {&S::voice_changed, 20, 30},
      {&S::voice_left, 18, 25},
      {&S::voice_server, 5, 0},
      {&S::voice_effect, 3, 0},
      {&S::voice_call, 1, 0, Place::none},

      {&S::stage_opened, 5, 0},
      {&S::stage_changed, 4, 0},
      {&S::stage_closed, 3, 0},
      {&S::event_planned, 6, 0},
      {&S::event_changed, 5, 0},
      {&S::event_user_added, 5, 0},
      {&S::event_user_removed, 4, 0},
      {&S::event_deleted, 3, 0},
      {&S::invite_created, 12, 1},
      {&S::invite_deleted, 6, 0},
      {&S::integration_created, 4, 0},
      {&S::integration_changed, 3, 0},
      {&S::integration_deleted, 2, 0},
      {&S::webhooks_changed, 4, 0},
      {&S::rule_created, 4, 0},
      {&S::rule_changed, 3, 0},
      {&S::rule_deleted, 2, 0},
      {&S::rule_executed, 3, 0},

      {&S::command_used, 15, 3},
      {&S::button_pressed, 8, 1},
      {&S::foreign_command_used, 4, 0, Place::none},
      {&S::direct_command_used, 3, 0, Place::none},
      {&S::command_permissions, 2, 0},
      {&S::entitlement_created, 3, 0, Place::none},
      {&S::entitlement_changed, 2, 0, Place::none},
      {&S::entitlement_deleted, 2, 0, Place::none},
      {&S::subscription_created, 3, 0, Place::none},
      {&S::subscription_changed, 2, 0, Place::none},
      {&S::subscription_deleted, 2, 0, Place::none},

      {&S::session_resumed, 3, 0},
      {&S::session_lost, 1, 0},
  };
  return rows;
}

std::span<const GatewayLog::Script::Row> GatewayLog::Script::measured_table() {
  using S = Script;
  // Some happenings tell several guilds or bring a second event, so the weights are not quite the shares of the events.
  static constexpr Row rows[] = {
      {&S::presence_changed, 0, 2630},
      {&S::message_sent, 0, 1960},
      {&S::message_sent_in_thread, 0, 140},
      {&S::typing, 0, 1200},
      {&S::message_edited, 0, 260},
      {&S::message_unfurled, 0, 90},
      {&S::reaction_added, 0, 255},
      {&S::reaction_removed, 0, 95},
      {&S::reactions_cleared, 0, 8},
      {&S::reactions_of_emoji_cleared, 0, 7},
      {&S::voice_joined, 0, 80},
      {&S::voice_moved, 0, 50},
      {&S::voice_changed, 0, 100},
      {&S::voice_left, 0, 70},
      {&S::member_joined, 0, 80},
      {&S::member_got_roles, 0, 110},
      {&S::member_changed, 0, 140},
      {&S::member_left, 0, 70},

      {&S::message_deleted, 0, 120},
      {&S::audit_log_entry, 0, 80},
      {&S::channel_changed, 0, 70},
      {&S::channel_created, 0, 10},
      {&S::command_used, 0, 60},
      {&S::button_pressed, 0, 30},
      {&S::emojis_changed, 0, 5},
      {&S::event_changed, 0, 10},
      {&S::event_user_added, 0, 20},
      {&S::guild_changed, 0, 20},
      {&S::invite_created, 0, 30},
      {&S::invite_deleted, 0, 20},
      {&S::role_changed, 0, 50},
      {&S::thread_created, 0, 20},
      {&S::thread_changed, 0, 30},
      {&S::thread_members, 0, 30},
      {&S::vote_added, 0, 20},
      {&S::voice_server, 0, 25},
      {&S::webhooks_changed, 0, 20},
  };
  return rows;
}

GatewayLog::Script::Script(const LogOptions& options)
    : options_(checked(options)),
      world_({options_.seed, options_.guilds, options_.members, options_.zipf, options_.start_ms}),
      payloads_(world_, out_, options_.quirks),
      sessions_(static_cast<std::size_t>(options_.shards)) {
  for (const Row& row : rows()) {
    if (options_.mix == Mix::no_presences && row.happen == &Script::presence_changed) continue;
    total_weight_ += static_cast<std::uint64_t>(options_.mix == Mix::mixed ? row.mixed : row.steady);
  }
  for (const Guild& guild : world_.guilds)
    members_up_to_.push_back((members_up_to_.empty() ? 0 : members_up_to_.back()) + guild.members.size());
}

bool GatewayLog::Script::next(std::string& frame) {
  if (frames_ == options_.frames) return false;
  while (ready_.empty()) {
    if (over_) return false;
    step();
  }
  frame = std::move(ready_.front());
  ready_.pop_front();
  ++frames_;
  return true;
}

void GatewayLog::Script::push(std::string_view name, std::string frame) {
  const auto found = counts_.find(name);
  if (found == counts_.end()) {
    counts_.emplace(name, 1);
  } else {
    ++found->second;
  }
  ready_.push_back(std::move(frame));
}

void GatewayLog::Script::begin_frame(std::string& frame, int shard) const {
  frame += '{';
  if (options_.timestamps) frame += "\"ts\":" + std::to_string(world_.now_ms) + ",";
  if (options_.shards > 1)
    frame += "\"shard\":[" + std::to_string(shard) + "," + std::to_string(options_.shards) + "],";
}

void GatewayLog::Script::emit(std::string_view event, int shard, std::string_view data) {
  Session& session = sessions_[static_cast<std::size_t>(shard)];
  std::string frame;
  frame.reserve(data.size() + 120);
  begin_frame(frame, shard);
  const bool data_first = quirk(80);
  if (data_first) frame.append("\"d\":").append(data).append(",");
  frame.append("\"t\":\"").append(event).append("\",\"s\":").append(std::to_string(++session.sequence));
  frame.append(",\"op\":0");
  if (!data_first) frame.append(",\"d\":").append(data);
  frame += '}';
  if (quirk(60)) frame = escape_non_ascii(frame);
  if (options_.quirks) {
    session.latest = frame;
    session.latest_event = event;
  }
  push(event, std::move(frame));
  if (event != "READY" && quirk(120)) push(event, session.latest);
}

void GatewayLog::Script::emit_control(int op, int shard, std::string_view data) {
  std::string frame;
  begin_frame(frame, shard);
  frame += "\"t\":null,\"s\":null,\"op\":" + std::to_string(op);
  if (!data.empty()) frame.append(",\"d\":").append(data);
  push("op " + std::to_string(op), frame + "}");
}

void GatewayLog::Script::write_unknown_keys() {
  out_.object("_future", [&] {
    out_.array("nested", [&] {
      out_.number(-1);
      out_.text("\U0001f47e");
      out_.null();
      out_.object([] {});
      out_.array([] {});
    });
    out_.fraction("ratio", 0.125);
  });
  out_.null("hoisted_role");
}

void GatewayLog::Script::step() {
  ++world_.tick;
  world_.now_ms += static_cast<std::int64_t>(random_.below(step_ms_max));
  const auto shard = static_cast<int>(random_.below(sessions_.size()));
  Session& session = sessions_[static_cast<std::size_t>(shard)];
  if (!session.open) return open_session(shard);
  // Live events come between the announcements.
  const bool one_after_the_other = options_.mix == Mix::startup || options_.mix == Mix::measured;
  if (!session.to_come.empty() && (one_after_the_other || !random_.one_in(10))) return announce_next_guild(shard);
  if (options_.mix == Mix::startup) {
    over_ = startup_over();
    return;
  }
  if (options_.mix == Mix::measured && !members_told_) {
    members_told_ = startup_over();
    return;
  }
  if (random_.one_in(100)) return emit_control(op_heartbeat_ack, shard, random_.one_in(2) ? "null" : "");

  const bool first_round = options_.mix == Mix::mixed && first_round_ < table().size();
  if (!first_round) {
    happen_somewhere(row_by_weight());
    return;
  }
  const auto waits = [](const Session& one) { return !one.open || !one.to_come.empty(); };
  if (std::any_of(sessions_.begin(), sessions_.end(), waits)) return;
  // What cannot happen yet may be possible after something else.
  if (happen_somewhere(table()[first_round_]) || ++first_round_delay_ == first_round_delay_max) {
    ++first_round_;
    first_round_delay_ = 0;
  } else {
    happen_somewhere(row_by_weight());
  }
}

bool GatewayLog::Script::happen_somewhere(const Row& row) {
  if (row.place == Place::none) return (this->*row.happen)(world_.guilds.front());
  const GuildState state = row.place == Place::outage ? GuildState::outage : GuildState::available;
  const int attempts = options_.mix == Mix::mixed ? 40 : 4;
  for (int i = 0; i < attempts; ++i) {
    Guild* guild = some_guild(state);
    if (guild == nullptr) return false;
    if ((this->*row.happen)(*guild)) return true;
  }
  return false;
}

const GatewayLog::Script::Row& GatewayLog::Script::row_by_weight() {
  std::uint64_t dice = random_.next() % total_weight_;
  for (const Row& row : rows()) {
    if (options_.mix == Mix::no_presences && row.happen == &Script::presence_changed) continue;
    const auto weight = static_cast<std::uint64_t>(options_.mix == Mix::mixed ? row.mixed : row.steady);
    if (dice < weight) return row;
    dice -= weight;
  }
  return rows().front();  // Not reached: the weights add up to the total.
}

Guild* GatewayLog::Script::some_guild(GuildState state) {
  if (options_.first_guild_percent > 0 && world_.guilds.front().state == state &&
      random_.percent(static_cast<std::size_t>(options_.first_guild_percent)))
    return &world_.guilds.front();
  const std::size_t count = world_.guilds.size();
  const std::size_t start = options_.zipf ? some_guild_by_size() : random_.below(count);
  for (std::size_t i = 0; i < count; ++i) {
    Guild& guild = world_.guilds[(start + i) % count];
    if (guild.state == state) return &guild;
  }
  return nullptr;
}

std::size_t GatewayLog::Script::some_guild_by_size() {
  const std::size_t member = random_.below(members_up_to_.back());
  const auto guild = std::upper_bound(members_up_to_.begin(), members_up_to_.end(), member);
  return static_cast<std::size_t>(guild - members_up_to_.begin());
}

std::size_t GatewayLog::Script::available_guilds() const {
  const auto live = [this](const Guild& guild) { return is_live(guild); };
  return static_cast<std::size_t>(std::count_if(world_.guilds.begin(), world_.guilds.end(), live));
}

void GatewayLog::Script::open_session(int shard) {
  Session& session = sessions_[static_cast<std::size_t>(shard)];
  emit_control(op_hello, shard, R"({"heartbeat_interval":41250,"_trace":["[\"gateway-prd-us-east1-b-0\"]"]})");
  emit_control(op_heartbeat_ack, shard, "");
  session.sequence = 0;
  session.open = true;
  session.to_come.clear();
  for (Guild& guild : world_.guilds) {
    if (guild.state == GuildState::left || shard_of(guild.id) != shard) continue;
    guild.state = GuildState::announced;
    session.to_come.push_back(guild.index);
  }
  write_ready(shard);
}

void GatewayLog::Script::write_ready(int shard) {
  const Session& session = sessions_[static_cast<std::size_t>(shard)];
  const auto write_guilds = [&] {
    for (const std::uint32_t index : session.to_come) {
      out_.object([&] {
        out_.boolean("unavailable", true);
        out_.id("id", world_.guilds[index].id);
      });
    }
  };
  dispatch("READY", shard, [&] {
    out_.number("v", 10);
    out_.object("user_settings", [] {});
    out_.object("user", [&] { payloads_.own_user_fields(); });
    out_.array("shard", [&] {
      out_.number(shard);
      out_.number(options_.shards);
    });
    out_.text("session_type", "normal");
    Random session_id(random_.next());
    out_.image_hash("session_id", session_id);
    out_.text("resume_gateway_url", "wss://gateway-us-east1-b.example.com");
    out_.empty_array("relationships");
    out_.empty_array("private_channels");
    out_.empty_array("presences");
    out_.array("guilds", write_guilds);
    out_.empty_array("guild_join_requests");
    out_.array("geo_ordered_rtc_regions", [&] { out_.text("rotterdam"); });
    out_.object("application", [&] {
      out_.id("id", world_.application_id());
      out_.number("flags", 8953856);
    });
    out_.array("_trace", [&] { out_.text("[\"gateway-prd-us-east1-b-0\",{\"micros\":105837}]"); });
  });
}

void GatewayLog::Script::announce_next_guild(int shard) {
  Session& session = sessions_[static_cast<std::size_t>(shard)];
  Guild& guild = world_.guilds[session.to_come.front()];
  session.to_come.pop_front();
  if (quirk(6)) own_member_changed(guild);  // Seen before the guild itself.
  if (options_.mix == Mix::mixed && random_.one_in(12)) {
    guild.state = GuildState::available;
    guild_lost(guild);
    if (random_.one_in(2)) guild_still_lost(guild);
    return;
  }
  guild.state = GuildState::available;
  guild_create(guild, Arrival::announced);
}

/// The end of a start: large guilds have told only a part of their members, so the bot asks for the rest.
bool GatewayLog::Script::startup_over() {
  const auto waits = [](const Session& one) { return !one.open || !one.to_come.empty(); };
  if (std::any_of(sessions_.begin(), sessions_.end(), waits)) return false;
  for (Guild& guild : world_.guilds) {
    if (is_live(guild) && guild.large()) members_listed(guild);
  }
  return true;
}

bool GatewayLog::Script::session_resumed(Guild& guild) {
  const int shard = shard_of(guild.id);
  emit_control(op_reconnect, shard, "null");
  emit_control(op_hello, shard, R"({"heartbeat_interval":41250})");
  // The client may have acknowledged less than it has logged.
  const Session& session = sessions_[static_cast<std::size_t>(shard)];
  if (session.latest_event != "READY" && quirk(2)) push(session.latest_event, session.latest);
  dispatch("RESUMED", shard, [&] { out_.array("_trace", [&] { out_.text("gateway-prd-us-east1-b-0"); }); });
  return true;
}

/// A new session. What has changed in between shows only in the lists that follow.
bool GatewayLog::Script::session_lost(Guild& guild) {
  const int shard = shard_of(guild.id);
  emit_control(op_invalid_session, shard, "false");
  for (Guild& other : world_.guilds) {
    if (shard_of(other.id) == shard && is_live(other) && random_.one_in(2)) drift(other);
  }
  if (options_.quirks && available_guilds() * 3 > world_.guilds.size() * 2) {
    guild.state = GuildState::left;
    world_.abandon(guild);
  }
  open_session(shard);
  return true;
}

bool GatewayLog::Script::own_user_changed(Guild&) {
  if (!sessions_.front().open) return false;
  world_.users[own_user].changed = world_.tick;
  dispatch("USER_UPDATE", 0, [&] { payloads_.own_user_fields(); });
  // Every guild tells about it, which is a burst in each log of a large bot.
  for (const Guild& guild : world_.guilds) {
    const Member* member = is_live(guild) ? guild.find_member(own_user) : nullptr;
    if (member != nullptr) member_update(guild, *member, MemberShape::full);
  }
  return true;
}

bool GatewayLog::Script::rate_limited(Guild&) {
  if (!sessions_.front().open) return false;
  dispatch("RATE_LIMITED", 0, [&] {
    out_.number("opcode", 8);
    out_.fraction("retry_after", 22.5);
    out_.object("meta", [&] { out_.id("guild_id", world_.guilds.front().id); });
  });
  return true;
}

bool GatewayLog::Script::unknown_event(Guild& guild) {
  static constexpr std::string_view names[] = {"GUILD_JOIN_REQUEST_UPDATE", "GUILD_APPLICATION_COMMAND_INDEX_UPDATE",
                                               "EMBEDDED_ACTIVITY_UPDATE_V2", "SOMETHING_NEW"};
  if (random_.one_in(5)) {
    emit("PRESENCES_REPLACE", shard_of(guild.id), "[]");
    return true;
  }
  const std::string_view name = names[random_.below(std::size(names))];
  dispatch(name, guild, [&] {
    out_.id("guild_id", guild.id);
    out_.id("user_id", world_.user(guild.owner).id);
    out_.text("status", "SUBMITTED");
  });
  return true;
}

GatewayLog::GatewayLog(const LogOptions& options) : script_(std::make_unique<Script>(options)) {}

GatewayLog::~GatewayLog() = default;

bool GatewayLog::next(std::string& frame) { return script_->next(frame); }

const std::map<std::string, std::uint64_t, std::less<>>& GatewayLog::counts() const { return script_->counts(); }

std::vector<std::string> generate(const LogOptions& options) {
  GatewayLog log(options);
  std::vector<std::string> frames;
  for (std::string frame; log.next(frame);) frames.push_back(std::move(frame));
  return frames;
}

}  // namespace sake::test
