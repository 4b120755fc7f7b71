#include "pipeline/otlp_listeners.h"

namespace sightline::pipeline {

Result<std::unique_ptr<OtlpListeners>> OtlpListeners::create(const config::OtlpReceiverConfig& config, std::string name,
                                                             SpanConsumer& next, const Clock& clock, Telemetry& telemetry, OtlpMetrics* metrics) {
  const auto refuse_tls = [&](const std::optional<config::TlsConfig>& tls) -> Status {
    if (!tls) return {};
    return fail(Errc::kInvalidArgument, tls->mark.text(), ": receiver ", name, ": TLS is not available in this version");
  };
  if (config.grpc)
    if (auto status = refuse_tls(config.grpc->tls); !status) return std::unexpected(std::move(status).error());
  OtlpReceiverOptions options{.name = name, .metrics = metrics};
  if (config.http) {
    if (auto status = refuse_tls(config.http->tls); !status) return std::unexpected(std::move(status).error());
    options.traces_url_path = config.http->traces_url_path;
    options.metrics_url_path = config.http->metrics_url_path;
    options.logs_url_path = config.http->logs_url_path;
    options.body_bytes_max = config.http->max_request_body_bytes;
  }
  return std::unique_ptr<OtlpListeners>(new OtlpListeners(config, std::move(options), next, clock, telemetry));
}

Status OtlpListeners::start(WorkPool& pool, Telemetry& telemetry, std::shared_ptr<net::IoThreads> threads) {
  if (config_.http) {
    receiver_.add_http_routes(router_);
    auto server = net::HttpServer::listen({.address = *config_.http->endpoint, .name = name_ + "/http"}, router_, pool, telemetry,
                                          std::move(threads));
    if (!server) return in_context("receiver " + name_, std::move(server).error());
    http_ = std::move(*server);
  }
  if (config_.grpc) {
    net::GrpcServerOptions options{.address = *config_.grpc->endpoint, .name = name_ + "/grpc",
                                   .message_bytes_max = config_.grpc->max_recv_bytes()};
    for (auto& [path, handler] : receiver_.grpc_handlers()) options.methods.emplace(path, std::move(handler));
    auto server = net::GrpcServer::listen(std::move(options), telemetry);
    if (!server) return in_context("receiver " + name_, std::move(server).error());
    grpc_ = std::move(*server);
  }
  return {};
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
