#pragma once

// Where the library's few messages go. It never prints by itself.

#include <cstdint>
#include <string_view>

#include "sake/callback.h"

namespace sake {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// Called on the loop's thread; `message` is valid during the call. Messages never hold a password, a token or the
/// text of a frame.
using LogSink = Callback<void(LogLevel level, std::string_view message)>;

}  // namespace sake
