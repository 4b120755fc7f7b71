#include "pipeline/metrics/metrics_translation.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/number_text.h"
#include "base/text_codec.h"
#include "model/histogram_reduce.h"
#include "model/sample.h"
#include "model/value_text.h"
#include "pipeline/metrics/metric_names.h"
#include "pipeline/metrics/native_points.h"
#include "pipeline/metrics/point_families.h"

namespace sightline::pipeline {
namespace {

using model::DataPoint;
using model::MetricKind;
using model::MetricView;
using model::Temporality;

constexpr int64_t kTargetInfoEveryMs = 150'000;  // half a lookback

int64_t to_ms(uint64_t ns) { return static_cast<int64_t>(ns / 1'000'000); }

bool is_stale(const DataPoint& point) { return (point.flags & DataPoint::kNoRecordedValue) != 0; }

bool is_bad_data(const Error& error) {
  return error.code == Errc::kInvalidArgument || error.code == Errc::kOutOfRange ||
         error.code == Errc::kAlreadyExists;
}

}  // namespace

// Several keys may become one name: their values are joined in the order of the keys.
model::LabelsBuilder MetricsTranslation::labels_of(const Attributes& attributes) const {
  std::vector<const model::AttributeView*> sorted;
  for (const auto& attribute : attributes) sorted.push_back(&attribute);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto* a, const auto* b) { return a->key < b->key; });
  model::LabelsBuilder labels;
  for (const auto* attribute : sorted) {
    const std::string name = label_name(attribute->key);
    if (name.empty()) continue;
    const std::string value = to_valid_utf8(model::value_text(attribute->value));
    const std::string before(labels.get(name));
    labels.set(name, before.empty() ? value : before + ";" + value);
  }
  for (const model::LabelView label : scope_labels_) labels.set(label.name, label.value);
  for (const model::LabelView label : resource_labels_) labels.set(label.name, label.value);
  return labels;
}

std::string MetricsTranslation::label_name(std::string_view key) const {
  return options_.names.utf8 ? to_valid_utf8(key) : prometheus_label_name(key);
}

Status MetricsTranslation::on_scope(const model::MetricScope& scope) {
  scope_labels_ = {};
  if (!options_.scope_labels) return {};
  model::LabelsBuilder labels;
  for (const auto& a : scope.attributes)
    if (a.key != "name" && a.key != "version" && a.key != "schema_url")
      labels.set(label_name("otel_scope_" + std::string(a.key)),
                 to_valid_utf8(model::value_text(a.value)));
  scope_labels_ = labels.set("otel_scope_name", to_valid_utf8(scope.name))
                      .set("otel_scope_version", to_valid_utf8(scope.version))
                      .set("otel_scope_schema_url", to_valid_utf8(scope.schema_url))
                      .build();
  return {};
}

Status MetricsTranslation::on_resource(const model::MetricResource& resource) {
  if (auto status = write_target_info(); !status) return status;
  std::string job;
  std::string service_namespace;
  std::string instance;
  Attributes others;
  for (const auto& attribute : resource.attributes) {
    if (attribute.key == "service.name")
      job = model::value_text(attribute.value);
    else if (attribute.key == "service.namespace")
      service_namespace = model::value_text(attribute.value);
    else if (attribute.key == "service.instance.id")
      instance = model::value_text(attribute.value);
    else
      others.push_back(attribute);
  }
  if (!job.empty() && !service_namespace.empty()) job = service_namespace + "/" + job;
  resource_labels_ = model::LabelsBuilder()
                         .set("job", to_valid_utf8(job))
                         .set("instance", to_valid_utf8(instance))
                         .build();
  target_info_ = {};
  scope_labels_ = {};
  if (options_.target_info && !others.empty() && !resource_labels_.empty())
    target_info_ = labels_of(others).set(model::kMetricName, "target_info").build();
  if (!options_.resource_labels) return {};
  model::LabelsBuilder labels;
  for (const auto& attribute : resource.attributes) {
    const bool is_service = attribute.key == "service.name" ||
                            attribute.key == "service.namespace" ||
                            attribute.key == "service.instance.id";
    if (!is_service || !options_.without_service_labels)
      labels.set(label_name(attribute.key), to_valid_utf8(model::value_text(attribute.value)));
  }
  for (const model::LabelView label : resource_labels_) labels.set(label.name, label.value);
  resource_labels_ = labels.build();
  return {};
}

