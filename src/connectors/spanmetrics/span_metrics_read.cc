#include <algorithm>
#include <cmath>

#include "connectors/spanmetrics/span_metrics_state.h"
#include "model/exposition_order.h"

namespace sightline::connectors::spanmetrics {
namespace {

model::ExposedExemplar exemplar_of(const ExemplarSlot& slot) {
  model::ExposedExemplar e;
  e.trace_id = slot.trace_id;
  e.span_id = slot.span_id;
  e.value = slot.value;
  e.time = to_ms(slot.time);
  e.time_rest_ns = static_cast<uint32_t>(slot.time.value % 1'000'000);
  return e;
}

}  // namespace

model::ExposedExemplar SpanMetrics::State::hand_out(const ExemplarSlot& slot) const {
  if (options.note_exemplar) options.note_exemplar(slot.trace_id);
  return exemplar_of(slot);
}

// A series' calls or events.
model::MetricPoint SpanMetrics::State::counter_point(const Series& s,
                                                     model::MetricPoint point) const {
  point.value = static_cast<double>(s.calls);
  if (!s.slots.empty() && options.exemplars_per_point_max > 0 && shows(s.slots[0]))
    point.exemplar = hand_out(s.slots[0]);
  return point;
}

// A series' durations. Of its exemplars the newest exemplars_per_point_max are shown.
model::MetricPoint SpanMetrics::State::histogram_point(const Series& s,
                                                       model::MetricPoint point) const {
  TimestampNs oldest_shown;
  if (s.slots.size() > 1 + options.exemplars_per_point_max) {
    std::vector<TimestampNs> times;
    for (size_t i = 1; i < s.slots.size(); ++i)
      if (shows(s.slots[i])) times.push_back(s.slots[i].time);
    if (times.size() > options.exemplars_per_point_max) {
      std::ranges::sort(times, std::greater<>());
      oldest_shown = options.exemplars_per_point_max == 0
                         ? TimestampNs{UINT64_MAX}
                         : times[options.exemplars_per_point_max - 1];
    }
  }
  size_t shown = 0;
  const auto shows_slot = [&](const ExemplarSlot& slot) {
    return shows(slot) && slot.time >= oldest_shown && shown < options.exemplars_per_point_max &&
           ++shown > 0;
  };
  point.sum = s.duration_sum;
  if (s.exponential) {
    point.count = s.exponential->count();
    point.native = std::make_shared<const model::Histogram>(s.exponential->to_native());
    point.buckets.push_back({.le = INFINITY, .count = point.count});
    for (size_t i = 1; i < s.slots.size(); ++i)
      if (shows_slot(s.slots[i])) point.exemplars.push_back(hand_out(s.slots[i]));
    return point;
  }
  const auto& bounds = options.buckets;
  point.buckets.reserve(s.buckets.size());
  for (size_t i = 0; i < s.buckets.size(); ++i) {
    point.count += s.buckets[i];
    model::HistogramBucket bucket{.le = i < bounds.size() ? bounds[i] : INFINITY,
                                  .count = point.count};
    if (!s.slots.empty() && shows_slot(s.slots[i + 1])) bucket.exemplar = hand_out(s.slots[i + 1]);
    point.buckets.push_back(std::move(bucket));
  }
  return point;
}

std::vector<model::MetricFamily> SpanMetrics::family_heads() const {
  const std::vector<std::string> scope_labels = {"otel_scope_schema_url", "otel_scope_version"};
  using model::MetricType;
  return {
      {.name = "target_info", .metadata = {MetricType::kGauge, "", "Target metadata"}},
      {.name = state_->calls_name,
       .metadata = {MetricType::kCounter, "", ""},
       .empty_labels = scope_labels},
      {.name = state_->duration_name,
       .metadata = {MetricType::kHistogram, "", ""},
       .unit_suffix = state_->options.unit == DurationUnit::kSeconds ? "_seconds" : "_milliseconds",
       .empty_labels = scope_labels},
      {.name = state_->events_name,
       .metadata = {MetricType::kCounter, "", ""},
       .empty_labels = scope_labels}};
}

std::vector<model::MetricFamily> SpanMetrics::collect() const {
  const TimestampMs now = state_->clock.now_ms();
  std::vector<model::MetricFamily> all = family_heads();
  model::MetricFamily &info = all[0], &calls = all[1], &duration = all[2], &events = all[3];
  for (const auto& shard : state_->shards) {
    shard->visit_targets([&](const Target& target) {
      if (!target.info.empty())
        info.points.push_back({.labels = target.info, .time = now, .has_time = false, .value = 1});
    });
    shard->visit_changed(0, [&](const Series& s) {
      model::MetricPoint point{
          .labels = s.identity->labels, .time = now, .created = s.identity->created};
      if (!s.buckets.empty() || s.exponential)
        duration.points.push_back(state_->histogram_point(s, point));
      if (!s.has_calls()) return;
      point = state_->counter_point(s, std::move(point));
      (s.kind == SeriesKind::kEvents ? events : calls).points.push_back(std::move(point));
    });
  }
  std::vector<model::MetricFamily> families;
  for (model::MetricFamily* family : {&info, &calls, &duration, &events}) {
    if (family->points.empty()) continue;
    model::sort_for_exposition(family->points);
    families.push_back(std::move(*family));
  }
  std::sort(families.begin(), families.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return families;
}

ExposedChanges SpanMetrics::exposed_since(uint64_t epoch) const {
  const TimestampMs now = state_->clock.now_ms();
  ExposedChanges changes;
  changes.expired = state_->counts.expired.load();    // before what is left is read
  changes.epoch = state_->counts.epoch.fetch_add(1);  // before any lock: see series_shard.h
  for (const auto& shard : state_->shards) {
    shard->visit_changed(epoch, [&](const Series& s) {
      ExposedSeries exposed{.identity = s.identity, .is_events = s.kind == SeriesKind::kEvents};
      const model::MetricPoint point{
          .labels = s.identity->labels, .time = now, .created = s.identity->created};
      if (!s.buckets.empty() || s.exponential)
        exposed.histogram = state_->histogram_point(s, point);
      if (s.has_calls()) exposed.counter = state_->counter_point(s, point);
      changes.series.push_back(std::move(exposed));
    });
  }
  changes.targets = targets();
  return changes;
}

bool SpanMetrics::shows_every_exemplar() const {
  return !state_->options.may_be_exemplar && !state_->options.note_exemplar;
}

SpanMetricsChanges SpanMetrics::changes_since(uint64_t epoch) const {
  SpanMetricsChanges changes;
  changes.epoch = state_->counts.epoch.fetch_add(1);  // before any lock: see series_shard.h
  for (const auto& shard : state_->shards) {
    shard->visit_changed(epoch, [&](const Series& s) {
      const auto index = static_cast<uint32_t>(changes.series.size());
      SeriesSnapshot snapshot{.identity = s.identity,
                              .calls = s.calls,
                              .duration_sum = s.duration_sum,
                              .buckets_begin = static_cast<uint32_t>(changes.bucket_counts.size()),
                              .has_calls = s.has_calls(),
                              .has_duration = !s.buckets.empty() || s.exponential,
                              .is_events = s.kind == SeriesKind::kEvents};
      if (s.exponential)
        snapshot.native = std::make_shared<const model::Histogram>(s.exponential->to_native());
      changes.series.push_back(std::move(snapshot));
      uint64_t sum = 0;
      for (const uint64_t n : s.buckets) changes.bucket_counts.push_back(sum += n);
      for (size_t i = 0; i < s.slots.size(); ++i) {
        if (s.slots[i].epoch <= epoch || !state_->shows(s.slots[i])) continue;
        changes.exemplars.push_back(
            {index, i == 0 ? ExemplarSnapshot::kOfCalls : static_cast<uint32_t>(i - 1),
             state_->hand_out(s.slots[i])});
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

}  // namespace sightline::connectors::spanmetrics
