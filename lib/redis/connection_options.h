#pragma once

// What a connection to Redis needs to know; the public options, seen from one connection.

#include <chrono>
#include <cstddef>
#include <string>

#include "base/turn_clock.h"
#include "net/address.h"
#include "net/tls.h"

namespace sake::redis {

struct ConnectionOptions {
  net::Address address = {};
  std::string password = {};             ///< Used when the address has none.
  const net::TlsContext* tls = nullptr;  ///< Where the address asks for TLS, and only there.

  std::chrono::milliseconds connect_timeout{5'000};   ///< Name, connection and greeting together, for each attempt.
  std::chrono::milliseconds command_timeout{10'000};  ///< Without progress while commands are under way.
  std::chrono::milliseconds idle_after{30'000};       ///< Nothing was asked for so long: the link is idle. 0: never.
  std::chrono::milliseconds retry_timeout{30'000};    ///< For a command that the server may take later.
  std::chrono::milliseconds backoff_first{50};        ///< Doubled for each attempt that fails ...
  std::chrono::milliseconds backoff_max{5'000};       ///< ... up to this.

  std::size_t batch_bytes = 64u << 10;           ///< A pipeline's group is sent when it holds this much.
  std::size_t in_flight_bytes_max = 512u << 10;  ///< Sent and unanswered. One larger command goes alone.
  base::TurnClock* turns = nullptr;              ///< Times what replies set going; nothing is timed when null.

  std::size_t reply_bytes_max = 64u << 20;  ///< A larger reply fails its command and ends the link.
};

}  // namespace sake::redis
