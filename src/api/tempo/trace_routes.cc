#include "api/tempo/trace_routes.h"

#include "api/tempo/parameters.h"
#include "wire/tempo/trace_answer.h"

namespace sightline::api::tempo {
namespace {

net::HttpResponse protobuf_response(std::string body) {
  net::HttpResponse response;
  response.headers.add("Content-Type", "application/protobuf");
  response.body = std::move(body);
  return response;
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
  const model::SpanBatch trace = *found ? std::move(**found) : model::SpanBatch{};
  const uint64_t bytes = *found ? (*querier)->inspected_bytes() : 0;
  if (accepts_protobuf(request))
    return protobuf_response(version == TraceApi::kV1 ? wire::tempo::trace_protobuf_v1(trace)
                                                      : wire::tempo::trace_protobuf_v2(trace, bytes));
  return net::HttpResponse::json(version == TraceApi::kV1 ? wire::tempo::trace_json_v1(trace)
                                                          : wire::tempo::trace_json_v2(trace, bytes));
}

}  // namespace sightline::api::tempo
