#pragma once
// The tail_sampling processor: spans wait until decision_wait after the first of their trace (or
// decision_wait_after_root_received after its root), then the policies decide on the whole trace.
//   Exemplars a trace that was handed out as an exemplar is kept, though no policy samples it: exemplars::
//             max_traces_per_second limits how many are handed out (TraceFates). Policies that drop, and
//             maximum_trace_size_bytes, hold for them too. A dropped trace is told to TraceFates, which counts it when it
//             was an exemplar by then; it never becomes one.
//   Late      spans of a decided trace share its fate, for as long as it is remembered: num_traces
//             decisions, or what decision_cache says.
//   Limits    num_traces wait; beyond, the oldest is decided at once. A trace above maximum_trace_size_bytes is dropped.
//   Errors    what follows refuses a kept trace: it is offered again each second, while there is room.
//   Threads   pass() from any thread; one mutex, released while traces are handed on.
//   Source    opentelemetry-collector-contrib, tailsamplingprocessor README.
#include <map>
#include <mutex>

#include "base/telemetry.h"
#include "pipeline/graph/stage.h"
#include "pipeline/processors/sampling_policy.h"
#include "pipeline/processors/trace_fates.h"

namespace sightline::pipeline {

class TailSampling final : public SpanProcessor {
 public:
  // `fates` may be null: no exemplar depends on this processor.
  TailSampling(const config::TailSamplingConfig& config, std::string id, SpanStage& next,
               TraceFates* fates, const Clock& clock, Telemetry& telemetry,
               bool drops_undecided = false);
  Status pass(const SharedBatch& batch, Delivery& delivery) override;
  void maintain() override;
  void stop() override;

 private:
  enum class Fate { kWaiting, kKept, kDropped };
  Fate fate_of(const TraceId& id) const;
  bool decide(const WaitingTrace& trace);      // needs mutex_
  bool keeps_for_exemplar(const TraceId& id);  // needs mutex_
  void drop(const WaitingTrace& trace);        // needs mutex_
  std::vector<WaitingTrace> decide_all(std::vector<WaitingTrace> traces);
  void hand_over(std::vector<WaitingTrace> kept);
  Counter& decided_by(std::string_view policy, bool sampled);

  const config::TailSamplingConfig config_;
  const std::string id_;
  const bool
      drops_undecided_;  // beyond num_traces the oldest trace is dropped, not decided at once
  TraceFates* const fates_;
  const Clock& clock_;
  Telemetry& telemetry_;
  RecentTraces kept_;
  RecentTraces dropped_;
  Counter& sampled_;
  Counter& not_sampled_;
  Counter& errors_;
  Counter& for_exemplars_;
  Counter& late_;
  Counter& too_early_;
  Counter& lost_;
  Gauge& waiting_count_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  WaitingTraces waiting_;
  SamplingPolicies policies_;
  std::map<std::string, Counter*, std::less<>> by_policy_;
  std::vector<WaitingTrace> refused_;  // kept, but what follows would not take them
};

}  // namespace sightline::pipeline
