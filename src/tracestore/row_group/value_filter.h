#pragma once
// Which values a row group surely does not hold: a split block Bloom filter (as in Parquet) of hashes.
//   Format  docs/formats/trace_block.md, "Filter".
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/span_batch.h"
#include "tracestore/row_group/column_id.h"

namespace sightline::tracestore {

// Of a value of a column. Numbers that TraceQL takes for equal have one hash, and so have all arrays of a column,
// whose elements nobody looks at here.
uint64_t value_hash(const ColumnId& column, const model::ValueView& value);
// The same in two steps, for many values of a column.
struct ColumnSeed {
  uint64_t value = 0;
};
ColumnSeed column_seed(const ColumnId& column);
uint64_t value_hash(ColumnSeed column, const model::ValueView& value);

// Empty for no hashes.
std::string make_value_filter(std::span<const uint64_t> hashes);
// True for bytes that are none.
bool filter_may_hold(std::string_view filter, uint64_t hash);

}  // namespace sightline::tracestore
