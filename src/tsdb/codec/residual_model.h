#pragma once
// How numbers near zero are told bit by bit: is it zero, its sign, how many bits it has, its two bits below the highest (all
// adaptive), and the rest as they are. What came before chooses the first probability.
//   Threads  one owner.
//   Format   docs/formats/tsdb_block.md, "Residuals"
#include <array>
#include <bit>

#include "tsdb/codec/range_coder.h"

namespace sightline::tsdb {

class ResidualModel {
 public:
  void put(RangeEncoder& coder, RawBitWriter& raw, int64_t value) {
    const uint64_t size =
        value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
    if (put_size(coder, raw, size)) coder.put(sign_, value < 0);
  }
  int64_t get(RangeDecoder& coder, RawBitReader& raw) {
    const uint64_t size = get_size(coder, raw);
    return static_cast<int64_t>(size != 0 && coder.get(sign_) ? 0 - size : size);
  }
  // Without a sign. `context`, at most 3, is added to what came before.
  bool put_size(RangeEncoder& coder, RawBitWriter& raw, uint64_t size, unsigned context = 0) {
    coder.put(zero_[context][before_], size != 0);
    const auto width = static_cast<unsigned>(std::bit_width(size));
    before_ = width < 3 ? width : 3;
    if (size == 0) return false;
    for (unsigned w = 1; w < 64; ++w) {
      coder.put(width_[w], width > w);
      if (width <= w) break;
    }
    if (width >= 2) {
      const auto first = static_cast<unsigned>((size >> (width - 2)) & 1);
      coder.put(first_[width - 1], first != 0);
      if (width >= 3) coder.put(second_[width - 1][first], ((size >> (width - 3)) & 1) != 0);
      if (width > 3) raw.put(size & ((uint64_t{1} << (width - 3)) - 1), width - 3);
    }
    return true;
  }
  uint64_t get_size(RangeDecoder& coder, RawBitReader& raw, unsigned context = 0) {
    if (!coder.get(zero_[context][before_])) {
      before_ = 0;
      return 0;
    }
    unsigned width = 1;
    while (width < 64 && coder.get(width_[width])) ++width;
    before_ = width < 3 ? width : 3;
    uint64_t size = 1;
    if (width >= 2) {
      const unsigned first = coder.get(first_[width - 1]) ? 1 : 0;
      size = (size << 1) | first;
      if (width >= 3) size = (size << 1) | (coder.get(second_[width - 1][first]) ? 1 : 0);
      if (width > 3) size = (size << (width - 3)) | raw.get(width - 3);
    }
    return size;
  }

 private:
  std::array<std::array<AdaptiveBit, 4>, 4> zero_;
  AdaptiveBit sign_;
  std::array<AdaptiveBit, 64> width_;
  std::array<AdaptiveBit, 64> first_;
  std::array<std::array<AdaptiveBit, 2>, 64> second_;
  unsigned before_ = 0;
};

}  // namespace sightline::tsdb
