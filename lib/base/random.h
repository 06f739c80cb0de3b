#pragma once

// Random numbers for names and jitter. Not for secrets.

#include <cstdint>

namespace sake::base {

/// Uniform over 64 bits; 0 when the kernel has none yet, too early after a boot.
std::uint64_t random_number() noexcept;

}  // namespace sake::base
