#include "support/redis_client.h"

#include <sys/time.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <stdexcept>
#include <utility>

#include <hiredis/hiredis.h>

namespace sake::test {

namespace {

using nlohmann::json;

/// Keys asked for at once by dump(): large enough to hide the round trip, small enough to bound the replies.
constexpr std::size_t keys_per_window = 500;

constexpr std::size_t differences_max = 50;
constexpr std::size_t shown_value_bytes_max = 200;

timeval to_timeval(std::chrono::milliseconds duration) {
  timeval result{};
  result.tv_sec = static_cast<decltype(result.tv_sec)>(duration.count() / 1000);
  result.tv_usec = static_cast<decltype(result.tv_usec)>(duration.count() % 1000 * 1000);
  return result;
}

Reply to_reply(const redisReply& reply) {
  Reply result;
  switch (reply.type) {
    case REDIS_REPLY_STATUS:
      result.type = Reply::Type::status;
      result.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_ERROR:
      result.type = Reply::Type::error;
      result.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_STRING:
      result.type = Reply::Type::text;
      result.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_INTEGER:
      result.type = Reply::Type::integer;
      result.integer = reply.integer;
      break;
    case REDIS_REPLY_ARRAY:
      result.type = Reply::Type::array;
      for (std::size_t i = 0; i < reply.elements; ++i) result.elements.push_back(to_reply(*reply.element[i]));
      break;
    default:
      break;
  }
  return result;
}

}  // namespace

RedisClient::RedisClient(const std::string& socket_path, std::chrono::milliseconds bound) {
  adopt(redisConnectUnixWithTimeout(socket_path.c_str(), to_timeval(bound)), socket_path);
  redisSetTimeout(context_.get(), to_timeval(bound));
}

RedisClient::RedisClient(const std::string& host, int port, std::chrono::milliseconds bound) {
  adopt(redisConnectWithTimeout(host.c_str(), port, to_timeval(bound)), host + ":" + std::to_string(port));
  redisSetTimeout(context_.get(), to_timeval(bound));
}

RedisClient::~RedisClient() = default;
RedisClient::RedisClient(RedisClient&&) noexcept = default;
RedisClient& RedisClient::operator=(RedisClient&&) noexcept = default;

void RedisClient::Disconnect::operator()(redisContext* context) const noexcept { redisFree(context); }

void RedisClient::adopt(redisContext* context, const std::string& peer) {
  if (context == nullptr) throw std::runtime_error("no memory for a Redis connection");
  context_.reset(context);
  if (context->err != 0) throw std::runtime_error("cannot connect to " + peer + ": " + context->errstr);
}

Reply RedisClient::run(const std::vector<std::string_view>& arguments) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (std::string_view argument : arguments) {
    texts.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  redisAppendCommandArgv(context_.get(), static_cast<int>(texts.size()), texts.data(), sizes.data());
  return next_reply();
}

std::vector<Reply> RedisClient::pipeline(const std::vector<std::vector<std::string>>& commands) {
  for (const std::vector<std::string>& command : commands) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& argument : command) {
      texts.push_back(argument.data());
      sizes.push_back(argument.size());
    }
    redisAppendCommandArgv(context_.get(), static_cast<int>(texts.size()), texts.data(), sizes.data());
  }
  std::vector<Reply> replies;
  replies.reserve(commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) replies.push_back(next_reply());
  return replies;
}

Reply RedisClient::next_reply() {
  void* reply = nullptr;
  if (redisGetReply(context_.get(), &reply) != REDIS_OK)
    throw std::runtime_error(std::string("lost the connection to Redis: ") + context_->errstr);
  const std::unique_ptr<void, void (*)(void*)> owned(reply, freeReplyObject);
  return to_reply(*static_cast<redisReply*>(reply));
}

void RedisClient::select(int database) {
  const Reply reply = command("SELECT", std::to_string(database));
  if (reply.is_error()) throw std::runtime_error("SELECT " + std::to_string(database) + ": " + reply.text);
}

