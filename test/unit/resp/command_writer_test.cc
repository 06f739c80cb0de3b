#include "resp/command_writer.h"

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <hiredis/hiredis.h>

using sake::base::Buffer;
using sake::resp::CommandWriter;

namespace {

/// The same command, as hiredis formats it.
std::string by_hiredis(const std::vector<std::string>& arguments) {
  std::vector<const char*> pointers;
  std::vector<std::size_t> sizes;
  for (const std::string& argument : arguments) {
    pointers.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  char* text = nullptr;
  const long long size =
      redisFormatCommandArgv(&text, static_cast<int>(arguments.size()), pointers.data(), sizes.data());
  REQUIRE(size > 0);
  std::string result(text, static_cast<std::size_t>(size));
  redisFreeCommand(text);
  return result;
}

std::string random_bytes(std::mt19937& random) {
  // Around the places where the length of a length changes, and now and then a large one.
  constexpr std::size_t sizes[] = {0,  1,   2,   8,   9,   10,   11,   17,   18,    98,
                                   99, 100, 101, 998, 999, 1000, 1001, 9999, 10000, 70000};
  std::string text(sizes[random() % std::size(sizes)], '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

}  // namespace

TEST_CASE("commands of any arguments are written as hiredis writes them") {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    Buffer out;
    CommandWriter writer(out);
    std::string expected;
    for (int commands = 1 + static_cast<int>(random() % 3); commands > 0; --commands) {
      std::vector<std::string> arguments;
      for (std::size_t count = 1 + random() % 12; count > 0; --count) arguments.push_back(random_bytes(random));
      expected += by_hiredis(arguments);
      writer.begin(arguments.size());
      for (const std::string& argument : arguments) writer.arg(argument);
      CHECK(writer.missing() == 0);
    }
    REQUIRE(out.view() == expected);
  }
}

TEST_CASE("a command may have more than a thousand arguments") {
  const std::vector<std::string> arguments(1234, "123456789012345678");
  Buffer out;
  CommandWriter writer(out);
  writer.begin(arguments.size());
  for (const std::string& argument : arguments) writer.arg(argument);
  CHECK(out.view() == by_hiredis(arguments));
}

TEST_CASE("numbers are written as decimal text, whatever their type and sign") {
  Buffer out;
  CommandWriter(out)
      .begin(11)
      .arg("X")
      .arg(0)
      .arg(7u)
      .arg(-1)
      .arg(std::int64_t{-1234567890123})
      .arg(std::uint64_t{175928847299117063})
      .arg(std::numeric_limits<std::int64_t>::min())
      .arg(std::numeric_limits<std::int64_t>::max())
      .arg(std::numeric_limits<std::uint64_t>::max())
      .arg(static_cast<unsigned short>(9))
      .arg(std::numeric_limits<std::int32_t>::min());
  CHECK(out.view() == by_hiredis({"X", "0", "7", "-1", "-1234567890123", "175928847299117063", "-9223372036854775808",
                                  "9223372036854775807", "18446744073709551615", "9", "-2147483648"}));
}

TEST_CASE("an argument made of pieces equals the same argument in one") {
  std::mt19937 random(12);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> pieces(random() % 6);
    std::string whole;
    for (std::string& piece : pieces) whole += piece = random_bytes(random);

    Buffer out;
    CommandWriter writer(out);
    writer.begin(3).arg("SET").arg_begin(whole.size());
    for (const std::string& piece : pieces) writer.append(piece);
    writer.arg_end().arg("after");
    REQUIRE(out.view() == by_hiredis({"SET", whole, "after"}));
  }
}

TEST_CASE("commands are appended behind what the buffer holds") {
  Buffer out;
  out.append("before");
  CommandWriter(out).begin(1).arg("PING");
  CHECK(out.view() == "before*1\r\n$4\r\nPING\r\n");
}
