#include "net/compression.h"

#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "base/result.h"

namespace sightline::net {
namespace {

constexpr size_t kStepBytes = 64u << 10;
constexpr size_t kSnappyRatioMax = 22;
constexpr int kZstdWindowLogMax = 23;     // 8 MiB, RFC 9659
constexpr int kGzipWindowBits = 15 + 16;  // zlib: 16 asks for the gzip wrapper
// A body leaves once, so speed counts for more than the last tenth of its size.
constexpr int kDeflateLevel = 1;
constexpr int kZstdLevel = 1;
constexpr int kZlibWindowBits = 15;
constexpr int kBareWindowBits = -15;

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? x + 32 : x) == (y >= 'A' && y <= 'Z' ? y + 32 : y);
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::unexpected<Error> too_large(std::string_view format, size_t bytes_max) {
  return fail(Errc::kResourceExhausted, format, " body unpacks to more than ", bytes_max, " bytes");
}

// First guess of the output's size: right for most telemetry, and small for bombs.
size_t first_room(size_t packed_bytes, size_t bytes_max) {
  return std::min(std::max<size_t>(packed_bytes * 4, 1024), bytes_max + 1);
}

// Owns a zlib inflate state for one call.
class Inflater {
 public:
  explicit Inflater(int window_bits) { ok_ = inflateInit2(&stream_, window_bits) == Z_OK; }
  ~Inflater() {
    if (ok_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  bool ok() const { return ok_; }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  bool ok_ = false;
};

Result<std::string> inflate_all(std::string_view format, int window_bits, std::string_view packed,
                                size_t bytes_max) {
  Inflater inflater(window_bits);
  if (!inflater.ok()) return fail(Errc::kInternal, format, ": zlib did not start");
  z_stream& stream = inflater.stream();
  std::string plain;
  size_t used = 0;
  size_t fed = 0;
  for (;;) {
    if (stream.avail_in == 0 && fed < packed.size()) {
      const size_t step = std::min<size_t>(packed.size() - fed, 1u << 30);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + fed));
      stream.avail_in = static_cast<uInt>(step);
      fed += step;
    }
    if (used == plain.size()) {
      if (used > bytes_max) return too_large(format, bytes_max);
      plain.resize(used == 0 ? first_room(packed.size(), bytes_max)
                             : std::min(used * 2, bytes_max + 1));
    }
    const size_t room = std::min<size_t>(plain.size() - used, 1u << 30);
    stream.next_out = reinterpret_cast<Bytef*>(plain.data() + used);
    stream.avail_out = static_cast<uInt>(room);
    const int status = inflate(&stream, Z_NO_FLUSH);
    used += room - stream.avail_out;
    const size_t at = fed - stream.avail_in;
    if (status == Z_STREAM_END) {
      if (at == packed.size()) break;
      if (window_bits != kGzipWindowBits)
        return fail(Errc::kInvalidArgument, format, " body has bytes after its end, at offset ",
                    at);
      if (inflateReset(&stream) != Z_OK) return fail(Errc::kInternal, "zlib did not restart");
      continue;
    }
    if (status == Z_OK) continue;
    if (status == Z_BUF_ERROR && stream.avail_out == 0) continue;
    if (status == Z_BUF_ERROR && fed < packed.size()) continue;
    if (status == Z_BUF_ERROR)
      return fail(Errc::kInvalidArgument, format, " body is cut short at offset ", at);
    return fail(Errc::kInvalidArgument, format, " body is damaged at offset ", at, ": ",
                stream.msg != nullptr ? stream.msg : "not this format");
  }
  if (used > bytes_max) return too_large(format, bytes_max);
  plain.resize(used);
  return plain;
}

bool has_zlib_header(std::string_view packed) {
  if (packed.size() < 2) return false;
  const auto first = static_cast<unsigned char>(packed[0]);
  const auto second = static_cast<unsigned char>(packed[1]);
  return (first & 0x0f) == 8 && (first * 256 + second) % 31 == 0;  // RFC 1950 section 2.2
}

Result<std::string> unzstd(std::string_view packed, size_t bytes_max) {
  const std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(),
                                                                        &ZSTD_freeDStream);
  if (!stream) return fail(Errc::kInternal, "zstd did not start");
  ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, kZstdWindowLogMax);
  std::string plain;
  size_t used = 0;
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  size_t pending = 1;  // 0 exactly at the end of a frame
  while (in.pos < in.size || pending != 0) {
    if (used == plain.size()) {
      if (used > bytes_max) return too_large("zstd", bytes_max);
      plain.resize(used == 0 ? first_room(packed.size(), bytes_max)
                             : std::min(used * 2, bytes_max + 1));
    }
    ZSTD_outBuffer out{plain.data(), plain.size(), used};
    const size_t fed = in.pos;
    pending = ZSTD_decompressStream(stream.get(), &out, &in);
    if (ZSTD_isError(pending) != 0)
      return fail(Errc::kInvalidArgument, "zstd body is damaged at offset ", in.pos, ": ",
                  ZSTD_getErrorName(pending));
    const bool stuck = out.pos == used && in.pos == fed;
    used = out.pos;
    if (stuck && pending != 0 && in.pos == in.size && used < plain.size())
      return fail(Errc::kInvalidArgument, "zstd body is cut short at offset ", in.pos);
  }
  if (used > bytes_max) return too_large("zstd", bytes_max);
  plain.resize(used);
  return plain;
}

