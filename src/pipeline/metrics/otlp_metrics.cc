#include "pipeline/metrics/otlp_metrics.h"

#include "pipeline/metrics/metrics_translation.h"

namespace sightline::pipeline {
namespace {

constexpr size_t kBodyBytesMax = 32u << 20;

net::HttpResponse answer(net::HttpRequest& request, OtlpMetrics& metrics) {
  std::string type(request.headers.get("Content-Type"));
  type.resize(std::min(type.find(';'), type.size()));
  const bool json = type == "application/json";
  if (!json && type != "application/x-protobuf")
    return net::HttpResponse::text(
        415, "unsupported media type \"" + type +
                 "\", supported: [application/json, application/x-protobuf]\n");
  const auto encoding = json ? wire::otlp::Encoding::kJson : wire::otlp::Encoding::kProtobuf;
  const auto partial = metrics.receive(request.body, encoding);
  if (partial) {
    net::HttpResponse response;
    response.headers.set("Content-Type", type);
    response.body =
        wire::otlp::encode_export_response(wire::otlp::Signal::kMetrics, encoding, *partial);
    return response;
  }
  const Error& error = partial.error();
  const bool full = error.code == Errc::kResourceExhausted;
  const bool later = full || error.code == Errc::kUnavailable;
  const bool bad = error.code == Errc::kInvalidArgument || error.code == Errc::kOutOfRange ||
                   error.code == Errc::kAlreadyExists;
  auto response = net::HttpResponse::text(full    ? 429
                                          : later ? 503
                                          : bad   ? 400
                                                  : 500,
                                          error.message + "\n");
  if (later) response.headers.set("Retry-After", "1");
  return response;
}

}  // namespace

Result<wire::otlp::PartialSuccess> OtlpMetrics::receive(std::string_view request,
                                                        wire::otlp::Encoding encoding) {
  if (encoding == wire::otlp::Encoding::kProtobuf) return store(request);
  const auto protobuf = wire::otlp::transcode_metrics_json(request);
  if (!protobuf) return std::unexpected(protobuf.error());
  return store(*protobuf);
}

Result<wire::otlp::PartialSuccess> OtlpMetrics::store(std::string_view protobuf) {
  auto appender = store_.appender();
  MetricsTranslation translation(*appender, delta_mutex_, deltas_);
  auto status = wire::otlp::decode_metrics(protobuf, translation);
  if (status) status = translation.finish();
  if (!status) {
    translation.rollback();
    return std::unexpected(std::move(status).error());
  }
  if (translation.accepted() == 0 && translation.refused() > 0)
    return std::unexpected(
        Error{.code = Errc::kInvalidArgument, .message = translation.first_refusal()});
  return wire::otlp::PartialSuccess{.rejected = translation.refused(),
                                    .message = translation.first_refusal()};
}

void OtlpMetrics::add_prometheus_route(net::HttpRouter& router) {
  router.add("POST", "/api/v1/otlp/v1/metrics",
             [this](net::HttpRequest& request) { return answer(request, *this); },
             {.body_bytes_max = kBodyBytesMax});
}

}  // namespace sightline::pipeline
