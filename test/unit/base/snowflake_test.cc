#include "base/snowflake.h"

#include <cstdint>
#include <random>
#include <string>

#include <doctest/doctest.h>

using sake::base::Decimal;
using sake::base::decimal_length;
using sake::base::parse_snowflake;

TEST_CASE("ids are read up to the largest number of 64 bits") {
  CHECK(parse_snowflake("0") == 0);
  CHECK(parse_snowflake("7") == 7);
  CHECK(parse_snowflake("175928847299117063") == 175928847299117063u);
  CHECK(parse_snowflake("18446744073709551615") == UINT64_MAX);
}

TEST_CASE("what is not the canonical spelling of a number is no id") {
  for (const char* text : {"", "00", "007", "+1", "-1", " 1", "1 ", "1a", "a", "0x1", "1.0", "18446744073709551616",
                           "18446744073709551620", "99999999999999999999", "100000000000000000000", "/", ":", "\xb2"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parse_snowflake(text).has_value());
  }
  CHECK_FALSE(parse_snowflake(std::string_view("1\0", 2)).has_value());
}

TEST_CASE("numbers are printed as std::to_string prints them") {
  std::mt19937_64 random(3);
  std::uint64_t power = 1;
  for (int digits = 1; digits <= 20; ++digits) {
    for (const std::uint64_t value : {power - 1, power, power + 1, power * 9}) {
      CHECK(Decimal(value).view() == std::to_string(value));
      CHECK(decimal_length(value) == std::to_string(value).size());
    }
    power *= 10;
  }
  CHECK(Decimal(0).view() == "0");
  CHECK(Decimal(UINT64_MAX).view() == "18446744073709551615");
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t value = random() >> (i % 64);
    REQUIRE(Decimal(value).view() == std::to_string(value));
    REQUIRE(parse_snowflake(Decimal(value)) == value);
  }
}
