#include "pipeline/processors/trace_fates.h"

namespace sightline::pipeline {

void RecentTraces::add(const TraceId& id) {
  Shard& shard = shards_[shard_of(id)];
  const std::lock_guard lock(shard.mutex);
  if (!shard.ids.insert(id).second) return;
  shard.order.push_back(id);
  if (shard.order.size() <= shard_max_) return;
  shard.ids.erase(shard.order.front());
  shard.order.pop_front();
}

bool RecentTraces::has(const TraceId& id) const {
  const Shard& shard = shards_[shard_of(id)];
  const std::lock_guard lock(shard.mutex);
  return shard.ids.contains(id);
}

void TraceFates::limit_exemplars(const ExemplarBudget& budget, const Clock& clock,
                                 Telemetry& telemetry) {
  traces_per_second_ = clock_ == nullptr ? budget.traces_per_second
                                         : std::min(traces_per_second_, budget.traces_per_second);
  clock_ = &clock;
  over_budget_ = &telemetry.counter(
      "sightline_exemplars_over_budget_total",
      "Spans that were no exemplars, because samplers keep no more traces for them.");
  exemplars_.remember_at_least(uint64_t{budget.traces_per_second} * budget.remembered_seconds);
}

void TraceFates::count_dropped_exemplars(Telemetry& telemetry) {
  dropped_exemplars_ = &telemetry.counter(
      "sightline_exemplars_of_dropped_traces_total",
      "Traces that a sampler dropped after an exemplar had come to lead to them.");
}

// A sampler of spans says so of each span: the trace counts once.
void TraceFates::note_dropped(const TraceId& id) {
  if (dropped_exemplars_ != nullptr && !is_dropped(id) && is_exemplar(id))
    dropped_exemplars_->add();
  dropped_.add(id);
}

int64_t TraceFates::second() const {
  return std::chrono::duration_cast<std::chrono::seconds>(clock_->monotonic()).count();
}

bool TraceFates::has_budget() const {
  if (clock_ == nullptr) return true;
  const uint64_t taken = taken_.load(std::memory_order_relaxed);
  const bool same_second = taken >> 32 == (static_cast<uint64_t>(second()) & UINT32_MAX);
  return (same_second ? taken & UINT32_MAX : 0) < traces_per_second_;
}

bool TraceFates::may_be_exemplar(const TraceId& id) {
  if (is_dropped(id)) return false;
  if (has_budget() || is_exemplar(id)) return true;
  over_budget_->add();
  return false;
}

void TraceFates::note_exemplar(const TraceId& id) {
  if (clock_ != nullptr && !is_exemplar(id)) {
    const uint64_t now = static_cast<uint64_t>(second()) << 32;
    uint64_t taken = taken_.load(std::memory_order_relaxed);
    while (!taken_.compare_exchange_weak(taken, (taken >> 32 == now >> 32 ? taken : now) + 1,
                                         std::memory_order_relaxed)) {
    }
  }
  exemplars_.add(id);
}

}  // namespace sightline::pipeline
