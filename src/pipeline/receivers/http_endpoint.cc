#include "pipeline/receivers/http_endpoint.h"

#include "pipeline/extensions/authentication.h"

namespace sightline::pipeline {

Result<std::unique_ptr<HttpEndpoint>> HttpEndpoint::create(const config::HttpServerConfig& config,
                                                           const config::OtelcolConfig* extensions,
                                                           std::string owner,
                                                           std::string listener) {
  std::unique_ptr<HttpEndpoint> made(
      new HttpEndpoint(config, std::move(owner), std::move(listener)));
  if (const auto& id = config.authenticator; !id->empty()) {
    if (extensions == nullptr)
      return fail(Errc::kInvalidArgument, made->owner_, ": ", id.mark.text(),
                  ": there are no extensions here");
    auto authenticator = make_authenticator(*extensions, id);
    if (!authenticator) return in_context(made->owner_, std::move(authenticator).error());
    made->authenticator_ = std::move(*authenticator);
  }
  if (const auto& cors = config.cors; cors && !cors->allowed_origins.empty())
    made->cors_.emplace(net::CorsOptions{cors->allowed_origins, cors->allowed_headers,
                                         cors->exposed_headers, cors->max_age_seconds});
  if (!config.tls) return made;
  auto tls = load_server_tls(*config.tls);
  if (!tls) return in_context(made->owner_, std::move(tls).error());
  auto context = net::TlsServerContext::create(*tls);
  if (!context) return in_context(made->owner_, std::move(context).error());
  made->tls_ = std::move(*context);
  return made;
}

void HttpEndpoint::add(std::string_view methods, const std::string& path, net::HttpHandler handler,
                       net::RunOn run_on) {
  if (cors_) handler = cors_->wrap(std::move(handler));
  if (!config_.response_headers.empty())
    handler = [this, inner = std::move(handler)](net::HttpRequest& request) {
      net::HttpResponse response = inner(request);
      for (const auto& [name, value] : config_.response_headers) response.headers.set(name, value);
      return response;
    };
  router_.add(methods, path, std::move(handler),
              {.run_on = run_on,
               .body_bytes_max = config_.max_request_body_bytes,
               .content_encodings = &config_.compression_algorithms});
  if (cors_)
    router_.add("OPTIONS", path, cors_->preflight(), {.run_on = net::RunOn::kSocketThread});
}

net::HttpServerOptions HttpEndpoint::server_options() const {
  net::HttpServerOptions options{.address = *config_.endpoint,
                                 .name = listener_,
                                 .keep_alive = config_.keep_alives_enabled,
                                 .tls = tls_,
                                 .authenticator = authenticator_};
  const auto set = [](std::chrono::nanoseconds from, std::chrono::milliseconds& into) {
    if (from.count() > 0)
      into = std::max(std::chrono::milliseconds(1),
                      std::chrono::duration_cast<std::chrono::milliseconds>(from));
  };
  set(config_.idle_timeout, options.idle_timeout);
  set(config_.read_header_timeout, options.header_timeout);
  set(config_.read_timeout, options.body_timeout);
  set(config_.write_timeout, options.write_timeout);
  return options;
}

Status HttpEndpoint::start(WorkPool& pool, Telemetry& telemetry,
                           std::shared_ptr<net::IoThreads> threads) {
  auto server =
      net::HttpServer::listen(server_options(), router_, pool, telemetry, std::move(threads));
  if (!server) return in_context(owner_, std::move(server).error());
  server_ = std::move(*server);
  return {};
}

void HttpEndpoint::stop(std::chrono::milliseconds deadline) {
  if (server_) server_->stop(deadline);
}

int http_status_of(Errc code) {
  switch (code) {
    case Errc::kResourceExhausted: return 429;
    case Errc::kUnavailable: return 503;
    case Errc::kUnsupported: return 415;
    case Errc::kInvalidArgument:
    case Errc::kCorrupt: return 400;
    default: return 500;
  }
}

net::HttpResponse refusal(const Error& error) {
  const int status = http_status_of(error.code);
  auto answer = net::HttpResponse::text(status, error.message + "\n");
  if (status == 429 || status == 503) answer.headers.set("Retry-After", "1");
  return answer;
}

}  // namespace sightline::pipeline
