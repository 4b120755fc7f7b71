#pragma once
// What a target exposes, sample by sample, in whichever format it answered: which formats are asked for, which one an
// answer is in, and one shape for the samples of all.
//   Errors    kUnsupported: an answer in no known format; else kInvalidArgument with the place in the body, before a fault
//             of a sample; a limit that the sink names (kResourceExhausted) is passed on as it is.
//   Threads   pure functions.
//   Source    Prometheus: scrape protocol content negotiation.
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "config/prometheus/prometheus_config.h"
#include "model/exemplar.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "model/sample.h"
#include "wire/prometheus/protobuf_exposition.h"

namespace sightline::scrape {

enum class ExposedFormat { kPrometheusText, kOpenMetrics, kProtobuf };

// The protocols of a scrape configuration as an Accept header: in order of preference, with falling weights.
std::string accept_header(const config::ScrapeConfig& config);
// Of an answer. `fallback` is for those that name none, or one that nobody knows.
Result<ExposedFormat> exposed_format(std::string_view content_type,
                                     std::optional<config::ScrapeProtocol> fallback);

// Views into the body, valid while the sink is called.
class ExposedSample {
 public:
  std::string_view series;  // a key for a cache: equal whenever the labels are exposed the same
  double value = 0;
  const model::Histogram* histogram = nullptr;  // then there is no value
  std::optional<TimestampMs> time;              // its own
  std::optional<TimestampMs> created;
  std::span<const model::Exemplar> exemplars;  // those without has_time are of the sample's time

  virtual Status read_labels(model::LabelsBuilder& out) const = 0;  // __name__ included

 protected:
  ~ExposedSample() = default;
};

class ExposedSink {
 public:
  virtual Status on_sample(const ExposedSample& sample) = 0;
  // After all samples, of each metric family that the exposition says something of.
  virtual void on_metadata(std::string_view metric, const model::MetricMetadata& metadata) = 0;

 protected:
  ~ExposedSink() = default;
};

Status read_exposition(ExposedFormat format, std::string_view body,
                       wire::prometheus::HistogramReading reading, ExposedSink& sink);

}  // namespace sightline::scrape
