#pragma once

// A redis-server that speaks TLS, with an authority of its own.

#include <string>
#include <vector>

#include "sake/options.h"

#include "support/certificates.h"
#include "support/redis_server.h"

namespace sake::test {

/// What a server needs to know to show this certificate. `more` is for its configuration file.
inline RedisServerOptions with_tls(const Identity& identity, const Certificates& authority,
                                   std::vector<std::string> more = {"tls-auth-clients no"}) {
  RedisServerOptions options{.tls = true, .configuration = std::move(more)};
  options.configuration.push_back("tls-cert-file " + identity.certificate_file);
  options.configuration.push_back("tls-key-file " + identity.key_file);
  options.configuration.push_back("tls-ca-cert-file " + authority.ca_file());
  return options;
}

}  // namespace sake::test
