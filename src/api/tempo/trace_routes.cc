#include "api/tempo/trace_routes.h"

#include <algorithm>

#include "api/tempo/engine_access.h"
#include "api/tempo/parameters.h"
#include "tracestore/span_row_group.h"
#include "wire/tempo/trace_answer.h"

namespace sightline::api::tempo {
namespace {

net::HttpResponse protobuf_response(std::string body) {
  net::HttpResponse response;
  response.headers.add("Content-Type", "application/protobuf");
  response.body = std::move(body);
  return response;
}

// Only the spans of `trace` that `query` matches.
Result<model::SpanBatch> filtered(const TempoApi& api, std::string_view query, std::shared_ptr<const model::SpanBatch> trace) {
  tracestore::TraceSpans spans{.id = trace->spans.front().trace_id};
  for (uint32_t i = 0; i < trace->spans.size(); ++i) spans.spans.push_back({trace.get(), i});
  tracestore::SpanRowGroup group({spans}, {trace});
  auto ids = engine_of(api).matching_spans(query, group);
  if (!ids) return std::unexpected(std::move(ids).error());
  std::ranges::sort(*ids);
  tracestore::SpanGatherer gatherer;
  for (const auto& span : spans.spans)
    if (std::ranges::binary_search(*ids, span.span().span_id)) gatherer.add(span);
  return std::move(gatherer).finish({trace});
}

// TraceByIDResponse.status and message, after the other fields.
constexpr std::string_view kFilteredMessage = "Trace filtered, only a subset of spans matching the filter is returned";
void mark_filtered(std::string& body, bool protobuf) {
  if (protobuf) {
    body.append("\x18\x01\x22").push_back(static_cast<char>(kFilteredMessage.size()));
    body += kFilteredMessage;
    return;
  }
  body.pop_back();
  body.append(R"(,"status":"PARTIAL","message":")").append(kFilteredMessage).append("\"}");
}

}  // namespace

net::HttpResponse answer_trace(const TempoApi& api, const net::HttpRequest& request, TraceApi version) {
  const auto id = parse_trace_id_parameter(request.captures.empty() ? std::string_view() : request.captures[0]);
  if (!id) return error_response(id.error());
  if (const auto range = parse_time_range(request.params); !range) return error_response(range.error());
  const auto querier = api.traces.querier();
  if (!querier) return error_response(querier.error());
  auto found = (*querier)->find(*id);
  if (!found) return error_response(found.error());
  if (!*found && version == TraceApi::kV1) return net::HttpResponse{.status = 404};
  model::SpanBatch trace = *found ? std::move(**found) : model::SpanBatch{};
  const std::string_view filter = version == TraceApi::kV2 ? request.params.get("q") : std::string_view();
  const bool is_filtered = !filter.empty() && !trace.spans.empty();
  if (is_filtered) {
    auto part = filtered(api, filter, std::make_shared<const model::SpanBatch>(std::move(trace)));
    if (!part) return error_response(part.error());
    trace = std::move(*part);
  }
  const uint64_t bytes = *found ? (*querier)->inspected_bytes() : 0;
  const bool protobuf = accepts_protobuf(request);
  std::string body;
  if (version == TraceApi::kV1) {
    body = protobuf ? wire::tempo::trace_protobuf_v1(trace) : wire::tempo::trace_json_v1(trace);
  } else {
    body = protobuf ? wire::tempo::trace_protobuf_v2(trace, bytes) : wire::tempo::trace_json_v2(trace, bytes);
    if (is_filtered) mark_filtered(body, protobuf);
  }
  return protobuf ? protobuf_response(std::move(body)) : net::HttpResponse::json(std::move(body));
}

}  // namespace sightline::api::tempo
