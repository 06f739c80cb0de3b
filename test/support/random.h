#pragma once

// Random numbers that are the same with every compiler and standard library, unlike those of <random>'s distributions.
// Never draw twice in one expression or argument list: the order of evaluation differs between compilers.

#include <cstddef>
#include <cstdint>

namespace sake::test {

/// splitmix64: the state is one counter, which makes a generator cheap enough to have one per described object.
class Random {
 public:
  constexpr explicit Random(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t value = state_;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
  }

  /// 0 to n - 1; 0 for n = 0. The bias of the remainder does not matter here.
  constexpr std::size_t below(std::size_t n) {
    const std::uint64_t value = next();
    return n == 0 ? 0 : static_cast<std::size_t>(value % n);
  }
  constexpr std::size_t between(std::size_t least, std::size_t most) { return least + below(most - least + 1); }
  constexpr bool one_in(std::size_t n) { return below(n) == 0; }
  constexpr bool percent(std::size_t share) { return below(100) < share; }

  template <class Container>
  constexpr auto& pick(Container& from) {
    return from[below(from.size())];
  }

 private:
  std::uint64_t state_;
};

/// An element for which the predicate holds, from a random place on; null where it holds for none.
template <class Container, class Predicate>
auto some(Random& random, Container& container, Predicate predicate) -> decltype(&container[0]) {
  const std::size_t start = random.below(container.size());
  for (std::size_t i = 0; i < container.size(); ++i) {
    auto& item = container[(start + i) % container.size()];
    if (predicate(item)) return &item;
  }
  return nullptr;
}

template <class Container>
void erase_at(Container& container, std::size_t at) {
  container.erase(container.begin() + static_cast<std::ptrdiff_t>(at));
}

constexpr std::uint64_t mix(std::uint64_t left, std::uint64_t right) {
  return Random(Random(left).next() ^ right).next();
}

}  // namespace sake::test
