#pragma once

// App: what the host's program knows that a cache may have to ask for. The host implements it; Options::app holds it.

#include <string>

#include "sake/callback.h"
#include "sake/export.h"
#include "sake/result.h"

namespace sake {

/// Called on the cache's thread, which for a Bridge is its own.
class SAKE_EXPORT App {
 public:
  virtual ~App() = default;

  /// Asks Discord who the own user is (`GET /users/@me`), and answers with that JSON object or with why there is none.
  /// `then` is called once, now or later, on the cache's thread (from another one by way of Bridge::ask()); dropping it
  /// is an error for those who wait. One such question is asked at a time, and given up after Options::read_timeout.
  virtual void fetch_my_user(Callback<void(Result<std::string>)> then) = 0;
};

}  // namespace sake
