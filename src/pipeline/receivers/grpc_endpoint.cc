#include "pipeline/receivers/grpc_endpoint.h"

#include "pipeline/extensions/authentication.h"

namespace sightline::pipeline {
namespace {

net::GrpcServerOptions options_of(const config::GrpcServerConfig& grpc, std::string listener) {
  const auto ms = [](std::chrono::nanoseconds d) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(d);
  };
  net::GrpcServerOptions options{.address = *grpc.endpoint,
                                 .name = std::move(listener),
                                 .message_bytes_max = grpc.max_recv_bytes()};
  if (grpc.max_concurrent_streams > 0)
    options.streams_per_connection_max = grpc.max_concurrent_streams;
  options.max_connection_idle = ms(grpc.max_connection_idle);
  options.max_connection_age = ms(grpc.max_connection_age);
  options.max_connection_age_grace = ms(grpc.max_connection_age_grace);
  options.keepalive_time = ms(grpc.keepalive_time);
  options.keepalive_timeout = ms(grpc.keepalive_timeout);
  options.ping_interval_min = ms(grpc.keepalive_min_time);
  options.ping_without_stream = grpc.keepalive_without_stream;
  return options;
}

}  // namespace

Result<std::unique_ptr<GrpcEndpoint>> GrpcEndpoint::create(
    const config::GrpcServerConfig& config, const config::OtelcolConfig* extensions,
    std::string owner, std::string listener, std::map<std::string, net::GrpcHandler> methods) {
  net::GrpcServerOptions options = options_of(config, std::move(listener));
  for (auto& [path, handler] : methods) options.methods.emplace(path, std::move(handler));
  if (const auto& id = config.authenticator; !id->empty()) {
    if (extensions == nullptr)
      return fail(Errc::kInvalidArgument, owner, ": ", id.mark.text(),
                  ": there are no extensions here");
    auto authenticator = make_authenticator(*extensions, id);
    if (!authenticator) return in_context(owner, std::move(authenticator).error());
    options.authenticator = std::move(*authenticator);
  }
  if (config.tls) {
    auto tls = load_server_tls(*config.tls);
    if (!tls) return in_context(owner, std::move(tls).error());
    options.tls = std::move(*tls);
  }
  return std::unique_ptr<GrpcEndpoint>(new GrpcEndpoint(std::move(owner), std::move(options)));
}

Status GrpcEndpoint::start(Telemetry& telemetry) {
  auto server = net::GrpcServer::listen(std::move(options_), telemetry);
  if (!server) return in_context(owner_, std::move(server).error());
  server_ = std::move(*server);
  return {};
}

void GrpcEndpoint::stop(std::chrono::milliseconds deadline) {
  if (server_) server_->stop(deadline);
}

}  // namespace sightline::pipeline
