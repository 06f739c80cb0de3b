// What models can do besides showing their fields: addresses of images, mentions, names.
// The formats are those of Discord's reference, "Image Formatting" and "Message Formatting".

#include <algorithm>
#include <bit>
#include <charconv>

#include "sake/models.h"

#include "base/snowflake.h"

namespace sake {
namespace {

using Text = std::optional<std::string>;

constexpr std::string_view cdn = "https://cdn.discordapp.com/";
constexpr std::string_view media = "https://media.discordapp.net/";
constexpr unsigned size_min = 16;
constexpr unsigned size_max = 4096;

std::string text(Snowflake id) { return std::string(base::Decimal(id.value())); }

std::string query(const ImageFormat& format) {
  if (format.size == 0) return {};
  return "?size=" + std::to_string(std::bit_ceil(std::clamp(format.size, size_min, size_max)));
}

/// Which images come in motion.
enum class Motion : bool { none, possible };

std::string_view extension(const ImageFormat& format, bool is_animated) noexcept {
  if (format.extension.empty()) return is_animated ? "gif" : "png";
  for (const std::string_view known : {"png", "jpg", "webp"})
    if (format.extension == known) return known;
  return format.extension == "gif" && is_animated ? "gif" : "png";
}

/// `path` without its end, the hash of the image behind it.
std::string image(const std::string& path, std::string_view hash, const ImageFormat& format, Motion motion) {
  const bool is_animated = motion == Motion::possible && hash.starts_with("a_");
  return std::string(cdn)
      .append(path)
      .append(hash)
      .append(".")
      .append(extension(format, is_animated))
      .append(query(format));
}

/// None where there is no hash, or not the id of whose it is.
Text image_of(std::string_view folder, const Field<Snowflake>& id, const Field<std::string>& hash,
              const ImageFormat& format, Motion motion) {
  if (!id || !hash) return std::nullopt;
  return image(std::string(folder) + "/" + text(*id) + "/", *hash, format, motion);
}

/// The same for what a member has in its guild.
Text image_of_member(const Member& member, std::string_view folder, const Field<std::string>& hash,
                     const ImageFormat& format) {
  const Field<Snowflake> guild = member.guild_id();
  const Field<Snowflake> user = member.user().id();
  if (!guild || !user || !hash) return std::nullopt;
  return image("guilds/" + text(*guild) + "/users/" + text(*user) + "/" + std::string(folder) + "/", *hash, format,
               Motion::possible);
}

Text mention_of(std::string_view before, const Field<Snowflake>& id) {
  if (!id) return std::nullopt;
  return std::string(before) + text(*id) + ">";
}

/// The name of an asset as activities give it: an id, or a path of another kind.
Text asset_url(const Field<Snowflake>& application, const Field<std::string>& asset, const ImageFormat& format) {
  if (!asset) return std::nullopt;
  if (asset->starts_with("mp:")) return std::string(media) + asset->substr(3);
  if (!application) return std::nullopt;
  return image("app-assets/" + text(*application) + "/", *asset, format, Motion::none);
}

}  // namespace

Text Channel::mention() const { return mention_of("<#", id()); }
Text Channel::icon_url(const ImageFormat& format) const {
  return image_of("channel-icons", id(), icon(), format, Motion::none);
}
Text Thread::mention() const { return mention_of("<#", id()); }

Text AvatarDecoration::url() const {
  const Field<std::string> hash = asset();
  if (!hash) return std::nullopt;
  return image("avatar-decoration-presets/", *hash, {.extension = "png"}, Motion::none);
}

Text PrimaryGuild::badge_url(const ImageFormat& format) const {
  return image_of("guild-tag-badges", identity_guild_id(), badge(), format, Motion::none);
}

Text User::avatar_url(const ImageFormat& format) const {
  return image_of("avatars", id(), avatar(), format, Motion::possible);
}
Text User::default_avatar_url() const {
  const Field<Snowflake> user = id();
  if (!user) return std::nullopt;
  const std::string old = discriminator().value_or("0");
  unsigned number = 0;
  std::from_chars(old.data(), old.data() + old.size(), number);
  // Webhooks have 0000, which is a number of the old kind.
  const std::uint64_t index = old == "0" ? (user->value() >> 22) % 6 : number % 5;
  return std::string(cdn) + "embed/avatars/" + std::to_string(index) + ".png";
}
Text User::display_avatar_url(const ImageFormat& format) const {
  Text own = avatar_url(format);
  return own ? own : default_avatar_url();
}
Text User::banner_url(const ImageFormat& format) const {
  return image_of("banners", id(), banner(), format, Motion::possible);
}
Text User::display_name() const {
  const Field<std::string> chosen = global_name();
  return chosen ? chosen.optional() : username().optional();
}
Text User::tag() const {
  Text name = username().optional();
  const Field<std::string> number = discriminator();
  if (name && number && *number != "0") *name += "#" + *number;
  return name;
}
Text User::mention() const { return mention_of("<@", id()); }

Text Member::display_name() const {
  const Field<std::string> chosen = nick();
  return chosen ? chosen.optional() : user().display_name();
}
Text Member::mention() const { return user().mention(); }
Text Member::avatar_url(const ImageFormat& format) const { return image_of_member(*this, "avatars", avatar(), format); }
Text Member::display_avatar_url(const ImageFormat& format) const {
  Text own = avatar_url(format);
  return own ? own : user().display_avatar_url(format);
}
Text Member::banner_url(const ImageFormat& format) const { return image_of_member(*this, "banners", banner(), format); }
bool Member::is_timed_out(Timestamp now) const {
  const Field<Timestamp> end = communication_disabled_until();
  return end && *end > now;
}

Text Role::icon_url(const ImageFormat& format) const {
  return image_of("role-icons", id(), icon(), format, Motion::none);
}
Text Role::mention() const {
  const Field<Snowflake> role = id();
  if (role && guild_id() == *role) return "@everyone";
  return mention_of("<@&", role);
}

Text PartialEmoji::url(const ImageFormat& format) const {
  const Field<Snowflake> emoji = id();
  if (!emoji) return std::nullopt;
  const bool is_animated = animated().value_or(false);
  const std::string_view wanted = format.extension.empty() ? "webp" : extension(format, is_animated);
  std::string url = std::string(cdn) + "emojis/" + text(*emoji) + "." + std::string(wanted);
  const std::string size = query(format);
  if (is_animated && wanted == "webp") return url + "?animated=true" + (size.empty() ? "" : "&" + size.substr(1));
  return url + size;
}
Text PartialEmoji::mention() const {
  const Field<Snowflake> emoji = id();
  const Field<std::string> written = name();
  if (!emoji) return written.optional();
  return (animated().value_or(false) ? "<a:" : "<:") + written.value_or("_") + ":" + text(*emoji) + ">";
}
Text PartialEmoji::route_name() const {
  const Field<Snowflake> emoji = id();
  const Field<std::string> written = name();
  if (emoji) return written.value_or("_") + ":" + text(*emoji);
  if (!written) return std::nullopt;
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : *written) {
    const auto byte = static_cast<unsigned char>(c);
    (encoded += '%') += digits[byte >> 4];
    encoded += digits[byte & 15];
  }
  return encoded;
}

