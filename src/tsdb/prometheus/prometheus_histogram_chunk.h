#pragma once
// Chunks of native histograms in Prometheus' blocks, of integers and of floats, both ways; those with start timestamps to be read.
//   Layout   all histograms of a chunk have the same buckets; what a reset hint says is a matter of where chunks begin.
//   Errors   kCorrupt when the bits end early, times do not ascend or a histogram contradicts itself.
//   Threads  pure functions.
//   Source   Prometheus, tsdb/docs/format/chunks.md, "Histogram chunk data", "Float histogram chunk data", "... ST chunk data".
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tsdb/codec/chunk.h"
#include "tsdb/querier.h"

namespace sightline::tsdb {

inline constexpr uint8_t kHistogramEncoding = 2;  // in a chunk's encoding byte
inline constexpr uint8_t kFloatHistogramEncoding = 3;
inline constexpr uint8_t kHistogramStartEncoding = 5;  // with start timestamps
inline constexpr uint8_t kFloatHistogramStartEncoding = 6;
inline constexpr size_t kHistogramChunkSamplesMax = 120;

struct PrometheusHistogramChunk {
  uint8_t encoding = kHistogramEncoding;
  size_t samples = 0;
  std::string data;
};

// One chunk of as many of the samples, from the first on, as can share it. There is at least one.
PrometheusHistogramChunk encode_histogram_chunk(std::span<const int64_t> times,
                                                std::span<const HistogramPtr> histograms);
// Appends to histogram_times, histograms and histogram_created of `out`.
Status decode_histogram_chunk(uint8_t encoding, std::string_view data, SampleColumns& out);

}  // namespace sightline::tsdb
