#include "redis_question.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <utility>

namespace sake::replay {
namespace {

constexpr timeval patience{2, 0};

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

std::optional<Place> parse(std::string_view address) {
  Place place;
  const bool is_unix = address.starts_with("unix://");
  if (!is_unix && !address.starts_with("redis://")) return std::nullopt;
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

class Connection {
 public:
  explicit Connection(const Place& place) {
    if (place.path.empty()) {
      addrinfo hints = {};
      hints.ai_socktype = SOCK_STREAM;
      addrinfo* found = nullptr;
      if (getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &found) != 0) return;
      for (const addrinfo* each = found; each != nullptr && !is_open(); each = each->ai_next)
        connect_to(each->ai_family, each->ai_addr, each->ai_addrlen);
      freeaddrinfo(found);
    } else {
      sockaddr_un name = {};
      name.sun_family = AF_UNIX;
      if (place.path.size() >= sizeof(name.sun_path)) return;
      std::memcpy(name.sun_path, place.path.data(), place.path.size());
      connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&name), sizeof(name));
    }
  }
  ~Connection() { drop(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool is_open() const { return socket_ >= 0; }

  /// The answer to one command, if it is a simple or a bulk string.
  std::optional<std::string> ask(std::initializer_list<std::string_view> command) {
    std::string request = "*" + std::to_string(command.size()) + "\r\n";
    for (const std::string_view word : command)
      request.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
    for (std::string_view rest = request; !rest.empty();) {
      const ssize_t sent = send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) return std::nullopt;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    auto head = receive_line();
    if (!head || head->empty()) return std::nullopt;
    if (head->front() == '+') return head->substr(1);
    std::size_t size = 0;
    if (head->front() != '$' ||
        std::from_chars(head->data() + 1, head->data() + head->size(), size).ec != std::errc() ||
        size > answer_bytes_max)
      return std::nullopt;
    while (received_.size() < size + 2)
      if (!receive()) return std::nullopt;
    std::string body = received_.substr(0, size);
    received_.erase(0, size + 2);
    return body;
  }

 private:
  static constexpr std::size_t answer_bytes_max = 1u << 20;

  void connect_to(int family, const sockaddr* name, socklen_t size) {
    socket_ = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!is_open()) return;
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(socket_, name, size) != 0) drop();
  }

  void drop() {
    if (is_open()) ::close(std::exchange(socket_, -1));
  }

  bool receive() {
    std::array<char, 4096> chunk;
    const ssize_t size = recv(socket_, chunk.data(), chunk.size(), 0);
    if (size <= 0 || received_.size() > answer_bytes_max) return false;
    received_.append(chunk.data(), static_cast<std::size_t>(size));
    return true;
  }

  std::optional<std::string> receive_line() {
    std::size_t end;
    while ((end = received_.find("\r\n")) == received_.npos)
      if (!receive()) return std::nullopt;
    std::string line = received_.substr(0, end);
    received_.erase(0, end + 2);
    return line;
  }

  int socket_ = -1;
  std::string received_;
};

/// What stands behind `name:` in an answer to INFO.
std::string field(std::string_view info, std::string_view name) {
  const std::size_t at = info.find(name);
  if (at == info.npos) return {};
  info.remove_prefix(at + name.size());
  return std::string(info.substr(0, info.find_first_of("\r\n")));
}

double seconds(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

}  // namespace

std::optional<std::string> RedisQuestion::ask(std::initializer_list<std::string_view> command) const {
  auto place = parse(address_);
  if (!place) return std::nullopt;
  if (place->password.empty()) place->password = password_;
  Connection connection(*place);
  if (!connection.is_open()) return std::nullopt;
  if (!place->password.empty()) {
    const auto answer = place->user.empty() ? connection.ask({"AUTH", place->password})
                                            : connection.ask({"AUTH", place->user, place->password});
    if (!answer) return std::nullopt;
  }
  return connection.ask(command);
}

std::optional<RedisQuestion::Cpu> RedisQuestion::cpu() const {
  const auto info = ask({"INFO"});
  if (!info || info->find("used_cpu_user:") == info->npos) return std::nullopt;
  return Cpu{field(*info, "run_id:"), seconds(field(*info, "used_cpu_sys:")) + seconds(field(*info, "used_cpu_user:"))};
}

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

}  // namespace sake::replay
