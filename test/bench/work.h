#pragma once

// Work that is counted instruction by instruction: this program runs itself under callgrind, which looks at one
// function alone. What the kernel does is not part of it.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "commands.h"

namespace sake::bench {

/// What callgrind looks at: nothing outside of a call of this is counted.
void count_instructions_of(const std::function<void()>& work);

struct WorkDone {
  double instructions = 0;
  nlohmann::json amounts;  ///< What the work says of itself: {"events": 10000, ...}
};

/// Runs `sake-bench work NAME` under callgrind; empty when there is no valgrind. Throws std::runtime_error when that
/// fails.
std::optional<WorkDone> count_work(const std::string& name, const Settings& settings);

/// The pieces of work there are; they return their amounts.
nlohmann::json feed_start(const Settings& settings);
nlohmann::json feed_steady(const Settings& settings);
nlohmann::json slice_guilds(const Settings& settings);
nlohmann::json slice_messages(const Settings& settings);
nlohmann::json parse_guilds(const Settings& settings);
nlohmann::json parse_messages(const Settings& settings);

}  // namespace sake::bench