class StreamDeflater final : public StreamCompressor {
 public:
  // Level -2: codes alone, nothing is looked for twice (Go's zlib.HuffmanOnly).
  explicit StreamDeflater(int window_bits, int level = kDeflateLevel) {
    const int strategy = level == -2 ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY;
    ok_ = deflateInit2(&stream_, std::max(level, -1), Z_DEFLATED, window_bits, 8, strategy) == Z_OK;
  }
  ~StreamDeflater() override {
    if (ok_) deflateEnd(&stream_);
  }
  StreamDeflater(const StreamDeflater&) = delete;
  StreamDeflater& operator=(const StreamDeflater&) = delete;

  bool ok() const { return ok_; }
  void add(std::string_view plain, std::string& out) override {
    for (size_t fed = 0; fed < plain.size();) {
      const size_t step = std::min<size_t>(plain.size() - fed, 1u << 30);
      run(plain.substr(fed, step), Z_NO_FLUSH, out);
      fed += step;
    }
  }
  void finish(std::string& out) override { run({}, Z_FINISH, out); }

 private:
  void run(std::string_view plain, int flush, std::string& out) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    stream_.avail_in = static_cast<uInt>(plain.size());
    int status = Z_OK;
    do {
      const size_t used = out.size();
      const size_t room = std::clamp<size_t>(stream_.avail_in / 4, kStepBytes / 16, 1u << 30);
      out.resize(used + room);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + used);
      stream_.avail_out = static_cast<uInt>(room);
      status = deflate(&stream_, flush);
      out.resize(used + room - stream_.avail_out);
    } while (flush == Z_FINISH ? status == Z_OK : stream_.avail_out == 0);
  }

  z_stream stream_{};
  bool ok_ = false;
};

class StreamZstd final : public StreamCompressor {
 public:
  StreamZstd() : stream_(ZSTD_createCCtx(), &ZSTD_freeCCtx) {
    if (stream_) ZSTD_CCtx_setParameter(stream_.get(), ZSTD_c_compressionLevel, kZstdLevel);
  }
  bool ok() const { return stream_ != nullptr; }
  void add(std::string_view plain, std::string& out) override { run(plain, ZSTD_e_continue, out); }
  void finish(std::string& out) override { run({}, ZSTD_e_end, out); }

 private:
  void run(std::string_view plain, ZSTD_EndDirective how, std::string& out) {
    ZSTD_inBuffer in{plain.data(), plain.size(), 0};
    size_t left = 0;
    do {
      const size_t used = out.size();
      out.resize(used + ZSTD_CStreamOutSize());
      ZSTD_outBuffer room{out.data() + used, out.size() - used, 0};
      left = ZSTD_compressStream2(stream_.get(), &room, &in, how);
      out.resize(used + room.pos);
      if (ZSTD_isError(left) != 0) return;
    } while (how == ZSTD_e_end ? left != 0 : in.pos < in.size);
  }

  std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> stream_;
};

std::string deflate_all(int window_bits, std::string_view plain, std::optional<int> level) {
  StreamDeflater deflater(window_bits, level.value_or(kDeflateLevel));
  std::string packed;
  if (!deflater.ok()) return packed;
  packed.reserve(plain.size() / 4);
  deflater.add(plain, packed);
  deflater.finish(packed);
  return packed;
}

std::string zstd_all(std::string_view plain, std::optional<int> level) {
  std::string packed(ZSTD_compressBound(plain.size()), '\0');
  const size_t used = ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(),
                                    level.value_or(kZstdLevel));
  packed.resize(ZSTD_isError(used) != 0 ? 0 : used);
  return packed;
}

// "gzip;q=0.5" -> 0.5; malformed weights count as 0.
double weight_of(std::string_view parameters) {
  const size_t q = parameters.find("q=");
  if (q == std::string_view::npos) return 1;
  const std::string_view text = trimmed(parameters.substr(q + 2));
  double weight = 0;
  std::from_chars(text.data(), text.data() + text.size(), weight);
  return weight;
}

}  // namespace

std::string_view compression_name(Compression compression) {
  switch (compression) {
    case Compression::kGzip: return "gzip";
    case Compression::kDeflate: return "deflate";
    case Compression::kZstd: return "zstd";
    case Compression::kSnappy: return "snappy";
    case Compression::kIdentity: break;
  }
  return "identity";
}

std::optional<Compression> parse_compression(std::string_view token) {
  token = trimmed(token);
  if (token.empty() || equals_ignoring_case(token, "identity")) return Compression::kIdentity;
  if (equals_ignoring_case(token, "gzip") || equals_ignoring_case(token, "x-gzip"))
    return Compression::kGzip;
  if (equals_ignoring_case(token, "deflate") || equals_ignoring_case(token, "zlib"))
    return Compression::kDeflate;
  if (equals_ignoring_case(token, "zstd")) return Compression::kZstd;
  if (equals_ignoring_case(token, "snappy")) return Compression::kSnappy;
  return std::nullopt;
}

