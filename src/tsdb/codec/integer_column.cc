#include "tsdb/codec/integer_column.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>
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

unsigned bit_width(uint64_t v) { return static_cast<unsigned>(std::bit_width(v)); }

uint64_t head_bits(unsigned order, uint64_t base) {
  return order * 16 + bit_width(zigzag(static_cast<int64_t>(base)));
}

void difference(Words& values) {
  for (size_t i = 0; i + 1 < values.size(); ++i) values[i] = values[i + 1] - values[i];
  values.pop_back();
}

// Signed, as the base is written.
struct Bounds {
  int64_t least = std::numeric_limits<int64_t>::max();
  int64_t greatest = std::numeric_limits<int64_t>::min();
  void add(uint64_t word) {
    least = std::min(least, static_cast<int64_t>(word));
    greatest = std::max(greatest, static_cast<int64_t>(word));
  }
  unsigned width() const {
    return bit_width(static_cast<uint64_t>(greatest) - static_cast<uint64_t>(least));
  }
};

// Of the values, of their first and of their second differences.
std::array<Bounds, 3> bounds_by_order(const Words& values) {
  std::array<Bounds, 3> bounds;
  uint64_t value = values[0];
  bounds[0].add(value);
  if (values.size() < 2) return bounds;
  uint64_t step = values[1] - value;
  value = values[1];
  bounds[0].add(value);
  bounds[1].add(step);
  for (size_t i = 2; i < values.size(); ++i) {
    const uint64_t next = values[i] - value;
    bounds[0].add(values[i]);
    bounds[1].add(next);
    bounds[2].add(next - step);
    value = values[i];
    step = next;
  }
  return bounds;
}

// The cheapest width for `residuals` above `base`; outliers cost two varints. Only widths that some residual has can be it.
void consider(const Words& residuals, unsigned order, uint64_t base, Packing& best) {
  std::array<uint32_t, 65> count_by_width{};
  for (const uint64_t r : residuals) ++count_by_width[bit_width(r - base)];
  std::array<uint8_t, 65> widths;
  size_t distinct = 0;
  for (unsigned w = 64; w <= 64; --w)
    if (count_by_width[w] > 0) widths[distinct++] = static_cast<uint8_t>(w);
  const uint64_t head = head_bits(order, base);
  for (size_t i = 0; i < distinct; ++i) {
    const unsigned width = widths[i];
    uint64_t bits = head + residuals.size() * width;
    for (size_t k = 0; k < i && bits < best.bits; ++k)
      bits += uint64_t{count_by_width[widths[k]]} * (8 + 8 * ((widths[k] - width + 6) / 7));
    if (bits < best.bits) best = {order, base, width, bits};
  }
}

// When a few lie far from the others: above the least, the middle, or a low one.
void consider_outliers(const Words& residuals, unsigned order, uint64_t least, Packing& best) {
  consider(residuals, order, least, best);
  Words sorted = residuals;
  const auto at = [&](size_t index) {
    std::nth_element(
        sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(index), sorted.end(),
        [](uint64_t a, uint64_t b) { return static_cast<int64_t>(a) < static_cast<int64_t>(b); });
    return sorted[index];
  };
  consider(residuals, order, at(sorted.size() / 2), best);
  consider(residuals, order, at(sorted.size() / 16), best);
}

// About how many bits most residuals of an order need: the spread of a few of them, without the two farthest on each side.
unsigned usual_width(const Words& values, unsigned order) {
  constexpr size_t kProbes = 16;
  if (values.size() < 2 * kProbes) return 0;
  std::array<int64_t, kProbes> probes;
  for (size_t i = 0; i < kProbes; ++i) {
    const uint64_t* at = values.data() + i * (values.size() - order) / kProbes;
    const uint64_t residual = order == 0   ? at[0]
                              : order == 1 ? at[1] - at[0]
                                           : at[2] - 2 * at[1] + at[0];
    probes[i] = static_cast<int64_t>(residual);
  }
  std::sort(probes.begin(), probes.end());
  return bit_width(static_cast<uint64_t>(probes[kProbes - 3]) - static_cast<uint64_t>(probes[2]));
}

// Outliers are looked for when most are equal, or all need many more bits than most.
bool may_have_outliers(unsigned width, unsigned usual) {
  constexpr unsigned kFewBits = 6;
  return usual == 0 || (width > kFewBits && width > usual + 2);
}

