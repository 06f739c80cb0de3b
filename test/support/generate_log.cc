// generate-log: writes a generated gateway log (see gateway_log.h) to a file or to standard output.

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <zlib.h>
#include <zstd.h>

#include "support/gateway_log.h"

namespace {

using sake::test::GatewayLog;
using sake::test::LogOptions;
using sake::test::Mix;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

class Output {
 public:
  virtual ~Output() = default;
  virtual void write(std::string_view text) = 0;
  virtual void finish() = 0;
};

class PlainOutput : public Output {
 public:
  explicit PlainOutput(const std::string& path) : file_(path.empty() ? stdout : std::fopen(path.c_str(), "wb")) {
    if (file_ == nullptr) fail("cannot write " + path);
  }
  ~PlainOutput() override {
    if (file_ != nullptr && file_ != stdout) std::fclose(file_);
  }
  void write(std::string_view text) override {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) fail("cannot write: the disk may be full");
  }
  void finish() override {
    if (std::fflush(file_) != 0) fail("cannot write: the disk may be full");
  }

 private:
  std::FILE* file_;
};

class ZstdOutput : public Output {
 public:
  ZstdOutput(const std::string& path, int level) : file_(path), buffer_(ZSTD_CStreamOutSize()) {
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  }
  void write(std::string_view text) override { compress(text, ZSTD_e_continue); }
  void finish() override {
    compress({}, ZSTD_e_end);
    file_.finish();
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  };

  void compress(std::string_view text, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in = {text.data(), text.size(), 0};
    for (;;) {
      ZSTD_outBuffer out = {buffer_.data(), buffer_.size(), 0};
      const std::size_t left = ZSTD_compressStream2(context_.get(), &out, &in, directive);
      if (ZSTD_isError(left) != 0) fail(std::string("zstd: ") + ZSTD_getErrorName(left));
      file_.write({buffer_.data(), out.pos});
      if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size) return;
    }
  }

  PlainOutput file_;
  std::unique_ptr<ZSTD_CCtx, Free> context_{ZSTD_createCCtx()};
  std::vector<char> buffer_;
};

class GzipOutput : public Output {
 public:
  GzipOutput(const std::string& path, int level) : file_(gzopen(path.c_str(), "wb")) {
    if (file_ == nullptr) fail("cannot write " + path);
    gzsetparams(file_, level, Z_DEFAULT_STRATEGY);
  }
  ~GzipOutput() override {
    if (file_ != nullptr) gzclose(file_);
  }
  void write(std::string_view text) override {
    if (gzwrite(file_, text.data(), static_cast<unsigned>(text.size())) != static_cast<int>(text.size()))
      fail("cannot write: the disk may be full");
  }
  void finish() override {
    const int result = gzclose(file_);
    file_ = nullptr;
    if (result != Z_OK) fail("cannot write: the disk may be full");
  }

 private:
  gzFile file_;
};

std::unique_ptr<Output> open_output(const std::string& path, int level) {
  if (path.ends_with(".zst")) return std::make_unique<ZstdOutput>(path, level);
  if (path.ends_with(".gz")) return std::make_unique<GzipOutput>(path, level > 9 ? 9 : level);
  return std::make_unique<PlainOutput>(path == "-" ? "" : path);
}

int run(const LogOptions& options, const std::string& path, int level, bool show_counts) {
  const std::unique_ptr<Output> output = open_output(path, level);
  GatewayLog log(options);
  std::uint64_t bytes = 0;
  for (std::string frame; log.next(frame);) {
    frame += '\n';
    output->write(frame);
    bytes += frame.size();
  }
  output->finish();
  if (!show_counts) return 0;
  for (const auto& [event, count] : log.counts())
    std::fprintf(stderr, "%8llu %s\n", static_cast<unsigned long long>(count), event.c_str());
  std::fprintf(stderr, "%llu bytes\n", static_cast<unsigned long long>(bytes));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  LogOptions options;
  std::string path = "-";
  int level = 3;
  bool show_counts = false;
  CLI::App app("Writes a generated gateway log, one frame a line. The same arguments give the same log.");
  app.add_option("--seed", options.seed, "Another seed is another log")->capture_default_str();
  app.add_option("--guilds", options.guilds, "Guilds at the start")->capture_default_str();
  app.add_option("--members", options.members, "Members per guild on average")->capture_default_str();
  app.add_option("--shards", options.shards, "More than one: each frame has \"shard\":[id,count]")
      ->capture_default_str();
  app.add_option("--events", options.frames, "Frames in all, at most")->capture_default_str();
  const std::map<std::string, Mix> mixes = {{"mixed", Mix::mixed},
                                            {"steady", Mix::steady},
                                            {"no-presences", Mix::no_presences},
                                            {"measured", Mix::measured},
                                            {"startup", Mix::startup}};
  app.add_option("--mix", options.mix, "mixed, steady, no-presences, measured or startup")
      ->transform(CLI::CheckedTransformer(mixes, CLI::ignore_case));
  app.add_flag("--quirks,!--no-quirks", options.quirks, "Repeated, late and odd frames (on by default)");
  app.add_flag("--zipf", options.zipf, "The n-th guild has one n-th of the first one's members and events");
  app.add_option("--first-guild-percent", options.first_guild_percent, "So many of the happenings befall one guild")
      ->capture_default_str();
  app.add_flag("--ts", options.timestamps, "Each frame has \"ts\", in milliseconds");
  app.add_flag("--expiring-invites", options.expiring_invites, "Invites with a lifetime");
  app.add_option("-o,--output", path, "File; .zst and .gz are compressed; - is standard output")->capture_default_str();
  app.add_option("--level", level, "Of compression")->capture_default_str();
  app.add_flag("--counts", show_counts, "Frames per event on standard error");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options, path, level, show_counts);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "generate-log: %s\n", error.what());
    return 1;
  }
}
