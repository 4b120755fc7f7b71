#include "pipeline/metrics/point_families.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "base/text_codec.h"
#include "connectors/spanmetrics/label_names.h"
#include "model/exposition_order.h"
#include "model/value_text.h"
#include "pipeline/metrics/native_points.h"
#include "wire/otlp/decode_metrics.h"

namespace sightline::pipeline {
namespace {

using model::DataPoint;
using model::LabelsBuilder;
using model::MetricKind;
using model::MetricPoint;
using model::MetricView;

TimestampMs to_ms(uint64_t ns) { return {static_cast<int64_t>(ns / 1'000'000)}; }

std::string text_of(const std::vector<model::AttributeView>& attributes, std::string_view key) {
  const auto found = std::ranges::find(attributes, key, &model::AttributeView::key);
  return found == attributes.end() ? std::string() : to_valid_utf8(model::value_text(found->value));
}

bool is_identity(std::string_view key) {
  return key == "service.name" || key == "service.namespace" || key == "service.instance.id";
}

model::ExposedExemplar exemplar_of(const model::PointExemplar& from, uint64_t point_ns) {
  model::LabelsBuilder labels;
  for (const auto& a : from.attributes)
    labels.set(connectors::spanmetrics::label_name_of(a.key),
               to_valid_utf8(model::value_text(a.value)));
  return {model::Exemplar{.trace_id = from.trace_id,
                          .span_id = from.span_id,
                          .labels = labels.build(),
                          .value = from.value,
                          .time = to_ms(from.time_ns != 0 ? from.time_ns : point_ns),
                          .has_time = from.time_ns != 0},
          static_cast<uint32_t>(from.time_ns % 1'000'000)};
}

// The newest of those in (above, up_to].
std::optional<model::ExposedExemplar> newest_in(const DataPoint& point, double above,
                                                double up_to) {
  const model::PointExemplar* newest = nullptr;
  for (const auto& e : point.exemplars)
    if (e.value > above && e.value <= up_to && (newest == nullptr || e.time_ns >= newest->time_ns))
      newest = &e;
  return newest == nullptr ? std::nullopt : std::optional(exemplar_of(*newest, point.time_ns));
}

Status add_explicit(const DataPoint& from, MetricPoint& to) {
  if (!from.bucket_counts.empty() && from.bucket_counts.size() != from.bounds.size() + 1)
    return fail(Errc::kInvalidArgument, "histogram with ", from.bounds.size(), " bounds and ",
                from.bucket_counts.size(), " buckets");
  uint64_t count = 0;
  double above = -INFINITY;
  for (size_t i = 0; i < from.bounds.size() && !std::isinf(from.bounds[i]); ++i) {
    count += i < from.bucket_counts.size() ? from.bucket_counts[i] : 0;
    to.buckets.push_back(
        {.le = from.bounds[i], .count = count, .exemplar = newest_in(from, above, from.bounds[i])});
    above = from.bounds[i];
  }
  to.buckets.push_back(
      {.le = INFINITY, .count = from.count, .exemplar = newest_in(from, above, INFINITY)});
  return {};
}

}  // namespace

model::MetricType metric_type_of(const MetricView& metric) {
  switch (metric.kind) {
    case MetricKind::kGauge: return model::MetricType::kGauge;
    case MetricKind::kSum:
      return metric.is_monotonic ? model::MetricType::kCounter : model::MetricType::kGauge;
    case MetricKind::kHistogram:
    case MetricKind::kExponentialHistogram: return model::MetricType::kHistogram;
    case MetricKind::kSummary: return model::MetricType::kSummary;
  }
  return model::MetricType::kUnknown;
}

Result<MetricPoint> exposition_point(const MetricView& metric, const DataPoint& from) {
  MetricPoint to{.time = to_ms(from.time_ns), .value = from.value, .sum = from.sum};
  to.count = from.count;
  if (from.start_ns > 0) to.created = to_ms(from.start_ns);
  switch (metric.kind) {
    case MetricKind::kGauge: break;
    case MetricKind::kSum: to.exemplar = newest_in(from, -INFINITY, INFINITY); break;
    case MetricKind::kHistogram:
      if (auto status = add_explicit(from, to); !status)
        return std::unexpected(std::move(status).error());
      break;
    case MetricKind::kExponentialHistogram: {
      auto native = native_histogram(from);
      if (!native) return std::unexpected(std::move(native).error());
      to.native = std::make_shared<const model::Histogram>(std::move(*native));
      to.buckets.push_back({.le = INFINITY, .count = from.count});
      for (const auto& e : from.exemplars) to.exemplars.push_back(exemplar_of(e, from.time_ns));
      break;
    }
    case MetricKind::kSummary:
      for (const auto& q : from.quantiles) to.quantiles.emplace_back(q.quantile, q.value);
      std::ranges::sort(to.quantiles);
      break;
  }
  return to;
}

PointFamilies::PointFamilies(const config::PrometheusExporterConfig& config, const Clock& clock,
                             bool is_strict)
    : config_(config),
      clock_(clock),
      translation_{config.adds_suffixes(), config.keeps_utf8(), config.metrics_namespace},
      is_strict_(is_strict) {}

Result<wire::otlp::PartialSuccess> PointFamilies::consume(const SharedMetrics& batch) {
  const auto status = take(
      [&](model::MetricsSink& sink) { return wire::otlp::decode_metrics(*batch->protobuf, sink); });
  if (!status) return std::unexpected(status.error());
  return wire::otlp::PartialSuccess();
}

std::string PointFamilies::label_name(std::string_view key) const {
  return translation_.utf8 ? to_valid_utf8(key) : connectors::spanmetrics::label_name_of(key);
}

bool PointFamilies::set_labels(const std::vector<model::AttributeView>& attributes,
                               const LabelsBuilder& always, Collisions collisions,
                               MetricPoint& point) const {
  std::vector<const model::AttributeView*> sorted;
  for (const auto& attribute : attributes) sorted.push_back(&attribute);
  std::ranges::stable_sort(sorted, {}, [](const auto* a) { return a->key; });
  LabelsBuilder labels;
  for (const auto* attribute : sorted) {
    const std::string name = label_name(attribute->key);
    const std::string value = to_valid_utf8(model::value_text(attribute->value));
    const std::string before(labels.get(name));
    auto& empty = point.empty_labels;
    const bool is_taken = !before.empty() || !always.get(name).empty() ||
                          std::ranges::find(empty, name) != empty.end() ||
                          std::ranges::find(resource_empty_, name) != resource_empty_.end();
    if (is_strict_ && is_taken && collisions == Collisions::kHide) return false;
    if (is_strict_ && value.empty() && !is_taken) empty.push_back(name);
    labels.set(name, before.empty() ? value : before + ";" + value);
  }
  for (const std::string& name : resource_empty_) point.empty_labels.push_back(name);
  std::ranges::sort(point.empty_labels);
  const model::Labels fixed = always.build();
  for (const model::LabelView label : fixed) labels.set(label.name, label.value);
  point.labels = labels.build();
  return true;
}

Status PointFamilies::on_resource(const model::MetricResource& resource) {
  now_ = clock_.now_ms();
  const auto& all = resource.attributes;
  std::string job = text_of(all, "service.name");
  if (const std::string space = text_of(all, "service.namespace"); !job.empty() && !space.empty())
    job = space + "/" + job;
  LabelsBuilder target;
  target.set("job", job).set("instance", text_of(all, "service.instance.id"));
  resource_empty_.clear();
  const auto note_empty = [&](std::string_view key, const char* label) {
    const auto found = std::ranges::find(all, key, &model::AttributeView::key);
    if (is_strict_ && found != all.end() && target.get(label).empty())
      resource_empty_.emplace_back(label);
  };
  note_empty("service.name", "job");
  note_empty("service.instance.id", "instance");
  resource_ = target;
  keep_resource_attributes(all);
  for (const auto& [name, value] : config_.const_labels) resource_.set(name, value);
  scope_ = resource_;
  family_ = nullptr;
  // target_info stands for a resource that has an instance, or that has more to say.
  std::vector<model::AttributeView> others;
  for (const auto& attribute : all)
    if (!is_identity(attribute.key)) others.push_back(attribute);
  if (target.get("job").empty() || target.get("instance").empty()) return {};
  const std::string name = translation_.metrics_namespace.empty()
                               ? "target_info"
                               : label_name(translation_.metrics_namespace) + "_target_info";
  Family& family = families_[name];
  family.head = {.name = name, .metadata = {model::MetricType::kGauge, "", "Target metadata"}};
  MetricPoint info{.time = now_, .has_time = false, .value = 1};
  if (set_labels(others, target, Collisions::kJoin, info)) put(family, std::move(info));
  return {};
}

// Those that every point gets, in place of its own of that key.
void PointFamilies::keep_resource_attributes(const std::vector<model::AttributeView>& all) {
  resource_attributes_.clear();
  resource_texts_.clear();
  if (!config_.resource_to_telemetry_conversion) return;
  for (const auto& attribute : all)
    if (!config_.exclude_service_attributes || !is_identity(attribute.key))
      resource_attributes_.push_back(
          {resource_texts_.keep(std::string(attribute.key)),
           model::ValueView::of_string(resource_texts_.keep(model::value_text(attribute.value)))});
}

std::vector<model::AttributeView> PointFamilies::joined_attributes(
    const std::vector<model::AttributeView>& own) const {
  std::vector<model::AttributeView> all = resource_attributes_;
  for (const auto& attribute : own)
    if (std::ranges::find(resource_attributes_, attribute.key, &model::AttributeView::key) ==
        resource_attributes_.end())
      all.push_back(attribute);
  return all;
}

Status PointFamilies::on_scope(const model::MetricScope& scope) {
  scope_ = resource_;
  if (config_.without_scope_info) return {};
  for (const auto& a : scope.attributes)
    if (a.key != "name" && a.key != "version" && a.key != "schema_url")
      scope_.set(label_name("otel_scope_" + std::string(a.key)),
                 to_valid_utf8(model::value_text(a.value)));
  scope_.set("otel_scope_name", to_valid_utf8(scope.name))
      .set("otel_scope_version", to_valid_utf8(scope.version))
      .set("otel_scope_schema_url", to_valid_utf8(scope.schema_url));
  return {};
}

Status PointFamilies::on_metric(const MetricView& metric) {
  family_ = nullptr;
  const bool is_delta = metric.temporality == model::Temporality::kDelta;
  const bool needs_temporality =
      metric.kind != MetricKind::kGauge && metric.kind != MetricKind::kSummary;
  if (needs_temporality && metric.temporality == model::Temporality::kUnspecified) return {};
  if (metric.kind == MetricKind::kSum && is_delta && !metric.is_monotonic) return {};
  const model::MetricType type = metric_type_of(metric);
  const bool counts = type == model::MetricType::kCounter;
  std::string name = translate_metric_name(metric.name, metric.unit,
                                           counts ? MetricSuffix::kTotal
                                           : metric.kind == MetricKind::kGauge && metric.unit == "1"
                                               ? MetricSuffix::kRatio
                                               : MetricSuffix::kNone,
                                           translation_);
  if (name.empty()) return {};
  if (counts && name.ends_with("_total")) name.resize(name.size() - 6);
  Family& family = families_[name];
  if (family.head.name.empty()) {
    family.head = {.name = name,
                   .metadata = {type, "", to_valid_utf8(metric.description)},
                   .total_suffix = config_.adds_suffixes()};
    if (!config_.without_scope_info)
      family.head.empty_labels = {"otel_scope_name", "otel_scope_schema_url", "otel_scope_version"};
  }
  if (family.head.metadata.type == type) family_ = &family;  // the first type of a name counts
  return {};
}

Status PointFamilies::on_point(const MetricView& metric, const DataPoint& received) {
  if (family_ == nullptr) return {};
  MetricPoint named;
  const bool joins = !resource_attributes_.empty();
  if (!set_labels(joins ? joined_attributes(received.attributes) : received.attributes, scope_,
                  Collisions::kHide, named))
    return {};
  if ((received.flags & DataPoint::kNoRecordedValue) != 0) {
    series_ -= family_->series.erase(named.labels);
    return {};
  }
  DataPoint point = received;
  if (metric.temporality == model::Temporality::kDelta) {
    const uint64_t start = point.start_ns;
    const DeltaOrder order = !is_strict_                       ? DeltaOrder::kEnds
                             : metric.kind == MetricKind::kSum ? DeltaOrder::kPeerSums
                                                               : DeltaOrder::kPeerHistograms;
    if (!deltas_.add(family_->head.name + std::string(named.labels.packed()), point, order))
      return {};
    // Where the peer has added to a histogram its exemplars are gone.
    const bool was_added = point.start_ns != start;
    if (is_strict_ && was_added && metric.kind == MetricKind::kHistogram) point.exemplars.clear();
  }
  auto shown = exposition_point(metric, point);
  if (!shown) {
    deltas_.forget();
    return {};
  }
  deltas_.keep();
  shown->labels = std::move(named.labels);
  shown->empty_labels = std::move(named.empty_labels);
  put(*family_, std::move(*shown));
  return {};
}

void PointFamilies::put(Family& family, MetricPoint point) {
  if (!config_.send_timestamps) point.has_time = false;
  const auto known = family.series.find(point.labels);
  if (known != family.series.end()) {
    if (point.time >= known->second.point.time) known->second = {std::move(point), now_};
    return;
  }
  if (series_ >= kPointSeriesMax) {
    if (left_out_++ == 0)
      SL_LOG_WARN("prometheus exporter: more than {} series; further ones are not shown",
                  kPointSeriesMax);
    return;
  }
  ++series_;
  model::Labels key = point.labels;
  family.series.emplace(std::move(key), Entry{std::move(point), now_});
}

bool PointFamilies::is_empty() {
  const std::lock_guard lock(mutex_);
  return families_.empty();
}

std::vector<model::MetricFamily> PointFamilies::collect() {
  const std::lock_guard lock(mutex_);
  const auto keep_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(config_.metric_expiration).count();
  const TimestampMs oldest{clock_.now_ms().value - keep_ms};
  std::vector<model::MetricFamily> all;
  for (auto at = families_.begin(); at != families_.end();) {
    Family& family = at->second;
    series_ -= std::erase_if(family.series,
                             [&](const auto& entry) { return entry.second.updated < oldest; });
    if (family.series.empty()) {
      at = families_.erase(at);
      continue;
    }
    all.push_back(family.head);
    for (const auto& [labels, entry] : family.series) all.back().points.push_back(entry.point);
    model::sort_for_exposition(all.back().points);
    ++at;
  }
  family_ = nullptr;
  return all;
}

}  // namespace sightline::pipeline
