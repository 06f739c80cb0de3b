#pragma once

// What a host is told of the connections to Redis.

#include <cstdint>

#include "sake/error.h"

namespace sake {

/// The link of a database's writer has changed. Nothing is lost by that: what is unanswered waits for the next link.
struct ConnectionChange {
  /// What became of the link.
  enum class What : std::uint8_t {
    connected,    ///< The first link is ready.
    lost,         ///< A link that was ready has ended; `error` says why. Another one is being made.
    reconnected,  ///< It is; what was unanswered is being sent again.
  };
  int database;        ///< The number of the database.
  What what;           ///< See What.
  const Error* error;  ///< Set for `lost`. Valid during the call.
};

}  // namespace sake
