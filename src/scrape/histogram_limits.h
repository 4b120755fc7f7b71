#pragma once
// What a scrape configuration allows a native histogram: buckets are joined until it fits.
#include "config/prometheus/prometheus_config.h"
#include "model/histogram.h"

namespace sightline::scrape {

// False: it has more buckets than allowed even at the coarsest resolution, or its buckets cannot be joined.
//   Source  Prometheus: native_histogram_bucket_limit, native_histogram_min_bucket_factor.
bool fit_histogram(model::Histogram& histogram, const config::SampleLimits& limits);

}  // namespace sightline::scrape
