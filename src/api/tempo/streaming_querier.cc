#include "api/tempo/streaming_querier.h"

#include "api/tempo/metrics_routes.h"
#include "api/tempo/progressive.h"
#include "api/tempo/progressive_tags.h"
#include "api/tempo/protobuf_answers.h"
#include "api/tempo/search_routes.h"
#include "base/protobuf_reader.h"
#include "net/grpc_status.h"

namespace sightline::api::tempo {
namespace {

void add_number(net::Params& params, const char* name, uint64_t number, const char* unit = "") {
  if (number != 0) params.add(name, std::to_string(number) + unit);
}

std::string logfmt_tag(std::string_view key, std::string_view value) {
  std::string out(key);
  out += "=\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

// A 32-bit field: what a longer varint has beyond is cut off, as protobuf says.
uint32_t number_of(ProtobufReader& r) { return static_cast<uint32_t>(r.varint()); }

Status check(const ProtobufReader& r) {
  if (r.ok()) return {};
  return fail(Errc::kInvalidArgument, "the request is not a valid message: ", r.fault());
}

// An entry of map<string,string>.
Result<std::string> tag_of(std::string_view bytes) {
  std::string_view key, value;
  ProtobufReader r(bytes);
  while (r.next()) {
    if (r.tag() == protobuf_bytes(1))
      key = r.bytes();
    else if (r.tag() == protobuf_bytes(2))
      value = r.bytes();
    else
      r.skip();
  }
  if (auto fine = check(r); !fine) return std::unexpected(std::move(fine).error());
  return logfmt_tag(key, value);
}

// SearchRequest as the HTTP parameters that mean the same.
Result<net::HttpRequest> search_request(std::string_view bytes) {
  net::HttpRequest request;
  std::string tags;
  ProtobufReader r(bytes);
  while (r.next()) {
    switch (r.tag()) {
      case protobuf_bytes(1): {
        const auto tag = tag_of(r.bytes());
        if (!tag) return std::unexpected(tag.error());
        tags.append(tags.empty() ? "" : " ").append(*tag);
        break;
      }
      case protobuf_varint(2): add_number(request.params, "minDuration", number_of(r), "ms"); break;
      case protobuf_varint(3): add_number(request.params, "maxDuration", number_of(r), "ms"); break;
      case protobuf_varint(4): add_number(request.params, "limit", number_of(r)); break;
      case protobuf_varint(5): add_number(request.params, "start", number_of(r)); break;
      case protobuf_varint(6): add_number(request.params, "end", number_of(r)); break;
      case protobuf_bytes(8): request.params.add("q", std::string(r.bytes())); break;
      case protobuf_varint(9): add_number(request.params, "spss", number_of(r)); break;
      default: r.skip();
    }
  }
  if (auto fine = check(r); !fine) return std::unexpected(std::move(fine).error());
  if (!tags.empty()) request.params.add("tags", std::move(tags));
  return request;
}

// SearchTagsRequest.
Result<net::HttpRequest> tags_request(std::string_view bytes) {
  net::HttpRequest request;
  ProtobufReader r(bytes);
  while (r.next()) {
    switch (r.tag()) {
      case protobuf_bytes(1): request.params.add("scope", std::string(r.bytes())); break;
      case protobuf_bytes(2): request.params.add("q", std::string(r.bytes())); break;
      case protobuf_varint(3): add_number(request.params, "start", number_of(r)); break;
      case protobuf_varint(4): add_number(request.params, "end", number_of(r)); break;
      case protobuf_varint(5): add_number(request.params, "limit", number_of(r)); break;
      default: r.skip();
    }
  }
  if (auto fine = check(r); !fine) return std::unexpected(std::move(fine).error());
  return request;
}

// SearchTagValuesRequest.
Result<net::HttpRequest> values_request(std::string_view bytes) {
  net::HttpRequest request;
  request.captures.resize(1);
  ProtobufReader r(bytes);
  while (r.next()) {
    switch (r.tag()) {
      case protobuf_bytes(1): request.captures[0] = r.bytes(); break;
      case protobuf_bytes(2): request.params.add("q", std::string(r.bytes())); break;
      case protobuf_varint(4): add_number(request.params, "start", number_of(r)); break;
      case protobuf_varint(5): add_number(request.params, "end", number_of(r)); break;
      case protobuf_varint(6): add_number(request.params, "limit", number_of(r)); break;
      default: r.skip();
    }
  }
  if (auto fine = check(r); !fine) return std::unexpected(std::move(fine).error());
  return request;
}

// QueryRangeRequest, and QueryInstantRequest, which is the beginning of it.
Result<MetricsRequest> metrics_request(const TempoApi& api, std::string_view bytes) {
  MetricsRequest request = default_metrics_request(api);
  ProtobufReader r(bytes);
  while (r.next()) {
    switch (r.tag()) {
      case protobuf_bytes(1): request.query = r.bytes(); break;
      case protobuf_varint(2): request.options.start = {r.varint()}; break;
      case protobuf_varint(3): request.options.end = {r.varint()}; break;
      case protobuf_varint(4):
        request.options.step = std::chrono::nanoseconds(
            static_cast<int64_t>(std::min<uint64_t>(r.varint(), INT64_MAX)));
        break;
      case protobuf_varint(16):
        if (const uint32_t n = number_of(r); n != 0)
          request.options.exemplars = std::min(n, api.options.exemplars_max);
        break;
      case protobuf_varint(17):
        if (const uint32_t n = number_of(r); n != 0)
          request.options.series_max = std::min(n, api.options.series_max);
        break;
      default: r.skip();
    }
  }
  if (auto fine = check(r); !fine) return std::unexpected(std::move(fine).error());
  return request;
}

// Answers one request by any number of messages.
using Answer =
    std::function<Status(const TempoApi&, std::string_view bytes,
                         const std::shared_ptr<const net::Cancellation>&, const SendMessage&)>;

Status send_one(const SendMessage& send, Result<std::string> message) {
  if (!message) return std::unexpected(std::move(message).error());
  if (!send(std::move(*message))) return fail(Errc::kCancelled, "context canceled");
  return {};
}

// A method whose request means what an HTTP request does.
Answer over_http(
    Result<net::HttpRequest> (*decode)(std::string_view),
    std::function<Status(const TempoApi&, const net::HttpRequest&, const SendMessage&)> run) {
  return [=](const TempoApi& api, std::string_view bytes,
             const std::shared_ptr<const net::Cancellation>& cancellation,
             const SendMessage& send) -> Status {
    auto request = decode(bytes);
    if (!request) return std::unexpected(std::move(request).error());
    request->cancellation = cancellation;
    return run(api, *request, send);
  };
}

Result<MetricsRequest> metrics_request(
    const TempoApi& api, std::string_view bytes,
    const std::shared_ptr<const net::Cancellation>& cancellation) {
  auto request = metrics_request(api, bytes);
  if (request) request->options.cancelled = [cancellation] { return cancellation->cancelled(); };
  return request;
}

net::GrpcStreamHandler handler_of(std::shared_ptr<const TempoApi> api, Answer answer) {
  return [api = std::move(api), answer = std::move(answer)](
             const net::SharedBytes& bytes, net::GrpcStreamCall& call) -> net::GrpcReply {
    const auto stream = [&](const TempoApi& own) -> net::GrpcReply {
      const SendMessage send = [&](std::string message) { return call.send(std::move(message)); };
      const Status done = answer(own, *bytes, call.cancellation(), send);
      if (!done)
        return {.code = net::grpc_code_of(done.error().code), .message = done.error().message};
      return {};
    };
    return as_tenants(*api, call.metadata(kOrgIdMetadata), stream,
                      [](const TenancyRefusal& refusal) -> net::GrpcReply {
                        return {.code = refusal.grpc_code, .message = refusal.message};
                      });
  };
}

}  // namespace

net::GrpcStreamMethods streaming_querier_methods(const TempoApi& api) {
  const auto shared = std::make_shared<const TempoApi>(api);
  net::GrpcStreamMethods methods;
  const auto add = [&](const char* name, Answer answer) {
    methods["/tempopb.StreamingQuerier/" + std::string(name)] =
        handler_of(shared, std::move(answer));
  };
  add("Search", over_http(search_request, stream_search));
  add("SearchTags", over_http(tags_request, stream_tags_v1));
  add("SearchTagsV2", over_http(tags_request, stream_tags_v2));
  add("SearchTagValues", over_http(values_request, stream_tag_values_v1));
  add("SearchTagValuesV2", over_http(values_request, stream_tag_values_v2));
  add("MetricsQueryRange",
      [](const TempoApi& own, std::string_view bytes, const auto& cancellation,
         const SendMessage& send) -> Status {
        auto request = metrics_request(own, bytes, cancellation);
        if (!request) return std::unexpected(std::move(request).error());
        return stream_query_range(own, std::move(*request), send);
      });
  add("MetricsQueryInstant",
      [](const TempoApi& own, std::string_view bytes, const auto& cancellation,
         const SendMessage& send) -> Status {
        const auto request = metrics_request(own, bytes, cancellation);
        if (!request) return std::unexpected(request.error());
        const auto result = run_query_instant(own, *request);
        if (!result) return std::unexpected(result.error());
        return send_one(send, query_instant_protobuf(*result));
      });
  return methods;
}

}  // namespace sightline::api::tempo
