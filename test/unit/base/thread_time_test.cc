#include "base/thread_time.h"

#include <doctest/doctest.h>

TEST_CASE("the thread's CPU time grows with its work") {
  const auto before = sake::base::thread_cpu_time();
  volatile unsigned sink = 0;
  for (unsigned i = 0; i < 1'000'000; ++i) sink = sink + i;
  CHECK(sake::base::thread_cpu_time() > before);
}
