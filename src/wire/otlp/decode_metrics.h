#pragma once
// ExportMetricsServiceRequest bytes, point by point to a sink, in place.
//   Ownership  every view points into the request bytes; a MetricPoint is reused for the next.
//   Order      of a resource its attributes first, of a metric its name and kind before its points.
//   Lenient    unknown fields are skipped; attribute values nested deeper than 32 are empty.
//   Errors     kInvalidArgument when the bytes are no such message; a sink's error is passed on.
//   Limits     linear in the bytes, which the caller bounds.
//   Threads    pure functions.
//   Source     opentelemetry-proto 1.x, metrics/v1.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "model/span_batch.h"
#include "wire/otlp/responses.h"

namespace sightline::wire::otlp {

enum class MetricKind : uint8_t { kGauge, kSum, kHistogram, kExponentialHistogram, kSummary };
enum class Temporality : uint8_t { kUnspecified, kDelta, kCumulative };  // OTLP's numbers

struct MetricView {
  std::string_view name;
  std::string_view description;
  std::string_view unit;
  MetricKind kind = MetricKind::kGauge;
  Temporality temporality = Temporality::kUnspecified;
  bool is_monotonic = false;
};

struct PointExemplar {
  std::vector<model::AttributeView> attributes;
  uint64_t time_ns = 0;
  double value = 0;
  TraceId trace_id;  // not valid: none, or of a wrong length
  SpanId span_id;
};

// One data point of any kind; what its kind has not is empty.
struct MetricPoint {
  static constexpr uint32_t kNoRecordedValue = 1;  // of flags

  std::vector<model::AttributeView> attributes;
  uint64_t start_ns = 0;
  uint64_t time_ns = 0;
  uint32_t flags = 0;
  double value = 0;    // gauge, sum
  uint64_t count = 0;  // histograms, summary
  double sum = 0;
  bool has_sum = false;
  std::vector<uint64_t> bucket_counts;  // histogram: one more than bounds
  std::vector<double> bounds;
  struct Buckets {
    int32_t offset = 0;
    std::vector<uint64_t> counts;
  };
  int32_t scale = 0;  // exponential histogram
  uint64_t zero_count = 0;
  double zero_threshold = 0;
  Buckets positive;
  Buckets negative;
  struct Quantile {
    double quantile = 0;
    double value = 0;
  };
  std::vector<Quantile> quantiles;  // summary
  std::vector<PointExemplar> exemplars;
};

class MetricsSink {
 public:
  virtual ~MetricsSink() = default;
  virtual Status on_resource(const std::vector<model::AttributeView>& attributes) = 0;
  virtual Status on_metric(const MetricView& metric) = 0;
  virtual Status on_point(const MetricView& metric, const MetricPoint& point) = 0;
};

Status decode_metrics(std::string_view protobuf, MetricsSink& sink);
// OTLP/JSON as protobuf; a fault names the field.
Result<std::string> transcode_metrics_json(std::string_view json);

}  // namespace sightline::wire::otlp
