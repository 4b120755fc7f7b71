#pragma once
// Remote write requests as a sender writes them, 1.0 (prometheus.WriteRequest) and 2.0 (io.prometheus.write.v2.Request), in
// protobuf, not yet packed.
//   Threads   pure functions.
//   Source    Prometheus remote write 1.0 and 2.0.
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/exemplar.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "model/sample.h"

namespace sightline::wire::prometheus {

struct SentSample {
  double value = 0;
  TimestampMs time;
};
struct SentHistogram {
  model::Histogram histogram;
  TimestampMs time;
};
struct SentSeries {
  model::Labels labels;
  std::vector<SentSample> samples;
  std::vector<SentHistogram> histograms;
  std::vector<model::Exemplar> exemplars;
  TimestampMs created{0};          // 2.0 alone; 0: unknown
  model::MetricMetadata metadata;  // 2.0 alone
};
using SentMetadata = std::pair<std::string, model::MetricMetadata>;  // by metric family

std::string encode_write_request(std::span<const SentSeries> series,
                                 std::span<const SentMetadata> metadata);
std::string encode_write_request_2(std::span<const SentSeries> series);

}  // namespace sightline::wire::prometheus
