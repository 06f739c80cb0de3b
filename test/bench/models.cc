// models: what it costs to read an entity through its typed model, and as objects of nlohmann-json and of RapidJSON.
// All three convert what they read to the same types, by the same description of the fields.

#include "sake/models.h"

#include <charconv>
#include <ctime>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>
#include <rapidjson/document.h>

#include "base/snowflake.h"
#include "base/timestamp.h"
#include "commands.h"
#include "support/gateway_log.h"

namespace sake::bench {
namespace {

/// What was read, added up: so that nothing is left out because nobody needs it.
struct Sum {
  std::uint64_t total = 0;
  std::uint64_t values = 0;

  void operator()(std::uint64_t value) {
    total += value;
    ++values;
  }
};

// ------------------------------------------------------------------------------------------------------------ Models

template <typename T>
void add(Sum& sum, const T& value) {
  if constexpr (std::is_same_v<T, std::string>)
    sum(value.size());
  else if constexpr (std::is_same_v<T, Timestamp>)
    sum(static_cast<std::uint64_t>(value.time_since_epoch().count()));
  else if constexpr (std::is_same_v<T, Snowflake> || std::is_same_v<T, Permissions>)
    sum(value.value());
  else if constexpr (requires { value.bits(); })
    sum(value.bits());
  else if constexpr (requires { value.text; })
    sum(value.text.size());
  else if constexpr (requires { value.begin(); })
    for (const auto& each : value) add(sum, each);
  else
    sum(static_cast<std::uint64_t>(value));
}

template <typename M>
void read_all(Sum& sum, const M& model) {
  model.visit([&sum]<typename T>(const FieldInfo&, const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      sum(value);
    } else if constexpr (std::is_base_of_v<Model, T>) {
      if (value.has_value()) read_all(sum, value);
    } else if constexpr (requires { value.optional(); }) {
      if (value.has_value()) add(sum, *value);
    }
  });
}

// ------------------------------------------------------------------------------------------------------- The two DOMs

struct Nlohmann {
  using Value = const nlohmann::json*;
  nlohmann::json document;

  explicit Nlohmann(const std::string& text) : document(nlohmann::json::parse(text)) {}
  Value root() const { return &document; }
  static Value find(Value object, std::string_view key) {
    const auto at = object->find(key);
    return at != object->end() && !at->is_null() ? &*at : nullptr;
  }
  static bool is_object(Value value) { return value->is_object(); }
  static bool is_array(Value value) { return value->is_array(); }
  static bool is_string(Value value) { return value->is_string(); }
  static std::string string(Value value) { return value->get<std::string>(); }
  static std::string_view view(Value value) { return value->get_ref<const std::string&>(); }
  static std::uint64_t number(Value value) {
    return value->is_boolean() ? value->get<bool>() : value->get<std::uint64_t>();
  }
  template <typename Each>
  static void each(Value array, Each&& call) {
    for (const auto& element : *array) call(&element);
  }
};

struct Rapid {
  using Value = const rapidjson::Value*;
  rapidjson::Document document;

