#pragma once
// OTLP metrics into the metrics store, as Prometheus' own OTLP receiver would write them: names and labels translated, explicit
// histograms as classic ones, exponential ones as native ones, target_info for the resource; delta points are
// summed up.
//   Kept      every point the store takes; the others are counted and told to the sender (partial success). A request of
//             which nothing was kept is refused: kInvalidArgument.
//   Errors    as Appender::commit(): kUnavailable and kResourceExhausted may be tried again, nothing was stored then.
//   Threads   requests run on many threads at once; those with delta points one after the other.
//   Source    OpenTelemetry, "Prometheus and OpenMetrics Compatibility".
#include <mutex>

#include "net/http.h"
#include "pipeline/graph/metrics_consumer.h"
#include "pipeline/metrics/delta_accumulator.h"
#include "tsdb/appender.h"
#include "wire/otlp/responses.h"

namespace sightline::pipeline {

class OtlpMetrics final : public MetricsConsumer {
 public:
  // `store` outlives it.
  explicit OtlpMetrics(tsdb::Appendable& store) : store_(store) {}

  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) override {
    return store(*batch->protobuf);
  }
  Result<wire::otlp::PartialSuccess> receive(std::string_view request,
                                             wire::otlp::Encoding encoding);
  // POST /api/v1/otlp/v1/metrics, Prometheus' address for it. The object outlives the router.
  void add_prometheus_route(net::HttpRouter& router);

 private:
  Result<wire::otlp::PartialSuccess> store(std::string_view protobuf);

  tsdb::Appendable& store_;
  std::mutex delta_mutex_;
  DeltaAccumulator deltas_;  // guarded by delta_mutex_
};

}  // namespace sightline::pipeline
