#include "pipeline/receivers/otlp_listeners.h"

namespace sightline::pipeline {

Result<std::unique_ptr<OtlpListeners>> OtlpListeners::create(
    const config::OtlpReceiverConfig& config, std::string name, SpanConsumer& next,
    const Clock& clock, Telemetry& telemetry, const config::OtelcolConfig* extensions,
    OtlpEdges edges) {
  OtlpReceiverOptions options{.name = name,
                              .metrics = edges.metrics,
                              .encoded = edges.encoded,
                              .by_tenant = std::move(edges.by_tenant)};
  options.limits.span_attributes = std::move(edges.span_attributes);
  if (config.http) {
    options.traces_url_path = config.http->traces_url_path;
    options.metrics_url_path = config.http->metrics_url_path;
    options.logs_url_path = config.http->logs_url_path;
  }
  std::unique_ptr<OtlpListeners> made(
      new OtlpListeners(std::move(options), next, clock, telemetry));
  if (config.grpc) {
    auto grpc = GrpcEndpoint::create(*config.grpc, extensions, "receiver " + name, name + "/grpc",
                                     made->receiver_.grpc_handlers());
    if (!grpc) return std::unexpected(std::move(grpc).error());
    made->grpc_ = std::move(*grpc);
  }
  if (!config.http) return made;
  auto http = HttpEndpoint::create(*config.http, extensions, "receiver " + name, name + "/http");
  if (!http) return std::unexpected(std::move(http).error());
  made->http_ = std::move(*http);
  made->receiver_.add_http_routes([&](const std::string& path, net::HttpHandler handler) {
    made->http_->add("POST", path, std::move(handler));
  });
  return made;
}

Status OtlpListeners::start(WorkPool& pool, Telemetry& telemetry,
                            std::shared_ptr<net::IoThreads> threads) {
  if (http_)
    if (auto status = http_->start(pool, telemetry, std::move(threads)); !status) return status;
  return grpc_ ? grpc_->start(telemetry) : Status();
}

void OtlpListeners::stop(std::chrono::milliseconds deadline) {
  if (grpc_) grpc_->stop(deadline);
  if (http_) http_->stop(deadline);
}

std::vector<OpenListener> OtlpListeners::listeners() const {
  std::vector<OpenListener> all;
  if (grpc_) all.push_back({"OTLP gRPC", grpc_->local_address()});
  if (http_) all.push_back({"OTLP HTTP", http_->local_address()});
  return all;
}

}  // namespace sightline::pipeline
