#pragma once

// CommandQueue: the commands of one pipeline, from the moment they gather until they are answered, and the bookkeeping
// of what was sent. Pure: no socket, no clock, no calls out. redis/pipeline.cc moves the bytes.
//
// Everything ever queued is one stream of bytes, and progress is positions in it:
//   answered <= sent <= queued, and written <= sent, the bytes the link no longer looks at.
// Rule: bytes stay where they are until they are both answered and written.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "base/ring.h"
#include "resp/command_writer.h"

namespace sake::redis {

class Requester;

/// The sections of a group in the order of sending. The first and the last run in the database of references (9), the
/// middle one in the pipeline's own. Within a section commands keep their order.
enum class Section : std::uint8_t { references_first, records, references_last };

class CommandQueue {
 public:
  /// One command. A SELECT that the queue has put in has nobody waiting and the tag database + 1.
  struct Entry {
    Requester* who;
    std::uint32_t tag;
    std::uint32_t bytes;

    std::optional<int> selects() const noexcept {
      if (who != nullptr || tag == 0) return std::nullopt;
      return static_cast<int>(tag - 1);
    }
  };

  /// REQUIRES: database >= 0.
  CommandQueue(int database, std::size_t batch_bytes, std::size_t in_flight_bytes_max);

  resp::CommandWriter begin(Section section) {
    Part& part = parts_[static_cast<std::size_t>(section)];
    if (part.bytes.empty()) prepare(part);
    return resp::CommandWriter(part.bytes);
  }
  /// True: the group is full.
  bool end(Section section, Requester* who, std::uint32_t tag) {
    Part& part = parts_[static_cast<std::size_t>(section)];
    const std::size_t bytes = part.bytes.size() - part.ended;
    part.ended += bytes;
    open_bytes_ += bytes;
    part.entries.push_back({who, who == nullptr ? 0 : tag, static_cast<std::uint32_t>(bytes)});
    return open_bytes_ >= batch_bytes_;
  }
  void close_group();
  std::uint64_t group() const noexcept { return group_; }

  /// Fills `pieces` with the next bytes that may be sent, counts them as sent, and returns how many pieces there are.
  std::size_t send(std::span<std::string_view> pieces);
  bool has_unsent() const noexcept { return sent_ != queued_; }
  /// The link needs nothing of what was sent any more.
  void on_written();
  /// The link is gone: everything unanswered is unsent again.
  void on_lost();

  /// The answers to what was sent, from the first that is due, do not count: all of it is to go out again.
  /// REQUIRES: awaits_answer(), !is_void().
  void begin_void() noexcept;
  bool is_void() const noexcept { return void_entries_ != 0; }
  /// One of those answers has come. True: it was the last, and everything unanswered is unsent again.
  /// REQUIRES: is_void().
  bool on_void_answer();

  bool awaits_answer() const noexcept { return answered_ != sent_; }
  /// The command whose answer is due. REQUIRES: awaits_answer().
  const Entry& awaited() noexcept { return entries_.front(); }
  /// The first command that was sent is answered. REQUIRES: awaits_answer().
  Entry on_answered() {
    const Entry entry = entries_.pop_front();
    answered_ += entry.bytes;
    if (entry.who == nullptr && entry.tag != 0) database_ = static_cast<int>(entry.tag - 1);
    if (answered_ >= first_end_) retire();
    return entry;
  }
  /// The one that must be selected in front of the first unanswered command.
  int database() const noexcept { return database_; }

  /// Takes the first command that is left, of open groups too. For the end: call it until nothing is left.
  struct Leftover {
    Entry entry;
    bool was_sent;  ///< On the present link or on an earlier one.
  };
  std::optional<Leftover> take_leftover();

  std::size_t pending_bytes() const noexcept { return static_cast<std::size_t>(queued_ - answered_) + open_bytes_; }
  std::size_t in_flight_bytes() const noexcept { return static_cast<std::size_t>(sent_ - answered_); }
  std::uint64_t answered() const noexcept { return answered_; }
  /// Without an answer, those of the open group included.
  std::size_t pending_commands() const noexcept { return entries_.size() + open_commands(); }
  /// So far, those of the open group included, without SELECT.
  std::uint64_t commands() const noexcept { return commands_ + open_commands(); }
  std::uint64_t selects() const noexcept { return selects_; }

 private:
  /// A section of the group that gathers. Its bytes begin with room for a SELECT.
  struct Part {
    base::Buffer bytes;
    std::size_t ended = 0;  ///< Up to here the bytes are whole commands.
    base::Ring<Entry> entries;
  };

  /// Whole commands in one buffer.
  struct Chunk {
    base::Buffer bytes;
    std::size_t begin;    ///< Where in `bytes` they begin.
    std::uint64_t start;  ///< Their position in the stream.
    std::uint64_t end() const noexcept { return start + bytes.size() - begin; }
  };

  std::size_t open_commands() const noexcept {
    return parts_[0].entries.size() + parts_[1].entries.size() + parts_[2].entries.size();
  }
  void prepare(Part& part);
  void queue(Part& part, int database, std::string_view select, bool backlog);
  void retire();

  const int own_database_;
  const std::string select_own_;
  const std::string select_references_;
  const std::size_t batch_bytes_;
  const std::size_t in_flight_bytes_max_;
  const std::size_t buffer_bytes_;
  base::BufferPool pool_;

  std::array<Part, 3> parts_;
  std::size_t open_bytes_ = 0;  // Of the three parts together.
  std::uint64_t group_ = 0;

  base::Ring<Entry> entries_;  // Of all closed groups that are unanswered.
  base::Ring<Chunk> chunks_;   // Their bytes.
  int database_;               // Selected where the unanswered commands begin ...
  int queued_database_;        // ... and at the end of the queue.

  std::uint64_t queued_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t ever_sent_ = 0;  // The furthest that any link has come.
  std::uint64_t written_ = 0;
  std::size_t void_entries_ = 0;                 // Answers that are still to come and do not count.
  std::uint64_t first_end_ = ~std::uint64_t{0};  // Where the first chunk ends.

  std::uint64_t commands_ = 0;  // Of closed groups.
  std::uint64_t selects_ = 0;
};

}  // namespace sake::redis
