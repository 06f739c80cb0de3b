#include "cache/reads.h"

#include <optional>
#include <utility>

#include "base/buffer.h"
#include "base/snowflake.h"
#include "json/scan.h"
#include "resp/command_writer.h"
#include "store/keys.h"

namespace sake::cache {
namespace {

using resp::ReplyType;

Error closed() { return {.code = Errc::closed_client, .text = "the cache is not open"}; }

std::string decimal(std::uint64_t number) { return std::string(base::Decimal(number).view()); }

std::string place_of(const store::Settings& settings, const EntityKey& key) {
  std::string place = "database " + decimal(static_cast<std::uint64_t>(settings.database_of(key.resource))) + ", key ";
  if (store::is_hash(key.resource)) return place + decimal(key.guild_id) + ", field " + decimal(key.id);
  return place + (key.code.empty() ? decimal(key.id) : key.code);
}

/// Redis's words for a key of another type than the command is for.
bool is_wrong_type(const Error& error) { return error.text.find("WRONGTYPE") != std::string::npos; }

}  // namespace

Error invalid_data(const store::Settings& settings, const EntityKey& key, std::string_view what) {
  return {.code = Errc::invalid_data_found, .text = place_of(settings, key) + ": " + std::string(what)};
}

std::string command(std::initializer_list<std::string_view> first, const std::vector<std::string>& rest) {
  constexpr std::size_t around_argument = 32;  // Its header and line ends, generously.
  std::size_t size = around_argument * (1 + first.size() + rest.size());
  for (std::string_view argument : first) size += argument.size();
  for (const std::string& argument : rest) size += argument.size();
  base::Buffer bytes(size);
  resp::CommandWriter writer(bytes);
  writer.begin(first.size() + rest.size());
  for (std::string_view argument : first) writer.arg(argument);
  for (const std::string& argument : rest) writer.arg(argument);
  return std::string(bytes.view());
}

Reads::Reads(uv_loop_s* loop, Connections& connections, const store::Settings& settings,
             std::chrono::milliseconds timeout, Again& again)
    : connections_(connections), settings_(settings), timeout_(timeout), again_(again), tick_(loop, [this] {
        on_tick();
      }) {}

void Reads::ask(redis::Pool& pool, std::string_view command, OnReply on_reply) {
  if (const auto error = refusal()) return on_reply({nullptr, &*error});
  pass(pool, command, std::move(on_reply));
}

std::optional<Error> Reads::refusal() const {
  if (!is_open_) return closed();
  if (slots_.size() - free_.size() + waiting_ < open_max) return std::nullopt;
  return Error{.code = Errc::over_capacity, .text = "too many reads are waiting for Redis; ask again later"};
}

void Reads::pass(redis::Pool& pool, std::string_view command, OnReply on_reply) {
  std::uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[slot] = {std::move(on_reply), ++serial_};
  if (timeout_.count() > 0) {
    // Behind one that is not answered for long, those that were must not pile up.
    if (due_.size() > 2 * slots_.size() + due_kept_max)
      std::erase_if(due_, [this](const Due& due) { return slots_[due.slot].serial != due.serial; });
    due_.push_back({serial_, slot, std::chrono::steady_clock::now() + timeout_});
    plan_tick();
  }
  pool.read(command, *this, slot + 1);
  wake();
}

void Reads::ask_window(redis::Pool& pool, std::string command, OnReply on_reply) {
  if (const auto error = refusal()) return on_reply({nullptr, &*error});
  Gate& gate = gates_[&pool];
  gate.waiting.push_back({std::move(command), std::move(on_reply), std::chrono::steady_clock::now()});
  ++waiting_;
  let_in(pool, gate);
}

/// Not from inside of itself: where nothing is answered any more each ends at once, and many may wait.
void Reads::let_in(redis::Pool& pool, Gate& gate) {
  if (std::exchange(gate.is_letting_in, true)) return;
  while (!gate.waiting.empty() && (gate.passed < windows_max || !is_open_)) {
    Gate::Waiting next = std::move(gate.waiting.front());
    gate.waiting.pop_front();
    --waiting_;
    if (!is_open_) {
      const Error error = closed();
      next.on_reply({nullptr, &error});
      continue;
    }
    ++gate.passed;
    pass(pool, next.command, [this, &pool, &gate, on_reply = std::move(next.on_reply)](const ReadReply& reply) mutable {
      --gate.passed;
      on_reply(reply);
      let_in(pool, gate);
    });
  }
  gate.is_letting_in = false;
}

/// Those that have waited since then or longer.
void Reads::end_waiting(const Error& error, std::chrono::steady_clock::time_point until) {
  std::vector<OnReply> ended;
  for (auto& [pool, gate] : gates_) {
    while (!gate.waiting.empty() && gate.waiting.front().since <= until) {
      ended.push_back(std::move(gate.waiting.front().on_reply));
      gate.waiting.pop_front();
    }
  }
  waiting_ -= ended.size();
  for (OnReply& on_reply : ended) on_reply({nullptr, &error});
}

void Reads::on_reply(std::uint32_t tag, const resp::Reply& reply) noexcept { end(tag, {&reply, nullptr}); }

void Reads::on_failed(std::uint32_t tag, const Error& error) noexcept { end(tag, {nullptr, &error}); }

void Reads::end(std::uint32_t tag, const ReadReply& reply) {
  const std::uint32_t slot = tag - 1;
  OnReply on_reply = std::move(slots_[slot].on_reply);
  slots_[slot] = {};
  free_.push_back(slot);
  if (on_reply) on_reply(reply);
}

void Reads::on_tick() {
  const auto now = std::chrono::steady_clock::now();
  const Error error{.code = Errc::backend_error, .cause = Cause::timed_out, .text = "no answer within read_timeout"};
  end_waiting(error, now - timeout_);
  while (!due_.empty()) {
    const Due due = due_.front();
    Open& open = slots_[due.slot];
    if (open.serial == due.serial && due.at > now) break;
    due_.pop_front();
    if (open.serial != due.serial) continue;
    // The answer may still come; its place is kept for it.
    OnReply on_reply = std::exchange(open.on_reply, {});
    if (on_reply) on_reply({nullptr, &error});
  }
  plan_tick();
}

/// Looks at most every so often, rather than set a timer for each question.
void Reads::plan_tick() {
  constexpr std::chrono::milliseconds interval{100};
  if (!due_.empty() && !tick_.is_running()) tick_.start(std::min(timeout_, interval));
}

void Reads::tell(Callback<void()> what) {
  if (is_ended_) {
    what();
  } else {
    news_.push_back(std::move(what));
    wake();
  }
}

void Reads::deliver() {
  std::vector<Callback<void()>> news;
  news.swap(news_);
  for (auto& each : news) each();
}

void Reads::close() {
  is_open_ = false;
  tick_.close();
  end_waiting(closed(), std::chrono::steady_clock::time_point::max());
}

Result<Entity> entity_of(const store::Settings& settings, EntityKey key, std::string_view text) {
  std::string json;
  if (settings.codec == nullptr) {
    json.assign(text);
  } else if (auto decoded = settings.codec->decode(text)) {
    json = std::move(decoded).value();
  } else {
    return invalid_data(settings, key, "the codec refuses the value: " + decoded.error().text);
  }
  json::Document document;
  if (!document.parse(json, 0) || !document.root().is_object())
    return invalid_data(settings, key, "the value is no JSON object");
  const std::uint64_t guild = store::is_hash(key.resource) ? key.guild_id : 0;
  return Entity{key.resource, key.id, guild, std::move(key.code), std::move(json), settings.app};
}

void read_entity(Reads& reads, EntityKey key, Callback<bool()> is_known, Callback<void(Result<Entity>)> then) {
  const auto tell = [&reads](Callback<void(Result<Entity>)> then, Result<Entity> result) {
    reads.tell([then = std::move(then), result = std::move(result)]() mutable { then(std::move(result)); });
  };
  if (Status status = check_key(reads.settings(), key); !status) {
    tell(std::move(then), status.error());
    return;
  }
  const bool hash = store::is_hash(key.resource);
  const std::string id = key.code.empty() ? decimal(key.id) : key.code;
  const std::string asked = hash ? command({"HGET", decimal(key.guild_id), id}) : command({"GET", id});
  reads.ask(reads.pool(key.resource), asked,
            [&reads, tell, key = std::move(key), is_known = std::move(is_known),
             then = std::move(then)](const ReadReply& answer) mutable {
              if (answer.error != nullptr && is_wrong_type(*answer.error)) {
                tell(std::move(then), invalid_data(reads.settings(), key, answer.error->text));
              } else if (answer.error != nullptr) {
                tell(std::move(then), *answer.error);
              } else if (answer.reply->type == ReplyType::nil) {
                const bool known = is_known && is_known();
                tell(std::move(then),
                     Error{.code = Errc::entry_not_found,
                           .text = std::string(name(key.resource)) + (known ? ": there is none" : ": not cached"),
                           .is_absent = known});
              } else {
                tell(std::move(then), entity_of(reads.settings(), std::move(key), answer.reply->text));
              }
            });
}

void read_entities(Reads& reads, Resource resource, std::uint64_t guild_id, std::vector<std::uint64_t> ids,
                   Callback<void(Result<Entities>)> then, bool is_window) {
  const auto tell = [&reads](Callback<void(Result<Entities>)> then, Result<Entities> result) {
    reads.tell([then = std::move(then), result = std::move(result)]() mutable { then(std::move(result)); });
  };
  if (Status status = check_key(reads.settings(), {resource, 0, guild_id}); !status) {
    tell(std::move(then), status.error());
    return;
  }
  if (ids.empty()) {
    tell(std::move(then), Entities());
    return;
  }
  std::vector<std::string> keys;
  for (std::uint64_t id : ids) keys.push_back(decimal(id));
  std::string asked = store::is_hash(resource) ? command({"HMGET", decimal(guild_id)}, keys) : command({"MGET"}, keys);
  Reads::OnReply take = [&reads, tell, resource, guild_id, ids = std::move(ids),
                         then = std::move(then)](const ReadReply& answer) mutable {
    if (answer.error != nullptr) {
      tell(std::move(then), *answer.error);
      return;
    }
    Entities entities(ids.size());
    const auto& elements = answer.reply->elements;
    for (std::size_t i = 0; i < ids.size() && i < elements.size(); ++i) {
      if (elements[i].type != ReplyType::bulk) continue;
      auto entity = entity_of(reads.settings(), {resource, ids[i], guild_id}, elements[i].text);
      if (!entity) {
        tell(std::move(then), entity.error());
        return;
      }
      entities[i] = std::move(entity).value();
    }
    tell(std::move(then), std::move(entities));
  };
  if (is_window) {
    reads.ask_window(reads.pool(resource), std::move(asked), std::move(take));
  } else {
    reads.ask(reads.pool(resource), asked, std::move(take));
  }
}

}  // namespace sake::cache
