#pragma once
// The filter processor, of spans: what a condition matches is dropped, and counted.
//   Errors    with error_mode propagate, a condition that cannot be evaluated refuses the batch for good.
//   Threads   immutable once made; pass() from any thread.
//   Source    opentelemetry-collector-contrib, filterprocessor README.
#include "base/telemetry.h"
#include "pipeline/graph/stage.h"
#include "pipeline/processors/batch_edit.h"
#include "pipeline/processors/condition.h"
#include "pipeline/processors/span_match.h"

namespace sightline::pipeline {

class FilterProcessor final : public SpanProcessor {
 public:
  FilterProcessor(const config::FilterProcessorConfig& config, const std::string& id,
                  SpanStage& next, Telemetry& telemetry);
  Status pass(const SharedBatch& batch, Delivery& delivery) override;

 private:
  Result<bool> drops(const model::SpanBatch& batch, const model::SpanView& span) const;
  Status filter_events(const SharedBatch& batch, BatchEdit& edit,
                       std::vector<uint32_t>& kept) const;

  const Conditions conditions_;
  const SpanSelection selection_;
  Counter& filtered_;
};

}  // namespace sightline::pipeline
