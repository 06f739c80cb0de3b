#pragma once

// Numbers for people.

#include <cstdint>
#include <string>

namespace sake::tools {

std::string format_count(std::uint64_t count);  ///< "1,234,567"
std::string format_bytes(std::uint64_t bytes);  ///< "512 B", "15.3 MiB"
std::string format_seconds(double seconds);     ///< "0.512 s"
std::string format_clock(double seconds);       ///< "0:07", "1:02:33"

}  // namespace sake::tools
