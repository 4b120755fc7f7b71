#include "pipeline/zipkin_receiver.h"

#include "pipeline/authentication.h"
#include "wire/zipkin/decode_spans.h"

namespace sightline::pipeline {

ZipkinReceiver::ZipkinReceiver(const config::ZipkinReceiverConfig& config, std::string id,
                               SpanConsumer& next, Telemetry& telemetry)
    : config_(config),
      id_(std::move(id)),
      next_(next),
      accepted_(telemetry.counter("otelcol_receiver_accepted_spans_total", "Spans accepted.",
                                  {{"receiver", id_}})),
      refused_(telemetry.counter(
          "otelcol_receiver_refused_spans_total",
          "Spans that a later stage refused; the sender was told to retry or give up.",
          {{"receiver", id_}})),
      rejected_(telemetry.counter("sightline_receiver_rejected_spans_total",
                                  "Spans rejected one by one, by reason.",
                                  {{"receiver", id_}, {"reason", "invalid_ids"}})),
      malformed_(telemetry.counter("sightline_receiver_malformed_requests_total",
                                   "Requests that could not be decoded.", {{"receiver", id_}})) {
  router_.add("POST", "/api/v2/spans",
              [this](net::HttpRequest& request) { return handle(request); },
              {.body_bytes_max = config_.server.max_request_body_bytes});
}

Result<std::unique_ptr<ZipkinReceiver>> ZipkinReceiver::create(
    const config::ZipkinReceiverConfig& config, const config::OtelcolConfig& all, std::string id,
    SpanConsumer& next, Telemetry& telemetry) {
  std::unique_ptr<ZipkinReceiver> made(new ZipkinReceiver(config, std::move(id), next, telemetry));
  auto authenticator = make_authenticator(all, config.server.authenticator);
  if (!authenticator) return in_context("receiver " + made->id_, std::move(authenticator).error());
  made->authenticator_ = std::move(*authenticator);
  if (!config.server.tls) return made;
  auto tls = load_server_tls(*config.server.tls);
  if (!tls) return in_context("receiver " + made->id_, std::move(tls).error());
  auto context = net::TlsServerContext::create(*tls);
  if (!context) return in_context("receiver " + made->id_, std::move(context).error());
  made->tls_ = std::move(*context);
  return made;
}

net::HttpResponse ZipkinReceiver::handle(const net::HttpRequest& request) {
  auto decoded = wire::zipkin::decode_zipkin_spans(request.body, config_.parse_string_tags);
  if (!decoded) {
    malformed_.add();
    return net::HttpResponse::text(400, decoded.error().message + "\n");
  }
  rejected_.add(decoded->rejected);
  const size_t spans = decoded->batch->spans.size();
  if (spans > 0) {
    if (const auto status = next_.consume(decoded->batch); !status) {
      refused_.add(spans);
      const Errc code = status.error().code;
      const bool again = code == Errc::kResourceExhausted || code == Errc::kUnavailable;
      auto answer = net::HttpResponse::text(code == Errc::kResourceExhausted ? 429
                                            : again                          ? 503
                                                                             : 500,
                                            status.error().message + "\n");
      if (again) answer.headers.set("Retry-After", "1");
      return answer;
    }
    accepted_.add(spans);
  }
  return net::HttpResponse::text(202, "");
}

Status ZipkinReceiver::start(WorkPool& pool, Telemetry& telemetry,
                             std::shared_ptr<net::IoThreads> threads) {
  auto server = net::HttpServer::listen({.address = *config_.server.endpoint,
                                         .name = id_,
                                         .tls = tls_,
                                         .authenticator = authenticator_},
                                        router_, pool, telemetry, std::move(threads));
  if (!server) return in_context("receiver " + id_, std::move(server).error());
  server_ = std::move(*server);
  return {};
}

void ZipkinReceiver::stop(std::chrono::milliseconds deadline) {
  if (server_) server_->stop(deadline);
}

}  // namespace sightline::pipeline
