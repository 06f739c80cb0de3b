#pragma once

// Discord's timestamps: ISO 8601 with an offset.

#include <cstdint>
#include <optional>
#include <string_view>

namespace sake::base {

/// "2024-01-01T01:00:00.123456+00:00" as microseconds since 1970; empty for anything else.
std::optional<std::int64_t> parse_timestamp_us(std::string_view text) noexcept;

/// The same in milliseconds, rounded down.
std::optional<std::int64_t> parse_timestamp(std::string_view text) noexcept;

}  // namespace sake::base