Packing choose(const Words& values) {
  Packing best;
  const auto bounds = bounds_by_order(values);
  for (unsigned order = 0; order <= 2 && order < values.size(); ++order) {
    const auto least = static_cast<uint64_t>(bounds[order].least);
    const unsigned width = bounds[order].width();
    const uint64_t bits = head_bits(order, least) + (values.size() - order) * width;
    if (bits < best.bits) best = {order, least, width, bits};
    if (width == 0) return best;  // further differences are all zero
  }
  Words residuals;
  for (unsigned order = 0; order <= 2 && order < values.size(); ++order) {
    if (!may_have_outliers(bounds[order].width(), usual_width(values, order))) continue;
    if (residuals.empty()) residuals = values;
    while (residuals.size() + order > values.size()) difference(residuals);
    consider_outliers(residuals, order, static_cast<uint64_t>(bounds[order].least), best);
  }
  return best;
}

void pack_bits(std::string& out, const Words& words, unsigned width) {
  if (width == 0) return;
  const uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
  const size_t begin = out.size();
  out.resize(begin + (words.size() * width + 7) / 8 + 8);
  char* at = out.data() + begin;
  uint64_t pending = 0;
  unsigned filled = 0;
  for (const uint64_t word : words) {
    const uint64_t bits = word & mask;
    pending |= bits << filled;
    filled += width;
    if (filled < 64) continue;
    store_le(at, pending);
    at += 8;
    filled -= 64;
    pending = filled == 0 ? 0 : bits >> (width - filled);
  }
  store_le(at, pending);
  out.resize(begin + (words.size() * width + 7) / 8);
}

// Eight entries of a width known when compiled, from 8 * width bits that may be read 8 bytes beyond.
template <unsigned kWidth, size_t... kIndexes>
void unpack_eight(const char* from, int64_t* out, std::index_sequence<kIndexes...>) {
  constexpr uint64_t kMask = (uint64_t{1} << kWidth) - 1;
  ((out[kIndexes] = static_cast<int64_t>(
        (load_le<uint64_t>(from + kIndexes * kWidth / 8) >> (kIndexes * kWidth % 8)) & kMask)),
   ...);
}

template <unsigned kWidth>
size_t unpack_eights(std::string_view bytes, std::span<int64_t> out) {
  size_t done = 0;
  for (const char* from = bytes.data();
       done + 8 <= out.size() && done / 8 * kWidth + kWidth + 8 <= bytes.size();
       done += 8, from += kWidth)
    unpack_eight<kWidth>(from, out.data() + done, std::make_index_sequence<8>());
  return done;
}

constexpr unsigned kUnrolledWidthMax = 32;
template <size_t... kWidths>
constexpr auto unpack_table(std::index_sequence<kWidths...>) {
  return std::array{&unpack_eights<kWidths + 1>...};
}
constexpr auto kUnpackEights = unpack_table(std::make_index_sequence<kUnrolledWidthMax>());

// Without the base.
void unpack_bits(std::string_view bytes, unsigned width, std::span<int64_t> out) {
  const uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
  size_t i = width <= kUnrolledWidthMax ? kUnpackEights[width - 1](bytes, out) : 0;
  size_t bit = i * width;
  if (width <= 56) {  // one unaligned load holds any entry
    for (; i < out.size() && bit / 8 + 8 <= bytes.size(); ++i, bit += width)
      out[i] =
          static_cast<int64_t>((load_le<uint64_t>(bytes.data() + bit / 8) >> (bit % 8)) & mask);
  }
  for (; i < out.size(); ++i, bit += width) {
    Wide word = 0;
    const size_t first = bit / 8;
    for (size_t b = 0; b < 9 && first + b < bytes.size(); ++b)
      word |= static_cast<Wide>(static_cast<uint8_t>(bytes[first + b])) << (8 * b);
    out[i] = static_cast<int64_t>(static_cast<uint64_t>(word >> (bit % 8)) & mask);
  }
}

