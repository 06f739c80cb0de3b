#pragma once

// The engine's heart: admits frames, finds the row of each event, runs its handler in the order of its lane, and gives
// every event exactly one outcome.
// Rule to remember: nothing of the host's is called from here. What there is to tell is gathered and told by deliver().

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sake/cache.h"

#include "dispatch/complaints.h"
#include "dispatch/dirty.h"
#include "dispatch/lane.h"
#include "resources/edits.h"
#include "resources/event.h"
#include "resources/shard_state.h"
#include "resources/table.h"
#include "store/store.h"

namespace sake::dispatch {

using resources::Event;
using resources::ShardState;

/// Counters by outcome.
using Tally = std::array<std::uint64_t, 4>;

class Dispatcher final : public resources::Host {
 public:
  struct Environment {
    const store::Settings& settings;
    store::Filter& filter;
    store::Store& store;
    store::Ownership& ownership;
    resources::State& state;
    LogSink& log;
    std::size_t pending_bytes_max;
    std::size_t frame_bytes_max;
    std::int64_t (*event_clock)(void*) = nullptr;  ///< Null: the wall clock.
    void* event_clock_context = nullptr;
    /// Unsent and unanswered bytes of all writers.
    std::size_t (*unanswered_bytes)(void* context) noexcept;
    void* context;
  };

  explicit Dispatcher(const Environment& environment) noexcept;
  ~Dispatcher();

  /// A whole frame, or an event that the host has taken out of its frame.
  struct Frame {
    std::string_view text;   ///< The frame, or the event's "d".
    std::string_view event;  ///< Empty: `text` is a whole frame.
    std::optional<std::uint64_t> sequence;
  };

  /// Errors: over_capacity, closed_client.
  Status dispatch(ShardState& shard, const Frame& frame, Completion completion);

  /// Applies what the host asks for itself. The completion's event is the name of the row.
  /// Errors: over_capacity, closed_client.
  Status perform(resources::Edit edit, Completion completion);

  /// Whether all that was dispatched of the guild so far has its outcome. False now and then although it is so.
  bool is_settled(std::uint64_t guild) const noexcept { return early_.empty() && unfinished_[bucket_of(guild)] == 0; }
  /// Another number whenever something of the guild was dispatched in between.
  std::uint32_t begun(std::uint64_t guild) const noexcept { return begun_[bucket_of(guild)]; }

  /// Until this is called, frames are kept and not applied.
  void start() noexcept { started_ = true; }
  /// Goes on with what was put off so that the loop gets its turn. Call once per iteration.
  void work();
  /// Whether something is put off: the loop must not wait then.
  bool has_work() const noexcept { return (started_ && !early_.empty()) || !paused_lanes_.empty(); }
  /// Refuses frames from now on.
  void stop_admitting() noexcept { admitting_ = false; }
  /// Ends the frames that were kept with `error`. What Redis owes an answer ends when its writer is closed; nothing is
  /// put off any more.
  void abort(const Error& error);

  /// The host gives up the frame that was refused. False: none was.
  bool skip(ShardState& shard);

  /// The same for a frame that was refused before it came here.
  void skip(std::uint32_t shard_id, const ShardState::Refused& refused);

  /// What has to be remembered of a frame that is refused. These two look at nothing else: any thread may ask.
  static ShardState::Refused refusal_of(const Frame& frame, std::size_t frame_bytes_max, json::Document& scratch);
  static std::uint64_t fingerprint(const Frame& frame) noexcept;

  /// Redis has lost what it had acknowledged: every guild of this process is dirty.
  void on_backend_reset(const Error& why);

  /// These guilds were dirty when the session was recorded that is now resumed.
  void mark_dirty(std::span<const std::uint64_t> guilds);

  DirtyGuilds& dirty_guilds() noexcept { return dirty_guilds_; }
  const DirtyGuilds& dirty_guilds() const noexcept { return dirty_guilds_; }
  void on_dirty(Callback<void(std::uint64_t, const Error&)> callback) noexcept { on_dirty_ = std::move(callback); }

  /// Renews the keys of a guild in its lane.
  void renew(std::uint64_t guild);

  /// Calls back, in deliver(), once everything dispatched so far has its outcome.
  void flush(Callback<void(Status)> on_flushed);

  /// Tells the host what has ended since. It may call anything from its callbacks.
  void deliver();

  std::size_t pending_bytes() const noexcept;
  std::size_t events_pending() const noexcept { return events_pending_; }
  std::size_t lanes_waiting() const noexcept { return lanes_.size(); }
  std::uint64_t refusals() const noexcept { return refusals_; }
  std::uint64_t skipped() const noexcept { return skipped_; }
  std::uint64_t failed_renewals() const noexcept { return failed_renewals_; }
  std::uint64_t outcomes() const noexcept { return outcomes_; }
  void append_stats(std::vector<EventStats>& stats) const;

  std::int64_t wall_clock() const noexcept override;
  std::int64_t event_clock() const noexcept override;
  void log(LogLevel level, std::string_view message) noexcept override;

