#pragma once

// Whether the running test case has failed. The listener in doctest_main.cc keeps it; fixtures read it in their
// destructors to show what they know (a server's log) only where somebody will look. Programs without doctest leave it
// false.

namespace sake::test {

inline bool test_failed = false;

}  // namespace sake::test
