// What a server may send before we know who it is: arbitrary bytes, in arbitrary pieces, to a client in its handshake.
// The first byte chooses the pieces: 0 gives them whole, another is their size, and from 128 on each piece has as many
// bytes as the input's next byte says.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "net/tls.h"

using namespace sake;

namespace {

const net::TlsContext& context() {
  static const auto made = net::TlsContext::make({.insecure_no_verification = true});
  if (!made) std::abort();
  return **made;
}

void require(bool holds) {
  if (!holds) std::abort();
}

/// The rest of what feed() was given, as a link would take it.
void read_all(net::TlsFilter& filter) {
  while (filter.state() == net::TlsFilter::State::established) {
    const auto plaintext = filter.read();
    if (!plaintext || plaintext->empty()) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::Buffer out;
  net::TlsFilter filter(context(), "localhost", out);
  require(filter.start().ok() && !out.empty());

  std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t choice = input.empty() ? 0 : static_cast<unsigned char>(input[0]);
  if (!input.empty()) input.remove_prefix(1);
  while (!input.empty()) {
    std::size_t piece_bytes = choice == 0 ? input.size() : choice;
    if (choice >= 128) {
      piece_bytes = static_cast<unsigned char>(input[0]) + std::size_t{1};
      input.remove_prefix(1);
    }
    const std::string_view piece = input.substr(0, piece_bytes);
    // A copy of exactly its size, so that a sanitizer sees a read beyond it or after it.
    const auto copy = std::make_unique<char[]>(piece.size());
    std::ranges::copy(piece, copy.get());
    const Status status = filter.feed({copy.get(), piece.size()});
    read_all(filter);
    input.remove_prefix(piece.size());

    // Nobody can finish a handshake without having read the beginning of ours, and an error is for good.
    require(filter.state() != net::TlsFilter::State::established);
    require(status.ok() == (filter.state() == net::TlsFilter::State::handshaking));
    if (status.ok()) continue;
    require(status.error().code == Errc::backend_error);
    require(status.error().cause == Cause::tls || status.error().cause == Cause::lost);
    require(!status.error().text.empty());
    require(!filter.feed("more").ok());
  }
  return 0;
}
