#include "tsdb/codec/value_column.h"

#include <array>
#include <bit>
#include <cmath>
#include <optional>
#include <vector>

#include "tsdb/codec/decimals.h"
#include "tsdb/codec/integer_column.h"

namespace sightline::tsdb {
namespace {

uint64_t bits_of(double v) { return std::bit_cast<uint64_t>(v); }

std::string encode_scaled(std::span<const double> values, unsigned decimals, const Scaled& s) {
  std::string out;
  out.push_back(static_cast<char>(decimals == 0 ? ValueCodec::kInteger : ValueCodec::kDecimal));
  if (decimals > 0) out.push_back(static_cast<char>(decimals));
  append_integer_column(out, s.integers);
  append_misfits(out, values, s.misfits);
  return out;
}

// Most significant bit first.
class BitWriter {
 public:
  explicit BitWriter(std::string& out) : out_(out) {}
  ~BitWriter() {
    append_be64(out_, pending_);
    out_.resize(out_.size() - (64 - filled_) / 8);
  }
  void put(uint64_t bits, unsigned count) {  // at least one, and no other bits set
    const unsigned room = 64 - filled_;
    if (count < room) {
      pending_ |= bits << (room - count);
      filled_ += count;
      return;
    }
    append_be64(out_, pending_ | bits >> (count - room));
    filled_ = count - room;
    pending_ = filled_ == 0 ? 0 : bits << (64 - filled_);
  }

 private:
  std::string& out_;
  uint64_t pending_ = 0;
  unsigned filled_ = 0;
};

class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  uint64_t get(unsigned count) {  // at least one
    if (count > bytes_.size() * 8 - at_) {
      ok_ = false;
      return 0;
    }
    const size_t byte = at_ / 8;
    const unsigned offset = at_ % 8;
    at_ += count;
    const uint64_t bits = word_at(byte) << offset;
    const uint64_t more =
        offset + count > 64 ? static_cast<uint8_t>(bytes_[byte + 8]) >> (8 - offset) : 0;
    return (bits | more) >> (64 - count);
  }

 private:
  uint64_t word_at(size_t byte) const {
    if (byte + 8 <= bytes_.size()) return load_be64(bytes_.data() + byte);
    char last[8] = {};
    std::memcpy(last, bytes_.data() + byte, bytes_.size() - byte);
    return load_be64(last);
  }

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
  if (decimals > kDecimalsMax || !read_integer_column(in, out)) return false;
  if (decimals > 0)
    for (double& v : out) v /= kPowersOfTen[decimals];
  return read_misfits(in, out);
}

// Integers are never stale: only the misfits among them need a look.
bool read_scaled_presence(ByteReader& in, std::span<double> out) {
  if (!skip_integer_column(in, out.size())) return false;
  std::fill(out.begin(), out.end(), 0);
  return read_misfits(in, out);
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
  // The XOR codec reads bit by bit: it has to be a good deal smaller.
  if (best.empty() || best.size() > 3 * values.size()) {
    std::string other = encode_xor(values);
    if (best.empty() || other.size() < best.size() - best.size() / 4) best = std::move(other);
  }
  if (best.size() > 1 + 8 * values.size()) {
    best.assign(1, static_cast<char>(ValueCodec::kRaw));
    for (const double v : values) append_le(best, bits_of(v));
  }
  out += best;
}

bool read_value_column(ByteReader& in, std::span<double> out, ValueNeed need) {
  if (out.empty()) return true;
  const bool whole = need == ValueNeed::kAll;
  switch (static_cast<ValueCodec>(in.u8())) {
    case ValueCodec::kConstant: {
      const double v = std::bit_cast<double>(in.le<uint64_t>());
      std::fill(out.begin(), out.end(), v);
      return in.ok();
    }
    case ValueCodec::kInteger:
      return in.ok() && (whole ? read_scaled(in, 0, out) : read_scaled_presence(in, out));
    case ValueCodec::kDecimal: {
      const uint8_t decimals = in.u8();
      return whole ? read_scaled(in, decimals, out) : read_scaled_presence(in, out);
    }
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
