#include "support/field_comparison.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <optional>
#include <type_traits>

#include "sake/models.h"

#include "support/model_calls.h"

namespace sake::test {
namespace {

using nlohmann::json;

// ------------------------------------------------------------------------------------------------- What the models say

json plain(bool value) { return value; }
json plain(std::int64_t value) { return value; }
json plain(double value) { return value; }
json plain(const std::string& value) { return value; }
json plain(Snowflake value) { return value.value(); }
json plain(Timestamp value) { return value.time_since_epoch().count(); }
json plain(Permissions value) { return value.value(); }
template <typename E>
json plain(const Flags<E>& value) {
  return value.bits();
}
template <typename E>
json plain(const Word<E>& value) {
  return value.text;
}
template <typename E>
requires std::is_enum_v<E> json plain(E value) { return static_cast<std::int64_t>(value); }
template <typename T>
json plain(const std::vector<T>& values) {
  json all = json::array();
  for (const T& value : values) all.push_back(plain(value));
  return all;
}

// ----------------------------------------------------------------------------------------------- What it ought to be

/// Of 64 bits, as one string of digits writes it.
std::optional<json> bits(const json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (!value.is_string()) return std::nullopt;
  const std::string& digits = value.get_ref<const std::string&>();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size() || digits != std::to_string(number))
    return std::nullopt;
  return number;
}

std::optional<std::int64_t> integer(const json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) return std::nullopt;
  return value.get<std::int64_t>();
}

/// Microseconds since 1970, by the C library.
std::optional<json> time(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  std::int64_t us = static_cast<std::int64_t>(timegm(&parts)) * 1'000'000;
  double fraction = 0;
  int length = 0;
  if (*rest == '.') {
    if (std::sscanf(rest, "%lf%n", &fraction, &length) != 1) return std::nullopt;
    us += std::llround(fraction * 1e6);
    rest += length;
  }
  int hours = 0;
  int minutes = 0;
  char sign = '+';
  const std::string offset = rest;
  if (!offset.empty() && offset != "Z") {
    if (std::sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) != 3 || (sign != '+' && sign != '-'))
      return std::nullopt;
    us -= (sign == '+' ? 1 : -1) * (hours * 60 + minutes) * 60'000'000ll;
  }
  return us;
}

/// None where it is not what is documented.
std::optional<json> documented(FieldKind kind, const json& value) {
  switch (kind) {
    case FieldKind::id:
    case FieldKind::permissions:
    case FieldKind::flags:
      return bits(value);
    case FieldKind::string:
    case FieldKind::word:
      return value.is_string() ? std::optional(value) : std::nullopt;
    case FieldKind::boolean:
      return value.is_boolean() ? std::optional(value) : std::nullopt;
    case FieldKind::number:
      return value.is_number() ? std::optional<json>(value.get<double>()) : std::nullopt;
    case FieldKind::time:
      return value.is_string() ? time(value) : std::nullopt;
    default:
      break;
  }
  const std::optional<std::int64_t> number = integer(value);
  const std::int64_t unit = kind == FieldKind::unix_ms ? 1'000 : kind == FieldKind::unix_s ? 1'000'000 : 1;
  if (!number || *number > INT64_MAX / unit || *number < INT64_MIN / unit) return std::nullopt;
  return *number * unit;
}

/// The same for a list.
std::optional<json> documented(const FieldInfo& field, const json& value) {
  if (field.shape == FieldInfo::Shape::one) return documented(field.kind, value);
  if (!value.is_array()) return std::nullopt;
  json all = json::array();
  for (const json& element : value) {
    std::optional<json> one = documented(field.kind, element);
    if (!one) return std::nullopt;
    all.push_back(std::move(*one));
  }
  return all;
}

/// What lies in what is not there, or is something else.
Given inside(Given given) { return given == Given::invalid ? Given::invalid : Given::missing; }

std::string text(Given given) {
  constexpr const char* names[] = {"missing", "null", "a value", "invalid"};
  return names[static_cast<std::size_t>(given)];
}

// ------------------------------------------------------------------------------------------------------ Side by side

class Walk {
 public:
  explicit Walk(Comparison& found) noexcept : found_(found) {}

  template <typename M>
  void object(const M& model, const json& expected, const std::string& path) {
    if (!check(given_of(expected, json::value_t::object), model.given(), path)) return;
    call_methods(model, [](std::string_view, const auto&) {});
    if (!model.has_value()) return nothing_in(model, path);
    // Of large ones it would be most of the work, and their parts are looked at by themselves.
    if (model.json().size() < 500 && json::parse(model.json()) != expected) differ(path, "json() is another text");
    found_.models.insert(std::string(M::info().name));
    std::set<std::string_view> known;
    model.visit([&](const FieldInfo& info, const auto& value) {
      known.insert(info.name);
      const auto at = expected.find(info.name);
      field(info, value, at != expected.end() ? &*at : nullptr, path + "/" + std::string(info.name));
    });
    for (const auto& [key, value] : expected.items())
      if (!known.contains(key)) found_.unknown.emplace(M::info().name, key);
  }

