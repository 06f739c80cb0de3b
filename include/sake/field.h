#pragma once

// What a payload says of one field: nothing, null, a value, or something that is no such value.

#include <cassert>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "sake/error.h"
#include "sake/export.h"

namespace sake {

/// Which of the four it is.
enum class Given : std::uint8_t {
  missing,  ///< The payload has no such field.
  null,     ///< It is null, which Discord tells from missing in some places.
  value,    ///< There is one.
  invalid,  ///< It is of another type than Discord documents.
};

/// What a field holds; see FieldInfo.
enum class FieldKind : std::uint8_t {
  id,
  string,
  boolean,
  integer,
  number,
  time,     ///< ISO 8601.
  unix_ms,  ///< Milliseconds since 1970.
  unix_s,   ///< Seconds since 1970.
  permissions,
  enumeration,
  flags,
  word,
  mark,  ///< Null when it is set, missing when it is not.
  json,
  object,
};

/// One of an enumeration's values, by Discord's name.
struct EnumValue {
  std::int64_t value;     ///< Of flags the number of the bit.
  std::string_view name;  ///< Discord's name.
};

struct ModelInfo;

/// What is documented of a field.
struct SAKE_EXPORT FieldInfo {
  /// How many there are.
  enum class Shape : std::uint8_t { one, list, map };

  std::string_view model;                 ///< Whose it is: "Message".
  std::string_view name;                  ///< Discord's: "edited_timestamp".
  FieldKind kind;                         ///< What each value is.
  Shape shape;                            ///< How many values there are.
  bool may_be_missing;                    ///< Any field may be, in a partial object; this one also in a whole.
  bool may_be_null;                       ///< Whether null is documented.
  std::span<const EnumValue> values;      ///< Of enumeration, flags and word.
  const ModelInfo& (*object)() noexcept;  ///< Of object.

  /// Why there is no value: invalid_data_found names the field and what it should be; invalid_argument when nothing is
  /// wrong but that it is missing or null. `info` may be null.
  static Error error(const FieldInfo* info, Given given);
};

/// The fields of a model, those of its base first.
struct ModelInfo {
  std::string_view name;              ///< "Message".
  std::span<const FieldInfo> fields;  ///< In the order of the accessors.
};

/// A value, or why there is none. Like std::optional, but it tells a field that is missing from one that is null, and
/// both from one that is not what it should be.
template <typename T>
class Field {
 public:
  /// Without a value.
  Field(const FieldInfo* info, Given given) noexcept : info_(info), given_(given) {}
  /// With a value.
  Field(const FieldInfo* info, T value) noexcept : info_(info), given_(Given::value), value_(std::move(value)) {}

  /// Which of the four it is.
  Given given() const noexcept { return given_; }
  /// Whether there is a value.
  bool has_value() const noexcept { return given_ == Given::value; }
  /// Whether the payload has no such field.
  bool is_missing() const noexcept { return given_ == Given::missing; }
  /// Whether it is null.
  bool is_null() const noexcept { return given_ == Given::null; }
  /// Whether it is of another type than documented.
  bool is_invalid() const noexcept { return given_ == Given::invalid; }

  /// has_value(). Not for bool, of which it would look like the value: `if (user.bot().value_or(false))`.
  explicit operator bool() const noexcept requires(!std::same_as<T, bool>) { return has_value(); }

  /// REQUIRES: has_value().
  const T& value() const& noexcept {
    assert(has_value() && "a field without a value was asked for it");
    return value_;
  }
  /// Moved out. REQUIRES: has_value().
  T value() && noexcept {
    assert(has_value() && "a field without a value was asked for it");
    return std::move(value_);
  }
  const T& operator*() const& noexcept { return value(); }
  T operator*() && noexcept { return std::move(*this).value(); }
  const T* operator->() const noexcept { return &value(); }

  /// The value, or `other` where there is none.
  T value_or(T other) const& { return has_value() ? value_ : std::move(other); }
  /// The same, moved out.
  T value_or(T other) && { return has_value() ? std::move(value_) : std::move(other); }
  /// The value, or nothing: for code that need not know why.
  std::optional<T> optional() const& { return has_value() ? std::optional<T>(value_) : std::nullopt; }

  /// Whether there is a value and it is this one.
  friend bool operator==(const Field& field, const T& value) { return field.has_value() && field.value_ == value; }

  /// Why there is no value: invalid_data_found names the field and what it should be. REQUIRES: !has_value().
  Error error() const {
    assert(!has_value() && "a field with a value was asked for an error");
    return FieldInfo::error(info_, given_);
  }
  /// What is documented of the field; null of a value that was read by no documented name.
  const FieldInfo* info() const noexcept { return info_; }

 private:
  const FieldInfo* info_;
  Given given_;
  T value_{};
};

/// A set of flags. Bits that Discord has not documented are kept.
template <typename Flag>
class Flags {
 public:
  constexpr Flags() noexcept = default;
  /// With those bits set, whatever they mean.
  constexpr explicit Flags(std::uint64_t bits) noexcept : bits_(bits) {}

  /// Whether the flag is set.
  constexpr bool has(Flag flag) const noexcept { return (bits_ >> static_cast<unsigned>(flag) & 1) != 0; }
  /// Discord's number.
  constexpr std::uint64_t bits() const noexcept { return bits_; }
  friend constexpr bool operator==(Flags, Flags) noexcept = default;

 private:
  std::uint64_t bits_ = 0;
};

/// One of a list of words, or a word that is not on it.
template <typename E>
struct Word {
  E value = E::unknown;  ///< Unknown: a word that is not on the list.
  std::string text;      ///< As Discord sent it.

  friend bool operator==(const Word& word, E value) noexcept { return word.value == value; }
  friend bool operator==(const Word& a, const Word& b) noexcept { return a.text == b.text; }
};

}  // namespace sake
