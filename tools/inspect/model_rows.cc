#include "model_rows.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <type_traits>

#include "sake/models.h"
#include "sake/permissions.h"

namespace sake::inspect {
namespace {

std::string text_of(Snowflake id, const FieldInfo&) { return std::to_string(id.value()); }
std::string text_of(const std::string& text, const FieldInfo&) { return text; }
std::string text_of(bool value, const FieldInfo&) { return value ? "true" : "false"; }
std::string text_of(std::int64_t number, const FieldInfo&) { return std::to_string(number); }
/// The shortest text that reads as the same number.
std::string text_of(double number, const FieldInfo&) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, number).ptr);
}
std::string text_of(Permissions permissions, const FieldInfo&) { return describe(permissions); }

std::string text_of(Timestamp time, const FieldInfo&) {
  const auto since_1970 = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_1970);
  const std::time_t at = seconds.count();
  std::tm parts{};
  char text[32];
  if (gmtime_r(&at, &parts) == nullptr) return std::to_string(at);
  std::string written(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts));
  if (const auto rest = (since_1970 - seconds).count(); rest != 0) {
    const std::string digits = std::to_string(rest);
    written += "." + std::string(6 - digits.size(), '0') + digits;
    written.erase(written.find_last_not_of('0') + 1);
  }
  return written + " UTC";
}

template <typename E>
requires std::is_enum_v<E> std::string text_of(E value, const FieldInfo&) {
  const std::string number = std::to_string(static_cast<std::int64_t>(value));
  const std::string_view known = name(value);
  return known.empty() ? number : std::string(known) + " (" + number + ")";
}

template <typename E>
std::string text_of(const Word<E>& word, const FieldInfo&) {
  return word.text;
}

template <typename E>
std::string text_of(Flags<E> flags, const FieldInfo& field) {
  std::string text;
  std::uint64_t unnamed = flags.bits();
  for (const EnumValue& known : field.values) {
    if (!flags.has(static_cast<E>(known.value))) continue;
    (text += text.empty() ? "" : " ") += known.name;
    unnamed &= ~(std::uint64_t{1} << known.value);
  }
  if (unnamed != 0) (text += text.empty() ? "" : " ") += std::to_string(unnamed);
  return text.empty() ? "none" : text;
}

template <typename T>
std::string text_of(const std::vector<T>& list, const FieldInfo& field) {
  std::string text;
  for (const auto& each : list) (text += text.empty() ? "" : ", ") += text_of(each, field);
  return text.empty() ? "none" : text;
}

class Rows {
 public:
  template <typename M>
  void object(const M& model, const std::string& prefix) {
    model.visit([&](const FieldInfo& field, const auto& value) {
      show(prefix + std::string(field.name), field, value, model[field.name]);
    });
    for (const auto& [key, value] : model.as_map().entries())
      if (std::ranges::find(M::info().fields, key, &FieldInfo::name) == M::info().fields.end())
        rows_.emplace_back(prefix + key, value.json());
  }

  void add(std::string name, std::optional<std::string> text) {
    if (text) rows_.emplace_back(std::move(name), std::move(*text));
  }

  std::vector<std::pair<std::string, std::string>> take() { return std::move(rows_); }

