#include "pipeline/receivers/zipkin_receiver.h"

#include "wire/zipkin/decode_spans.h"

namespace sightline::pipeline {

ZipkinReceiver::ZipkinReceiver(const config::ZipkinReceiverConfig& config, const std::string& id,
                               SpanConsumer& next, Telemetry& telemetry)
    : config_(config),
      next_(next),
      counters_(ReceiverCounters::of(telemetry, id, "http")),
      rejected_(telemetry.counter("sightline_receiver_rejected_spans_total",
                                  "Spans rejected one by one, by reason.",
                                  {{"receiver", id}, {"reason", "invalid_ids"}})) {}

Result<std::unique_ptr<ZipkinReceiver>> ZipkinReceiver::create(
    const config::ZipkinReceiverConfig& config, const config::OtelcolConfig& all,
    const std::string& id, SpanConsumer& next, Telemetry& telemetry) {
  std::unique_ptr<ZipkinReceiver> made(new ZipkinReceiver(config, id, next, telemetry));
  auto endpoint = HttpEndpoint::create(config.server, &all, "receiver " + id, id);
  if (!endpoint) return std::unexpected(std::move(endpoint).error());
  made->endpoint_ = std::move(*endpoint);
  made->endpoint_->add("POST", "/api/v2/spans", [receiver = made.get()](net::HttpRequest& request) {
    return receiver->handle(request);
  });
  return made;
}

net::HttpResponse ZipkinReceiver::handle(const net::HttpRequest& request) {
  auto decoded = wire::zipkin::decode_zipkin_spans(request.body, config_.parse_string_tags);
  if (!decoded) {
    counters_.malformed.add();
    return refusal({.code = Errc::kInvalidArgument, .message = decoded.error().message});
  }
  rejected_.add(decoded->rejected);
  const size_t spans = decoded->batch->spans.size();
  if (spans == 0) return net::HttpResponse::text(202, "");
  if (const auto status = next_.consume(decoded->batch); !status) {
    counters_.refused_spans.add(spans);
    return refusal(status.error());
  }
  counters_.accepted_spans.add(spans);
  return net::HttpResponse::text(202, "");
}

Status ZipkinReceiver::start(WorkPool& pool, Telemetry& telemetry,
                             std::shared_ptr<net::IoThreads> threads) {
  return endpoint_->start(pool, telemetry, std::move(threads));
}

}  // namespace sightline::pipeline
