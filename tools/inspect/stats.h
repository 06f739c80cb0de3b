#pragma once

#include "arguments.h"

namespace sake::inspect {

/// Prints entities, bytes and lifetimes of each database. Gives the exit code; throws tools::RedisFailure.
int stats(const Arguments& arguments);

}  // namespace sake::inspect
