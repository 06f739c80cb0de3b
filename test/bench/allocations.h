#pragma once

// How often this program has asked for memory: every operator new of the program and of what is linked into it.

#include <cstdint>

namespace sake::bench {

/// Since the program began, by all threads.
std::uint64_t allocations() noexcept;

}  // namespace sake::bench
