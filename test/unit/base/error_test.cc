#include "sake/error.h"

#include <doctest/doctest.h>

using namespace sake;

TEST_CASE("every error code and every cause is named after its enumerator") {
  CHECK(name(Errc::invalid_argument) == "invalid_argument");
  CHECK(name(Errc::cannot_delete) == "cannot_delete");
  CHECK(name(Cause::none) == "none");
  CHECK(name(Cause::server) == "server");
  for (int code = 0; code <= static_cast<int>(Errc::cannot_delete); ++code) {
    CHECK(name(static_cast<Errc>(code)) != "unknown");
  }
  for (int cause = 0; cause <= static_cast<int>(Cause::server); ++cause) {
    CHECK(name(static_cast<Cause>(cause)) != "unknown");
  }
}

TEST_CASE("an error describes itself in one line: code, cause, words, and whether the command may have run") {
  CHECK(describe({Errc::over_capacity, Cause::none, false, ""}) == "over_capacity");
  CHECK(describe({Errc::invalid_argument, Cause::none, false, "no host"}) == "invalid_argument: no host");
  CHECK(describe({Errc::backend_error, Cause::server, false, "OOM command not allowed"}) ==
        "backend_error (server): OOM command not allowed");
  CHECK(describe({Errc::closed_client, Cause::none, true, "closed"}) ==
        "closed_client: closed (the command may have run)");
}
