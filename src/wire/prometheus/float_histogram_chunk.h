#pragma once
// A Prometheus chunk of native histograms with float counts, encoding FLOAT_HISTOGRAM (3): what remote read streams.
//   Layout   schema, thresholds and spans are the chunk's, so that it ends where one of them changes,
//            or where a counter starts anew.
//   Source   Prometheus TSDB format, chunks, float histograms.
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "model/histogram.h"

namespace sightline::wire::prometheus {

inline constexpr int32_t kFloatHistogramChunkType = 3;

using HistogramList = std::span<const std::shared_ptr<const model::Histogram>>;

// How many from the first on fit into one chunk, at most `max`. At least one of at least one.
size_t float_histogram_chunk_length(HistogramList histograms, size_t max);
// Of so many: times ascend.
std::string encode_float_histogram_chunk(std::span<const int64_t> times, HistogramList histograms);

}  // namespace sightline::wire::prometheus
