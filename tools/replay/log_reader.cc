#include "log_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <span>
#include <utility>

namespace sake::replay {
namespace {

constexpr std::size_t stored_chunk_bytes = 64u << 10;
constexpr std::size_t text_chunk_bytes = 128u << 10;
constexpr std::size_t usual_capacity = 4 * text_chunk_bytes;
constexpr std::size_t kept_capacity = 8 * usual_capacity;

Error unreadable(const std::string& path, const char* why) {
  const std::string shown = path == "-" ? "standard input" : path;
  return Error{Errc::invalid_argument, Cause::none, false, "cannot read " + shown + ": " + why};
}

bool can_be_read_now(int descriptor) {
  pollfd waiting{descriptor, POLLIN, 0};
  return poll(&waiting, 1, 0) > 0;
}

}  // namespace

Result<std::unique_ptr<LogReader>> LogReader::open(const std::string& path, std::size_t line_bytes_max) {
  // A named pipe is opened without waiting for its writer; this process alone shares the flag.
  const int descriptor =
      path == "-" ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return unreadable(path, std::strerror(errno));
  struct stat status = {};
  fstat(descriptor, &status);
  if (S_ISDIR(status.st_mode)) {
    ::close(descriptor);
    return unreadable(path, "it is a directory");
  }
  return std::unique_ptr<LogReader>(new LogReader(descriptor, !S_ISREG(status.st_mode), line_bytes_max));
}

LogReader::LogReader(int descriptor, bool can_starve, std::size_t line_bytes_max)
    : descriptor_(descriptor),
      can_starve_(can_starve),
      line_bytes_max_(line_bytes_max),
      stored_(std::make_unique_for_overwrite<char[]>(stored_chunk_bytes)) {}

LogReader::~LogReader() {
  ::close(descriptor_);
  std::free(text_);
}

std::uint64_t LogReader::bytes_read() const noexcept {
  const std::uint64_t decoded = bytes_read_ - (stored_end_ - stored_begin_);
  if (text_bytes_ == 0) return decoded;
  const double given = static_cast<double>(text_bytes()) / static_cast<double>(text_bytes_);
  return static_cast<std::uint64_t>(static_cast<double>(decoded) * given);
}

LogReader::Next LogReader::next() {
  begin_ += std::exchange(taken_, 0);
  searched_ = std::max(searched_, begin_);
  if (capacity_ > kept_capacity) make_room();  // The cache works on the long line now, and needs the memory itself.
  line_size_ = 0;
  for (bool filled = false;; filled = true) {
    if (find_line()) {
      ++line_number_;
      if (!std::exchange(skipping_, false) && line_size_ <= line_bytes_max_) return Next::line;
      return Next::too_long;
    }
    if (skipping_ || end_ - begin_ > line_bytes_max_) {
      skipping_ = true;
      begin_ = searched_ = end_ = 0;
    }
    if (filled) return Next::not_yet;

    switch (fill()) {
      case Filled::some:
        break;
      case Filled::starved:
        return Next::starved;
      case Filled::damaged:
        ++line_number_;
        return Next::damaged;
      case Filled::at_end:
        if (begin_ == end_ && !skipping_) return Next::end;
        ++line_number_;
        if (std::exchange(skipping_, false)) return Next::too_long;
        line_size_ = taken_ = end_ - begin_;
        return Next::line;
    }
  }
}

bool LogReader::find_line() {
  if (searched_ == end_) return false;
  const void* newline = std::memchr(text_ + searched_, '\n', end_ - searched_);
  if (newline == nullptr) {
    searched_ = end_;
    return false;
  }
  line_size_ = static_cast<std::size_t>(static_cast<const char*>(newline) - (text_ + begin_));
  taken_ = line_size_ + 1;
  return true;
}

LogReader::Filled LogReader::fill() {
  if (!damage_.empty()) return Filled::damaged;
  make_room();
  for (;;) {
    if (!decoder_ && (stored_end_ >= Decoder::head_bytes || stored_all_))
      decoder_ = Decoder::make({stored_.get(), stored_end_});
    if (decoder_) {
      const std::string_view in(stored_.get() + stored_begin_, stored_end_ - stored_begin_);
      auto step = decoder_->decode(in, std::span(text_ + end_, capacity_ - end_));
      if (!step) return spoil(std::move(step.error().text));
      stored_begin_ += step->consumed;
      end_ += step->produced;
      text_bytes_ += step->produced;
      if (step->produced != 0) return Filled::some;
      if (stored_begin_ == stored_end_ && stored_all_)
        return decoder_->may_end() ? Filled::at_end : spoil("it ends in the middle of its compressed data");
      if (step->consumed != 0) continue;
    }
    const Filled read = read_stored();
    if (read != Filled::some) return read;
  }
}

LogReader::Filled LogReader::read_stored() {
  if (stored_begin_ != 0) {
    std::memmove(stored_.get(), stored_.get() + stored_begin_, stored_end_ - stored_begin_);
    stored_end_ -= std::exchange(stored_begin_, 0);
  }
  if (can_starve_ && !can_be_read_now(descriptor_)) return Filled::starved;
  const ssize_t size = ::read(descriptor_, stored_.get() + stored_end_, stored_chunk_bytes - stored_end_);
  if (size < 0) {
    if (errno == EAGAIN || errno == EINTR) return Filled::starved;
    return spoil(std::string("it cannot be read: ") + std::strerror(errno));
  }
  stored_all_ = size == 0;
  stored_end_ += static_cast<std::size_t>(size);
  bytes_read_ += static_cast<std::uint64_t>(size);
  return Filled::some;
}

/// The log is useless from here on; so is the line that was begun.
LogReader::Filled LogReader::spoil(std::string why) {
  damage_ = std::move(why);
  begin_ = searched_ = end_ = 0;
  return Filled::damaged;
}

/// Makes a chunk's worth of room behind the text, and gives back what an unusually long line needed.
void LogReader::make_room() {
  const bool shrinks = capacity_ > kept_capacity && end_ - begin_ < usual_capacity - text_chunk_bytes;
  if (begin_ != 0 && (shrinks || begin_ == end_ || capacity_ - end_ < text_chunk_bytes)) {
    std::memmove(text_, text_ + begin_, end_ - begin_);
    end_ -= begin_;
    searched_ -= begin_;
    begin_ = 0;
  }
  std::size_t wanted = capacity_;
  if (capacity_ - end_ < text_chunk_bytes) wanted = capacity_ == 0 ? usual_capacity : 2 * capacity_;
  if (shrinks) wanted = usual_capacity;
  if (wanted == capacity_) return;
  void* grown = std::realloc(text_, wanted);
  if (grown == nullptr) std::abort();
  text_ = static_cast<char*>(grown);
  capacity_ = wanted;
}

Result<std::optional<std::uint64_t>> stored_size(const std::string& path) {
  struct stat status = {};
  if ((path == "-" ? fstat(STDIN_FILENO, &status) : stat(path.c_str(), &status)) != 0 ||
      (path != "-" && access(path.c_str(), R_OK) != 0))
    return unreadable(path, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return unreadable(path, "it is a directory");
  if (!S_ISREG(status.st_mode)) return std::optional<std::uint64_t>();
  return std::optional(static_cast<std::uint64_t>(status.st_size));
}

}  // namespace sake::replay
