#include "sake/error.h"

namespace sake {

std::string_view name(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::invalid_payload:
      return "invalid_payload";
    case Errc::over_capacity:
      return "over_capacity";
    case Errc::backend_error:
      return "backend_error";
    case Errc::backend_reset:
      return "backend_reset";
    case Errc::closed_client:
      return "closed_client";
    case Errc::entry_not_found:
      return "entry_not_found";
    case Errc::invalid_data_found:
      return "invalid_data_found";
    case Errc::cache_miss:
      return "cache_miss";
    case Errc::cannot_delete:
      return "cannot_delete";
  }
  return "unknown";
}

std::string_view name(Cause cause) noexcept {
  switch (cause) {
    case Cause::none:
      return "none";
    case Cause::connect:
      return "connect";
    case Cause::auth:
      return "auth";
    case Cause::tls:
      return "tls";
    case Cause::lost:
      return "lost";
    case Cause::timed_out:
      return "timed_out";
    case Cause::protocol:
      return "protocol";
    case Cause::server:
      return "server";
  }
  return "unknown";
}

std::string describe(const Error& error) {
  std::string line(name(error.code));
  if (error.cause != Cause::none) line.append(" (").append(name(error.cause)).append(")");
  if (!error.text.empty()) line.append(": ").append(error.text);
  if (error.may_have_run) line.append(" (the command may have run)");
  return line;
}

}  // namespace sake
