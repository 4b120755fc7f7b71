#pragma once
// What a receiver counts, under the collector's names: one set for each transport of it.
//   Threads  counters are atomic.
#include <string>

#include "base/telemetry.h"

namespace sightline::pipeline {

struct ReceiverCounters {
  Counter& accepted_spans;
  Counter& refused_spans;
  Counter& accepted_points;
  Counter& refused_points;
  Counter& malformed;  // requests that could not be decoded

  // `transport`: "grpc", "http"; as the collector writes it.
  static ReceiverCounters of(Telemetry& telemetry, const std::string& receiver,
                             const std::string& transport);
};

}  // namespace sightline::pipeline
