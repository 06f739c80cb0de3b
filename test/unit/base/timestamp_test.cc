#include "base/timestamp.h"

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "support/random.h"

using sake::base::parse_timestamp;

TEST_CASE("Discord's timestamps are read to the millisecond") {
  CHECK(parse_timestamp("1970-01-01T00:00:00+00:00") == 0);
  CHECK(parse_timestamp("2024-01-01T01:00:00.123000+00:00") == 1'704'070'800'123);
  CHECK(parse_timestamp("2015-04-26T06:26:56.936000+00:00") == 1'430'029'616'936);
  CHECK(parse_timestamp("2024-02-29T23:59:59+00:00") == 1'709'251'199'000);
  CHECK(parse_timestamp("2024-01-01T01:00:00Z") == 1'704'070'800'000);
  CHECK(parse_timestamp("2024-01-01 01:00:00Z") == 1'704'070'800'000);
  CHECK(parse_timestamp("1969-12-31T23:59:59.999Z") == -1);
  CHECK(parse_timestamp("9999-12-31T23:59:59.999Z") == 253'402'300'799'999);
}

TEST_CASE("a fraction of any length counts to the millisecond, and what is smaller is cut off") {
  CHECK(parse_timestamp("1970-01-01T00:00:00.1Z") == 100);
  CHECK(parse_timestamp("1970-01-01T00:00:00.12Z") == 120);
  CHECK(parse_timestamp("1970-01-01T00:00:00.1239999999999999999999Z") == 123);
  CHECK(parse_timestamp("1970-01-01T00:00:00.000999Z") == 0);
}

TEST_CASE("an offset is taken off, to either side") {
  CHECK(parse_timestamp("1970-01-01T02:30:00+02:30") == 0);
  CHECK(parse_timestamp("1969-12-31T18:00:00-06:00") == 0);
  CHECK(parse_timestamp("2024-01-01T00:00:00+14:00") == *parse_timestamp("2023-12-31T10:00:00Z"));
}

TEST_CASE("every moment reads as the calendar says") {
  using namespace std::chrono;
  sake::test::Random random(1);
  for (int i = 0; i < 5000; ++i) {
    const auto at = static_cast<std::int64_t>(random.below(253'402'300'800'000));
    const sys_time<milliseconds> time{milliseconds(at)};
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(time - day);
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03d000+00:00", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
    CAPTURE(text);
    REQUIRE(parse_timestamp(text) == at);
  }
}

TEST_CASE("anything else is no timestamp") {
  for (std::string_view text : {"",
                                "2024",
                                "2024-01-01",
                                "2024-01-01T",
                                "2024-01-01T00:00:00",
                                "2024-01-01T00:00Z",
                                "2024-01-01T00:00:00+0000",
                                "2024-01-01T00:00:00+00",
                                "2024-01-01T00:00:00 Z",
                                "2024-01-01T00:00:00ZZ",
                                "2024-01-01T00:00:00Z ",
                                " 2024-01-01T00:00:00Z",
                                "2024-1-1T00:00:00Z",
                                "24-01-01T00:00:00Z",
                                "02024-01-01T00:00:00Z",
                                "2024/01/01T00:00:00Z",
                                "2024-13-01T00:00:00Z",
                                "2024-00-01T00:00:00Z",
                                "2024-01-32T00:00:00Z",
                                "2024-01-00T00:00:00Z",
                                "2023-02-29T00:00:00Z",
                                "2024-01-01T24:00:00Z",
                                "2024-01-01T00:60:00Z",
                                "2024-01-01T00:00:61Z",
                                "2024-01-01T-1:00:00Z",
                                "+024-01-01T00:00:00Z",
                                "2024-01-01T00:00:00,5Z",
                                "1704070800",
                                "null",
                                "2024-01-01t00:00:00x",
                                "2024-01-01T00:00:00*00:00"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_timestamp(text));
  }
}

TEST_CASE("a point without a fraction, and an offset that no clock has, are no timestamps either") {
  for (std::string_view text : {"2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+99:99", "2024-01-01T00:00:00+24:00",
                                "2024-01-01T00:00:00-00:60"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_timestamp(text));
  }
}

TEST_CASE("a timestamp that is cut off anywhere is no timestamp") {
  const std::string_view whole = "2024-01-01T01:00:00.123000+00:00";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const std::string text(whole.substr(0, size));
    CHECK_FALSE(parse_timestamp(text));
  }
}
