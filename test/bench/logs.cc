#include "logs.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <zstd.h>

#include "support/gateway_log.h"

namespace sake::bench {
namespace {

bool is_of_the_start(std::string_view frame) {
  const std::size_t at = frame.find("\"t\":\"");
  if (at == frame.npos) return true;  // HELLO and the like.
  frame.remove_prefix(at + 5);
  return frame.starts_with("READY\"") || frame.starts_with("GUILD_CREATE\"") ||
         frame.starts_with("GUILD_MEMBERS_CHUNK\"");
}

std::string decompressed(const std::string& stored, const std::string& path) {
  const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(), ZSTD_freeDStream);
  std::vector<char> chunk(ZSTD_DStreamOutSize());
  std::string text;
  ZSTD_inBuffer in = {stored.data(), stored.size(), 0};
  while (in.pos < in.size) {
    ZSTD_outBuffer out = {chunk.data(), chunk.size(), 0};
    if (ZSTD_isError(ZSTD_decompressStream(stream.get(), &out, &in)) != 0)
      throw std::runtime_error(path + " is damaged");
    text.append(chunk.data(), out.pos);
  }
  return text;
}

}  // namespace

Log generate_log(const std::string& name, const LogSize& size) {
  test::GatewayLog source({.guilds = size.guilds,
                           .members = size.members,
                           .frames = UINT64_MAX,
                           .mix = test::Mix::measured,
                           .quirks = false,
                           .first_guild_percent = size.first_guild_percent});
  Log log{name, {}, {}};
  for (std::string frame; log.steady.size() < size.events && source.next(frame);) {
    Frames& part = log.steady.empty() && is_of_the_start(frame) ? log.start : log.steady;
    part.push_back(std::move(frame));
  }
  return log;
}

Log read_log(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (path.ends_with(".zst")) text = decompressed(text, path);
  Log log{std::filesystem::path(path).filename().string(), {}, {}};
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin) log.steady.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return log;
}

std::vector<std::string> recorded_logs() {
  const char* shared = std::getenv("SAKE_SHARED");
  const char* source = std::getenv("SAKE_SOURCE_ROOT");
  const std::filesystem::path folder =
      shared != nullptr ? std::filesystem::path(shared)
                        : std::filesystem::path(source != nullptr ? source : ".").parent_path() / "shared";
  std::vector<std::string> paths;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "corpus", ignored))
    if (entry.path().filename().string().ends_with(".ndjson.zst")) paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::size_t bytes_of(const Frames& frames) {
  std::size_t bytes = 0;
  for (const std::string& frame : frames) bytes += frame.size();
  return bytes;
}

}  // namespace sake::bench
