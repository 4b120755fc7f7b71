#include "connectors/spanmetrics/span_metrics.h"

#include <algorithm>
#include <cmath>

#include "base/bytes.h"
#include "base/checksum.h"
#include "connectors/spanmetrics/label_names.h"
#include "connectors/spanmetrics/series_shard.h"
#include "model/value_text.h"

namespace sightline::connectors::spanmetrics {
namespace {

using model::SpanBatch;
using model::SpanView;
using model::ValueKind;
using model::ValueView;

constexpr size_t kShards = 16;
constexpr std::string_view kScopeName = "spanmetricsconnector";

// Of one run of spans with the same resource; reused within one consume().
struct Scratch {
  std::string keys;
  std::vector<std::pair<uint32_t, uint32_t>> key_places;  // offset, length in keys
  std::vector<Observation> observations;
  std::vector<Observation> overflow;
  std::vector<const ValueView*> values;                   // by dimension, of one span
};

void append_value(std::string& key, const ValueView* value) {
  if (value == nullptr) {
    key += '\xff';
    return;
  }
  key += static_cast<char>(value->kind);
  switch (value->kind) {
    case ValueKind::kEmpty: return;
    case ValueKind::kBool:
    case ValueKind::kInt:
    case ValueKind::kDouble: append_le(key, value->int_value); return;
    default: append_sized(key, value->bytes);
  }
}

model::Exemplar exemplar_of(const ExemplarSlot& slot) {
  model::Exemplar e;
  e.trace_id = slot.trace_id;
  e.span_id = slot.span_id;
  e.value = slot.value;
  e.time = slot.time;
  return e;
}

// The peer's order: fewer labels first, then by the values in order of the names.
bool point_before(const model::MetricPoint& a, const model::MetricPoint& b) {
  const size_t m = a.labels.size();
  const size_t n = b.labels.size();
  if (m != n) return m < n;
  auto y = b.labels.begin();
  for (const model::LabelView x : a.labels) {
    if (x.value != y->value) return x.value < y->value;
    ++y;
  }
  return a.labels < b.labels;
}

Status check(const SpanMetricsOptions& options) {
  for (size_t i = 0; i < options.buckets.size(); ++i) {
    if (!std::isfinite(options.buckets[i]))
      return fail(Errc::kInvalidArgument, "spanmetrics: bucket ", i, " is not finite; +Inf is implied");
    if (i > 0 && options.buckets[i] <= options.buckets[i - 1])
      return fail(Errc::kInvalidArgument, "spanmetrics: buckets must ascend: bucket ", i, " (", options.buckets[i],
                  ") follows ", options.buckets[i - 1]);
  }
  for (size_t i = 0; i < options.dimensions.size(); ++i) {
    if (options.dimensions[i].name.empty()) return fail(Errc::kInvalidArgument, "spanmetrics: dimension ", i, " has no name");
    for (const std::string_view fixed : {kServiceName, kSpanName, kSpanKind, kStatusCode})
      if (options.dimensions[i].name == fixed)
        return fail(Errc::kInvalidArgument, "spanmetrics: dimension ", fixed, " is always there; remove it from dimensions");
    for (size_t j = 0; j < i; ++j)
      if (options.dimensions[i].name == options.dimensions[j].name)
        return fail(Errc::kInvalidArgument, "spanmetrics: duplicate dimension name ", options.dimensions[i].name);
  }
  return {};
}

}  // namespace

struct SpanMetrics::State {
  State(const Clock& c, SpanMetricsOptions o) : clock(c), options(std::move(o)), resources(options) {
    const std::string prefix = options.metrics_namespace.empty() ? "" : options.metrics_namespace + ".";
    calls_name = metric_name_of(prefix + "calls");
    duration_name = metric_name_of(prefix + "duration", options.unit == DurationUnit::kSeconds ? "seconds" : "milliseconds");
    unit_ns = options.unit == DurationUnit::kSeconds ? 1e9 : 1e6;
    for (size_t i = 0; i < kShards; ++i) shards.push_back(std::make_unique<SeriesShard>(options, counts));
  }

  void find_dimensions(const SpanBatch& batch, const SpanView& span, std::vector<const ValueView*>& values) const;
  void build_key(const SpanBatch& batch, const SpanView& span, const Resource& resource, Scratch& scratch) const;
  void observe(const SpanBatch& batch, uint32_t begin, uint32_t end, const Resource& resource, TimestampMs now,
               Scratch& scratch) const;
  model::Labels make_labels(const SpanBatch& batch, const SpanView& span, const Resource& resource) const;

