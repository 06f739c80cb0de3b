// sake-replay: options in, exit code out. What it does lies in session.h, how it is used in docs/replay.md.

#include <signal.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <uv.h>

#include "arguments.h"
#include "common/redis_client.h"
#include "incidents.h"
#include "log_reader.h"
#include "private_server.h"
#include "progress.h"
#include "redis_question.h"
#include "report.h"
#include "session.h"

namespace {

using namespace sake::replay;

constexpr int exit_done = 0;
constexpr int exit_incidents = 1;
constexpr int exit_unable = 2;
constexpr int exit_signal_base = 128;

int unable(const std::string& why) {
  std::fprintf(stderr, "sake-replay: %s\n", why.c_str());
  return exit_unable;
}

/// A file to write to: none, standard output or a new one.
class Output {
 public:
  Output() = default;
  ~Output() { close(); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  bool open(const std::optional<std::string>& name) {
    if (!name) return true;
    name_ = *name;
    file_ = name_ == "-" ? stdout : std::fopen(name_.c_str(), "we");
    return file_ != nullptr;
  }
  std::FILE* file() const { return file_; }

  /// False when something of it could not be written.
  bool close() {
    if (file_ == nullptr) return true;
    std::FILE* file = std::exchange(file_, nullptr);
    errno = EIO;  // Of a write that failed long ago nothing else is known.
    const bool is_written = std::fflush(file) == 0 && std::ferror(file) == 0;
    return (file == stdout || std::fclose(file) == 0) && is_written;
  }
  std::string complaint() const { return "cannot write " + name_ + ": " + std::strerror(errno); }

 private:
  std::string name_;
  std::FILE* file_ = nullptr;
};

/// The highest resident size of this process so far. That of getrusage() would include the program that started us.
std::uint64_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kibibytes = 0;
    if (word == "VmHWM:" && status >> kibibytes) return kibibytes << 10;
  }
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) << 10;
}

/// What there is to read; a log of unknown size makes the whole unknown.
sake::Result<Progress::Goal> goal_of(const Plan& plan) {
  Progress::Goal goal{.bytes = 0, .frames = plan.limit};
  for (const std::string& log : plan.logs) {
    const auto size = stored_size(log);
    if (!size) return size.error();
    if (!*size) goal.bytes.reset();
    if (goal.bytes) *goal.bytes += **size;
  }
  return goal;
}

/// What to do about a cache that could not be opened.
std::string advice(const sake::Error& error, const std::string& address) {
  switch (error.cause) {
    case sake::Cause::connect:
    case sake::Cause::timed_out:
      return "\nsake-replay: is a server running at " + address + "? --address names another one";
    case sake::Cause::tls:
      return "\nsake-replay: --tls-ca-file names whom to trust; see \"TLS\" in sake-replay --help";
    case sake::Cause::auth:
      return "\nsake-replay: the user and the password belong into --address, the password alone into REDISCLI_AUTH";
    default:
      return "";
  }
}

int exit_code(const Session::Result& result, const Incidents& incidents) {
  if (result.signal) return exit_signal_base + *result.signal;
  if (!result.server_lost.empty()) return exit_unable;
  return incidents.count() != 0 ? exit_incidents : exit_done;
}

std::string_view outcome(const Session::Result& result, const Plan& plan) {
  if (result.signal) return "interrupted";
  if (!result.server_lost.empty()) return "server lost";
  return result.frames == plan.limit ? "limited" : "complete";
}

void explain(const Session::Result& result, const Incidents& incidents, const Arguments& arguments) {
  if (!result.server_lost.empty()) unable("the private redis-server " + result.server_lost);
  if (arguments.plan.pace.speed && !result.has_times && result.frames != 0)
    unable("no line of the logs has a \"ts\", so --speed changed nothing; --rate sets a pace without it");
  if (incidents.count() == 0) return;
  std::string text = "sake-replay: rejected or failed: " + std::to_string(incidents.count());
  if (!arguments.errors_file) {
    text += "; --errors FILE lists all, the first are:";
    for (const std::string& first : incidents.first()) text += "\n  " + first;
  }
  std::fprintf(stderr, "%s\n", text.c_str());
}

int replay(uv_loop_t* loop, Arguments arguments) {
  const auto goal = goal_of(arguments.plan);
  if (!goal) return unable(goal.error().text);
  Output stats;
  Output errors;
  if (!errors.open(arguments.errors_file)) return unable(errors.complaint());
  if (!stats.open(arguments.stats_file)) return unable(stats.complaint());
  std::FILE* readable = stats.file() == stdout || errors.file() == stdout ? stderr : stdout;

  Incidents incidents(errors.file());
  Progress progress(arguments.is_quiet);
  Session session(loop, incidents, progress);

  std::optional<PrivateServer> server;
  if (!arguments.has_address) {
    const auto life = arguments.keeps_server ? PrivateServer::Life::kept : PrivateServer::Life::until_we_end;
    auto started = PrivateServer::start(life);
    if (!started) return unable(started.error().text);
    server.emplace(std::move(started.value()));
    arguments.options.address = server->address();
  }
  const std::string address = sake::tools::without_password(arguments.options.address);
  const RedisQuestion redis(arguments.options.address, arguments.options.password);
  const auto redis_cpu_before = redis.cpu();

  const Session::Result result =
      session.run(std::move(arguments.options), arguments.plan, *goal, server ? &*server : nullptr);
  if (result.not_opened) {
    if (server) server->do_not_keep();
    return unable(describe(*result.not_opened) + advice(*result.not_opened, address));
  }

  const auto redis_cpu_after = redis.cpu();
  Report report{.outcome = outcome(result, arguments.plan),
                .exit_code = exit_code(result, incidents),
                .address = address,
                .logs = arguments.plan.logs.size(),
                .frames = result.frames,
                .unreadable = incidents.unreadable(),
                .bytes_read = result.bytes_read,
                .text_bytes = result.text_bytes,
                .wall_seconds = result.wall_seconds,
                .engine_cpu_seconds = result.cpu_seconds,
                .peak_resident_bytes = peak_resident_bytes(),
                .stats = result.stats};
  if (redis_cpu_before && redis_cpu_after && redis_cpu_before->run_id == redis_cpu_after->run_id)
    report.redis_cpu_seconds = redis_cpu_after->seconds - redis_cpu_before->seconds;

  print_table(readable, report);
  explain(result, incidents, arguments);
  if (stats.file() != nullptr) std::fputs(to_json(report).c_str(), stats.file());
  if (arguments.keeps_server && result.server_lost.empty())
    std::fprintf(readable, "\nredis-server goes on at %s; to stop it:\n  redis-cli -s %s shutdown nosave; rm -r %s\n",
                 address.c_str(), server->socket_path().c_str(), server->directory().c_str());
  if (!errors.close()) return unable(errors.complaint());
  if (!stats.close()) return unable(stats.complaint());
  return report.exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  auto arguments = parse_arguments(argc, argv);
  if (const int* code = std::get_if<int>(&arguments)) return *code;
  uv_loop_t loop;
  uv_loop_init(&loop);
  const int code = replay(&loop, std::move(std::get<Arguments>(arguments)));
  uv_run(&loop, UV_RUN_DEFAULT);  // Until the handles that were dropped last are closed.
  uv_loop_close(&loop);
  return code;
}
