// Span metrics as OTLP's points.
#include <map>

#include "connectors/spanmetrics/span_metrics_state.h"

namespace sightline::connectors::spanmetrics {
namespace {

using model::DataPoint;
using model::MetricKind;
using model::MetricView;

uint64_t to_ns(TimestampMs time) { return static_cast<uint64_t>(time.value) * 1'000'000; }

// The series of one service instance, by the metric they are points of.
struct TargetSeries {
  std::vector<const Series*> calls, durations, events;
};

class PointWriter {
 public:
  PointWriter(const SpanMetrics::State& state, uint64_t epoch, model::MetricsSink& sink)
      : state_(state), epoch_(epoch), now_ns_(state.clock.now().value), sink_(sink) {}

  Status target(const Target* target, const TargetSeries& series) {
    model::MetricResource resource;
    if (target != nullptr && target->resource) resource.attributes = target->resource->views();
    if (auto status = sink_.on_resource(resource); !status) return status;
    if (auto status = sink_.on_scope({.name = kConnectorScope}); !status) return status;
    const auto& options = state_.options;
    const std::string prefix =
        options.metrics_namespace.empty() ? "" : options.metrics_namespace + ".";
    const std::string calls = prefix + "calls", duration = prefix + "duration",
                      events = prefix + "events";
    if (auto status = sums(calls, series.calls); !status) return status;
    if (auto status = histograms(duration, series.durations); !status) return status;
    return sums(events, series.events);
  }

 private:
  DataPoint point_of(const Series& series) const {
    DataPoint point;
    point.attributes = series.identity->attributes.views();
    point.start_ns = to_ns(series.identity->created);
    point.time_ns = now_ns_;
    return point;
  }

  // The counter's slot comes first, the buckets' behind it.
  void add_exemplars(const Series& series, bool of_durations, DataPoint& point) const {
    const std::span all(series.slots);
    const auto& first = of_durations ? series.first_of_durations : series.first_of_calls;
    const size_t counters = std::min<size_t>(1, all.size());
    add_exemplars(state_.options.flushes_as_peer ? std::span(first)
                  : of_durations                 ? all.subspan(counters)
                                                 : all.first(counters),
                  point);
  }
  void add_exemplars(std::span<const ExemplarSlot> slots, DataPoint& point) const {
    size_t room = state_.options.exemplars_per_point_max;
    for (const ExemplarSlot& slot : slots) {
      if (room == 0) break;
      if (slot.epoch <= epoch_ || !state_.shows(slot)) continue;
      const model::Exemplar exemplar = state_.hand_out(slot);
      point.exemplars.push_back(
          {.time_ns = state_.options.flushes_as_peer ? now_ns_ : slot.time.value,
           .value = exemplar.value,
           .trace_id = exemplar.trace_id,
           .span_id = exemplar.span_id});
      --room;
    }
  }

  Status sums(const std::string& name, const std::vector<const Series*>& all) {
    if (all.empty()) return {};
    const MetricView metric{.name = name,
                            .kind = MetricKind::kSum,
                            .temporality = model::Temporality::kCumulative,
                            .is_monotonic = true};
    if (auto status = sink_.on_metric(metric); !status) return status;
    for (const Series* series : all) {
      DataPoint point = point_of(*series);
      const bool is_zero =
          state_.options.flushes_as_peer && !state_.options.told_as_deltas && !series->was_told;
      series->was_told = true;
      point.is_int = true;
      point.int_value = is_zero ? 0 : static_cast<int64_t>(series->calls);
      point.value = static_cast<double>(point.int_value);
      add_exemplars(*series, false, point);
      if (auto status = sink_.on_point(metric, point); !status) return status;
    }
    return {};
  }

  Status histograms(const std::string& name, const std::vector<const Series*>& all) {
    if (all.empty()) return {};
    const auto& options = state_.options;
    const MetricView metric{.name = name,
                            .unit = options.unit == DurationUnit::kSeconds ? "s" : "ms",
                            .kind = options.exponential_max_size ? MetricKind::kExponentialHistogram
                                                                 : MetricKind::kHistogram,
                            .temporality = model::Temporality::kCumulative};
    if (auto status = sink_.on_metric(metric); !status) return status;
    for (const Series* series : all) {
      DataPoint point = point_of(*series);
      point.sum = series->duration_sum;
      point.has_sum = true;
      if (series->exponential) {
        const model::ExponentialHistogram& h = *series->exponential;
        point.count = h.count();
        point.scale = h.scale();
        point.zero_count = h.zero_count();
        point.positive = {.offset = h.offset(), .counts = h.buckets()};
        point.has_min = point.has_max = h.count() > 0;
        point.min = h.min();
        point.max = h.max();
      } else {
        point.bucket_counts = series->buckets;
        point.bounds = options.buckets;
        for (const uint64_t n : series->buckets) point.count += n;
      }
      add_exemplars(*series, true, point);
      if (auto status = sink_.on_point(metric, point); !status) return status;
    }
    return {};
  }

  const SpanMetrics::State& state_;
  const uint64_t epoch_;
  const uint64_t now_ns_;
  model::MetricsSink& sink_;
};

}  // namespace

Result<uint64_t> SpanMetrics::export_points(model::MetricsSink& sink, uint64_t epoch) const {
  const uint64_t next = state_->counts.epoch.fetch_add(1);  // before any lock: see series_shard.h
  PointWriter writer(*state_, epoch, sink);
  for (const auto& shard : state_->shards) {
    std::map<const Target*, TargetSeries> by_target;
    const auto gather = [&](const Series& s) {
      TargetSeries& series = by_target[s.target];
      if (s.kind == SeriesKind::kEvents)
        series.events.push_back(&s);
      else if (s.has_calls())
        series.calls.push_back(&s);
      if (!s.buckets.empty() || s.exponential) series.durations.push_back(&s);
    };
    const Status written = shard->visit_changed_and(0, gather, [&] {
      for (const auto& [target, series] : by_target)
        if (auto status = writer.target(target, series); !status) return status;
      return Status();
    });
    if (!written) return std::unexpected(written.error());
  }
  return next;
}

}  // namespace sightline::connectors::spanmetrics