 private:
  struct Early {
    ShardState* shard;
    std::string text;
    std::string event;
    std::optional<std::uint64_t> sequence;
    std::uint64_t epoch;
    Completion completion;
    resources::Edit edit = {};  ///< In place of a frame where it has a row.
  };
  struct Ended {
    Completion completion;
    Outcome outcome;
    std::string_view event;
    std::string_view reason;
    std::unique_ptr<Error> error;
  };
  struct Flush {
    std::uint64_t epoch;
    Callback<void(Status)> callback;
  };

  // Admission.
  void admit(ShardState& shard, const Frame& frame, std::uint64_t epoch, Completion completion);
  /// False: the event ends here, rejected or ignored.
  bool take_frame(Event& event, std::string_view text);
  bool take_data(Event& event, const Frame& frame);
  bool take_event(Event& event, std::string_view name, json::Value data, std::optional<std::uint64_t> sequence);
  bool is_too_large(Event& event, std::string_view text);
  /// Whether the sequence number has not been seen in this session.
  bool is_new(Event& event, bool ready, std::optional<std::uint64_t> sequence);
  void choose_lane(Event& event);
  /// Whether what could go on for long has done so for long enough in this iteration.
  bool is_slice_over() noexcept;

  // The life of an event; see dispatcher.cc.
  bool begin(Event& event);
  void begin_edit(resources::Edit edit, std::uint64_t epoch, Completion completion);
  bool start_flow(Event& event, resources::Flow (*flow)(Event&));
  /// True: the handler has returned.
  bool step(Event& event);
  void step_apart(Event& event);
  void advance(Lane& lane);
  void leave_lane(Event& event);
  void end(Event& event);
  void finish(Event& event);
  /// What a failure or a success of the event means for its guild.
  void account(Event& event);
  void complain(const Event& event, Outcome outcome);
  bool is_ready(const Event& event) const noexcept;
  static void on_progress(Event& event) noexcept;
  void progress(Event& event);

  void commit(Event& event, store::Store::Which which);
  /// `goes_on`: the parent waits for those that stand next in its lane.
  void spawn_children(Event& parent, bool goes_on);
  Event& spawn(ShardState& shard, const resources::Work::Child& child);

  Lane* find_lane(std::uint64_t id) noexcept;
  Lane& lane_of(Event& event);
  void join(Lane& lane, Event& event);
  void note_waiting_channel(const Event& event, int change);

  Event& take_event();
  void give_back(Event& event) noexcept;
  resources::Work& take_work();
  void give_back(resources::Work& work) noexcept;

  Environment environment_;
  bool started_ = false;
  bool admitting_ = true;
  bool slicing_ = true;
  ShardState no_shard_;  // Of what no shard asked for.

  json::Document scratch_;  // Of the frame being dispatched.
  std::pmr::unsynchronized_pool_resource pool_;
  std::pmr::unordered_map<std::uint64_t, Lane> lanes_;
  struct WaitingChannel {
    std::uint64_t lane = 0;
    std::size_t events = 0;
  };
  /// Channels named by guild events that wait: an event that names no guild joins their lane.
  std::pmr::unordered_map<std::uint64_t, WaitingChannel> waiting_channels_;

  /// Events and stories of a guild that have not ended, by a few bits of its id: guilds that share them wait for each
  /// other in is_settled().
  std::array<std::uint32_t, 4096> unfinished_{};
  std::array<std::uint32_t, 4096> begun_{};  ///< How many there have been.
  static std::size_t bucket_of(std::uint64_t guild) noexcept {
    return static_cast<std::size_t>((guild * 0x9E3779B97F4A7C15u) >> 52);
  }
  void note_guild(Event& event) noexcept;

  std::vector<std::unique_ptr<Event>> events_;
  Event* free_events_ = nullptr;
  std::vector<std::unique_ptr<resources::Work>> free_works_;

  std::deque<Early> early_;
  std::vector<std::uint64_t> paused_lanes_;
  std::chrono::steady_clock::time_point slice_end_{};  // None before the first look at the clock.
  std::size_t waiting_bytes_ = 0;                      // Of frames and memories that are kept.
  std::size_t events_pending_ = 0;
  std::uint64_t refusals_ = 0;
  std::uint64_t skipped_ = 0;
  std::uint64_t failed_renewals_ = 0;
  std::uint64_t outcomes_ = 0;
  std::uint64_t number_ = 0;  // Of the latest event.
  DirtyGuilds dirty_guilds_;
  Callback<void(std::uint64_t, const Error&)> on_dirty_;
  Complaints complaints_;

  std::vector<Ended> ended_;
  std::vector<Ended> delivering_;
  std::vector<Flush> flushes_;
  /// Events without an outcome by epoch; every flush begins a new one.
  std::deque<std::uint64_t> epochs_{0};
  std::uint64_t first_epoch_ = 0;

  std::vector<Tally> tallies_;  // By row of the table, then unknown events, then frames that are no dispatch.
};

}  // namespace sake::dispatch
