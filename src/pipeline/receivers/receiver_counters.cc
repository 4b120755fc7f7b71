#include "pipeline/receivers/receiver_counters.h"

namespace sightline::pipeline {

ReceiverCounters ReceiverCounters::of(Telemetry& telemetry, const std::string& receiver,
                                      const std::string& transport) {
  const auto counter = [&](const char* name, const char* help) -> Counter& {
    return telemetry.counter(name, help, {{"receiver", receiver}, {"transport", transport}});
  };
  return {
      counter("otelcol_receiver_accepted_spans_total", "Spans accepted."),
      counter("otelcol_receiver_refused_spans_total",
              "Spans that a later stage refused; the sender was told to retry or give up."),
      counter("otelcol_receiver_accepted_metric_points_total", "Data points accepted."),
      counter("otelcol_receiver_refused_metric_points_total",
              "Data points that a later stage refused."),
      counter("sightline_receiver_malformed_requests_total", "Requests that could not be decoded."),
  };
}

}  // namespace sightline::pipeline
