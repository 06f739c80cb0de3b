#include "cache/sessions.h"

#include <algorithm>
#include <string_view>

#include "base/snowflake.h"
#include "json/quote.h"
#include "json/scan.h"
#include "store/keys.h"

namespace sake::cache {
namespace {

using redis::Section;

/// Discord lets nobody resume for so long; the record only has to outlive the restart of a process.
constexpr std::int64_t record_life_ms = 60 * 60 * 1000;

/// Longer than any record: one without the number of shards is void.
constexpr std::int64_t count_life_ms = 2 * record_life_ms;

constexpr std::size_t dirty_guilds_max = 1000;

constexpr std::string_view count_key = "sake:session:count";

std::string decimal(std::uint64_t number) { return std::string(base::Decimal(number).view()); }

std::string record_key(std::uint32_t shard_id, std::uint32_t shard_count) {
  return std::string(store::own_prefix) + "session:" + decimal(shard_id) + ":" + decimal(shard_count);
}

Error no_record() { return {.code = Errc::entry_not_found, .text = "no session of this shard is recorded"}; }

/// The answer to MGET of the record and of the number of shards.
Result<Session> session_of(std::uint32_t shard_id, std::uint32_t shard_count, const resp::Reply& reply) {
  if (reply.elements.size() != 2 || reply.elements[0].type != resp::ReplyType::bulk ||
      reply.elements[1].text != decimal(shard_count)) {
    return no_record();
  }
  json::Document document;
  const bool parsed = document.parse(reply.elements[0].text, 2).ok();
  const json::Value record = document.root();
  const auto sequence = record["sequence"].integer();
  if (!parsed || !record["session_id"].is_string() || !sequence || *sequence <= 0) {
    return Error{.code = Errc::invalid_data_found,
                 .text = "database 9, key " + record_key(shard_id, shard_count) + ": no session record"};
  }
  Session session{shard_id,
                  shard_count,
                  record["session_id"].string(),
                  record["resume_gateway_url"].string(),
                  static_cast<std::uint64_t>(*sequence),
                  {}};
  for (json::Value guild : record["dirty_guilds"].children())
    if (const auto id = guild.snowflake()) session.dirty_guilds.push_back(*id);
  return session;
}

}  // namespace

bool Sessions::is_due(const resources::ShardState& shard) noexcept {
  return shard.applied > shard.recorded && !shard.session_id.empty();
}

void Sessions::write(resources::ShardState& shard) {
  shard.recorded = shard.applied;
  std::string record = "{\"session_id\":" + json::quoted(shard.session_id) +
                       ",\"resume_gateway_url\":" + json::quoted(shard.resume_gateway_url);
  record += ",\"sequence\":" + decimal(shard.applied) + ",\"dirty_guilds\":[";
  std::size_t dirty = 0;
  for (std::uint64_t guild : dirty_guilds_.list()) {
    if ((guild >> 22) % shard.count != shard.id || dirty == dirty_guilds_max) continue;
    record += (dirty++ == 0 ? "\"" : ",\"") + decimal(guild) + "\"";
  }
  record += "]}";

  redis::Pipeline& writer = references_.writer();
  writer.begin(Section::records).begin(5).arg("SET").arg(count_key).arg(shard.count).arg("PX").arg(count_life_ms);
  writer.end(Section::records, nullptr);
  writer.begin(Section::records)
      .begin(5)
      .arg("SET")
      .arg(record_key(shard.id, shard.count))
      .arg(record)
      .arg("PX")
      .arg(record_life_ms);
  writer.end(Section::records, nullptr);
  commands_ += 2;
}

void Sessions::adopt(resources::ShardState& shard, const Session& session) {
  shard.session_id = session.session_id;
  shard.resume_gateway_url = session.resume_gateway_url;
  shard.received = shard.applied = shard.recorded = session.sequence;
}

void Sessions::drop(resources::ShardState& shard) {
  if (shard.session_id.empty()) return;
  shard.session_id.clear();
  references_.writer().begin(Section::records).begin(2).arg("DEL").arg(record_key(shard.id, shard.count));
  references_.writer().end(Section::records, nullptr);
  ++commands_;
}

void Sessions::read(std::uint32_t shard_id, std::uint32_t shard_count, OnRead on_read) {
  reading_.push_back({++tag_, shard_id, shard_count, std::move(on_read)});
  // Behind the records that this process has written itself.
  redis::Pipeline& writer = references_.writer();
  writer.begin(Section::records).begin(3).arg("MGET").arg(record_key(shard_id, shard_count)).arg(count_key);
  writer.end(Section::records, this, tag_);
  ++commands_;
}

void Sessions::on_reply(std::uint32_t tag, const resp::Reply& reply) noexcept {
  const auto reading = std::ranges::find(reading_, tag, &Reading::tag);
  end(tag, session_of(reading->shard_id, reading->shard_count, reply));
}

void Sessions::on_failed(std::uint32_t tag, const Error& error) noexcept { end(tag, error); }

void Sessions::end(std::uint32_t tag, Result<Session> result) {
  const auto reading = std::ranges::find(reading_, tag, &Reading::tag);
  read_.emplace_back(std::move(reading->on_read), std::move(result));
  reading_.erase(reading);
}

void Sessions::deliver() {
  if (read_.empty()) return;
  std::vector<std::pair<OnRead, Result<Session>>> read;
  read.swap(read_);
  for (auto& [on_read, result] : read) on_read(std::move(result));
}

}  // namespace sake::cache
