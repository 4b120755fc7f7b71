// Any bytes as a remote write request: an error or series, never a crash.
#include "wire/prometheus/remote_write.h"

namespace {

class Discard final : public sightline::wire::prometheus::WriteSink {
 public:
  sightline::Status on_series(const sightline::wire::prometheus::WriteSeries&) override { return {}; }
  sightline::Status on_metadata(std::string_view, const sightline::model::MetricMetadata&) override { return {}; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Discard sink;
  (void)sightline::wire::prometheus::decode_write_request({reinterpret_cast<const char*>(data), size}, sink);
  return 0;
}
