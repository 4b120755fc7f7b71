#pragma once
// One HTTP address of a component, with everything that the collector's confighttp says of a server: TLS, who may call,
// pages of other origins, headers of every answer, sizes, encodings and times.
//   Order     create(), add() each route, start(), stop().
//   Lifetime  config and handlers outlive it.
//   Errors    name the component, and the file or address that cannot be used.
//   Threads   handlers run where their route says; the rest from one thread.
//   Source    opentelemetry-collector, config/confighttp README.
#include <memory>
#include <optional>
#include <string>

#include "base/telemetry.h"
#include "base/work_pool.h"
#include "config/otelcol/otelcol_config.h"
#include "net/cors.h"
#include "net/http_server.h"

namespace sightline::pipeline {

class HttpEndpoint {
 public:
  // `owner`: "receiver zipkin", for errors; `listener`: the label of the server's own counters. Null `extensions`: no
  // authenticator can be named.
  static Result<std::unique_ptr<HttpEndpoint>> create(const config::HttpServerConfig& config,
                                                      const config::OtelcolConfig* extensions,
                                                      std::string owner, std::string listener);
  // A body may be as large as the configuration says.
  void add(std::string_view methods, const std::string& path, net::HttpHandler handler,
           net::RunOn run_on = net::RunOn::kWorkPool);
  Status start(WorkPool& pool, Telemetry& telemetry, std::shared_ptr<net::IoThreads> threads);
  void stop(std::chrono::milliseconds deadline);
  // Empty until it listens.
  std::string local_address() const { return server_ ? server_->local_address() : ""; }
  const net::HttpRouter& router() const { return router_; }

 private:
  HttpEndpoint(const config::HttpServerConfig& config, std::string owner, std::string listener)
      : config_(config), owner_(std::move(owner)), listener_(std::move(listener)) {}
  net::HttpServerOptions server_options() const;

  const config::HttpServerConfig& config_;
  const std::string owner_;
  const std::string listener_;
  std::optional<net::CorsPolicy> cors_;
  std::shared_ptr<const net::TlsServerContext> tls_;
  std::shared_ptr<const net::Authenticator> authenticator_;
  net::HttpRouter router_;
  std::unique_ptr<net::HttpServer> server_;
};

// The status of an answer to a sender whose request was refused.
int http_status_of(Errc code);
// An answer in plain text; what may be tried again says when.
net::HttpResponse refusal(const Error& error);

}  // namespace sightline::pipeline
