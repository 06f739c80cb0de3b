#pragma once

// Text into JSON, for the few values that do not come as JSON.

#include <string>
#include <string_view>

namespace sake::json {

/// The JSON string of these characters, with its quotes. REQUIRES: UTF-8.
std::string quoted(std::string_view text);

}  // namespace sake::json
