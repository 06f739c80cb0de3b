#include <algorithm>
#include <string>

#include "support/payloads.h"

namespace sake::test {

namespace {

constexpr int flag_has_thread = 32;
constexpr std::int64_t hour_ms = 3'600'000;

std::int64_t sent_ms(const Message& message) { return static_cast<std::int64_t>(message.id >> 22) + 1'420'070'400'000; }

}  // namespace

int message_type(MessageKind kind) {
  switch (kind) {
    case MessageKind::join:
      return 7;
    case MessageKind::reply:
      return 19;
    case MessageKind::command_answer:
      return 20;
    default:
      return 0;
  }
}

UserIndex asking_user(const Guild* guild, const Message& message) {
  if (guild == nullptr || guild->members.size() < 2) return message.author;
  Random facts = facts_of(message.id, 11);
  return guild->members[facts.between(1, guild->members.size() - 1)].user;
}

void Payloads::message_fields(const Guild* guild, const Message& message, MessageShape shape, const Message* original) {
  Random facts = facts_of(message.id, message.changed);
  const MessageKind kind = message.kind;
  const bool has_text = kind != MessageKind::join && kind != MessageKind::forward;
  out_.number("type", message_type(kind));
  out_.boolean("tts", mix(message.id, 1) % 40 == 0 && message.changed == 0);
  out_.time("timestamp", sent_ms(message));
  out_.boolean("pinned", message.pinned);
  message_mentions(guild, message, shape);
  out_.id("id", message.id);
  out_.number("flags", guild != nullptr && guild->has_thread(message.id) ? flag_has_thread : 0);
  embeds(facts, kind == MessageKind::rich ? facts.between(1, 2) : 0);
  out_.time_or_null("edited_timestamp", message.edited_ms);
  out_.text("content", has_text ? words(facts, 30) : "");
  out_.array("components", [&] {
    if (kind == MessageKind::rich) components(facts);
  });
  out_.id("channel_id", message.channel);
  message_author(guild, message, shape);
  out_.array("attachments", [&] {
    if (kind == MessageKind::attachment) attachments(message, facts);
  });
  message_extras(guild, message, shape, original);
}

void Payloads::message_author(const Guild* guild, const Message& message, MessageShape shape) {
  out_.key("author");
  if (message.kind == MessageKind::webhook && guild != nullptr) {
    webhook_author(*guild);
    out_.id("webhook_id", guild->id + 7);
  } else {
    user(message.author);
  }
  if (shape == MessageShape::nested) return;
  if (guild == nullptr) return out_.number("channel_type", 1);
  out_.id("guild_id", guild->id);
  // Neither webhooks nor people who have left are members.
  const Member* author = message.kind == MessageKind::webhook ? nullptr : guild->find_member(message.author);
  if (author == nullptr) return;
  out_.key("member");
  member(*guild, *author, MemberShape::beside);
}

void Payloads::message_mentions(const Guild* guild, const Message& message, MessageShape shape) {
  Random facts = facts_of(message.id ^ 12, message.changed);
  const bool quiet = guild == nullptr || message.kind == MessageKind::join || !facts.one_in(5);
  out_.array("mentions", [&] {
    for (std::size_t left = quiet ? 0 : facts.between(1, 3); left > 0; --left) {
      const Member& mentioned = facts.pick(guild->members);
      out_.object([&] {
        user_fields(mentioned.user);
        if (shape == MessageShape::nested) return;
        out_.key("member");
        member(*guild, mentioned, MemberShape::beside);
      });
    }
  });
  out_.array("mention_roles", [&] {
    if (!quiet && facts.one_in(3)) out_.id(facts.pick(guild->roles).id);
  });
  out_.boolean("mention_everyone", !quiet && facts.one_in(10));
}

void Payloads::message_extras(const Guild* guild, const Message& message, MessageShape shape, const Message* original) {
  switch (message.kind) {
    case MessageKind::plain:
      // The sender's choice: text or a number.
      if (mix(message.id, 2) % 20 == 0) {
        out_.number("nonce", 1234567);
      } else if (mix(message.id, 2) % 2 == 0) {
        out_.text("nonce", std::to_string(message.id + 5));
      }
      break;
    case MessageKind::reply:
      out_.object("message_reference", [&] {
        out_.number("type", 0);
        out_.id("message_id", message.refers_to);
        out_.id("channel_id", message.channel);
        if (guild != nullptr) out_.id("guild_id", guild->id);
      });
      // What it answers is left out of nested messages and null when it is gone.
      if (shape == MessageShape::nested) break;
      if (original == nullptr) {
        out_.null("referenced_message");
        break;
      }
      out_.object("referenced_message", [&] { message_fields(guild, *original, MessageShape::nested, nullptr); });
      break;
    case MessageKind::forward:
      forwarded_message(message);
      break;
    case MessageKind::sticker:
      out_.array("sticker_items", [&] {
        out_.object([&] {
          out_.text("name", "wave");
          out_.id("id", 749054660769218631);
          out_.number("format_type", 3);
        });
      });
      break;
    case MessageKind::poll:
      poll(message);
      break;
    case MessageKind::command_answer:
      interaction_metadata(guild, message);
      break;
    case MessageKind::rich:
    case MessageKind::attachment:
    case MessageKind::webhook:
    case MessageKind::join:
      break;
  }
  if (odd_ && shape == MessageShape::gateway) message_rarities(message);
}

/// What few messages have, whatever they are.
void Payloads::message_rarities(const Message& message) {
  Random facts = facts_of(message.id, 8);
  switch (facts.below(40)) {
    case 0:
      out_.number("position", static_cast<std::int64_t>(facts.below(100)));
      return;
    case 1:
      out_.object("activity", [&] {
        out_.number("type", 1);
        out_.text("party_id", "spotify:" + std::to_string(facts.below(1'000'000)));
      });
      out_.object("application", [&] {
        out_.id("id", 356875570916753438);
        out_.text("name", words(facts, 2));
        out_.null("icon");
        out_.text("description", "");
      });
      return;
    case 2:
      out_.array("mention_channels", [&] {
        out_.object([&] {
          out_.number("type", 0);
          out_.text("name", words(facts, 2));
          out_.id("id", message.channel + 2);
          out_.id("guild_id", message.channel + 1);
        });
      });
      return;
    case 3:
      out_.object("role_subscription_data", [&] {
        out_.id("role_subscription_listing_id", message.id + 3);
        out_.text("tier_name", words(facts, 2));
        out_.number("total_months_subscribed", 3);
        out_.boolean("is_renewal", true);
      });
      return;
    case 4:
      out_.object("shared_client_theme", [&] {
        out_.array("colors", [&] { out_.text("ff8800"); });
        out_.number("gradient_angle", 90);
        out_.number("base_mix", 50);
        out_.null("base_theme");
      });
      return;
    case 5:
      out_.object("call", [&] {
        out_.array("participants", [&] { out_.id(world_.user(message.author).id); });
        out_.null("ended_timestamp");
      });
      return;
    default:
      return;
  }
}

void Payloads::forwarded_message(const Message& message) {
  Random facts = facts_of(message.id, 4);
  out_.object("message_reference", [&] {
    out_.number("type", 1);
    out_.id("message_id", message.refers_to);
    out_.id("channel_id", message.channel + 1);
  });
  out_.array("message_snapshots", [&] {
    out_.object([&] {
      out_.object("message", [&] {
        out_.number("type", 0);
        out_.time("timestamp", sent_ms(message) - hour_ms);
        out_.empty_array("mentions");
        out_.empty_array("mention_roles");
        out_.number("flags", 0);
        embeds(facts, 0);
        out_.null("edited_timestamp");
        out_.text("content", words(facts, 10));
        out_.empty_array("components");
        out_.empty_array("attachments");
      });
    });
  });
}

void Payloads::interaction_metadata(const Guild* guild, const Message& message) {
  const UserIndex asking = asking_user(guild, message);
  out_.id("webhook_id", world_.application_id());
  out_.id("application_id", world_.application_id());
  out_.object("interaction_metadata", [&] {
    out_.key("user");
    user(asking);
    out_.number("type", 2);
    out_.text("name", "play");
    out_.id("id", message.id - 1);
    out_.object("authorizing_integration_owners", [&] {
      out_.key("0");
      out_.id(guild == nullptr ? 0 : guild->id);
    });
  });
  out_.object("interaction", [&] {
    out_.key("user");
    user(asking);
    out_.number("type", 2);
    out_.text("name", "play");
    out_.id("id", message.id - 1);
  });
}

void Payloads::embeds(Random& facts, std::size_t count) {
  out_.array("embeds", [&] {
    for (std::size_t left = count; left > 0; --left) {
      out_.object([&] {
        out_.text("type", "rich");
        out_.text("title", words(facts, 5));
        out_.text("description", words(facts, 25));
        out_.number("color", static_cast<std::int64_t>(facts.below(0x1000000)));
        out_.object("thumbnail", [&] {
          out_.number("width", 256);
          out_.text("url", "https://example.com/thumbnail.png");
          out_.text("proxy_url", "https://media.example.com/thumbnail.png");
          out_.number("height", 256);
        });
        out_.object("footer", [&] { out_.text("text", words(facts, 4)); });
        out_.array("fields", [&] {
          for (std::size_t fields = facts.below(4); fields > 0; --fields) {
            out_.object([&] {
              out_.text("value", words(facts, 10));
              out_.text("name", words(facts, 3));
              out_.boolean("inline", true);
            });
          }
        });
      });
    }
  });
}

void Payloads::components(Random& facts) {
  out_.object([&] {
    out_.number("type", 1);
    out_.number("id", 1);
    out_.array("components", [&] {
      for (std::int64_t i = 0; i < 2; ++i) {
        out_.object([&] {
          out_.number("type", 2);
          out_.number("style", i + 1);
          out_.text("label", words(facts, 2));
          out_.number("id", i + 2);
          out_.text("custom_id", "button:" + std::to_string(i));
        });
      }
    });
  });
}

void Payloads::attachments(const Message& message, Random& facts) {
  for (std::size_t left = facts.between(1, 2); left > 0; --left) {
    out_.object([&] {
      out_.number("width", 1024);
      out_.text("url", "https://cdn.example.com/attachments/image.png?ex=65f1&is=65e2&hm=0a1b2c");
      out_.number("size", static_cast<std::int64_t>(facts.below(5'000'000)));
      out_.text("proxy_url", "https://media.example.com/attachments/image.png");
      out_.id("id", message.id + left);
      out_.number("height", 768);
      out_.text("filename", "image.png");
      out_.text("content_type", "image/png");
      out_.text("placeholder", "1fgFDIJ3d4eHd4iAeIh3d4c=");
      out_.number("placeholder_version", 1);
    });
  }
}

void Payloads::poll(const Message& message) {
  Random facts = facts_of(message.id, 6);
  out_.object("poll", [&] {
    out_.object("question", [&] { out_.text("text", words(facts, 8)); });
    out_.array("answers", [&] {
      for (std::size_t answer = 1; answer <= poll_answers; ++answer) {
        out_.object([&] {
          out_.object("poll_media", [&] { out_.text("text", words(facts, 3)); });
          out_.number("answer_id", static_cast<std::int64_t>(answer));
        });
      }
    });
    out_.time("expiry", sent_ms(message) + 24 * hour_ms);
    out_.boolean("allow_multiselect", false);
    out_.number("layout_type", 1);
    // Missing results mean "unknown". The gateway sends them with a new poll and when it is over.
    if (message.changed != 0 && !message.poll_over) return;
    out_.object("results", [&] {
      out_.boolean("is_finalized", message.poll_over);
      out_.array("answer_counts", [&] {
        for (std::size_t answer = 1; answer <= poll_answers; ++answer) {
          std::int64_t count = 0;
          bool own = false;
          for (const Vote& vote : message.votes) {
            if (vote.answer != answer) continue;
            ++count;
            own = own || vote.user == own_user;
          }
          if (count == 0) continue;
          out_.object([&] {
            out_.boolean("me_voted", own);
            out_.number("id", static_cast<std::int64_t>(answer));
            out_.number("count", count);
          });
        }
      });
    });
  });
}

void Payloads::message_reactions(const Message& message) {
  out_.array("reactions", [&] {
    for (auto first = message.reactions.begin(); first != message.reactions.end(); ++first) {
      const Id emoji = first->emoji;
      const auto same = [emoji](const Reaction& reaction) { return reaction.emoji == emoji; };
      if (std::any_of(message.reactions.begin(), first, same)) continue;
      std::int64_t counts[2] = {0, 0};
      bool own[2] = {false, false};
      for (const Reaction& reaction : message.reactions) {
        if (!same(reaction)) continue;
        counts[reaction.burst ? 1 : 0] += 1;
        if (reaction.user == own_user) own[reaction.burst ? 1 : 0] = true;
      }
      out_.object([&] {
        out_.boolean("me_burst", own[1]);
        out_.boolean("me", own[0]);
        out_.key("emoji");
        partial_emoji(emoji);
        out_.object("count_details", [&] {
          out_.number("normal", counts[0]);
          out_.number("burst", counts[1]);
        });
        out_.number("count", counts[0] + counts[1]);
        out_.array("burst_colors", [&] {
          if (counts[1] != 0) out_.text("#ff8800");
        });
      });
    }
  });
}

}  // namespace sake::test
