#pragma once
// OTLP in, over gRPC and HTTP/1.1: decodes a request once, hands its spans to the
// next stage, and answers as the protocol says.
//   Kept      every valid span of a request; the others are counted under their
//             reason and told to the sender (partial success).
//   Refused   logs, and metrics that no pipeline takes to a store: all their points are rejected by
//             partial success, never swallowed.
//   Errors    bad bytes are permanent (400, INVALID_ARGUMENT); a full queue or disk is retryable
//             (429/503 with Retry-After, RESOURCE_EXHAUSTED/UNAVAILABLE with RetryInfo).
//   Threads   handlers run on many threads at once.
//   Source    OTLP 1.x, "OTLP/gRPC", "OTLP/HTTP".
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/telemetry.h"
#include "base/time.h"
#include "net/grpc_message.h"
#include "net/http.h"
#include "pipeline/graph/consumer.h"
#include "pipeline/graph/encoded_traces.h"
#include "pipeline/graph/metrics_consumer.h"
#include "pipeline/receivers/receiver_counters.h"
#include "wire/otlp/decode_traces.h"
#include "wire/otlp/responses.h"
#include "wire/otlp/scan_traces.h"

namespace sightline::pipeline {

struct OtlpReceiverOptions {
  std::string name = "otlp";  // the receiver's id in its configuration: a counter label
  std::string traces_url_path = "/v1/traces";
  std::string metrics_url_path = "/v1/metrics";
  std::string logs_url_path = "/v1/logs";
  wire::otlp::DecodeLimits limits;
  MetricsConsumer* metrics = nullptr;  // where metrics go; null: no pipeline takes them
  EncodedConsumer* encoded =
      nullptr;               // takes whole requests of spans unread, in place of the next stage
  TenantConsumer by_tenant;  // takes the spans in place of the next stage; may be empty
  std::chrono::seconds retry_after{1};  // told with every retryable refusal
};

// Who sent how much, for the start page: spans per service, and when the last came.
struct ReceivedServices {
  struct Service {
    std::string name;
    uint64_t spans_total = 0;
    TimestampNs last_seen;
  };
  std::vector<Service> services;  // by name
};

class OtlpReceiver {
 public:
  // All references outlive the receiver.
  OtlpReceiver(OtlpReceiverOptions options, SpanConsumer& next, const Clock& clock,
               Telemetry& telemetry);

  // Calls `add` with the path and handler of each POST route.
  void add_http_routes(const std::function<void(const std::string&, net::HttpHandler)>& add);
  std::map<std::string, net::GrpcHandler> grpc_handlers();
  ReceivedServices received() const;

 private:
  struct Answer {
    Status status;                       // an error: the request as a whole is refused
    wire::otlp::PartialSuccess partial;  // otherwise
  };
  Answer receive_traces(Result<wire::otlp::DecodedTraces> decoded, std::string_view org_id,
                        const ReceiverCounters& counters);
  Answer receive_traces(std::shared_ptr<const std::string> request, std::string_view org_id,
                        const ReceiverCounters& counters);
  Answer pass_on(std::shared_ptr<const std::string> request,
                 const wire::otlp::ScannedTraces& scanned, const ReceiverCounters& counters);
  Answer receive_metrics(std::string request, wire::otlp::Encoding encoding,
                         const ReceiverCounters& counters);
  static Answer reject(wire::otlp::Signal signal, Result<uint64_t> count,
                       const ReceiverCounters& counters);
  net::HttpResponse handle_http(wire::otlp::Signal signal, net::HttpRequest& request);
  net::GrpcReply handle_grpc(wire::otlp::Signal signal, const net::SharedBytes& request,
                             const net::GrpcCaller& caller);
  void note_services(const model::SpanBatch& batch);
  void note_service(std::string_view name, uint64_t spans, TimestampNs now);  // needs the mutex

  const OtlpReceiverOptions options_;
  SpanConsumer& next_;
  const Clock& clock_;
  Counter& requests_;
  const ReceiverCounters http_, grpc_;
  std::array<Counter*, wire::otlp::kRejectReasons> rejected_;
  mutable std::mutex services_mutex_;
  std::map<std::string, ReceivedServices::Service, std::less<>>
      services_;  // guarded by services_mutex_
};

// Service names remembered at most; spans of further ones count under "(other)".
inline constexpr size_t kServicesRememberedMax = 1000;

}  // namespace sightline::pipeline
