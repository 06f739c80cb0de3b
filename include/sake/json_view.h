#pragma once

// JsonView: a value inside a JSON text, seen and not copied. Model: one that is an object which Discord documents.
// The text is shared by all views of it, and its index is made on first use, once; any thread may do so. A view is as
// cheap to copy as a std::shared_ptr.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sake/entity.h"
#include "sake/error.h"
#include "sake/export.h"
#include "sake/field.h"
#include "sake/snowflake.h"

namespace sake {

class App;
template <typename T>
class List;
template <typename T>
class Map;

namespace model {
class Reader;
class Text;
}  // namespace model

/// A value of any type. Of a field that is missing, or inside of one, there is a view too, whose every part is missing:
/// `message.author().primary_guild().tag()` needs no checks on the way.
class SAKE_EXPORT JsonView {
 public:
  /// What a JSON value is.
  enum class Kind : std::uint8_t { none, null, boolean, number, string, array, object };

  /// Missing.
  JsonView() noexcept;
  /// Views a text. What is no JSON in UTF-8 is invalid, and what is nested deeper than 64 levels, holds a number beyond
  /// the range of a double, or many more values than a text of its size has (one for 6 bytes and 4,096).
  explicit JsonView(std::string json, std::shared_ptr<App> app = {});
  /// Views an entity that was read from the cache.
  explicit JsonView(Entity entity);

  /// Which of the four it is.
  Given given() const noexcept;
  /// Whether there is a value; null is none.
  bool has_value() const noexcept { return given() == Given::value; }
  /// Whether there is nothing.
  bool is_missing() const noexcept { return given() == Given::missing; }
  /// Whether it is null.
  bool is_null() const noexcept { return given() == Given::null; }
  /// Whether it is something else than it should be.
  bool is_invalid() const noexcept { return given() == Given::invalid; }
  /// has_value().
  explicit operator bool() const noexcept { return has_value(); }

  /// Why there is no value: invalid_data_found names what is wrong with it. REQUIRES: !has_value().
  Error error() const;

  /// What the value is; of no meaning where it is invalid.
  Kind kind() const noexcept;

  /// The text of this value as it is stored, `null` too; valid as long as any view of the text. Empty: it is missing.
  std::string_view json() const noexcept;

  /// A member of an object by its key, also one that no model knows; the last one where it is given twice. Of what is
  /// neither an object nor missing or null it is invalid.
  JsonView operator[](std::string_view key) const;

  /// The elements of an array, and the members of an object. Of anything else there are none.
  List<JsonView> as_list() const;
  /// See as_list().
  Map<JsonView> as_map() const;

  /// The value as a T: bool, std::int64_t, std::uint64_t, double, std::string (decoded), Snowflake (a string of digits
  /// or an integer) or Timestamp (ISO 8601).
  template <typename T>
  Field<T> as() const;

  /// What was read from the cache, of which this is the whole or a part: its resource, ids and text. Of a text that was
  /// not read from a cache: without ids.
  const Entity& entity() const noexcept;

  /// What the host gave the cache that this was read from (Options::app); null without one.
  const std::shared_ptr<App>& app() const noexcept;

 private:
  friend class model::Reader;
  template <typename T>
  friend class List;
  template <typename T>
  friend class Map;

  SAKE_HIDDEN JsonView(std::shared_ptr<const model::Text> text, const FieldInfo* field, std::uint32_t node,
                       Given given) noexcept;
  /// Of an array or object that is not empty: its first part, and how many there are.
  JsonView first() const;
  std::size_t count() const noexcept;
  /// Of a part: makes this the one behind it, which there has to be; its key.
  void advance() noexcept;
  std::string key() const;

 protected:
  /// Whatever has a value and is of another kind is invalid from now on.
  void require(Kind kind) noexcept;

