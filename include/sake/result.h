#pragma once

// A value or an Error. Nothing in this library throws; a fallible call returns one of these.

#include <cassert>
#include <optional>
#include <utility>
#include <variant>

#include "sake/error.h"

namespace sake {

/// A value, or why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  /// Success.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  /// Failure.
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }
  /// Whether there is a value.
  bool has_value() const noexcept { return state_.index() == 0; }

  /// REQUIRES: has_value().
  T& value() & noexcept { return *checked(std::get_if<0>(&state_)); }
  /// REQUIRES: has_value().
  const T& value() const& noexcept { return *checked(std::get_if<0>(&state_)); }
  /// The same, moved out.
  T&& value() && noexcept { return std::move(*checked(std::get_if<0>(&state_))); }
  T& operator*() & noexcept { return value(); }
  const T& operator*() const& noexcept { return value(); }
  T* operator->() noexcept { return &value(); }
  const T* operator->() const noexcept { return &value(); }

  /// REQUIRES: !has_value().
  Error& error() noexcept { return *checked(std::get_if<1>(&state_)); }
  /// REQUIRES: !has_value().
  const Error& error() const noexcept { return *checked(std::get_if<1>(&state_)); }

 private:
  template <typename P>
  static P* checked(P* pointer) noexcept {
    assert(pointer != nullptr && "the other alternative of a Result was asked for");
    return pointer;
  }

  std::variant<T, Error> state_;
};

/// Success, or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  /// Failure.
  Status(Error error) : error_(std::move(error)) {}

  explicit operator bool() const noexcept { return !error_; }
  /// Whether it is no failure.
  bool ok() const noexcept { return !error_; }

  /// REQUIRES: !ok().
  const Error& error() const noexcept {
    assert(error_ && "a Status without an error was asked for one");
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace sake
