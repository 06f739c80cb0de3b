#include "dispatch/dispatcher.h"

#include <cassert>
#include <chrono>
#include <utility>

#include "dispatch/rows.h"
#include "resources/flows.h"

namespace sake::dispatch {
namespace {

using resources::Row;
using resources::Wait;
using resources::Work;
using store::Store;

/// Memory that is kept for the next event at most.
constexpr std::size_t works_kept_max = 64;

}  // namespace

Dispatcher::Dispatcher(const Environment& environment) noexcept
    : environment_(environment), lanes_(&pool_), waiting_channels_(&pool_), tallies_(resources::table().size() + 2) {
  settings = &environment.settings;
  state = &environment.state;
  ownership = &environment.ownership;
}

Dispatcher::~Dispatcher() = default;

// ------------------------------------------------------------------------------------ The life of an event
//
// begin    the handler runs: at once when its lane is free; else its batch waits in the lane
// step     its turn: answers are corrected, the handler goes on, the batch is sent
// end      the handler has returned; the next event of the lane has its turn
// finish   Redis has answered everything: the outcome

bool Dispatcher::begin(Event& event) {
  const Row& row = *event.run.row;
  note_guild(event);
  Lane* const lane = event.run.has_lane ? find_lane(event.run.lane_id) : nullptr;
  const bool told = row.is_told(event);
  if (event.run.data && (told || lane != nullptr)) {
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

void Dispatcher::note_guild(Event& event) noexcept {
  event.run.work->batch.set_guild(event.run.guild_id);
  if (event.run.guild_id == 0) return;
  event.run.is_noted = true;
  // What the host has changed is not what Discord said.
  if (event.run.is_edit) ownership->set_whole(event.run.guild_id, false, event.run.number);
  ++unfinished_[bucket_of(event.run.guild_id)];
  ++begun_[bucket_of(event.run.guild_id)];
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
  if (which == Store::Which::all && batch.is_filtered())
    store::withdraw_references(
        batch,
        [](void* context, std::uint64_t channel) {
          static_cast<Event*>(context)->spawn_last(resources::drop_empty_voice_set, channel);
        },
        &event);
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
    event.run.is_edit = parent.run.is_edit;
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
  for (const Started& child : started) {
    note_guild(*child.event);
    start_flow(*child.event, child.flow);
  }
}

Event& Dispatcher::spawn(ShardState& shard, const Work::Child& child) {
  Event& event = take_event();
  event.run.shard = &shard;
  event.run.row = &internal_row;
  event.run.arguments = child.arguments;
  event.run.text = child.text;
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

// ------------------------------------------------------------------------------------------------- Memory

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
    work->batch.filter_by(environment_.filter);
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
