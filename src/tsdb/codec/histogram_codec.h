#pragma once
// One native histogram as bytes, against the one before it: same buckets cost
// only the differences of their counts.
//   Limits  kHistogramBucketsMax buckets and spans a side.
//   Format  docs/formats/tsdb_block.md, "Histogram"
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "model/histogram.h"

namespace sightline::tsdb {

inline constexpr size_t kHistogramBucketsMax = 65'536;

// kInvalidArgument, naming what does not fit: schema, spans, counts, bounds.
Status check_histogram(const model::Histogram& histogram);

// `previous` may be null.
void append_histogram_bytes(std::string& out, const model::Histogram& histogram,
                            const model::Histogram* previous);
// Null when the bytes are damaged.
std::shared_ptr<const model::Histogram> read_histogram_bytes(ByteReader& in,
                                                             const model::Histogram* previous);

}  // namespace sightline::tsdb
