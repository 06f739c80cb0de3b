#include "base/turn_clock.h"

#include <chrono>

#include <doctest/doctest.h>

using namespace sake::base;
using namespace std::chrono_literals;

namespace {

void compute_for(std::chrono::nanoseconds duration) {
  const auto end = thread_cpu_time() + duration;
  while (thread_cpu_time() < end) {
  }
}

}  // namespace

TEST_CASE("the longest turn is remembered, in time that the thread has computed") {
  TurnClock clock;
  CHECK(clock.longest() == 0ns);
  {
    const Turn turn(&clock);
    compute_for(2ms);
  }
  const auto longest = clock.longest();
  CHECK(longest >= 2ms);
  { const Turn shorter(&clock); }
  CHECK(clock.longest() == longest);
  {
    const Turn turn(&clock);
    compute_for(longest + 1ms);
  }
  CHECK(clock.longest() > longest);
}

TEST_CASE("turns inside turns count once, as a part of the outer one") {
  TurnClock clock;
  {
    const Turn outer(&clock);
    for (int i = 0; i < 3; ++i) {
      const Turn inner(&clock);
      compute_for(1ms);
    }
    CHECK(clock.longest() == 0ns);  // It has not ended.
  }
  CHECK(clock.longest() >= 3ms);
}

TEST_CASE("a turn without a clock is none") {
  const Turn turn(nullptr);
  CHECK(true);
}