  explicit Rapid(const std::string& text) { document.Parse(text.data(), text.size()); }
  Value root() const { return &document; }
  static Value find(Value object, std::string_view key) {
    const auto at = object->FindMember(rapidjson::StringRef(key.data(), static_cast<rapidjson::SizeType>(key.size())));
    return at != object->MemberEnd() && !at->value.IsNull() ? &at->value : nullptr;
  }
  static bool is_object(Value value) { return value->IsObject(); }
  static bool is_array(Value value) { return value->IsArray(); }
  static bool is_string(Value value) { return value->IsString(); }
  static std::string string(Value value) { return {value->GetString(), value->GetStringLength()}; }
  static std::string_view view(Value value) { return {value->GetString(), value->GetStringLength()}; }
  static std::uint64_t number(Value value) {
    return value->IsBool()     ? static_cast<std::uint64_t>(value->GetBool())
           : value->IsUint64() ? value->GetUint64()
                               : static_cast<std::uint64_t>(value->GetDouble());
  }
  template <typename Each>
  static void each(Value array, Each&& call) {
    for (const auto& element : array->GetArray()) call(&element);
  }
};

template <typename Dom>
void add_value(Sum& sum, const FieldInfo& field, typename Dom::Value value) {
  switch (field.kind) {
    case FieldKind::id:
    case FieldKind::permissions:
      return sum(Dom::is_string(value) ? base::parse_snowflake(Dom::view(value)).value_or(0) : Dom::number(value));
    case FieldKind::string:
    case FieldKind::word:
      return sum(Dom::string(value).size());
    case FieldKind::time:
      return sum(static_cast<std::uint64_t>(base::parse_timestamp_us(Dom::view(value)).value_or(0)));
    default:
      return sum(Dom::number(value));
  }
}

template <typename Dom>
void read_all(Sum& sum, const ModelInfo& model, typename Dom::Value object) {
  for (const FieldInfo& field : model.fields) {
    const auto value = Dom::find(object, field.name);
    if (field.kind == FieldKind::mark) {
      sum(value != nullptr);
    } else if (value == nullptr || field.kind == FieldKind::json) {
      continue;
    } else if (field.kind == FieldKind::object) {
      if (Dom::is_object(value)) read_all<Dom>(sum, field.object(), value);
    } else if (field.shape == FieldInfo::Shape::list) {
      std::vector<std::uint64_t> all;  // As the models give them.
      Dom::each(value, [&](auto element) {
        Sum one;
        add_value<Dom>(one, field, element);
        all.push_back(one.total);
      });
      for (const std::uint64_t each : all) sum(each);
    } else {
      add_value<Dom>(sum, field, value);
    }
  }
}

// --------------------------------------------------------------------------------------------------------- Measuring

/// Members as they are stored.
std::vector<std::string> members(std::size_t count) {
  std::vector<std::string> texts;
  test::GatewayLog log({.seed = 3, .guilds = 4, .members = 60, .mix = test::Mix::startup, .quirks = false});
  for (std::string frame; texts.size() < count && log.next(frame);) {
    const JsonView d = JsonView(frame)["d"];
    for (const Member member : Guild(d).members()) texts.emplace_back(member.json());
  }
  if (texts.empty()) throw std::runtime_error("the log has no members");
  return texts;
}

double cpu_nanoseconds() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Per text, of `rounds` over all of them.
template <typename Read>
double nanoseconds(const std::vector<std::string>& texts, std::size_t rounds, Sum& sum, Read&& read) {
  const double begin = cpu_nanoseconds();
  for (std::size_t round = 0; round < rounds; ++round)
    for (const std::string& text : texts) read(sum, text);
  return (cpu_nanoseconds() - begin) / static_cast<double>(rounds * texts.size());
}

Member member_of(const std::string& text) {
  return Member(JsonView(Entity{.resource = Resource::member, .json = text}));
}

void check(const Sum& ours, const Sum& theirs) {
  if (ours.total != theirs.total || ours.values != theirs.values)
    throw std::runtime_error("the models and the DOM have not read the same");
}

}  // namespace

