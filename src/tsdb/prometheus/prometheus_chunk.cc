#include "tsdb/prometheus/prometheus_chunk.h"

#include <array>
#include <bit>

#include "base/bytes.h"
#include "tsdb/prometheus/prometheus_bits.h"

namespace sightline::tsdb {
namespace {

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
  XorWindow window;
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
  XorWindow window;
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
