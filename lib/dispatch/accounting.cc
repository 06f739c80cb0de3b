// What becomes of an event is told, counted, and held against its guild.

#include <algorithm>
#include <utility>

#include "base/snowflake.h"
#include "dispatch/dispatcher.h"
#include "dispatch/rows.h"

namespace sake::dispatch {

using resources::Row;

void Dispatcher::finish(Event& event) {
  resources::Run& run = event.run;
  if (run.is_noted) --unfinished_[bucket_of(run.guild_id)];
  account(event);
  if (Event* parent = run.parent) {
    if (run.error != nullptr && parent->run.error == nullptr) parent->run.error = std::move(run.error);
    if (run.is_ahead) --parent->run.ahead;
    give_back(event);
    --parent->run.children;
    progress(*parent);
    return;
  }
  const Outcome outcome = run.error != nullptr
                              ? (run.error->code == Errc::invalid_payload ? Outcome::rejected : Outcome::failed)
                          : !run.ignored.empty() ? Outcome::ignored
                                                 : Outcome::applied;
  if (run.row != &internal_row) {
    if (!run.is_edit) {
      const auto rows = resources::table();
      const std::size_t index = run.row == &unknown_row          ? rows.size() + unknown_event
                                : run.row == &not_a_dispatch_row ? rows.size() + not_a_dispatch
                                                                 : static_cast<std::size_t>(run.row - rows.data());
      ++tallies_[index][static_cast<std::size_t>(outcome)];
      ++outcomes_;
      if (run.error != nullptr) complain(event, outcome);
    }
    if (run.sequence != 0 && run.session == run.shard->session) run.shard->end(run.sequence);
    --epochs_[run.epoch - first_epoch_];
    --events_pending_;
    if (run.completion)
      ended_.push_back({std::move(run.completion), outcome,
                        run.row == &unknown_row || run.row == &not_a_dispatch_row ? std::string_view{} : run.row->event,
                        run.ignored, std::move(run.error)});
  }
  give_back(event);
}

void Dispatcher::account(Event& event) {
  resources::Run& run = event.run;
  if (run.error == nullptr) {
    if (run.heals) ownership->set_whole(run.guild_id, true, run.number);
    if (run.heals && !dirty_guilds_.empty()) dirty_guilds_.heal(run.guild_id, run.number);
    return;
  }
  if (run.error->code == Errc::invalid_payload) return;
  if (run.is_edit) return;  // The host is told; no event is missing.
  if (run.row != &internal_row) {
    std::string who(run.row->event);
    if (run.guild_id != 0) who.append(" of guild ").append(base::Decimal(run.guild_id).view());
    run.error->text = who + ": " + run.error->text;
  } else if (run.parent == nullptr) {
    // A renewal: the keys live on for half of their time, and the next one comes before that.
    ++failed_renewals_;
    return;
  } else if (run.guild_id != run.parent->run.guild_id) {
    run.error->text = "guild " + std::string(base::Decimal(run.guild_id).view()) + ": " + run.error->text;
  }
  if (run.guild_id != 0) dirty_guilds_.mark(run.guild_id, run.number, *run.error);
}

void Dispatcher::complain(const Event& event, Outcome outcome) {
  if (!complaints_.allows(wall_clock())) return;
  if (const std::uint64_t withheld = complaints_.take_withheld(); withheld != 0)
    log(LogLevel::warning,
        std::to_string(withheld) + " more events were rejected or failed; the statistics count them");
  std::string text = describe(*event.run.error);
  if (outcome == Outcome::rejected) text = std::string(event.run.row->event) + " rejected: " + text;
  log(LogLevel::warning, text);
}

void Dispatcher::mark_dirty(std::span<const std::uint64_t> guilds) {
  const Error why{.code = Errc::backend_error,
                  .cause = Cause::server,
                  .text = "something of the guild was not written before the session was resumed"};
  for (std::uint64_t guild : guilds) dirty_guilds_.mark(guild, number_, why);
}

void Dispatcher::on_backend_reset(const Error& why) {
  ownership->forget_lifetimes();
  for (std::uint64_t guild : ownership->all()) dirty_guilds_.mark(guild, number_, why);
}

void Dispatcher::abort(const Error& error) {
  admitting_ = false;
  slicing_ = false;
  for (Early& early : early_) {
    --epochs_[early.epoch - first_epoch_];
    --events_pending_;
    waiting_bytes_ -= early.text.size();
    if (early.completion)
      ended_.push_back({std::move(early.completion), Outcome::failed, {}, {}, std::make_unique<Error>(error)});
  }
  early_.clear();
}

void Dispatcher::flush(Callback<void(Status)> on_flushed) {
  flushes_.push_back({first_epoch_ + epochs_.size() - 1, std::move(on_flushed)});
  epochs_.push_back(0);
}

void Dispatcher::deliver() {
  // The host may dispatch from its callbacks; what ends by that is told in the next round.
  std::swap(ended_, delivering_);
  for (Ended& ended : delivering_) ended.completion({ended.outcome, ended.event, ended.reason, ended.error.get()});
  delivering_.clear();

  for (const auto& [guild, why] : dirty_guilds_.take_news())
    if (on_dirty_) on_dirty_(guild, why);

  while (epochs_.size() > 1 && epochs_.front() == 0) {
    epochs_.pop_front();
    ++first_epoch_;
  }
  while (!flushes_.empty() && flushes_.front().epoch < first_epoch_) {
    Callback<void(Status)> callback = std::move(flushes_.front().callback);
    flushes_.erase(flushes_.begin());
    callback({});
  }
}

std::size_t Dispatcher::pending_bytes() const noexcept {
  // A flood of tiny events costs more for keeping book of them than for their bytes.
  return waiting_bytes_ + events_pending_ * sizeof(Event) + environment_.unanswered_bytes(environment_.context);
}

void Dispatcher::append_stats(std::vector<EventStats>& stats) const {
  const auto rows = resources::table();
  for (std::size_t i = 0; i < tallies_.size(); ++i) {
    const Tally& tally = tallies_[i];
    if (std::ranges::all_of(tally, [](std::uint64_t count) { return count == 0; })) continue;
    const Row& row = i < rows.size() ? rows[i] : i == rows.size() + unknown_event ? unknown_row : not_a_dispatch_row;
    stats.push_back({row.event, tally[0], tally[1], tally[2], tally[3]});
  }
}

}  // namespace sake::dispatch
