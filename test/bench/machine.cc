#include "machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include <hiredis/hiredis.h>
#include <rapidjson/rapidjson.h>
#include <uv.h>

#include "sake/version.h"

namespace sake::bench {
namespace {

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

/// The first line that a program prints.
std::string first_line_of(const char* command) {
  std::FILE* pipe = popen(command, "r");
  if (pipe == nullptr) return "unknown";
  char line[200] = {};
  const bool has_line = std::fgets(line, sizeof(line), pipe) != nullptr;
  pclose(pipe);
  std::string text = has_line ? line : "unknown";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

double present_load() {
  double minutes[1] = {0};
  return getloadavg(minutes, 1) == 1 ? minutes[0] : -1;
}

}  // namespace

nlohmann::ordered_json describe_machine() {
  utsname system{};
  uname(&system);
  return {
      {"processor", processor()},
      {"processors", sysconf(_SC_NPROCESSORS_ONLN)},
      {"memory_mib", sysconf(_SC_PHYS_PAGES) / 1024 * sysconf(_SC_PAGESIZE) / 1024},
      {"kernel", system.release},
      {"compiler", __VERSION__},
#ifdef __OPTIMIZE__
      {"optimised", true},
#else
      {"optimised", false},
#endif
      {"sake", SAKE_VERSION},
      {"redis_server", first_line_of("redis-server --version")},
      {"libuv", uv_version_string()},
      {"hiredis",
       std::to_string(HIREDIS_MAJOR) + "." + std::to_string(HIREDIS_MINOR) + "." + std::to_string(HIREDIS_PATCH)},
      {"rapidjson", RAPIDJSON_VERSION_STRING},
      {"load_average", present_load()},
  };
}

}  // namespace sake::bench
