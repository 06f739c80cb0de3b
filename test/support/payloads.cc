#include "support/payloads.h"

#include <algorithm>
#include <array>

namespace sake::test {

namespace {

constexpr std::array<std::string_view, 56> plain_words = {
    "apple",  "harbor", "window", "silver", "forest", "engine",  "purple", "winter", "castle", "little",
    "garden", "rocket", "market", "pencil", "summer", "thunder", "violet", "bridge", "candle", "dragon",
    "orange", "planet", "signal", "shadow", "copper", "island",  "mirror", "needle", "pocket", "river",
    "stone",  "table",  "under",  "velvet", "wagon",  "yellow",  "zebra",  "bakery", "comet",  "dinner",
    "the",    "a",      "and",    "is",     "not",    "this",    "you",    "where",  "who",    "lol",
    "ok",     "I",      "we",     "when",   "1",      "42"};

/// Hard on parsers, escapers and terminals: every length of UTF-8, joined and directed text, what JSON escapes, what
/// HTML and shells dislike. No NUL: Discord does not accept it.
constexpr std::array<std::string_view, 22> odd_words = {"\u00fcber",
                                                        "na\u00efve",
                                                        "\u65e5\u672c\u8a9e",
                                                        "\u043f\u0440\u0438\u0432\u0435\u0442",
                                                        "\u0645\u0631\u062d\u0628\u0627",
                                                        "\U0001f389",
                                                        "\U0001f469\u200d\U0001f4bb",
                                                        "\U0001f3f3\ufe0f\u200d\U0001f308",
                                                        "\U0001f1ea\U0001f1fa",
                                                        "\"quoted\"",
                                                        "back\\slash",
                                                        "C:\\new\\table",
                                                        "tab\tbed",
                                                        "two\nlines",
                                                        "cr\r\nlf",
                                                        "bell\x07",
                                                        "del\x7f",
                                                        "\u2028separator\u2029",
                                                        "</script>",
                                                        "Zalg\u0334\u0321\u0301o",
                                                        "{\"t\":\"READY\",\"s\":1}",
                                                        "\uffff\ufdd0"};

constexpr std::array<std::string_view, 6> unicode_emojis = {"\U0001f525", "\U0001f44d",           "\u2764\ufe0f",
                                                            "\U0001f602", "\U0001f44d\U0001f3fd", "\u2705"};

constexpr std::array<std::string_view, 4> status_names = {"offline", "online", "idle", "dnd"};

constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t month_ms = 30 * 24 * hour_ms;

std::int64_t bits(Random& facts, unsigned width) {
  return static_cast<std::int64_t>(facts.next() & ((std::uint64_t{1} << width) - 1));
}

}  // namespace

std::string Payloads::words(Random& facts, std::size_t most) {
  std::string text;
  for (std::size_t left = facts.between(1, most); left > 0; --left) {
    if (!text.empty()) text += ' ';
    const bool odd = odd_ && facts.one_in(12);
    text += odd ? facts.pick(odd_words) : facts.pick(plain_words);
  }
  return text;
}

std::string Payloads::name(Random& facts) {
  std::string text(facts.pick(plain_words));
  text += facts.pick(plain_words);
  return text + std::to_string(facts.below(10000));
}

std::int64_t Payloads::some_time_after(Random& facts) const {
  return world_.now_ms - world_.now_ms % hour_ms + static_cast<std::int64_t>(facts.between(1, 200)) * hour_ms;
}

void Payloads::user_fields(UserIndex index) {
  const User& user = world_.user(index);
  Random facts = facts_of(user.id, user.changed);
  out_.text("username", name(facts));
  out_.number("public_flags", facts.one_in(3) ? bits(facts, 20) : 0);
  // Some payloads have always lacked these.
  if (!odd_ || mix(user.id, 1) % 16 != 0) {
    if (facts.one_in(12)) {
      out_.object("primary_guild", [&] {
        const bool enabled = facts.one_in(2);
        out_.boolean("identity_enabled", enabled);
        out_.id_or_null("identity_guild_id", enabled ? user.id + 1 : 0);
        enabled ? out_.text("tag", "WLVS") : out_.null("tag");
        out_.image_hash_or_null("badge", facts, enabled ? 100 : 0);
      });
    } else {
      out_.null("primary_guild");
    }
    facts.percent(60) ? out_.text("global_name", words(facts, 2)) : out_.null("global_name");
    out_.null("collectibles");
    if (facts.one_in(10)) {
      out_.object("avatar_decoration_data", [&] {
        out_.id("sku_id", 1144058522808614923);
        out_.image_hash("asset", facts);
        out_.null("expires_at");
      });
    } else {
      out_.null("avatar_decoration_data");
    }
  }
  out_.id("id", user.id);
  out_.text("discriminator", user.bot ? std::to_string(1000 + user.id % 9000) : "0");
  if (user.bot) out_.boolean("bot", true);
  out_.image_hash_or_null("avatar", facts, 60);
  if (!odd_ || !facts.one_in(8)) return;
  // Now and then what is known of a user from elsewhere.
  if (facts.one_in(8)) out_.boolean("system", false);
  out_.number("premium_type", static_cast<std::int64_t>(facts.below(4)));
  out_.image_hash_or_null("banner", facts, 50);
  facts.one_in(2) ? out_.number("accent_color", bits(facts, 24)) : out_.null("accent_color");
}

void Payloads::user(UserIndex index) {
  out_.object([&] { user_fields(index); });
}

void Payloads::own_user_fields() {
  user_fields(own_user);
  out_.boolean("verified", true);
  out_.boolean("mfa_enabled", true);
  out_.null("email");
  out_.number("flags", 0);
  out_.text("bio", "");
}

void Payloads::webhook_author(const Guild& guild) {
  out_.object([&] {
    Random facts = facts_of(guild.id, 1);
    out_.text("username", words(facts, 2));
    out_.number("public_flags", 0);
    out_.id("id", guild.id + 7);
    out_.null("global_name");
    out_.text("discriminator", "0000");
    out_.boolean("bot", true);
    out_.null("avatar");
  });
}

void Payloads::member_role_ids(const Guild& guild, const Member& member) {
  out_.array("roles", [&] {
    for (const Role& role : guild.roles) {
      const bool had_the_chance = role.born <= member.roles_changed;
      const Id user = world_.user(member.user).id;
      if (role.id != guild.id && had_the_chance && mix(role.id ^ user, member.roles_changed) % 4 == 0) out_.id(role.id);
    }
  });
}

void Payloads::member_fields(const Guild& guild, const Member& member, MemberShape shape) {
  // All facts are drawn before anything is left out, so that the shapes agree with each other.
  Random facts = facts_of(guild.id ^ world_.user(member.user).id, member.profile_changed);
  const bool boosting = facts.one_in(15);
  const bool pending = facts.one_in(20);
  const std::string nick = facts.one_in(4) ? words(facts, 2) : "";
  const bool mute = facts.one_in(30);
  const bool deaf = facts.one_in(40);
  const std::int64_t flags = facts.one_in(3) ? bits(facts, 4) : 0;
  const std::int64_t timeout_ms = facts.one_in(40) ? member.joined_ms + 2 * month_ms : 0;

  if (shape == MemberShape::full || shape == MemberShape::brief) {
    out_.key("user");
    user(member.user);
  }
  member_role_ids(guild, member);
  out_.time("joined_at", member.joined_ms);
  out_.image_hash_or_null("banner", facts, 2);
  out_.image_hash_or_null("avatar", facts, 6);
  if (shape == MemberShape::brief) return;
  out_.time_or_null("premium_since", boosting ? member.joined_ms + month_ms : 0);
  out_.boolean("pending", pending);
  nick.empty() ? out_.null("nick") : out_.text("nick", nick);
  out_.number("flags", flags);
  out_.time_or_null("communication_disabled_until", timeout_ms);
  out_.null("avatar_decoration_data");
  out_.null("collectibles");
  if (shape == MemberShape::resolved) return out_.text("permissions", std::to_string(mix(guild.id, flags) >> 17));
  out_.boolean("mute", mute);
  out_.boolean("deaf", deaf);
}

void Payloads::member(const Guild& guild, const Member& member, MemberShape shape) {
  out_.object([&] { member_fields(guild, member, shape); });
}

void Payloads::activity(Random& facts) {
  out_.object([&] {
    const std::size_t kind = facts.below(3);
    out_.number("created_at", world_.now_ms - static_cast<std::int64_t>(facts.below(hour_ms)));
    if (kind == 0) {
      out_.number("type", 4);
      out_.text("name", "Custom Status");
      out_.text("state", words(facts, 6));
      out_.text("id", "custom");
      if (facts.one_in(2)) out_.object("emoji", [&] { out_.text("name", facts.pick(unicode_emojis)); });
      return;
    }
    out_.number("type", kind == 1 ? 0 : 2);
    out_.text("name", kind == 1 ? words(facts, 3) : "Spotify");
    out_.object("timestamps", [&] {
      out_.number("start", world_.now_ms - 60000);
      if (kind == 2) out_.number("end", world_.now_ms + 120000);
    });
    out_.text("state", words(facts, 4));
    out_.text("details", words(facts, 5));
    if (kind == 1) out_.id("application_id", 356875570916753438);
    out_.object("assets", [&] {
      out_.text("large_text", words(facts, 4));
      out_.text("large_image", kind == 1 ? "512304127431049216" : "spotify:ab67616d0000b2731bb797bbfe");
    });
    out_.object("party", [&] {
      out_.text("id", std::to_string(facts.below(1'000'000)));
      if (kind == 1) {
        out_.array("size", [&] {
          out_.number(1);
          out_.number(4);
        });
      }
    });
    out_.number("flags", 48);
    out_.boolean("instance", false);
  });
}

void Payloads::presence_fields(const Guild& guild, const Member& member, bool with_guild_id) {
  const User& user = world_.user(member.user);
  Random facts = facts_of(user.id ^ 2, member.presence_changed);
  const std::string_view status = status_names[static_cast<std::size_t>(member.status)];
  out_.object("user", [&] { out_.id("id", user.id); });
  out_.text("status", status);
  if (with_guild_id) out_.id("guild_id", guild.id);
  out_.object("client_status", [&] {
    if (member.status == Status::offline) return;
    const bool mobile = facts.one_in(3);
    out_.text(mobile ? "mobile" : "desktop", status);
    if (facts.one_in(10)) out_.text("web", "idle");
  });
  out_.array("activities", [&] {
    const std::size_t dice = facts.below(10);
    const std::size_t count = member.status == Status::offline || dice < 4 ? 0 : dice < 9 ? 1 : 2;
    for (std::size_t i = 0; i < count; ++i) activity(facts);
  });
}

void Payloads::voice_state_fields(const Guild& guild, const Member& member) {
  const Id user_id = world_.user(member.user).id;
  Random session = facts_of(guild.id ^ user_id, 3);
  Random facts = facts_of(guild.id ^ user_id, member.voice_changed);
  out_.id("user_id", user_id);
  out_.boolean("suppress", facts.one_in(10));
  out_.image_hash("session_id", session);
  out_.boolean("self_video", facts.one_in(8));
  if (facts.one_in(8)) out_.boolean("self_stream", true);
  out_.boolean("self_mute", facts.one_in(3));
  out_.boolean("self_deaf", facts.one_in(5));
  out_.time_or_null("request_to_speak_timestamp", facts.one_in(12) ? member.joined_ms : 0);
  out_.boolean("mute", facts.one_in(20));
  out_.boolean("deaf", facts.one_in(20));
  out_.id_or_null("channel_id", member.voice_channel);
}

void Payloads::role(const Guild& guild, const Role& role) {
  Random facts = facts_of(role.id, role.changed);
  const bool everyone = role.id == guild.id;
  const std::int64_t color = facts.one_in(3) ? 0 : bits(facts, 24);
  const bool managed = !everyone && facts.one_in(8);
  out_.object([&] {
    out_.null("unicode_emoji");
    out_.object("tags", [&] {
      if (!managed) return;
      switch (facts.below(5)) {
        case 0:
          return out_.id("bot_id", world_.application_id());
        case 1:
          return out_.id("integration_id", role.id + 1);
        case 2:
          out_.id("subscription_listing_id", role.id + 2);
          return out_.null("available_for_purchase");
        case 3:
          return out_.null("guild_connections");
        default:
          return out_.null("premium_subscriber");
      }
    });
    out_.number("position", role.position);
    out_.text("permissions", std::to_string(bits(facts, 50)));
    out_.text("name", everyone ? "@everyone" : words(facts, 3));
    out_.boolean("mentionable", facts.one_in(4));
    out_.boolean("managed", managed);
    out_.id("id", role.id);
    out_.image_hash_or_null("icon", facts, 4);
    out_.boolean("hoist", facts.one_in(3));
    out_.number("flags", facts.one_in(10) ? 1 : 0);
    out_.object("colors", [&] {
      out_.number("primary_color", color);
      out_.null("secondary_color");
      out_.null("tertiary_color");
    });
    out_.number("color", color);
  });
}

void Payloads::emoji(const Guild& guild, const Thing& emoji) {
  Random facts = facts_of(emoji.id, emoji.changed);
  out_.object([&] {
    if (facts.one_in(10)) {
      const UserIndex creator = facts.pick(guild.members).user;
      out_.key("user");
      user(creator);
    }
    out_.array("roles", [&] {
      if (facts.one_in(10)) out_.id(facts.pick(guild.roles).id);
    });
    out_.boolean("require_colons", true);
    out_.text("name", name(facts));
    out_.boolean("managed", facts.one_in(15));
    out_.id("id", emoji.id);
    out_.boolean("available", !facts.one_in(15));
    out_.boolean("animated", facts.one_in(4));
  });
}

void Payloads::partial_emoji(Id emoji, Tick changed) {
  out_.object([&] {
    if (emoji < unicode_emojis.size()) {
      out_.text("name", unicode_emojis[emoji]);
      out_.null("id");
      return;
    }
    Random facts = facts_of(emoji, changed);
    facts.one_in(20) ? out_.null("name") : out_.text("name", name(facts));
    out_.id("id", emoji);
    if (facts.one_in(4)) out_.boolean("animated", true);
  });
}

void Payloads::sticker(const Guild& guild, const Thing& sticker) {
  Random facts = facts_of(sticker.id, sticker.changed);
  out_.object([&] {
    out_.number("type", 2);
    out_.text("tags", facts.pick(unicode_emojis));
    out_.text("name", words(facts, 2));
    out_.id("id", sticker.id);
    out_.id("guild_id", guild.id);
    out_.number("format_type", static_cast<std::int64_t>(facts.between(1, 4)));
    facts.one_in(3) ? out_.null("description") : out_.text("description", words(facts, 6));
    out_.boolean("available", true);
    out_.text("asset", "");
  });
}

void Payloads::sound_fields(const Guild& guild, const Thing& sound) {
  Random facts = facts_of(sound.id, sound.changed);
  out_.id("user_id", world_.user(guild.owner).id);
  out_.fraction("volume", facts.one_in(3) ? 0.5 : 1.0);
  out_.id("sound_id", sound.id);
  out_.text("name", words(facts, 2));
  out_.id("guild_id", guild.id);
  const bool custom = !guild.emojis.empty() && facts.one_in(2);
  out_.id_or_null("emoji_id", custom ? guild.emojis.front().id : 0);
  custom ? out_.null("emoji_name") : out_.text("emoji_name", facts.pick(unicode_emojis));
  out_.boolean("available", true);
}

void Payloads::permission_overwrites(const Guild& guild, Random& facts) {
  out_.array("permission_overwrites", [&] {
    for (std::size_t left = facts.below(4); left > 0; --left) {
      out_.object([&] {
        const bool member = facts.one_in(6);
        const Role& role = facts.pick(guild.roles);
        const UserIndex someone = guild.members.empty() ? own_user : facts.pick(guild.members).user;
        out_.number("type", member ? 1 : 0);
        out_.id("id", member ? world_.user(someone).id : role.id);
        out_.text("deny", std::to_string(bits(facts, 30)));
        out_.text("allow", std::to_string(bits(facts, 30)));
      });
    }
  });
}

void Payloads::channel_fields(const Guild& guild, const Channel& channel, bool with_guild_id) {
  Random facts = facts_of(channel.id, channel.changed);
  const ChannelType type = channel.type;
  out_.number("type", static_cast<std::int64_t>(type));
  out_.number("position", channel.position);
  permission_overwrites(guild, facts);
  out_.id_or_null("parent_id", channel.parent);
  out_.text("name", channel_name(channel));
  out_.id("id", channel.id);
  if (with_guild_id) out_.id("guild_id", guild.id);
  out_.number("flags", 0);
  if (type == ChannelType::category) return;
  out_.boolean("nsfw", facts.one_in(12));
  out_.number("rate_limit_per_user", facts.one_in(6) ? 10 : 0);
  out_.id_or_null("last_message_id", channel.last_message);
  if (is_voice(type)) {
    out_.number("user_limit", static_cast<std::int64_t>(facts.below(20)));
    facts.one_in(3) ? out_.text("rtc_region", "rotterdam") : out_.null("rtc_region");
    out_.number("bitrate", 64000);
    if (facts.one_in(4)) out_.number("video_quality_mode", 2);
    return;
  }
  facts.one_in(2) ? out_.null("topic") : out_.text("topic", words(facts, 12));
  if (channel.pinned_ms != 0) out_.time("last_pin_timestamp", channel.pinned_ms);
  if (facts.one_in(3)) out_.number("default_auto_archive_duration", 4320);
  if (type != ChannelType::forum && type != ChannelType::media) return;
  out_.array("available_tags", [&] {
    for (Id tag = facts.below(4); tag > 0; --tag) {
      out_.object([&] {
        out_.text("name", words(facts, 1));
        out_.boolean("moderated", false);
        out_.id("id", channel.id + tag);
        out_.text("emoji_name", facts.pick(unicode_emojis));
        out_.null("emoji_id");
      });
    }
  });
  out_.object("default_reaction_emoji", [&] {
    out_.text("emoji_name", facts.pick(unicode_emojis));
    out_.null("emoji_id");
  });
  out_.null("default_sort_order");
  out_.number("default_forum_layout", 0);
  out_.text("template", "");
}

std::string Payloads::channel_name(const Channel& channel) {
  Random facts = facts_of(channel.id ^ 9, channel.changed);
  return words(facts, 3);
}

void Payloads::partial_channel(const Channel& channel) {
  out_.object([&] {
    out_.number("type", static_cast<std::int64_t>(channel.type));
    out_.text("permissions", "2251799813685247");
    out_.id_or_null("parent_id", channel.parent);
    out_.text("name", channel_name(channel));
    out_.id_or_null("last_message_id", channel.last_message);
    out_.id("id", channel.id);
    out_.number("flags", 0);
  });
}

void Payloads::thread_member_fields(const Thread& thread, UserIndex user) {
  out_.id("user_id", world_.user(user).id);
  out_.time("join_timestamp", thread.created_ms);
  out_.id("id", thread.id);
  out_.number("flags", 1);
}

void Payloads::thread_fields(const Guild& guild, const Thread& thread, bool with_guild_id) {
  Random facts = facts_of(thread.id, thread.changed);
  out_.number("type", static_cast<std::int64_t>(thread.type));
  out_.number("total_message_sent", thread.messages_ever);
  out_.object("thread_metadata", [&] {
    out_.boolean("locked", thread.archived && facts.one_in(3));
    if (thread.type == ChannelType::private_thread) out_.boolean("invitable", true);
    out_.time("create_timestamp", thread.created_ms);
    out_.number("auto_archive_duration", 4320);
    out_.boolean("archived", thread.archived);
    out_.time("archive_timestamp", thread.created_ms);
  });
  out_.number("rate_limit_per_user", 0);
  out_.id("parent_id", thread.parent);
  out_.id("owner_id", world_.user(thread.owner).id);
  out_.text("name", words(facts, 5));
  out_.number("message_count", thread.messages);
  out_.number("member_count", static_cast<std::int64_t>(facts.between(1, 50)));
  out_.id_or_null("last_message_id", thread.last_message);
  out_.id("id", thread.id);
  if (with_guild_id) out_.id("guild_id", guild.id);
  out_.number("flags", 0);
  if (facts.one_in(4)) out_.array("applied_tags", [&] { out_.id(thread.parent + 1); });
}

void Payloads::stage_fields(const Guild& guild, const Stage& stage) {
  Random facts = facts_of(stage.id, stage.changed);
  out_.text("topic", words(facts, 6));
  out_.number("privacy_level", 2);
  out_.id("id", stage.id);
  out_.id_or_null("guild_scheduled_event_id", guild.events.empty() ? 0 : guild.events.front().id);
  out_.id("guild_id", guild.id);
  out_.boolean("discoverable_disabled", true);
  out_.id("channel_id", stage.channel);
}

void Payloads::scheduled_event_fields(const Guild& guild, const ScheduledEvent& event, bool with_creator) {
  Random facts = facts_of(event.id, event.changed);
  const bool elsewhere = event.channel == 0;
  const std::int64_t start_ms = some_time_after(facts);
  out_.number("status", event.status);
  out_.time("scheduled_start_time", start_ms);
  out_.time_or_null("scheduled_end_time", elsewhere ? start_ms + hour_ms : 0);
  if (facts.one_in(4)) {
    out_.object("recurrence_rule", [&] {
      out_.time("start", start_ms);
      out_.number("interval", 1);
      out_.number("frequency", 2);
      out_.array("by_weekday", [&] { out_.number(4); });
      for (std::string_view name : {"end", "by_n_weekday", "by_month", "by_month_day", "by_year_day", "count"})
        out_.null(name);
    });
  } else {
    out_.null("recurrence_rule");
  }
  out_.number("privacy_level", 2);
  out_.text("name", words(facts, 4));
  out_.image_hash_or_null("image", facts, 20);
  out_.id("id", event.id);
  out_.id("guild_id", guild.id);
  out_.number("entity_type", elsewhere ? 3 : 1);
  if (elsewhere) {
    out_.object("entity_metadata", [&] { out_.text("location", words(facts, 3)); });
  } else {
    out_.null("entity_metadata");
  }
  out_.null("entity_id");
  facts.one_in(2) ? out_.text("description", words(facts, 20)) : out_.null("description");
  out_.id("creator_id", world_.user(event.creator).id);
  out_.id_or_null("channel_id", event.channel);
  if (!with_creator) {
    // Only the list of GUILD_CREATE counts the users.
    out_.number("user_count", event.users);
    return;
  }
  out_.key("creator");
  user(event.creator);
}

void Payloads::integration_fields(const Guild& guild, const Thing& integration) {
  Random facts = facts_of(integration.id, integration.changed);
  const bool bot = facts.one_in(2);
  out_.text("type", bot ? "discord" : "twitch");
  out_.text("name", words(facts, 2));
  out_.id("id", integration.id);
  out_.id("guild_id", guild.id);
  out_.boolean("enabled", true);
  out_.object("account", [&] {
    out_.text("name", name(facts));
    out_.text("id", std::to_string(facts.below(1'000'000)));
  });
  if (!bot) {
    out_.boolean("syncing", false);
    out_.time("synced_at", world_.now_ms - hour_ms);
    out_.number("subscriber_count", static_cast<std::int64_t>(facts.below(500)));
    out_.id_or_null("role_id", facts.pick(guild.roles).id);
    out_.boolean("revoked", false);
    out_.number("expire_grace_period", 7);
    out_.number("expire_behavior", 0);
    out_.boolean("enable_emoticons", true);
    return;
  }
  out_.array("scopes", [&] { out_.text("bot"); });
  out_.object("application", [&] {
    out_.text("name", words(facts, 2));
    out_.id("id", integration.id + 1);
    out_.null("icon");
    out_.text("description", words(facts, 8));
    const UserIndex bot_user = facts.pick(guild.members).user;
    out_.key("bot");
    user(bot_user);
  });
}

void Payloads::automod_rule_fields(const Guild& guild, const Thing& rule) {
  Random facts = facts_of(rule.id, rule.changed);
  out_.number("trigger_type", 1);
  out_.object("trigger_metadata", [&] {
    out_.empty_array("regex_patterns");
    out_.array("keyword_filter", [&] {
      for (std::size_t left = facts.between(1, 5); left > 0; --left) out_.text(words(facts, 1));
    });
    out_.empty_array("allow_list");
  });
  out_.text("name", words(facts, 3));
  out_.id("id", rule.id);
  out_.id("guild_id", guild.id);
  out_.array("exempt_roles", [&] {
    if (facts.one_in(2)) out_.id(facts.pick(guild.roles).id);
  });
  out_.empty_array("exempt_channels");
  out_.number("event_type", 1);
  out_.boolean("enabled", !facts.one_in(4));
  out_.id("creator_id", world_.user(guild.owner).id);
  out_.array("actions", [&] {
    out_.object([&] {
      out_.number("type", 1);
      out_.object("metadata", [&] { out_.text("custom_message", words(facts, 5)); });
    });
  });
}

void Payloads::guild_roles_and_expressions(const Guild& guild, bool with_stickers) {
  out_.array("roles", [&] {
    for (const Role& one : guild.roles) role(guild, one);
  });
  out_.array("emojis", [&] {
    for (const Thing& one : guild.emojis) emoji(guild, one);
  });
  if (!with_stickers) return;
  out_.array("stickers", [&] {
    for (const Thing& one : guild.stickers) sticker(guild, one);
  });
}

void Payloads::guild_fields(const Guild& guild) {
  Random facts = facts_of(guild.id, guild.changed);
  const Id text_channel = guild.channels.empty() ? 0 : guild.channels.back().id;
  out_.text("name", words(facts, 4));
  out_.id("id", guild.id);
  out_.image_hash_or_null("icon", facts, 70);
  out_.image_hash_or_null("splash", facts, 15);
  out_.image_hash_or_null("banner", facts, 15);
  out_.image_hash_or_null("discovery_splash", facts, 5);
  out_.id("owner_id", world_.user(guild.owner).id);
  out_.null("application_id");
  out_.id_or_null("afk_channel_id", facts.one_in(4) ? text_channel : 0);
  out_.number("afk_timeout", 300);
  out_.number("verification_level", static_cast<std::int64_t>(facts.below(5)));
  out_.number("default_message_notifications", static_cast<std::int64_t>(facts.below(2)));
  out_.number("explicit_content_filter", static_cast<std::int64_t>(facts.below(3)));
  out_.number("mfa_level", facts.one_in(3) ? 1 : 0);
  out_.number("nsfw_level", static_cast<std::int64_t>(facts.below(4)));
  out_.boolean("nsfw", false);
  out_.array("features", [&] {
    out_.text("COMMUNITY");
    if (facts.one_in(2)) out_.text("NEWS");
    if (facts.one_in(2)) out_.text("INVITE_SPLASH");
    if (facts.one_in(3)) out_.text("SOME_FUTURE_FEATURE");
  });
  facts.one_in(2) ? out_.text("description", words(facts, 12)) : out_.null("description");
  facts.one_in(8) ? out_.text("vanity_url_code", name(facts)) : out_.null("vanity_url_code");
  out_.id_or_null("system_channel_id", facts.one_in(2) ? text_channel : 0);
  out_.number("system_channel_flags", static_cast<std::int64_t>(facts.below(64)));
  out_.id_or_null("rules_channel_id", facts.one_in(3) ? text_channel : 0);
  out_.id_or_null("public_updates_channel_id", facts.one_in(3) ? text_channel : 0);
  out_.null("safety_alerts_channel_id");
  out_.boolean("premium_progress_bar_enabled", facts.one_in(2));
  out_.number("premium_tier", static_cast<std::int64_t>(facts.below(4)));
  out_.number("premium_subscription_count", static_cast<std::int64_t>(facts.below(30)));
  out_.text("preferred_locale", "en-US");
  out_.text("region", "deprecated");
  out_.number("max_members", 500000);
  out_.null("max_presences");
  out_.number("max_video_channel_users", 25);
  out_.number("max_stage_video_channel_users", 50);
  out_.boolean("widget_enabled", false);
  out_.null("widget_channel_id");
  out_.null("hub_type");
  if (odd_ && facts.one_in(8)) {
    out_.object("welcome_screen", [&] {
      out_.null("description");
      out_.empty_array("welcome_channels");
    });
  }
  out_.null("latest_onboarding_question_id");
  if (facts.one_in(4)) {
    out_.object("incidents_data", [&] {
      out_.time("invites_disabled_until", some_time_after(facts));
      out_.null("dms_disabled_until");
    });
  } else {
    out_.null("incidents_data");
  }
}

}  // namespace sake::test
