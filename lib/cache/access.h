#pragma once

// Access: the host's reading and writing by name. Reads go to the readers, and say whether what is not there is known
// to be absent; writes go through the lanes like events.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sake/cache_iterator.h"
#include "sake/entity.h"
#include "sake/options.h"
#include "sake/permissions.h"
#include "sake/request.h"

#include "cache/reads.h"
#include "dispatch/dispatcher.h"
#include "resources/edits.h"

namespace sake::cache {

class Access {
 public:
  /// Everything passed by reference must outlive it.
  Access(const Options& options, const store::Settings& settings, dispatch::Dispatcher& dispatcher,
         const std::shared_ptr<Reads>& reads) noexcept
      : options_(options), settings_(settings), dispatcher_(dispatcher), reads_(reads) {}

  void get(EntityKey key, Callback<void(Result<Entity>)> then);
  void set(const EntityKey& key, std::string payload, std::optional<Lifetime> expire_time, Callback<void(Status)> then);
  void update(std::string message, std::optional<Lifetime> expire_time, Callback<void(Result<bool>)> then);
  void erase(const EntityKey& key, Callback<void(Status)> then);
  void clear(const Scope& scope, Callback<void(Status)> then);
  void permissions(std::uint64_t guild, std::uint64_t user, std::optional<std::uint64_t> channel, Reasons reasons,
                   Callback<void(Result<PermissionReport>)> then);

 private:
  /// Whether Redis has what is to be had of the resource in the guild, and nothing is under way.
  bool is_known(Resource resource, std::uint64_t guild) const noexcept;
  /// Tells, once something has been read that is asked for from now on, whether that held all along.
  Callback<bool()> knowing(Resource resource, std::uint64_t guild) const;
  void perform(Result<resources::Edit> edit, Callback<void(Result<Outcome>)> then);
  static Callback<void(Result<Outcome>)> status_to(Callback<void(Status)> then);

  const Options& options_;
  const store::Settings& settings_;
  dispatch::Dispatcher& dispatcher_;
  const std::shared_ptr<Reads>& reads_;
};

}  // namespace sake::cache
