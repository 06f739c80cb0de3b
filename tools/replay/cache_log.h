#pragma once

// CacheLog: which messages of the cache are shown. A replay goes on for hours while Redis is away, and all of the
// databases say so again and again; what became of events is told elsewhere.

#include <chrono>
#include <set>
#include <string>
#include <string_view>

#include "sake/log.h"

namespace sake::replay {

class CacheLog {
 public:
  /// The text to show, if there is any. The same is shown once in ten seconds, and no more than ten texts.
  std::string choose(LogLevel level, std::string_view message, std::chrono::steady_clock::time_point now);

 private:
  std::set<std::string, std::less<>> shown_;
  std::chrono::steady_clock::time_point shown_since_;
};

}  // namespace sake::replay
