#pragma once
// Native histograms of a finer resolution than wanted.
#include "model/histogram.h"

namespace sightline::model {

inline constexpr int32_t kSchemaMax = 8;
inline constexpr int32_t kSchemaMin = -4;

// Joins neighbouring buckets until the schema is `schema`, which is below the present one and standard. False when spans and
// buckets do not fit each other; the histogram is then as before.
bool reduce_resolution(Histogram& histogram, int32_t schema);

}  // namespace sightline::model
