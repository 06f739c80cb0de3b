#pragma once

// Compares what the typed models read with what another reader of JSON makes of the same text, by what is documented of
// each field: nothing of it uses the library's own conversions. It walks the fields by visit(), so that it skips none.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "sake/json_view.h"

#include "support/random.h"

namespace sake::test {

struct Comparison {
  std::uint64_t fields = 0;              ///< Compared, those that are missing too.
  std::uint64_t values = 0;              ///< Those of them that had a value.
  std::vector<std::string> differences;  ///< Where model and JSON disagree: "Message/author/id: ...". None is right.
  std::vector<std::string> invalid;      ///< "Message/author/id": fields which are not what is documented.
  std::set<std::pair<std::string, std::string>> unknown;  ///< Models, and keys that they know nothing of.
  std::set<std::string> models;                           ///< Which had a value somewhere.
};

/// The names of all models.
const std::vector<std::string_view>& model_names();

/// Views `view` as `model`, and compares it and everything in it with `expected`: the same JSON. Calls all that the
/// models can do, too.
void compare(std::string_view model, const JsonView& view, const nlohmann::json& expected, Comparison& comparison);

/// The same for a whole text, which may be no JSON at all: then every field has to be invalid.
void compare_text(std::string_view model, const std::string& text, Comparison& comparison);

/// An object with all fields of a model, down to `depth` levels, where objects are empty.
std::string example_of(std::string_view model, unsigned depth, Random& random);

/// "/members/*/user" in `json`: each value there, with the view of it.
std::vector<std::pair<JsonView, nlohmann::json>> parts(const JsonView& view, const nlohmann::json& json,
                                                       std::string_view pointer);

/// Where a dispatch event carries which models.
struct EventPart {
  std::string_view event;
  std::string_view pointer;  ///< In "d".
  std::string_view model;
};
const std::vector<EventPart>& event_parts();

}  // namespace sake::test