 private:
  template <typename T>
  void field(const FieldInfo& info, const Field<T>& field, const json* expected, const std::string& path) {
    std::optional<json> value;
    if (expected != nullptr && !expected->is_null()) value = documented(info, *expected);
    const Given given = expected == nullptr   ? Given::missing
                        : expected->is_null() ? Given::null
                        : value               ? Given::value
                                              : Given::invalid;
    if (!check(given, field.given(), path)) return;
    if (field.has_value()) {
      if (plain(*field) != *value) differ(path, plain(*field).dump() + " is read, and it is " + value->dump());
    } else {
      error(info, field.error(), given, path);
    }
  }

  /// A mark.
  void field(const FieldInfo&, bool is_set, const json* expected, const std::string& path) {
    ++found_.fields;
    if (is_set != (expected != nullptr)) differ(path, "is set or not");
  }

  void field(const FieldInfo&, const JsonView& view, const json* expected, const std::string& path) {
    const Given given = expected == nullptr ? Given::missing : expected->is_null() ? Given::null : Given::value;
    if (!check(given, view.given(), path) || expected == nullptr) return;
    if (json::parse(view.json()) != *expected) differ(path, "json() is another text");
  }

  template <typename M>
  requires std::is_base_of_v<Model, M>
  void field(const FieldInfo& info, const M& model, const json* expected, const std::string& path) {
    if (expected != nullptr) return object(model, *expected, path);
    if (check(Given::missing, model.given(), path)) nothing_in(model, path);
    if (!model.has_value()) error(info, model.error(), model.given(), path);
  }

  template <typename M>
  void field(const FieldInfo&, const List<M>& list, const json* expected, const std::string& path) {
    const json none;
    const Given given = expected == nullptr ? Given::missing : given_of(*expected, json::value_t::array);
    if (!check(given, list.given(), path)) return;
    const std::size_t size = given == Given::value ? expected->size() : 0;
    if (list.size() != size) return differ(path, "has another size");
    std::size_t i = 0;
    for (const M element : list) {
      object(element, (*expected)[i], path + "/" + std::to_string(i));
      ++i;
    }
    if (i != size) differ(path, "ends early");
    if (list[size].given() != inside(given == Given::value ? Given::missing : given))
      differ(path, "goes on behind its end");
  }

  template <typename M>
  void field(const FieldInfo&, const Map<M>& map, const json* expected, const std::string& path) {
    const Given given = expected == nullptr ? Given::missing : given_of(*expected, json::value_t::object);
    if (!check(given, map.given(), path)) return;
    if (given != Given::value) {
      if (map["1"].given() != inside(given) || !map.entries().empty()) differ(path, "holds what is not there");
      return;
    }
    std::set<std::string> keys;
    for (const auto& [key, element] : map.entries()) {
      if (!expected->contains(key)) return differ(path, "has the key " + key);
      // Of a key that is given twice, the last value counts.
      if (keys.insert(key).second) object(map[key], expected->at(key), path + "/" + key);
    }
    if (keys.size() != expected->size()) differ(path, "has not all keys");
  }

  /// All fields of what is missing or invalid are that too.
  template <typename M>
  void nothing_in(const M& model, const std::string& path) {
    const Given given = inside(model.given());
    model.visit([&]<typename T>(const FieldInfo& info, const T& value) {
      ++found_.fields;
      bool is_right = false;
      if constexpr (std::is_same_v<T, bool>)
        is_right = !value;
      else
        is_right = value.given() == given;
      if (!is_right) differ(path + "/" + std::string(info.name), "is not " + text(given));
    });
  }

  Given given_of(const json& value, json::value_t type) {
    return value.is_null() ? Given::null : value.type() == type ? Given::value : Given::invalid;
  }

  /// Whether they agree.
  bool check(Given expected, Given found, const std::string& path) {
    ++found_.fields;
    if (expected == Given::value) ++found_.values;
    if (expected == Given::invalid) found_.invalid.push_back(path);
    if (expected != found) differ(path, text(found) + " is read, and it is " + text(expected));
    return expected == found;
  }

  void error(const FieldInfo& info, const Error& error, Given given, const std::string& path) {
    const Errc code = given == Given::invalid ? Errc::invalid_data_found : Errc::invalid_argument;
    if (error.code != code) differ(path, "its error() is " + describe(error));
    if (error.text.find(info.name) == std::string::npos) differ(path, "its error() names another: " + describe(error));
  }

