// Any bytes as an exposition in both formats: an error or events, never a crash.
#include "wire/openmetrics/check_openmetrics.h"
#include "wire/openmetrics/exposition_parser.h"

namespace {

using namespace sightline;
using namespace sightline::wire::openmetrics;

class LabelReader final : public ExpositionSink {
 public:
  Status on_metadata(const ExpositionMetadata& metadata) override {
    (void)unescape_help(metadata.text);
    return {};
  }
  Status on_sample(const ExpositionSample& sample) override {
    model::LabelsBuilder labels;
    (void)parse_series(sample.series, BoundText::kNormalized, labels);
    if (sample.exemplar) {
      model::LabelsBuilder exemplar;
      (void)parse_exemplar_labels(sample.exemplar->labels, exemplar);
    }
    return {};
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  LabelReader reader;
  (void)parse_exposition(text, ExpositionFormat::kOpenMetrics, reader);
  (void)parse_exposition(text, ExpositionFormat::kPrometheusText, reader);
  (void)check_openmetrics(text);
  return 0;
}
