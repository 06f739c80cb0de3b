#include "support/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "support/failure.h"
#include "support/redis_client.h"

namespace sake::test {

namespace {

using namespace std::chrono_literals;

/// Between two looks at a server that is starting or stopping.
constexpr auto poll_interval = 1ms;

/// Somebody else may take the port before the server binds it; the constructor tries again then.
constexpr int port_attempts_max = 5;

int free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool found = descriptor >= 0 &&
                     bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
                     getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  if (!found) throw std::system_error(error, std::generic_category(), "looking for a free port");
  return ntohs(address.sin_port);
}

/// Runs in the child between fork and exec, so it may only call what is safe in a signal handler.
[[noreturn]] void become_server(char* const* arguments, const char* log_path, pid_t parent) {
  // The server dies with the thread that started it. The parent may have died before this line.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  const int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int null = open("/dev/null", O_RDONLY);
  if (log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) _exit(126);
  // The test program ignores SIGPIPE, and dispositions are inherited.
  signal(SIGPIPE, SIG_DFL);
  execvp(arguments[0], arguments);
  _exit(127);
}

}  // namespace

RedisServer::RedisServer(RedisServerOptions options) : options_(std::move(options)) {
  for (int attempt = 1;; ++attempt) {
    if (options_.tcp) port_ = free_port();
    if (options_.tls) tls_port_ = free_port();
    try {
      start();
      return;
    } catch (const std::runtime_error&) {
      const bool port_taken = log().find("Address already in use") != std::string::npos;
      if (pid_ != 0) kill();
      if (!(options_.tcp || options_.tls) || !port_taken || attempt == port_attempts_max) throw;
    }
  }
}

RedisServer::~RedisServer() {
  if (test_failed) std::fprintf(stderr, "--- log of the server at %s\n%s---\n", address().c_str(), log().c_str());
  if (pid_ != 0) kill();
}

std::string RedisServer::address() const { return "unix://" + socket_path(); }

std::string RedisServer::tcp_address() const { return "redis://127.0.0.1:" + std::to_string(port_); }

std::string RedisServer::tls_address(const std::string& host) const {
  return "rediss://" + host + ":" + std::to_string(tls_port_);
}

void RedisServer::start() {
  if (pid_ != 0) throw std::logic_error("the redis-server is already running");
  write_configuration();
  launch();
  wait_until_ready();
}

void RedisServer::restart() {
  if (pid_ != 0) kill();
  start();
}

void RedisServer::kill() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  reap();
}

void RedisServer::stop() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGTERM);
  ::kill(pid_, SIGCONT);  // A paused server would not see the first signal.
  const auto deadline = std::chrono::steady_clock::now() + options_.start_bound;
  while (!has_exited()) {
    if (std::chrono::steady_clock::now() > deadline) {
      kill();
      throw std::runtime_error("redis-server did not stop\n" + log());
    }
    std::this_thread::sleep_for(poll_interval);
  }
}

void RedisServer::pause() {
  if (pid_ == 0) throw std::logic_error("no redis-server to pause");
  ::kill(pid_, SIGSTOP);
  // The signal is delivered in its own time; only a stopped process answers nothing.
  int status = 0;
  while (waitpid(pid_, &status, WUNTRACED) < 0 && errno == EINTR) {
  }
  if (!WIFSTOPPED(status)) {
    pid_ = 0;
    throw std::runtime_error("redis-server has ended\n" + log());
  }
}

void RedisServer::resume() {
  if (pid_ != 0) ::kill(pid_, SIGCONT);
}

std::string RedisServer::log() const {
  std::ifstream file(directory_.file("redis.log"));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void RedisServer::write_configuration() const {
  std::ofstream file(directory_.file("redis.conf"));
  file << "port " << port_ << "\nbind 127.0.0.1\n"
       << "unixsocket " << socket_path() << "\nunixsocketperm 700\n"
       << "dir " << directory_.path() << "\n"
       << "save \"\"\nappendonly no\ndaemonize no\nlogfile \"\"\n"
       << "databases " << options_.databases << "\n";
  if (tls_port_ != 0) file << "tls-port " << tls_port_ << "\n";
  if (!options_.password.empty()) file << "requirepass " << options_.password << "\n";
  for (const std::string& line : options_.configuration) file << line << "\n";
  if (!file.flush()) throw std::runtime_error("cannot write " + directory_.file("redis.conf"));
}

void RedisServer::launch() {
  std::vector<std::string> words = {"redis-server", directory_.file("redis.conf")};
  words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string log_path = directory_.file("redis.log");

  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) become_server(arguments.data(), log_path.c_str(), parent);
  pid_ = child;
}

/// A server that still loads its data is not ready. It says so only to a user who may ask, hence the password; where
/// the configuration shuts the default user out, being refused has to do.
bool RedisServer::answers() const {
  if (access(socket_path().c_str(), F_OK) != 0) return false;
  try {
    RedisClient client(socket_path(), options_.start_bound);
    if (!options_.password.empty()) client.command("AUTH", options_.password);
    const Reply reply = client.command("PING");
    return !reply.is_error() || reply.text.starts_with("NOAUTH");
  } catch (const std::runtime_error&) {
    return false;
  }
}

void RedisServer::wait_until_ready() {
  const auto deadline = std::chrono::steady_clock::now() + options_.start_bound;
  while (!answers()) {
    if (has_exited()) throw std::runtime_error("redis-server ended while starting\n" + log());
    if (std::chrono::steady_clock::now() > deadline) {
      kill();
      throw std::runtime_error("redis-server did not answer in time\n" + log());
    }
    std::this_thread::sleep_for(poll_interval);
  }
}

bool RedisServer::has_exited() {
  if (waitpid(pid_, nullptr, WNOHANG) != pid_) return false;
  pid_ = 0;
  return true;
}

void RedisServer::reap() {
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

}  // namespace sake::test
