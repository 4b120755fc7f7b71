#pragma once
// One gRPC address of a component, with everything that the collector's configgrpc says of a server: TLS, who may call,
// keepalive, sizes.
//   Order     create(), start(), stop(). Lifetime: handlers outlive it.
//   Errors    name the component, and the file or address that cannot be used.
//   Source    opentelemetry-collector, config/configgrpc README.
#include <map>
#include <memory>
#include <string>

#include "base/telemetry.h"
#include "config/otelcol/otelcol_config.h"
#include "net/grpc_server.h"

namespace sightline::pipeline {

class GrpcEndpoint {
 public:
  // As HttpEndpoint::create(); `methods` by path.
  static Result<std::unique_ptr<GrpcEndpoint>> create(
      const config::GrpcServerConfig& config, const config::OtelcolConfig* extensions,
      std::string owner, std::string listener, std::map<std::string, net::GrpcHandler> methods);
  Status start(Telemetry& telemetry);
  void stop(std::chrono::milliseconds deadline);
  std::string local_address() const { return server_ ? server_->local_address() : ""; }

 private:
  GrpcEndpoint(std::string owner, net::GrpcServerOptions options)
      : owner_(std::move(owner)), options_(std::move(options)) {}
  const std::string owner_;
  net::GrpcServerOptions options_;
  std::unique_ptr<net::GrpcServer> server_;
};

}  // namespace sightline::pipeline
