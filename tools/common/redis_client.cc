#include "redis_client.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace sake::tools {
namespace {

using Type = RedisReply::Type;

/// No answer that was asked for is larger; a server that says so is none.
constexpr std::int64_t size_max = std::int64_t{1} << 30;
constexpr int depth_max = 8;

/// `%40` becomes '@'.
std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned char byte = 0;
    if (text[at] == '%' && at + 2 < text.size() &&
        std::from_chars(text.data() + at + 1, text.data() + at + 3, byte, 16).ptr == text.data() + at + 3) {
      result += static_cast<char>(byte);
      at += 2;
    } else {
      result += text[at];
    }
  }
  return result;
}

struct Place {
  std::string user;
  std::string password;
  std::string path;  ///< Of a Unix socket; else host and port.
  std::string host;
  std::string port = "6379";
};

Place parse(std::string_view address) {
  Place place;
  const bool is_unix = address.starts_with("unix://");
  if (!is_unix && !address.starts_with("redis://"))
    throw RedisFailure(without_password(address) + " is no address that begins with redis:// or unix://");
  address.remove_prefix(is_unix ? 7 : 8);
  const std::size_t path = std::min(address.find('/'), address.size());
  std::string_view authority = address.substr(0, path);
  if (const std::size_t at = authority.rfind('@'); at != authority.npos) {
    const std::string_view user = authority.substr(0, at);
    const std::size_t colon = std::min(user.find(':'), user.size());
    place.user = decoded(user.substr(0, colon));
    if (colon != user.size()) place.password = decoded(user.substr(colon + 1));
    authority.remove_prefix(at + 1);
  }
  if (is_unix) {
    place.path = decoded(address.substr(path));
    return place;
  }
  const std::size_t bracket = authority.starts_with('[') ? std::min(authority.find(']'), authority.size()) : 0;
  const std::size_t colon = authority.find(':', bracket);
  place.host = decoded(bracket != 0 ? authority.substr(1, bracket - 1) : authority.substr(0, colon));
  if (colon != authority.npos) place.port = authority.substr(colon + 1);
  return place;
}

void append(std::string& request, const RedisCommand& command) {
  request.append("*").append(std::to_string(command.size())).append("\r\n");
  for (const std::string& word : command)
    request.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
}

}  // namespace

RedisClient::RedisClient(std::string_view address, std::string_view password, std::chrono::milliseconds patience)
    : shown_(without_password(address)), patience_(patience) {
  const Place place = parse(address);
  if (place.path.empty()) {
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int code = getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &found); code != 0)
      fail(gai_strerror(code));
    for (const addrinfo* each = found; each != nullptr && socket_ < 0; each = each->ai_next)
      connect_to(each->ai_family, each->ai_addr, each->ai_addrlen);
    freeaddrinfo(found);
  } else {
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    if (place.path.size() >= sizeof(name.sun_path)) fail("the path of the socket is too long");
    std::memcpy(name.sun_path, place.path.data(), place.path.size());
    connect_to(AF_UNIX, &name, sizeof(name));
  }
  if (socket_ < 0) fail(std::strerror(errno));
  const std::string secret = place.password.empty() ? std::string(password) : place.password;
  if (secret.empty()) return;
  const RedisReply reply =
      place.user.empty() ? ask(RedisCommand{"AUTH", secret}) : ask(RedisCommand{"AUTH", place.user, secret});
  if (reply.is_error()) fail(reply.text);
}

RedisClient::~RedisClient() {
  if (socket_ >= 0) close(socket_);
}

void RedisClient::connect_to(int family, const void* name, unsigned size) {
  socket_ = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return;
  const auto count = patience_.count();
  const timeval limit{static_cast<time_t>(count / 1000), static_cast<suseconds_t>(count % 1000 * 1000)};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (connect(socket_, static_cast<const sockaddr*>(name), size) == 0) return;
  const int error = errno;
  close(std::exchange(socket_, -1));
  errno = error;
}

