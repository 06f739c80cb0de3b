#include "cache/own_user.h"

#include <utility>

#include "json/scan.h"
#include "store/keys.h"

namespace sake::cache {
namespace {

Error closed() { return {.code = Errc::closed_client, .text = "the cache is closed"}; }

}  // namespace

/// What the app is given to answer with. One that is dropped is an answer too.
class OwnUser::Question {
 public:
  Question(const std::shared_ptr<OwnUser*>& asker, std::uint64_t number) noexcept : asker_(asker), number_(number) {}
  Question(Question&& other) noexcept
      : asker_(std::move(other.asker_)), number_(other.number_), is_open_(std::exchange(other.is_open_, false)) {}
  Question& operator=(Question&&) = delete;
  ~Question() {
    if (is_open_)
      answer(Error{.code = Errc::backend_error, .text = "app: the own user was asked for and nothing was answered"});
  }

  void answer(Result<std::string> user) {
    if (!std::exchange(is_open_, false)) return;
    if (const auto asker = asker_.lock()) (*asker)->on_answer(number_, std::move(user));
  }

 private:
  std::weak_ptr<OwnUser*> asker_;
  std::uint64_t number_;
  bool is_open_ = true;
};

OwnUser::OwnUser(uv_loop_s* loop, Options& options, const store::Settings& settings, resources::State& state,
                 Access& access, Reads& reads)
    : options_(options), settings_(settings), state_(state), access_(access), reads_(reads), deadline_(loop, [this] {
        end(Error{
            .code = Errc::backend_error, .cause = Cause::timed_out, .text = "app: no own user within read_timeout"});
      }) {}

bool OwnUser::answers(const EntityKey& key) const noexcept {
  return options_.app != nullptr && key.resource == Resource::user && key.code == store::own_user_key;
}

void OwnUser::get(Then then) {
  access_.get(EntityKey::me(), [this, then = std::move(then)](Result<Entity> found) mutable {
    if (found || found.error().code != Errc::entry_not_found) {
      then(std::move(found));
    } else if (is_stopped_) {
      then(closed());
    } else if (waiting_.size() == waiting_max) {
      then(Error{.code = Errc::over_capacity, .text = "too many calls wait for the app to name the own user"});
    } else {
      waiting_.push_back(std::move(then));
      ask();
    }
  });
}

void OwnUser::learn_id() {
  if (options_.app != nullptr && !state_.own_id && !is_stopped_) ask();
}

void OwnUser::ask() {
  if (std::exchange(is_asking_, true)) return;
  ++question_;
  known_ = state_.own_user;
  if (options_.read_timeout.count() > 0) deadline_.start(options_.read_timeout);
  // What it calls back with may come while it is asked, and may end the cache.
  const std::shared_ptr<App> app = options_.app;
  app->fetch_my_user(
      [question = Question(self_, question_)](Result<std::string> user) mutable { question.answer(std::move(user)); });
}

void OwnUser::look() {
  if (!is_asking_ || is_storing_ || state_.own_user.empty() || state_.own_user == known_) return;
  end(own_user(state_.own_user));
}

Entity OwnUser::own_user(std::string json) const {
  return {Resource::user, 0, 0, EntityKey::me().code, std::move(json), options_.app};
}

void OwnUser::on_answer(std::uint64_t question, Result<std::string> user) {
  look();
  if (!is_asking_ || question != question_) return;
  if (!user) return end(user.error());
  json::Document document;
  const bool is_json = document.parse(*user, 1).ok();
  const auto id = is_json ? document.root()["id"].snowflake() : std::nullopt;
  if (!id) return end(Error{.code = Errc::invalid_payload, .text = "app: the own user is no JSON object with an id"});
  state_.own_id = id;
  if (!settings_.uses(Resource::user)) return end(own_user(std::move(*user)));
  is_storing_ = true;
  std::string payload = *user;
  access_.set(EntityKey::me(), std::move(payload), std::nullopt,
              [this, question, user = std::move(*user)](const Status& stored) mutable {
                on_stored(question, std::move(user), stored);
              });
}

/// It is known, stored or not; what Redis did not take the next READY brings.
void OwnUser::on_stored(std::uint64_t question, std::string user, const Status& stored) {
  if (!is_asking_ || question != question_) return;
  if (!stored && options_.log)
    options_.log(LogLevel::warning, "the own user that the app has named is not stored: " + describe(stored.error()));
  end(own_user(state_.own_user.empty() ? std::move(user) : state_.own_user));
}

void OwnUser::end(const Result<Entity>& result) {
  if (!std::exchange(is_asking_, false)) return;
  is_storing_ = false;
  deadline_.stop();
  if (!result && waiting_.empty() && !is_stopped_ && options_.log)
    options_.log(LogLevel::warning, "the own id is unknown: " + describe(result.error()));
  std::vector<Then> told;
  told.swap(waiting_);
  for (Then& then : told) reads_.tell([then = std::move(then), result]() mutable { then(std::move(result)); });
}

void OwnUser::stop() {
  is_stopped_ = true;
  end(closed());
}

void OwnUser::close() {
  stop();
  deadline_.close();
  self_.reset();
}

}  // namespace sake::cache
