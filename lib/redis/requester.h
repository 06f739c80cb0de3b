#pragma once

// Requester: who waits for the replies to commands; usually an event with a counter.
// Rule: it outlives its commands, and each of them ends in exactly one call.

#include <cstdint>

#include "sake/error.h"

#include "resp/reply.h"

namespace sake::redis {

/// The calls come from the loop, in the order of sending; only Pipeline::close() and a command given to a closed
/// pipeline end inside the call that causes it. In them commands may be appended to any pipeline and pipelines closed;
/// no pipeline may be destroyed.
class Requester {
 public:
  /// The answer to a command that was sent with a tag: a read. Valid during the call.
  virtual void on_reply(std::uint32_t tag, const resp::Reply& reply) noexcept = 0;
  /// A command without a tag, a write, was acknowledged.
  virtual void on_acknowledged() noexcept = 0;
  /// The command failed: backend_error (server) with Redis's words when it was refused, else the error of close().
  virtual void on_failed(std::uint32_t tag, const Error& error) noexcept = 0;
  /// It has failed already: a command of it that the server may take later is not worth waiting for.
  virtual bool has_failed() const noexcept { return false; }

 protected:
  ~Requester() = default;
};

}  // namespace sake::redis
