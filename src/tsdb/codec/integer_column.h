#pragma once
// A column of 64-bit integers in few bytes: as it is, as first or as second
// differences, whichever is smallest; the rest bit-packed above a base, with
// outliers patched in. Regular timestamps cost nothing per entry.
//   Format  docs/formats/tsdb_block.md, "Integer column"
#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"

namespace sightline::tsdb {

void append_integer_column(std::string& out, std::span<const int64_t> values);

// Reads exactly out.size() integers; false when the bytes are damaged.
bool read_integer_column(ByteReader& in, std::span<int64_t> out);
bool read_integer_column(ByteReader& in, std::span<double> out);  // each rounded to a double
// Goes past one of `count` integers; false when that cannot be.
bool skip_integer_column(ByteReader& in, size_t count);

}  // namespace sightline::tsdb
