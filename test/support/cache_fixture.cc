#include "support/cache_fixture.h"

#include <algorithm>
#include <utility>

#include <doctest/doctest.h>

namespace sake::test {
namespace {

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "?";
}

nlohmann::json json_of(const Reply& reply) {
  if (reply.is_nil()) return nullptr;
  REQUIRE_MESSAGE(reply.type == Reply::Type::text, reply.text);
  return nlohmann::json::parse(reply.text);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Ending& ending) {
  if (!ending.told) return out << "not told yet";
  out << name(ending.outcome) << " " << ending.event;
  if (!ending.reason.empty()) out << " (" << ending.reason << ")";
  if (!ending.error.empty()) out << ": " << ending.error;
  return out;
}

CacheFixture::CacheFixture(Options options, RedisServerOptions server_options)
    : server(std::move(server_options)), client(server.socket_path()) {
  take_options(std::move(options));
}

void CacheFixture::take_options(Options options) {
  options_ = std::move(options);
  if (options_.address == default_address) options_.address = server.address();
  if (!options_.log)
    options_.log = [this](LogLevel level, std::string_view message) {
      logged.push_back(std::string(name_of(level)) + ": " + std::string(message));
    };
  if (options_.event_clock == nullptr) {
    options_.event_clock = [](void* self) { return static_cast<CacheFixture*>(self)->event_time; };
    options_.event_clock_context = this;
  }
}

/// The cache calls back before the loop waits, and whoever runs it until that has happened shall not wait with it.
void CacheFixture::wake() { uv_stop(loop.get()); }

void CacheFixture::open() {
  REQUIRE_MESSAGE(cache_ == nullptr, "the cache is open already");
  std::optional<Status> opened;  // A failed requirement throws, which no callback may.
  auto cache = Cache::open(loop.get(), std::move(options_), [this, &opened](Status status) {
    opened = std::move(status);
    wake();
  });
  REQUIRE_MESSAGE(cache.has_value(), (cache ? std::string() : describe(cache.error())));
  cache_ = std::move(cache).value();
  shard_ = nullptr;
  loop.run_until([&opened] { return opened.has_value(); });
  REQUIRE_MESSAGE(opened->ok(), (opened->ok() ? std::string() : describe(opened->error())));
  commands_seen_ = cache_->stats().commands;
}

void CacheFixture::close() {
  REQUIRE(cache_ != nullptr);
  bool closed = false;
  cache_->close([this, &closed] {
    closed = true;
    wake();
  });
  loop.run_until(closed);
  cache_.reset();
  shard_ = nullptr;
}

void CacheFixture::reopen(Options options) {
  if (cache_ != nullptr) close();
  take_options(std::move(options));
  open();
}

Cache& CacheFixture::cache() {
  if (cache_ == nullptr) open();
  return *cache_;
}

Shard& CacheFixture::shard() {
  if (shard_ == nullptr) shard_ = &cache().shard();
  return *shard_;
}

Shard& CacheFixture::shard(std::uint32_t id, std::uint32_t count) {
  shard_ = &cache().shard(id, count);
  return *shard_;
}

const Ending& CacheFixture::feed(std::string_view frame) {
  Shard& to = shard();
  Ending& ending = endings_.emplace_back();
  const Status status = to.dispatch_frame(frame, [this, &ending](const EventResult& result) {
    ending = {true,
              result.outcome,
              std::string(result.event),
              std::string(result.reason),
              result.error == nullptr ? std::string() : describe(*result.error),
              ++ended_};
  });
  REQUIRE_MESSAGE(status.ok(), (status.ok() ? std::string() : describe(status.error())));
  return ending;
}

const Ending& CacheFixture::feed_event(std::string_view t, const nlohmann::json& d, std::optional<std::uint64_t> s) {
  return feed(frame(t, d, s));
}

const Ending& CacheFixture::apply_frame(std::string_view frame) {
  const Ending& ending = feed(frame);
  flush();
  return ending;
}

const Ending& CacheFixture::apply(std::string_view t, const nlohmann::json& d, std::optional<std::uint64_t> s) {
  const Ending& ending = feed_event(t, d, s);
  flush();
  return ending;
}

std::string CacheFixture::frame(std::string_view t, const nlohmann::json& d, std::optional<std::uint64_t> s) {
  // By hand, because the order of the keys is that of the gateway.
  std::string text = "{\"t\":\"" + std::string(t) + "\",\"s\":";
  text += s ? std::to_string(*s) : "null";
  return text + ",\"op\":0,\"d\":" + d.dump() + "}";
}

void CacheFixture::run_until_answered() {
  loop.run_until([this] { return stats().pending_bytes == 0; });
}

void CacheFixture::flush() {
  bool flushed = false;
  cache().flush([this, &flushed](Status status) {
    flushed = true;
    wake();
    CHECK_MESSAGE(status.ok(), (status.ok() ? std::string() : describe(status.error())));
  });
  loop.run_until(flushed);
}

nlohmann::json CacheFixture::state(const DumpOptions& options) { return dump(client, options); }

nlohmann::json CacheFixture::json_at(int database, std::string_view key) {
  client.select(database);
  nlohmann::json value = json_of(client.command("GET", key));
  client.select(0);
  return value;
}

nlohmann::json CacheFixture::field_at(int database, std::string_view key, std::string_view field) {
  client.select(database);
  nlohmann::json value = json_of(client.command("HGET", key, field));
  client.select(0);
  return value;
}

std::vector<std::string> CacheFixture::members_of(int database, std::string_view key) {
  client.select(database);
  const std::string type = client.command("TYPE", key).text;
  Reply reply;
  if (type == "set") reply = client.command("SMEMBERS", key);
  if (type == "hash") reply = client.command("HKEYS", key);
  if (type == "zset") reply = client.command("ZRANGE", key, "0", "-1");
  client.select(0);
  std::vector<std::string> members;
  for (const Reply& element : reply.elements) members.push_back(element.text);
  if (type != "zset") std::ranges::sort(members);
  return members;
}

bool CacheFixture::exists(int database, std::string_view key) {
  client.select(database);
  const std::int64_t found = client.command("EXISTS", key).integer;
  client.select(0);
  return found != 0;
}

std::int64_t CacheFixture::lifetime_ms(int database, std::string_view key) {
  client.select(database);
  const std::int64_t milliseconds = client.command("PTTL", key).integer;
  client.select(0);
  return milliseconds;
}

void CacheFixture::put(int database, std::string_view key, const nlohmann::json& value) {
  client.select(database);
  CHECK(client.command("SET", key, value.dump()).text == "OK");
  client.select(0);
}

void CacheFixture::put_field(int database, std::string_view key, std::string_view field, const nlohmann::json& value) {
  client.select(database);
  CHECK_FALSE(client.command("HSET", key, field, value.dump()).is_error());
  client.select(0);
}

void CacheFixture::put_members(int database, std::string_view key, std::initializer_list<std::string_view> members) {
  client.select(database);
  for (std::string_view member : members) CHECK_FALSE(client.command("SADD", key, member).is_error());
  client.select(0);
}

std::uint64_t CacheFixture::commands_sent() {
  const std::uint64_t commands = cache().stats().commands;
  return commands - std::exchange(commands_seen_, commands);
}

void CacheFixture::watch_commands() {
  // The slow log keeps whatever takes longer than nothing, and tells commands apart by the name of their client.
  client.command("CLIENT", "SETNAME", "fixture");
  client.command("CONFIG", "SET", "slowlog-max-len", "1000000");
  client.command("CONFIG", "SET", "slowlog-log-slower-than", "0");
  client.command("SLOWLOG", "RESET");
}

std::vector<std::vector<std::string>> CacheFixture::commands_run() {
  const Reply entries = client.command("SLOWLOG", "GET", "-1");
  client.command("SLOWLOG", "RESET");
  std::vector<std::vector<std::string>> commands;
  for (const Reply& entry : entries.elements) {  // Newest first: id, time, duration, arguments, client, its name.
    if (entry.elements.at(5).text == "fixture") continue;
    std::vector<std::string>& command = commands.emplace_back();
    for (const Reply& argument : entry.elements.at(3).elements) command.push_back(argument.text);
  }
  std::ranges::reverse(commands);
  return commands;
}

EventStats CacheFixture::event_stats(std::string_view event) {
  for (const EventStats& stats : cache().stats().events)
    if (stats.event == event) return stats;
  return {.event = event};
}

ResourceStats CacheFixture::resource_stats(Resource resource) {
  for (const ResourceStats& stats : cache().stats().resources)
    if (stats.resource == resource) return stats;
  return {.resource = resource};
}

}  // namespace sake::test
