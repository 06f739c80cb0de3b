#include "cache/chunker.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/snowflake.h"

namespace sake::cache {
namespace {

using resources::Chunks;

std::string request(std::uint64_t guild, bool with_presences, std::string_view nonce) {
  std::string text = "{\"op\":8,\"d\":{\"guild_id\":\"";
  text.append(base::Decimal(guild).view()).append("\",\"query\":\"\",\"limit\":0,\"presences\":");
  text.append(with_presences ? "true" : "false").append(",\"nonce\":\"").append(nonce).append("\"}}");
  return text;
}

}  // namespace

Chunker::Chunker(uv_loop_s* loop, Chunks& chunks, const dispatch::DirtyGuilds& dirty_guilds)
    : chunks_(chunks), dirty_guilds_(dirty_guilds), timer_(loop, [] {}) {}

Status Chunker::configure(Chunking chunking, bool with_presences) {
  const auto bad = [](std::string_view option) {
    return Error{.code = Errc::invalid_argument, .text = "Chunking::" + std::string(option) + ": must be positive"};
  };
  if (chunking.send) {
    if (chunking.requests_per_minute == 0) return bad("requests_per_minute");
    if (chunking.runs_max == 0) return bad("runs_max");
    if (chunking.attempts_max == 0) return bad("attempts_max");
    if (chunking.guild_interval.count() <= 0) return bad("guild_interval");
    if (chunking.send_pause.count() <= 0) return bad("send_pause");
    if (chunking.chunk_timeout.count() <= 0) return bad("chunk_timeout");
  }
  ++generation_;
  chunking_ = std::move(chunking);
  with_presences_ = with_presences;
  queue_.limit({chunking_.requests_per_minute, chunking_.guild_interval.count(), chunking_.send_pause.count()});
  if (chunking_.send) {
    chunks_.turn_on();
  } else {
    chunks_.turn_off();
    queue_.clear();
    asked_.clear();
    reports_.clear();
    timer_.stop();
  }
  return {};
}

void Chunker::stop() noexcept {
  stopped_ = true;
  queue_.clear();
  timer_.stop();
}

void Chunker::close() noexcept {
  stop();
  timer_.close();
}

std::int64_t Chunker::now() noexcept {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

void Chunker::work(bool has_room) {
  if (!chunks_.is_on()) return;
  const std::int64_t at = now();
  take_news(at);
  if (!stopped_) {
    watch(has_room, at);
    if (has_room) ask_next(at);
    if (!chunks_.is_on()) return;
    if (!stopped_) arm(has_room, at);
  }
  for (const MembersReport& report : std::exchange(reports_, {})) {
    if (on_report_) on_report_(report);
  }
}

void Chunker::take_news(std::int64_t now) {
  for (const Chunks::News& news : chunks_.take_news()) {
    const auto asked = std::ranges::find(asked_, news.token, [](const Asked& one) { return one.item.token; });
    switch (news.what) {
      case Chunks::News::What::wanted:
        add({news.guild, news.token, news.shard}, now);
        break;
      case Chunks::News::What::held:
        if (asked == asked_.end()) break;
        again(asked->item, now + 1 + news.delay_ms, "rate limited");
        asked_.erase(asked);
        break;
      case Chunks::News::What::complete: {
        const bool dirty = dirty_guilds_.contains(news.guild);
        reports_.push_back({news.guild, !dirty, news.members, dirty ? "an event of the guild has failed" : ""});
        break;
      }
      case Chunks::News::What::failed:
        reports_.push_back({news.guild, false, 0, "what was listed could not be stored"});
        break;
    }
  }
}

void Chunker::watch(bool has_room, std::int64_t now) {
  const std::int64_t timeout = chunking_.chunk_timeout.count();
  std::erase_if(asked_, [&](Asked& asked) {
    const auto stage = chunks_.stage(asked.item.guild, asked.item.token);
    if (stage == Stage::settling) return false;
    if (stage != Stage::asked) return true;
    const std::size_t arrived = chunks_.arrived(asked.item.guild);
    // What the cache did not take cannot have arrived.
    if (arrived != asked.arrived || !has_room) {
      asked.arrived = arrived;
      asked.deadline = now + timeout;
    }
    if (now < asked.deadline) return false;
    chunks_.take_back(asked.item.guild, asked.item.token);
    again(asked.item, now, "no answer");
    return true;
  });
}

void Chunker::ask_next(std::int64_t now) {
  while (asked_.size() < chunking_.runs_max) {
    std::optional<Item> item = queue_.take(now);
    if (!item) return;
    // Known before it is sent, should the host have an answer at once.
    const std::string nonce(chunks_.ask(item->guild, item->token));
    if (nonce.empty()) continue;  // It was left, or created again.
    ++item->attempts;
    asked_.push_back({*item, 0, now + chunking_.chunk_timeout.count()});
    const std::uint64_t generation = generation_;
    const bool sent = send(*item, nonce);
    if (stopped_ || !chunks_.is_on()) return;
    if (sent) {
      ++requests_;
      queue_.asked(*item, now + 1);  // This millisecond may have been at its end.
    } else if (chunks_.stage(item->guild, item->token) == Stage::asked) {
      chunks_.take_back(item->guild, item->token);
      std::erase_if(asked_, [&](const Asked& asked) { return asked.item.token == item->token; });
      --item->attempts;
      queue_.refused(*item, now);
    }
    if (generation != generation_) return;  // Other limits may hold now.
  }
}

bool Chunker::send(const Item& item, std::string_view nonce) {
  // The host may replace the callback in the midst of it.
  const std::uint64_t generation = generation_;
  auto send = std::move(chunking_.send);
  const bool sent = send(item.shard, request(item.guild, with_presences_, nonce));
  if (generation == generation_) chunking_.send = std::move(send);
  return sent;
}

void Chunker::again(const Item& item, std::int64_t not_before, std::string_view reason) {
  if (item.attempts < chunking_.attempts_max) {
    add(item, not_before);
  } else {
    chunks_.give_up(item.guild, item.token);
    reports_.push_back({item.guild, false, 0, reason});
  }
}

bool Chunker::is_wanted(const Item& item) const noexcept {
  return chunks_.stage(item.guild, item.token) == Stage::wanted;
}

void Chunker::add(const Item& item, std::int64_t not_before) {
  queue_.add(item, not_before);
  // Those that are not wanted any more must not gather while nothing can be sent.
  if (queue_.size() < prune_at_) return;
  queue_.erase_if([&](const Item& one) { return !is_wanted(one); });
  prune_at_ = std::max<std::size_t>(1024, 2 * queue_.size());
}

void Chunker::arm(bool has_room, std::int64_t now) {
  std::int64_t next = INT64_MAX;
  for (const Asked& asked : asked_)
    if (chunks_.stage(asked.item.guild, asked.item.token) == Stage::asked) next = std::min(next, asked.deadline);
  // Room comes with an answer of Redis, and a place with the end of a run: both wake the loop by themselves.
  if (has_room && asked_.size() < chunking_.runs_max)
    if (const auto queued = queue_.next(now)) next = std::min(next, *queued);
  if (next == armed_for_ && timer_.is_running()) return;
  armed_for_ = next;
  if (next == INT64_MAX) {
    timer_.stop();
  } else {
    timer_.start(std::chrono::milliseconds(next - now));
  }
}

}  // namespace sake::cache
