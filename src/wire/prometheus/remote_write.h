#pragma once
// A remote write 1.0 request (prometheus.WriteRequest) in protobuf, already unpacked: series by series
// to a sink, without building the whole in memory.
//   Order     metadata and series as they lie in the message; of a series its labels first.
//   Errors    kInvalidArgument with the byte offset when the bytes are no such message; a sink's error is passed on.
//   Limits    none of its own: linear in the bytes, which the caller bounds.
//   Threads   pure function.
//   Source    Prometheus remote write 1.0; prompb/remote.proto, types.proto.
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/labels.h"
#include "model/sample.h"

namespace sightline::wire::prometheus {

struct WriteSample {
  double value = 0;
  TimestampMs time;
};
struct WriteExemplar {
  std::vector<model::LabelView> labels;
  double value = 0;
  TimestampMs time;
};
// One series with what it brings. Views into the request; reused between series.
struct WriteSeries {
  std::vector<model::LabelView> labels;   // as sent: to be checked by whoever stores them
  std::vector<WriteSample> samples;
  std::vector<WriteExemplar> exemplars;
  uint64_t histograms = 0;                // native histograms, counted
};

class WriteSink {
 public:
  virtual ~WriteSink() = default;
  virtual Status on_series(const WriteSeries& series) = 0;
  virtual Status on_metadata(std::string_view metric, const model::MetricMetadata& metadata) = 0;
};

Status decode_write_request(std::string_view bytes, WriteSink& sink);

}  // namespace sightline::wire::prometheus
