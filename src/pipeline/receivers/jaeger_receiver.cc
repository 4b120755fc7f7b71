#include "pipeline/receivers/jaeger_receiver.h"

#include "wire/jaeger/decode_proto.h"
#include "wire/jaeger/decode_thrift.h"
#include "wire/otlp/responses.h"

namespace sightline::pipeline {
namespace {

bool is_thrift(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return type == "application/x-thrift" || type == "application/vnd.apache.thrift.binary";
}

}  // namespace

JaegerReceiver::JaegerReceiver(const std::string& id, SpanConsumer& next, Telemetry& telemetry)
    : next_(next),
      http_counters_(ReceiverCounters::of(telemetry, id, "collector_http")),
      grpc_counters_(ReceiverCounters::of(telemetry, id, "grpc")),
      rejected_(telemetry.counter("sightline_receiver_rejected_spans_total",
                                  "Spans rejected one by one, by reason.",
                                  {{"receiver", id}, {"reason", "invalid_ids"}})) {}

Result<std::unique_ptr<JaegerReceiver>> JaegerReceiver::create(
    const config::JaegerReceiverConfig& config, const config::OtelcolConfig& all,
    const std::string& id, SpanConsumer& next, Telemetry& telemetry) {
  std::unique_ptr<JaegerReceiver> made(new JaegerReceiver(id, next, telemetry));
  const std::string owner = "receiver " + id;
  JaegerReceiver* receiver = made.get();
  if (config.thrift_http) {
    auto http = HttpEndpoint::create(*config.thrift_http, &all, owner, id + "/thrift_http");
    if (!http) return std::unexpected(std::move(http).error());
    made->http_ = std::move(*http);
    made->http_->add("POST", "/api/traces", [receiver](net::HttpRequest& request) {
      return receiver->handle_http(request);
    });
  }
  if (!config.grpc) return made;
  auto grpc = GrpcEndpoint::create(*config.grpc, &all, owner, id + "/grpc",
                                   {{"/jaeger.api_v2.CollectorService/PostSpans",
                                     [receiver](net::SharedBytes request, const net::GrpcCaller&) {
                                       return receiver->handle_grpc(request);
                                     }}});
  if (!grpc) return std::unexpected(std::move(grpc).error());
  made->grpc_ = std::move(*grpc);
  return made;
}

Status JaegerReceiver::take(Result<wire::jaeger::DecodedJaeger> decoded,
                            const ReceiverCounters& counters) {
  if (!decoded) {
    counters.malformed.add();
    return std::unexpected(std::move(decoded).error());
  }
  rejected_.add(decoded->rejected);
  const size_t spans = decoded->batch->spans.size();
  if (spans == 0) return {};
  if (auto status = next_.consume(decoded->batch); !status) {
    counters.refused_spans.add(spans);
    return status;
  }
  counters.accepted_spans.add(spans);
  return {};
}

net::HttpResponse JaegerReceiver::handle_http(net::HttpRequest& request) {
  const std::string_view type = request.headers.get("Content-Type");
  if (!is_thrift(type))
    return net::HttpResponse::text(400, "Unsupported content type: " + std::string(type) + "\n");
  const auto status = take(wire::jaeger::decode_thrift_batch(
                               std::make_shared<const std::string>(std::move(request.body))),
                           http_counters_);
  return status ? net::HttpResponse::text(202, "") : refusal(status.error());
}

net::GrpcReply JaegerReceiver::handle_grpc(const net::SharedBytes& request) {
  const auto status = take(wire::jaeger::decode_post_spans(request), grpc_counters_);
  if (status) return {};
  net::GrpcReply reply{
      .code = static_cast<net::GrpcCode>(wire::otlp::rpc_code_of(status.error().code)),
      .message = status.error().message};
  if (reply.code == net::GrpcCode::kUnavailable || reply.code == net::GrpcCode::kResourceExhausted)
    reply.retry_after = std::chrono::seconds(1);
  return reply;
}

Status JaegerReceiver::start(WorkPool& pool, Telemetry& telemetry,
                             std::shared_ptr<net::IoThreads> threads) {
  if (http_)
    if (auto status = http_->start(pool, telemetry, std::move(threads)); !status) return status;
  return grpc_ ? grpc_->start(telemetry) : Status();
}

void JaegerReceiver::stop(std::chrono::milliseconds deadline) {
  if (grpc_) grpc_->stop(deadline);
  if (http_) http_->stop(deadline);
}

std::vector<OpenListener> JaegerReceiver::listeners() const {
  std::vector<OpenListener> all;
  if (http_) all.push_back({"Jaeger Thrift", http_->local_address()});
  if (grpc_) all.push_back({"Jaeger gRPC", grpc_->local_address()});
  return all;
}

}  // namespace sightline::pipeline
