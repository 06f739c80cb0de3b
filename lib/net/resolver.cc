#include "net/resolver.h"

#include <netdb.h>
#include <netinet/in.h>

#include <cassert>
#include <cstring>
#include <utility>

#include <uv.h>

#include "base/snowflake.h"

namespace sake::net {
namespace {

Error resolve_error(const std::string& host, int status) {
  return {Errc::backend_error, Cause::connect, false, "cannot resolve \"" + host + "\": " + uv_strerror(status)};
}

std::vector<SocketAddress> to_list(const addrinfo* found) {
  std::vector<SocketAddress> list;
  for (; found != nullptr; found = found->ai_next) {
    if (found->ai_family != AF_INET && found->ai_family != AF_INET6) continue;
    std::memcpy(&list.emplace_back().storage, found->ai_addr, found->ai_addrlen);
  }
  return list;
}

}  // namespace

struct Resolver::Block {
  uv_getaddrinfo_t request;
  Resolver* owner;  // Null once nobody waits.
  std::string host;
  OnResolved on_resolved;

  void answer(int status, addrinfo* found) noexcept {
    if (owner == nullptr) return;
    owner->block_ = nullptr;  // Before the callback: it may ask again or destroy the resolver.
    if (status != 0) return on_resolved(resolve_error(host, status));
    std::vector<SocketAddress> list = to_list(found);
    if (list.empty()) return on_resolved(resolve_error(host, UV_EAI_NODATA));
    on_resolved(std::move(list));
  }
};

Status Resolver::resolve(const std::string& host, std::uint16_t port, OnResolved on_resolved) {
  assert(block_ == nullptr && "one question at a time");
  auto* block = new Block{{}, this, host, std::move(on_resolved)};
  block->request.data = block;

  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  const std::string service(base::Decimal(port).view());
  const auto on_answer = [](uv_getaddrinfo_t* request, int status, addrinfo* found) noexcept {
    auto* answered = static_cast<Block*>(request->data);
    answered->answer(status, found);
    uv_freeaddrinfo(found);
    delete answered;
  };
  const int status = uv_getaddrinfo(loop_, &block->request, on_answer, host.c_str(), service.c_str(), &hints);
  if (status != 0) {
    delete block;
    return resolve_error(host, status);
  }
  block_ = block;
  return {};
}

void Resolver::cancel() noexcept {
  Block* block = std::exchange(block_, nullptr);
  if (block == nullptr) return;
  block->owner = nullptr;
  // Fails when a thread is busy with it already; then its answer is dropped when it comes.
  uv_cancel(reinterpret_cast<uv_req_t*>(&block->request));
}

std::string describe(const SocketAddress& address) {
  char host[INET6_ADDRSTRLEN] = "?";
  if (address.storage.ss_family == AF_INET6) {
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    uv_ip6_name(in6, host, sizeof host);
    return "[" + std::string(host) + "]:" + std::string(base::Decimal(ntohs(in6->sin6_port)).view());
  }
  const auto* in = reinterpret_cast<const sockaddr_in*>(&address.storage);
  uv_ip4_name(in, host, sizeof host);
  return std::string(host) + ":" + std::string(base::Decimal(ntohs(in->sin_port)).view());
}

}  // namespace sake::net
