#include "pipeline/processors/tail_sampling.h"

#include <algorithm>

#include "base/log.h"

namespace sightline::pipeline {
namespace {

// Kept traces that go on together: many small batches would cost more than they say.
constexpr size_t kSpansPerBatch = 4096;

MetricLabels label(const std::string& id) { return {{"processor", id}}; }

}  // namespace

TailSampling::TailSampling(const config::TailSamplingConfig& config, std::string id,
                           SpanStage& next, TraceFates* fates, const Clock& clock, Telemetry& t,
                           bool drops_undecided)
    : SpanProcessor(next),
      config_(config),
      id_(std::move(id)),
      drops_undecided_(drops_undecided),
      fates_(fates),
      clock_(clock),
      telemetry_(t),
      kept_(std::max(config.num_traces, config.sampled_cache_size)),
      dropped_(std::max(config.num_traces, config.non_sampled_cache_size)),
      sampled_(t.counter("otelcol_processor_tail_sampling_global_count_traces_sampled_total",
                         "Traces decided, by decision.",
                         {{"processor", id_}, {"sampled", "true"}, {"decision", "sampled"}})),
      not_sampled_(
          t.counter("otelcol_processor_tail_sampling_global_count_traces_sampled_total",
                    "Traces decided, by decision.",
                    {{"processor", id_}, {"sampled", "false"}, {"decision", "not_sampled"}})),
      errors_(t.counter("otelcol_processor_tail_sampling_sampling_policy_evaluation_error_total",
                        "Policies that could not be evaluated.", label(id_))),
      for_exemplars_(t.counter(
          "sightline_tail_sampling_traces_kept_for_exemplars_total",
          "Traces that no policy samples and that were kept because an exemplar leads to them.",
          label(id_))),
      late_(t.counter("otelcol_processor_tail_sampling_early_releases_from_cache_decision_total",
                      "Late spans of decided traces.", label(id_))),
      too_early_(t.counter("otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total",
                           "Traces decided before their time, because num_traces were waiting.",
                           label(id_))),
      lost_(t.counter("sightline_processor_lost_spans_total",
                      "Waiting spans that what follows refused until there was no more room.",
                      label(id_))),
      waiting_count_(t.gauge("otelcol_processor_tail_sampling_sampling_traces_on_memory",
                             "Traces waiting for their decision.", label(id_))),
      policies_(config, clock) {}

TailSampling::Fate TailSampling::fate_of(const TraceId& id) const {
  if (kept_.has(id)) return Fate::kKept;
  return dropped_.has(id) ? Fate::kDropped : Fate::kWaiting;
}

Counter& TailSampling::decided_by(std::string_view policy, bool sampled) {
  Counter*& counter = by_policy_[std::string(policy) + (sampled ? "+" : "-")];
  if (counter == nullptr)
    counter = &telemetry_.counter("otelcol_processor_tail_sampling_count_traces_sampled_total",
                                  "Traces by the policy that decided.",
                                  {{"processor", id_},
                                   {"policy", std::string(policy)},
                                   {"sampled", sampled ? "true" : "false"}});
  return *counter;
}

Status TailSampling::pass(const SharedBatch& batch, Delivery& delivery) {
  std::vector<SpanPart> late;
  std::vector<WaitingTrace> ripe;
  {
    const std::lock_guard lock(mutex_);
    const auto now = clock_.monotonic();
    for (auto& [id, spans] : spans_by_trace(*batch)) {
      const Fate fate = waiting_.has(id) ? Fate::kWaiting : fate_of(id);
      if (fate != Fate::kWaiting) late_.add(spans.size());
      if (fate == Fate::kDropped) continue;
      if (fate == Fate::kKept) {
        late.push_back({batch, std::move(spans)});
        continue;
      }
      const WaitingTrace& trace = waiting_.add(id, batch, std::move(spans), now);
      if (config_.maximum_trace_size_bytes > 0 && trace.bytes > config_.maximum_trace_size_bytes) {
        drop(trace);
        waiting_.take(id);
      }
    }
    while (waiting_.count() > config_.num_traces) {
      too_early_.add();
      WaitingTrace oldest = waiting_.take_oldest();
      if (drops_undecided_)
        drop(oldest);
      else
        ripe.push_back(std::move(oldest));
    }
    waiting_count_.set(static_cast<double>(waiting_.count()));
  }
  if (!ripe.empty()) hand_over(decide_all(std::move(ripe)));
  return late.empty() ? Status() : hand_on(gather(late), delivery);
}

bool TailSampling::keeps_for_exemplar(const TraceId& id) {
  if (fates_ == nullptr || !config_.exemplars.keep || !fates_->is_exemplar(id)) return false;
  for_exemplars_.add();
  return true;
}

void TailSampling::drop(const WaitingTrace& trace) {
  dropped_.add(trace.id);
  if (fates_ != nullptr) fates_->note_dropped(trace.id);
  not_sampled_.add();
}

bool TailSampling::decide(const WaitingTrace& trace) {
  const auto outcome = policies_.decide(trace);
  if (outcome.had_error) errors_.add();
  const bool sampled = outcome.decision == SamplingDecision::kSampled;
  if (!outcome.policy.empty()) decided_by(outcome.policy, sampled).add();
  // What a drop policy names is unwanted, exemplar or not.
  if (!sampled &&
      (outcome.decision == SamplingDecision::kDropped || !keeps_for_exemplar(trace.id))) {
    drop(trace);
    return false;
  }
  kept_.add(trace.id);
  sampled_.add();
  return true;
}

std::vector<WaitingTrace> TailSampling::decide_all(std::vector<WaitingTrace> traces) {
  const std::lock_guard lock(mutex_);
  std::erase_if(traces, [&](const WaitingTrace& trace) { return !decide(trace); });
  return traces;
}

void TailSampling::maintain() {
  std::vector<WaitingTrace> ripe, again;
  {
    const std::lock_guard lock(mutex_);
    const auto now = clock_.monotonic();
    ripe = waiting_.take_if([&](const WaitingTrace& trace) {
      if (now - trace.first_seen >= config_.decision_wait) return true;
      const auto after_root = config_.decision_wait_after_root_received;
      return after_root.count() > 0 && trace.root_seen && now - *trace.root_seen >= after_root;
    });
    again.swap(refused_);
    waiting_count_.set(static_cast<double>(waiting_.count()));
  }
  auto kept = decide_all(std::move(ripe));
  kept.insert(kept.begin(), std::make_move_iterator(again.begin()),
              std::make_move_iterator(again.end()));
  hand_over(std::move(kept));
}

void TailSampling::stop() {
  std::vector<WaitingTrace> rest;
  {
    const std::lock_guard lock(mutex_);
    rest = waiting_.take_if([](const WaitingTrace&) { return true; });
  }
  if (config_.drop_pending_traces_on_shutdown) {
    for (const WaitingTrace& trace : rest)
      if (fates_ != nullptr) fates_->note_dropped(trace.id);
    rest.clear();
  }
  hand_over(decide_all(std::move(rest)));
  const std::lock_guard lock(mutex_);
  for (const WaitingTrace& trace : refused_) lost_.add(trace.span_count);
}

void TailSampling::hand_over(std::vector<WaitingTrace> kept) {
  for (size_t begin = 0; begin < kept.size();) {
    std::vector<SpanPart> parts;
    size_t spans = 0, end = begin;
    for (; end < kept.size() && spans < kSpansPerBatch; ++end) {
      spans += kept[end].span_count;
      parts.insert(parts.end(), kept[end].parts.begin(), kept[end].parts.end());
    }
    if (const auto status = release(gather(parts)); !status) {
      const std::lock_guard lock(mutex_);
      const bool again = status.error().code == Errc::kResourceExhausted ||
                         status.error().code == Errc::kUnavailable;
      if (again && refused_.size() + waiting_.count() < config_.num_traces) {
        refused_.insert(refused_.end(),
                        std::make_move_iterator(kept.begin() + static_cast<ptrdiff_t>(begin)),
                        std::make_move_iterator(kept.begin() + static_cast<ptrdiff_t>(end)));
      } else {
        lost_.add(spans);
        SL_LOG_ERROR("{}: {} spans lost: {}", id_, spans, status.error().message);
      }
    }
    begin = end;
  }
}

}  // namespace sightline::pipeline
