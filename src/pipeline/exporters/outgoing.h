#pragma once
// What leaves this process: a request of spans or of metrics, shared and immutable.
//   Cost     a request that came as protobuf and was not edited leaves as the same bytes.
//   Threads  immutable; copies share.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/otelcol/otelcol_config.h"
#include "net/grpc_client.h"
#include "pipeline/graph/consumer.h"
#include "pipeline/graph/encoded_traces.h"
#include "pipeline/graph/metrics_consumer.h"

namespace sightline::pipeline {

class Outgoing {
 public:
  Outgoing() = default;  // nothing
  Outgoing(SharedBatch spans) : spans_(std::move(spans)) {}
  Outgoing(SharedMetrics metrics) : metrics_(std::move(metrics)) {}
  Outgoing(SharedEncoded encoded) : encoded_(std::move(encoded)) {}
  static Result<Outgoing> parse(config::Signal signal, std::string protobuf);
  // Several of one signal as one, for sending: requests of OTLP are joined by writing one behind the other.
  static Outgoing join(std::span<const Outgoing> parts);

  explicit operator bool() const { return spans_ || metrics_ || encoded_ || parts_; }
  const SharedBatch& spans() const { return spans_; }        // null: metrics, joined, or unread
  const SharedMetrics& metrics() const { return metrics_; }  // null: spans, or joined
  size_t items() const;                                      // spans or data points
  size_t bytes() const;  // of the protobuf, near enough for a limit
  void append_protobuf(std::string& out) const;
  std::string protobuf() const;
  // The same, without a copy where it is there already.
  net::OwnedBytes shared_protobuf() const;
  std::string json() const;

 private:
  SharedBatch spans_;
  SharedMetrics metrics_;
  SharedEncoded encoded_;
  std::shared_ptr<const std::vector<Outgoing>>
      parts_;  // of a joined one, which then has none of those
};

}  // namespace sightline::pipeline
