#include "pipeline/metrics/family_points.h"

#include <cmath>

#include "pipeline/metrics/native_points.h"

namespace sightline::pipeline {
namespace {

using model::DataPoint;
using model::MetricFamily;
using model::MetricKind;
using model::MetricPoint;
using model::MetricType;
using model::MetricView;
using model::ValueView;

struct Origin {  // of a point: its resource and scope
  std::string job, instance, scope;
  friend auto operator<=>(const Origin&, const Origin&) = default;
};

uint64_t to_ns(TimestampMs time) { return static_cast<uint64_t>(time.value) * 1'000'000; }

void add_exemplar(const model::ExposedExemplar& exemplar, DataPoint& point) {
  point.exemplars.push_back({.time_ns = to_ns(exemplar.time) + exemplar.time_rest_ns,
                             .value = exemplar.value,
                             .trace_id = exemplar.trace_id,
                             .span_id = exemplar.span_id});
}

MetricView view_of(const MetricFamily& family, const FamilyNames& names) {
  const auto known = names.metrics.find(family.name);
  MetricView view{.name = known != names.metrics.end() ? known->second : family.name,
                  .description = family.metadata.help,
                  .unit = family.unit_suffix == "_seconds"        ? "s"
                          : family.unit_suffix == "_milliseconds" ? "ms"
                                                                  : ""};
  view.kind = MetricKind::kGauge;
  if (family.metadata.type == MetricType::kCounter) view.kind = MetricKind::kSum;
  if (family.metadata.type == MetricType::kHistogram)
    view.kind = !family.points.empty() && family.points.front().native
                    ? MetricKind::kExponentialHistogram
                    : MetricKind::kHistogram;
  view.is_monotonic = view.kind == MetricKind::kSum;
  if (view.kind != MetricKind::kGauge) view.temporality = model::Temporality::kCumulative;
  return view;
}

void add_values(MetricKind kind, const MetricPoint& from, DataPoint& to) {
  to.value = from.value;
  if (kind == MetricKind::kSum) {
    to.is_int = from.value == std::floor(from.value) && std::abs(from.value) < 9e15;
    to.int_value = static_cast<int64_t>(from.value);
    if (from.exemplar) add_exemplar(*from.exemplar, to);
  }
  if (kind == MetricKind::kGauge || kind == MetricKind::kSum) return;
  to.count = from.count;
  to.sum = from.sum;
  to.has_sum = true;
  if (from.native) {
    fill_exponential(*from.native, to);
    for (const auto& e : from.exemplars) add_exemplar(e, to);
    return;
  }
  uint64_t before = 0;
  for (const model::HistogramBucket& bucket : from.buckets) {
    if (!std::isinf(bucket.le)) to.bounds.push_back(bucket.le);
    to.bucket_counts.push_back(bucket.count - before);
    before = bucket.count;
    if (bucket.exemplar) add_exemplar(*bucket.exemplar, to);
  }
}

Status export_origin(const Origin& origin, model::MetricsSink& sink) {
  model::MetricResource resource;
  const size_t slash = origin.job.rfind('/');
  const std::string space = slash == std::string::npos ? "" : origin.job.substr(0, slash);
  const std::string name = slash == std::string::npos ? origin.job : origin.job.substr(slash + 1);
  const auto add = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) resource.attributes.push_back({key, ValueView::of_string(value)});
  };
  add("service.name", name);
  add("service.namespace", space);
  add("service.instance.id", origin.instance);
  if (auto status = sink.on_resource(resource); !status) return status;
  return sink.on_scope({.name = origin.scope});
}

Status export_point(const MetricView& view, const MetricFamily& family, const MetricPoint& from,
                    const FamilyNames& names, uint64_t now_ns, model::MetricsSink& sink) {
  DataPoint to;
  for (const model::LabelView label : from.labels) {
    if (label.name == "job" || label.name == "instance" || label.name.starts_with("otel_scope_"))
      continue;
    const auto key = names.attributes.find(label.name);
    to.attributes.push_back(
        {key != names.attributes.end() ? std::string_view(key->second) : label.name,
         ValueView::of_string(label.value)});
  }
  // What a family shows although it is empty is an attribute, too.
  for (const std::string& name : family.empty_labels)
    if (!name.starts_with("otel_scope_") && !from.labels.has(name))
      to.attributes.push_back({name, ValueView::of_string("")});
  to.time_ns = from.time.value > 0 ? to_ns(from.time) : now_ns;
  if (from.created) to.start_ns = to_ns(*from.created);
  add_values(view.kind, from, to);
  return sink.on_point(view, to);
}

}  // namespace

Status export_families(const std::vector<MetricFamily>& families, const FamilyNames& names,
                       uint64_t now_ns, model::MetricsSink& sink) {
  std::map<Origin, std::map<const MetricFamily*, std::vector<const MetricPoint*>>> by_origin;
  for (const MetricFamily& family : families) {
    if (family.name == "target_info") continue;
    for (const MetricPoint& point : family.points)
      by_origin[{std::string(point.labels.get("job")), std::string(point.labels.get("instance")),
                 std::string(point.labels.get("otel_scope_name"))}][&family]
          .push_back(&point);
  }
  for (const auto& [origin, of_families] : by_origin) {
    if (auto status = export_origin(origin, sink); !status) return status;
    for (const auto& [family, points] : of_families) {
      const MetricView view = view_of(*family, names);
      if (auto status = sink.on_metric(view); !status) return status;
      for (const MetricPoint* point : points)
        if (auto status = export_point(view, *family, *point, names, now_ns, sink); !status)
          return status;
    }
  }
  return {};
}

}  // namespace sightline::pipeline
