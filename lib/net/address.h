#pragma once

// Where a Redis server is, read from a URL: `redis://[[user]:[password]@]host[:port]` over TCP, `rediss://...` over
// TLS, `unix://[[user]:[password]@]/path/to.sock` over a socket file. Nothing printed from here shows the password.

#include <cstdint>
#include <string>
#include <string_view>

#include "sake/result.h"

namespace sake::net {

enum class AddressKind : std::uint8_t { tcp, unix_socket };

struct Address {
  AddressKind kind = AddressKind::tcp;
  bool tls = false;           ///< Only over TCP.
  std::string host = {};      ///< A name or a literal address, without brackets. Empty for a socket file.
  std::uint16_t port = 6379;  ///< 0 for a socket file.
  std::string path = {};      ///< Of the socket file; else empty.
  std::string user = {};      ///< Empty: Redis's default user.
  std::string password = {};  ///< Empty: none was given.
};

/// Errors: invalid_argument, with a text that says which part cannot work and never holds the password.
Result<Address> parse_address(std::string_view url);

/// "redis://host:6379", "rediss://host:6379" or "unix:///path": for logs, without user and password.
std::string describe(const Address& address);

}  // namespace sake::net
