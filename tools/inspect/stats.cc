#include "stats.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "collection.h"
#include "common/format.h"
#include "common/redis_client.h"
#include "output.h"
#include "session.h"

namespace sake::inspect {
namespace {

using tools::RedisCommand;
using tools::RedisReply;

constexpr std::chrono::seconds patience(30);

/// What was seen of a database: some keys of it, and how many there are.
struct Sample {
  std::uint64_t keys = 0;
  std::uint64_t seen = 0;
  std::uint64_t entities = 0;  ///< In what was seen.
  std::uint64_t bytes = 0;     ///< Of what was seen.
  std::uint64_t without_lifetime = 0;
  std::vector<std::int64_t> lifetimes;  ///< Left, in milliseconds.

  bool is_whole() const { return seen >= keys; }
  std::uint64_t estimate(std::uint64_t of_seen) const {
    if (is_whole() || seen == 0) return of_seen;
    return static_cast<std::uint64_t>(
        std::llround(static_cast<double>(of_seen) * static_cast<double>(keys) / static_cast<double>(seen)));
  }
  std::optional<std::int64_t> lifetime(double share) {
    if (lifetimes.empty()) return std::nullopt;
    const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(lifetimes.size() - 1));
    std::nth_element(lifetimes.begin(), lifetimes.begin() + at, lifetimes.end());
    return lifetimes[static_cast<std::size_t>(at)];
  }
};

Sample look(tools::RedisClient& redis, int database, bool is_hash, std::uint64_t limit) {
  Sample sample;
  sample.keys = static_cast<std::uint64_t>(redis.ask(database, RedisCommand{"DBSIZE"}).integer);
  std::string cursor = "0";
  do {
    const RedisReply window = redis.ask(database, RedisCommand{"SCAN", cursor, "COUNT", "1000"});
    if (window.elements.size() != 2) throw tools::RedisFailure("SCAN: " + window.text);
    cursor = window.elements[0].text;
    std::vector<RedisCommand> questions;
    for (const RedisReply& key : window.elements[1].elements) {
      questions.push_back({"MEMORY", "USAGE", key.text});
      questions.push_back({"PTTL", key.text});
      questions.push_back({is_hash ? "HLEN" : "EXISTS", key.text});
    }
    const auto replies = redis.ask(database, questions);
    for (std::size_t n = 0; n + 2 < replies.size(); n += 3) {
      const std::int64_t left = replies[n + 1].integer;
      if (left == -2) continue;  // It has expired since.
      ++sample.seen;
      if (replies[n].integer > 0) sample.bytes += static_cast<std::uint64_t>(replies[n].integer);
      sample.entities += static_cast<std::uint64_t>(std::max<std::int64_t>(0, replies[n + 2].integer));
      if (left == -1) {
        ++sample.without_lifetime;
      } else {
        sample.lifetimes.push_back(left);
      }
    }
  } while (cursor != "0" && sample.seen < limit);
  if (cursor == "0") sample.keys = sample.seen;
  return sample;
}

/// "3.2 s", "12 min", "6.9 d"
std::string format_lifetime(std::optional<std::int64_t> milliseconds) {
  if (!milliseconds) return "-";
  const double seconds = static_cast<double>(*milliseconds) / 1000;
  const auto print = [](double amount, const char* unit) {
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), "%.1f %s", amount, unit);
    return std::string(text.data());
  };
  if (seconds < 120) return print(seconds, "s");
  if (seconds < 7200) return print(seconds / 60, "min");
  return seconds < 172800 ? print(seconds / 3600, "h") : print(seconds / 86400, "d");
}

void print_json(std::string_view title, int database, Sample& sample) {
  JsonLine line;
  line.add("resource", title);
  line.add("database", static_cast<std::uint64_t>(database));
  line.add("keys", sample.keys);
  line.add("entities", sample.estimate(sample.entities));
  line.add("bytes", sample.estimate(sample.bytes));
  line.add("sampled_keys", sample.seen);
  line.add_flag("is_estimate", !sample.is_whole());
  line.add("without_lifetime", sample.estimate(sample.without_lifetime));
  line.open("lifetime_ms");
  const auto add = [&](const char* key, double share) {
    if (const auto left = sample.lifetime(share)) {
      line.add(key, static_cast<std::uint64_t>(*left));
    } else {
      line.add_null(key);
    }
  };
  add("shortest", 0);
  add("median", 0.5);
  add("longest", 1);
  line.close();
  line.print();
}

std::vector<std::string> cells(std::string_view title, int database, Sample& sample) {
  const std::string mark = sample.is_whole() ? "" : "~";
  const std::uint64_t entities = sample.estimate(sample.entities);
  const std::uint64_t bytes = sample.estimate(sample.bytes);
  return {std::string(title),
          std::to_string(database),
          tools::format_count(sample.keys),
          mark + tools::format_count(entities),
          mark + tools::format_bytes(bytes),
          entities == 0 ? "-" : tools::format_bytes(bytes / entities),
          format_lifetime(sample.lifetime(0)),
          format_lifetime(sample.lifetime(0.5)),
          format_lifetime(sample.lifetime(1)),
          mark + tools::format_count(sample.estimate(sample.without_lifetime))};
}

}  // namespace

int stats(const Arguments& arguments) {
  const Options& options = arguments.options;
  tools::RedisClient redis(options.address, options.password, patience);
  const auto right = Table::Side::right;
  Table table({{"resource"},
               {"database", right},
               {"keys", right},
               {"entities", right},
               {"bytes", right},
               {"per entity", right},
               {"shortest", right},
               {"median", right},
               {"longest", right},
               {"no lifetime", right}});
  const auto show = [&](std::string_view title, int database, bool is_hash) {
    Sample sample = look(redis, database, is_hash, arguments.sample);
    if (arguments.is_json) {
      print_json(title, database, sample);
    } else {
      table.add(cells(title, database, sample));
    }
  };
  for (const Resource resource : all_resources())
    if (options.resources.contains(resource))
      show(name(resource), options.get_index_override(resource).value_or(static_cast<int>(resource)),
           is_hash(resource));
  show("(references)", reference_index, false);
  return exit_done;
}

}  // namespace sake::inspect