std::vector<RedisReply> RedisClient::ask(const std::vector<RedisCommand>& commands) {
  std::string request;
  for (const RedisCommand& command : commands) append(request, command);
  send_all(request);
  std::vector<RedisReply> replies;
  replies.reserve(commands.size());
  for (std::size_t n = 0; n != commands.size(); ++n) replies.push_back(receive_reply(0));
  return replies;
}

RedisReply RedisClient::ask(const RedisCommand& command) {
  return std::move(ask(std::vector<RedisCommand>(1, command)).front());
}

std::vector<RedisReply> RedisClient::ask(int database, const std::vector<RedisCommand>& commands) {
  if (commands.empty()) return {};
  select(database);
  return ask(commands);
}

RedisReply RedisClient::ask(int database, const RedisCommand& command) {
  select(database);
  return ask(command);
}

void RedisClient::select(int database) {
  if (database == database_) return;
  const RedisReply reply = ask(RedisCommand{"SELECT", std::to_string(database)});
  if (reply.is_error()) fail("database " + std::to_string(database) + ": " + reply.text);
  database_ = database;
}

void RedisClient::send_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) fail(std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

RedisReply RedisClient::receive_reply(int depth) {
  if (depth > depth_max) fail("it sent what is no answer of Redis");
  const std::string head(receive_line());
  RedisReply reply;
  if (head.empty()) fail("it sent what is no answer of Redis");
  if (head.front() == '+' || head.front() == '-') {
    reply.type = head.front() == '+' ? Type::status : Type::error;
    reply.text = head.substr(1);
    return reply;
  }
  const char* const end = head.data() + head.size();
  if (const auto parsed = std::from_chars(head.data() + 1, end, reply.integer);
      parsed.ec != std::errc() || parsed.ptr != end)
    fail("it sent what is no answer of Redis");
  const std::int64_t size = reply.integer;
  if (head.front() == ':') {
    reply.type = Type::integer;
  } else if ((head.front() != '$' && head.front() != '*') || size > size_max) {
    fail("it sent what is no answer of Redis");
  } else if (size < 0) {
    reply.type = Type::nil;
  } else if (head.front() == '$') {
    const auto bytes = static_cast<std::size_t>(size);
    while (received_.size() - at_ < bytes + 2) receive();
    reply.type = Type::bulk;
    reply.text = received_.substr(at_, bytes);
    at_ += bytes + 2;
  } else {
    reply.type = Type::array;
    for (std::int64_t n = 0; n != size; ++n) reply.elements.push_back(receive_reply(depth + 1));
  }
  return reply;
}

std::string_view RedisClient::receive_line() {
  std::size_t end;
  for (std::size_t from = 0; (end = received_.find("\r\n", at_ + from)) == received_.npos;) {
    from = received_.size() - at_;
    if (from != 0) --from;
    receive();
  }
  const std::string_view line = std::string_view(received_).substr(at_, end - at_);
  at_ = end + 2;
  return line;
}

/// More of what the server sends; moves what is not consumed to the front.
void RedisClient::receive() {
  received_.erase(0, std::exchange(at_, 0));
  std::array<char, 65536> chunk;
  ssize_t size;
  do {
    size = recv(socket_, chunk.data(), chunk.size(), 0);
  } while (size < 0 && errno == EINTR);
  if (size == 0) fail("the connection was closed");
  if (size < 0) fail(errno == EAGAIN ? "no answer in time" : std::strerror(errno));
  received_.append(chunk.data(), static_cast<std::size_t>(size));
}

void RedisClient::fail(const std::string& why) { throw RedisFailure(shown_ + ": " + why); }

std::string without_password(std::string_view address) {
  std::string shown;
  for (;;) {
    const std::size_t scheme = address.find("://");
    if (scheme == address.npos) return shown.append(address);
    const std::string_view place = address.substr(scheme + 3);
    // A path holds no user, and before one everything up to the last '@' may belong to a password.
    const std::size_t end = std::min(place.find_first_of(" \t\n"), place.size());
    const std::size_t at = place.starts_with('/') ? place.npos : place.substr(0, end).rfind('@');
    shown.append(address.substr(0, scheme + 3));
    address = at == place.npos ? place : place.substr(at + 1);
  }
}

}  // namespace sake::tools
