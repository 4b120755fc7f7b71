#pragma once
// The probabilistic_sampler processor: keeps a part of all traces, decided by their id alone, so
// that every instance with the same settings keeps the same ones.
//   Modes     hash_seed: FNV-1a of seed and trace id in 2^14 buckets, as the collector has it; proportional and
//             equalizing: OpenTelemetry's consistent sampling by the tracestate.
//   Written   a kept span's tracestate says what it stands for (ot=th:...), so that counts can be extrapolated.
//   Exemplars a dropped trace is told to TraceFates, when there is one: none of its spans becomes an exemplar.
//   Threads   immutable once made; pass() from any thread.
//   Source    opentelemetry-collector-contrib, probabilisticsamplerprocessor README.
#include "base/telemetry.h"
#include "config/otelcol/otelcol_processors.h"
#include "model/sampling_state.h"
#include "pipeline/graph/stage.h"
#include "pipeline/processors/batch_edit.h"
#include "pipeline/processors/trace_fates.h"

namespace sightline::pipeline {

class ProbabilisticSampler final : public SpanProcessor {
 public:
  ProbabilisticSampler(const config::ProbabilisticSamplerConfig& config, const std::string& id,
                       SpanStage& next, TraceFates* fates, Telemetry& telemetry);
  Status pass(const SharedBatch& batch, Delivery& delivery) override;

 private:
  struct Decision {
    bool sampled = false;
    std::optional<std::string> trace_state;  // to be written instead of the span's own
  };
  Decision decide(const model::SpanBatch& batch, const model::SpanView& span) const;
  uint64_t threshold_for(const model::SamplingState& state) const;

  const config::ProbabilisticSamplerConfig config_;
  uint64_t threshold_ = 0;  // hash_seed, equalizing
  TraceFates* const fates_;
  Counter& sampled_;
  Counter& not_sampled_;
};

}  // namespace sightline::pipeline