  const Clock& clock;
  const SpanMetricsOptions options;
  std::string calls_name;
  std::string duration_name;
  double unit_ns = 1e6;
  ResourceCache resources;
  SharedCounts counts;
  std::vector<std::unique_ptr<SeriesShard>> shards;
};

void SpanMetrics::State::find_dimensions(const SpanBatch& batch, const SpanView& span,
                                         std::vector<const ValueView*>& values) const {
  values.assign(options.dimensions.size(), nullptr);
  for (const model::AttributeView& attribute : batch.of(span.attributes))
    for (size_t i = 0; i < values.size(); ++i)
      if (values[i] == nullptr && attribute.key == options.dimensions[i].name) values[i] = &attribute.value;
}

// Equal keys have equal labels. The reverse need not hold: 200 and "200" are one label value.
void SpanMetrics::State::build_key(const SpanBatch& batch, const SpanView& span, const Resource& resource,
                                   Scratch& scratch) const {
  const size_t begin = scratch.keys.size();
  append_le(scratch.keys, resource.id);
  scratch.keys += static_cast<char>(span.kind);
  scratch.keys += static_cast<char>(span.status);
  append_sized(scratch.keys, span.name);
  find_dimensions(batch, span, scratch.values);
  for (const ValueView* value : scratch.values) append_value(scratch.keys, value);
  scratch.key_places.emplace_back(static_cast<uint32_t>(begin), static_cast<uint32_t>(scratch.keys.size() - begin));
}

// Fills scratch.observations for the spans [begin, end) of one resource.
void SpanMetrics::State::observe(const SpanBatch& batch, uint32_t begin, uint32_t end, const Resource& resource,
                                 TimestampMs now, Scratch& scratch) const {
  scratch.keys.clear();
  scratch.key_places.clear();
  scratch.observations.clear();
  for (uint32_t i = begin; i < end; ++i) {
    const SpanView& span = batch.spans[i];
    build_key(batch, span, resource, scratch);
    const double duration = static_cast<double>(span.duration_ns()) / unit_ns;
    const auto bucket = std::lower_bound(options.buckets.begin(), options.buckets.end(), duration);
    scratch.observations.push_back({.duration = duration,
                                    .bucket = static_cast<uint32_t>(bucket - options.buckets.begin()),
                                    .span = i,
                                    .exemplar_time = span.end.value == 0 ? now : std::min(to_ms(span.end), now)});
  }
  for (size_t i = 0; i < scratch.observations.size(); ++i) {
    const auto [offset, length] = scratch.key_places[i];
    Observation& o = scratch.observations[i];
    o.key = std::string_view(scratch.keys).substr(offset, length);
    o.key_hash = xxh3(o.key);
  }
}

model::Labels SpanMetrics::State::make_labels(const SpanBatch& batch, const SpanView& span,
                                              const Resource& resource) const {
  AttributeLabels attributes({"__name__", "job", "instance", "le", "otel_scope_name", "otel_scope_version", "otel_scope_schema_url"});
  const auto add = [&](std::string_view key, std::string value) {
    if (!options.excludes(key)) attributes.add(key, std::move(value));
  };
  add(kServiceName, resource.service_name);
  add(kSpanName, std::string(span.name));
  add(kSpanKind, std::string(span_kind_name(span.kind)));
  add(kStatusCode, std::string(status_code_name(span.status)));
  if (!options.collector_instance_id.empty()) add(kCollectorInstance, options.collector_instance_id);
  std::vector<const ValueView*> values;
  find_dimensions(batch, span, values);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] != nullptr) attributes.add(options.dimensions[i].name, model::value_text(*values[i]));
    else if (resource.fallbacks[i]) attributes.add(options.dimensions[i].name, *resource.fallbacks[i]);
  }
  model::LabelsBuilder labels;
  attributes.build_into(labels);
  labels.set("job", resource.job).set("instance", resource.instance).set("otel_scope_name", kScopeName);
  return labels.build();
}

Result<std::unique_ptr<SpanMetrics>> SpanMetrics::create(const Clock& clock, SpanMetricsOptions options) {
  if (auto status = check(options); !status) return std::unexpected(std::move(status).error());
  return std::unique_ptr<SpanMetrics>(new SpanMetrics(std::make_unique<State>(clock, std::move(options))));
}
SpanMetrics::SpanMetrics(std::unique_ptr<State> state) : state_(std::move(state)) {}
SpanMetrics::~SpanMetrics() = default;

void SpanMetrics::consume(const SpanBatch& batch) {
  const TimestampMs now = state_->clock.now_ms();
  Scratch scratch;
  const auto count = static_cast<uint32_t>(batch.spans.size());
  for (uint32_t begin = 0; begin < count;) {
    const uint32_t index = batch.scopes[batch.spans[begin].scope].resource;
    uint32_t end = begin + 1;
    while (end < count && batch.scopes[batch.spans[end].scope].resource == index) ++end;
    const auto resource = state_->resources.find_or_make(batch, batch.resources[index]);
    if (resource->counted) {
      state_->observe(batch, begin, end, *resource, now, scratch);
      const auto labels_of = [&](const Observation& o) { return state_->make_labels(batch, batch.spans[o.span], *resource); };
      scratch.overflow.clear();
      state_->shards[resource->target_hash % kShards]->apply(scratch.observations, batch, *resource, labels_of, now, scratch.overflow);
      if (!scratch.overflow.empty()) state_->shards[0]->apply_overflow(scratch.overflow, batch, now);
    } else {
      state_->counts.uncounted_spans += end - begin;
    }
    begin = end;
  }
}

