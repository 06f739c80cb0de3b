#include "private_server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include "redis_question.h"

namespace sake::replay {
namespace {

constexpr std::chrono::seconds start_timeout(10);

Error no_server(std::string text) { return Error{Errc::backend_error, Cause::connect, false, std::move(text)}; }

/// Runs in the child: only what is safe between fork and exec.
[[noreturn]] void become_server(const std::array<const char*, 21>& arguments, PrivateServer::Life life, pid_t parent,
                                int report) {
  setsid();  // Ctrl-C in the terminal is meant for us, who let the server finish first.
  if (life == PrivateServer::Life::until_we_end) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
  }
  const int null = open("/dev/null", O_RDWR);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, standard);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const char* program : {"redis-server", "valkey-server"})
    execvp(program, const_cast<char* const*>(arguments.data()));
  const int why = errno;
  [[maybe_unused]] const ssize_t written = write(report, &why, sizeof(why));
  _exit(1);
}

}  // namespace

Result<PrivateServer> PrivateServer::start(Life life) {
  const char* base = std::getenv("TMPDIR");
  std::string directory = std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/sake-replay-XXXXXX";
  if (directory.size() + sizeof("/redis.sock") > sizeof(sockaddr_un::sun_path))
    return no_server("the name of the directory " + directory +
                     " is too long for a socket: set TMPDIR to a shorter one");
  if (mkdtemp(directory.data()) == nullptr)
    return no_server("cannot make a directory for the private redis-server in " + directory + ": " +
                     std::strerror(errno) + "; set TMPDIR to another one");
  PrivateServer server(life, std::move(directory));
  Status status = server.spawn();
  if (status) status = server.wait_until_ready();
  if (!status) {
    server.do_not_keep();
    return status.error();
  }
  return server;
}

Status PrivateServer::spawn() {
  const std::string socket = socket_path();
  const std::string log = directory_ + "/redis.log";
  const std::array<const char*, 21> arguments{"redis-server",
                                              "--save",
                                              "",
                                              "--appendonly",
                                              "no",
                                              "--port",
                                              "0",
                                              "--unixsocket",
                                              socket.c_str(),
                                              "--unixsocketperm",
                                              "700",
                                              "--databases",
                                              "32",
                                              "--dir",
                                              directory_.c_str(),
                                              "--logfile",
                                              log.c_str(),
                                              "--daemonize",
                                              "no",
                                              nullptr};
  std::array<int, 2> report;
  if (pipe2(report.data(), O_CLOEXEC) != 0)
    return no_server(std::string("cannot make a pipe: ") + std::strerror(errno));
  const pid_t parent = getpid();
  process_ = fork();
  if (process_ == 0) become_server(arguments, life_, parent, report[1]);
  ::close(report[1]);
  int why = process_ < 0 ? errno : 0;
  // The pipe ends without a word when the program runs.
  if (process_ > 0 && read(report[0], &why, sizeof(why)) > 0) waitpid(process_, nullptr, 0);
  ::close(report[0]);
  if (why == 0) return {};
  process_ = 0;
  if (why == ENOENT)
    return no_server(
        "there is no redis-server here to start: install it (Debian and Ubuntu: apt install redis-server), or name a "
        "running one with --address");
  return no_server(std::string("cannot start redis-server: ") + std::strerror(why) +
                   "; name a running one with --address");
}

Status PrivateServer::wait_until_ready() {
  const RedisQuestion question(address(), "");
  const auto deadline = std::chrono::steady_clock::now() + start_timeout;
  for (;;) {
    if (question.is_ready()) return {};
    if (const std::string cause = cause_of_death(); !cause.empty())
      return no_server("the private redis-server " + cause);
    if (std::chrono::steady_clock::now() > deadline)
      return no_server("the private redis-server does not answer" + last_words());
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

std::string PrivateServer::cause_of_death() {
  int status = 0;
  if (process_ == 0 || waitpid(process_, &status, WNOHANG) != process_) return {};
  process_ = 0;
  const std::string how = WIFSIGNALED(status) ? std::string("was ended by signal ") + std::to_string(WTERMSIG(status))
                                              : "ended with code " + std::to_string(WEXITSTATUS(status));
  return how + last_words();
}

std::string PrivateServer::last_words() const {
  std::ifstream log(directory_ + "/redis.log");
  std::string line;
  std::string last;
  while (std::getline(log, line))
    if (!line.empty()) last = line;
  return last.empty() ? "" : "; it said last: " + last;
}

PrivateServer::PrivateServer(PrivateServer&& other) noexcept
    : life_(other.life_), directory_(std::exchange(other.directory_, {})), process_(std::exchange(other.process_, 0)) {}

PrivateServer::~PrivateServer() { stop(); }

void PrivateServer::stop() noexcept {
  if (directory_.empty() || (life_ == Life::kept && process_ != 0)) return;
  if (process_ != 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
  directory_.clear();
}

}  // namespace sake::replay
