// The names of outcomes and states.

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

std::string_view name(LinkState state) noexcept {
  switch (state) {
    case LinkState::connecting:
      return "connecting";
    case LinkState::ready:
      return "ready";
    case LinkState::waiting:
      return "waiting";
    case LinkState::closed:
      return "closed";
  }
  return "unknown";
}

}  // namespace sake
