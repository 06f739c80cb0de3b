#include "base/ring.h"

#include <cstddef>
#include <deque>
#include <memory>
#include <random>
#include <utility>

#include <doctest/doctest.h>

using sake::base::Ring;

TEST_CASE("a ring behaves like a queue under random pushes and pops") {
  std::mt19937 random(1);
  Ring<int> ring;
  std::deque<int> expected;
  for (int i = 0; i < 20'000; ++i) {
    // Phases in which it grows take turns with phases in which it shrinks.
    const bool push = random() % 100 < (i / 1000 % 2 == 0 ? 70u : 35u);
    if (push || expected.empty()) {
      ring.push_back(i);
      expected.push_back(i);
    } else {
      REQUIRE(ring.pop_front() == expected.front());
      expected.pop_front();
    }
    REQUIRE(ring.size() == expected.size());
    if (expected.empty()) continue;
    const std::size_t at = random() % expected.size();
    REQUIRE(ring[at] == expected[at]);
    REQUIRE(ring.front() == expected.front());
    REQUIRE(ring.back() == expected.back());
  }
}

TEST_CASE("a ring that is emptied as fast as it is filled does not grow") {
  Ring<int> ring;
  for (int i = 0; i < 10; ++i) ring.push_back(i);
  const std::size_t capacity = ring.capacity();
  for (int i = 0; i < 10'000; ++i) {
    ring.push_back(i);
    ring.pop_front();
  }
  CHECK(ring.capacity() == capacity);
}

TEST_CASE("a ring appended to another keeps the order of both, wherever they begin") {
  for (int offset = 0; offset < 20; ++offset) {
    Ring<int> first;
    Ring<int> second;
    for (int i = 0; i < offset; ++i) {
      first.push_back(-1);
      second.push_back(-1);
    }
    for (int i = 0; i < offset; ++i) {
      first.pop_front();
      second.pop_front();
    }
    for (int i = 0; i < 12; ++i) first.push_back(i);
    for (int i = 12; i < 27; ++i) second.push_back(i);
    first.append(second);
    REQUIRE(first.size() == 27);
    CHECK(second.size() == 15);
    for (int i = 0; i < 27; ++i) CHECK(first[static_cast<std::size_t>(i)] == i);
  }
}

TEST_CASE("a ring lets go of what was popped or cleared") {
  auto watched = std::make_shared<int>(1);
  Ring<std::shared_ptr<int>> ring;
  ring.push_back(watched);
  ring.push_back(watched);
  static_cast<void>(ring.pop_front());
  CHECK(watched.use_count() == 2);
  ring.clear();
  CHECK(watched.use_count() == 1);
  CHECK(ring.empty());
}
