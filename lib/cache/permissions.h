#pragma once

// What a member may do, from what is cached: in a first trip the guild, the member and the channel or thread, in a
// second one the roles and a thread's channel. Rule to remember: what cannot be known is refused.

#include <cstdint>
#include <optional>

#include "sake/permissions.h"
#include "sake/result.h"

#include "cache/reads.h"
#include "dispatch/dispatcher.h"

namespace sake::cache {

struct PermissionsAsked {
  std::uint64_t guild;
  std::uint64_t user;
  std::optional<std::uint64_t> channel;
  Reasons reasons;
};

/// `reads` and `dispatcher` must outlive the answer. `are_roles_known`: a role that was not found does not exist.
void read_permissions(Reads& reads, dispatch::Dispatcher& dispatcher, const PermissionsAsked& asked,
                      Callback<bool()> are_roles_known, Callback<void(Result<PermissionReport>)> then);

}  // namespace sake::cache