// Puts the base on and undoes the differences, the last taken first.
void integrate(std::span<int64_t> out, unsigned order, std::array<uint64_t, 2> seeds,
               uint64_t base) {
  if (order == 0) {
    for (int64_t& v : out) v = static_cast<int64_t>(static_cast<uint64_t>(v) + base);
    return;
  }
  for (unsigned i = order; i-- > 0; base = 0) {
    uint64_t value = seeds[i];
    for (size_t k = i; k + 1 < out.size(); ++k) {
      const uint64_t step = static_cast<uint64_t>(out[k + 1]) + base;
      out[k] = static_cast<int64_t>(value);
      value += step;
    }
    out.back() = static_cast<int64_t>(value);
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

namespace {

struct ColumnHead {
  unsigned order = 0;
  std::array<uint64_t, 2> seeds{};
  uint64_t base = 0;
  unsigned width = 0;
  uint64_t outlier_count = 0;
  std::string_view packed;
};

bool read_head(ByteReader& in, size_t count, ColumnHead& head) {
  head.order = in.u8();
  if (head.order > 2 || head.order >= count) return false;
  for (unsigned i = 0; i < head.order; ++i) head.seeds[i] = static_cast<uint64_t>(in.svarint());
  head.base = static_cast<uint64_t>(in.svarint());
  head.width = in.u8();
  head.outlier_count = in.uvarint();
  const size_t residuals = count - head.order;
  if (!in.ok() || head.width > 64 || head.outlier_count > residuals) return false;
  head.packed = in.bytes((residuals * head.width + 7) / 8);
  return in.ok();
}

// Unpacked in pieces that stay in the nearest cache until they are summed up; begins at a whole byte.
constexpr size_t kPieceEntries = 64;

// A column without outliers in one pass, as integers or as doubles.
template <unsigned kOrder, typename Number>
void sum_up(const ColumnHead& head, std::span<Number> out) {
  uint64_t value = head.seeds[0];
  uint64_t step = head.seeds[1];
  const auto put = [&](size_t i, uint64_t v) {
    out[i] = static_cast<Number>(static_cast<int64_t>(v));
  };
  if constexpr (kOrder >= 1) put(0, value);
  if constexpr (kOrder == 2) put(1, value += step);
  int64_t piece[kPieceEntries];
  for (size_t at = kOrder; at < out.size(); at += kPieceEntries) {
    const size_t count = std::min(kPieceEntries, out.size() - at);
    const size_t byte = (at - kOrder) * head.width / 8;
    unpack_bits(head.packed.substr(byte), head.width, std::span(piece, count));
    for (size_t i = 0; i < count; ++i) {
      const uint64_t residual = static_cast<uint64_t>(piece[i]) + head.base;
      if constexpr (kOrder == 0) {
        put(at + i, residual);
      } else if constexpr (kOrder == 1) {
        put(at + i, value += residual);
      } else {
        put(at + i, value += step += residual);
      }
    }
  }
}

// All residuals are the base.
template <typename Number>
void sum_up_bases(const ColumnHead& head, std::span<Number> out) {
  const bool even = head.order == 2 && head.base == 0;  // so are the steps
  const uint64_t first = head.order == 0 ? head.base : head.seeds[0];
  uint64_t step = head.order == 0 ? 0 : head.order == 1 ? head.base : head.seeds[1];
  if (head.order < 2 || even) {
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<Number>(static_cast<int64_t>(first + i * step));
    return;
  }
  uint64_t value = first;
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<Number>(static_cast<int64_t>(value));
    value += step;
    step += head.base;
  }
}

template <typename Number>
void read_regular(const ColumnHead& head, std::span<Number> out) {
  if (head.width == 0) return sum_up_bases(head, out);
  if (head.order == 0) return sum_up<0>(head, out);
  if (head.order == 1) return sum_up<1>(head, out);
  return sum_up<2>(head, out);
}

bool read_with_outliers(ByteReader& in, const ColumnHead& head, std::span<int64_t> out) {
  const std::span<int64_t> residuals = out.subspan(head.order);
  if (head.width == 0)
    std::fill(residuals.begin(), residuals.end(), 0);
  else
    unpack_bits(head.packed, head.width, residuals);
  size_t at = 0;
  for (uint64_t i = 0; i < head.outlier_count; ++i) {
    const uint64_t gap = in.uvarint();
    const uint64_t high = in.uvarint();
    if (!in.ok() || head.width >= 64 || gap >= residuals.size() - at) return false;
    at += gap;
    residuals[at] =
        static_cast<int64_t>(static_cast<uint64_t>(residuals[at]) + (high << head.width));
  }
  integrate(out, head.order, head.seeds, head.base);
  return true;
}

}  // namespace

bool read_integer_column(ByteReader& in, std::span<int64_t> out) {
  if (out.empty()) return true;
  ColumnHead head;
  if (!read_head(in, out.size(), head)) return false;
  if (head.outlier_count > 0) return read_with_outliers(in, head, out);
  read_regular(head, out);
  return true;
}

bool read_integer_column(ByteReader& in, std::span<double> out) {
  if (out.empty()) return true;
  ColumnHead head;
  if (!read_head(in, out.size(), head)) return false;
  if (head.outlier_count == 0) {
    read_regular(head, out);
    return true;
  }
  std::vector<int64_t> integers(out.size());
  if (!read_with_outliers(in, head, integers)) return false;
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(integers[i]);
  return true;
}

bool skip_integer_column(ByteReader& in, size_t count) {
  if (count == 0) return true;
  ColumnHead head;
  if (!read_head(in, count, head)) return false;
  for (uint64_t i = 0; i < 2 * head.outlier_count; ++i) (void)in.uvarint();
  return in.ok();
}

}  // namespace sightline::tsdb
