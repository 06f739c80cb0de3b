#pragma once

// What it means to a user that a server ends a session with an alert (RFC 8446, section 6).

#include <string>
#include <string_view>

namespace sake::net {

/// `name` is the alert's own, for those that mean nothing particular. `asked_in_vain`: the server wanted a certificate
/// of ours and got none, which TLS 1.2 has no alert for.
std::string alert_words(int alert, std::string_view name, bool asked_in_vain);

}  // namespace sake::net
