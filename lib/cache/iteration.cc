#include "cache/iteration.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/snowflake.h"
#include "json/scan.h"

namespace sake::cache {

/// What one command was answered, copied.
struct Answer {
  Status status;
  std::int64_t integer = 0;
  std::string cursor;  ///< Of scans.
  std::string text;
  struct Piece {
    std::size_t begin;
    std::size_t size;
    bool is_nil;
  };
  std::vector<Piece> pieces = {};

  std::string_view operator[](std::size_t i) const noexcept {
    return std::string_view(text).substr(pieces[i].begin, pieces[i].size);
  }
  void append(const resp::Element& element) {
    pieces.push_back({text.size(), element.text.size(), element.type != resp::ReplyType::bulk});
    text.append(element.text);
  }
};

namespace {

using Kind = Place::Kind;

std::string decimal(std::uint64_t number) { return std::string(base::Decimal(number).view()); }

std::string key_text(const store::ReferenceKey& key) { return std::string(store::KeyText(key)); }

/// Values asked for at a time: a reply with a thousand large guilds would be too much for both sides.
constexpr std::size_t values_max(Resource resource) noexcept {
  switch (resource) {
    case Resource::guild:
      return 32;
    case Resource::message:
      return 256;
    default:
      return 1000;
  }
}

std::vector<std::string> one(std::string command) { return std::vector<std::string>(1, std::move(command)); }

Answer answer_of(const ReadReply& reply) {
  Answer answer;
  if (reply.error != nullptr) {
    answer.status = *reply.error;
    return answer;
  }
  const resp::Reply& found = *reply.reply;
  answer.integer = found.integer;
  if (found.type != resp::ReplyType::array) {
    answer.append({found.type, 0, 0, found.text});
    return answer;
  }
  const bool is_scan = found.elements.size() >= 2 && found.elements[1].type == resp::ReplyType::array;
  if (is_scan) answer.cursor = found.elements[0].text;
  for (std::size_t i = is_scan ? 2 : 0; i < found.elements.size(); ++i) answer.append(found.elements[i]);
  return answer;
}

}  // namespace

/// Awaits the answers to some commands.
class Iteration::Asked {
 public:
  Asked(Reads& reads, redis::Pool* pool, std::vector<std::string> commands)
      : reads_(reads), pool_(pool), commands_(std::move(commands)), answers_(commands_.size()) {}

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) {
    missing_ = commands_.size() + 1;  // One of them is this call, during which nothing is resumed.
    for (std::size_t i = 0; i < commands_.size(); ++i)
      reads_.ask_window(*pool_, std::move(commands_[i]), [this, i, waiting](const ReadReply& reply) {
        answers_[i] = answer_of(reply);
        if (--missing_ == 0) waiting.resume();
      });
    return --missing_ != 0;
  }
  std::vector<Answer> await_resume() noexcept { return std::move(answers_); }

 private:
  Reads& reads_;
  redis::Pool* pool_;
  std::vector<std::string> commands_;
  std::vector<Answer> answers_;
  std::size_t missing_ = 0;
};

Iteration::Iteration(std::shared_ptr<Reads> reads, const Scope& scope, std::size_t window_size)
    : reads_(std::move(reads)), scope_(scope), window_size_(window_size) {
  auto place = place_of(reads_->settings(), scope);
  if (window_size == 0) {
    status_ = Error{.code = Errc::invalid_argument, .text = "window_size: must be positive"};
  } else if (!place) {
    status_ = place.error();
  } else {
    place_ = *place;
    // One hash is a walk over hashes that begins with the only one.
    if (place_.kind == Kind::hash) {
      keys_ = {decimal(scope.id)};
      is_scanned_ = true;
    }
  }
}

// ------------------------------------------------------------------------------------------------ The host's calls

void Iteration::next(Callback<void(Result<std::optional<Entity>>)> then) {
  auto found = std::make_shared<std::optional<Entity>>();
  walk(
      [found](Entity& entity) {
        *found = std::move(entity);
        return false;
      },
      [found, then = std::move(then)](Status status) mutable {
        if (status) {
          then(std::move(*found));
        } else {
          then(status.error());
        }
      });
}

