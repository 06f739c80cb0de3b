#pragma once

// What ends a fuzz target: a condition that has to hold in every build, with or without asserts.

#include <cstdio>
#include <cstdlib>

#define SAKE_FUZZ_CHECK(condition)                                                             \
  do {                                                                                         \
    if (!(condition)) {                                                                        \
      std::fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                            \
    }                                                                                          \
  } while (false)
