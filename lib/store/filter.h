#pragma once

// Which entities are stored: Options::filters. Asked where a value enters a batch, before fields are selected; what
// follows from a refusal (the references that the same batch adds) is settled before the batch is sent.

#include <cstdint>
#include <optional>
#include <string_view>

#include "sake/options.h"

namespace sake::store {

class WriteBatch;

class Filter {
 public:
  /// Both must outlive the filter.
  Filter(Filters& wanted, const std::optional<std::uint64_t>& own_id) noexcept : wanted_(wanted), own_id_(own_id) {}

  /// Whether any entity could be refused.
  bool is_on() const noexcept { return wanted_.no_bots || wanted_.no_webhook_messages || wanted_.accepts; }

  enum class Verdict : std::uint8_t {
    store,
    skip,    ///< It never was stored, and is not now.
    remove,  ///< What is stored of it goes.
  };
  Verdict judge(const Candidate& candidate) noexcept;

  std::uint64_t refusals() const noexcept { return refusals_; }

 private:
  bool is_refused_bot(const Candidate& candidate) const;

  Filters& wanted_;
  const std::optional<std::uint64_t>& own_id_;
  std::uint64_t refusals_ = 0;
};

/// Takes the references back that the batch adds for entities it was refused. `on_left(channel)` is told of each voice
/// channel that a refused state is not in.
void withdraw_references(WriteBatch& batch, void (*on_left)(void* context, std::uint64_t channel), void* context);

}  // namespace sake::store