  void differ(const std::string& path, const std::string& how) { found_.differences.push_back(path + ": " + how); }

  Comparison& found_;
};

// ---------------------------------------------------------------------------------------------------------- Examples

json example_of(const FieldInfo& field, unsigned depth, Random& random);

json example_of(const ModelInfo& model, unsigned depth, Random& random) {
  json object = json::object();
  if (depth == 0) return object;
  for (const FieldInfo& field : model.fields) {
    json& value = object[std::string(field.name)];
    const std::size_t count = 1 + random.below(2);
    if (field.shape == FieldInfo::Shape::one) {
      value = example_of(field, depth - 1, random);
      continue;
    }
    value = field.shape == FieldInfo::Shape::list ? json::array() : json::object();
    for (std::size_t i = 0; i < count; ++i) {
      const json element = example_of(field, depth - 1, random);
      if (value.is_array())
        value.push_back(element);
      else
        value[std::to_string(random.next())] = element;
    }
  }
  return object;
}

json example_of(const FieldInfo& field, unsigned depth, Random& random) {
  switch (field.kind) {
    case FieldKind::id:
    case FieldKind::permissions:
      return std::to_string(random.next());
    case FieldKind::string:
      return "\"a\\ \n\t \xC3\xA9 \xF0\x9F\x98\x80 " + std::to_string(random.below(1000));
    case FieldKind::boolean:
      return random.one_in(2);
    case FieldKind::integer:
      return static_cast<std::int64_t>(random.next());
    case FieldKind::number:
      return static_cast<double>(random.below(1000)) / 8;
    case FieldKind::time:
      return "2024-05-06T07:08:" + std::to_string(10 + random.below(50)) +
             (random.one_in(2) ? "+00:00" : "." + std::to_string(100'000 + random.below(900'000)) + "+00:00");
    case FieldKind::unix_ms:
      return 1'700'000'000'000 + random.below(1'000'000'000);
    case FieldKind::unix_s:
      return 1'700'000'000 + random.below(1'000'000);
    case FieldKind::enumeration:
      return field.values[random.below(field.values.size())].value;
    case FieldKind::flags:
      return std::uint64_t{1} << field.values[random.below(field.values.size())].value;
    case FieldKind::word:
      return field.values[random.below(field.values.size())].name;
    case FieldKind::mark:
      return nullptr;
    case FieldKind::json:
      return json{{"a", {1, "b"}}};
    case FieldKind::object:
      return example_of(field.object(), depth, random);
  }
  return {};
}

}  // namespace

const std::vector<std::string_view>& model_names() {
#define SAKE_NAME(M) #M,
  static const std::vector<std::string_view> names{SAKE_EACH_MODEL(SAKE_NAME)};
#undef SAKE_NAME
  return names;
}

