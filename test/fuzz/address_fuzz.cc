// net::parse_address on any text: it ends, what it accepts can be used, and neither its errors nor describe() show
// anything of a password.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "net/address.h"

using namespace sake;

namespace {

/// Found in no text that the library writes.
constexpr std::string_view secret = "Xq7ZwK2v";

bool shows(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

void check(std::string_view url) {
  const Result<net::Address> parsed = net::parse_address(url);
  if (!parsed) {
    SAKE_FUZZ_CHECK(parsed.error().code == Errc::invalid_argument);
    SAKE_FUZZ_CHECK(!parsed.error().text.empty());
    SAKE_FUZZ_CHECK(!shows(describe(parsed.error()), secret));
    return;
  }
  const net::Address& address = parsed.value();
  const std::string text = net::describe(address);
  SAKE_FUZZ_CHECK(!text.empty());
  // A fuzzer learns the word, and may have put it where it is shown.
  if (!shows(address.host, secret) && !shows(address.path, secret)) SAKE_FUZZ_CHECK(!shows(text, secret));
  if (address.kind == net::AddressKind::unix_socket) {
    SAKE_FUZZ_CHECK(address.path.starts_with('/') && address.path.size() <= 107 && address.port == 0);
  } else {
    SAKE_FUZZ_CHECK(!address.host.empty() && address.port != 0 && address.path.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view url(reinterpret_cast<const char*>(data), size);
  if (shows(url, secret)) return 0;
  check(url);
  // The same with a secret at a place that the input chooses: a mistyped address has the password anywhere.
  const std::size_t begin = url.find("://");
  if (begin == url.npos) return 0;
  const std::size_t room = url.size() - begin - 2;
  const std::size_t at = begin + 3 + data[size - 1] % room;
  check(std::string(url.substr(0, at)) + std::string(secret) + std::string(url.substr(at)));
  return 0;
}
