#include "tracestore/codec/integer_codec.h"

#include <algorithm>
#include <bit>
#include <memory>

#include <zstd.h>

namespace sightline::tracestore {
namespace {

enum class IntegerEncoding : uint8_t { kConstant = 0, kPacked = 1, kPackedRuns = 2, kPlanes = 3 };
enum class BytesEncoding : uint8_t { kRaw = 0, kZstd = 1 };

constexpr size_t kRunLength = 128;        // values that share a base and a width
constexpr size_t kPlanesCountMin = 1024;  // below, zstd takes longer to begin than it saves
constexpr size_t kZstdBytesMin = 48;
constexpr int kZstdLevel = 3;

// zstd's working memory is large: each thread keeps its own.
ZSTD_CCtx* compressor() {
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  return context.get();
}
ZSTD_DCtx* decompressor() {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  return context.get();
}

unsigned width_of(uint64_t value) { return static_cast<unsigned>(std::bit_width(value)); }
size_t packed_bytes(size_t count, unsigned width) { return (count * width + 7) / 8; }

// Values minus `base`, `width` bits each, least significant bit first.
void pack(std::span<const uint64_t> values, uint64_t base, unsigned width, std::string& out) {
  if (width == 0) return;
  const size_t begin = out.size();
  out.resize(begin + packed_bytes(values.size(), width) + 9, '\0');  // room to write words
  size_t bit = 0;
  for (const uint64_t value : values) {
    char* at = out.data() + begin + bit / 8;
    const unsigned shift = bit % 8;
    store_le(at, load_le<uint64_t>(at) | (value - base) << shift);
    if (shift + width > 64) at[8] = static_cast<char>((value - base) >> (64 - shift));
    bit += width;
  }
  out.resize(begin + packed_bytes(values.size(), width));
}

// `bytes` holds exactly packed_bytes(count, width).
void unpack(std::string_view bytes, uint64_t base, unsigned width, size_t count, uint64_t* out) {
  if (width == 0) {
    std::fill_n(out, count, base);
    return;
  }
  const uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
  const auto load = [&](size_t at) {
    uint64_t word = 0;
    if (at < bytes.size())
      std::memcpy(&word, bytes.data() + at, std::min<size_t>(8, bytes.size() - at));
    return word;
  };
  size_t bit = 0;
  for (size_t i = 0; i < count; ++i, bit += width) {
    const unsigned shift = bit % 8;
    const size_t at = bit / 8;
    uint64_t value =
        (at + 8 <= bytes.size() ? load_le<uint64_t>(bytes.data() + at) : load(at)) >> shift;
    if (shift + width > 64) value |= load(at + 8) << (64 - shift);
    out[i] = base + (value & mask);
  }
}

struct Extent {
  uint64_t base;
  unsigned width;
};
Extent extent_of(std::span<const uint64_t> values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {*low, width_of(*high - *low)};
}

size_t varint_bytes(uint64_t v) { return std::max<size_t>(1, (width_of(v) + 6) / 7); }

size_t packed_runs_bytes(std::span<const uint64_t> values) {
  size_t bytes = 0;
  for (size_t at = 0; at < values.size(); at += kRunLength) {
    const auto run = values.subspan(at, std::min(kRunLength, values.size() - at));
    const Extent extent = extent_of(run);
    bytes += 1 + varint_bytes(extent.base) + packed_bytes(run.size(), extent.width);
  }
  return bytes;
}

std::string compress(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const size_t size = ZSTD_compressCCtx(compressor(), out.data(), out.size(), bytes.data(),
                                        bytes.size(), kZstdLevel);
  out.resize(ZSTD_isError(size) ? 0 : size);
  return out;
}

// Byte j of every value, then byte j+1 of every value, and so on.
std::string split_planes(std::span<const uint64_t> values, uint64_t base, unsigned width) {
  const size_t planes = (width + 7) / 8;
  std::string out(planes * values.size(), '\0');
  for (size_t plane = 0; plane < planes; ++plane)
    for (size_t i = 0; i < values.size(); ++i)
      out[plane * values.size() + i] = static_cast<char>((values[i] - base) >> (8 * plane));
  return out;
}

std::unexpected<Error> torn() { return fail(Errc::kCorrupt, "integer list is torn"); }

Result<std::vector<uint64_t>> decode_planes(ByteReader& in, size_t count) {
  const uint64_t base = in.uvarint();
  const size_t planes = in.u8();
  const std::string_view packed = in.sized();
  if (!in.ok() || planes == 0 || planes > 8) return torn();
  std::string bytes(planes * count, '\0');
  const size_t size =
      ZSTD_decompressDCtx(decompressor(), bytes.data(), bytes.size(), packed.data(), packed.size());
  if (ZSTD_isError(size) || size != bytes.size()) return torn();
  std::vector<uint64_t> values(count, 0);
  for (size_t plane = 0; plane < planes; ++plane)
    for (size_t i = 0; i < count; ++i)
      values[i] |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[plane * count + i]))
                   << (8 * plane);
  for (uint64_t& value : values) value += base;
  return values;
}

