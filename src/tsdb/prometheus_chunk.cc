#include "tsdb/prometheus_chunk.h"

#include <array>
#include <bit>

#include "base/bytes.h"

namespace sightline::tsdb {
namespace {

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

struct Window {
  unsigned leading = 0xff;  // 0xff: none yet
  unsigned trailing = 0;
};

void put_xor(BitsOut& out, uint64_t x, Window& window) {
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

uint64_t get_xor(BitsIn& in, Window& window) {
  if (in.get(1) == 0) return 0;
  if (in.get(1) == 1) {
    const auto leading = static_cast<unsigned>(in.get(5));
    auto length = static_cast<unsigned>(in.get(6));
    if (length == 0) length = 64;
    if (leading + length > 64)
      (void)in.get(UINT32_MAX);  // no such window: not ok from here on
    else
      window = {leading, 64 - leading - length};
  }
  if (window.leading == 0xff) (void)in.get(UINT32_MAX);
  if (!in.ok()) return 0;
  return in.get(64 - window.leading - window.trailing) << window.trailing;
}

constexpr std::array<unsigned, 3> kDodWidths = {14, 17, 20};

void put_dod(BitsOut& out, int64_t dod) {
  if (dod == 0) return out.put(0, 1);
  for (unsigned i = 0; i < kDodWidths.size(); ++i) {
    const int64_t half = int64_t{1} << (kDodWidths[i] - 1);
    if (dod < -(half - 1) || dod > half) continue;
    out.put((1u << (i + 2)) - 2, i + 2);  // 10, 110, 1110
    return out.put(static_cast<uint64_t>(dod), kDodWidths[i]);
  }
  out.put(0b1111, 4);
  out.put(static_cast<uint64_t>(dod), 64);
}

int64_t get_dod(BitsIn& in) {
  unsigned ones = 0;
  while (ones < 4 && in.get(1) == 1) ++ones;
  if (ones == 0) return 0;
  if (ones == 4) return static_cast<int64_t>(in.get(64));
  const unsigned width = kDodWidths[ones - 1];
  const auto bits = static_cast<int64_t>(in.get(width));
  return bits > int64_t{1} << (width - 1) ? bits - (int64_t{1} << width) : bits;
}

int64_t plus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

}  // namespace

std::string encode_xor_chunk(std::span<const int64_t> times, std::span<const double> values) {
  SL_ASSERT(!times.empty() && times.size() <= kXorSamplesMax && times.size() == values.size());
  BitsOut bits;
  bits.put(times.size(), 16);
  std::string first;
  append_svarint(first, times[0]);
  bits.put_bytes(first);
  auto value = std::bit_cast<uint64_t>(values[0]);
  bits.put(value, 64);
  Window window;
  int64_t delta = 0;
  for (size_t i = 1; i < times.size(); ++i) {
    const int64_t next_delta = times[i] - times[i - 1];
    if (i == 1) {
      std::string second;
      append_uvarint(second, static_cast<uint64_t>(next_delta));
      bits.put_bytes(second);
    } else {
      put_dod(bits, next_delta - delta);
    }
    delta = next_delta;
    const auto next = std::bit_cast<uint64_t>(values[i]);
    put_xor(bits, next ^ value, window);
    value = next;
  }
  return bits.take();
}

Status decode_xor_chunk(std::string_view data, SampleColumns& out) {
  BitsIn bits(data);
  const uint64_t count = bits.get(16);
  const size_t before = out.times.size();
  int64_t time = 0;
  int64_t delta = 0;
  uint64_t value = 0;
  Window window;
  bool good = bits.ok();
  for (uint64_t i = 0; i < count && good; ++i) {
    if (i == 0) {
      time = unzigzag(bits.uvarint());
      value = bits.get(64);
    } else {
      delta = i == 1 ? static_cast<int64_t>(bits.uvarint()) : plus(delta, get_dod(bits));
      time = plus(time, delta);
      value ^= get_xor(bits, window);
      good = time > out.times.back();
    }
    good = good && bits.ok();
    if (!good) break;
    out.times.push_back(time);
    out.values.push_back(std::bit_cast<double>(value));
  }
  if (good) return {};
  out.times.resize(before);
  out.values.resize(before);
  return fail(Errc::kCorrupt, "XOR chunk of ", count, " samples in ", data.size(),
              " bytes is damaged");
}

}  // namespace sightline::tsdb
