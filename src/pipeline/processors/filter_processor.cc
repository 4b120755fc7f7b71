#include "pipeline/processors/filter_processor.h"

namespace sightline::pipeline {

using config::OttlContext;

FilterProcessor::FilterProcessor(const config::FilterProcessorConfig& config, const std::string& id,
                                 SpanStage& next, Telemetry& telemetry)
    : SpanProcessor(next),
      conditions_(config.conditions, config.error_mode),
      selection_(config.include, config.exclude),
      filtered_(telemetry.counter("otelcol_processor_filter_spans_filtered_total",
                                  "Spans dropped by the filter processor.", {{"filter", id}})) {}

Result<bool> FilterProcessor::drops(const model::SpanBatch& batch,
                                    const model::SpanView& span) const {
  if (!selection_.selects_all() && !selection_.selects(batch, span)) return true;
  const auto subject = ConditionSubject::of_span(batch, span);
  if (auto dropped = conditions_.any(OttlContext::kResource, subject); !dropped || *dropped)
    return dropped;
  if (auto dropped = conditions_.any(OttlContext::kScope, subject); !dropped || *dropped)
    return dropped;
  return conditions_.any(OttlContext::kSpan, subject);
}

// Events that match are removed; their spans stay.
Status FilterProcessor::filter_events(const SharedBatch& batch, BatchEdit& edit,
                                      std::vector<uint32_t>& kept) const {
  std::vector<model::EventView> events;
  for (const uint32_t i : kept) {
    const model::SpanView& span = batch->spans[i];
    if (span.events.count == 0) continue;
    events.clear();
    auto subject = ConditionSubject::of_span(*batch, span);
    for (const model::EventView& event : batch->events_of(span)) {
      subject.event = &event;
      const auto dropped = conditions_.any(OttlContext::kSpanEvent, subject);
      if (!dropped) return std::unexpected(dropped.error());
      if (!*dropped) events.push_back(event);
    }
    if (events.size() < span.events.count) edit.keep_events(i, events);
  }
  return {};
}

Status FilterProcessor::pass(const SharedBatch& batch, Delivery& delivery) {
  std::vector<uint32_t> kept;
  kept.reserve(batch->spans.size());
  for (uint32_t i = 0; i < batch->spans.size(); ++i) {
    const auto dropped = drops(*batch, batch->spans[i]);
    if (!dropped) return std::unexpected(dropped.error());
    if (!*dropped) kept.push_back(i);
  }
  filtered_.add(batch->spans.size() - kept.size());
  if (!conditions_.has(OttlContext::kSpanEvent)) return hand_on(keep_spans(batch, kept), delivery);
  BatchEdit edit(batch);
  if (auto status = filter_events(batch, edit, kept); !status) return status;
  edit.keep_spans(kept);
  return hand_on(edit.finish(), delivery);
}

}  // namespace sightline::pipeline
