#pragma once
// The bits of Prometheus' chunks: plain bits, variable integers, XORed floats. Inside wire/prometheus only.
//   Source  Prometheus TSDB format, chunks.
#include <bit>
#include <cstdint>
#include <string>

namespace sightline::wire::prometheus {

// Writes behind what `out` holds, from a byte boundary on. One owner.
class BitWriter {
 public:
  explicit BitWriter(std::string& out) : out_(out) {}

  // The low `count` bits of `value`, highest first.
  void bits(uint64_t value, int count) {
    while (count > 0) {
      if (free_ == 0) {
        out_.push_back('\0');
        free_ = 8;
      }
      const int take = count < free_ ? count : free_;
      const uint64_t part = value >> (count - take) & ((1u << take) - 1);
      free_ -= take;
      count -= take;
      out_.back() = static_cast<char>(static_cast<uint8_t>(out_.back()) | part << free_);
    }
  }
  void uvarint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bits((value & 0x7f) | 0x80, 8);
    bits(value, 8);
  }
  void varint(int64_t value) {
    uvarint(static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63));
  }

  // One more value above zero than below, as the format counts.
  static bool fits(int64_t value, int count) {
    const int64_t half = int64_t{1} << (count - 1);
    return -(half - 1) <= value && value <= half;
  }
  // "varbit": the number of leading ones says how many bits follow.
  void varbit_int(int64_t value) {
    int ones = 0;
    while (ones < kVarbitLast && !(ones == 0 ? value == 0 : fits(value, kVarbitBits[ones]))) ++ones;
    varbit(static_cast<uint64_t>(value), ones);
  }
  void varbit_uint(uint64_t value) {
    int ones = 0;
    while (ones < kVarbitLast && value >> kVarbitBits[ones] != 0) ++ones;
    varbit(value, ones);
  }

 private:
  static constexpr int kVarbitBits[] = {0, 3, 6, 9, 12, 18, 25, 56, 64};
  static constexpr int kVarbitLast = 8;

  void varbit(uint64_t value, int ones) {
    for (int i = 0; i < ones; ++i) bits(1, 1);
    if (ones < kVarbitLast) bits(0, 1);
    bits(value, kVarbitBits[ones]);
  }

  std::string& out_;
  int free_ = 0;  // bits of the last byte not yet written
};

// A float and what of its XOR with the one before is written; kept from sample to sample.
class XorFloat {
 public:
  void start(BitWriter& out, double value) {
    before_ = std::bit_cast<uint64_t>(value);
    out.bits(before_, 64);
  }
  void next(BitWriter& out, double value) {
    const auto now = std::bit_cast<uint64_t>(value);
    const uint64_t change = now ^ before_;
    before_ = now;
    if (change == 0) return out.bits(0b0, 1);
    const int found = std::countl_zero(change);
    const int leading = found < 31 ? found : 31;  // five bits hold it
    const int trailing = std::countr_zero(change);
    if (leading_ >= 0 && leading >= leading_ && trailing >= trailing_) {
      out.bits(0b10, 2);
      out.bits(change >> trailing_, 64 - leading_ - trailing_);
      return;
    }
    leading_ = leading;
    trailing_ = trailing;
    const int significant = 64 - leading - trailing;
    out.bits(0b11, 2);
    out.bits(static_cast<uint64_t>(leading), 5);
    out.bits(static_cast<uint64_t>(significant), 6);  // 64 is written as 0
    out.bits(change >> trailing, significant);
  }

 private:
  uint64_t before_ = 0;
  int leading_ = -1;  // none yet
  int trailing_ = 0;
};

}  // namespace sightline::wire::prometheus
