// How frames, and what the host asks for itself, become events: refused when too much is pending, kept until the cache
// is open, taken apart, counted by their sequence numbers, and given a lane.

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "dispatch/dispatcher.h"
#include "dispatch/rows.h"

namespace sake::dispatch {
namespace {

using resources::Row;

unsigned depth_of(std::string_view event) noexcept {
  const Row* row = resources::find_row(event);
  return row == nullptr ? 0 : row->depth;
}

}  // namespace

Status Dispatcher::dispatch(ShardState& shard, const Frame& frame, Completion completion) {
  if (!admitting_) return Error{.code = Errc::closed_client, .text = "the cache is closed"};
  // A shard that was refused a frame takes nothing else before it: order is worth more than throughput.
  const bool out_of_order = shard.refused && shard.refused->fingerprint != fingerprint(frame);
  if (out_of_order || pending_bytes() >= environment_.pending_bytes_max) {
    if (!shard.refused) shard.refused = refusal_of(frame, environment_.frame_bytes_max, scratch_);
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
    if (early.edit.row != nullptr) {
      early.edit.payload = std::move(early.text);
      begin_edit(std::move(early.edit), early.epoch, std::move(early.completion));
    } else {
      admit(*early.shard, {early.text, early.event, early.sequence}, early.epoch, std::move(early.completion));
    }
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

ShardState::Refused Dispatcher::refusal_of(const Frame& frame, std::size_t frame_bytes_max, json::Document& scratch) {
  // Should the host skip it, it must be known whose it was; the text is gone then.
  const Row* row = frame.event.empty() ? nullptr : resources::find_row(frame.event);
  json::Value data;
  if (frame.text.size() > frame_bytes_max) {
    // It would have been rejected.
  } else if (frame.event.empty()) {
    if (scratch.parse_frame(frame.text, depth_of)) {
      if (const json::Value name = scratch.root()["t"]; name.is_string()) row = resources::find_row(name.string());
      data = scratch.root()["d"];
    }
  } else if (row != nullptr && scratch.parse(frame.text, 1)) {
    data = scratch.root();
  }
  std::optional<std::uint64_t> guild;
  if (row != nullptr && !row->changes_nothing() && row->lane != resources::LaneOf::none && data.is_object())
    guild = data[row->lane == resources::LaneOf::id ? "id" : "guild_id"].snowflake();
  scratch.clear();
  return {fingerprint(frame), guild.value_or(0), row != nullptr && row->event == "READY"};
}

bool Dispatcher::skip(ShardState& shard) {
  if (!shard.refused) return false;
  skip(shard.id, *std::exchange(shard.refused, std::nullopt));
  return true;
}

void Dispatcher::skip(std::uint32_t shard_id, const ShardState::Refused& refused) {
  ++skipped_;
  const Error why{.code = Errc::over_capacity, .text = "a frame that was refused has been skipped"};
  ++number_;  // As if it had been dispatched now.
  if (refused.guild != 0) dirty_guilds_.mark(refused.guild, number_, why);
  if (refused.is_ready)
    for (std::uint64_t guild : ownership->of_shard(shard_id)) dirty_guilds_.mark(guild, number_, why);
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

Status Dispatcher::perform(resources::Edit edit, Completion completion) {
  if (!admitting_ || !started_) return Error{.code = Errc::closed_client, .text = "the cache is not open"};
  if (pending_bytes() >= environment_.pending_bytes_max) {
    ++refusals_;
    return Error{.code = Errc::over_capacity,
                 .text = "pending_bytes_max is reached: try again when on_capacity is called"};
  }
  const std::uint64_t epoch = first_epoch_ + epochs_.size() - 1;
  ++epochs_.back();
  ++events_pending_;
  if (early_.empty()) {
    begin_edit(std::move(edit), epoch, std::move(completion));
  } else {
    // Its payload waits where that of a frame does, and is counted there.
    std::string payload = std::move(edit.payload);
    waiting_bytes_ += payload.size();
    early_.push_back({&no_shard_, std::move(payload), {}, std::nullopt, epoch, std::move(completion), std::move(edit)});
  }
  return {};
}

void Dispatcher::begin_edit(resources::Edit edit, std::uint64_t epoch, Completion completion) {
  Event& event = take_event();
  event.run.shard = &no_shard_;
  event.run.number = ++number_;
  event.run.epoch = epoch;
  event.run.completion = std::move(completion);
  event.run.row = edit.row;
  event.run.work = &take_work();
  event.run.is_edit = true;
  event.run.arguments = edit.arguments;
  event.run.text = std::move(edit.code);
  if (edit.guild != 0) {
    event.run.has_lane = true;
    event.run.lane_id = event.run.guild_id = edit.guild;
  }
  const bool takes_payload = edit.row->depth > 0;
  if (takes_payload) {
    if (const Status parsed = scratch_.parse(edit.payload, edit.row->depth); !parsed) {
      event.reject("payload", parsed.error().text);
    } else if (!scratch_.root().is_object()) {
      event.reject("payload", "is not an object");
    } else {
      event.run.data = scratch_.root();
      if (edit.guild == 0) choose_lane(event);
    }
  }
  if (event.rejected() || !begin(event)) end(event);
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
  if (guild != 0 && !settings->admits(guild)) {
    event.ignore("filtered");
    return false;
  }
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

}  // namespace sake::dispatch
