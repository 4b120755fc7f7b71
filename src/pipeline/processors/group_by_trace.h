#pragma once
// The groupbytrace processor: spans wait for wait_duration after the first of their trace, then the
// trace goes on as one batch.
//   Limits    num_traces wait; beyond, the oldest goes on at once. What waits is in memory alone, and handed on at stop().
//   Errors    what follows refuses: the trace waits on and is offered again, until num_traces wait; then it is lost, counted and said.
//   Threads   pass() from any thread; one mutex.
//   Source    opentelemetry-collector-contrib, groupbytraceprocessor README.
#include <mutex>

#include "base/telemetry.h"
#include "base/time.h"
#include "config/otelcol/otelcol_processors.h"
#include "pipeline/graph/stage.h"
#include "pipeline/processors/waiting_traces.h"

namespace sightline::pipeline {

class GroupByTrace final : public SpanProcessor {
 public:
  GroupByTrace(const config::GroupByTraceConfig& config, std::string id, SpanStage& next,
               const Clock& clock, Telemetry& telemetry);
  Status pass(const SharedBatch& batch, Delivery& delivery) override;
  void maintain() override;
  void stop() override;

 private:
  void hand_over(std::vector<WaitingTrace> traces);

  const config::GroupByTraceConfig config_;
  const std::string id_;
  const Clock& clock_;
  Counter& released_;
  Counter& lost_;
  std::mutex mutex_;
  WaitingTraces waiting_;  // guarded by mutex_
};

}  // namespace sightline::pipeline