void Iteration::for_each(EntityIterator::Each each, Callback<void(Status)> then) {
  walk(std::move(each), std::move(then));
}

void Iteration::collect(std::size_t limit, Callback<void(Result<std::vector<Entity>>)> then) {
  auto found = std::make_shared<std::vector<Entity>>();
  auto end = [found, then = std::move(then)](Status status) mutable {
    if (status) {
      then(std::move(*found));
    } else {
      then(status.error());
    }
  };
  if (limit == 0) {
    reads_->tell([end = std::move(end)]() mutable { end({}); });
    return;
  }
  walk(
      [found, limit](Entity& entity) {
        found->push_back(std::move(entity));
        return found->size() < limit;
      },
      std::move(end));
}

void Iteration::len(Callback<void(Result<std::size_t>)> then) { count(shared_from_this(), std::move(then)); }

void Iteration::walk(EntityIterator::Each take, Callback<void(Status)> end) {
  if (is_busy_) {
    reads_->tell([end = std::move(end)]() mutable {
      end(Error{.code = Errc::invalid_argument, .text = "a call of this iterator is under way: wait for its end"});
    });
    return;
  }
  is_busy_ = true;
  take_ = std::move(take);
  end_ = std::move(end);
  reads_->tell([self = shared_from_this()] { self->go_on(); });
}

/// Hands out what is there, and fetches more.
void Iteration::go_on() {
  while (window_at_ < window_.size()) {
    Entity& entity = window_[window_at_++];
    if (!take_(entity)) return finish({});
  }
  const bool at_end = is_scanned_ && is_hash_scanned_ && keys_at_ == keys_.size();
  if (!status_ || at_end) return finish(status_);
  fetch(shared_from_this());
}

void Iteration::finish(Status status) {
  is_busy_ = false;
  take_ = {};
  std::exchange(end_, {})(std::move(status));
}

// ------------------------------------------------------------------------------------------------ What Redis is asked

Iteration::Asked Iteration::ask(redis::Pool& pool, std::vector<std::string> commands) {
  return Asked(*reads_, &pool, std::move(commands));
}

Detached Iteration::fetch(std::shared_ptr<Iteration> self) {
  window_.clear();
  window_at_ = 0;
  if (!reads_->is_open()) status_ = Error{.code = Errc::closed_client, .text = "the cache is not open"};
  const bool walks_hashes = place_.kind == Kind::hashes || place_.kind == Kind::hash;
  while (status_ && window_.empty()) {
    if (!is_hash_scanned_) {
      const std::vector<Answer> answers = co_await ask(own_pool(), one(search_hash()));
      if (!is_answered(answers) || !take_fields(answers[0])) break;
    } else if (keys_at_ < keys_.size() && walks_hashes) {
      guild_ = base::parse_snowflake(keys_[keys_at_++]).value_or(0);
      hash_cursor_ = "0";
      is_hash_scanned_ = guild_ == 0;
    } else if (keys_at_ < keys_.size()) {
      std::size_t count = 0;
      const std::vector<Answer> answers = co_await ask(own_pool(), questions(count));
      if (!is_answered(answers) || !take_values(answers, count)) break;
    } else if (is_scanned_) {
      break;
    } else if (place_.kind == Kind::voice && guild_ == 0) {
      // Which guild's hash the states are in, only the marker tells.
      const std::vector<Answer> answers = co_await ask(reads_->references(), one(search_marker()));
      if (!is_answered(answers)) break;
      const Answer& marked = answers[0];
      for (std::size_t i = 0; i < marked.pieces.size(); ++i)
        if (marked[i].starts_with("KEY.")) guild_ = base::parse_snowflake(marked[i].substr(4)).value_or(0);
      cursor_ = guild_ != 0 ? "0" : marked.cursor;
      is_scanned_ = guild_ == 0 && marked.cursor == "0";
    } else {
      const std::vector<Answer> answers =
          co_await ask(is_by_reference() ? reads_->references() : own_pool(), one(search()));
      if (!is_answered(answers)) break;
      take_keys(answers[0]);
    }
  }
  // From outside of all callbacks of connections.
  reads_->tell([self] { self->go_on(); });
}

