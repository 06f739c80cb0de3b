#include "decoder.h"

#include <algorithm>
#include <cstring>
#include <string>

#include <climits>
#include <zlib.h>
#include <zstd.h>

namespace sake::replay {
namespace {

class Plain final : public Decoder {
 public:
  Result<Step> decode(std::string_view in, std::span<char> out) override {
    const std::size_t size = std::min(in.size(), out.size());
    std::memcpy(out.data(), in.data(), size);
    return Step{size, size};
  }
  bool may_end() const noexcept override { return true; }
};

/// A log may be several gzip files one after the other, as parallel compressors and appended logs are.
class Gzip final : public Decoder {
 public:
  Gzip() { inflateInit2(&stream_, 16 + MAX_WBITS); }
  ~Gzip() override { inflateEnd(&stream_); }

  Result<Step> decode(std::string_view in, std::span<char> out) override {
    if (in.empty() && at_member_end_) return Step{0, 0};
    if (at_member_end_) inflateReset(&stream_);
    const std::size_t in_size = std::min<std::size_t>(in.size(), UINT_MAX);
    const std::size_t out_size = std::min<std::size_t>(out.size(), UINT_MAX);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in_size);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out_size);
    const int code = inflate(&stream_, Z_NO_FLUSH);
    // What was decoded before the damage counts; the next call meets the damage again.
    const bool is_damaged = code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR;
    if (is_damaged && stream_.avail_out == out_size)
      return Error{Errc::invalid_argument, Cause::none, false,
                   std::string("its gzip data is damaged: ") + (stream_.msg != nullptr ? stream_.msg : zError(code))};
    at_member_end_ = code == Z_STREAM_END;
    return Step{in_size - stream_.avail_in, out_size - stream_.avail_out};
  }
  bool may_end() const noexcept override { return at_member_end_; }

 private:
  z_stream stream_ = {};
  bool at_member_end_ = false;
};

/// A log may be several Zstandard frames. Frames that were compressed with a window above 128 MiB are refused by the
/// library, as by the zstd command.
class Zstandard final : public Decoder {
 public:
  Zstandard() : stream_(ZSTD_createDStream()) {}
  ~Zstandard() override { ZSTD_freeDStream(stream_); }

  Result<Step> decode(std::string_view in, std::span<char> out) override {
    if (in.empty() && at_frame_end_) return Step{0, 0};
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    const std::size_t code = ZSTD_decompressStream(stream_, &to, &from);
    if (ZSTD_isError(code) != 0)
      return Error{Errc::invalid_argument, Cause::none, false,
                   std::string("its Zstandard data is damaged: ") + ZSTD_getErrorName(code)};
    at_frame_end_ = code == 0;
    return Step{from.pos, to.pos};
  }
  bool may_end() const noexcept override { return at_frame_end_; }

 private:
  ZSTD_DStream* stream_;
  bool at_frame_end_ = false;
};

bool is_zstandard(std::string_view head) {
  if (head == "\x28\xb5\x2f\xfd") return true;
  // A skippable frame, which some compressors write first.
  return head.size() == 4 && (static_cast<unsigned char>(head[0]) & 0xf0) == 0x50 && head.substr(1) == "\x2a\x4d\x18";
}

}  // namespace

std::unique_ptr<Decoder> Decoder::make(std::string_view head) {
  if (head.starts_with("\x1f\x8b")) return std::make_unique<Gzip>();
  if (is_zstandard(head.substr(0, head_bytes))) return std::make_unique<Zstandard>();
  return std::make_unique<Plain>();
}

}  // namespace sake::replay
