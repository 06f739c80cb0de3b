#include "net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>

#include "base/snowflake.h"

namespace sake::net {
namespace {

// No text below quotes any part of the URL: a mistyped URL may hold the password in any of them.
Error invalid(std::string_view what) {
  return {Errc::invalid_argument, Cause::none, false, "the Redis address cannot work: " + std::string(what)};
}

constexpr std::size_t socket_path_bytes_max = 107;  // sun_path less its end mark; libuv would cut the rest off.

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  while (!text.empty()) {
    if (text[0] != '%') {
      decoded += text[0];
      text.remove_prefix(1);
      continue;
    }
    if (text.size() < 3 || hex_value(text[1]) < 0 || hex_value(text[2]) < 0) return std::nullopt;
    const int value = hex_value(text[1]) * 16 + hex_value(text[2]);
    if (value == 0) return std::nullopt;
    decoded += static_cast<char>(value);
    text.remove_prefix(3);
  }
  return decoded;
}

Error bad_escape() { return invalid("a \"%\" must be followed by two hexadecimal digits, and %00 is not allowed"); }

// [user][:[password]]
Status parse_user_info(std::string_view text, Address& out) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto user = percent_decoded(text.substr(0, colon));
  const auto password = percent_decoded(text.substr(std::min(colon + 1, text.size())));
  if (!user || !password) return bad_escape();
  out.user = *user;
  out.password = *password;
  return {};
}

Status parse_port(std::string_view digits, Address& out) {
  const auto port = base::parse_snowflake(digits);
  if (!port || *port == 0 || *port > 65535) return invalid("the port must be a number from 1 to 65535");
  out.port = static_cast<std::uint16_t>(*port);
  return {};
}

bool is_ipv6(const std::string& host) noexcept {
  in6_addr address;
  return inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &address) == 1;
}

// host[:port], where the host may be an IPv6 address in brackets.
Status parse_host(std::string_view text, Address& out) {
  std::string_view host = text;
  std::string_view rest;
  const bool bracketed = text.starts_with('[');
  if (bracketed) {
    const std::size_t bracket = text.find(']');
    if (bracket == text.npos) return invalid("\"]\" is missing after the IPv6 address");
    host = text.substr(1, bracket - 1);
    rest = text.substr(bracket + 1);
    if (!rest.empty() && rest[0] != ':') return invalid("only a port may follow the IPv6 address");
  } else {
    host = text.substr(0, text.find(':'));
    rest = text.substr(host.size());
    if (rest.find(':', 1) != rest.npos) return invalid("an IPv6 address must stand in brackets, like [::1]");
  }

  const auto decoded = percent_decoded(host);
  if (!decoded) return bad_escape();
  if (decoded->empty()) return invalid("the host is missing");
  if (bracketed && !is_ipv6(*decoded)) return invalid("what stands in the brackets is no IPv6 address");
  out.host = *decoded;
  return rest.empty() ? Status() : parse_port(rest.substr(1), out);
}

Status parse_socket_path(std::string_view host, std::string_view path, Address& out) {
  if (!host.empty() || !path.starts_with('/')) {
    return invalid("the path of a socket must be absolute, as in unix:///run/redis.sock");
  }
  const auto decoded = percent_decoded(path);
  if (!decoded) return bad_escape();
  if (decoded->size() > socket_path_bytes_max) return invalid("the path of a socket has at most 107 bytes");
  out.kind = AddressKind::unix_socket;
  out.port = 0;
  out.path = *decoded;
  return {};
}

Status parse_parts(std::string_view scheme, std::string_view rest, Address& out) {
  const bool is_unix = scheme == "unix";
  const std::size_t path_at = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string_view authority = rest.substr(0, path_at);
  const std::string_view path = rest.substr(path_at);

  const std::size_t at = authority.rfind('@');
  const std::string_view host = at == authority.npos ? authority : authority.substr(at + 1);
  if (at != authority.npos) {
    if (Status status = parse_user_info(authority.substr(0, at), out); !status) return status;
  }

  if (path.find_first_of("?#") != path.npos) {
    return invalid("it takes no query and no fragment; the database is chosen by the resource (index overrides)");
  }
  if (is_unix) return parse_socket_path(host, path, out);
  if (!path.empty() && path != "/") {
    return invalid("it takes no path: the database is chosen by the resource (index overrides)");
  }
  return parse_host(host, out);
}

}  // namespace

Result<Address> parse_address(std::string_view url) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; };
  if (std::ranges::any_of(url, is_control)) return invalid("spaces and control characters must be percent-encoded");

  constexpr std::string_view separator = "://";
  const std::size_t scheme_end = url.find(separator);
  const std::string_view scheme = url.substr(0, std::min(scheme_end, url.size()));
  if (scheme_end == url.npos || (scheme != "redis" && scheme != "rediss" && scheme != "unix")) {
    return invalid("it must begin with redis://, rediss:// or unix://");
  }

  Address address;
  address.tls = scheme == "rediss";
  if (Status status = parse_parts(scheme, url.substr(scheme_end + separator.size()), address); !status) {
    return status.error();
  }
  return address;
}

std::string describe(const Address& address) {
  if (address.kind == AddressKind::unix_socket) return "unix://" + address.path;
  const bool is_literal_ipv6 = address.host.find(':') != std::string::npos;
  const std::string host = is_literal_ipv6 ? "[" + address.host + "]" : address.host;
  return (address.tls ? "rediss://" : "redis://") + host + ":" + std::string(base::Decimal(address.port).view());
}

}  // namespace sake::net
