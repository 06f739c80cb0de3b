#include "net/tls_alert.h"

namespace sake::net {
namespace {

enum Alert {
  handshake_failure = 40,
  bad_certificate = 42,
  unsupported_certificate = 43,
  certificate_revoked = 44,
  certificate_expired = 45,
  certificate_unknown = 46,
  unknown_ca = 48,
  protocol_version = 70,
  unrecognized_name = 112,
  certificate_required = 116,
};

}  // namespace

std::string alert_words(int alert, std::string_view name, bool asked_in_vain) {
  if (alert == handshake_failure && asked_in_vain) alert = certificate_required;
  switch (alert) {
    case certificate_required:
      return "the server asks for a client certificate: give tls.certificate_file and tls.key_file";
    case bad_certificate:
    case unsupported_certificate:
    case certificate_revoked:
    case certificate_expired:
    case certificate_unknown:
    case unknown_ca:
      return "the server does not accept the certificate of tls.certificate_file: " + std::string(name);
    case protocol_version:
      return "the server speaks neither TLS 1.2 nor 1.3";
    case unrecognized_name:
      return "the server does not know itself by the name it is called: give the right one as tls.server_name";
    default:
      return "the server breaks off: " + std::string(name);
  }
}

}  // namespace sake::net
