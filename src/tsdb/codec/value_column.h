#pragma once
// A column of doubles, kept bit for bit (NaN payloads, stale markers, -0),
// in the cheapest of: constant, integers, decimals as integers, XOR with
// the value before, raw.
//   Format  docs/formats/tsdb_block.md, "Value column"
#include <span>
#include <string>

#include "base/bytes.h"
#include "tsdb/querier.h"

namespace sightline::tsdb {

enum class ValueCodec : uint8_t { kConstant, kInteger, kDecimal, kXor, kRaw };

void append_value_column(std::string& out, std::span<const double> values);

// Reads exactly out.size() values; false when the bytes are damaged.
bool read_value_column(ByteReader& in, std::span<double> out, ValueNeed need = ValueNeed::kAll);

}  // namespace sightline::tsdb
