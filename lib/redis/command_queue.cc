#include "redis/command_queue.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <utility>

#include "sake/resource.h"

namespace sake::redis {
namespace {

// In front of a section's bytes: "*2\r\n$6\r\nSELECT\r\n$10\r\n", ten digits, "\r\n" would fit.
constexpr std::size_t select_room = 40;

// Copying less than this costs less than one more buffer does.
constexpr std::size_t copied_bytes_max = 4096;

constexpr std::size_t buffers_kept_max = 8;

std::string select_command(int database) {
  base::Buffer bytes;
  resp::CommandWriter(bytes).begin(2).arg("SELECT").arg(database);
  assert(bytes.size() <= select_room);
  return std::string(bytes.view());
}

}  // namespace

CommandQueue::CommandQueue(int database, std::size_t batch_bytes, std::size_t in_flight_bytes_max)
    : own_database_(database),
      select_own_(select_command(database)),
      select_references_(select_command(reference_index)),
      batch_bytes_(batch_bytes),
      in_flight_bytes_max_(in_flight_bytes_max),
      buffer_bytes_(select_room + batch_bytes + batch_bytes / 8),  // A batch overshoots by the command that fills it.
      pool_(buffer_bytes_, buffers_kept_max),
      database_(database),
      queued_database_(database) {
  assert(database >= 0);
}

void CommandQueue::prepare(Part& part) {
  part.bytes = pool_.take();
  part.bytes.reserve(select_room);
  part.bytes.advance(select_room);
  part.ended = select_room;
}

void CommandQueue::close_group() {
  if (open_bytes_ == 0) return;
  // What has to wait is laid together, so that many small groups do not hold a large buffer each.
  const bool backlog = has_unsent();
  queue(parts_[0], reference_index, select_references_, backlog);
  queue(parts_[1], own_database_, select_own_, backlog);
  queue(parts_[2], reference_index, select_references_, backlog);
  open_bytes_ = 0;
  ++group_;
}

void CommandQueue::queue(Part& part, int database, std::string_view select, bool backlog) {
  if (part.entries.empty()) return;
  std::size_t begin = select_room;
  if (database != queued_database_) {
    begin -= select.size();
    std::memcpy(part.bytes.data() + begin, select.data(), select.size());
    entries_.push_back({nullptr, static_cast<std::uint32_t>(database) + 1, static_cast<std::uint32_t>(select.size())});
    queued_database_ = database;
    ++selects_;
  }
  entries_.append(part.entries);
  commands_ += part.entries.size();
  part.entries.clear();

  const std::size_t size = part.bytes.size() - begin;
  const bool may_copy = !chunks_.empty() && (backlog || size <= copied_bytes_max) &&
                        chunks_.back().bytes.size() + size <= buffer_bytes_ && chunks_.back().bytes.room() >= size;
  if (may_copy) {
    chunks_.back().bytes.append(part.bytes.data() + begin, size);
    part.bytes.truncate(select_room);
    part.ended = select_room;
  } else {
    chunks_.push_back({std::move(part.bytes), begin, queued_});
  }
  queued_ += size;
  first_end_ = chunks_.front().end();
}

std::size_t CommandQueue::send(std::span<std::string_view> pieces) {
  if (!has_unsent()) return 0;
  std::size_t at = 0;
  while (chunks_[at].end() <= sent_) ++at;
  std::size_t count = 0;
  for (; at < chunks_.size() && count < pieces.size(); ++at) {
    const Chunk& chunk = chunks_[at];
    const auto size = static_cast<std::size_t>(chunk.end() - sent_);
    // Only whole chunks: half a command is never answered. One that is larger than the bound goes alone.
    if (in_flight_bytes() != 0 && in_flight_bytes() + size > in_flight_bytes_max_) break;
    pieces[count++] = {chunk.bytes.data() + chunk.bytes.size() - size, size};
    sent_ += size;
  }
  ever_sent_ = std::max(ever_sent_, sent_);
  return count;
}

void CommandQueue::on_written() {
  written_ = sent_;
  retire();
}

void CommandQueue::begin_void() noexcept {
  assert(awaits_answer() && !is_void());
  for (std::uint64_t at = answered_; at != sent_; ++void_entries_) at += entries_[void_entries_].bytes;
}

bool CommandQueue::on_void_answer() {
  assert(is_void());
  if (--void_entries_ != 0) return false;
  on_lost();
  return true;
}

void CommandQueue::on_lost() {
  on_written();  // The link has let go of everything ...
  void_entries_ = 0;
  sent_ = answered_;
  written_ = answered_;  // ... and the next one has looked at nothing yet.
}

// A server may answer a command of which it has not read the end, so being answered is not enough.
void CommandQueue::retire() {
  while (!chunks_.empty() && chunks_.front().end() <= std::min(answered_, written_)) {
    Chunk chunk = chunks_.pop_front();
    pool_.give(std::move(chunk.bytes));
  }
  // Where only on_written() can free the first chunk, further answers need not try.
  constexpr auto never = std::numeric_limits<std::uint64_t>::max();
  first_end_ = chunks_.empty() || chunks_.front().end() <= answered_ ? never : chunks_.front().end();
}

std::optional<CommandQueue::Leftover> CommandQueue::take_leftover() {
  if (entries_.empty()) close_group();
  if (entries_.empty()) return std::nullopt;
  const bool was_sent = answered_ < ever_sent_;
  if (!awaits_answer()) sent_ += entries_.front().bytes;
  const Entry entry = on_answered();
  on_written();
  return Leftover{entry, was_sent};
}

}  // namespace sake::redis
