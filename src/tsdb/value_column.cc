#include "tsdb/value_column.h"

#include <array>
#include <bit>
#include <cmath>
#include <optional>
#include <vector>

#include "tsdb/integer_column.h"

namespace sightline::tsdb {
namespace {

constexpr unsigned kDecimalsMax = 12;
constexpr double kExactMax = 9007199254740992.0;  // 2^53: every integer up to it is a double
constexpr std::array<double, kDecimalsMax + 1> kPowersOfTen = {1,   1e1, 1e2, 1e3, 1e4,  1e5, 1e6,
                                                               1e7, 1e8, 1e9, 1e10, 1e11, 1e12};

uint64_t bits_of(double v) { return std::bit_cast<uint64_t>(v); }

// v as an integer over 10^decimals, if dividing gives back the same bits.
std::optional<int64_t> scaled(double v, unsigned decimals) {
  const double r = std::nearbyint(v * kPowersOfTen[decimals]);
  if (!(std::abs(r) <= kExactMax)) return std::nullopt;
  const auto i = static_cast<int64_t>(r);
  if (bits_of(static_cast<double>(i) / kPowersOfTen[decimals]) != bits_of(v)) return std::nullopt;
  return i;
}

// The values that fit 10^-decimals, and those that do not with their places: a
// stale marker at the end of a counter must not cost the other samples their codec.
struct Scaled {
  std::vector<int64_t> integers;
  std::vector<uint32_t> misfits;
};

std::optional<Scaled> scale(std::span<const double> values, unsigned decimals) {
  const size_t misfits_max = values.size() / 8 + 1;
  Scaled s;
  s.integers.reserve(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (const auto integer = scaled(values[i], decimals)) {
      s.integers.push_back(*integer);
      continue;
    }
    if (s.misfits.size() == misfits_max) return std::nullopt;
    s.misfits.push_back(static_cast<uint32_t>(i));
    s.integers.push_back(s.integers.empty() ? 0 : s.integers.back());
  }
  return s;
}

// Fewest decimals that the first values agree on.
std::optional<unsigned> guess_decimals(std::span<const double> values) {
  unsigned decimals = 0;
  unsigned misfits = 0;
  for (const double v : values) {
    unsigned d = decimals;
    while (d <= kDecimalsMax && !scaled(v, d)) ++d;
    if (d <= kDecimalsMax) decimals = d;
    else if (++misfits > values.size() / 8 + 1) return std::nullopt;
  }
  return decimals;
}

std::string encode_scaled(std::span<const double> values, unsigned decimals, const Scaled& s) {
  std::string out;
  out.push_back(static_cast<char>(decimals == 0 ? ValueCodec::kInteger : ValueCodec::kDecimal));
  if (decimals > 0) out.push_back(static_cast<char>(decimals));
  append_integer_column(out, s.integers);
  append_uvarint(out, s.misfits.size());
  uint32_t previous = 0;
  for (const uint32_t at : s.misfits) {
    append_uvarint(out, at - previous);
    append_le(out, bits_of(values[at]));
    previous = at;
  }
  return out;
}

class BitWriter {
 public:
  explicit BitWriter(std::string& out) : out_(out) {}
  ~BitWriter() { if (filled_ > 0) out_.push_back(static_cast<char>(pending_ << (8 - filled_))); }
  void put(uint64_t bits, unsigned count) {
    while (count > 0) {
      const unsigned n = std::min(count, 8 - filled_);
      pending_ = static_cast<uint8_t>((pending_ << n) | ((bits >> (count - n)) & ((1u << n) - 1)));
      filled_ += n;
      count -= n;
      if (filled_ < 8) continue;
      out_.push_back(static_cast<char>(pending_));
      pending_ = 0;
      filled_ = 0;
    }
  }

