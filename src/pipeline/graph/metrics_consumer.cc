#include "pipeline/graph/metrics_consumer.h"

#include "wire/otlp/decode_metrics.h"
#include "wire/otlp/signal_counts.h"

namespace sightline::pipeline {

Result<SharedMetrics> make_metrics_batch(std::string request, wire::otlp::Encoding encoding) {
  if (encoding == wire::otlp::Encoding::kJson) {
    auto transcoded = wire::otlp::transcode_metrics_json(request);
    if (!transcoded) return std::unexpected(std::move(transcoded).error());
    request = std::move(*transcoded);
  }
  const auto points = wire::otlp::count_data_points(request, wire::otlp::Encoding::kProtobuf);
  if (!points) return std::unexpected(points.error());
  return std::make_shared<const MetricsBatch>(
      MetricsBatch{std::make_shared<const std::string>(std::move(request)), *points});
}

Result<wire::otlp::PartialSuccess> MetricsSplit::consume(const SharedMetrics& batch) {
  wire::otlp::PartialSuccess worst;
  for (MetricsConsumer* next : next_) {
    auto answer = next->consume(batch);
    if (!answer) return answer;
    if (answer->rejected > worst.rejected) worst = std::move(*answer);
  }
  return worst;
}

}  // namespace sightline::pipeline