Text StickerItem::url() const {
  const Field<Snowflake> sticker = id();
  if (!sticker) return std::nullopt;
  const Field<StickerFormat> format = format_type();
  const bool is_gif = format == StickerFormat::gif;
  return std::string(is_gif ? media : cdn) + "stickers/" + text(*sticker) +
         (is_gif                            ? ".gif"
          : format == StickerFormat::lottie ? ".json"
                                            : ".png");
}

Text Guild::icon_url(const ImageFormat& format) const {
  return image_of("icons", id(), icon(), format, Motion::possible);
}
Text Guild::splash_url(const ImageFormat& format) const {
  return image_of("splashes", id(), splash(), format, Motion::none);
}
Text Guild::discovery_splash_url(const ImageFormat& format) const {
  return image_of("discovery-splashes", id(), discovery_splash(), format, Motion::none);
}
Text Guild::banner_url(const ImageFormat& format) const {
  return image_of("banners", id(), banner(), format, Motion::possible);
}

Text Activity::large_image_url(const ImageFormat& format) const {
  return asset_url(application_id(), assets().large_image(), format);
}
Text Activity::small_image_url(const ImageFormat& format) const {
  return asset_url(application_id(), assets().small_image(), format);
}

Text ScheduledEvent::image_url(const ImageFormat& format) const {
  return image_of("guild-events", id(), image(), format, Motion::none);
}

Text PartialApplication::icon_url(const ImageFormat& format) const {
  return image_of("app-icons", id(), icon(), format, Motion::none);
}
Text PartialApplication::cover_image_url(const ImageFormat& format) const {
  return image_of("app-icons", id(), cover_image(), format, Motion::none);
}

Text Message::link() const {
  const Field<Snowflake> channel = channel_id();
  const Field<Snowflake> message = id();
  if (!channel || !message) return std::nullopt;
  const Field<Snowflake> guild = guild_id();
  return "https://discord.com/channels/" + (guild ? text(*guild) : "@me") + "/" + text(*channel) + "/" + text(*message);
}

}  // namespace sake
