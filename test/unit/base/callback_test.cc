#include "sake/callback.h"

#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

using sake::Callback;

TEST_CASE("a callback gives back what its function returns, wherever that is stored") {
  int calls = 0;
  Callback<int(int)> small = [&calls](int number) { return number + ++calls; };
  CHECK(small(1) == 2);
  CHECK(small(1) == 3);
  Callback<std::size_t(std::string_view)> large = [bytes = std::array<char, 200>{}](std::string_view text) {
    return bytes.size() + text.size();
  };
  CHECK(large("abc") == 203);
  CHECK(std::exchange(large, nullptr)("") == 200);
  CHECK_FALSE(large);
}

TEST_CASE("a callback that is told something may return what nobody asked for") {
  int told = 0;
  Callback<void(int)> callback = [&told](int number) { return told = number; };
  callback(7);
  CHECK(told == 7);
}

TEST_CASE("what a callback holds lives as long as it, and no longer") {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = held;
  Callback<void()> callback = [held = std::move(held)] {};
  Callback<void()> moved = std::move(callback);
  CHECK_FALSE(watched.expired());
  moved.reset();
  CHECK(watched.expired());
}
