#pragma once

// Taking the entities out of an event, each as a JSON text of its own with its guild's id in it: the way the engine
// does it, and the usual way over RapidJSON's DOM.

#include <string>
#include <string_view>

#include "json/edit.h"
#include "json/scan.h"

namespace sake::bench {

/// Slices of the event's text.
class SliceExtraction {
 public:
  /// Appends the entities of a frame to `out`, one after the other.
  void extract(std::string_view frame, std::string& out);

 private:
  void write(json::Value entity, std::string_view guild_member, std::string& out);

  json::Document document_;  ///< Used again for each frame, as the engine does.
  json::Pieces pieces_;
};

/// Parsed into objects and written again.
class DomExtraction {
 public:
  void extract(std::string_view frame, std::string& out);
};

}  // namespace sake::bench
