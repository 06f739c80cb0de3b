#pragma once

// What is said on a new link before anything else, as pure bytes and replies: AUTH, SELECT, whether the server serves
// at all, and the end of the predecessor. A link that was given up may still have commands under way in the server;
// they must not run after ours. So each link has a name that nobody else has, and the next one kills the client that
// bears it. A user who may not use CLIENT does without. Rule: ready only when every answer is in.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "sake/error.h"

#include "base/buffer.h"
#include "resp/reply.h"

namespace sake::redis {

struct GreetingPlan {
  std::string user = {};
  std::string password = {};
  int database = 0;
  int other_database = -1;           ///< Must exist too, or nothing is sent; -1: none.
  bool writes = false;               ///< The server must take writes: a replica may lag behind what was acknowledged.
  std::string name = {};             ///< For CLIENT SETNAME; the same over all links of a connection.
  std::int64_t predecessor_id = -1;  ///< CLIENT ID of the link before; -1: there is none to end.
};

class Greeting {
 public:
  enum class Progress : std::uint8_t {
    waiting,  ///< More replies are to come.
    send,     ///< The same, and the buffer holds more to send.
    done,     ///< The link may be used.
    refused,  ///< The login, a right or a setting is wrong: error() says which. Trying again does not help by itself.
    failed,   ///< The server does not serve at present: error() says why.
  };

  /// Starts over and appends the first commands.
  void begin(GreetingPlan plan, base::Buffer& out);

  /// Takes the next reply.
  Progress on_reply(const resp::Reply& reply, base::Buffer& out);

  /// CLIENT ID of this link, -1 when the server did not say.
  std::int64_t client_id() const noexcept { return client_id_; }
  const Error& error() const noexcept { return error_; }

 private:
  enum class Step : std::uint8_t {
    auth,
    select_other,
    select,
    ping,
    write,
    set_name,
    id,
    find_predecessor,
    kill_predecessor,
  };

  void expect(Step step) noexcept { steps_[step_count_++] = step; }
  Progress judge(Step step, const resp::Reply& reply);
  static bool fits(Step step, const resp::Reply& reply) noexcept;
  Progress refuse(Cause cause, std::string text);
  Progress refuse_select(int database, std::string_view words);
  Progress fail(Cause cause, std::string_view words);

  GreetingPlan plan_;
  std::array<Step, 9> steps_{};
  std::size_t step_count_ = 0;
  std::size_t answered_ = 0;
  std::int64_t client_id_ = -1;
  bool predecessor_lives_ = false;
  Error error_;
};

}  // namespace sake::redis
