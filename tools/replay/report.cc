#include "report.h"

#include <algorithm>
#include <array>
#include <vector>

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "common/format.h"

namespace sake::replay {
namespace {

std::uint64_t total(const EventStats& row) { return row.applied + row.ignored + row.rejected + row.failed; }

/// One row for each event that occurred, the most frequent first, and one for what was not offered.
std::vector<EventStats> event_rows(const Report& report) {
  std::vector<EventStats> rows;
  for (const EventStats& row : report.stats.events)
    if (total(row) != 0) rows.push_back(row);
  if (report.unreadable != 0) rows.push_back(EventStats{.event = "(unreadable)", .rejected = report.unreadable});
  std::stable_sort(rows.begin(), rows.end(),
                   [](const EventStats& a, const EventStats& b) { return total(a) > total(b); });
  return rows;
}

EventStats sum(const std::vector<EventStats>& rows) {
  EventStats all{.event = "total"};
  for (const EventStats& row : rows) {
    all.applied += row.applied;
    all.ignored += row.ignored;
    all.rejected += row.rejected;
    all.failed += row.failed;
  }
  return all;
}

double per_second(const Report& report) {
  return report.wall_seconds > 0 ? static_cast<double>(report.frames) / report.wall_seconds : 0;
}

void print_row(std::FILE* file, std::string_view title, const std::vector<std::string>& cells) {
  std::fprintf(file, "%-38.*s", static_cast<int>(title.size()), title.data());
  for (const std::string& cell : cells) std::fprintf(file, " %12s", cell.c_str());
  std::fputc('\n', file);
}

void print_fact(std::FILE* file, const char* title, const std::string& value) {
  std::fprintf(file, "%-38s %s\n", title, value.c_str());
}

}  // namespace

void print_table(std::FILE* file, const Report& report) {
  std::vector<EventStats> rows = event_rows(report);
  rows.push_back(sum(rows));
  print_row(file, "event", {"applied", "ignored", "rejected", "failed"});
  for (const EventStats& row : rows)
    print_row(file, row.event,
              {tools::format_count(row.applied), tools::format_count(row.ignored), tools::format_count(row.rejected),
               tools::format_count(row.failed)});
  std::fputc('\n', file);

  print_row(file, "resource", {"written", "removed"});
  for (const ResourceStats& row : report.stats.resources)
    print_row(file, name(row.resource), {tools::format_count(row.upserts), tools::format_count(row.deletes)});
  std::fputc('\n', file);

  const Stats& stats = report.stats;
  print_fact(file, "logs read",
             tools::format_bytes(report.bytes_read) + ", " + tools::format_bytes(report.text_bytes) + " of text");
  print_fact(file, "commands sent to Redis", tools::format_count(stats.commands));
  print_fact(file, "bytes sent to Redis", tools::format_bytes(stats.bytes_sent));
  print_fact(file, "bytes received from Redis", tools::format_bytes(stats.bytes_received));
  if (stats.connections_lost != 0) print_fact(file, "connections lost", tools::format_count(stats.connections_lost));
  print_fact(file, "wall time", tools::format_seconds(report.wall_seconds));
  print_fact(file, "events per second", tools::format_count(static_cast<std::uint64_t>(per_second(report))));
  print_fact(file, "engine CPU (this process)", tools::format_seconds(report.engine_cpu_seconds));
  print_fact(file, "redis-server CPU",
             report.redis_cpu_seconds ? tools::format_seconds(*report.redis_cpu_seconds) : "not known");
  print_fact(file, "peak resident memory", tools::format_bytes(report.peak_resident_bytes));
}

namespace {

/// An object, member by member.
class JsonObject {
 public:
  JsonObject() { writer_.SetIndent(' ', 2); }

  void open(std::string_view key = {}) {
    if (!key.empty()) write_key(key);
    writer_.StartObject();
  }
  void close() { writer_.EndObject(); }
  void open_list(std::string_view key) {
    write_key(key);
    writer_.StartArray();
  }
  void close_list() { writer_.EndArray(); }

  void add(std::string_view key, std::uint64_t value) { write_key(key), writer_.Uint64(value); }
  void add(std::string_view key, std::string_view value) {
    write_key(key);
    writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  }
  void add_number(std::string_view key, std::optional<double> value) {
    write_key(key);
    if (value) {
      writer_.Double(*value);
    } else {
      writer_.Null();
    }
  }
  void add_counts(std::string_view key, const EventStats& row) {
    open(key);
    add("applied", row.applied);
    add("ignored", row.ignored);
    add("rejected", row.rejected);
    add("failed", row.failed);
    close();
  }
  std::string text() const { return {buffer_.GetString(), buffer_.GetSize()}; }

 private:
  void write_key(std::string_view key) { writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size())); }

  rapidjson::StringBuffer buffer_;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer_{buffer_};
};

void add_stats(JsonObject& json, const Stats& stats) {
  json.open("resources");
  for (const ResourceStats& row : stats.resources) {
    json.open(name(row.resource));
    json.add("written", row.upserts);
    json.add("removed", row.deletes);
    json.close();
  }
  json.close();

  json.open_list("shards");
  for (const ShardStats& row : stats.shards) {
    json.open();
    json.add("id", std::uint64_t{row.id});
    json.add("count", std::uint64_t{row.count});
    json.add("received_sequence", row.received_sequence);
    json.add("applied_sequence", row.applied_sequence);
    json.close();
  }
  json.close_list();

  json.open("redis");
  json.add("commands", stats.commands);
  json.add("selects", stats.selects);
  json.add("flushes", stats.flushes);
  json.add("bytes_sent", stats.bytes_sent);
  json.add("bytes_received", stats.bytes_received);
  json.add("connections_lost", stats.connections_lost);
  json.add("over_capacity", stats.over_capacity);
  json.close();
}

}  // namespace

std::string to_json(const Report& report) {
  const std::vector<EventStats> rows = event_rows(report);
  JsonObject json;
  json.open();
  json.add("outcome", report.outcome);
  json.add("exit_code", static_cast<std::uint64_t>(report.exit_code));
  json.add("address", report.address);
  json.add("logs", report.logs);
  json.add("log_bytes", report.bytes_read);
  json.add("text_bytes", report.text_bytes);
  json.add("frames", report.frames);
  json.add_counts("outcomes", sum(rows));
  json.open("events");
  for (const EventStats& row : rows) json.add_counts(row.event, row);
  json.close();
  add_stats(json, report.stats);
  json.add_number("wall_seconds", report.wall_seconds);
  json.add_number("events_per_second", per_second(report));
  json.add_number("engine_cpu_seconds", report.engine_cpu_seconds);
  json.add_number("redis_cpu_seconds", report.redis_cpu_seconds);
  json.add_number("longest_turn_seconds", std::chrono::duration<double>(report.stats.longest_turn).count());
  json.add("peak_resident_bytes", report.peak_resident_bytes);
  json.close();
  return json.text() + "\n";
}

}  // namespace sake::replay
