#pragma once

// Reads the fields of models: what FieldInfo says of one decides how its value is understood.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sake/field.h"
#include "sake/json_view.h"
#include "sake/permissions.h"

#include "json/scan.h"
#include "model/text.h"

namespace sake::model {

class Reader {
 public:
  /// A field of an object. Whatever lies in something that is missing or invalid is that too.
  static JsonView view(const JsonView& object, const FieldInfo& field);

  template <typename T>
  static Field<T> read(const JsonView& object, const FieldInfo& field) {
    // Without a view of the value, whose share in the text would cost more than the rest.
    json::Value value;
    const Given given = find(object, field.name, value);
    return given == Given::value ? convert<T>(value, &field) : Field<T>(&field, given);
  }
  /// Whether it is there, which is all that a mark says.
  static bool is_set(const JsonView& object, const FieldInfo& field) {
    json::Value value;
    const Given given = find(object, field.name, value);
    return given == Given::null || given == Given::value;
  }

  template <typename T>
  static Field<T> convert(const JsonView& view, const FieldInfo* field) {
    return view.has_value() ? convert<T>(of(view), field) : Field<T>(field, view.given());
  }

  /// The member of an object by its key; `found` is missing unless there is one.
  static Given find(const JsonView& object, std::string_view key, json::Value& found);

  /// The value that a view is of. REQUIRES: view.has_value().
  static json::Value of(const JsonView& view) noexcept;

 private:
  template <typename T>
  static Field<T> convert(json::Value value, const FieldInfo* field) {
    std::optional<T> converted = to<T>(value, field);
    if (!converted) return Field<T>(field, Given::invalid);
    return Field<T>(field, std::move(*converted));
  }

  template <typename T>
  struct is_vector : std::false_type {};
  template <typename T>
  struct is_vector<std::vector<T>> : std::true_type {};
  template <typename T>
  struct is_flags : std::false_type {};
  template <typename E>
  struct is_flags<Flags<E>> : std::true_type {};
  template <typename T>
  struct is_word : std::false_type {};
  template <typename E>
  struct is_word<Word<E>> : std::true_type {};

  template <typename T>
  static std::optional<T> to(json::Value value, const FieldInfo* field) {
    if constexpr (is_vector<T>::value) {
      if (!value.is_array()) return std::nullopt;
      T all;
      for (json::Value element : value.children()) {
        std::optional<typename T::value_type> one = to<typename T::value_type>(element, field);
        if (!one) return std::nullopt;
        all.push_back(std::move(*one));
      }
      return all;
    } else if constexpr (std::is_enum_v<T>) {
      const std::optional<std::int64_t> number = value.integer();
      return number ? std::optional<T>(static_cast<T>(*number)) : std::nullopt;
    } else if constexpr (is_flags<T>::value || std::is_same_v<T, Permissions>) {
      const std::optional<std::uint64_t> bits = value.snowflake();  // A number, or one in a string.
      return bits ? std::optional<T>(T(*bits)) : std::nullopt;
    } else if constexpr (is_word<T>::value) {
      if (!value.is_string()) return std::nullopt;
      T word{.text = value.string()};
      for (const EnumValue& known : field->values)
        if (known.name == word.text) word.value = static_cast<decltype(word.value)>(known.value);
      return word;
    } else {
      return to_scalar<T>(value, field);
    }
  }

  /// T: bool, std::int64_t, std::uint64_t, double, std::string, Snowflake or Timestamp.
  template <typename T>
  static std::optional<T> to_scalar(json::Value value, const FieldInfo* field);
};

}  // namespace sake::model
