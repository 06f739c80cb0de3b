#pragma once

// The closed list of ways in which an operation can fail, and the value that carries one.

#include <cstdint>
#include <string>
#include <string_view>

#include "sake/export.h"

namespace sake {

enum class Errc : std::uint8_t {
  invalid_argument,    ///< A value the caller passed cannot work, such as an address that does not parse.
  invalid_payload,     ///< The event is not the JSON that Discord documents. Nothing of it was written.
  over_capacity,       ///< Options::pending_bytes_max is reached. Nothing was kept; offer the frame again later.
  backend_error,       ///< Redis or the way to it failed; Error::cause says how, Error::may_have_run whether it acted.
  backend_reset,       ///< Redis lost data it had acknowledged.
  closed_client,       ///< close() came before the answer.
  entry_not_found,     ///< The cache has no such entry: it is absent, or this process cannot know.
  invalid_data_found,  ///< What is stored is not what sake writes; the text names database and key.
  cache_miss,          ///< An adapter has no such entry, or its client is closed; there may be one. See sake/adapters.h.
  cannot_delete,       ///< The entry is held by something else and was kept.
};

/// What went wrong behind Errc::backend_error; `none` with every other code.
enum class Cause : std::uint8_t {
  none,
  connect,    ///< Resolving the name or connecting failed.
  auth,       ///< Redis refused the user or the password.
  tls,        ///< The handshake or the certificate failed.
  lost,       ///< The connection ended before the answer.
  timed_out,  ///< A timeout passed.
  protocol,   ///< The peer sent bytes that are not RESP.
  server,     ///< Redis answered with an error; Error::text holds its words.
};

/// "invalid_argument", "backend_error", ...: the enumerator's own name.
SAKE_EXPORT std::string_view name(Errc code) noexcept;
SAKE_EXPORT std::string_view name(Cause cause) noexcept;

/// An error as a value. Never holds a password, a token or the text of a frame.
struct Error {
  Errc code = Errc::invalid_argument;  ///< In which of the ways.
  Cause cause = Cause::none;           ///< What was behind a backend_error.
  bool may_have_run = false;           ///< Redis may have executed the command although no answer came.
  std::string text = {};               ///< One sentence for a log: what failed, and what to do where that is known.
  bool is_absent = false;              ///< With entry_not_found: there is none. Otherwise this process cannot know.
};

/// "backend_error (server): OOM command not allowed ...": one line for a log.
SAKE_EXPORT std::string describe(const Error& error);

}  // namespace sake
