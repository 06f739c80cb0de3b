#include "dispatch/complaints.h"

#include <doctest/doctest.h>

using sake::dispatch::Complaints;

TEST_CASE("so many complaints a second are let through, and the others counted") {
  Complaints complaints;
  unsigned allowed = 0;
  for (int i = 0; i < 100; ++i) allowed += complaints.allows(5'000 + i) ? 1 : 0;
  CHECK(allowed == Complaints::per_second);
  CHECK(complaints.allows(6'000));
  CHECK(complaints.take_withheld() == 100 - Complaints::per_second);
  CHECK(complaints.take_withheld() == 0);
}

TEST_CASE("a clock that is set back silences nobody") {
  Complaints complaints;
  for (int i = 0; i < 100; ++i) complaints.allows(5'000);
  CHECK_FALSE(complaints.allows(5'000));
  CHECK(complaints.allows(1'000));
}
