#include "net/tls_options.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace sake::net {
namespace {

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_host(std::string_view name) noexcept {
  constexpr std::size_t bytes_max = 253;  // Of a name in DNS; literal addresses are shorter.
  const auto is_odd = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; };
  return name.size() <= bytes_max && std::ranges::none_of(name, is_odd);
}

}  // namespace

std::optional<Sha256> parse_sha256(std::string_view text) {
  std::string digits(text);
  std::erase(digits, ':');
  Sha256 bytes;
  if (digits.size() != 2 * bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = hex_value(digits[2 * i]);
    const int low = hex_value(digits[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return bytes;
}

Error refused_tls(std::string_view option, std::string_view why) {
  return {Errc::invalid_argument, Cause::none, false, "tls." + std::string(option) + ": " + std::string(why)};
}

Status check_readable(std::string_view option, const std::string& path) {
  if (access(path.c_str(), R_OK) == 0) return {};
  return refused_tls(option, "cannot read \"" + path + "\": " + std::generic_category().message(errno));
}

bool is_indexed(const std::string& directory) {
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(directory, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (name.find_first_not_of("0123456789abcdef") == 8 && name[8] == '.') return true;
  }
  return false;
}

Status check(const Tls& options) {
  const bool has_pin = !options.insecure_pinned_sha256.empty();
  if (has_pin && !parse_sha256(options.insecure_pinned_sha256)) {
    return refused_tls("insecure_pinned_sha256",
                       "a SHA-256 has 64 hexadecimal digits; "
                       "`openssl x509 -noout -fingerprint -sha256 -in FILE` prints that of a certificate");
  }
  if (has_pin && options.insecure_no_verification) {
    return refused_tls("insecure_no_verification",
                       "with it insecure_pinned_sha256 would not be looked at: give one of them");
  }
  if (!options.ca_file.empty() || !options.ca_directory.empty()) {
    const char* authority = options.ca_file.empty() ? "ca_directory" : "ca_file";
    if (has_pin) return refused_tls(authority, "with insecure_pinned_sha256 no authority is asked: give one of them");
    if (options.insecure_no_verification) {
      return refused_tls(authority, "with insecure_no_verification no authority is asked: give one of them");
    }
  }
  if (!options.key_file.empty() && options.certificate_file.empty()) {
    return refused_tls("key_file", "a key is of no use without its certificate: give certificate_file too");
  }
  if (!is_host(options.server_name)) {
    return refused_tls("server_name", "a host name has at most 253 characters, and no spaces or control characters");
  }
  return {};
}

}  // namespace sake::net
