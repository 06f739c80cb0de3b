#pragma once

// A blocking Redis client for tests, over hiredis's own connection code and so independent of the library under test;
// and whole keyspaces as JSON values, to compare and to print.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

struct redisContext;

namespace sake::test {

/// One reply, owned. An error of the server is a reply too; a lost connection is an exception.
struct Reply {
  enum class Type { nil, status, error, text, integer, array };

  Type type = Type::nil;
  std::string text;  ///< Of a status, an error or a text.
  std::int64_t integer = 0;
  std::vector<Reply> elements;

  bool is_error() const { return type == Type::error; }
  bool is_nil() const { return type == Type::nil; }
};

class RedisClient {
 public:
  /// Both throw std::runtime_error when nobody answers within the bound, which also limits every later wait.
  explicit RedisClient(const std::string& socket_path, std::chrono::milliseconds bound = std::chrono::seconds(30));
  RedisClient(const std::string& host, int port, std::chrono::milliseconds bound = std::chrono::seconds(30));
  ~RedisClient();
  RedisClient(RedisClient&&) noexcept;
  RedisClient& operator=(RedisClient&&) noexcept;

  /// client.command("SET", "key", "value"). Throws std::runtime_error when the connection is lost.
  template <class... Arguments>
  Reply command(const Arguments&... arguments) {
    return run({std::string_view(arguments)...});
  }
  Reply run(const std::vector<std::string_view>& arguments);

  /// All commands in one write, then all replies: for many small commands.
  std::vector<Reply> pipeline(const std::vector<std::vector<std::string>>& commands);

  /// SELECT; throws when it is refused.
  void select(int database);

 private:
  struct Disconnect {
    void operator()(redisContext* context) const noexcept;
  };

  void adopt(redisContext* context, const std::string& peer);
  Reply next_reply();

  std::unique_ptr<redisContext, Disconnect> context_;
};

/// How a dump shows the lifetime of a key: not at all, as "expires": true or false, or as "pttl": milliseconds where
/// there is one. Milliseconds differ between two dumps of one state.
enum class Lifetimes { left_out, as_flag, in_milliseconds };

struct DumpOptions {
  std::vector<int> databases = {};  ///< Empty: every database that holds a key.
  Lifetimes lifetimes = Lifetimes::as_flag;
  bool own_keys = false;  ///< The bookkeeping keys `sake:*` in database 9.
};

/// {"<database>": {"<key>": {"type": ..., "value": ..., lifetime}}}. A string is its JSON where it parses, else its
/// text; a hash an object of such values; a set a sorted array; a sorted set an array of [member, score]. Databases
/// without a key are left out. Uses SCAN, so it is a snapshot only while nobody writes. The client is left in database
/// 0.
nlohmann::json dump(RedisClient& client, const DumpOptions& options = {});

/// One line per difference, at most 50 of them, with the path to it; empty for equal values.
std::string diff(const nlohmann::json& left, const nlohmann::json& right);

}  // namespace sake::test
