#include "blaster.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace sake::bench {
namespace {

constexpr std::size_t write_bytes = 64u << 10;
constexpr std::size_t read_bytes = 64u << 10;

int connect_to(const std::string& path) {
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  if (descriptor < 0 || connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    throw std::runtime_error("cannot connect to " + path);
  return descriptor;
}

bool is_for_later() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

Blaster::Blaster(const std::string& socket_path, const Recording& recording) : buffer_(read_bytes, '\0') {
  for (const Recording::Stream& stream : recording.streams) {
    connections_.push_back({connect_to(socket_path), &stream, {}, 0, {}});
    std::vector<std::size_t>& commands = commands_.emplace_back();
    for (std::size_t phase = 0; phase < stream.ends.size(); ++phase)
      commands.push_back(test::ValueScanner().pass(stream.phase(phase), SIZE_MAX).values);
  }
}

Blaster::~Blaster() {
  for (const Connection& connection : connections_) close(connection.descriptor);
}

void Blaster::send_phase() {
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    connections_[i].unsent = connections_[i].stream->phase(phase_);
    connections_[i].unanswered = commands_[i][phase_];
  }
  ++phase_;
  std::vector<pollfd> polled(connections_.size());
  for (;;) {
    bool is_done = true;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      const Connection& connection = connections_[i];
      const bool has_unsent = !connection.unsent.empty();
      const int wanted = (has_unsent ? POLLOUT : 0) | (connection.unanswered != 0 ? POLLIN : 0);
      polled[i] = {wanted == 0 ? -1 : connection.descriptor, static_cast<short>(wanted), 0};
      is_done = is_done && wanted == 0;
    }
    if (is_done) return;
    poll(polled.data(), polled.size(), -1);
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      if ((polled[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_some(connections_[i]);
      if ((polled[i].revents & POLLOUT) != 0) write_some(connections_[i]);
    }
  }
}

void Blaster::write_some(Connection& connection) {
  const std::size_t size = std::min(connection.unsent.size(), write_bytes);
  const ssize_t sent = send(connection.descriptor, connection.unsent.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) {
    connection.unsent.remove_prefix(static_cast<std::size_t>(sent));
  } else if (!is_for_later()) {
    throw std::runtime_error("the server has ended a connection");
  }
}

void Blaster::read_some(Connection& connection) {
  const ssize_t size = recv(connection.descriptor, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (size < 0 && is_for_later()) return;
  if (size <= 0) throw std::runtime_error("the server has ended a connection");
  const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(size));
  connection.unanswered -= connection.replies.pass(bytes, connection.unanswered).values;
}

}  // namespace sake::bench
