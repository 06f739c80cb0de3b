#include "dispatch/dispatcher.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <functional>

#include "base/snowflake.h"
#include "resources/flows.h"

namespace sake::dispatch {
namespace {

using resources::Row;
using resources::Wait;
using resources::Work;
using store::Store;

/// Memory that is kept for the next event at most.
constexpr std::size_t works_kept_max = 64;

/// Where events without a row are counted, behind the rows.
constexpr std::size_t unknown_event = 0;
constexpr std::size_t not_a_dispatch = 1;

const Row not_a_dispatch_row{"(not a dispatch)"};
const Row unknown_row{"(unknown)"};
const Row internal_row{"(internal)"};

unsigned depth_of(std::string_view event) noexcept {
  const Row* row = resources::find_row(event);
  return row == nullptr ? 0 : row->depth;
}

}  // namespace

Dispatcher::Dispatcher(const Environment& environment) noexcept
    : environment_(environment), lanes_(&pool_), waiting_channels_(&pool_), tallies_(resources::table().size() + 2) {
  settings = &environment.settings;
  state = &environment.state;
  ownership = &environment.ownership;
}

Dispatcher::~Dispatcher() = default;

// ---------------------------------------------------------------------------------------------- Admission

Status Dispatcher::dispatch(ShardState& shard, const Frame& frame, Completion completion) {
  if (!admitting_) return Error{.code = Errc::closed_client, .text = "the cache is closed"};
  // A shard that was refused a frame takes nothing else before it: order is worth more than throughput.
  const bool out_of_order = shard.refused && shard.refused->fingerprint != fingerprint(frame);
  if (out_of_order || pending_bytes() >= environment_.pending_bytes_max) {
    if (!shard.refused) refuse(shard, frame);
    ++refusals_;
    return Error{.code = Errc::over_capacity,
                 .text = out_of_order
                             ? "an earlier frame of this shard was refused: offer that one again or skip it"
                             : "pending_bytes_max is reached: offer this frame again when on_capacity is called"};
  }
  shard.refused.reset();

  const std::uint64_t epoch = first_epoch_ + epochs_.size() - 1;
  ++epochs_.back();
  ++events_pending_;
  if (started_ && early_.empty()) {
    admit(shard, frame, epoch, std::move(completion));
  } else {
    waiting_bytes_ += frame.text.size();
    early_.push_back(
        {&shard, std::string(frame.text), std::string(frame.event), frame.sequence, epoch, std::move(completion)});
  }
  return {};
}

void Dispatcher::work() {
  slice_end_ = {};
  while (started_ && !early_.empty() && !is_slice_over()) {
    Early early = std::move(early_.front());
    early_.pop_front();
    waiting_bytes_ -= early.text.size();
    admit(*early.shard, {early.text, early.event, early.sequence}, early.epoch, std::move(early.completion));
  }
  std::vector<std::uint64_t> paused;
  std::swap(paused, paused_lanes_);
  for (std::uint64_t id : paused)
    if (Lane* lane = find_lane(id)) {
      lane->paused = false;
      advance(*lane);
    }
}

bool Dispatcher::is_slice_over() noexcept {
  constexpr auto slice = std::chrono::milliseconds(3);
  if (!slicing_) return false;
  const auto now = std::chrono::steady_clock::now();
  if (slice_end_ == std::chrono::steady_clock::time_point{}) slice_end_ = now + slice;
  return now >= slice_end_;
}

std::uint64_t Dispatcher::fingerprint(const Frame& frame) noexcept {
  // The ends are enough to tell the frames of one shard apart: they hold sequence numbers and ids.
  constexpr std::size_t ends = 512;
  const std::string_view text = frame.text;
  const std::hash<std::string_view> hash;
  std::uint64_t print = text.size() * 0x9E3779B97F4A7C15u + frame.sequence.value_or(0);
  print = (print ^ hash(text.substr(0, ends))) * 0xD6E8FEB86659FD93u;
  print = (print ^ hash(text.substr(text.size() - std::min(text.size(), ends)))) * 0xD6E8FEB86659FD93u;
  return print ^ hash(frame.event);
}

void Dispatcher::refuse(ShardState& shard, const Frame& frame) {
  // Should the host skip it, it must be known whose it was; the text is gone then.
  Event& event = take_event();
  event.run.row = &unknown_row;
  json::Value data;
  if (frame.event.empty()) {
    if (frame.text.size() <= environment_.frame_bytes_max && scratch_.parse_frame(frame.text, depth_of)) {
      if (const json::Value name = scratch_.root()["t"]; name.is_string())
        if (const Row* row = resources::find_row(name.string())) event.run.row = row;
      data = scratch_.root()["d"];
    }
  } else if (const Row* row = resources::find_row(frame.event)) {
    event.run.row = row;
    if (frame.text.size() <= environment_.frame_bytes_max && scratch_.parse(frame.text, 1)) data = scratch_.root();
  }
  if (data.is_object() && !event.run.row->changes_nothing()) {
    event.run.data = data;
    choose_lane(event);
  }
  shard.refused = {fingerprint(frame), event.run.guild_id, event.run.row->event == "READY"};
  give_back(event);
  scratch_.clear();
}

bool Dispatcher::skip(ShardState& shard) {
  if (!shard.refused) return false;
  const ShardState::Refused refused = *std::exchange(shard.refused, std::nullopt);
  ++skipped_;
  const Error why{.code = Errc::over_capacity, .text = "a frame that was refused has been skipped"};
  ++number_;  // As if it had been dispatched now.
  if (refused.guild != 0) dirty_guilds_.mark(refused.guild, number_, why);
  if (refused.is_ready)
    for (std::uint64_t guild : ownership->of_shard(shard.id)) dirty_guilds_.mark(guild, number_, why);
  return true;
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

void Dispatcher::admit(ShardState& shard, const Frame& frame, std::uint64_t epoch, Completion completion) {
  Event& event = take_event();
  event.run.shard = &shard;
  event.run.number = ++number_;
  event.run.epoch = epoch;
  event.run.completion = std::move(completion);
  event.run.row = &unknown_row;
  event.run.work = &take_work();

  const bool begun = frame.event.empty() ? take_frame(event, frame.text) : take_data(event, frame);
  if (!begun) end(event);  // Refused, or nothing to do.
  scratch_.clear();
}

bool Dispatcher::is_too_large(Event& event, std::string_view text) {
  if (text.size() <= environment_.frame_bytes_max) return false;
  event.reject("frame", "is larger than frame_bytes_max");
  return true;
}

bool Dispatcher::take_data(Event& event, const Frame& frame) {
  const Row* row = resources::find_row(frame.event);
  if (row != nullptr) event.run.row = row;
  if (is_too_large(event, frame.text)) return false;
  if (Status parsed = scratch_.parse(frame.text, depth_of(frame.event)); !parsed) {
    event.reject("d", parsed.error().text);
    return false;
  }
  return take_event(event, frame.event, scratch_.root(), frame.sequence);
}

bool Dispatcher::take_frame(Event& event, std::string_view text) {
  if (is_too_large(event, text)) return false;
  if (Status parsed = scratch_.parse_frame(text, depth_of); !parsed) {
    event.reject("frame", parsed.error().text);
    return false;
  }
  const json::Value frame = scratch_.root();
  if (!frame.is_object()) {
    event.reject("frame", "is not an object");
    return false;
  }
  if (const json::Value op = frame["op"]; op && op.integer() != 0) {
    event.run.row = &not_a_dispatch_row;
    if (op.integer()) {
      event.ignore("not a dispatch");
    } else {
      event.reject("op", "is not a number");
    }
    return false;
  }
  if (!frame["t"].is_string()) {
    event.reject("t", "is not the name of an event");
    return false;
  }
  const std::string name = frame["t"].string();
  std::optional<std::uint64_t> sequence;
  if (const json::Value s = frame["s"]; !s.is_null_or_missing()) {
    const auto number = s.integer();
    if (!number || *number < 0) {
      if (const Row* row = resources::find_row(name)) event.run.row = row;
      event.reject("s", "is not a sequence number");
      return false;
    }
    sequence = static_cast<std::uint64_t>(*number);
  }
  return take_event(event, name, frame["d"], sequence);
}

bool Dispatcher::take_event(Event& event, std::string_view name, json::Value data,
                            std::optional<std::uint64_t> sequence) {
  const Row* row = resources::find_row(name);
  if (row != nullptr) event.run.row = row;
  if (!is_new(event, name == "READY", sequence)) return false;
  if (row == nullptr) {
    event.ignore("unknown event");
    return false;
  }
  if (row->changes_nothing()) {
    event.ignore("nothing to cache");
    return false;
  }
  if (!data.is_object()) {
    event.reject("d", data.is_missing() ? "is missing" : "is not an object");
    return false;
  }
  event.run.data = data;
  choose_lane(event);
  if (event.rejected()) return false;
  const std::uint64_t guild = event.run.guild_id;
  if (guild != 0 && !row->outlives_leave && state->left_guilds.covers(guild, event_clock())) {
    event.ignore("left");
    return false;
  }
  return begin(event);
}

bool Dispatcher::is_new(Event& event, bool ready, std::optional<std::uint64_t> sequence) {
  ShardState& shard = *event.run.shard;
  if (ready) {  // A new session counts from the beginning.
    ++shard.session;
    shard.received = shard.applied = 0;
    shard.pending.clear();
    shard.saw_ready = true;
  }
  event.run.session = shard.session;
  if (!sequence || *sequence == 0) return true;
  if (*sequence <= shard.received) {
    event.ignore("duplicate");
    return false;
  }
  shard.received = *sequence;
  shard.pending.push_back({*sequence, false});
  event.run.sequence = *sequence;
  return true;
}

void Dispatcher::choose_lane(Event& event) {
  const json::Value d = event.run.data;
  const resources::LaneOf rule = event.run.row->lane;
  if (rule == resources::LaneOf::none) return;
  std::optional<std::uint64_t> guild;
  std::optional<std::uint64_t> channel;
  if (rule == resources::LaneOf::id) {
    guild = event.id(d, "id");
  } else {
    guild = event.optional_id(d, "guild_id");
    channel = d[rule == resources::LaneOf::channel ? "id" : "channel_id"].snowflake();
  }
  if (!guild && !channel) return;
  event.run.has_lane = true;
  event.run.guild_id = guild.value_or(0);
  event.run.lane_id = guild ? *guild : *channel;
  if (guild) {
    event.run.channel_id = channel.value_or(0);
  } else if (const auto waiting = waiting_channels_.find(*channel); waiting != waiting_channels_.end()) {
    event.run.lane_id = waiting->second.lane;
  }
}

// ------------------------------------------------------------------------------------ The life of an event
//
// begin    the handler runs: at once when its lane is free; else its batch waits in the lane
// step     its turn: answers are corrected, the handler goes on, the batch is sent
// end      the handler has returned; the next event of the lane has its turn
// finish   Redis has answered everything: the outcome

bool Dispatcher::begin(Event& event) {
  const Row& row = *event.run.row;
  Lane* const lane = event.run.has_lane ? find_lane(event.run.lane_id) : nullptr;
  const bool told = row.is_told(event);
  if (told || lane != nullptr) {
    event.run.work->document.copy_of(event.run.data);
    event.run.data = event.run.work->document.root();
  }
  if (told) return start_flow(event, row.flow);

  event.run.running = true;
  row.apply(event);
  event.run.running = false;
  if (event.rejected()) return false;
  event.run.wait = Wait::turn;
  if (lane == nullptr) {
    step_apart(event);
  } else {
    commit(event, Store::Which::unordered);
    join(*lane, event);
  }
  return true;
}

bool Dispatcher::start_flow(Event& event, resources::Flow (*flow)(Event&)) {
  Work& work = *event.run.work;
  event.run.running = true;
  work.flow = flow(event);
  work.flow.resume();
  if (!event.rejected()) commit(event, Store::Which::unordered);
  event.run.running = false;
  if (event.rejected()) return false;
  if (work.flow.done()) event.run.wait = Wait::turn;  // It has nothing to wait for, and nothing to write either.

  if (!event.run.has_lane) {
    if (is_ready(event)) step_apart(event);
    return true;
  }
  if (event.run.lane == nullptr) join(lane_of(event), event);
  advance(*static_cast<Lane*>(event.run.lane));
  return true;
}

bool Dispatcher::is_ready(const Event& event) const noexcept {
  if (event.run.running) return false;
  switch (event.run.wait) {
    case Wait::turn:
      return event.run.unanswered == 0;
    // In a lane some of its stories wait behind it.
    case Wait::settled:
      return event.run.outstanding == 0 && event.run.ahead == 0 && (event.run.has_lane || event.run.children == 0);
    default:
      return false;
  }
}

bool Dispatcher::step(Event& event) {
  Work& work = *event.run.work;
  Lane* const lane = static_cast<Lane*>(event.run.lane);
  do {
    if (event.run.error != nullptr) {  // Something of it was refused: it goes no further.
      work.flow.reset();
      work.batch.clear();
      work.children.clear();
      leave_lane(event);
      return true;
    }
    event.run.running = true;
    event.run.wait = Wait::none;
    if (lane != nullptr)
      for (std::size_t i = 0; i < work.answers_used; ++i) lane->memory.lay_over(*work.answers[i]);
    if (work.flow && !work.flow.done()) work.flow.resume();
    assert(!event.rejected() && "a handler rejects before its turn, when nothing is written");
    commit(event, Store::Which::all);
    const bool done = !work.flow || work.flow.done();
    if (done) leave_lane(event);
    spawn_children(event, !done);
    event.run.running = false;
    if (done) return true;
  } while (is_ready(event) && (lane == nullptr || lane->front() == &event));
  return false;
}

void Dispatcher::leave_lane(Event& event) {
  Lane* const lane = static_cast<Lane*>(event.run.lane);
  if (lane == nullptr) return;
  assert(lane->front() == &event);
  note_waiting_channel(event, -1);
  lane->pop_front();
}

void Dispatcher::step_apart(Event& event) {
  if (step(event)) end(event);
}

void Dispatcher::advance(Lane& lane) {
  if (lane.advancing || lane.paused) return;  // The call that is at it goes on, or work() will.
  lane.advancing = true;
  while (!lane.empty() && is_ready(*lane.front())) {
    if (is_slice_over()) {
      lane.paused = true;
      paused_lanes_.push_back(lane.id());
      break;
    }
    Event& front = *lane.front();
    if (step(front)) end(front);
  }
  lane.advancing = false;
  if (!lane.empty()) return;
  waiting_bytes_ -= lane.memory.bytes();
  lanes_.erase(lane.id());
}

void Dispatcher::end(Event& event) {
  give_back(*std::exchange(event.run.work, nullptr));
  event.run.data = {};
  waiting_bytes_ -= std::exchange(event.run.held_bytes, 0);
  if (event.run.outstanding == 0 && event.run.children == 0) finish(event);
}

void Dispatcher::finish(Event& event) {
  resources::Run& run = event.run;
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
    const auto rows = resources::table();
    const std::size_t index = run.row == &unknown_row          ? rows.size() + unknown_event
                              : run.row == &not_a_dispatch_row ? rows.size() + not_a_dispatch
                                                               : static_cast<std::size_t>(run.row - rows.data());
    ++tallies_[index][static_cast<std::size_t>(outcome)];
    ++outcomes_;
    if (run.error != nullptr) complain(event, outcome);
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
    if (run.heals && !dirty_guilds_.empty()) dirty_guilds_.heal(run.guild_id, run.number);
    return;
  }
  if (run.error->code == Errc::invalid_payload) return;
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

void Dispatcher::on_progress(Event& event) noexcept { static_cast<Dispatcher&>(event.host()).progress(event); }

void Dispatcher::progress(Event& event) {
  if (event.run.running) return;
  if (event.run.work == nullptr) {
    if (event.run.outstanding == 0 && event.run.children == 0) finish(event);
  } else if (Lane* lane = static_cast<Lane*>(event.run.lane)) {
    if (lane->front() == &event) advance(*lane);
  } else if (is_ready(event)) {
    step_apart(event);
  }
}

void Dispatcher::commit(Event& event, Store::Which which) {
  store::WriteBatch& batch = event.run.work->batch;
  if (batch.empty()) return;
  Lane* const lane = event.run.has_lane ? find_lane(event.run.lane_id) : nullptr;
  for (std::size_t i = 0; i < event.run.work->answers_used; ++i) {
    resources::Answer& answer = *event.run.work->answers[i];
    if (answer.asked_at == resources::Answer::unasked) answer.asked_at = lane == nullptr ? 0 : lane->memory.clock();
  }
  if (which == Store::Which::all && lane != nullptr && lane->has_waiters()) {
    const std::size_t before = lane->memory.bytes();
    environment_.store.commit(
        batch, which, &event, event.run.outstanding, wall_clock(),
        [](void* context, const store::Op& op, bool present, std::string_view value) {
          static_cast<Lane*>(context)->memory.note(op, present, value);
        },
        lane);
    waiting_bytes_ += lane->memory.bytes() - before;
  } else {
    environment_.store.commit(batch, which, &event, event.run.outstanding, wall_clock());
  }
  if (which == Store::Which::all) {
    batch.clear_ops();
  } else {
    batch.remove_unordered();
  }
}

void Dispatcher::spawn_children(Event& parent, bool goes_on) {
  Work& work = *parent.run.work;
  if (work.children.empty()) return;
  // All take their places before the first of them runs: it may end at once and bring others on.
  struct Started {
    Event* event;
    resources::Flow (*flow)(Event&);
  };
  std::vector<Started> started;
  Event* before = nullptr;
  for (const Work::Child& child : work.children) {
    Event& event = spawn(*parent.run.shard, child);
    event.run.parent = &parent;
    event.run.number = parent.run.number;
    ++parent.run.children;
    started.push_back({&event, child.flow});
    if (child.where == Work::Child::Where::next || child.where == Work::Child::Where::last) {
      event.run.has_lane = parent.run.has_lane;
      event.run.lane_id = parent.run.lane_id;
      event.run.guild_id = parent.run.guild_id;
    }
    if (child.where == Work::Child::Where::next && event.run.has_lane) {
      // In front of its parent, which waits for it, or in the place that its parent has left.
      lane_of(event).insert_after(before, event);
      before = &event;
      event.run.is_ahead = goes_on;
      if (goes_on) ++parent.run.ahead;
    }
  }
  work.children.clear();
  for (const Started& child : started) start_flow(*child.event, child.flow);
}

Event& Dispatcher::spawn(ShardState& shard, const Work::Child& child) {
  Event& event = take_event();
  event.run.shard = &shard;
  event.run.row = &internal_row;
  event.run.arguments = child.arguments;
  event.run.work = &take_work();
  event.run.has_lane = child.where == Work::Child::Where::guild;
  event.run.lane_id = child.guild;
  event.run.guild_id = child.guild;
  return event;
}

void Dispatcher::renew(std::uint64_t guild) {
  Event& event = spawn(no_shard_, {Work::Child::Where::guild, guild, resources::renew_guild, {guild, 0, 0, 0}});
  start_flow(event, resources::renew_guild);
}

// ------------------------------------------------------------------------------------------------- Lanes

Lane* Dispatcher::find_lane(std::uint64_t id) noexcept {
  const auto found = lanes_.find(id);
  return found == lanes_.end() ? nullptr : &found->second;
}

Lane& Dispatcher::lane_of(Event& event) {
  return lanes_.try_emplace(event.run.lane_id, event.run.lane_id).first->second;
}

void Dispatcher::join(Lane& lane, Event& event) {
  lane.push_back(event);
  event.run.held_bytes = event.run.work->document.held_bytes();
  waiting_bytes_ += event.run.held_bytes;
  note_waiting_channel(event, +1);
}

void Dispatcher::note_waiting_channel(const Event& event, int change) {
  if (event.run.channel_id == 0) return;
  WaitingChannel& waiting = waiting_channels_[event.run.channel_id];
  waiting.lane = event.run.lane_id;
  waiting.events += static_cast<std::size_t>(change);
  if (waiting.events == 0) waiting_channels_.erase(event.run.channel_id);
}

// --------------------------------------------------------------------------------------- What is told, and memory

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

std::int64_t Dispatcher::wall_clock() const noexcept {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::int64_t Dispatcher::event_clock() const noexcept {
  if (environment_.event_clock != nullptr) return environment_.event_clock(environment_.event_clock_context);
  return wall_clock();
}

void Dispatcher::log(LogLevel level, std::string_view message) noexcept {
  if (environment_.log) environment_.log(level, message);
}

Event& Dispatcher::take_event() {
  if (free_events_ == nullptr) {
    events_.push_back(std::make_unique<Event>(*this));
    events_.back()->run.on_progress = on_progress;
    return *events_.back();
  }
  Event& event = *free_events_;
  free_events_ = event.run.next;
  event.run = {};
  event.run.on_progress = on_progress;
  return event;
}

void Dispatcher::give_back(Event& event) noexcept {
  event.run.error.reset();
  event.run.completion.reset();
  event.run.next = free_events_;
  free_events_ = &event;
}

Work& Dispatcher::take_work() {
  if (free_works_.empty()) {
    auto* const work = new Work;
    work->batch.select_by(settings->selection);
    return *work;
  }
  Work* work = free_works_.back().release();
  free_works_.pop_back();
  return *work;
}

void Dispatcher::give_back(Work& work) noexcept {
  std::unique_ptr<Work> owned(&work);
  if (free_works_.size() == works_kept_max) return;
  work.flow.reset();
  work.batch.clear();
  work.document.clear();
  work.children.clear();
  constexpr std::size_t answers_kept_max = 8;
  if (work.answers.size() > answers_kept_max) work.answers.resize(answers_kept_max);
  constexpr std::size_t answer_bytes_max = 64u << 10;
  for (auto& answer : work.answers) {
    answer->document.clear();
    if (answer->text.capacity() > answer_bytes_max) std::string().swap(answer->text);
  }
  work.answers_used = 0;
  free_works_.push_back(std::move(owned));
}

}  // namespace sake::dispatch