Compression choose_compression(std::string_view accept_encoding) {
  struct Choice {
    std::string_view name;
    Compression compression;
    double weight = -1;
    size_t place = SIZE_MAX;
  };
  std::array<Choice, 3> choices{{{"gzip", Compression::kGzip},
                                 {"deflate", Compression::kDeflate},
                                 {"zstd", Compression::kZstd}}};
  double any = 0;
  for (size_t place = 0; !accept_encoding.empty(); ++place) {
    const size_t comma = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view part = accept_encoding.substr(0, comma);
    accept_encoding.remove_prefix(std::min(comma + 1, accept_encoding.size()));
    const size_t semicolon = std::min(part.find(';'), part.size());
    std::string_view name = trimmed(part.substr(0, semicolon));
    const double weight = weight_of(part.substr(semicolon));
    if (equals_ignoring_case(name, "x-gzip")) name = "gzip";
    if (name == "*") any = weight;
    for (Choice& choice : choices)
      if (equals_ignoring_case(name, choice.name)) choice.weight = weight, choice.place = place;
  }
  for (Choice& choice : choices)
    if (choice.weight < 0 && choice.compression != Compression::kDeflate) choice.weight = any;
  choices[2].place = SIZE_MAX;  // zstd after the others, wherever it was named
  const auto best = std::ranges::min_element(choices, [](const Choice& a, const Choice& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.place < b.place;
  });
  return best->weight > 0 ? best->compression : Compression::kIdentity;
}

std::unique_ptr<StreamCompressor> StreamCompressor::create(Compression compression) {
  if (compression == Compression::kZstd) {
    auto zstd = std::make_unique<StreamZstd>();
    return zstd->ok() ? std::move(zstd) : nullptr;
  }
  if (compression == Compression::kIdentity || compression == Compression::kSnappy) return nullptr;
  auto deflater = std::make_unique<StreamDeflater>(
      compression == Compression::kGzip ? kGzipWindowBits : kZlibWindowBits);
  return deflater->ok() ? std::move(deflater) : nullptr;
}

std::string compress(Compression compression, std::string_view plain, std::optional<int> level) {
  switch (compression) {
    case Compression::kGzip: return deflate_all(kGzipWindowBits, plain, level);
    case Compression::kDeflate: return deflate_all(kZlibWindowBits, plain, level);
    case Compression::kZstd: return zstd_all(plain, level);
    case Compression::kSnappy: return snappy_compress(plain);
    case Compression::kIdentity: break;
  }
  return std::string(plain);
}

Result<std::string> decompress(Compression compression, std::string_view packed, size_t bytes_max) {
  if (compression == Compression::kIdentity) {
    if (packed.size() > bytes_max)
      return fail(Errc::kResourceExhausted, "body is larger than ", bytes_max, " bytes");
    return std::string(packed);
  }
  if (packed.empty())
    return fail(Errc::kInvalidArgument, compression_name(compression), " body is empty");
  switch (compression) {
    case Compression::kGzip: return inflate_all("gzip", kGzipWindowBits, packed, bytes_max);
    case Compression::kDeflate:
      return inflate_all("deflate", has_zlib_header(packed) ? kZlibWindowBits : kBareWindowBits,
                         packed, bytes_max);
    case Compression::kSnappy: return snappy_decompress(packed, bytes_max);
    default: return unzstd(packed, bytes_max);
  }
}

std::string snappy_compress(std::string_view plain) {
  std::string packed;
  snappy::Compress(plain.data(), plain.size(), &packed);
  return packed;
}

Result<std::string> snappy_decompress(std::string_view packed, size_t bytes_max) {
  std::string plain;
  if (auto status = snappy_decompress_into(plain, packed, bytes_max); !status)
    return std::unexpected(std::move(status).error());
  return plain;
}

Status snappy_decompress_into(std::string& plain, std::string_view packed, size_t bytes_max) {
  size_t declared = 0;
  if (!snappy::GetUncompressedLength(packed.data(), packed.size(), &declared))
    return fail(Errc::kInvalidArgument, "snappy block has no valid length at offset 0");
  if (declared > bytes_max) return too_large("snappy", bytes_max);
  const auto damaged = [&] {
    return fail(Errc::kInvalidArgument, "snappy block is damaged: ", packed.size(),
                " bytes that declare ", declared);
  };
  // A copy makes at most 64 bytes of three, so no memory is taken on a lie.
  if (declared / kSnappyRatioMax > packed.size()) return damaged();
  bool good = false;
  // g++ 12 hands in the capacity it made instead of the size asked for, when a string grows.
  plain.resize_and_overwrite(declared, [&](char* out, size_t /*capacity*/) {
    good = snappy::RawUncompress(packed.data(), packed.size(), out);
    return declared;
  });
  if (!good) return damaged();
  return {};
}

}  // namespace sightline::net
