#pragma once

// Reads: what the host asks Redis, over the readers of the pools. Every question has one answer, in time or as an
// error; what there is to tell the host is gathered and told by deliver().

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sake/callback.h"
#include "sake/entity.h"
#include "sake/result.h"

#include "cache/again.h"
#include "cache/connections.h"
#include "cache/scopes.h"
#include "net/timer.h"
#include "redis/requester.h"
#include "store/settings.h"

namespace sake::cache {

/// The bytes of one command.
std::string command(std::initializer_list<std::string_view> first, const std::vector<std::string>& rest = {});

/// An answer without a reply is an error.
struct ReadReply {
  const resp::Reply* reply;  ///< Valid during the call.
  const Error* error;
};

class Reads final : private redis::Requester {
 public:
  /// Questions that may be open at a time, those that wait for others among them; further ones are refused.
  static constexpr std::size_t open_max = 1u << 16;
  /// Windows of iterators that one database answers at a time: the other readers are for single reads.
  static constexpr std::size_t windows_max = 2;

  /// Everything passed by reference must outlive it, or close().
  Reads(uv_loop_s* loop, Connections& connections, const store::Settings& settings, std::chrono::milliseconds timeout,
        Again& again);

  using OnReply = Callback<void(const ReadReply&)>;
  /// `on_reply` is called once, from the loop; inside the call only where nothing can be asked (closed, too many).
  void ask(redis::Pool& pool, std::string_view command, OnReply on_reply);
  /// The same for a part of something large.
  void ask_window(redis::Pool& pool, std::string command, OnReply on_reply);

  redis::Pool& pool(Resource resource) noexcept { return connections_.pool(resource); }
  redis::Pool& references() noexcept { return connections_.references(); }
  const store::Settings& settings() const noexcept { return settings_; }

  /// Calls it in deliver(); at once when nobody will call that any more.
  void tell(Callback<void()> what);
  void deliver();
  /// Something has been asked or is to be told: the loop must not wait before it comes by.
  void wake() noexcept { again_.start(); }
  bool has_news() const noexcept { return !news_.empty(); }

  bool is_open() const noexcept { return is_open_; }
  void open() noexcept { is_open_ = true; }
  /// No question is taken any more. Those that are open are answered when the connections are closed.
  void stop() noexcept { is_open_ = false; }
  /// After the connections are closed; deliver() once more behind it.
  void close();
  void end() noexcept { is_ended_ = true; }

 private:
  struct Open {
    OnReply on_reply;  ///< Empty once it has timed out.
    std::uint64_t serial = 0;
  };
  static constexpr std::size_t due_kept_max = 1024;
  struct Due {
    std::uint64_t serial;
    std::uint32_t slot;
    std::chrono::steady_clock::time_point at;
  };
  struct Gate {
    struct Waiting {
      std::string command;
      OnReply on_reply;
      std::chrono::steady_clock::time_point since;
    };
    std::size_t passed = 0;
    bool is_letting_in = false;
    std::deque<Waiting> waiting;
  };

  void on_reply(std::uint32_t tag, const resp::Reply& reply) noexcept override;
  void on_acknowledged() noexcept override {}
  void on_failed(std::uint32_t tag, const Error& error) noexcept override;
  void end(std::uint32_t tag, const ReadReply& reply);
  /// Why nothing can be asked at present.
  std::optional<Error> refusal() const;
  void pass(redis::Pool& pool, std::string_view command, OnReply on_reply);
  void let_in(redis::Pool& pool, Gate& gate);
  void end_waiting(const Error& error, std::chrono::steady_clock::time_point until);
  void on_tick();
  void plan_tick();

  Connections& connections_;
  const store::Settings& settings_;
  const std::chrono::milliseconds timeout_;
  Again& again_;
  net::Timer tick_;
  bool is_open_ = false;
  bool is_ended_ = false;
  std::deque<Open> slots_;  // A tag is a place here, from 1.
  std::vector<std::uint32_t> free_;
  std::uint64_t serial_ = 0;
  std::deque<Due> due_;
  std::unordered_map<redis::Pool*, Gate> gates_;
  std::size_t waiting_ = 0;  // At all gates.
  std::vector<Callback<void()>> news_;
};

/// The bytes that are stored under `key` in the resource's database, decoded and checked to be a JSON object.
/// Errors: invalid_data_found.
Result<Entity> entity_of(const store::Settings& settings, EntityKey key, std::string_view text);

/// Answers `then` with what the reply to GET or HGET says. `is_known`: what is not there is known to be absent.
void read_entity(Reads& reads, EntityKey key, Callback<bool()> is_known, Callback<void(Result<Entity>)> then);

using Entities = std::vector<std::optional<Entity>>;

/// The same for many of one resource, of one guild where it needs one, in one command. `is_window`: as many as one
/// likes, so it takes its turn with the windows of iterators.
void read_entities(Reads& reads, Resource resource, std::uint64_t guild_id, std::vector<std::uint64_t> ids,
                   Callback<void(Result<Entities>)> then, bool is_window = true);

/// Stored under `key` is not what this library writes.
Error invalid_data(const store::Settings& settings, const EntityKey& key, std::string_view what);

}  // namespace sake::cache
