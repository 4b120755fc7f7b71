#include "tsdb/codec/decimals.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sightline::tsdb {
namespace {

uint64_t bits_of(double v) { return std::bit_cast<uint64_t>(v); }

}  // namespace

bool is_whole(double v) {
  return std::abs(v) < kExactMax &&
         bits_of(static_cast<double>(static_cast<int64_t>(v))) == bits_of(v);
}

std::optional<int64_t> scaled(double v, unsigned decimals) {
  const double r = v * kPowersOfTen[decimals];
  if (!(std::abs(r) <= kExactMax)) return std::nullopt;
  const auto i =
      static_cast<int64_t>(r + std::copysign(0.5, r));  // nearly the nearest: what follows tells
  const auto back = static_cast<double>(i);
  if (bits_of(decimals == 0 ? back : back / kPowersOfTen[decimals]) != bits_of(v))
    return std::nullopt;
  return i;
}

std::optional<Scaled> scale(std::span<const double> values, unsigned decimals) {
  const size_t misfits_max = values.size() / 8 + 1;
  Scaled s;
  s.integers.reserve(values.size());
  if (decimals == 0)  // the usual case, as far as it goes
    while (s.integers.size() < values.size() && is_whole(values[s.integers.size()]))
      s.integers.push_back(static_cast<int64_t>(values[s.integers.size()]));
  for (size_t i = s.integers.size(); i < values.size(); ++i) {
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

std::optional<unsigned> guess_decimals(std::span<const double> values) {
  if (std::all_of(values.begin(), values.end(), is_whole)) return 0;
  unsigned decimals = 0;
  unsigned misfits = 0;
  for (const double v : values) {
    unsigned d = decimals;
    while (d <= kDecimalsMax && !scaled(v, d)) ++d;
    if (d <= kDecimalsMax)
      decimals = d;
    else if (++misfits > values.size() / 8 + 1)
      return std::nullopt;
  }
  return decimals;
}

void append_misfits(std::string& out, std::span<const double> values,
                    std::span<const uint32_t> misfits) {
  append_uvarint(out, misfits.size());
  uint32_t previous = 0;
  for (const uint32_t at : misfits) {
    append_uvarint(out, at - previous);
    append_le(out, bits_of(values[at]));
    previous = at;
  }
}

bool read_misfits(ByteReader& in, std::span<double> out) {
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

}  // namespace sightline::tsdb
