#pragma once

// What open() asks of the server before anything else: whether SELECT really selects, and who the own user is.
// A service that accepts SELECT and ignores it would put all databases into one, where their ids collide.

#include <cstdint>
#include <string>
#include <vector>

#include "sake/callback.h"
#include "sake/log.h"
#include "sake/result.h"

#include "redis/pipeline.h"

namespace sake::cache {

class Probe final : public redis::Requester {
 public:
  /// `databases`: a writer for each database in use besides 9. `users` may be null. `on_done` comes once, from the
  /// loop. The writers must be ready, and the probe must live until then or until they are closed.
  Probe(redis::Pipeline& references, std::vector<redis::Pipeline*> databases, redis::Pipeline* users, LogSink& log,
        Callback<void(Status)> on_done);

  void start();

  /// The record under `ME`, empty when there is none.
  const std::string& own_user() const noexcept { return own_user_; }

  void on_reply(std::uint32_t tag, const resp::Reply& reply) noexcept override;
  void on_acknowledged() noexcept override;
  void on_failed(std::uint32_t tag, const Error& error) noexcept override;
  /// A server without room is no reason not to open.
  bool has_failed() const noexcept override { return stage_ == Stage::writing; }

 private:
  enum class Stage : std::uint8_t { writing, looking, cleaning };

  void look();
  void clean();
  void answered();

  redis::Pipeline& references_;
  std::vector<redis::Pipeline*> databases_;
  redis::Pipeline* users_;
  LogSink& log_;
  Callback<void(Status)> on_done_;
  std::string key_;
  std::string own_user_;
  Stage stage_ = Stage::writing;
  std::size_t outstanding_ = 0;
  Status found_;
};

}  // namespace sake::cache
