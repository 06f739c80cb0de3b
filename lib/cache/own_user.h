#pragma once

// The own user where Redis does not have it: Options::app is asked, once for all that wait, and what it says is stored
// as if the host had set it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sake/entity.h"
#include "sake/options.h"
#include "sake/result.h"

#include "cache/access.h"
#include "cache/reads.h"
#include "net/timer.h"
#include "resources/state.h"

namespace sake::cache {

class OwnUser {
 public:
  using Then = Callback<void(Result<Entity>)>;

  /// Those that may wait for one answer of the app; further ones are refused.
  static constexpr std::size_t waiting_max = 1024;

  /// Everything passed by reference must outlive it.
  OwnUser(uv_loop_s* loop, Options& options, const store::Settings& settings, resources::State& state, Access& access,
          Reads& reads);

  /// Whether a read of this key may come here.
  bool answers(const EntityKey& key) const noexcept;

  /// Reads `ME`, and asks the app when there is none.
  void get(Then then);

  /// What READY or USER_UPDATE has brought since the app was asked is the answer, and that of the app counts nothing.
  void look();

  /// Asks the app for the own id alone. A failure is logged.
  void learn_id();

  /// Those that wait are told closed_client, and nobody is asked any more.
  void stop();
  void close();

 private:
  class Question;

  void ask();
  Entity own_user(std::string json) const;
  void on_answer(std::uint64_t question, Result<std::string> user);
  void on_stored(std::uint64_t question, std::string user, const Status& stored);
  void end(const Result<Entity>& result);

  Options& options_;
  const store::Settings& settings_;
  resources::State& state_;
  Access& access_;
  Reads& reads_;
  net::Timer deadline_;
  std::vector<Then> waiting_;
  std::string known_;           // The own user when the app was asked.
  std::uint64_t question_ = 0;  // The one that is open; another number when it is over.
  bool is_asking_ = false;
  bool is_storing_ = false;  // What the app has answered.
  bool is_stopped_ = false;
  std::shared_ptr<OwnUser*> self_ = std::make_shared<OwnUser*>(this);  // For answers that come late.
};

}  // namespace sake::cache
