#include "model/exemplar.h"

namespace sightline::model {
namespace {

bool is_lower_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Exemplar Exemplar::from_labels(const Labels& all, double value, TimestampMs time) {
  Exemplar exemplar{.value = value, .time = time};
  LabelsBuilder rest;
  for (const LabelView label : all) {
    // Only what prints back to the same text may leave the label set.
    if (label.name == kTraceIdLabel && is_lower_hex(label.value)) {
      if (const auto id = parse_trace_id(label.value); id && id->is_valid()) {
        exemplar.trace_id = *id;
        continue;
      }
    }
    if (label.name == kSpanIdLabel && is_lower_hex(label.value)) {
      if (const auto id = parse_span_id(label.value); id && id->is_valid()) {
        exemplar.span_id = *id;
        continue;
      }
    }
    rest.set(label.name, label.value);
  }
  exemplar.labels = rest.build();
  return exemplar;
}

Labels Exemplar::all_labels() const {
  LabelsBuilder builder(labels);
  if (trace_id.is_valid()) builder.set(kTraceIdLabel, to_hex(trace_id));
  if (span_id.is_valid()) builder.set(kSpanIdLabel, to_hex(span_id));
  return builder.build();
}

TraceId Exemplar::trace() const {
  if (trace_id.is_valid()) return trace_id;
  return parse_trace_id(labels.get(kTraceIdLabelOld)).value_or(TraceId{});
}

}  // namespace sightline::model
