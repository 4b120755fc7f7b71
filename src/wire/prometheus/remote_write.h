#pragma once
// A remote write request, 1.0 (prometheus.WriteRequest) or 2.0 (io.prometheus.write.v2.Request), in protobuf, already unpacked:
// series by series to a sink, without building the whole in memory.
//   Order     metadata and series as they lie in the message.
//   Errors    kInvalidArgument with the byte offset when the bytes are no such message; a sink's error is passed on.
//   Limits    none of its own: linear in the bytes, which the caller bounds.
//   Threads   pure functions.
//   Source    Prometheus remote write 1.0 and 2.0; prompb/remote.proto, types.proto, io/prometheus/write/v2/types.proto.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "model/sample.h"

namespace sightline::wire::prometheus {

struct WriteSample {
  double value = 0;
  TimestampMs time;
  int64_t start_ms = 0;  // 0: unknown; 2.0 alone
};
struct WriteHistogram {
  model::Histogram
      histogram;  // not checked but for its resolution, which is at most the finest stored
  TimestampMs time;
  int64_t start_ms = 0;
};
struct WriteExemplar {
  std::vector<model::LabelView> labels;
  double value = 0;
  TimestampMs time;
};

// One series with what it brings. Views into the request; reused between series.
class WriteSeries {
 public:
  std::vector<WriteSample> samples;
  std::vector<WriteHistogram> histograms;
  std::vector<WriteExemplar> exemplars;
  bool has_metadata = false;  // 2.0 alone
  model::MetricMetadata metadata;

  // Bytes that are equal whenever the labels were sent the same; what they are is the message's affair.
  std::string_view identity() const { return identity_; }
  // The labels as sent, to be checked by whoever stores them. kInvalidArgument when they are not to be read.
  Status read_labels(std::vector<model::LabelView>& out) const;

 private:
  friend class WriteDecoder;
  std::string_view identity_;
  std::string scratch_;
  const std::vector<std::string_view>* symbols_ = nullptr;  // 2.0
  std::vector<uint32_t> label_refs_;
};

class WriteSink {
 public:
  virtual ~WriteSink() = default;
  // A sink that remembers what senders call their series saves reading the labels: how many bytes the labels of the series
  // that it expects next have, 0 when it expects none; and whether these are they.
  virtual size_t expected_label_bytes() { return 0; }
  virtual bool expects(std::string_view /*labels*/) { return false; }
  virtual Status on_series(const WriteSeries& series) = 0;
  virtual Status on_metadata(std::string_view metric,
                             const model::MetricMetadata& metadata) = 0;  // 1.0 alone
};

Status decode_write_request(std::string_view bytes, WriteSink& sink);
Status decode_write_request_2(std::string_view bytes, WriteSink& sink);

}  // namespace sightline::wire::prometheus
