#pragma once
// Reads an exposition in protobuf, as a scrape brings it in: io.prometheus.client.MetricFamily messages, each behind its
// length. Sample after sample goes to a sink, named and labelled as the text format would have it.
//   Samples   of a summary _count, _sum and its quantiles; of a classic histogram _count, _sum and its buckets, +Inf always
//             among them; of a native one a single sample under the family's name. Bounds are OpenMetrics numbers ("1.0").
//   Time 0    of a sample is none: proto3 senders cannot tell the two apart.
//   Errors    kInvalidArgument "byte N: what", counted from the begin of the body; a sink's error is passed on.
//   Limits    kMetricLabelsMax, and those of exposed_histogram.h; otherwise linear in the body, which the caller bounds.
//   Threads   pure functions.
//   Source    Prometheus exposition formats, "Protobuf format"; io.prometheus.client, metrics.proto.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/exemplar.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "model/sample.h"

namespace sightline::wire::prometheus {

inline constexpr size_t kMetricLabelsMax = 4096;
inline constexpr size_t kQuantilesMax = 1 << 16;  // of a summary

struct HistogramReading {
  bool native = false;                 // else histograms are classic, whatever else they hold
  bool classic_beside_native = false;  // a histogram that is both yields both
};

// Views into the body, valid while the sink is called.
struct FamilyHead {
  std::string_view name;
  model::MetricType type = model::MetricType::kUnknown;
  std::string_view help;
  std::string_view unit;
};

struct FamilySample {
  std::string_view series;  // equal whenever name and labels are, else different
  std::string_view family;
  std::string_view suffix;                   // of the name: "_count", ...
  std::span<const model::LabelView> labels;  // without le and quantile; valid, unique, not sorted
  model::LabelView bound;                    // le or quantile, no name: neither
  double value = 0;
  const model::Histogram* histogram = nullptr;  // then there is no value
  std::optional<TimestampMs> time;
  std::optional<TimestampMs> created;
  std::span<const model::Exemplar> exemplars;  // those without has_time are of the sample's time
  size_t offset = 0;                           // of the metric's message in the body

  void read_labels(model::LabelsBuilder& out) const;  // __name__ included
};

class FamilySink {
 public:
  virtual ~FamilySink() = default;
  virtual Status on_family(const FamilyHead& head) = 0;  // before its samples; of one with metrics
  virtual Status on_sample(const FamilySample& sample) = 0;
};

Status decode_protobuf_exposition(std::string_view body, HistogramReading reading,
                                  FamilySink& sink);

}  // namespace sightline::wire::prometheus
