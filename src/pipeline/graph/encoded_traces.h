#pragma once
// Requests of spans that nobody here looks into: from an OTLP receiver to OTLP exporters as the bytes they came in, checked
// and counted but never made into a batch. Where anything between them looks at spans, they go the way of graph/stage.h.
//   Answer    as SpanConsumer's.
//   Threads   any.
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace sightline::pipeline {

struct EncodedTraces {
  std::shared_ptr<const std::string>
      protobuf;  // an ExportTraceServiceRequest of which no span is rejected
  uint64_t spans = 0;
};
using SharedEncoded = std::shared_ptr<const EncodedTraces>;

class EncodedConsumer {
 public:
  virtual ~EncodedConsumer() = default;
  virtual Status consume(const SharedEncoded& request) = 0;
};

// In the order of the configuration; the first refusal ends it.
class EncodedSplit final : public EncodedConsumer {
 public:
  explicit EncodedSplit(std::vector<EncodedConsumer*> next) : next_(std::move(next)) {}
  Status consume(const SharedEncoded& request) override {
    for (EncodedConsumer* next : next_)
      if (auto status = next->consume(request); !status) return status;
    return {};
  }

 private:
  const std::vector<EncodedConsumer*> next_;
};

}  // namespace sightline::pipeline
