#include "base/number_text.h"
#include "wire/otlp/encode_metrics.h"

namespace sightline::wire::otlp {
namespace {

using model::DataPoint;
using model::MetricKind;

std::string_view data_name_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::kGauge: return "gauge";
    case MetricKind::kSum: return "sum";
    case MetricKind::kHistogram: return "histogram";
    case MetricKind::kExponentialHistogram: return "exponentialHistogram";
    case MetricKind::kSummary: break;
  }
  return "summary";
}

}  // namespace

MetricsJsonEncoder::MetricsJsonEncoder() {
  json_.open('{');
  json_.key("resourceMetrics");
  json_.open('[');
}

// Closes what is deeper than `level`.
void MetricsJsonEncoder::end_to(Level level) {
  if (level_ == Level::kMetric && level < Level::kMetric) {
    json_.close(']');  // dataPoints
    json_.close('}');  // sum
    json_.close('}');
    level_ = Level::kScope;
  }
  if (level_ == Level::kScope && level < Level::kScope) {
    json_.close(']');  // metrics
    json_.text_field("schemaUrl", scope_url_);
    json_.close('}');
    level_ = Level::kResource;
  }
  if (level_ == Level::kResource && level < Level::kResource) {
    json_.close(']');  // scopeMetrics
    json_.text_field("schemaUrl", resource_url_);
    json_.close('}');
    level_ = Level::kRequest;
  }
}

Status MetricsJsonEncoder::on_resource(const model::MetricResource& resource) {
  end_to(Level::kRequest);
  json_.open('{');
  json_.key("resource");
  json_.open('{');
  json_.attributes(resource.attributes, resource.dropped_attributes);
  json_.close('}');
  json_.key("scopeMetrics");
  json_.open('[');
  resource_url_ = resource.schema_url;
  level_ = Level::kResource;
  return {};
}

Status MetricsJsonEncoder::on_scope(const model::MetricScope& scope) {
  end_to(Level::kResource);
  json_.open('{');
  json_.key("scope");
  json_.open('{');
  json_.text_field("name", scope.name);
  json_.text_field("version", scope.version);
  json_.attributes(scope.attributes, scope.dropped_attributes);
  json_.close('}');
  json_.key("metrics");
  json_.open('[');
  scope_url_ = scope.schema_url;
  level_ = Level::kScope;
  return {};
}

Status MetricsJsonEncoder::on_metric(const model::MetricView& metric) {
  end_to(Level::kScope);
  json_.open('{');
  json_.text_field("name", metric.name);
  json_.text_field("description", metric.description);
  json_.text_field("unit", metric.unit);
  json_.attributes(metric.metadata, 0, "metadata");
  json_.key(data_name_of(metric.kind));
  json_.open('{');
  json_.number_field("aggregationTemporality", static_cast<uint64_t>(metric.temporality));
  if (metric.kind == MetricKind::kSum && metric.is_monotonic) {
    json_.key("isMonotonic");
    json_.raw("true");
  }
  json_.key("dataPoints");
  json_.open('[');
  level_ = Level::kMetric;
  return {};
}

void MetricsJsonEncoder::exemplars(const std::vector<model::PointExemplar>& exemplars) {
  if (exemplars.empty()) return;
  json_.key("exemplars");
  json_.open('[');
  for (const model::PointExemplar& exemplar : exemplars) {
    json_.open('{');
    json_.attributes(exemplar.attributes, 0, "filteredAttributes");
    json_.long_field("timeUnixNano", exemplar.time_ns);
    if (exemplar.is_int) {
      json_.key("asInt");
      json_.text(std::to_string(static_cast<int64_t>(exemplar.value)));
    } else {
      json_.real_field("asDouble", exemplar.value);
    }
    if (exemplar.span_id.is_valid()) json_.text_field("spanId", to_hex(exemplar.span_id));
    if (exemplar.trace_id.is_valid()) json_.text_field("traceId", to_hex(exemplar.trace_id));
    json_.close('}');
  }
  json_.close(']');
}

void MetricsJsonEncoder::number(const DataPoint& point) {
  if (point.is_int) {
    json_.key("asInt");
    json_.text(std::to_string(point.int_value));
  } else if ((point.flags & DataPoint::kNoRecordedValue) == 0) {
    json_.real_field("asDouble", point.value);
  }
}

void MetricsJsonEncoder::distribution(const DataPoint& point) {
  json_.key("count");
  json_.text(std::to_string(point.count));
  if (point.has_sum) json_.real_field("sum", point.sum);
  if (point.has_min) json_.real_field("min", point.min);
  if (point.has_max) json_.real_field("max", point.max);
}

void MetricsJsonEncoder::explicit_buckets(const DataPoint& point) {
  json_.key("bucketCounts");
  json_.open('[');
  for (const uint64_t count : point.bucket_counts) json_.text(std::to_string(count));
  json_.close(']');
  json_.key("explicitBounds");
  json_.open('[');
  for (const double bound : point.bounds) json_.real(bound);
  json_.close(']');
}

void MetricsJsonEncoder::buckets(std::string_view name, const DataPoint::Buckets& buckets) {
  if (buckets.counts.empty() && buckets.offset == 0) return;
  json_.key(name);
  json_.open('{');
  if (buckets.offset != 0) {
    json_.key("offset");
    json_.raw(std::to_string(buckets.offset));
  }
  json_.key("bucketCounts");
  json_.open('[');
  for (const uint64_t count : buckets.counts) json_.text(std::to_string(count));
  json_.close(']');
  json_.close('}');
}

void MetricsJsonEncoder::exponential_buckets(const DataPoint& point) {
  if (point.scale != 0) {
    json_.key("scale");
    json_.raw(std::to_string(point.scale));
  }
  json_.long_field("zeroCount", point.zero_count);
  buckets("positive", point.positive);
  buckets("negative", point.negative);
  if (point.zero_threshold != 0) json_.real_field("zeroThreshold", point.zero_threshold);
}

void MetricsJsonEncoder::quantiles(const DataPoint& point) {
  json_.key("count");
  json_.text(std::to_string(point.count));
  json_.real_field("sum", point.sum);
  json_.key("quantileValues");
  json_.open('[');
  for (const DataPoint::Quantile& q : point.quantiles) {
    json_.open('{');
    json_.real_field("quantile", q.quantile);
    json_.real_field("value", q.value);
    json_.close('}');
  }
  json_.close(']');
}

Status MetricsJsonEncoder::on_point(const model::MetricView& metric, const DataPoint& point) {
  json_.open('{');
  json_.attributes(point.attributes);
  json_.long_field("startTimeUnixNano", point.start_ns);
  json_.long_field("timeUnixNano", point.time_ns);
  switch (metric.kind) {
    case MetricKind::kGauge:
    case MetricKind::kSum: number(point); break;
    case MetricKind::kHistogram:
      distribution(point);
      explicit_buckets(point);
      break;
    case MetricKind::kExponentialHistogram:
      distribution(point);
      exponential_buckets(point);
      break;
    case MetricKind::kSummary: quantiles(point); break;
  }
  exemplars(point.exemplars);
  json_.number_field("flags", point.flags);
  json_.close('}');
  return {};
}

std::string MetricsJsonEncoder::take() {
  end_to(Level::kRequest);
  json_.close(']');
  json_.close('}');
  return json_.take();
}

}  // namespace sightline::wire::otlp