 private:
  template <typename T>
  void show(const std::string& name, const FieldInfo& field, const Field<T>& value, const JsonView& raw) {
    if (value) {
      add(name, text_of(*value, field));
    } else {
      show_rest(name, value.given(), raw);
    }
  }
  void show(const std::string& name, const FieldInfo& field, const Field<bool>& value, const JsonView& raw) {
    if (value.has_value()) {
      add(name, text_of(*value, field));
    } else {
      show_rest(name, value.given(), raw);
    }
  }
  template <typename T>
  void show(const std::string& name, const FieldInfo&, const List<T>& list, const JsonView& raw) {
    if (!list.has_value()) return show_rest(name, list.given(), raw);
    if (list.empty()) add(name, "none");
    std::size_t number = 0;
    for (const T& each : list) object(each, name + "[" + std::to_string(number++) + "].");
  }
  template <typename T>
  void show(const std::string& name, const FieldInfo&, const Map<T>& map, const JsonView& raw) {
    if (!map.has_value()) return show_rest(name, map.given(), raw);
    for (const auto& [key, each] : map.entries()) object(each, name + "[" + key + "].");
  }
  template <typename M>
  requires std::is_base_of_v<Model, M>
  void show(const std::string& name, const FieldInfo&, const M& model, const JsonView& raw) {
    if (!model.has_value()) return show_rest(name, model.given(), raw);
    object(model, name + ".");
  }
  void show(const std::string& name, const FieldInfo&, bool is_set, const JsonView&) {
    if (is_set) add(name, "yes");
  }
  void show(const std::string& name, const FieldInfo&, const JsonView& value, const JsonView&) {
    if (!value.is_missing()) add(name, std::string(value.json()));
  }
  /// What has no value.
  void show_rest(const std::string& name, Given given, const JsonView& raw) {
    if (given == Given::null) add(name, "null");
    if (given == Given::invalid) add(name, std::string(raw.json()) + " (not what it should be)");
  }

  std::vector<std::pair<std::string, std::string>> rows_;
};

template <typename M>
std::vector<std::pair<std::string, std::string>> rows_of(const Entity& entity) {
  const M model{JsonView(entity)};
  Rows rows;
  rows.object(model, "");
  if constexpr (requires { model.id()->created_at(); })
    if (const auto id = model.id(); id) rows.add("created", text_of(id->created_at(), *id.info()));
  if constexpr (requires { model.mention(); }) rows.add("mention", model.mention());
  if constexpr (requires { model.display_name(); }) rows.add("display name", model.display_name());
  if constexpr (requires { model.display_avatar_url(); }) rows.add("avatar URL", model.display_avatar_url());
  if constexpr (requires { model.icon_url(); }) rows.add("icon URL", model.icon_url());
  if constexpr (requires { model.banner_url(); }) rows.add("banner URL", model.banner_url());
  if constexpr (requires { model.image_url(); }) rows.add("image URL", model.image_url());
  if constexpr (requires { model.url(); }) rows.add("URL", model.url());
  if constexpr (requires { model.link(); }) rows.add("link", model.link());
  return rows.take();
}

}  // namespace

std::vector<std::pair<std::string, std::string>> model_rows(const Entity& entity) {
  switch (entity.resource) {
    case Resource::emoji:
      return rows_of<Emoji>(entity);
    case Resource::guild:
      return rows_of<Guild>(entity);
    case Resource::channel:
      return rows_of<Channel>(entity);
    case Resource::invite:
      return rows_of<Invite>(entity);
    case Resource::member:
      return rows_of<Member>(entity);
    case Resource::presence:
      return rows_of<Presence>(entity);
    case Resource::role:
      return rows_of<Role>(entity);
    case Resource::user:
      return entity.code.empty() ? rows_of<User>(entity) : rows_of<OwnUser>(entity);
    case Resource::voice_state:
      return rows_of<VoiceState>(entity);
    case Resource::message:
      return rows_of<Message>(entity);
    case Resource::thread:
      return rows_of<Thread>(entity);
    case Resource::sticker:
      return rows_of<Sticker>(entity);
    case Resource::stage_instance:
      return rows_of<StageInstance>(entity);
    case Resource::scheduled_event:
      return rows_of<ScheduledEvent>(entity);
    case Resource::soundboard_sound:
      return rows_of<SoundboardSound>(entity);
    case Resource::integration:
      return rows_of<Integration>(entity);
    case Resource::auto_moderation_rule:
      return rows_of<AutoModerationRule>(entity);
  }
  return {};
}

}  // namespace sake::inspect
