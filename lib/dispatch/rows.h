#pragma once

// Rows of what is no documented event, and where the statistics count it.

#include <cstddef>

#include "resources/table.h"

namespace sake::dispatch {

/// Behind the rows of the table.
inline constexpr std::size_t unknown_event = 0;
inline constexpr std::size_t not_a_dispatch = 1;

inline const resources::Row not_a_dispatch_row{"(not a dispatch)"};
inline const resources::Row unknown_row{"(unknown)"};
inline const resources::Row internal_row{"(internal)"};

}  // namespace sake::dispatch