namespace {

json parsed_or_text(const std::string& text) {
  json value = json::parse(text, nullptr, false);
  return value.is_discarded() ? json(text) : value;
}

/// From "# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n...".
std::vector<int> databases_with_keys(RedisClient& client) {
  const Reply info = client.command("INFO", "keyspace");
  if (info.is_error()) throw std::runtime_error("INFO keyspace: " + info.text);
  std::vector<int> databases;
  for (std::size_t at = info.text.find("\ndb"); at != std::string::npos; at = info.text.find("\ndb", at + 1))
    databases.push_back(std::atoi(info.text.c_str() + at + 3));
  return databases;
}

std::vector<std::string> all_keys(RedisClient& client) {
  std::vector<std::string> keys;
  std::string cursor = "0";
  do {
    Reply page = client.command("SCAN", cursor, "COUNT", "1000");
    if (page.is_error() || page.elements.size() != 2) throw std::runtime_error("SCAN: " + page.text);
    for (Reply& key : page.elements[1].elements) keys.push_back(std::move(key.text));
    cursor = page.elements[0].text;
  } while (cursor != "0");
  // SCAN may name a key more than once.
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

/// The command that reads a whole key of this type; empty for a type that the dump only names.
std::vector<std::string> read_command(const std::string& type, const std::string& key) {
  if (type == "string") return {"GET", key};
  if (type == "hash") return {"HGETALL", key};
  if (type == "set") return {"SMEMBERS", key};
  if (type == "zset") return {"ZRANGE", key, "0", "-1", "WITHSCORES"};
  if (type == "list") return {"LRANGE", key, "0", "-1"};
  return {"TYPE", key};
}

json to_value(const std::string& type, const Reply& reply) {
  const std::vector<Reply>& elements = reply.elements;
  if (type == "string") return parsed_or_text(reply.text);
  json value = json::array();
  if (type == "hash") {
    value = json::object();
    for (std::size_t i = 0; i + 1 < elements.size(); i += 2)
      value[elements[i].text] = parsed_or_text(elements[i + 1].text);
  } else if (type == "zset") {
    for (std::size_t i = 0; i + 1 < elements.size(); i += 2)
      value.push_back(json::array({elements[i].text, std::strtod(elements[i + 1].text.c_str(), nullptr)}));
  } else {
    for (const Reply& element : elements) value.push_back(element.text);
    if (type == "set") std::sort(value.begin(), value.end());
  }
  return value;
}

/// Adds the keys of one window; a key that is gone by now is left out.
void dump_window(RedisClient& client, const std::vector<std::string>& keys, Lifetimes lifetimes, json& result) {
  std::vector<std::vector<std::string>> commands;
  for (const std::string& key : keys) {
    commands.push_back({"TYPE", key});
    commands.push_back({"PTTL", key});
  }
  const std::vector<Reply> about = client.pipeline(commands);
  commands.clear();
  for (std::size_t i = 0; i < keys.size(); ++i) commands.push_back(read_command(about[2 * i].text, keys[i]));
  const std::vector<Reply> values = client.pipeline(commands);

  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string& type = about[2 * i].text;
    const std::int64_t pttl = about[2 * i + 1].integer;
    if (type == "none" || values[i].is_nil()) continue;
    if (values[i].is_error()) throw std::runtime_error(type + " " + keys[i] + ": " + values[i].text);
    json entry = {{"type", type}, {"value", to_value(type, values[i])}};
    if (lifetimes == Lifetimes::as_flag) entry["expires"] = pttl >= 0;
    if (lifetimes == Lifetimes::in_milliseconds && pttl >= 0) entry["pttl"] = pttl;
    result[keys[i]] = std::move(entry);
  }
}

}  // namespace

