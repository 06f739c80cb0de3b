#pragma once

// RedisClient: commands to one Redis server over a blocking connection of its own, for programs that wait for answers
// and do nothing else. No TLS.

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sake::tools {

/// The server cannot be reached, refuses us, or sent what is no answer.
class RedisFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct RedisReply {
  enum class Type { nil, status, error, integer, bulk, array };
  Type type = Type::nil;
  std::int64_t integer = 0;
  std::string text;
  std::vector<RedisReply> elements;

  bool is_error() const { return type == Type::error; }
  bool is_text() const { return type == Type::bulk || type == Type::status; }
};

using RedisCommand = std::vector<std::string>;

class RedisClient {
 public:
  /// An address as in Options::address, and the password if the address holds none. `patience`: how long an answer may
  /// take. Throws RedisFailure, as all calls do; after that the client is of no use any more.
  RedisClient(std::string_view address, std::string_view password, std::chrono::milliseconds patience);
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

  /// The answers to commands that are sent together.
  std::vector<RedisReply> ask(const std::vector<RedisCommand>& commands);
  RedisReply ask(const RedisCommand& command);

  /// The same in a database, which is selected where it is not already.
  std::vector<RedisReply> ask(int database, const std::vector<RedisCommand>& commands);
  RedisReply ask(int database, const RedisCommand& command);

 private:
  void connect_to(int family, const void* name, unsigned size);
  void select(int database);
  void send_all(std::string_view bytes);
  RedisReply receive_reply(int depth);
  std::string_view receive_line();
  void receive();
  [[noreturn]] void fail(const std::string& why);

  std::string shown_;  ///< The address without its password.
  std::chrono::milliseconds patience_;
  int socket_ = -1;
  int database_ = 0;
  std::string received_;
  std::size_t at_ = 0;  ///< What stands before it is consumed.
};

/// An address that may be shown: without its user and password. Other text is given back as it is.
std::string without_password(std::string_view address);

}  // namespace sake::tools
