#pragma once

// Reads everything that a model can tell of a text: each field, whatever is in it, and all that it can do besides.

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "sake/models.h"

#include "support/model_calls.h"

namespace sake::test {

class Visit {
 public:
  std::uint64_t values = 0;  ///< Seen, those that are missing too.

  template <typename T>
  void operator()(const T& value) {
    ++values;
    if constexpr (std::is_base_of_v<Model, T>) {
      call_methods(value, [this](std::string_view, const auto&) { ++values; });
      if (value.has_value()) value.visit([this](const FieldInfo&, const auto& part) { (*this)(part); });
    } else if constexpr (requires { value.entries(); }) {
      for (const auto& [key, element] : value.entries()) (*this)(element);
    } else if constexpr (requires { value.begin(); }) {
      for (const auto element : value) (*this)(element);
    } else if constexpr (requires { value.error(); }) {
      if (!value.has_value()) values += value.error().text.size();
    }
  }
};

/// Views a text as each of the models in turn.
inline std::uint64_t visit_as_each(const JsonView& view) {
  Visit visit;
#define SAKE_VISIT(M) visit(M(view));
  SAKE_EACH_MODEL(SAKE_VISIT)
#undef SAKE_VISIT
  return visit.values;
}

}  // namespace sake::test
