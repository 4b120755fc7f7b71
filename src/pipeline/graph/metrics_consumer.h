#pragma once
// The edges that metrics go along when they are pushed: one request a batch, as the bytes it came in.
//   Cost      what no processor edits is handed on and sent as it is; whoever needs its points decodes it.
//   Answer    how many points were rejected and why (partial success); an error refuses the batch whole: kResourceExhausted
//             and kUnavailable may be tried again.
//   Threads   consume() from any thread.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "wire/otlp/responses.h"

namespace sightline::pipeline {

struct MetricsBatch {
  std::shared_ptr<const std::string> protobuf;  // an ExportMetricsServiceRequest
  uint64_t points = 0;
};
using SharedMetrics = std::shared_ptr<const MetricsBatch>;

class MetricsConsumer {
 public:
  virtual ~MetricsConsumer() = default;
  virtual Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) = 0;
};

// The batch of a request in either encoding; kInvalidArgument when it is none.
Result<SharedMetrics> make_metrics_batch(std::string request, wire::otlp::Encoding encoding);

// An edge that splits. Those that may refuse come first, so that a request that is refused and sent again was given to
// nobody before; of what was rejected one by one the worst answer counts.
class MetricsSplit final : public MetricsConsumer {
 public:
  explicit MetricsSplit(std::vector<MetricsConsumer*> next) : next_(std::move(next)) {}
  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) override;

 private:
  const std::vector<MetricsConsumer*> next_;
};

}  // namespace sightline::pipeline
