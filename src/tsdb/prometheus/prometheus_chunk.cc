#include "tsdb/prometheus/prometheus_chunk.h"

#include <array>
#include <bit>

#include "base/bytes.h"
#include "model/sample.h"
#include "tsdb/codec/chunk.h"
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

// Times and values of an XOR2 chunk. A stale marker is told by its own sign, and does not count as the value before the next one.
class Xor2Samples {
 public:
  void get(BitsIn& in, uint64_t index) {
    if (index == 0) {
      time_ = unzigzag(in.uvarint());
      set_value(in.get(64));
    } else if (index == 1) {
      delta_ = static_cast<int64_t>(in.uvarint());
      get_value(in);
    } else {
      get_both(in);
    }
    if (index > 0) time_ = plus(time_, delta_);
  }
  int64_t time() const { return time_; }
  double value() const { return value_; }

 private:
  static unsigned get_ones(BitsIn& in, unsigned max) {
    unsigned ones = 0;
    while (ones < max && in.get(1) == 1) ++ones;
    return ones;
  }
  void set_value(uint64_t bits) {
    value_ = std::bit_cast<double>(bits);
    if (!model::is_stale_marker(value_)) before_ = bits;
  }
  // Whether the value changed, too.
  void get_both(BitsIn& in) {
    constexpr std::array<unsigned, 3> kWidths = {13, 20, 64};
    switch (const unsigned ones = get_ones(in, 5)) {
      case 0: set_value(before_); break;
      case 1:
        if (in.get(1) == 1) get_window(in, window_);
        set_value(before_ ^ get_in_window(in, window_));
        break;
      case 5: value_ = model::stale_marker(); break;
      default: {
        const unsigned unused = 64 - kWidths[ones - 2];
        const auto dod = static_cast<int64_t>(in.get(kWidths[ones - 2]) << unused) >> unused;
        delta_ = plus(delta_, dod);
        get_value(in);
      }
    }
  }
  void get_value(BitsIn& in) {
    switch (get_ones(in, 3)) {
      case 0: return set_value(before_);
      case 1: return set_value(before_ ^ get_in_window(in, window_));
      case 2: get_window(in, window_); return set_value(before_ ^ get_in_window(in, window_));
      default: value_ = model::stale_marker();
    }
  }

  int64_t time_ = 0;
  int64_t delta_ = 0;
  double value_ = 0;
  uint64_t before_ = 0;  // the last value that is no stale marker
  XorWindow window_;
};

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

Status decode_xor2_chunk(std::string_view data, SampleColumns& out) {
  BitsIn bits(data);
  const uint64_t count = bits.get(16);
  StartTimesIn starts(bits.get(8));
  const size_t before = out.times.size();
  Xor2Samples samples;
  std::vector<int64_t> created = out.created;
  bool good = bits.ok();
  for (uint64_t i = 0; i < count && good; ++i) {
    const int64_t previous = samples.time();
    samples.get(bits, i);
    const int64_t start = starts.get(bits, i, samples.time(), previous);
    good = bits.ok() && (i == 0 || samples.time() > previous);
    if (!good) break;
    append_created(created, out.times.size(), start);
    out.times.push_back(samples.time());
    out.values.push_back(samples.value());
  }
  if (good) {
    if (!created.empty()) created.resize(out.times.size());
    out.created = std::move(created);
    return {};
  }
  out.times.resize(before);
  out.values.resize(before);
  return fail(Errc::kCorrupt, "XOR2 chunk of ", count, " samples in ", data.size(),
              " bytes is damaged");
}

}  // namespace sightline::tsdb
