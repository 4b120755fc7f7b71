#include "tsdb/integer_column.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

namespace sightline::tsdb {
namespace {

// All arithmetic wraps, so that any int64 survives differences and bases.
using Words = std::vector<uint64_t>;
__extension__ typedef unsigned __int128 Wide;

struct Packing {
  unsigned order = 0;  // how often differences were taken
  uint64_t base = 0;
  unsigned width = 0;
  uint64_t bits = UINT64_MAX;  // estimated size
};

constexpr unsigned kPlainWidthMax = 6;  // so narrow that several outliers are not looked for

unsigned bit_width(uint64_t v) { return static_cast<unsigned>(std::bit_width(v)); }

// The cheapest width for `residuals` above `base`; outliers cost two varints. Only widths that some residual has can be it.
void consider(const Words& residuals, unsigned order, uint64_t base, Packing& best) {
  std::array<uint32_t, 65> count_by_width{};
  for (const uint64_t r : residuals) ++count_by_width[bit_width(r - base)];
  std::array<uint8_t, 65> widths;
  size_t distinct = 0;
  for (unsigned w = 64; w <= 64; --w)
    if (count_by_width[w] > 0) widths[distinct++] = static_cast<uint8_t>(w);
  const uint64_t head = order * 16 + bit_width(zigzag(static_cast<int64_t>(base)));
  for (size_t i = 0; i < distinct; ++i) {
    const unsigned width = widths[i];
    uint64_t bits = head + residuals.size() * width;
    for (size_t k = 0; k < i && bits < best.bits; ++k)
      bits += uint64_t{count_by_width[widths[k]]} * (8 + 8 * ((widths[k] - width + 6) / 7));
    if (bits < best.bits) best = {order, base, width, bits};
  }
}

void difference(Words& values) {
  for (size_t i = 0; i + 1 < values.size(); ++i) values[i] = values[i + 1] - values[i];
  values.pop_back();
}

bool all_equal(const Words& words) {
  return std::all_of(words.begin(), words.end(), [&](uint64_t w) { return w == words.front(); });
}

Packing choose(const Words& values) {
  Packing best;
  Words residuals = values;
  Words sorted;
  const auto below = [](uint64_t a, uint64_t b) {
    return static_cast<int64_t>(a) < static_cast<int64_t>(b);
  };
  for (unsigned order = 0; order <= 2 && !residuals.empty(); ++order) {
    if (all_equal(residuals)) {  // further differences are all zero
      consider(residuals, order, residuals.front(), best);
      return best;
    }
    const auto [least, greatest] = std::minmax_element(residuals.begin(), residuals.end(), below);
    consider(residuals, order, *least, best);
    // Or the middle one, when a few lie far below; or a low one, when more do.
    sorted = residuals;
    const auto at = [&](size_t index) {
      std::nth_element(sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(index), sorted.end(),
                       below);
      return sorted[index];
    };
    consider(residuals, order, at(sorted.size() / 2), best);
    if (bit_width(*greatest - *least) > kPlainWidthMax)
      consider(residuals, order, at(sorted.size() / 16), best);
    difference(residuals);
  }
  return best;
}

void pack_bits(std::string& out, const Words& words, unsigned width) {
  if (width == 0) return;
  const uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
  Wide pending = 0;
  unsigned filled = 0;
  for (const uint64_t word : words) {
    pending |= static_cast<Wide>(word & mask) << filled;
    filled += width;
    while (filled >= 8) {
      out.push_back(static_cast<char>(pending));
      pending >>= 8;
      filled -= 8;
    }
  }
  if (filled > 0) out.push_back(static_cast<char>(pending));
}

void unpack_bits(std::string_view bytes, unsigned width, uint64_t base, std::span<int64_t> out) {
  const uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
  size_t i = 0;
  size_t bit = 0;
  if (width <= 56) {  // one unaligned load holds any entry
    for (; i < out.size() && bit / 8 + 8 <= bytes.size(); ++i, bit += width)
      out[i] = static_cast<int64_t>(
          ((load_le<uint64_t>(bytes.data() + bit / 8) >> (bit % 8)) & mask) + base);
  }
  for (; i < out.size(); ++i, bit += width) {
    Wide word = 0;
    const size_t first = bit / 8;
    for (size_t b = 0; b < 9 && first + b < bytes.size(); ++b)
      word |= static_cast<Wide>(static_cast<uint8_t>(bytes[first + b])) << (8 * b);
    out[i] = static_cast<int64_t>((static_cast<uint64_t>(word >> (bit % 8)) & mask) + base);
  }
}

}  // namespace

void append_integer_column(std::string& out, std::span<const int64_t> values) {
  if (values.empty()) return;
  Words words(values.begin(), values.end());
  const Packing packing = choose(words);
  out.push_back(static_cast<char>(packing.order));
  for (unsigned i = 0; i < packing.order; ++i) {
    append_svarint(out, static_cast<int64_t>(words.front()));
    difference(words);
  }
  append_svarint(out, static_cast<int64_t>(packing.base));
  out.push_back(static_cast<char>(packing.width));
  for (uint64_t& w : words) w -= packing.base;
  std::string outliers;
  uint64_t outlier_count = 0;
  size_t previous = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    if (bit_width(words[i]) <= packing.width) continue;
    append_uvarint(outliers, i - previous);
    append_uvarint(outliers, words[i] >> packing.width);
    previous = i;
    ++outlier_count;
  }
  append_uvarint(out, outlier_count);
  pack_bits(out, words, packing.width);
  out += outliers;
}

bool read_integer_column(ByteReader& in, std::span<int64_t> out) {
  if (out.empty()) return true;
  const unsigned order = in.u8();
  if (order > 2 || order >= out.size()) return false;
  std::array<uint64_t, 2> seeds{};
  for (unsigned i = 0; i < order; ++i) seeds[i] = static_cast<uint64_t>(in.svarint());
  const auto base = static_cast<uint64_t>(in.svarint());
  const unsigned width = in.u8();
  const uint64_t outlier_count = in.uvarint();
  const std::span<int64_t> residuals = out.subspan(order);
  if (!in.ok() || width > 64 || outlier_count > residuals.size()) return false;
  const std::string_view packed = in.bytes((residuals.size() * width + 7) / 8);
  if (!in.ok()) return false;
  if (width == 0)
    std::fill(residuals.begin(), residuals.end(), static_cast<int64_t>(base));
  else
    unpack_bits(packed, width, base, residuals);
  size_t at = 0;
  for (uint64_t i = 0; i < outlier_count; ++i) {
    const uint64_t gap = in.uvarint();
    const uint64_t high = in.uvarint();
    if (!in.ok() || width >= 64 || gap >= residuals.size() - at) return false;
    at += gap;
    residuals[at] = static_cast<int64_t>(static_cast<uint64_t>(residuals[at]) + (high << width));
  }
  for (unsigned i = order; i-- > 0;) {  // undo the differences, the last taken first
    uint64_t value = seeds[i];
    for (size_t k = i; k < out.size(); ++k) {
      const auto step = k + 1 < out.size() ? static_cast<uint64_t>(out[k + 1]) : 0;
      out[k] = static_cast<int64_t>(value);
      value += step;
    }
  }
  return true;
}

}  // namespace sightline::tsdb