void run_models(const Settings& settings, Report& report) {
  const std::vector<std::string> texts = members(200);
  const std::size_t rounds = settings.scaled<std::size_t>(200, 1);
  std::size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();

  Samples whole, whole_nlohmann, whole_rapid, cold, cold_nlohmann, cold_rapid, warm, warm_nlohmann, warm_rapid;
  for (int run = 0; run < settings.pairs; ++run) {
    Sum ours, nlohmann, rapid;
    whole.add(
        nanoseconds(texts, rounds, ours, [](Sum& sum, const std::string& text) { read_all(sum, member_of(text)); }));
    whole_nlohmann.add(nanoseconds(texts, rounds, nlohmann, [](Sum& sum, const std::string& text) {
      const Nlohmann dom(text);
      read_all<Nlohmann>(sum, Member::info(), dom.root());
    }));
    whole_rapid.add(nanoseconds(texts, rounds, rapid, [](Sum& sum, const std::string& text) {
      const Rapid dom(text);
      read_all<Rapid>(sum, Member::info(), dom.root());
    }));
    check(ours, nlohmann);
    check(ours, rapid);

    cold.add(nanoseconds(texts, rounds, ours,
                         [](Sum& sum, const std::string& text) { sum(member_of(text).user().id().value_or(0)); }));
    cold_nlohmann.add(nanoseconds(texts, rounds, nlohmann, [](Sum& sum, const std::string& text) {
      const Nlohmann dom(text);
      sum(base::parse_snowflake(Nlohmann::view(Nlohmann::find(Nlohmann::find(dom.root(), "user"), "id"))).value_or(0));
    }));
    cold_rapid.add(nanoseconds(texts, rounds, rapid, [](Sum& sum, const std::string& text) {
      const Rapid dom(text);
      sum(base::parse_snowflake(Rapid::view(Rapid::find(Rapid::find(dom.root(), "user"), "id"))).value_or(0));
    }));
    check(ours, nlohmann);
    check(ours, rapid);

    // The same text again and again: four fields at its beginning, its end and in an object of it.
    const Member member = member_of(texts.front());
    const Nlohmann nlohmann_dom(texts.front());
    const Rapid rapid_dom(texts.front());
    const auto read_four = []<typename Dom>(Sum& sum, const Dom& dom) {
      for (const std::string_view key : {"joined_at"})
        if (const auto value = Dom::find(dom.root(), key))
          sum(static_cast<std::uint64_t>(base::parse_timestamp_us(Dom::view(value)).value_or(0)));
      if (const auto value = Dom::find(dom.root(), "flags")) sum(Dom::number(value));
      const auto user = Dom::find(dom.root(), "user");
      sum(base::parse_snowflake(Dom::view(Dom::find(user, "id"))).value_or(0));
      sum(Dom::string(Dom::find(user, "username")).size());
    };
    warm.add(nanoseconds(texts, rounds, ours, [&member](Sum& sum, const std::string&) {
      if (const auto joined = member.joined_at()) add(sum, *joined);
      if (const auto flags = member.flags()) add(sum, *flags);
      const User user = member.user();
      sum(user.id().value_or(0));
      sum(user.username().value_or("").size());
    }));
    warm_nlohmann.add(
        nanoseconds(texts, rounds, nlohmann, [&](Sum& sum, const std::string&) { read_four(sum, nlohmann_dom); }));
    warm_rapid.add(nanoseconds(texts, rounds, rapid, [&](Sum& sum, const std::string&) { read_four(sum, rapid_dom); }));
    check(ours, nlohmann);
    check(ours, rapid);
  }

  report.begin("members");
  report.fact("members", texts.size());
  report.fact("bytes of a member", bytes / texts.size());
  const auto compare = [&report](std::string name, const Samples& ours, const Samples& nlohmann, const Samples& rapid,
                                 std::optional<Bound> bound) {
    report.figure(name, "ns", ours);
    report.figure(name + ", nlohmann-json", "ns", nlohmann);
    report.figure(name + ", RapidJSON", "ns", rapid);
    report.figure(name + ", to nlohmann-json", "", ours / nlohmann, bound);
    report.figure(name + ", to RapidJSON", "", ours / rapid);
  };
  compare("all fields of a fresh text", whole, whole_nlohmann, whole_rapid, at_most(1));
  compare("one field of a fresh text", cold, cold_nlohmann, cold_rapid, at_most(1));
  compare("four fields of a text that was read before", warm, warm_nlohmann, warm_rapid, {});
}

}  // namespace sake::bench
