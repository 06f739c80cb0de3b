// How much memory sake-replay takes for logs of 64 MB to 1 GB, which come through a pipe as they are made.

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>

#include "scale.h"
#include "support/gateway_log.h"
#include "support/temp_directory.h"

namespace sake::bench {
namespace {

constexpr double mebibyte = 1024 * 1024;
constexpr double resident_max_mebibytes = 64;

test::GatewayLog make_log(const LogSize& size) {
  return test::GatewayLog({.guilds = size.guilds,
                           .members = size.members,
                           .frames = UINT64_MAX,
                           .mix = test::Mix::measured,
                           .quirks = false});
}

/// In a process of its own: writes so much of a log to this descriptor.
[[noreturn]] void write_log(int descriptor, std::uint64_t bytes, const LogSize& size) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  test::GatewayLog log = make_log(size);
  std::string text;
  for (std::string frame; bytes != 0 && log.next(frame); text.clear()) {
    text = frame + '\n';
    for (std::size_t written = 0; written < text.size();) {
      const ssize_t part = write(descriptor, text.data() + written, text.size() - written);
      if (part < 0) _exit(1);
      written += static_cast<std::size_t>(part);
    }
    bytes -= std::min<std::uint64_t>(bytes, text.size());
  }
  _exit(0);
}

struct Replayed {
  double resident_mebibytes = 0;
  double seconds = 0;
  std::uint64_t bytes = 0;
};

Replayed replay(const char* program, std::uint64_t bytes, const Settings& settings) {
  const test::TempDirectory directory;
  const std::string stats = directory.file("stats.json");
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("cannot make a pipe");
  const pid_t writer = fork();
  if (writer == 0) {
    close(ends[0]);
    write_log(ends[1], bytes, settings.size);
  }
  close(ends[1]);
  const pid_t reader = fork();
  if (reader == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[0], STDIN_FILENO);
    if (std::freopen("/dev/null", "w", stdout) == nullptr) _exit(127);
    execl(program, program, "--quiet", "--resources",
          "emoji,guild,channel,invite,member,presence,role,user,voice_state,message", "--stats", stats.c_str(), "-",
          static_cast<char*>(nullptr));
    _exit(127);
  }
  close(ends[0]);
  int status = 0;
  waitpid(writer, nullptr, 0);
  waitpid(reader, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error(std::string(program) + " failed");
  std::ifstream file(stats);
  const nlohmann::json found = nlohmann::json::parse(file);
  return {found.at("peak_resident_bytes").get<double>() / mebibyte, found.at("wall_seconds"), found.at("text_bytes")};
}

/// Of the start, where the large ones are.
std::size_t largest_frame(const LogSize& size) {
  test::GatewayLog log = make_log(size);
  std::size_t largest = 0;
  std::string frame;
  for (int i = 0; i < 3 * size.guilds && log.next(frame); ++i) largest = std::max(largest, frame.size());
  return largest;
}

}  // namespace

void scale_logs(const Settings& settings, Report& report) {
  const char* program = std::getenv("SAKE_REPLAY");
  if (program == nullptr || access(program, X_OK) != 0) {
    report.note("There is no sake-replay (set SAKE_REPLAY): the memory of long logs is left out.");
    return;
  }
  report.begin("long logs");
  const double largest = static_cast<double>(largest_frame(settings.size)) / mebibyte;
  report.figure("largest frame", "MiB", {largest});
  for (const std::uint64_t mebibytes : {64, 256, 1024}) {
    const Replayed replayed =
        replay(program, settings.scaled<std::uint64_t>(mebibytes << 20, mebibytes << 12), settings);
    const std::string name = std::to_string(replayed.bytes >> 10) + " KiB of frames, ";
    report.figure(name + "resident at most", "MiB", {replayed.resident_mebibytes},
                  at_most(resident_max_mebibytes + largest));
    report.figure(name + "wall", "s", {replayed.seconds});
  }
}

}  // namespace sake::bench
