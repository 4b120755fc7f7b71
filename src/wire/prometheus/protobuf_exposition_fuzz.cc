// Any bytes as an exposition in protobuf, histograms read both ways: an error or samples, never a crash.
#include "wire/prometheus/protobuf_exposition.h"

namespace {

class Discard final : public sightline::wire::prometheus::FamilySink {
 public:
  sightline::Status on_family(const sightline::wire::prometheus::FamilyHead&) override {
    return {};
  }
  sightline::Status on_sample(const sightline::wire::prometheus::FamilySample& sample) override {
    sightline::model::LabelsBuilder labels;
    sample.read_labels(labels);
    (void)labels.build();
    return {};
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Discard sink;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  (void)sightline::wire::prometheus::decode_protobuf_exposition(body, {}, sink);
  (void)sightline::wire::prometheus::decode_protobuf_exposition(
      body, {.native = true, .classic_beside_native = true}, sink);
  return 0;
}
