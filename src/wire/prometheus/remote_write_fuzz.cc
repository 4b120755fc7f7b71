// Any bytes as a remote write request of either version: an error or series, never a crash.
#include "wire/prometheus/remote_write.h"

namespace {

class Discard final : public sightline::wire::prometheus::WriteSink {
 public:
  sightline::Status on_series(const sightline::wire::prometheus::WriteSeries& series) override {
    std::vector<sightline::model::LabelView> labels;
    (void)series.read_labels(labels);
    return {};
  }
  sightline::Status on_metadata(std::string_view,
                                const sightline::model::MetricMetadata&) override {
    return {};
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Discard sink;
  (void)sightline::wire::prometheus::decode_write_request(
      {reinterpret_cast<const char*>(data), size}, sink);
  (void)sightline::wire::prometheus::decode_write_request_2(
      {reinterpret_cast<const char*>(data), size}, sink);
  return 0;
}