// At the times of the resource's points: the last, and before it as often as a query needs to see it.
Status MetricsTranslation::write_target_info() {
  if (!target_info_.empty() && max_time_ >= min_time_) {
    auto id = appender_.series(target_info_);
    if (!id && !is_bad_data(id.error())) return std::unexpected(std::move(id).error());
    for (int64_t time = min_time_; id; time += kTargetInfoEveryMs) {
      (void)appender_.append(*id, {std::min(time, max_time_)},
                             1);  // refused where another request told it already
      if (time >= max_time_) break;
    }
    if (!options_.is_sent)
      appender_.set_metadata("target_info", {model::MetricType::kGauge, "", "Target metadata"});
  }
  min_time_ = INT64_MAX;
  max_time_ = INT64_MIN;
  return {};
}

namespace {

// What was scraped says its own type where OTLP has none for it.
model::MetricType told_type_of(const MetricView& metric) {
  for (const auto& about : metric.metadata) {
    if (about.key != "prometheus.type") continue;
    for (const auto type :
         {model::MetricType::kUnknown, model::MetricType::kInfo, model::MetricType::kStateset})
      if (about.value.bytes == model::metric_type_name(type)) return type;
  }
  return metric_type_of(metric);
}

}  // namespace

Status MetricsTranslation::on_metric(const MetricView& metric) {
  is_counter_ = metric.kind == MetricKind::kSum && metric.is_monotonic;
  const bool ratio = metric.kind == MetricKind::kGauge && metric.unit == "1";
  metric_name_ = translate_metric_name(metric.name, metric.unit,
                                       is_counter_ ? MetricSuffix::kTotal
                                       : ratio     ? MetricSuffix::kRatio
                                                   : MetricSuffix::kNone,
                                       options_.names);
  if (!metric_name_.empty())
    appender_.set_metadata(
        metric_name_, {options_.is_sent ? told_type_of(metric) : metric_type_of(metric),
                       to_valid_utf8(options_.is_sent ? prometheus_unit(metric.unit) : metric.unit),
                       to_valid_utf8(metric.description)});
  return {};
}

Status MetricsTranslation::on_point(const MetricView& metric, const Point& received) {
  if (options_.leave_out_deltas && metric.temporality == Temporality::kDelta) {
    ++refused_;
    if (first_refusal_.empty())
      first_refusal_ = "metric " + to_valid_utf8(metric.name) + " is of delta temporality";
    return {};
  }
  Point point = received;
  auto status = append_point(metric, point);
  if (status) {
    ++accepted_;
    min_time_ = std::min(min_time_, to_ms(point.time_ns));
    max_time_ = std::max(max_time_, to_ms(point.time_ns));
    return {};
  }
  if (!is_bad_data(status.error())) return status;
  ++refused_;
  if (first_refusal_.empty())
    first_refusal_ = "metric " + to_valid_utf8(metric.name) + ": " + status.error().message;
  return {};
}

Status MetricsTranslation::append_point(const MetricView& metric, Point& point) {
  if (metric_name_.empty()) return fail(Errc::kInvalidArgument, "a metric needs a name");
  const bool has_temporality = metric.kind == MetricKind::kSum ||
                               metric.kind == MetricKind::kHistogram ||
                               metric.kind == MetricKind::kExponentialHistogram;
  if (has_temporality && metric.temporality == Temporality::kUnspecified)
    return fail(Errc::kInvalidArgument, "invalid temporality: it is neither delta nor cumulative");
  model::LabelsBuilder labels = labels_of(point.attributes);
  labels.set(model::kMetricName, metric_name_);
  if (!has_temporality || metric.temporality != Temporality::kDelta || is_stale(point))
    return append_cumulative(metric, point, labels);
  if (!delta_lock_.owns_lock()) delta_lock_.lock();
  if (auto status = deltas_.add(std::string(labels.build().packed()), point); !status)
    return status;
  auto status = append_cumulative(metric, point, labels);
  if (status) return {};
  // Of the very time of the one before: the store has a value there, and the next point's will hold this one too.
  if (status.error().code == Errc::kAlreadyExists) return {};
  deltas_.take_back();
  return status;
}

