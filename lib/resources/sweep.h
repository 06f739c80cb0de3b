#pragma once

// Makes a collection hold just what an event listed. A Sweep counts it, and only where it holds more asks what, and
// removes that, so that nothing large is ever asked for at once.

#include <cstdint>
#include <string>

#include "resources/event.h"
#include "resources/id_set.h"

namespace sake::resources {

/// Removes what `answer` names (the members of a set or the fields of a hash) and `listed` does not.
void drop_unlisted(Event& event, Resource resource, std::uint64_t guild, const Answer& answer, const IdSet& listed);

class Sweep {
 public:
  /// Of what a guild lists (store::listed_by_guild), or of the fields of its members, presences or voice states.
  /// What is listed must have been written before. Asks for the count at once; REQUIRES: `listed` lives on.
  Sweep(Event& event, Resource resource, std::uint64_t guild, const IdSet& listed);

  /// After the answers: removes what is too much or asks for more. True: wait for answers and call again.
  bool step(Event& event);

 private:
  enum class Stage : std::uint8_t { counting, listing, scanning, done };

  Resource resource_;
  std::uint64_t guild_;
  const IdSet& listed_;
  Slot slot_;
  Stage stage_ = Stage::counting;
  std::string cursor_;
};

}  // namespace sake::resources
