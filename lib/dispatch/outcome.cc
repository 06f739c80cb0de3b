// The names of outcomes.

#include "sake/stats.h"

namespace sake {

std::string_view name(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::applied:
      return "applied";
    case Outcome::ignored:
      return "ignored";
    case Outcome::rejected:
      return "rejected";
    case Outcome::failed:
      return "failed";
  }
  return "unknown";
}

}  // namespace sake