std::string Iteration::search_hash() const {
  return command({"HSCAN", decimal(guild_), hash_cursor_, "COUNT", decimal(window_size_)});
}

std::string Iteration::search_marker() const {
  return command({"SSCAN", key_text(place_.reference), cursor_, "MATCH", "KEY.*", "COUNT", "1000"});
}

std::string Iteration::search() const {
  const std::string window = decimal(window_size_);
  switch (place_.kind) {
    case Kind::set:
    case Kind::voice:
    case Kind::by_guild:
      return command({"SSCAN", key_text(place_.reference), cursor_, "COUNT", window});
    case Kind::sorted:
      return command({"ZSCAN", key_text(place_.reference), cursor_, "COUNT", window});
    default:
      return command({"SCAN", cursor_, "COUNT", window});
  }
}

void Iteration::take_keys(const Answer& scanned) {
  keys_.clear();
  keys_at_ = 0;
  cursor_ = scanned.cursor;
  is_scanned_ = scanned.cursor.empty() || scanned.cursor == "0";
  const std::size_t stride = place_.kind == Kind::sorted ? 2 : 1;  // ZSCAN gives the scores too.
  const bool are_codes = scope_.resource == Resource::invite;
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < scanned.pieces.size(); i += stride) {
    // `ME`, the marker of a voice channel and keys that are not ours are no entities.
    if (!are_codes && !base::parse_snowflake(scanned[i])) continue;
    if (seen.insert(scanned[i]).second) keys_.emplace_back(scanned[i]);
  }
}

std::vector<std::string> Iteration::questions(std::size_t& count) const {
  count = std::min({keys_.size() - keys_at_, window_size_, values_max(scope_.resource)});
  const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(keys_at_);
  const std::vector<std::string> keys(first, first + static_cast<std::ptrdiff_t>(count));
  if (place_.kind == Kind::voice) return {command({"HMGET", decimal(guild_)}, keys)};
  if (place_.kind != Kind::by_guild) return {command({"MGET"}, keys)};
  std::vector<std::string> commands;
  for (const std::string& guild : keys) commands.push_back(command({"HGET", guild, decimal(scope_.id)}));
  return commands;
}

bool Iteration::is_answered(const std::vector<Answer>& answers) {
  for (const Answer& answer : answers) {
    if (answer.status) continue;
    status_ = answer.status;
    return false;
  }
  return true;
}

bool Iteration::take_values(const std::vector<Answer>& answers, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& key = keys_[keys_at_++];
    const std::uint64_t id = base::parse_snowflake(key).value_or(0);
    if (place_.kind == Kind::by_guild) {
      if (!answers[i].pieces[0].is_nil && !take_value({scope_.resource, scope_.id, id}, answers[i][0])) return false;
      continue;
    }
    const Answer& values = answers[0];
    if (i >= values.pieces.size() || values.pieces[i].is_nil) continue;
    const bool is_code = scope_.resource == Resource::invite;
    if (!take_value({scope_.resource, is_code ? 0 : id, guild_, is_code ? key : std::string()}, values[i]))
      return false;
  }
  return true;
}

bool Iteration::take_fields(const Answer& scanned) {
  hash_cursor_ = scanned.cursor;
  is_hash_scanned_ = scanned.cursor.empty() || scanned.cursor == "0";
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i + 1 < scanned.pieces.size(); i += 2) {
    const auto id = base::parse_snowflake(scanned[i]);
    if (!id || !seen.insert(scanned[i]).second) continue;
    if (!take_value({scope_.resource, *id, guild_}, scanned[i + 1])) return false;
  }
  return true;
}

