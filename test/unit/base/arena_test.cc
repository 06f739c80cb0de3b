#include "base/arena.h"

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/random.h"

using sake::base::Arena;

TEST_CASE("what is stored stays where it is and as it is, however much follows") {
  Arena arena;
  sake::test::Random random(1);
  std::vector<std::string> expected;
  std::vector<std::string_view> stored;
  for (int i = 0; i < 2000; ++i) {
    const std::size_t size = random.one_in(50) ? random.between(3000, 20'000) : random.below(60);
    expected.emplace_back(size, static_cast<char>('a' + random.below(26)));
    stored.push_back(arena.store(expected.back()));
  }
  for (std::size_t i = 0; i < stored.size(); ++i) REQUIRE(stored[i] == expected[i]);
}

TEST_CASE("room of any size may be asked for, and is writable to its last byte") {
  Arena arena;
  for (std::size_t size :
       {std::size_t{1}, std::size_t{4095}, std::size_t{4096}, std::size_t{4097}, std::size_t{1} << 20}) {
    CAPTURE(size);
    std::memset(arena.allocate(size), 'x', size);
  }
}

TEST_CASE("parts are joined in the order they are given") {
  Arena arena;
  const std::string number = "42";
  CHECK(arena.join("\"guild_id\":\"", number, "\"") == "\"guild_id\":\"42\"");
  CHECK(arena.join("a", "", std::string_view("b")) == "ab");
  CHECK(arena.join("", "").empty());
}

TEST_CASE("texts without a byte are stored too, in an arena that has nothing yet") {
  CHECK(Arena().store("").empty());
  CHECK(Arena().store({}).empty());
  CHECK(Arena().join("", "").empty());
}

TEST_CASE("a cleared arena is used again, and keeps the memory of small texts only") {
  Arena arena;
  const char* const first = arena.store("first").data();
  arena.store(std::string(100'000, 'x'));
  arena.clear();
  CHECK(arena.store("again").data() == first);

  // A first block that was made for one large text is not kept for small ones.
  Arena large;
  large.store(std::string(100'000, 'x'));
  large.clear();
  CHECK(large.store("small") == "small");
  large.clear();
  large.clear();
  CHECK(large.store(std::string(5000, 'y')) == std::string(5000, 'y'));
}
