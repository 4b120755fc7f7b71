#pragma once
// OTLP's metrics as views, point by point: what decoding hands on, connectors bring forth, and whoever edits, encodes,
// stores or prints metrics takes.
//   Ownership  every view points into memory of whoever calls the sink and dies with that call.
//   Source     opentelemetry-proto 1.x, metrics/v1.
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "model/span_batch.h"

namespace sightline::model {

enum class MetricKind : uint8_t { kGauge, kSum, kHistogram, kExponentialHistogram, kSummary };
enum class Temporality : uint8_t { kUnspecified, kDelta, kCumulative };  // OTLP's numbers

struct MetricResource {
  std::vector<AttributeView> attributes;
  uint32_t dropped_attributes = 0;
  std::string_view schema_url;  // of ResourceMetrics
};

struct MetricScope {
  std::string_view name;
  std::string_view version;
  std::vector<AttributeView> attributes;
  uint32_t dropped_attributes = 0;
  std::string_view schema_url;  // of ScopeMetrics
};

struct MetricView {
  std::string_view name;
  std::string_view description;
  std::string_view unit;
  std::vector<AttributeView> metadata;
  MetricKind kind = MetricKind::kGauge;
  Temporality temporality = Temporality::kUnspecified;
  bool is_monotonic = false;
};

struct PointExemplar {
  std::vector<AttributeView> attributes;
  uint64_t time_ns = 0;
  double value = 0;
  bool is_int = false;  // it was sent as the integer that `value` holds
  TraceId trace_id;     // not valid: none, or of a wrong length
  SpanId span_id;
};

// One data point of any kind; what its kind has not is empty.
struct DataPoint {
  static constexpr uint32_t kNoRecordedValue = 1;  // of flags

  std::vector<AttributeView> attributes;
  uint64_t start_ns = 0;
  uint64_t time_ns = 0;
  uint32_t flags = 0;
  double value = 0;  // gauge, sum
  bool is_int = false;
  int64_t int_value = 0;  // as sent, where is_int
  uint64_t count = 0;     // histograms, summary
  double sum = 0;
  bool has_sum = false;
  bool has_min = false, has_max = false;
  double min = 0, max = 0;
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

// Takes metrics in the order they lie in a request: a resource, its scopes, of each the metrics, of each the points.
// An error ends the walk and is passed on.
class MetricsSink {
 public:
  virtual ~MetricsSink() = default;
  virtual Status on_resource(const MetricResource& resource) = 0;
  virtual Status on_scope(const MetricScope&) { return {}; }
  virtual Status on_metric(const MetricView& metric) = 0;
  virtual Status on_point(const MetricView& metric, const DataPoint& point) = 0;
};

}  // namespace sightline::model
