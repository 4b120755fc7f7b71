#pragma once
// The bit streams of Prometheus' chunks: single bits, varints in bits, XORs of values.
//   Threads  one owner.
//   Source   Prometheus, tsdb/docs/format/chunks.md.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace sightline::tsdb {

// Most significant bit first; bytes of varints lie wherever the bits are.
class BitsOut {
 public:
  void put(uint64_t bits, unsigned count) {
    while (count-- > 0) {
      if (free_ == 0) {
        bytes_.push_back(0);
        free_ = 8;
      }
      --free_;
      bytes_.back() =
          static_cast<char>(static_cast<uint8_t>(bytes_.back()) | (((bits >> count) & 1) << free_));
    }
  }
  void put_bytes(std::string_view bytes) {
    for (const char c : bytes) put(static_cast<uint8_t>(c), 8);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
  unsigned free_ = 0;
};

class BitsIn {
 public:
  explicit BitsIn(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  void spoil() { ok_ = false; }  // what was read cannot be
  uint64_t get(unsigned count) {
    if (count > bytes_.size() * 8 - at_) {
      ok_ = false;
      return 0;
    }
    uint64_t out = 0;
    for (; count > 0; --count, ++at_)
      out = (out << 1) | ((static_cast<uint8_t>(bytes_[at_ / 8]) >> (7 - at_ % 8)) & 1);
    return out;
  }
  uint64_t uvarint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && ok_; shift += 7) {
      const uint64_t byte = get(8);
      value |= (byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

// Of the bits that the XOR of two values has, as it was told last.
struct XorWindow {
  unsigned leading = 0xff;  // 0xff: none yet
  unsigned trailing = 0;
};

inline void put_xor(BitsOut& out, uint64_t x, XorWindow& window) {
  if (x == 0) return out.put(0, 1);
  out.put(1, 1);
  const auto leading = std::min(static_cast<unsigned>(std::countl_zero(x)), 31u);
  const auto trailing = static_cast<unsigned>(std::countr_zero(x));
  if (window.leading != 0xff && leading >= window.leading && trailing >= window.trailing) {
    out.put(0, 1);
  } else {
    window = {leading, trailing};
    out.put(1, 1);
    out.put(leading, 5);
    out.put((64 - leading - trailing) & 63, 6);  // 64 is written as 0
  }
  out.put(x >> window.trailing, 64 - window.leading - window.trailing);
}

// Five bits of leading zeros, six of the length. Not ok from there on when there is no such window.
inline void get_window(BitsIn& in, XorWindow& window) {
  const auto leading = static_cast<unsigned>(in.get(5));
  auto length = static_cast<unsigned>(in.get(6));
  if (length == 0) length = 64;
  if (leading + length > 64)
    in.spoil();
  else
    window = {leading, 64 - leading - length};
}

inline uint64_t get_in_window(BitsIn& in, const XorWindow& window) {
  if (window.leading == 0xff) in.spoil();
  if (!in.ok()) return 0;
  return in.get(64 - window.leading - window.trailing) << window.trailing;
}

inline uint64_t get_xor(BitsIn& in, XorWindow& window) {
  if (in.get(1) == 0) return 0;
  if (in.get(1) == 1) get_window(in, window);
  return get_in_window(in, window);
}

inline constexpr std::array<unsigned, 7> kVarbitWidths = {3, 6, 9, 12, 18, 25, 56};

// 0, or a prefix of ones that says how many bits follow: 10 3, 110 6, ... 11111110 56, 11111111 64.
template <typename Fits>
void put_varbit(BitsOut& out, uint64_t value, Fits fits) {
  if (value == 0) return out.put(0, 1);
  for (unsigned i = 0; i < kVarbitWidths.size(); ++i) {
    if (!fits(kVarbitWidths[i])) continue;
    out.put((uint64_t{1} << (i + 2)) - 2, i + 2);
    return out.put(value, kVarbitWidths[i]);
  }
  out.put(0xff, 8);
  out.put(value, 64);
}
inline void put_varbit_uint(BitsOut& out, uint64_t value) {
  put_varbit(out, value, [&](unsigned width) { return value >> width == 0; });
}
inline void put_varbit_int(BitsOut& out, int64_t value) {
  put_varbit(out, static_cast<uint64_t>(value), [&](unsigned width) {
    const int64_t half = int64_t{1} << (width - 1);
    return value >= -(half - 1) && value <= half;
  });
}

// The width that follows, and its bits.
struct Varbit {
  unsigned width = 0;  // 0: the value is 0
  uint64_t bits = 0;
};
inline Varbit get_varbit(BitsIn& in) {
  unsigned ones = 0;
  while (ones < 8 && in.get(1) == 1) ++ones;
  if (ones == 0) return {};
  const unsigned width = ones == 8 ? 64 : kVarbitWidths[ones - 1];
  return {width, in.get(width)};
}
inline uint64_t get_varbit_uint(BitsIn& in) { return get_varbit(in).bits; }
inline int64_t get_varbit_int(BitsIn& in) {
  const Varbit v = get_varbit(in);
  if (v.width == 0 || v.width == 64) return static_cast<int64_t>(v.bits);
  const auto bits = static_cast<int64_t>(v.bits);
  return bits > int64_t{1} << (v.width - 1) ? bits - (int64_t{1} << v.width) : bits;
}

// When the counting of each sample began, as newer encodings tell it behind the sample: how long before the time of the
// sample before (of the first sample: before its own). `header`: the upper bit says whether the first sample has one, the others from
// which sample on it is told anew; 0: never.
class StartTimesIn {
 public:
  explicit StartTimesIn(uint64_t header)
      : first_known_((header & 0x80) != 0), told_from_(header & 0x7f) {}
  // Of sample `index`; 0: unknown.
  int64_t get(BitsIn& in, uint64_t index, int64_t time, int64_t previous_time) {
    if (index == 0) {
      if (first_known_) start_ = minus(time, unzigzag(in.uvarint()));
    } else if (told_from_ > 0 && index >= told_from_) {
      const int64_t told = get_varbit_int(in);
      before_ = index == told_from_ ? told : minus(before_, minus(0, told));
      start_ = minus(previous_time, before_);
    }
    return start_;
  }

 private:
  static int64_t minus(int64_t a, int64_t b) {  // foreign numbers may wrap around
    return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  }

  const bool first_known_;
  const uint64_t told_from_;
  int64_t before_ = 0;
  int64_t start_ = 0;
};

}  // namespace sightline::tsdb
