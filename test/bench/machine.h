#pragma once

// The machine, the versions and the load a measurement was made with: without them a figure says nothing.

#include <nlohmann/json.hpp>

namespace sake::bench {

nlohmann::ordered_json describe_machine();

}  // namespace sake::bench
