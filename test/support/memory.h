#pragma once

// How much memory this process takes at present.

#include <unistd.h>

#include <cstddef>
#include <fstream>

namespace sake::test {

/// Whether that says anything: AddressSanitizer keeps what is freed, and a shadow of everything.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool measures_memory = false;
#elif defined(__has_feature)
inline constexpr bool measures_memory = !__has_feature(address_sanitizer);
#else
inline constexpr bool measures_memory = true;
#endif

inline std::size_t resident_bytes() {
  std::size_t total = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace sake::test
