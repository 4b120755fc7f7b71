#include "pipeline/processors/group_by_trace.h"

#include "base/log.h"

namespace sightline::pipeline {

GroupByTrace::GroupByTrace(const config::GroupByTraceConfig& config, std::string id,
                           SpanStage& next, const Clock& clock, Telemetry& telemetry)
    : SpanProcessor(next),
      config_(config),
      id_(std::move(id)),
      clock_(clock),
      released_(telemetry.counter("otelcol_processor_groupbytrace_traces_released_total",
                                  "Traces released to what follows.", {{"processor", id_}})),
      lost_(
          telemetry.counter("sightline_processor_lost_spans_total",
                            "Waiting spans that what follows refused until there was no more room.",
                            {{"processor", id_}})) {}

Status GroupByTrace::pass(const SharedBatch& batch, Delivery&) {
  std::vector<WaitingTrace> oldest;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, spans] : spans_by_trace(*batch))
      waiting_.add(id, batch, std::move(spans), clock_.monotonic());
    while (waiting_.count() > config_.num_traces) oldest.push_back(waiting_.take_oldest());
  }
  hand_over(std::move(oldest));
  return {};
}

void GroupByTrace::maintain() {
  std::vector<WaitingTrace> ready;
  {
    const std::lock_guard lock(mutex_);
    const auto before = clock_.monotonic() - config_.wait_duration;
    ready = waiting_.take_if([&](const WaitingTrace& trace) { return trace.first_seen <= before; });
  }
  hand_over(std::move(ready));
}

void GroupByTrace::stop() {
  std::vector<WaitingTrace> all;
  {
    const std::lock_guard lock(mutex_);
    all = waiting_.take_if([](const WaitingTrace&) { return true; });
  }
  hand_over(std::move(all));
}

void GroupByTrace::hand_over(std::vector<WaitingTrace> traces) {
  for (WaitingTrace& trace : traces) {
    const auto status = release(gather(trace.parts));
    if (status) {
      released_.add();
      continue;
    }
    const bool again = status.error().code == Errc::kResourceExhausted ||
                       status.error().code == Errc::kUnavailable;
    const std::lock_guard lock(mutex_);
    if (again && waiting_.count() < config_.num_traces) {
      for (SpanPart& part : trace.parts)
        waiting_.add(trace.id, part.batch, std::move(part.spans), clock_.monotonic());
      continue;
    }
    lost_.add(trace.span_count);
    SL_LOG_ERROR("{}: {} spans lost: {}", id_, trace.span_count, status.error().message);
  }
}

}  // namespace sightline::pipeline
