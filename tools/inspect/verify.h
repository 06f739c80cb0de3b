#pragma once

#include "arguments.h"

namespace sake::inspect {

/// Prints what is wrong, and mends it when asked to. Gives the exit code; throws tools::RedisFailure.
int verify(const Arguments& arguments);

}  // namespace sake::inspect
