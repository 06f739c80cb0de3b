#pragma once

// Which fields of an entity are stored: Options::keep_fields and drop_fields. Works on the text of a value and copies
// members as they are. Costs nothing for a resource that nothing was said about.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sake/options.h"
#include "sake/resource.h"
#include "sake/result.h"

#include "base/arena.h"
#include "store/keys.h"

namespace sake::store {

class Selection {
 public:
  /// Errors: invalid_argument, naming the option.
  static Result<Selection> make(const Options& options);

  bool concerns(Resource resource) const noexcept { return rule(resource).kind != Kind::everything; }

  /// The option for which this field is not stored; empty when it is.
  std::string_view left_out_by(Resource resource, std::string_view field) const noexcept;

  /// Replaces the value that begins at pieces[first] by what is kept of it. REQUIRES: concerns(resource).
  void apply(Resource resource, std::vector<std::string_view>& pieces, std::size_t first, base::Arena& arena) const;

 private:
  enum class Kind : std::uint8_t { everything, keep, drop };
  struct Rule {
    Kind kind = Kind::everything;
    std::vector<std::string> fields;
  };

  const Rule& rule(Resource resource) const noexcept { return rules_[static_cast<std::size_t>(resource)]; }

  std::array<Rule, resource_limit> rules_;
};

}  // namespace sake::store
