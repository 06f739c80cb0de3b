#pragma once

// The fields of an entity as a person reads them: names in place of numbers, times as dates, and the addresses and
// mentions that follow from them.

#include <string>
#include <utility>
#include <vector>

#include "sake/entity.h"

namespace sake::inspect {

/// Names and values, in the order in which Discord documents them; what it does not document comes last, as JSON.
std::vector<std::pair<std::string, std::string>> model_rows(const Entity& entity);

}  // namespace sake::inspect
