#pragma once

// Bytes of RESP2 into replies, without an allocation for the simple ones. The only file that knows hiredis.
// Rule: after an error the reader is dead; the connection it belongs to must go.

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "sake/result.h"

#include "base/buffer.h"
#include "resp/reply.h"

struct redisReader;
struct redisReadTask;

namespace sake::resp {

class ReplyReader {
 public:
  static constexpr std::size_t depth_max = 7;  ///< Arrays within arrays, the outermost counted.

  /// A reply of more than about `reply_bytes_max` bytes, counted with what its elements take in memory, is refused.
  ReplyReader(ReplyHandler& handler, std::size_t reply_bytes_max);
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  /// Calls the handler for each reply that is whole with these bytes. The reader must not be destroyed by it.
  /// Errors: backend_error (protocol), also for every feed after the first error.
  Status feed(const char* data, std::size_t size);

  /// The error was that the next reply is larger than the bound.
  bool is_over_bound() const noexcept { return over_bound_; }

  /// No more calls to the handler, for one that wants none of what has come already.
  void stop() noexcept { stopped_ = true; }

 private:
  friend struct Objects;  // hiredis's object functions.
  struct FreeReader {
    void operator()(redisReader* reader) const noexcept;
  };

  const char* take_simple(const char* at, const char* end);
  Status feed_hiredis(const char* data, std::size_t size);
  bool between_replies() const noexcept;
  std::size_t reply_bytes() const noexcept;
  Status die(std::string_view what);

  void deliver(const Reply& reply) noexcept;
  void deliver_array() noexcept;
  void add(const redisReadTask& task, ReplyType type, std::int64_t integer, std::string_view text);
  bool begin_array(const redisReadTask& task, std::size_t count);

  ReplyHandler& handler_;
  const std::size_t reply_bytes_max_;
  std::unique_ptr<redisReader, FreeReader> reader_;

  // The array that is being read. hiredis moves its buffer meanwhile, so the texts are kept here.
  bool in_array_ = false;
  std::int64_t count_ = 0;
  std::vector<Element> elements_;
  base::Buffer texts_;

  std::uint64_t fed_ = 0;          // Bytes given to hiredis.
  std::uint64_t reply_begin_ = 0;  // Where, among them, the unfinished reply begins.
  bool stopped_ = false;
  bool over_bound_ = false;
  const char* refusal_ = nullptr;  // Why an object function has refused.
  std::string error_;              // Once dead.
};

}  // namespace sake::resp