std::vector<model::MetricFamily> SpanMetrics::collect() const {
  const TimestampMs now = state_->clock.now_ms();
  const std::vector<std::string> scope_labels = {"otel_scope_schema_url", "otel_scope_version"};
  model::MetricFamily info{.name = "target_info", .metadata = {model::MetricType::kGauge, "", "Target metadata"}};
  model::MetricFamily calls{.name = state_->calls_name, .metadata = {model::MetricType::kCounter, "", ""}, .empty_labels = scope_labels};
  model::MetricFamily duration{.name = state_->duration_name, .metadata = {model::MetricType::kHistogram, "", ""}, .empty_labels = scope_labels};
  const auto& bounds = state_->options.buckets;
  for (const auto& shard : state_->shards) {
    shard->visit_targets([&](const Target& target) {
      if (!target.info.empty()) info.points.push_back({.labels = target.info, .time = now, .has_time = false, .value = 1});
    });
    shard->visit_changed(0, [&](const Series& s) {
      model::MetricPoint point{.labels = s.identity->labels, .time = now, .created = s.identity->created};
      if (!s.buckets.empty()) {
        model::MetricPoint histogram = point;
        for (size_t i = 0; i < s.buckets.size(); ++i) {
          histogram.count += s.buckets[i];
          model::HistogramBucket bucket{.le = i < bounds.size() ? bounds[i] : INFINITY, .count = histogram.count};
          if (!s.slots.empty() && s.slots[i + 1].epoch != 0) bucket.exemplar = exemplar_of(s.slots[i + 1]);
          histogram.buckets.push_back(std::move(bucket));
        }
        histogram.sum = s.duration_sum;
        duration.points.push_back(std::move(histogram));
      }
      point.value = static_cast<double>(s.calls);
      if (!s.slots.empty() && s.slots[0].epoch != 0) point.exemplar = exemplar_of(s.slots[0]);
      calls.points.push_back(std::move(point));
    });
  }
  std::vector<model::MetricFamily> families;
  for (model::MetricFamily* family : {&info, &calls, &duration}) {
    if (family->points.empty()) continue;
    std::sort(family->points.begin(), family->points.end(), point_before);
    families.push_back(std::move(*family));
  }
  std::sort(families.begin(), families.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return families;
}

SpanMetricsChanges SpanMetrics::changes_since(uint64_t epoch) const {
  SpanMetricsChanges changes;
  changes.epoch = state_->counts.epoch.fetch_add(1);  // before any lock: see series_shard.h
  for (const auto& shard : state_->shards) {
    shard->visit_changed(epoch, [&](const Series& s) {
      const auto index = static_cast<uint32_t>(changes.series.size());
      changes.series.push_back({s.identity, s.calls, s.duration_sum, static_cast<uint32_t>(changes.bucket_counts.size())});
      uint64_t sum = 0;
      for (const uint64_t n : s.buckets) changes.bucket_counts.push_back(sum += n);
      for (size_t i = 0; i < s.slots.size(); ++i) {
        if (s.slots[i].epoch <= epoch) continue;
        changes.exemplars.push_back({index, i == 0 ? ExemplarSnapshot::kOfCalls : static_cast<uint32_t>(i - 1), exemplar_of(s.slots[i])});
      }
    });
  }
  return changes;
}

std::vector<model::Labels> SpanMetrics::targets() const {
  std::vector<model::Labels> all;
  for (const auto& shard : state_->shards)
    shard->visit_targets([&](const Target& target) {
      if (!target.info.empty()) all.push_back(target.info);
    });
  return all;
}

std::vector<std::shared_ptr<const SeriesIdentity>> SpanMetrics::expire() {
  std::vector<std::shared_ptr<const SeriesIdentity>> expired;
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(state_->options.metrics_expiration).count();
  if (age <= 0) return expired;
  const TimestampMs before{state_->clock.now_ms().value - age};
  for (const auto& shard : state_->shards) shard->expire(before, expired);
  return expired;
}

const std::string& SpanMetrics::calls_name() const { return state_->calls_name; }
const std::string& SpanMetrics::duration_name() const { return state_->duration_name; }
std::span<const double> SpanMetrics::bounds() const { return state_->options.buckets; }
bool SpanMetrics::has_histogram() const { return state_->options.histogram_enabled; }
uint64_t SpanMetrics::series_count() const { return state_->counts.series.load(); }
uint64_t SpanMetrics::overflowed_spans() const { return state_->counts.overflowed_spans.load(); }
uint64_t SpanMetrics::uncounted_spans() const { return state_->counts.uncounted_spans.load(); }

}  // namespace sightline::connectors::spanmetrics
