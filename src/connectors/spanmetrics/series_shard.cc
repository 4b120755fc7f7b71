#include "connectors/spanmetrics/series_shard.h"

#include "base/result.h"
#include "connectors/spanmetrics/label_names.h"

namespace sightline::connectors::spanmetrics {
namespace {

// Label sets of expired series and of renamed resources leave raw keys behind;
// beyond this many keys a series the cache starts anew.
constexpr size_t kKeysPerSeriesMax = 4;
constexpr size_t kKeysMin = 1024;

model::LabelsBuilder overflow_labels() {
  model::LabelsBuilder labels;
  labels.set("otel_metric_overflow", "true").set("otel_scope_name", "spanmetricsconnector");
  return labels;
}

SeriesNames overflow_names(const model::LabelsBuilder& labels) {
  const model::AttributeView overflow{"otel.metric.overflow", model::ValueView::of_bool(true)};
  return {labels.build(), model::OwnedAttributes(std::span(&overflow, 1))};
}

}  // namespace

void SeriesShard::apply(std::span<const Observation> observations, const model::SpanBatch& batch,
                        const Resource& resource, const NameMaker& names_of, TimestampMs now,
                        std::vector<Observation>& overflow) {
  const std::scoped_lock lock(mutex_);
  const uint64_t epoch =
      counts_.epoch.load(std::memory_order_relaxed);  // ordered by the mutex, see the header
  Target* seen = nullptr;
  for (const Observation& o : observations) {
    const auto found = by_key_.find(KeyView{o.key_hash, o.key});
    Series* series =
        found != by_key_.end() ? found->second : find_or_make(o, resource, names_of, now);
    if (series == nullptr) {
      overflow.push_back(o);
      continue;
    }
    count(*series, o, batch.spans[o.span], now, epoch);
    if (series->target != seen && series->target != nullptr)
      (seen = series->target)->last_seen = now;
  }
}

void SeriesShard::apply_overflow(std::span<const Observation> observations,
                                 const model::SpanBatch& batch, TimestampMs now) {
  const std::scoped_lock lock(mutex_);
  const uint64_t epoch = counts_.epoch.load(std::memory_order_relaxed);
  for (const Observation& o : observations) {
    Series*& series = overflow_[static_cast<size_t>(o.kind)];
    if (series == nullptr)
      series = make_series(overflow_names(overflow_labels()), o.kind, nullptr, now);
    count(*series, o, batch.spans[o.span], now, epoch);
  }
  counts_.overflowed_spans += observations.size();
}

void SeriesShard::count(Series& series, const Observation& o, const model::SpanView& span,
                        TimestampMs now, uint64_t epoch) {
  series.calls += o.times;
  series.duration_sum += o.duration * o.times;
  if (!series.buckets.empty())
    series.buckets[o.bucket] += o.times;
  else if (series.exponential)
    series.exponential->add(o.duration, o.times);
  if (options_.exemplars_enabled && options_.exemplars_per_point_max > 0 &&
      (!options_.may_be_exemplar || options_.may_be_exemplar(span.trace_id)))
    keep_exemplar(series, {span.trace_id, span.span_id, o.duration, o.exemplar_time, epoch},
                  o.bucket);
  series.last_seen = now;
  if (series.changed != epoch || newest_ == nullptr) touch(series, epoch);
}

void SeriesShard::keep_exemplar(Series& series, const ExemplarSlot& fresh, uint32_t bucket) {
  if (options_.flushes_as_peer) {
    const auto kind = static_cast<size_t>(series.kind);
    if (series.target == nullptr || series.target->overflow[kind] == &series)
      return;  // it keeps none there
    const auto add_to = [&](std::vector<ExemplarSlot>& first) {
      if (!first.empty() && first.front().epoch != fresh.epoch) first.clear();
      if (first.size() < options_.exemplars_per_point_max) first.push_back(fresh);
    };
    if (series.has_calls()) add_to(series.first_of_calls);
    if (!series.buckets.empty() || series.exponential) add_to(series.first_of_durations);
    return;
  }
  const auto keep_newest = [&](ExemplarSlot& slot) {
    if (slot.epoch == 0 || slot.time <= fresh.time) slot = fresh;
  };
  if (series.has_calls()) keep_newest(series.slots[0]);
  if (series.slots.size() > 1) keep_newest(series.slots[1 + bucket]);
}

Series* SeriesShard::find_or_make(const Observation& o, const Resource& resource,
                                  const NameMaker& names_of, TimestampMs now) {
  SeriesNames names = names_of(o);
  const auto kind = static_cast<size_t>(o.kind);
  Series* series = nullptr;
  if (const auto known = by_labels_[kind].find(names.labels); known != by_labels_[kind].end()) {
    series = known->second.get();
    find_target(resource);  // perhaps a newer resource of the same service
  } else {
    if (counts_.series.load(std::memory_order_relaxed) >= options_.series_max) return nullptr;
    Target& target = *find_target(resource);
    const uint32_t limit = options_.aggregation_cardinality_limit;
    if (limit != 0 && target.series[kind] >= limit) {
      counts_.overflowed_spans += 1;
      return overflow_of(target, o.kind, now);
    }
    series = make_series(std::move(names), o.kind, &target, now);
    ++target.series[kind];
  }
  size_t series_count = 0;
  for (const auto& of_kind : by_labels_) series_count += of_kind.size();
  if (by_key_.size() >= kKeysPerSeriesMax * series_count + kKeysMin) by_key_.clear();
  by_key_.emplace(StoredKey{o.key_hash, std::string(o.key)}, series);
  return series;
}

Series* SeriesShard::overflow_of(Target& target, SeriesKind kind, TimestampMs now) {
  Series*& series = target.overflow[static_cast<size_t>(kind)];
  if (series == nullptr) {
    auto labels = overflow_labels();
    labels.set("job", target.job).set("instance", target.instance);
    series = make_series(overflow_names(labels), kind, &target, now);
  }
  return series;
}

Target* SeriesShard::find_target(const Resource& resource) {
  auto& target = targets_[resource.target_key];
  if (target == nullptr) target = std::make_unique<Target>();
  if (target->resource_id < resource.id) {
    target->resource_id = resource.id;
    target->job = resource.job;
    target->instance = resource.instance;
    target->info = resource.target_info;
    target->resource = resource.attributes;
  }
  return target.get();
}

Series* SeriesShard::make_series(SeriesNames names, SeriesKind kind, Target* target,
                                 TimestampMs now) {
  auto series = std::make_unique<Series>();
  auto identity = std::make_shared<SeriesIdentity>();
  identity->id = counts_.next_series_id.fetch_add(1, std::memory_order_relaxed);
  identity->labels = names.labels;
  identity->attributes = std::move(names.attributes);
  identity->created = TimestampMs{now.value - 1};
  series->identity = std::move(identity);
  series->kind = kind;
  series->target = target;
  size_t exemplar_buckets = 0;
  if (options_.histogram_enabled &&
      (kind == SeriesKind::kCallsAndDuration || kind == SeriesKind::kDuration)) {
    if (options_.exponential_max_size) {
      series->exponential =
          std::make_unique<model::ExponentialHistogram>(*options_.exponential_max_size);
      exemplar_buckets = kMagnitudes;
    } else {
      series->buckets.resize(options_.buckets.size() + 1);
      exemplar_buckets = series->buckets.size();
    }
  }
  if (options_.exemplars_enabled && options_.exemplars_per_point_max > 0 &&
      !options_.flushes_as_peer)
    series->slots.resize(1 + exemplar_buckets);
  counts_.series.fetch_add(1, std::memory_order_relaxed);
  Series* made = series.get();
  by_labels_[static_cast<size_t>(kind)].insert_or_assign(std::move(names.labels),
                                                         std::move(series));
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

void SeriesShard::expire(TimestampMs series_before, TimestampMs target_before,
                         std::vector<std::shared_ptr<const SeriesIdentity>>& expired) {
  const std::scoped_lock lock(mutex_);
  const auto is_old = [&](const Series& s) {
    return s.last_seen <= series_before ||
           (s.target != nullptr ? s.target->last_seen : s.last_seen) <= target_before;
  };
  bool any = false;
  for (const auto& of_kind : by_labels_)
    for (const auto& [labels, series] : of_kind) any = any || is_old(*series);
  if (!any) return;
  absl::erase_if(by_key_, [&](const auto& entry) { return is_old(*entry.second); });
  for (auto& of_kind : by_labels_) {
    absl::erase_if(of_kind, [&](const auto& entry) {
      Series& series = *entry.second;
      if (!is_old(series)) return false;
      expired.push_back(series.identity);
      unlink(series);
      const auto kind = static_cast<size_t>(series.kind);
      if (overflow_[kind] == &series) overflow_[kind] = nullptr;
      if (Target* target = series.target; target != nullptr) {
        if (target->overflow[kind] == &series)
          target->overflow[kind] = nullptr;
        else
          --target->series[kind];
      }
      counts_.series.fetch_sub(1, std::memory_order_relaxed);
      counts_.expired.fetch_add(1, std::memory_order_relaxed);
      return true;
    });
  }
  absl::erase_if(targets_, [](const auto& entry) { return entry.second->is_empty(); });
}

}  // namespace sightline::connectors::spanmetrics
