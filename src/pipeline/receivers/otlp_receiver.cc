#include "pipeline/receivers/otlp_receiver.h"

#include "pipeline/receivers/http_endpoint.h"
#include "wire/otlp/signal_counts.h"

namespace sightline::pipeline {
namespace {

using wire::otlp::Encoding;
using wire::otlp::Signal;

constexpr std::string_view kProtobufType = "application/x-protobuf";
constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kOtherServices = "(other)";

// The media type alone, lower case, without parameters.
std::string media_type(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  for (char& c : type) c = static_cast<char>(::tolower(static_cast<unsigned char>(c)));
  return type;
}

bool is_retryable(Errc code) {
  return code == Errc::kResourceExhausted || code == Errc::kUnavailable;
}

net::HttpResponse http_answer(int status, Encoding encoding, std::string body) {
  net::HttpResponse response;
  response.status = status;
  response.headers.set("Content-Type",
                       std::string(encoding == Encoding::kJson ? kJsonType : kProtobufType));
  response.body = std::move(body);
  return response;
}

std::string_view signal_noun(Signal signal) {
  return signal == Signal::kMetrics ? "metrics" : "logs";
}

}  // namespace

OtlpReceiver::OtlpReceiver(OtlpReceiverOptions options, SpanConsumer& next, const Clock& clock,
                           Telemetry& telemetry)
    : options_(std::move(options)),
      next_(next),
      clock_(clock),
      requests_(telemetry.counter("sightline_receiver_requests_total", "Export requests received.",
                                  {{"receiver", options_.name}})),
      http_(ReceiverCounters::of(telemetry, options_.name, "http")),
      grpc_(ReceiverCounters::of(telemetry, options_.name, "grpc")) {
  for (size_t i = 0; i < rejected_.size(); ++i) {
    const auto reason = wire::otlp::reject_reason_name(static_cast<wire::otlp::RejectReason>(i));
    rejected_[i] = &telemetry.counter(
        "sightline_receiver_rejected_spans_total", "Spans rejected one by one, by reason.",
        {{"receiver", options_.name}, {"reason", std::string(reason)}});
  }
}

OtlpReceiver::Answer OtlpReceiver::receive_traces(Result<wire::otlp::DecodedTraces> decoded,
                                                  std::string_view org_id,
                                                  const ReceiverCounters& counters) {
  if (!decoded) {
    counters.malformed.add();
    return {.status = std::unexpected(std::move(decoded).error())};
  }
  for (size_t i = 0; i < rejected_.size(); ++i)
    if (decoded->rejected_by[i] > 0) rejected_[i]->add(decoded->rejected_by[i]);
  const auto& batch = decoded->batch;
  if (!batch->spans.empty()) {
    if (auto status = options_.by_tenant ? options_.by_tenant(org_id, batch) : next_.consume(batch);
        !status) {
      counters.refused_spans.add(batch->spans.size());
      return {.status = std::move(status)};
    }
    counters.accepted_spans.add(batch->spans.size());
    note_services(*batch);
  }
  return {
      .partial = {.rejected = decoded->rejected_spans(), .message = decoded->rejection_message()}};
}

OtlpReceiver::Answer OtlpReceiver::receive_traces(std::shared_ptr<const std::string> request,
                                                  std::string_view org_id,
                                                  const ReceiverCounters& counters) {
  if (options_.encoded != nullptr)
    if (const auto scanned = wire::otlp::scan_traces(*request, options_.limits))
      return pass_on(std::move(request), *scanned, counters);
  return receive_traces(wire::otlp::decode_traces(std::move(request), options_.limits), org_id,
                        counters);
}

OtlpReceiver::Answer OtlpReceiver::pass_on(std::shared_ptr<const std::string> request,
                                           const wire::otlp::ScannedTraces& scanned,
                                           const ReceiverCounters& counters) {
  if (scanned.spans == 0) return {};
  const auto encoded =
      std::make_shared<const EncodedTraces>(EncodedTraces{std::move(request), scanned.spans});
  if (auto status = options_.encoded->consume(encoded); !status) {
    counters.refused_spans.add(scanned.spans);
    return {.status = std::move(status)};
  }
  counters.accepted_spans.add(scanned.spans);
  const TimestampNs now = clock_.now();
  const std::lock_guard lock(services_mutex_);
  for (const auto& [service, spans] : scanned.services) note_service(service, spans, now);
  return {};
}

OtlpReceiver::Answer OtlpReceiver::receive_metrics(std::string request, Encoding encoding,
                                                   const ReceiverCounters& counters) {
  if (options_.metrics == nullptr)
    return reject(Signal::kMetrics, wire::otlp::count_data_points(request, encoding), counters);
  auto batch = make_metrics_batch(std::move(request), encoding);
  if (!batch) {
    counters.malformed.add();
    return {.status = std::unexpected(std::move(batch).error())};
  }
  const uint64_t points = (*batch)->points;
  auto partial = options_.metrics->consume(*batch);
  if (!partial) {
    counters.refused_points.add(points);
    return {.status = std::unexpected(std::move(partial).error())};
  }
  counters.refused_points.add(partial->rejected);
  counters.accepted_points.add(points - std::min(points, partial->rejected));
  return {.partial = std::move(*partial)};
}

OtlpReceiver::Answer OtlpReceiver::reject(Signal signal, Result<uint64_t> count,
                                          const ReceiverCounters& counters) {
  if (!count) {
    counters.malformed.add();
    return {.status = std::unexpected(std::move(count).error())};
  }
  if (*count == 0) return {};
  return {.partial = {.rejected = *count,
                      .message = "no pipeline takes " + std::string(signal_noun(signal)) +
                                 " by OTLP here"}};
}

net::HttpResponse OtlpReceiver::handle_http(Signal signal, net::HttpRequest& request) {
  requests_.add();
  const std::string type = media_type(request.headers.get("Content-Type"));
  if (type != kProtobufType && type != kJsonType)
    return net::HttpResponse::text(
        415, "unsupported media type \"" + type +
                 "\", supported: [application/json, application/x-protobuf]\n");
  const Encoding encoding = type == kJsonType ? Encoding::kJson : Encoding::kProtobuf;
  const std::string_view org_id = request.headers.get("X-Scope-OrgID");
  Answer answer;
  if (signal == Signal::kMetrics) {
    answer = receive_metrics(std::move(request.body), encoding, http_);
  } else if (signal == Signal::kLogs) {
    answer = reject(signal, wire::otlp::count_log_records(request.body, encoding), http_);
  } else if (encoding == Encoding::kJson) {
    auto protobuf = wire::otlp::transcode_traces_json(request.body);
    answer = protobuf ? receive_traces(std::make_shared<const std::string>(std::move(*protobuf)),
                                       org_id, http_)
                      : receive_traces(std::unexpected(std::move(protobuf).error()), org_id, http_);
  } else {
    answer =
        receive_traces(std::make_shared<const std::string>(std::move(request.body)), org_id, http_);
  }
  if (answer.status)
    return http_answer(200, encoding, encode_export_response(signal, encoding, answer.partial));
  const Error& error = answer.status.error();
  wire::otlp::RpcStatus status{.code = wire::otlp::rpc_code_of(error.code),
                               .message = error.message};
  if (is_retryable(error.code)) status.retry_delay = options_.retry_after;
  auto response =
      http_answer(http_status_of(error.code), encoding, encode_rpc_status(encoding, status));
  if (is_retryable(error.code))
    response.headers.set("Retry-After", std::to_string(options_.retry_after.count()));
  return response;
}

net::GrpcReply OtlpReceiver::handle_grpc(Signal signal, const net::SharedBytes& request,
                                         const net::GrpcCaller& caller) {
  requests_.add();
  Answer answer;
  if (signal == Signal::kMetrics) {
    answer = receive_metrics(*request, Encoding::kProtobuf, grpc_);
  } else if (signal == Signal::kLogs) {
    answer = reject(signal, wire::otlp::count_log_records(*request, Encoding::kProtobuf), grpc_);
  } else {
    answer = receive_traces(request, caller.metadata("x-scope-orgid"), grpc_);
  }
  net::GrpcReply reply;
  if (answer.status) {
    reply.payload = encode_export_response(signal, Encoding::kProtobuf, answer.partial);
    return reply;
  }
  const Error& error = answer.status.error();
  reply.code = static_cast<net::GrpcCode>(wire::otlp::rpc_code_of(error.code));
  reply.message = error.message;
  if (is_retryable(error.code)) reply.retry_after = options_.retry_after;
  return reply;
}

void OtlpReceiver::add_http_routes(
    const std::function<void(const std::string&, net::HttpHandler)>& add) {
  const auto handler = [this](Signal signal) {
    return [this, signal](net::HttpRequest& request) { return handle_http(signal, request); };
  };
  add(options_.traces_url_path, handler(Signal::kTraces));
  add(options_.metrics_url_path, handler(Signal::kMetrics));
  add(options_.logs_url_path, handler(Signal::kLogs));
}

std::map<std::string, net::GrpcHandler> OtlpReceiver::grpc_handlers() {
  const auto handler = [this](Signal signal) {
    return [this, signal](const net::SharedBytes& request, const net::GrpcCaller& caller) {
      return handle_grpc(signal, request, caller);
    };
  };
  const std::string package = "/opentelemetry.proto.collector.";
  return {{package + "trace.v1.TraceService/Export", handler(Signal::kTraces)},
          {package + "metrics.v1.MetricsService/Export", handler(Signal::kMetrics)},
          {package + "logs.v1.LogsService/Export", handler(Signal::kLogs)}};
}

void OtlpReceiver::note_services(const model::SpanBatch& batch) {
  const TimestampNs now = clock_.now();
  const std::lock_guard lock(services_mutex_);
  // Spans of one scope lie together, so the name is looked up once per run of them.
  for (size_t i = 0; i < batch.spans.size();) {
    const uint32_t scope = batch.spans[i].scope;
    size_t end = i + 1;
    while (end < batch.spans.size() && batch.spans[end].scope == scope) ++end;
    note_service(batch.service_name(batch.spans[i]), end - i, now);
    i = end;
  }
}

void OtlpReceiver::note_service(std::string_view name, uint64_t spans, TimestampNs now) {
  auto found = services_.find(name);
  if (found == services_.end()) {
    if (services_.size() >= kServicesRememberedMax) name = kOtherServices;
    found =
        services_
            .try_emplace(std::string(name), ReceivedServices::Service{.name = std::string(name)})
            .first;
  }
  found->second.spans_total += spans;
  found->second.last_seen = now;
}

ReceivedServices OtlpReceiver::received() const {
  ReceivedServices all;
  const std::lock_guard lock(services_mutex_);
  for (const auto& [name, service] : services_) all.services.push_back(service);
  return all;
}

}  // namespace sightline::pipeline