bool Iteration::take_value(EntityKey key, std::string_view text) {
  auto entity = entity_of(reads_->settings(), std::move(key), text);
  if (!entity) {
    status_ = entity.error();
    return false;
  }
  if (place_.kind == Kind::voice) {  // It may have moved on without its reference.
    json::Document state;
    if (!state.parse(entity->json, 1) || state.root()["channel_id"].snowflake() != scope_.id) return true;
  }
  window_.push_back(std::move(entity).value());
  return true;
}

std::vector<std::string> Iteration::counts(std::string_view cursor) const {
  const std::string reference = key_text(place_.reference);
  switch (place_.kind) {
    case Kind::keys:
      if (scope_.resource == Resource::user) return {command({"DBSIZE"}), command({"EXISTS", store::own_user_key})};
      return {command({"DBSIZE"})};
    case Kind::hash:
      return {command({"HLEN", decimal(scope_.id)})};
    case Kind::hashes:
      return {command({"SCAN", cursor, "COUNT", "1000"})};
    case Kind::sorted:
      return {command({"ZCARD", reference})};
    default:
      return {command({"SCARD", reference})};
  }
}

std::vector<std::string> Iteration::lengths(const Answer& scanned) {
  std::vector<std::string> commands;
  for (std::size_t i = 0; i < scanned.pieces.size(); ++i)
    if (base::parse_snowflake(scanned[i])) commands.push_back(command({"HLEN", scanned[i]}));
  return commands;
}

Detached Iteration::count(std::shared_ptr<Iteration> self, Callback<void(Result<std::size_t>)> then) {
  std::int64_t number = 0;
  std::string cursor = "0";
  Status status = status_;
  if (status && !reads_->is_open()) status = Error{.code = Errc::closed_client, .text = "the cache is not open"};
  while (status) {
    std::vector<Answer> answers = co_await ask(is_by_reference() ? reads_->references() : own_pool(), counts(cursor));
    if (place_.kind == Kind::hashes && answers[0].status) {
      cursor = answers[0].cursor;
      answers = co_await ask(own_pool(), lengths(answers[0]));
    }
    for (const Answer& answer : answers) {
      if (!answer.status) status = answer.status;
      number += answer.integer;
    }
    // The own user's record and the marker of a voice channel are counted by Redis too.
    if (place_.kind == Kind::keys && answers.size() == 2) number -= 2 * answers[1].integer;
    if (place_.kind == Kind::voice && number > 0) --number;
    if (place_.kind != Kind::hashes || cursor.empty() || cursor == "0") break;
  }
  reads_->tell([self, then = std::move(then), number, status = std::move(status)]() mutable {
    if (status) {
      then(static_cast<std::size_t>(number));
    } else {
      then(status.error());
    }
  });
}

}  // namespace sake::cache

namespace sake {

EntityIterator::EntityIterator(std::shared_ptr<cache::Iteration> iteration) noexcept : iteration_(std::move(iteration)) {}
EntityIterator::EntityIterator(EntityIterator&&) noexcept = default;
EntityIterator& EntityIterator::operator=(EntityIterator&&) noexcept = default;
EntityIterator::~EntityIterator() = default;

Request<std::optional<Entity>> EntityIterator::next() {
  return Request<std::optional<Entity>>([iteration = iteration_](auto then) { iteration->next(std::move(then)); });
}

Request<void> EntityIterator::for_each(Each each) {
  return Request<void>([iteration = iteration_, each = std::move(each)](auto then) mutable {
    iteration->for_each(std::move(each), std::move(then));
  });
}

Request<std::vector<Entity>> EntityIterator::collect(std::size_t limit) {
  return Request<std::vector<Entity>>(
      [iteration = iteration_, limit](auto then) { iteration->collect(limit, std::move(then)); });
}

Request<std::size_t> EntityIterator::len() {
  return Request<std::size_t>([iteration = iteration_](auto then) { iteration->len(std::move(then)); });
}

}  // namespace sake
