#include "connectors/spanmetrics/series_shard.h"

#include "base/result.h"
#include "connectors/spanmetrics/label_names.h"

namespace sightline::connectors::spanmetrics {
namespace {

// Label sets of expired series and of renamed resources leave raw keys behind;
// beyond this many keys a series the cache starts anew.
constexpr size_t kKeysPerSeriesMax = 4;
constexpr size_t kKeysMin = 1024;

model::LabelsBuilder overflow_labels(const SpanMetricsOptions& options) {
  model::LabelsBuilder labels;
  labels.set("otel_metric_overflow", "true").set("otel_scope_name", "spanmetricsconnector");
  if (!options.excludes(kCollectorInstance)) labels.set("collector_instance_id", options.collector_instance_id);
  return labels;
}

}  // namespace

void SeriesShard::apply(std::span<const Observation> observations, const model::SpanBatch& batch,
                        const Resource& resource, const LabelMaker& labels_of, TimestampMs now,
                        std::vector<Observation>& overflow) {
  const std::scoped_lock lock(mutex_);
  const uint64_t epoch = counts_.epoch.load(std::memory_order_relaxed);  // ordered by the mutex, see the header
  for (const Observation& o : observations) {
    const auto found = by_key_.find(KeyView{o.key_hash, o.key});
    Series* series = found != by_key_.end() ? found->second : find_or_make(o, resource, labels_of, now);
    if (series == nullptr) overflow.push_back(o);
    else count(*series, o, batch.spans[o.span], now, epoch);
  }
}

void SeriesShard::apply_overflow(std::span<const Observation> observations, const model::SpanBatch& batch,
                                 TimestampMs now) {
  const std::scoped_lock lock(mutex_);
  const uint64_t epoch = counts_.epoch.load(std::memory_order_relaxed);
  if (overflow_ == nullptr) overflow_ = make_series(overflow_labels(options_).build(), nullptr, now);
  for (const Observation& o : observations) count(*overflow_, o, batch.spans[o.span], now, epoch);
  counts_.overflowed_spans += observations.size();
}

void SeriesShard::count(Series& series, const Observation& o, const model::SpanView& span, TimestampMs now,
                        uint64_t epoch) {
  ++series.calls;
  series.duration_sum += o.duration;
  if (!series.buckets.empty()) ++series.buckets[o.bucket];
  if (!series.slots.empty()) {
    const ExemplarSlot fresh{span.trace_id, span.span_id, o.duration, o.exemplar_time, epoch};
    if (ExemplarSlot& slot = series.slots[0]; slot.epoch == 0 || slot.time <= fresh.time) slot = fresh;
    if (!series.buckets.empty())
      if (ExemplarSlot& slot = series.slots[1 + o.bucket]; slot.epoch == 0 || slot.time <= fresh.time) slot = fresh;
  }
  series.last_seen = now;
  if (series.changed != epoch || newest_ == nullptr) touch(series, epoch);
}

Series* SeriesShard::find_or_make(const Observation& o, const Resource& resource, const LabelMaker& labels_of,
                                  TimestampMs now) {
  model::Labels labels = labels_of(o);
  Series* series = nullptr;
  if (const auto known = by_labels_.find(labels); known != by_labels_.end()) {
    series = known->second.get();
    find_target(resource);  // perhaps a newer resource of the same service
  } else {
    if (counts_.series.load(std::memory_order_relaxed) >= options_.series_max) return nullptr;
    Target& target = *find_target(resource);
    const uint32_t limit = options_.aggregation_cardinality_limit;
    if (limit != 0 && target.series >= limit) {
      counts_.overflowed_spans += 1;
      return overflow_of(target, now);
    }
    series = make_series(std::move(labels), &target, now);
    ++target.series;
  }
  if (by_key_.size() >= kKeysPerSeriesMax * by_labels_.size() + kKeysMin) by_key_.clear();
  by_key_.emplace(StoredKey{o.key_hash, std::string(o.key)}, series);
  return series;
}

Series* SeriesShard::overflow_of(Target& target, TimestampMs now) {
  if (target.overflow == nullptr) {
    auto labels = overflow_labels(options_);
    labels.set("job", target.job).set("instance", target.instance);
    target.overflow = make_series(labels.build(), &target, now);
  }
  return target.overflow;
}

Target* SeriesShard::find_target(const Resource& resource) {
  auto& target = targets_[resource.target_key];
  if (target == nullptr) target = std::make_unique<Target>();
  if (target->resource_id < resource.id) {
    target->resource_id = resource.id;
    target->job = resource.job;
    target->instance = resource.instance;
    target->info = resource.target_info;
  }
  return target.get();
}

Series* SeriesShard::make_series(model::Labels labels, Target* target, TimestampMs now) {
  auto series = std::make_unique<Series>();
  auto identity = std::make_shared<SeriesIdentity>();
  identity->id = counts_.next_series_id.fetch_add(1, std::memory_order_relaxed);
  identity->labels = labels;
  identity->created = TimestampMs{now.value - 1};
  series->identity = std::move(identity);
  series->target = target;
  if (options_.histogram_enabled) series->buckets.resize(options_.buckets.size() + 1);
  if (options_.exemplars_enabled) series->slots.resize(1 + series->buckets.size());
  counts_.series.fetch_add(1, std::memory_order_relaxed);
  Series* made = series.get();
  by_labels_.insert_or_assign(std::move(labels), std::move(series));
  return made;
}

void SeriesShard::touch(Series& series, uint64_t epoch) {
  if (newest_ != &series) {
    unlink(series);
    series.older = newest_;
    if (newest_ != nullptr) newest_->newer = &series;
    newest_ = &series;
  }
  series.changed = epoch;
}

void SeriesShard::unlink(Series& series) {
  if (series.newer != nullptr) series.newer->older = series.older;
  if (series.older != nullptr) series.older->newer = series.newer;
  if (newest_ == &series) newest_ = series.older;
  series.newer = series.older = nullptr;
}

void SeriesShard::expire(TimestampMs before, std::vector<std::shared_ptr<const SeriesIdentity>>& expired) {
  const std::scoped_lock lock(mutex_);
  const auto is_old = [&](const Series& s) { return s.last_seen < before; };
  bool any = false;
  for (const auto& [labels, series] : by_labels_) any = any || is_old(*series);
  if (!any) return;
  absl::erase_if(by_key_, [&](const auto& entry) { return is_old(*entry.second); });
  absl::erase_if(by_labels_, [&](const auto& entry) {
    Series& series = *entry.second;
    if (!is_old(series)) return false;
    expired.push_back(series.identity);
    unlink(series);
    if (overflow_ == &series) overflow_ = nullptr;
    if (Target* target = series.target; target != nullptr) {
      if (target->overflow == &series) target->overflow = nullptr;
      else --target->series;
    }
    counts_.series.fetch_sub(1, std::memory_order_relaxed);
    return true;
  });
  absl::erase_if(targets_, [](const auto& entry) { return entry.second->series == 0 && entry.second->overflow == nullptr; });
}

}  // namespace sightline::connectors::spanmetrics