Status MetricsTranslation::append_cumulative(const MetricView& metric, const Point& point,
                                             const model::LabelsBuilder& labels) {
  switch (metric.kind) {
    case MetricKind::kGauge:
    case MetricKind::kSum: return append_number(point, labels);
    case MetricKind::kHistogram: return append_explicit(point, labels);
    case MetricKind::kExponentialHistogram: return append_exponential(point, labels);
    case MetricKind::kSummary: return append_summary(point, labels);
  }
  return {};
}

// `counts`: it began at the point's start.
Result<tsdb::SeriesId> MetricsTranslation::append_value(model::LabelsBuilder labels,
                                                        std::string_view suffix, const Point& point,
                                                        double value, bool counts) {
  if (!suffix.empty()) labels.set(model::kMetricName, metric_name_ + std::string(suffix));
  auto id = appender_.series(labels.build());
  if (!id) return id;
  std::optional<TimestampMs> created;
  if (counts && point.start_ns > 0 && point.start_ns < point.time_ns)
    created = TimestampMs{to_ms(point.start_ns)};
  if (is_stale(point)) value = model::stale_marker();
  if (auto status = appender_.append(*id, {to_ms(point.time_ns)}, value, created); !status)
    return std::unexpected(std::move(status).error());
  return id;
}

// Those with a value in (above, up_to].
void MetricsTranslation::append_exemplars(tsdb::SeriesId id, const Point& point, double above,
                                          double up_to) {
  std::vector<model::Exemplar> sorted;
  for (const auto& e : point.exemplars) {
    if (!(e.value <= up_to) || e.value <= above) continue;
    model::LabelsBuilder labels;
    for (const auto& attribute : e.attributes)
      labels.set(
          options_.is_sent ? to_valid_utf8(attribute.key) : prometheus_label_name(attribute.key),
          to_valid_utf8(model::value_text(attribute.value)));
    model::Exemplar exemplar{.trace_id = e.trace_id,
                             .span_id = e.span_id,
                             .labels = labels.build(),
                             .value = e.value,
                             .time = {to_ms(e.time_ns != 0 ? e.time_ns : point.time_ns)},
                             .has_time = e.time_ns != 0};
    sorted.push_back(std::move(exemplar));
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.time < b.time; });
  for (const auto& exemplar : sorted)
    (void)appender_.append_exemplar(id, exemplar);  // counted by the store
}

Status MetricsTranslation::append_number(const Point& point, const model::LabelsBuilder& labels) {
  auto id = append_value(labels, {}, point, point.value, is_counter_);
  if (!id) return std::unexpected(std::move(id).error());
  constexpr double kAll = std::numeric_limits<double>::infinity();
  append_exemplars(*id, point, -kAll, kAll);
  return {};
}

