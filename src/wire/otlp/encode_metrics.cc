#include "wire/otlp/encode_metrics.h"

#include <utility>

#include "wire/otlp/message_parts.h"

namespace sightline::wire::otlp {
namespace {

using model::DataPoint;
using model::MetricKind;
using protozero::pbf_writer;

uint32_t data_field_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::kGauge: return 5;
    case MetricKind::kSum: return 7;
    case MetricKind::kHistogram: return 9;
    case MetricKind::kExponentialHistogram: return 10;
    case MetricKind::kSummary: break;
  }
  return 11;
}

void write_exemplars(pbf_writer& out, uint32_t field,
                     const std::vector<model::PointExemplar>& exemplars) {
  for (const model::PointExemplar& exemplar : exemplars) {
    pbf_writer message(out, field);
    if (exemplar.time_ns != 0) message.add_fixed64(2, exemplar.time_ns);
    if (exemplar.is_int)
      message.add_sfixed64(6, static_cast<int64_t>(exemplar.value));
    else
      message.add_double(3, exemplar.value);
    put_id(message, 4, exemplar.span_id);
    put_id(message, 5, exemplar.trace_id);
    write_attributes(message, 7, exemplar.attributes);
  }
}

void write_times(pbf_writer& out, const DataPoint& point) {
  if (point.start_ns != 0) out.add_fixed64(2, point.start_ns);
  if (point.time_ns != 0) out.add_fixed64(3, point.time_ns);
}

void write_number_point(pbf_writer& out, const DataPoint& point) {
  write_times(out, point);
  if (point.is_int)
    out.add_sfixed64(6, point.int_value);
  else if ((point.flags & DataPoint::kNoRecordedValue) == 0)
    out.add_double(4, point.value);
  write_exemplars(out, 5, point.exemplars);
  write_attributes(out, 7, point.attributes);
  put_number(out, 8, point.flags);
}

void write_histogram_point(pbf_writer& out, const DataPoint& point) {
  write_times(out, point);
  out.add_fixed64(4, point.count);
  if (point.has_sum) out.add_double(5, point.sum);
  out.add_packed_fixed64(6, point.bucket_counts.begin(), point.bucket_counts.end());
  out.add_packed_double(7, point.bounds.begin(), point.bounds.end());
  write_exemplars(out, 8, point.exemplars);
  write_attributes(out, 9, point.attributes);
  put_number(out, 10, point.flags);
  if (point.has_min) out.add_double(11, point.min);
  if (point.has_max) out.add_double(12, point.max);
}

void write_buckets(pbf_writer& out, uint32_t field, const DataPoint::Buckets& buckets) {
  pbf_writer message(out, field);
  if (buckets.offset != 0) message.add_sint32(1, buckets.offset);
  message.add_packed_uint64(2, buckets.counts.begin(), buckets.counts.end());
}

void write_exponential_point(pbf_writer& out, const DataPoint& point) {
  write_attributes(out, 1, point.attributes);
  write_times(out, point);
  out.add_fixed64(4, point.count);
  if (point.has_sum) out.add_double(5, point.sum);
  if (point.scale != 0) out.add_sint32(6, point.scale);
  if (point.zero_count != 0) out.add_fixed64(7, point.zero_count);
  write_buckets(out, 8, point.positive);
  write_buckets(out, 9, point.negative);
  put_number(out, 10, point.flags);
  write_exemplars(out, 11, point.exemplars);
  if (point.has_min) out.add_double(12, point.min);
  if (point.has_max) out.add_double(13, point.max);
  if (point.zero_threshold != 0) out.add_double(14, point.zero_threshold);
}

void write_summary_point(pbf_writer& out, const DataPoint& point) {
  write_times(out, point);
  out.add_fixed64(4, point.count);
  out.add_double(5, point.sum);
  for (const DataPoint::Quantile& q : point.quantiles) {
    pbf_writer message(out, 6);
    message.add_double(1, q.quantile);
    message.add_double(2, q.value);
  }
  write_attributes(out, 7, point.attributes);
  put_number(out, 8, point.flags);
}

// ScopeMetrics and ResourceMetrics are alike: who, the encoded members, the schema's URL. One without members is left out.
void end_group(std::string_view who, std::string_view members, std::string_view schema_url,
               uint32_t field, std::string& parent) {
  if (members.empty()) return;
  std::string message;
  pbf_writer writer(message);
  put(writer, 1, who);
  message += members;
  put(writer, 3, schema_url);
  pbf_writer out(parent);
  put(out, field, message);
}

}  // namespace

Status MetricsEncoder::on_resource(const model::MetricResource& resource) {
  end_resource();
  pbf_writer message(resource_);
  write_attributes(message, 1, resource.attributes);
  put_number(message, 2, resource.dropped_attributes);
  resource_url_ = resource.schema_url;
  return {};
}

Status MetricsEncoder::on_scope(const model::MetricScope& scope) {
  end_scope();
  pbf_writer message(scope_);
  put(message, 1, scope.name);
  put(message, 2, scope.version);
  write_attributes(message, 3, scope.attributes);
  put_number(message, 4, scope.dropped_attributes);
  scope_url_ = scope.schema_url;
  return {};
}

Status MetricsEncoder::on_metric(const model::MetricView& metric) {
  end_metric();
  pbf_writer message(metric_);
  put(message, 1, metric.name);
  put(message, 2, metric.description);
  put(message, 3, metric.unit);
  write_attributes(message, 12, metric.metadata);
  data_field_ = data_field_of(metric.kind);
  if (metric.kind == MetricKind::kGauge || metric.kind == MetricKind::kSummary) return {};
  pbf_writer data(data_);
  put_number(data, 2, static_cast<uint32_t>(metric.temporality));
  if (metric.kind == MetricKind::kSum && metric.is_monotonic) data.add_bool(3, true);
  return {};
}

Status MetricsEncoder::on_point(const model::MetricView& metric, const DataPoint& point) {
  ++points_;
  ++metric_points_;
  pbf_writer data(data_);
  pbf_writer message(data, 1);
  switch (metric.kind) {
    case MetricKind::kGauge:
    case MetricKind::kSum: write_number_point(message, point); break;
    case MetricKind::kHistogram: write_histogram_point(message, point); break;
    case MetricKind::kExponentialHistogram: write_exponential_point(message, point); break;
    case MetricKind::kSummary: write_summary_point(message, point); break;
  }
  return {};
}

void MetricsEncoder::end_metric() {
  if (metric_points_ > 0) {
    pbf_writer metric(metric_);
    put(metric, data_field_, data_);
    pbf_writer metrics(metrics_);
    put(metrics, 2, metric_);
  }
  metric_.clear();
  data_.clear();
  metric_points_ = 0;
}

void MetricsEncoder::end_scope() {
  end_metric();
  end_group(scope_, metrics_, scope_url_, 2, scopes_);
  metrics_.clear();
  scope_.clear();
  scope_url_.clear();
}

void MetricsEncoder::end_resource() {
  end_scope();
  end_group(resource_, scopes_, resource_url_, 1, out_);
  scopes_.clear();
  resource_.clear();
  resource_url_.clear();
}

std::string MetricsEncoder::take() {
  end_resource();
  points_ = 0;
  return std::exchange(out_, {});
}

}  // namespace sightline::wire::otlp
