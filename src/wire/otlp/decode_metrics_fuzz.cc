// Any bytes as a metrics request, and as the JSON of one: what transcodes must decode, since we wrote that protobuf ourselves.
#include <cstdlib>

#include "model/value_text.h"
#include "wire/otlp/decode_metrics.h"
#include "wire/otlp/encode_metrics.h"

using namespace sightline;
using namespace sightline::wire::otlp;

namespace {

class Printing final : public model::MetricsSink {
 public:
  Status on_resource(const model::MetricResource& resource) override {
    return print(resource.attributes);
  }
  Status on_metric(const model::MetricView&) override { return {}; }
  Status on_point(const model::MetricView&, const model::DataPoint& point) override {
    return print(point.attributes);
  }

 private:
  static Status print(const std::vector<model::AttributeView>& attributes) {
    for (const auto& attribute : attributes) (void)model::value_text(attribute.value);
    return {};
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  Printing sink;
  (void)decode_metrics(input, sink);
  // What was decoded and encoded again decodes to the same.
  MetricsEncoder once, twice;
  MetricsJsonEncoder json;
  if (decode_metrics(input, once)) {
    const std::string bytes = once.take();
    if (!decode_metrics(bytes, twice) || twice.take() != bytes) std::abort();
    if (!decode_metrics(bytes, json) || !transcode_metrics_json(json.take())) std::abort();
  }
  const auto protobuf = transcode_metrics_json(input);
  if (protobuf && !decode_metrics(*protobuf, sink)) std::abort();
  return 0;
}