 private:
  std::shared_ptr<const model::Text> text_;
  const FieldInfo* field_ = nullptr;
  std::uint32_t node_ = 0;
  Given given_ = Given::missing;
};

/// An object of a kind that Discord documents; see sake/models.h.
class SAKE_EXPORT Model : public JsonView {
 public:
  Model() noexcept = default;
  /// Views an object; whatever has a value and is none is invalid.
  explicit Model(JsonView view) noexcept : JsonView(std::move(view)) { require(Kind::object); }
};

/// The elements of an array, as T each; the array is walked anew by each iterator.
template <typename T>
class List {
 public:
  List() noexcept = default;
  /// Whatever has a value and is no array is invalid.
  explicit List(JsonView array) noexcept : array_(std::move(array)) { array_.require(JsonView::Kind::array); }

  /// Which of the four it is.
  Given given() const noexcept { return array_.given(); }
  /// Whether there is an array, which may be empty.
  bool has_value() const noexcept { return given() == Given::value; }
  /// Whether there is nothing.
  bool is_missing() const noexcept { return given() == Given::missing; }
  /// Whether it is null.
  bool is_null() const noexcept { return given() == Given::null; }
  /// Whether it is no array.
  bool is_invalid() const noexcept { return given() == Given::invalid; }

  /// How many elements there are; walks them.
  std::size_t size() const noexcept { return has_value() ? array_.count() : 0; }
  /// Whether there are no elements, for whatever reason.
  bool empty() const noexcept { return size() == 0; }
  /// See JsonView::json().
  std::string_view json() const noexcept { return array_.json(); }

  /// Valid as long as its list.
  class Iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    Iterator() noexcept = default;
    /// At the element `at`, with `left` elements from there on.
    Iterator(JsonView at, std::size_t left) noexcept : at_(std::move(at)), left_(left) {}
    T operator*() const { return T(at_); }
    Iterator& operator++() {
      if (--left_ != 0) at_.advance();
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) noexcept { return a.left_ == b.left_; }

   private:
    JsonView at_;
    std::size_t left_ = 0;
  };
  Iterator begin() const { return empty() ? Iterator() : Iterator(array_.first(), size()); }
  Iterator end() const noexcept { return {}; }

  /// The element at `index`, counted from 0; missing behind the last one, invalid of what is no array. Walks there.
  T operator[](std::size_t index) const {
    if (is_invalid()) return T(array_);
    for (T element : *this)
      if (index-- == 0) return element;
    return T();
  }

 private:
  JsonView array_;
};

/// The members of an object whose keys are not known beforehand, as T each.
template <typename T>
class Map {
 public:
  Map() noexcept = default;
  /// Whatever has a value and is no object is invalid.
  explicit Map(JsonView object) noexcept : object_(std::move(object)) { object_.require(JsonView::Kind::object); }

  /// Which of the four it is.
  Given given() const noexcept { return object_.given(); }
  /// Whether there is an object, which may be empty.
  bool has_value() const noexcept { return given() == Given::value; }
  /// Whether there is nothing.
  bool is_missing() const noexcept { return given() == Given::missing; }
  /// Whether it is null.
  bool is_null() const noexcept { return given() == Given::null; }
  /// Whether it is no object.
  bool is_invalid() const noexcept { return given() == Given::invalid; }

  /// How many members there are, with keys that are given twice; walks them.
  std::size_t size() const noexcept { return has_value() ? object_.count() : 0; }
  /// Whether there are no members, for whatever reason.
  bool empty() const noexcept { return size() == 0; }
  /// See JsonView::json().
  std::string_view json() const noexcept { return object_.json(); }

  /// Missing where there is no such key, invalid of what is no object.
  T operator[](std::string_view key) const { return T(object_[key]); }
  T operator[](Snowflake id) const { return T(object_[std::to_string(id.value())]); }

  /// The keys, decoded, with their values, in the order of the text.
  std::vector<std::pair<std::string, T>> entries() const {
    std::vector<std::pair<std::string, T>> all;
    std::size_t left = size();
    if (left == 0) return all;
    all.reserve(left);
    for (JsonView at = object_.first();; at.advance()) {
      all.emplace_back(at.key(), T(at));
      if (--left == 0) return all;
    }
  }

 private:
  JsonView object_;
};

}  // namespace sake
