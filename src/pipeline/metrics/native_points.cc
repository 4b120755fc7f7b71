#include "pipeline/metrics/native_points.h"

#include "model/histogram_reduce.h"
#include "model/sample.h"

namespace sightline::pipeline {
namespace {

using model::DataPoint;

constexpr double kZeroThreshold = 1e-128;  // of histograms that name none, as the peer writes it
constexpr uint32_t kZeroRunMax = 2;        // empty buckets inside a span

// Spans over dense counts; OTLP's bucket i is native bucket i + 1.
void add_side(const DataPoint::Buckets& from, std::vector<model::BucketSpan>& spans,
              std::vector<double>& buckets) {
  int64_t end = 0;  // of the last span
  size_t i = 0;
  while (i < from.counts.size()) {
    size_t zeros = 0;
    while (i + zeros < from.counts.size() && from.counts[i + zeros] == 0) ++zeros;
    if (i + zeros == from.counts.size()) return;
    const int64_t index = int64_t{from.offset} + static_cast<int64_t>(i + zeros) + 1;
    if (spans.empty() || zeros > kZeroRunMax) {
      spans.push_back({static_cast<int32_t>(spans.empty() ? index : index - end), 0});
    } else {
      spans.back().length += static_cast<uint32_t>(zeros);
      buckets.insert(buckets.end(), zeros, 0.0);
    }
    ++spans.back().length;
    buckets.push_back(static_cast<double>(from.counts[i + zeros]));
    i += zeros + 1;
    end = index + 1;
  }
}

// One side's spans and counts as OTLP's dense buckets.
DataPoint::Buckets dense_buckets(const std::vector<model::BucketSpan>& spans,
                                 const std::vector<double>& counts) {
  DataPoint::Buckets out;
  int64_t index = 0;
  size_t next = 0;
  for (const model::BucketSpan& span : spans) {
    index += span.offset;
    if (out.counts.empty()) out.offset = static_cast<int32_t>(index - 1);
    out.counts.resize(static_cast<size_t>(index - 1 - out.offset));
    for (uint32_t i = 0; i < span.length; ++i, ++index)
      out.counts.push_back(static_cast<uint64_t>(counts[next++]));
  }
  return out;
}

}  // namespace

Result<model::Histogram> native_histogram(const DataPoint& point) {
  if ((point.flags & DataPoint::kNoRecordedValue) != 0)
    return model::Histogram{.sum = model::stale_marker()};
  if (point.scale < model::kSchemaMin)
    return fail(Errc::kInvalidArgument, "exponential histogram of scale ", point.scale,
                ", the coarsest stored is ", model::kSchemaMin);
  model::Histogram h{
      .schema = point.scale,
      .zero_threshold = point.zero_threshold > 0 ? point.zero_threshold : kZeroThreshold,
      .zero_count = static_cast<double>(point.zero_count),
      .count = static_cast<double>(point.count),
      .sum = point.has_sum ? point.sum : 0};
  add_side(point.positive, h.positive_spans, h.positive_buckets);
  add_side(point.negative, h.negative_spans, h.negative_buckets);
  if (h.schema > model::kSchemaMax && !model::reduce_resolution(h, model::kSchemaMax))
    return fail(Errc::kInvalidArgument, "exponential histogram of scale ", point.scale,
                " cannot be reduced");
  return h;
}

void fill_exponential(const model::Histogram& h, DataPoint& point) {
  point.scale = h.schema;
  point.zero_count = static_cast<uint64_t>(h.zero_count);
  point.zero_threshold = h.zero_threshold;
  point.positive = dense_buckets(h.positive_spans, h.positive_buckets);
  point.negative = dense_buckets(h.negative_spans, h.negative_buckets);
}

}  // namespace sightline::pipeline
