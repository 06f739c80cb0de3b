#pragma once

// The life of one Redis connection as a pure state machine: no sockets, no clock, no allocation.
// redis/connection.cc feeds it events and carries out the one action it answers with. An event that does not fit the
// state, such as a late callback, asks for nothing.
//
//          start          connected           greeted
//   idle ────────▶ opening ────────▶ greeting ────────▶ ready
//                    ▲  │ failed        │ failed           │ failed
//           elapsed  │  ▼               ▼                  │
//                    └─ waiting ◀───────┴──────────────────┘
//
// close leads to closed from anywhere; nothing leaves closed.

#include <chrono>
#include <cstdint>

#include "base/backoff.h"

namespace sake::redis {

enum class ConnectionState : std::uint8_t { idle, opening, greeting, ready, waiting, closed };

enum class ConnectionEvent : std::uint8_t {
  start,
  connected,
  greeted,
  failed,   ///< The attempt or the link ended, for whatever reason.
  elapsed,  ///< The pause is over.
  close,
};

enum class ConnectionAction : std::uint8_t {
  none,
  open,     ///< Begin an attempt.
  greet,    ///< Send the greeting.
  serve,    ///< The link is ready.
  retry,    ///< The attempt is over: wait for delay(), then report `elapsed`.
  recover,  ///< A link that was ready is over: the same.
  end,      ///< Let go of everything.
};

class ConnectionFsm {
 public:
  ConnectionFsm(std::chrono::milliseconds backoff_first, std::chrono::milliseconds backoff_max) noexcept
      : backoff_(backoff_first, backoff_max) {}

  ConnectionAction on(ConnectionEvent event) noexcept;
  ConnectionState state() const noexcept { return state_; }

  /// How long to wait after `retry` or `recover`. Ask once for each. `random`: uniform over 32 bits.
  std::chrono::milliseconds delay(std::uint32_t random) noexcept { return backoff_.next(random); }

 private:
  ConnectionState state_ = ConnectionState::idle;
  base::Backoff backoff_;
};

}  // namespace sake::redis