 private:
  std::string& out_;
  uint8_t pending_ = 0;
  unsigned filled_ = 0;
};

class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  uint64_t get(unsigned count) {
    if (count > bytes_.size() * 8 - at_) {
      ok_ = false;
      return 0;
    }
    uint64_t bits = 0;
    while (count > 0) {
      const unsigned have = 8 - at_ % 8;
      const unsigned n = std::min(count, have);
      const auto byte = static_cast<uint8_t>(bytes_[at_ / 8]);
      bits = (bits << n) | ((byte >> (have - n)) & ((1u << n) - 1));
      at_ += n;
      count -= n;
    }
    return bits;
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

// Per value: 0 = same as before; 10 = the bits that differ lie where the last
// ones lay; 11 = 6 bits leading zeros, 6 bits length - 1, then the bits.
std::string encode_xor(std::span<const double> values) {
  std::string body;
  {
    BitWriter bits(body);
    uint64_t previous = bits_of(values.front());
    bits.put(previous, 64);
    unsigned leading = 64;
    unsigned length = 0;
    for (const double value : values.subspan(1)) {
      const uint64_t x = bits_of(value) ^ previous;
      previous = bits_of(value);
      if (x == 0) {
        bits.put(0, 1);
        continue;
      }
      const auto l = static_cast<unsigned>(std::countl_zero(x));
      const auto t = static_cast<unsigned>(std::countr_zero(x));
      const unsigned needed = 64 - l - t;
      if (length > 0 && l >= leading && t >= 64 - leading - length && length < needed + 13) {
        bits.put(0b10, 2);
      } else {
        leading = l;
        length = needed;
        bits.put(0b11, 2);
        bits.put(leading, 6);
        bits.put(length - 1, 6);
      }
      bits.put(x >> (64 - leading - length), length);
    }
  }
  std::string out(1, static_cast<char>(ValueCodec::kXor));
  append_sized(out, body);
  return out;
}

bool read_xor(ByteReader& in, std::span<double> out) {
  const std::string_view body = in.sized();
  if (!in.ok() || body.size() < 8) return false;
  BitReader bits(body);
  uint64_t value = bits.get(64);
  unsigned leading = 0;
  unsigned length = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    if (i > 0 && bits.get(1) == 1) {
      if (bits.get(1) == 1) {
        leading = static_cast<unsigned>(bits.get(6));
        length = static_cast<unsigned>(bits.get(6)) + 1;
      }
      if (!bits.ok() || length == 0 || leading + length > 64) return false;
      value ^= bits.get(length) << (64 - leading - length);
    }
    if (!bits.ok()) return false;
    out[i] = std::bit_cast<double>(value);
  }
  return true;
}

bool read_scaled(ByteReader& in, unsigned decimals, std::span<double> out) {
  if (decimals > kDecimalsMax) return false;
  std::vector<int64_t> integers(out.size());
  if (!read_integer_column(in, integers)) return false;
  if (decimals == 0) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(integers[i]);
  } else {
    const double power = kPowersOfTen[decimals];
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(integers[i]) / power;
  }
  const uint64_t misfits = in.uvarint();
  if (misfits > out.size()) return false;
  size_t at = 0;
  for (uint64_t i = 0; i < misfits; ++i) {
    const uint64_t gap = in.uvarint();
    const auto bits = in.le<uint64_t>();
    if (!in.ok() || gap >= out.size() - at) return false;
    at += gap;
    out[at] = std::bit_cast<double>(bits);
  }
  return in.ok();
}

}  // namespace

void append_value_column(std::string& out, std::span<const double> values) {
  if (values.empty()) return;
  bool constant = true;
  for (const double v : values) constant = constant && bits_of(v) == bits_of(values.front());
  if (constant) {
    out.push_back(static_cast<char>(ValueCodec::kConstant));
    append_le(out, bits_of(values.front()));
    return;
  }
  std::string best;
  if (const auto decimals = guess_decimals(values))
    if (const auto s = scale(values, *decimals)) best = encode_scaled(values, *decimals, *s);
  if (best.empty() || best.size() > 2 * values.size()) {
    std::string other = encode_xor(values);
    if (best.empty() || other.size() < best.size()) best = std::move(other);
  }
  if (best.size() > 1 + 8 * values.size()) {
    best.assign(1, static_cast<char>(ValueCodec::kRaw));
    for (const double v : values) append_le(best, bits_of(v));
  }
  out += best;
}

bool read_value_column(ByteReader& in, std::span<double> out) {
  if (out.empty()) return true;
  switch (static_cast<ValueCodec>(in.u8())) {
    case ValueCodec::kConstant: {
      const double v = std::bit_cast<double>(in.le<uint64_t>());
      std::fill(out.begin(), out.end(), v);
      return in.ok();
    }
    case ValueCodec::kInteger: return in.ok() && read_scaled(in, 0, out);
    case ValueCodec::kDecimal: return read_scaled(in, in.u8(), out);
    case ValueCodec::kXor: return read_xor(in, out);
    case ValueCodec::kRaw: {
      const std::string_view bytes = in.bytes(out.size() * 8);
      if (!in.ok()) return false;
      std::memcpy(out.data(), bytes.data(), bytes.size());
      return true;
    }
  }
  return false;
}

}  // namespace sightline::tsdb
