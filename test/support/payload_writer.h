#pragma once

// JSON text as the gateway writes it: ids as strings, times as ISO 8601. A thin layer over RapidJSON's writer, since a
// log of a gigabyte has to be written in about a minute.

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "support/random.h"

namespace sake::test {

using Id = std::uint64_t;

/// "2023-11-14T22:13:20.000000+00:00" from milliseconds since 1970.
inline std::string iso_time(std::int64_t ms) {
  // Days to a date after Howard Hinnant's "chrono-compatible low-level date algorithms".
  const std::int64_t seconds = ms / 1000;
  const std::int64_t days = seconds / 86400 + 719468;
  const std::int64_t era = days / 146097;
  const std::int64_t day_of_era = days - era * 146097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const std::int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);

  std::string text = "0000-00-00T00:00:00.000000+00:00";
  const auto put = [&text](std::size_t at, std::size_t digits, std::int64_t value) {
    for (std::size_t i = digits; i-- > 0; value /= 10) text[at + i] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, year);
  put(5, 2, month);
  put(8, 2, day);
  put(11, 2, seconds / 3600 % 24);
  put(14, 2, seconds / 60 % 60);
  put(17, 2, seconds % 60);
  put(20, 3, ms % 1000);
  return text;
}

class PayloadWriter {
 public:
  void clear() {
    buffer_.Clear();
    writer_.Reset(buffer_);
  }
  std::string_view view() const { return {buffer_.GetString(), buffer_.GetSize()}; }

  /// Some clients record ids as JSON integers.
  void write_ids_as_numbers(bool on) { ids_as_numbers_ = on; }

  template <class Body>
  void object(Body&& body) {
    writer_.StartObject();
    body();
    writer_.EndObject();
  }
  template <class Body>
  void object(std::string_view name, Body&& body) {
    key(name);
    object(std::forward<Body>(body));
  }
  template <class Body>
  void array(Body&& body) {
    writer_.StartArray();
    body();
    writer_.EndArray();
  }
  template <class Body>
  void array(std::string_view name, Body&& body) {
    key(name);
    array(std::forward<Body>(body));
  }
  void empty_array(std::string_view name) {
    array(name, [] {});
  }

  void key(std::string_view name) { writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size())); }
  void key(Id id) { key(std::to_string(id)); }

  void text(std::string_view value) { writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size())); }
  void text(std::string_view name, std::string_view value) {
    key(name);
    text(value);
  }
  void number(std::int64_t value) { writer_.Int64(value); }
  void number(std::string_view name, std::int64_t value) {
    key(name);
    number(value);
  }
  void fraction(std::string_view name, double value) {
    key(name);
    writer_.Double(value);
  }
  void boolean(std::string_view name, bool value) {
    key(name);
    writer_.Bool(value);
  }
  void null() { writer_.Null(); }
  void null(std::string_view name) {
    key(name);
    null();
  }

  void id(Id value) {
    if (ids_as_numbers_) {
      writer_.Uint64(value);
      return;
    }
    char digits[20];
    const std::to_chars_result result = std::to_chars(digits, digits + sizeof(digits), value);
    text({digits, static_cast<std::size_t>(result.ptr - digits)});
  }
  void id(std::string_view name, Id value) {
    key(name);
    id(value);
  }
  void id_or_null(std::string_view name, Id value) {
    if (value == 0) return null(name);
    id(name, value);
  }
  void time(std::string_view name, std::int64_t ms) { text(name, iso_time(ms)); }
  void time_or_null(std::string_view name, std::int64_t ms) {
    if (ms == 0) return null(name);
    time(name, ms);
  }

  /// What names an uploaded image: 32 hexadecimal digits, with "a_" before them when it is animated.
  void image_hash(std::string_view name, Random& facts) {
    static constexpr char digits[] = "0123456789abcdef";
    char hash[34] = {'a', '_'};
    for (int half = 0; half < 2; ++half) {
      std::uint64_t bits = facts.next();
      for (int i = 0; i < 16; ++i, bits >>= 4) hash[2 + half * 16 + i] = digits[bits & 15];
    }
    const bool animated = facts.one_in(8);
    text(name, animated ? std::string_view(hash, 34) : std::string_view(hash + 2, 32));
  }
  void image_hash_or_null(std::string_view name, Random& facts, std::size_t percent) {
    if (!facts.percent(percent)) return null(name);
    image_hash(name, facts);
  }

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
  bool ids_as_numbers_ = false;
};

}  // namespace sake::test