void compare(std::string_view model, const JsonView& view, const json& expected, Comparison& comparison) {
#define SAKE_COMPARE(M) \
  if (model == #M) return Walk(comparison).object(M(view), expected, #M);
  SAKE_EACH_MODEL(SAKE_COMPARE)
#undef SAKE_COMPARE
  comparison.differences.push_back("there is no model " + std::string(model));
}

void compare_text(std::string_view model, const std::string& text, Comparison& comparison) {
  const json expected = json::parse(text, nullptr, false);
  // What is no JSON is like what is no object.
  const json other = json::array();
  compare(model, JsonView(text), expected.is_discarded() ? other : expected, comparison);
}

std::string example_of(std::string_view model, unsigned depth, Random& random) {
#define SAKE_EXAMPLE(M) \
  if (model == #M) return example_of(M::info(), depth, random).dump();
  SAKE_EACH_MODEL(SAKE_EXAMPLE)
#undef SAKE_EXAMPLE
  return {};
}

std::vector<std::pair<JsonView, json>> parts(const JsonView& view, const json& value, std::string_view pointer) {
  if (pointer.empty()) return {{view, value}};
  const std::size_t end = std::min(pointer.find('/', 1), pointer.size());
  const std::string key(pointer.substr(1, end - 1));
  const std::string_view rest = pointer.substr(end);
  std::vector<std::pair<JsonView, json>> found;
  const auto add = [&](const JsonView& part, const json& of) {
    for (auto& each : parts(part, of, rest)) found.push_back(std::move(each));
  };
  if (key == "*" && value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) add(view.as_list()[i], value[i]);
  } else if (key == "*" && value.is_object()) {
    for (const auto& [name, member] : value.items()) add(view[name], member);
  } else if (value.is_object() && value.contains(key)) {
    add(view[key], value.at(key));
  }
  return found;
}

const std::vector<EventPart>& event_parts() {
  static const std::vector<EventPart> all{
      {"READY", "/user", "OwnUser"},
      {"READY", "/guilds/*", "Guild"},
      {"USER_UPDATE", "", "OwnUser"},
      {"GUILD_CREATE", "", "Guild"},
      {"GUILD_UPDATE", "", "Guild"},
      {"GUILD_DELETE", "", "Guild"},
      {"GUILD_BAN_ADD", "/user", "User"},
      {"GUILD_BAN_REMOVE", "/user", "User"},
      {"GUILD_MEMBER_ADD", "", "Member"},
      {"GUILD_MEMBER_UPDATE", "", "Member"},
      {"GUILD_MEMBER_REMOVE", "/user", "User"},
      {"GUILD_MEMBERS_CHUNK", "/members/*", "Member"},
      {"GUILD_MEMBERS_CHUNK", "/presences/*", "Presence"},
      {"GUILD_ROLE_CREATE", "/role", "Role"},
      {"GUILD_ROLE_UPDATE", "/role", "Role"},
      {"GUILD_EMOJIS_UPDATE", "/emojis/*", "Emoji"},
      {"GUILD_STICKERS_UPDATE", "/stickers/*", "Sticker"},
      {"GUILD_SOUNDBOARD_SOUND_CREATE", "", "SoundboardSound"},
      {"GUILD_SOUNDBOARD_SOUND_UPDATE", "", "SoundboardSound"},
      {"GUILD_SOUNDBOARD_SOUNDS_UPDATE", "/soundboard_sounds/*", "SoundboardSound"},
      {"SOUNDBOARD_SOUNDS", "/soundboard_sounds/*", "SoundboardSound"},
      {"CHANNEL_CREATE", "", "Channel"},
      {"CHANNEL_UPDATE", "", "Channel"},
      {"CHANNEL_DELETE", "", "Channel"},
      {"CHANNEL_INFO", "/channels/*", "Channel"},
      {"VOICE_CHANNEL_STATUS_UPDATE", "", "Channel"},
      {"VOICE_CHANNEL_START_TIME_UPDATE", "", "Channel"},
      {"VOICE_CHANNEL_EFFECT_SEND", "/emoji", "PartialEmoji"},
      {"THREAD_CREATE", "", "Thread"},
      {"THREAD_UPDATE", "", "Thread"},
      {"THREAD_DELETE", "", "Thread"},
      {"THREAD_LIST_SYNC", "/threads/*", "Thread"},
      {"THREAD_LIST_SYNC", "/members/*", "ThreadMember"},
      {"THREAD_MEMBER_UPDATE", "", "ThreadMember"},
      {"THREAD_MEMBERS_UPDATE", "/added_members/*", "ThreadMember"},
      {"MESSAGE_CREATE", "", "Message"},
      {"MESSAGE_UPDATE", "", "Message"},
      {"MESSAGE_REACTION_ADD", "/member", "Member"},
      {"MESSAGE_REACTION_ADD", "/emoji", "PartialEmoji"},
      {"MESSAGE_REACTION_REMOVE", "/emoji", "PartialEmoji"},
      {"MESSAGE_REACTION_REMOVE_EMOJI", "/emoji", "PartialEmoji"},
      {"PRESENCE_UPDATE", "", "Presence"},
      {"TYPING_START", "/member", "Member"},
      {"VOICE_STATE_UPDATE", "", "VoiceState"},
      {"STAGE_INSTANCE_CREATE", "", "StageInstance"},
      {"STAGE_INSTANCE_UPDATE", "", "StageInstance"},
      {"STAGE_INSTANCE_DELETE", "", "StageInstance"},
      {"GUILD_SCHEDULED_EVENT_CREATE", "", "ScheduledEvent"},
      {"GUILD_SCHEDULED_EVENT_UPDATE", "", "ScheduledEvent"},
      {"GUILD_SCHEDULED_EVENT_DELETE", "", "ScheduledEvent"},
      {"INVITE_CREATE", "", "Invite"},
      {"INTEGRATION_CREATE", "", "Integration"},
      {"INTEGRATION_UPDATE", "", "Integration"},
      {"AUTO_MODERATION_RULE_CREATE", "", "AutoModerationRule"},
      {"AUTO_MODERATION_RULE_UPDATE", "", "AutoModerationRule"},
      {"AUTO_MODERATION_RULE_DELETE", "", "AutoModerationRule"},
      {"AUTO_MODERATION_ACTION_EXECUTION", "/action", "RuleAction"},
      {"INTERACTION_CREATE", "/member", "Member"},
      {"INTERACTION_CREATE", "/user", "User"},
      {"INTERACTION_CREATE", "/message", "Message"},
      {"INTERACTION_CREATE", "/channel", "Channel"},
      {"INTERACTION_CREATE", "/data/resolved", "ResolvedData"},
  };
  return all;
}

}  // namespace sake::test
