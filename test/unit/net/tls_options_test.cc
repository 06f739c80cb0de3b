#include "net/tls_options.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "net/tls_alert.h"

using namespace sake;

namespace {

bool says(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

const std::string digits = "00112233445566778899aAbBcCdDeEfF00112233445566778899aabbccddeeff";

}  // namespace

TEST_CASE("settings of TLS that make sense together are accepted") {
  CHECK(net::check({}).ok());
  CHECK(net::check({.ca_file = "a", .ca_directory = "b", .certificate_file = "c", .key_file = "d"}).ok());
  CHECK(net::check({.certificate_file = "with its key"}).ok() == true);
  CHECK(net::check({.server_name = "redis.example.org"}).ok());
  CHECK(net::check({.certificate_file = "c", .server_name = "n", .insecure_no_verification = true}).ok());
  CHECK(net::check({.certificate_file = "c", .server_name = "n", .insecure_pinned_sha256 = digits}).ok());
}

TEST_CASE("settings of TLS that contradict each other are refused with the name of the option") {
  struct Case {
    const char* option;
    Tls settings;
  };
  const Case cases[] = {
      {"tls.insecure_no_verification", {.insecure_no_verification = true, .insecure_pinned_sha256 = digits}},
      {"tls.ca_file", {.ca_file = "a", .insecure_pinned_sha256 = digits}},
      {"tls.ca_directory", {.ca_directory = "a", .insecure_pinned_sha256 = digits}},
      {"tls.ca_file", {.ca_file = "a", .insecure_no_verification = true}},
      {"tls.ca_directory", {.ca_directory = "a", .insecure_no_verification = true}},
      {"tls.key_file", {.key_file = "a"}},
      {"tls.insecure_pinned_sha256", {.insecure_pinned_sha256 = digits.substr(2)}},
      {"tls.insecure_pinned_sha256", {.insecure_pinned_sha256 = digits + "00"}},
      {"tls.insecure_pinned_sha256", {.insecure_pinned_sha256 = "g" + digits.substr(1)}},
      {"tls.insecure_pinned_sha256", {.insecure_pinned_sha256 = digits.substr(1) + "-"}},
      {"tls.server_name", {.server_name = "two names"}},
      {"tls.server_name", {.server_name = std::string("a\0b", 3)}},
      {"tls.server_name", {.server_name = std::string(254, 'a')}},
  };
  for (const Case& each : cases) {
    CAPTURE(each.option);
    const Status status = net::check(each.settings);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == Errc::invalid_argument);
    CAPTURE(status.error().text);
    CHECK(status.error().text.starts_with(std::string(each.option) + ": "));
  }
}

TEST_CASE("a fingerprint may be written with colons and in either case") {
  const auto plain = net::parse_sha256(digits);
  REQUIRE(plain);
  CHECK((*plain)[0] == 0);
  CHECK((*plain)[1] == 0x11);
  CHECK((*plain)[10] == 0xaa);
  CHECK((*plain)[31] == 0xff);
  std::string with_colons;
  for (std::size_t i = 0; i < digits.size(); i += 2) with_colons += (i == 0 ? "" : ":") + digits.substr(i, 2);
  CHECK(net::parse_sha256(with_colons) == plain);
  CHECK_FALSE(net::parse_sha256("").has_value());
}

TEST_CASE("an alert is told as what to do about it") {
  CHECK(says(net::alert_words(116, "certificate required", false), "tls.certificate_file"));
  CHECK(says(net::alert_words(40, "handshake failure", true), "tls.certificate_file"));
  CHECK(says(net::alert_words(40, "handshake failure", false), "handshake failure"));
  CHECK_FALSE(says(net::alert_words(40, "handshake failure", false), "certificate"));
  CHECK(says(net::alert_words(48, "unknown CA", false), "does not accept"));
  CHECK(says(net::alert_words(48, "unknown CA", false), "unknown CA"));
  CHECK(says(net::alert_words(70, "protocol version", false), "1.2"));
  CHECK(says(net::alert_words(112, "unrecognized name", false), "tls.server_name"));
}
