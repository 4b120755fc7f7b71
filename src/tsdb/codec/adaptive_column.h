#pragma once
// A column of doubles for blocks, where size counts more than a nanosecond: integers and decimals as adaptively coded
// residuals, sums of decimals with the rounding they gathered beside them, else as in value_column.h. Kept bit for bit.
//   Format  docs/formats/tsdb_block.md, "Adaptive column"
#include <span>
#include <string>

#include "base/bytes.h"
#include "tsdb/querier.h"

namespace sightline::tsdb {

enum class AdaptiveCodec : uint8_t { kConstant, kScaled, kRounded, kPlain };
inline constexpr size_t kAdaptiveCodecs = 4;
const char* adaptive_codec_name(AdaptiveCodec codec);
// It takes many times as long to read as a value column.
constexpr bool is_slow_codec(AdaptiveCodec codec) {
  return codec == AdaptiveCodec::kScaled || codec == AdaptiveCodec::kRounded;
}

void append_adaptive_column(std::string& out, std::span<const double> values);
// A value column as it is (value_column.h), which is read sooner.
void append_plain_column(std::string& out, std::string_view value_column);

// Reads exactly out.size() values; false when the bytes are damaged.
bool read_adaptive_column(ByteReader& in, std::span<double> out, ValueNeed need = ValueNeed::kAll);

}  // namespace sightline::tsdb