json dump(RedisClient& client, const DumpOptions& options) {
  json result = json::object();
  for (int database : options.databases.empty() ? databases_with_keys(client) : options.databases) {
    client.select(database);
    std::vector<std::string> keys = all_keys(client);
    if (database == 9 && !options.own_keys) {
      std::erase_if(keys, [](const std::string& key) { return key.starts_with("sake:"); });
    }
    json entries = json::object();
    for (auto at = keys.begin(); at != keys.end();) {
      const auto left = static_cast<std::size_t>(keys.end() - at);
      const auto end = at + static_cast<std::ptrdiff_t>(std::min(keys_per_window, left));
      dump_window(client, {at, end}, options.lifetimes, entries);
      at = end;
    }
    if (!entries.empty()) result[std::to_string(database)] = std::move(entries);
  }
  client.select(0);
  return result;
}

namespace {

/// Walks two values together. It goes on counting beyond the limit, so that the last line can say how many there are.
class Difference {
 public:
  std::string text() && {
    if (count_ > differences_max) text_ += "and " + std::to_string(count_ - differences_max) + " more\n";
    return std::move(text_);
  }

  void compare(const std::string& path, const json& left, const json& right) {
    if (left == right) return;
    if (left.is_object() && right.is_object()) {
      compare_objects(path, left, right);
    } else if (left.is_array() && right.is_array()) {
      compare_arrays(path, left, right);
    } else {
      add(path + ": " + shown(left) + " != " + shown(right));
    }
  }

 private:
  void compare_objects(const std::string& path, const json& left, const json& right) {
    for (const auto& [key, value] : left.items()) {
      const auto other = right.find(key);
      if (other == right.end()) {
        add(joined(path, key) + ": only left: " + shown(value));
      } else {
        compare(joined(path, key), value, *other);
      }
    }
    for (const auto& [key, value] : right.items()) {
      if (!left.contains(key)) add(joined(path, key) + ": only right: " + shown(value));
    }
  }

  void compare_arrays(const std::string& path, const json& left, const json& right) {
    if (is_sorted_set(left) && is_sorted_set(right)) return compare_sets(path, left, right);
    for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
      const std::string here = path + "[" + std::to_string(i) + "]";
      if (i >= right.size()) {
        add(here + ": only left: " + shown(left[i]));
      } else if (i >= left.size()) {
        add(here + ": only right: " + shown(right[i]));
      } else {
        compare(here, left[i], right[i]);
      }
    }
  }

  /// Sets of ids: one missing element should not make all later ones differ.
  void compare_sets(const std::string& path, const json& left, const json& right) {
    std::vector<json> elements;
    std::set_difference(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(elements));
    for (const json& element : elements) add(path + ": only left: " + shown(element));
    elements.clear();
    std::set_difference(right.begin(), right.end(), left.begin(), left.end(), std::back_inserter(elements));
    for (const json& element : elements) add(path + ": only right: " + shown(element));
  }

  static bool is_sorted_set(const json& value) {
    return std::all_of(value.begin(), value.end(), [](const json& element) { return element.is_string(); }) &&
           std::is_sorted(value.begin(), value.end()) && std::adjacent_find(value.begin(), value.end()) == value.end();
  }

  static std::string joined(const std::string& path, const std::string& key) {
    return path.empty() ? key : path + " / " + key;
  }

  static std::string shown(const json& value) {
    std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
    if (text.size() > shown_value_bytes_max) {
      std::size_t end = shown_value_bytes_max;
      while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // Not inside a character.
      text = text.substr(0, end) + "... (" + std::to_string(text.size()) + " bytes)";
    }
    return text;
  }

  void add(const std::string& line) {
    if (++count_ <= differences_max) text_ += line + "\n";
  }

  std::string text_;
  std::size_t count_ = 0;
};

}  // namespace

std::string diff(const json& left, const json& right) {
  Difference difference;
  difference.compare("", left, right);
  return std::move(difference).text();
}

}  // namespace sake::test
