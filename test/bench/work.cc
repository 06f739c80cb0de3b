#include "work.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "support/temp_directory.h"

// By its plain name callgrind is told where to count.
extern "C" [[gnu::noinline]] void sake_bench_counted(const std::function<void()>& work) {
  work();
  // Not to become a jump into the work, which would have no end that callgrind sees.
  asm volatile("" ::: "memory");
}

namespace sake::bench {
namespace {

/// valgrind cannot run a program that checks its own memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool can_be_counted = false;
#elif defined(__has_feature)
constexpr bool can_be_counted = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
constexpr bool can_be_counted = true;
#endif

struct Row {
  const char* name;
  nlohmann::json (*run)(const Settings& settings);
};
constexpr Row rows[] = {
    {"start-up", feed_start},           {"steady", feed_steady},     {"slices-guild", slice_guilds},
    {"slices-message", slice_messages}, {"dom-guild", parse_guilds}, {"dom-message", parse_messages},
};

struct Output {
  int status;
  std::string text;
};

Output output_of(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  Output output;
  std::array<char, 4096> part;
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe)) output.text.append(part.data(), size);
  output.status = pclose(pipe);
  return output;
}

/// What callgrind says at the end of its file.
double total_of(const std::string& path) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    double count = 0;
    if (words >> word >> count && (word == "totals:" || word == "summary:")) return count;
  }
  throw std::runtime_error("callgrind has counted nothing");
}

}  // namespace

void count_instructions_of(const std::function<void()>& work) { sake_bench_counted(work); }

std::optional<WorkDone> count_work(const std::string& name, const Settings& settings) {
  if (!can_be_counted || output_of("valgrind --version 2>/dev/null").status != 0) return std::nullopt;
  const test::TempDirectory directory;
  const std::string counts = directory.file("callgrind.out");
  const std::string command =
      "valgrind -q --tool=callgrind --toggle-collect=sake_bench_counted --callgrind-out-file=" + counts + " '" +
      std::filesystem::read_symlink("/proc/self/exe").string() + "' work " + name + " --guilds " +
      std::to_string(settings.size.guilds) + " --members " + std::to_string(settings.size.members) + " --events " +
      std::to_string(settings.size.events) + " 2>" + directory.file("errors");
  const Output output = output_of(command);
  if (output.status != 0) {
    std::ifstream errors(directory.file("errors"));
    throw std::runtime_error("callgrind failed: " + std::string{std::istreambuf_iterator<char>(errors), {}});
  }
  return WorkDone{total_of(counts), nlohmann::json::parse(output.text)};
}

void run_work(const std::string& name, const Settings& settings) {
  for (const Row& row : rows) {
    if (name != row.name) continue;
    std::printf("%s\n", row.run(settings).dump().c_str());
    return;
  }
  throw std::runtime_error("there is no work called " + name);
}

}  // namespace sake::bench
