#include "pipeline/otlp_listeners.h"

#include "net/cors.h"
#include "pipeline/authentication.h"

namespace sightline::pipeline {

Result<std::unique_ptr<OtlpListeners>> OtlpListeners::create(
    const config::OtlpReceiverConfig& config, std::string name, SpanConsumer& next,
    const Clock& clock, Telemetry& telemetry, const config::OtelcolConfig* extensions,
    OtlpMetrics* metrics, TenantConsumer by_tenant) {
  OtlpReceiverOptions options{.name = name, .metrics = metrics, .by_tenant = std::move(by_tenant)};
  if (config.http) {
    options.traces_url_path = config.http->traces_url_path;
    options.metrics_url_path = config.http->metrics_url_path;
    options.logs_url_path = config.http->logs_url_path;
    options.body_bytes_max = config.http->max_request_body_bytes;
  }
  std::unique_ptr<OtlpListeners> made(
      new OtlpListeners(config, std::move(options), next, clock, telemetry));
  if (auto status = made->secure(extensions); !status)
    return in_context("receiver " + name, std::move(status).error());
  return made;
}

// Reads certificates and who may call.
Status OtlpListeners::secure(const config::OtelcolConfig* extensions) {
  const auto authenticator = [&](const config::Marked<std::string>& id,
                                 std::shared_ptr<const net::Authenticator>& into) -> Status {
    if (id->empty()) return {};
    if (extensions == nullptr)
      return fail(Errc::kInvalidArgument, id.mark.text(), ": there are no extensions here");
    auto made = make_authenticator(*extensions, id);
    if (!made) return std::unexpected(std::move(made).error());
    into = std::move(*made);
    return {};
  };
  if (config_.grpc) {
    if (auto status = authenticator(config_.grpc->authenticator, grpc_authenticator_); !status)
      return status;
    if (config_.grpc->tls) {
      auto tls = load_server_tls(*config_.grpc->tls);
      if (!tls) return std::unexpected(std::move(tls).error());
      grpc_tls_ = std::move(*tls);
    }
  }
  if (!config_.http) return {};
  if (auto status = authenticator(config_.http->authenticator, http_authenticator_); !status)
    return status;
  if (!config_.http->tls) return {};
  auto tls = load_server_tls(*config_.http->tls);
  if (!tls) return std::unexpected(std::move(tls).error());
  auto context = net::TlsServerContext::create(*tls);
  if (!context) return std::unexpected(std::move(context).error());
  http_tls_ = std::move(*context);
  return {};
}

net::GrpcServerOptions OtlpListeners::grpc_options() {
  const config::GrpcServerConfig& grpc = *config_.grpc;
  const auto ms = [](std::chrono::nanoseconds d) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(d);
  };
  net::GrpcServerOptions options{.address = *grpc.endpoint,
                                 .name = name_ + "/grpc",
                                 .message_bytes_max = grpc.max_recv_bytes()};
  if (grpc.max_concurrent_streams > 0)
    options.streams_per_connection_max = grpc.max_concurrent_streams;
  options.tls = grpc_tls_;
  options.authenticator = grpc_authenticator_;
  options.max_connection_idle = ms(grpc.max_connection_idle);
  options.max_connection_age = ms(grpc.max_connection_age);
  options.max_connection_age_grace = ms(grpc.max_connection_age_grace);
  options.keepalive_time = ms(grpc.keepalive_time);
  options.keepalive_timeout = ms(grpc.keepalive_timeout);
  options.ping_interval_min = ms(grpc.keepalive_min_time);
  options.ping_without_stream = grpc.keepalive_without_stream;
  for (auto& [path, handler] : receiver_.grpc_handlers())
    options.methods.emplace(path, std::move(handler));
  return options;
}

void OtlpListeners::add_http_routes() {
  std::optional<net::CorsPolicy> cors;
  if (const auto& c = config_.http->cors; c && !c->allowed_origins.empty())
    cors.emplace(net::CorsOptions{c->allowed_origins, c->allowed_headers, c->exposed_headers,
                                  c->max_age_seconds});
  receiver_.add_http_routes(router_, [&](net::HttpHandler handler) {
    handler = cors ? cors->wrap(std::move(handler)) : std::move(handler);
    if (config_.http->response_headers.empty()) return handler;
    return net::HttpHandler([this, handler = std::move(handler)](net::HttpRequest& request) {
      net::HttpResponse response = handler(request);
      for (const auto& [name, value] : config_.http->response_headers)
        response.headers.set(name, value);
      return response;
    });
  });
  if (!cors) return;
  for (const std::string& path :
       {config_.http->traces_url_path, config_.http->metrics_url_path, config_.http->logs_url_path})
    router_.add("OPTIONS", path, cors->preflight(), {.run_on = net::RunOn::kSocketThread});
}

Status OtlpListeners::start(WorkPool& pool, Telemetry& telemetry,
                            std::shared_ptr<net::IoThreads> threads) {
  if (config_.http) {
    add_http_routes();
    const auto ms = [](std::chrono::nanoseconds d) {
      return std::chrono::duration_cast<std::chrono::milliseconds>(d);
    };
    net::HttpServerOptions options{.address = *config_.http->endpoint,
                                   .name = name_ + "/http",
                                   .tls = http_tls_,
                                   .authenticator = http_authenticator_};
    if (config_.http->idle_timeout.count() > 0)
      options.idle_timeout = ms(config_.http->idle_timeout);
    if (config_.http->read_header_timeout.count() > 0)
      options.header_timeout = ms(config_.http->read_header_timeout);
    if (config_.http->read_timeout.count() > 0)
      options.body_timeout = ms(config_.http->read_timeout);
    if (config_.http->write_timeout.count() > 0)
      options.write_timeout = ms(config_.http->write_timeout);
    auto server =
        net::HttpServer::listen(std::move(options), router_, pool, telemetry, std::move(threads));
    if (!server) return in_context("receiver " + name_, std::move(server).error());
    http_ = std::move(*server);
  }
  if (config_.grpc) {
    auto server = net::GrpcServer::listen(grpc_options(), telemetry);
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
