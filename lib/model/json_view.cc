#include "sake/json_view.h"

#include <charconv>
#include <cmath>

#include "base/timestamp.h"
#include "model/reader.h"

namespace sake {

using model::Reader;
using model::Text;

JsonView::JsonView() noexcept = default;

JsonView::JsonView(std::string json, std::shared_ptr<App> app)
    : text_(std::make_shared<Text>(Entity{.json = std::move(json), .app = std::move(app)})) {
  given_ = text_->index().root().is_missing() ? Given::invalid
           : text_->index().root().is_null()  ? Given::null
                                              : Given::value;
}

JsonView::JsonView(Entity entity) : text_(std::make_shared<Text>(std::move(entity))), given_(Given::value) {}

JsonView::JsonView(std::shared_ptr<const Text> text, const FieldInfo* field, std::uint32_t node, Given given) noexcept
    : text_(std::move(text)), field_(field), node_(node), given_(given) {}

Given JsonView::given() const noexcept { return given_; }

Error JsonView::error() const {
  // Of parts that no model knows, and of what is merely not there, the text says nothing.
  if (field_ != nullptr || node_ != 0 || !is_invalid()) return FieldInfo::error(field_, given_);
  return Error{.code = Errc::invalid_data_found, .text = "the text is not the JSON object that it should be"};
}

JsonView::Kind JsonView::kind() const noexcept {
  // The first character tells, so that a text which is merely passed on needs no index.
  const std::string_view text = json();
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return Kind::none;
  switch (text[first]) {
    case '{':
      return Kind::object;
    case '[':
      return Kind::array;
    case '"':
      return Kind::string;
    case 'n':
      return Kind::null;
    case 't':
    case 'f':
      return Kind::boolean;
    default:
      return Kind::number;
  }
}

std::string_view JsonView::json() const noexcept {
  if (text_ == nullptr || given_ == Given::missing) return {};
  // The whole text is known without its index.
  return node_ == 0 ? std::string_view(text_->entity().json) : text_->index().at(node_).text();
}

JsonView JsonView::operator[](std::string_view key) const {
  json::Value found;
  const Given given = Reader::find(*this, key, found);
  // What is invalid shows the text that is to blame.
  if (given == Given::invalid) return JsonView(text_, field_, node_, given);
  return JsonView(text_, nullptr, found.node(), given);
}

List<JsonView> JsonView::as_list() const { return List<JsonView>(*this); }
Map<JsonView> JsonView::as_map() const { return Map<JsonView>(*this); }

const Entity& JsonView::entity() const noexcept {
  static const Entity none;
  return text_ != nullptr ? text_->entity() : none;
}

const std::shared_ptr<App>& JsonView::app() const noexcept { return entity().app; }

JsonView JsonView::first() const {
  const json::Value value = *text_->index().at(node_).children().begin();
  return JsonView(text_, field_, value.node(), value.is_null() ? Given::null : Given::value);
}

std::size_t JsonView::count() const noexcept {
  std::size_t count = 0;
  for ([[maybe_unused]] json::Value part : text_->index().at(node_).children()) ++count;
  return count;
}

void JsonView::advance() noexcept {
  json::Value::Iterator at(&text_->index(), node_);
  const json::Value value = *++at;
  node_ = value.node();
  given_ = value.is_null() ? Given::null : Given::value;
}

std::string JsonView::key() const { return text_->index().at(node_).key(); }

void JsonView::require(Kind kind) noexcept {
  if (has_value() && this->kind() != kind) given_ = Given::invalid;
}

template <typename T>
Field<T> JsonView::as() const {
  return Reader::convert<T>(*this, field_);
}
template SAKE_EXPORT Field<bool> JsonView::as() const;
template SAKE_EXPORT Field<std::int64_t> JsonView::as() const;
template SAKE_EXPORT Field<std::uint64_t> JsonView::as() const;
template SAKE_EXPORT Field<double> JsonView::as() const;
template SAKE_EXPORT Field<std::string> JsonView::as() const;
template SAKE_EXPORT Field<Snowflake> JsonView::as() const;
template SAKE_EXPORT Field<Timestamp> JsonView::as() const;

namespace {

std::string_view expected(const FieldInfo& field) {
  if (field.shape == FieldInfo::Shape::map) return "an object of them";
  switch (field.kind) {
    case FieldKind::id:
      return "a snowflake";
    case FieldKind::string:
    case FieldKind::word:
      return "a string";
    case FieldKind::boolean:
      return "true or false";
    case FieldKind::integer:
    case FieldKind::enumeration:
    case FieldKind::unix_ms:
    case FieldKind::unix_s:
      return "an integer";
    case FieldKind::number:
      return "a number";
    case FieldKind::time:
      return "a time";
    case FieldKind::permissions:
    case FieldKind::flags:
      return "a set of bits";
    case FieldKind::object:
      return "an object";
    case FieldKind::mark:
    case FieldKind::json:
      break;
  }
  return "what it should be";
}

}  // namespace

Error FieldInfo::error(const FieldInfo* info, Given given) {
  const std::string name =
      info == nullptr ? std::string("the value") : "`" + std::string(info->name) + "` of " + std::string(info->model);
  if (given == Given::invalid) {
    std::string should = info == nullptr ? "of the type asked for" : std::string(expected(*info));
    if (info != nullptr && info->shape == FieldInfo::Shape::list) should = "an array, " + should + " each";
    return Error{.code = Errc::invalid_data_found, .text = name + " is not " + should};
  }
  return Error{
      .code = Errc::invalid_argument,
      .text = name + (given == Given::null ? " is null" : " is missing") + ": ask for has_value() before error()"};
}

namespace model {

json::Value Reader::of(const JsonView& view) noexcept { return view.text_->index().at(view.node_); }

Given Reader::find(const JsonView& object, std::string_view key, json::Value& found) {
  if (!object.has_value()) return object.is_invalid() ? Given::invalid : Given::missing;
  const json::Value in = of(object);
  // Of an entity, here is where it shows that its text is no JSON.
  if (!in.is_object()) return Given::invalid;
  found = in[key];
  return found.is_missing() ? Given::missing : found.is_null() ? Given::null : Given::value;
}

JsonView Reader::view(const JsonView& object, const FieldInfo& field) {
  JsonView found = object[field.name];
  found.field_ = &field;
  return found;
}

template <>
std::optional<bool> Reader::to_scalar(json::Value value, const FieldInfo*) {
  if (value.type() != json::Type::boolean) return std::nullopt;
  return value.is_true();
}

template <>
std::optional<std::int64_t> Reader::to_scalar(json::Value value, const FieldInfo*) {
  return value.integer();
}

template <>
std::optional<std::uint64_t> Reader::to_scalar(json::Value value, const FieldInfo*) {
  return value.type() == json::Type::number ? value.snowflake() : std::nullopt;
}

template <>
std::optional<double> Reader::to_scalar(json::Value value, const FieldInfo*) {
  if (value.type() != json::Type::number) return std::nullopt;
  const std::string_view digits = value.text();
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

template <>
std::optional<std::string> Reader::to_scalar(json::Value value, const FieldInfo*) {
  if (!value.is_string()) return std::nullopt;
  return value.string();
}

template <>
std::optional<Snowflake> Reader::to_scalar(json::Value value, const FieldInfo*) {
  const std::optional<std::uint64_t> id = value.snowflake();
  return id ? std::optional<Snowflake>(*id) : std::nullopt;
}

template <>
std::optional<Timestamp> Reader::to_scalar(json::Value value, const FieldInfo* field) {
  if (field != nullptr && (field->kind == FieldKind::unix_ms || field->kind == FieldKind::unix_s)) {
    const std::optional<std::int64_t> count = value.integer();
    const std::int64_t unit = field->kind == FieldKind::unix_ms ? 1'000 : 1'000'000;
    if (!count || *count > INT64_MAX / unit || *count < INT64_MIN / unit) return std::nullopt;
    return Timestamp(std::chrono::microseconds(*count * unit));
  }
  if (!value.is_string()) return std::nullopt;
  std::optional<std::int64_t> microseconds = base::parse_timestamp_us(value.raw_string());
  if (!microseconds) {
    // It may be written with escapes, and what names no offset is in UTC.
    const std::string text = value.string();
    microseconds = base::parse_timestamp_us(text);
    if (!microseconds) microseconds = base::parse_timestamp_us(text + "Z");
  }
  return microseconds ? std::optional<Timestamp>(std::chrono::microseconds(*microseconds)) : std::nullopt;
}

}  // namespace model
}  // namespace sake
