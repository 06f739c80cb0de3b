// Takes the place of tls.cc in a build without TLS: there is no context, and so nothing else is ever called.

#include "net/tls.h"

namespace sake::net {
namespace {

Error no_tls() {
  return {Errc::invalid_argument, Cause::none, false,
          "the Redis address cannot work: this build has no TLS: rebuild with -Dtls=enabled"};
}

}  // namespace

struct TlsContext::Impl {};
struct TlsFilter::Impl {};

Result<std::unique_ptr<TlsContext>> TlsContext::make(const Tls&) { return no_tls(); }
TlsContext::TlsContext(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

TlsFilter::TlsFilter(const TlsContext&, const std::string&, base::Buffer&) {}
TlsFilter::~TlsFilter() = default;
TlsFilter::State TlsFilter::state() const noexcept { return State::failed; }
Status TlsFilter::feed(std::string_view) { return no_tls(); }
Result<std::string_view> TlsFilter::read() { return no_tls(); }
Status TlsFilter::write(std::string_view) { return no_tls(); }

}  // namespace sake::net