Result<std::vector<uint64_t>> decode_packed(ByteReader& in, size_t count, size_t run_length) {
  std::vector<uint64_t> values(count);
  for (size_t at = 0; at < count; at += run_length) {
    const size_t run = std::min(run_length, count - at);
    const uint64_t base = in.uvarint();
    const unsigned width = in.u8();
    if (width > 64) return torn();
    const std::string_view bytes = in.bytes(packed_bytes(run, width));
    if (!in.ok()) return torn();
    unpack(bytes, base, width, run, values.data() + at);
  }
  return values;
}

}  // namespace

void encode_integers(std::span<const uint64_t> values, std::string& out) {
  if (values.empty()) return;
  const auto [base, width] = extent_of(values);
  if (width == 0) {
    out.push_back(static_cast<char>(IntegerEncoding::kConstant));
    append_uvarint(out, base);
    return;
  }
  const size_t packed = 1 + varint_bytes(base) + packed_bytes(values.size(), width);
  const size_t runs = packed_runs_bytes(values);
  if (values.size() >= kPlanesCountMin) {
    const std::string planes = compress(split_planes(values, base, width));
    const size_t total = 1 + varint_bytes(base) + varint_bytes(planes.size()) + planes.size();
    // Unpacking bits is much faster than zstd: that must save something.
    if (!planes.empty() && total + total / 16 < std::min(packed, runs)) {
      out.push_back(static_cast<char>(IntegerEncoding::kPlanes));
      append_uvarint(out, base);
      out.push_back(static_cast<char>((width + 7) / 8));
      append_sized(out, planes);
      return;
    }
  }
  const bool in_runs = runs < packed;
  out.push_back(
      static_cast<char>(in_runs ? IntegerEncoding::kPackedRuns : IntegerEncoding::kPacked));
  const size_t run_length = in_runs ? kRunLength : values.size();
  for (size_t at = 0; at < values.size(); at += run_length) {
    const auto run = values.subspan(at, std::min(run_length, values.size() - at));
    const Extent extent = extent_of(run);
    append_uvarint(out, extent.base);
    out.push_back(static_cast<char>(extent.width));
    pack(run, extent.base, extent.width, out);
  }
}

Result<std::vector<uint64_t>> decode_integers(ByteReader& in, size_t count) {
  if (count == 0) return std::vector<uint64_t>();
  switch (const uint8_t encoding = in.u8(); static_cast<IntegerEncoding>(encoding)) {
    case IntegerEncoding::kConstant: {
      const uint64_t value = in.uvarint();
      if (!in.ok()) return torn();
      return std::vector<uint64_t>(count, value);
    }
    case IntegerEncoding::kPacked: return decode_packed(in, count, count);
    case IntegerEncoding::kPackedRuns: return decode_packed(in, count, kRunLength);
    case IntegerEncoding::kPlanes: return decode_planes(in, count);
    default:
      return fail(Errc::kCorrupt, "integer encoding ", static_cast<int>(encoding), " is unknown");
  }
}

std::string_view integer_encoding_name(std::string_view bytes) {
  constexpr std::string_view names[] = {"constant", "packed", "packed runs", "planes"};
  const auto encoding = bytes.empty() ? SIZE_MAX : static_cast<uint8_t>(bytes.front());
  return encoding < std::size(names) ? names[encoding] : "?";
}

void encode_bytes(std::string_view bytes, std::string& out) {
  if (bytes.size() >= kZstdBytesMin) {
    const std::string packed = compress(bytes);
    if (!packed.empty() && packed.size() + packed.size() / 16 < bytes.size()) {
      out.push_back(static_cast<char>(BytesEncoding::kZstd));
      append_uvarint(out, bytes.size());
      append_sized(out, packed);
      return;
    }
  }
  out.push_back(static_cast<char>(BytesEncoding::kRaw));
  append_sized(out, bytes);
}

std::string_view skip_bytes(ByteReader& in) {
  ByteReader from = in;
  const uint8_t encoding = in.u8();
  if (encoding == static_cast<uint8_t>(BytesEncoding::kZstd)) in.uvarint();
  in.sized();
  return in.ok() ? from.bytes(in.offset() - from.offset()) : std::string_view();
}

Result<std::string> decode_bytes(ByteReader& in, size_t bytes_max) {
  switch (const uint8_t encoding = in.u8(); static_cast<BytesEncoding>(encoding)) {
    case BytesEncoding::kRaw: {
      const std::string_view bytes = in.sized();
      if (!in.ok() || bytes.size() > bytes_max) return fail(Errc::kCorrupt, "byte string is torn");
      return std::string(bytes);
    }
    case BytesEncoding::kZstd: {
      const uint64_t size = in.uvarint();
      const std::string_view packed = in.sized();
      // What zstd claims bounds the allocation: a frame cannot hold more than it says.
      if (!in.ok() || size > bytes_max ||
          ZSTD_getFrameContentSize(packed.data(), packed.size()) != size)
        return fail(Errc::kCorrupt, "compressed byte string is torn");
      std::string bytes(size, '\0');
      const size_t got = ZSTD_decompressDCtx(decompressor(), bytes.data(), bytes.size(),
                                             packed.data(), packed.size());
      if (ZSTD_isError(got) || got != size)
        return fail(Errc::kCorrupt, "compressed byte string does not unpack");
      return bytes;
    }
    default:
      return fail(Errc::kCorrupt, "byte encoding ", static_cast<int>(encoding), " is unknown");
  }
}

}  // namespace sightline::tracestore
