#pragma once
// Whether a native histogram began anew since the sample before it: derived when it is appended, as Prometheus does, and
// unlearnt when that sample is no longer the one before it.
#include "tsdb/codec/chunk.h"

namespace sightline::tsdb {

// What the hint of `current` should be after `previous`, which may be null (none, a float) or a stale marker. Gauges stay
// gauges, and a reset that the sender told of stays one.
model::ResetHint derive_reset_hint(const model::Histogram* previous,
                                   const model::Histogram& current);

// With the hint of derive_reset_hint(); a copy where it had another one.
HistogramPtr with_derived_hint(const model::Histogram* previous, HistogramPtr current);

// The same histogram, of which nobody knows whether it began anew; a gauge is returned as it is.
HistogramPtr with_unknown_reset(HistogramPtr histogram);

}  // namespace sightline::tsdb
