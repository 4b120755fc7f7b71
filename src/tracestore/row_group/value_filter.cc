#include "tracestore/row_group/value_filter.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/checksum.h"

namespace sightline::tracestore {
namespace {

constexpr size_t kWords = 8;  // of a block, 32 bits each
constexpr size_t kBlockBytes = kWords * 4;
constexpr uint64_t kBitsPerValue = 10;  // one in a hundred is mistaken
constexpr std::array<uint32_t, kWords> kSalts = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                                 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};

size_t block_of(uint64_t hash, size_t blocks) {
  return static_cast<size_t>((hash >> 32) * blocks >> 32);
}
uint32_t bit_of(uint64_t hash, size_t word) {
  return 1u << (static_cast<uint32_t>(hash) * kSalts[word] >> 27);
}

}  // namespace

ColumnSeed column_seed(const ColumnId& column) {
  return {xxh3(column.key, static_cast<uint64_t>(column.scope) + 1)};
}

uint64_t value_hash(const ColumnId& column, const model::ValueView& value) {
  return value_hash(column_seed(column), value);
}

uint64_t value_hash(ColumnSeed column, const model::ValueView& value) {
  using model::ValueKind;
  const uint64_t seed = column.value;
  switch (value.kind) {
    case ValueKind::kInt:
    case ValueKind::kDouble: {
      const double real = value.kind == ValueKind::kDouble ? value.double_value
                                                           : static_cast<double>(value.int_value);
      const double one_zero = real == 0 ? 0.0 : real;
      return xxh3({reinterpret_cast<const char*>(&one_zero), sizeof(one_zero)}, seed);
    }
    case ValueKind::kBool: return xxh3(value.int_value != 0 ? "true" : "false", seed ^ 1);
    case ValueKind::kString: return xxh3(value.bytes, seed ^ 2);
    case ValueKind::kArray: return xxh3("array", seed ^ 3);
    default: return xxh3(value.bytes, seed ^ 4);
  }
}

std::string make_value_filter(std::span<const uint64_t> hashes) {
  if (hashes.empty()) return {};
  const size_t blocks = (hashes.size() * kBitsPerValue + kBlockBytes * 8 - 1) / (kBlockBytes * 8);
  std::string filter(blocks * kBlockBytes, '\0');
  for (const uint64_t hash : hashes) {
    char* const block = filter.data() + block_of(hash, blocks) * kBlockBytes;
    for (size_t word = 0; word < kWords; ++word)
      store_le(block + word * 4, load_le<uint32_t>(block + word * 4) | bit_of(hash, word));
  }
  return filter;
}

bool filter_may_hold(std::string_view filter, uint64_t hash) {
  const size_t blocks = filter.size() / kBlockBytes;
  if (blocks == 0) return true;
  const char* const block = filter.data() + block_of(hash, blocks) * kBlockBytes;
  for (size_t word = 0; word < kWords; ++word)
    if ((load_le<uint32_t>(block + word * 4) & bit_of(hash, word)) == 0) return false;
  return true;
}

}  // namespace sightline::tracestore