Status MetricsTranslation::append_explicit(const Point& point, const model::LabelsBuilder& labels) {
  if (!point.bucket_counts.empty() && point.bucket_counts.size() != point.bounds.size() + 1)
    return fail(Errc::kInvalidArgument, "histogram with ", point.bounds.size(), " bounds and ",
                point.bucket_counts.size(), " buckets");
  if (std::adjacent_find(point.bounds.begin(), point.bounds.end(), std::greater_equal<>()) !=
      point.bounds.end())
    return fail(Errc::kInvalidArgument, "histogram bounds do not ascend");
  if (options_.custom_buckets)
    if (auto status = append_custom_buckets(point, labels); !status) return status;
  if (!options_.classic_buckets) return {};
  if (point.has_sum || is_stale(point))
    if (auto id = append_value(labels, "_sum", point, point.sum, true); !id)
      return std::unexpected(std::move(id).error());
  if (auto id = append_value(labels, "_count", point, static_cast<double>(point.count), true); !id)
    return std::unexpected(std::move(id).error());
  uint64_t cumulative = 0;
  double above = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i <= point.bounds.size(); ++i) {
    const bool last = i == point.bounds.size();
    const double bound = last ? std::numeric_limits<double>::infinity() : point.bounds[i];
    if (last)
      cumulative = point.count;
    else if (i < point.bucket_counts.size())
      cumulative += point.bucket_counts[i];
    model::LabelsBuilder bucket = labels;
    bucket.set("le", last ? "+Inf" : format_float_plain(bound));
    if (last && !point.bounds.empty() && std::isinf(point.bounds.back()))
      break;  // the sender named it itself
    auto id =
        append_value(std::move(bucket), "_bucket", point, static_cast<double>(cumulative), true);
    if (!id) return std::unexpected(std::move(id).error());
    append_exemplars(*id, point, above, bound);
    above = bound;
  }
  return {};
}

Status MetricsTranslation::append_custom_buckets(const Point& point,
                                                 const model::LabelsBuilder& labels) {
  model::Histogram h{.schema = model::kCustomBucketsSchema,
                     .count = static_cast<double>(point.count),
                     .sum = is_stale(point) ? model::stale_marker() : point.sum};
  h.custom_values = point.bounds;
  if (!h.custom_values.empty() && std::isinf(h.custom_values.back())) h.custom_values.pop_back();
  for (size_t i = 0; i < point.bucket_counts.size() && i <= h.custom_values.size(); ++i)
    h.positive_buckets.push_back(static_cast<double>(point.bucket_counts[i]));
  if (!h.positive_buckets.empty())
    h.positive_spans = {{0, static_cast<uint32_t>(h.positive_buckets.size())}};
  auto id = appender_.series(labels.build());
  if (!id) return std::unexpected(std::move(id).error());
  if (auto status = appender_.append_histogram(*id, {to_ms(point.time_ns)}, h); !status)
    return status;
  constexpr double kAll = std::numeric_limits<double>::infinity();
  append_exemplars(*id, point, -kAll, kAll);
  return {};
}

Status MetricsTranslation::append_exponential(const Point& point,
                                              const model::LabelsBuilder& labels) {
  auto histogram = native_histogram(point);
  if (!histogram) return std::unexpected(std::move(histogram).error());
  auto id = appender_.series(labels.build());
  if (!id) return std::unexpected(std::move(id).error());
  std::optional<TimestampMs> created;
  if (point.start_ns > 0 && point.start_ns < point.time_ns)
    created = TimestampMs{to_ms(point.start_ns)};
  if (auto status = appender_.append_histogram(*id, {to_ms(point.time_ns)}, *histogram, created);
      !status)
    return status;
  constexpr double kAll = std::numeric_limits<double>::infinity();
  append_exemplars(*id, point, -kAll, kAll);
  return {};
}

Status MetricsTranslation::append_summary(const Point& point, const model::LabelsBuilder& labels) {
  if (auto id = append_value(labels, "_sum", point, point.sum, true); !id)
    return std::unexpected(std::move(id).error());
  if (auto id = append_value(labels, "_count", point, static_cast<double>(point.count), true); !id)
    return std::unexpected(std::move(id).error());
  for (const auto& q : point.quantiles) {
    model::LabelsBuilder quantile = labels;
    quantile.set("quantile", format_float_plain(q.quantile));
    if (auto id = append_value(std::move(quantile), {}, point, q.value, false); !id)
      return std::unexpected(std::move(id).error());
  }
  return {};
}

Status MetricsTranslation::finish() {
  auto status = write_target_info();
  if (status) status = appender_.commit();
  if (!status) return status;
  if (delta_lock_.owns_lock()) {
    deltas_.keep();
    delta_lock_.unlock();
  }
  return {};
}

void MetricsTranslation::rollback() {
  appender_.rollback();
  if (!delta_lock_.owns_lock()) return;
  deltas_.forget();
  delta_lock_.unlock();
}

}  // namespace sightline::pipeline
