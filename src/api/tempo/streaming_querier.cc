#include "api/tempo/streaming_querier.h"

#include <protozero/pbf_reader.hpp>

#include "api/tempo/metrics_routes.h"
#include "api/tempo/protobuf_answers.h"
#include "api/tempo/search_routes.h"
#include "api/tempo/tag_routes.h"

namespace sightline::api::tempo {
namespace {

// Clients refuse more than 4 MiB; the peer keeps to one.
constexpr size_t kMessageBytesMax = 1u << 20;

using Messages = std::vector<std::string>;

net::GrpcCode grpc_code(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument: case Errc::kOutOfRange: case Errc::kExecution: case Errc::kUnsupported: return net::GrpcCode::kInvalidArgument;
    case Errc::kNotFound: return net::GrpcCode::kNotFound;
    case Errc::kResourceExhausted: return net::GrpcCode::kResourceExhausted;
    case Errc::kCancelled: return net::GrpcCode::kCancelled;
    case Errc::kDeadlineExceeded: return net::GrpcCode::kDeadlineExceeded;
    case Errc::kUnavailable: return net::GrpcCode::kUnavailable;
    default: return net::GrpcCode::kInternal;
  }
}

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

std::string text_of(protozero::pbf_reader& reader) {
  const auto view = reader.get_view();
  return {view.data(), view.size()};
}

// SearchRequest as the HTTP parameters that mean the same.
net::HttpRequest search_request(std::string_view bytes) {
  net::HttpRequest request;
  std::string tags;
  for (protozero::pbf_reader r(bytes.data(), bytes.size()); r.next();) {
    switch (r.tag()) {
      case 1: {
        std::string key, value;
        for (auto entry = r.get_message(); entry.next();) {
          if (entry.tag() == 1) key = text_of(entry);
          else if (entry.tag() == 2) value = text_of(entry);
          else entry.skip();
        }
        tags.append(tags.empty() ? "" : " ").append(logfmt_tag(key, value));
        break;
      }
      case 2: add_number(request.params, "minDuration", r.get_uint32(), "ms"); break;
      case 3: add_number(request.params, "maxDuration", r.get_uint32(), "ms"); break;
      case 4: add_number(request.params, "limit", r.get_uint32()); break;
      case 5: add_number(request.params, "start", r.get_uint32()); break;
      case 6: add_number(request.params, "end", r.get_uint32()); break;
      case 8: request.params.add("q", text_of(r)); break;
      case 9: add_number(request.params, "spss", r.get_uint32()); break;
      default: r.skip();
    }
  }
  if (!tags.empty()) request.params.add("tags", std::move(tags));
  return request;
}

// SearchTagsRequest and SearchTagValuesRequest differ in their first field and the place of the query.
net::HttpRequest tags_request(std::string_view bytes, bool values) {
  net::HttpRequest request;
  const protozero::pbf_tag_type shift = values ? 1 : 0;
  for (protozero::pbf_reader r(bytes.data(), bytes.size()); r.next();) {
    if (r.tag() == 1) {
      if (values) request.captures.push_back(text_of(r));
      else request.params.add("scope", text_of(r));
    } else if (r.tag() == 2) {
      request.params.add("q", text_of(r));
    } else if (r.tag() == 3 + shift) {
      add_number(request.params, "start", r.get_uint32());
    } else if (r.tag() == 4 + shift) {
      add_number(request.params, "end", r.get_uint32());
    } else if (r.tag() == 5 + shift) {
      add_number(request.params, "limit", r.get_uint32());
    } else {
      r.skip();
    }
  }
  return request;
}

// QueryRangeRequest, and QueryInstantRequest, which is the beginning of it.
MetricsRequest metrics_request(const TempoApi& api, std::string_view bytes) {
  MetricsRequest request = default_metrics_request(api);
  for (protozero::pbf_reader r(bytes.data(), bytes.size()); r.next();) {
    switch (r.tag()) {
      case 1: request.query = text_of(r); break;
      case 2: request.options.start = {r.get_uint64()}; break;
      case 3: request.options.end = {r.get_uint64()}; break;
      case 4: request.options.step = std::chrono::nanoseconds(static_cast<int64_t>(std::min<uint64_t>(r.get_uint64(), INT64_MAX))); break;
      case 16:
        if (const uint32_t n = r.get_uint32(); n != 0) request.options.exemplars = std::min(n, api.options.exemplars_max);
        break;
      case 17:
        if (const uint32_t n = r.get_uint32(); n != 0) request.options.series_max = std::min(n, api.options.series_max);
        break;
      default: r.skip();
    }
  }
  return request;
}

Result<Messages> search(const TempoApi& api, net::HttpRequest request) {
  const auto answer = run_search(api, request);
  if (!answer) return std::unexpected(answer.error());
  return search_messages(answer->result, answer->with_spansets, kMessageBytesMax);
}

template <typename Find, typename Write>
Result<Messages> one_message(const TempoApi& api, const net::HttpRequest& request, const Find& find, const Write& write) {
  const auto found = find(api, request);
  if (!found) return std::unexpected(found.error());
  return Messages{write(*found)};
}

using Answer = std::function<Result<Messages>(const TempoApi&, std::string_view bytes, const std::shared_ptr<const net::Cancellation>&)>;

Answer over_http(net::HttpRequest (*decode)(std::string_view), std::function<Result<Messages>(const TempoApi&, net::HttpRequest)> run) {
  return [=](const TempoApi& api, std::string_view bytes, const std::shared_ptr<const net::Cancellation>& cancellation) {
    net::HttpRequest request = decode(bytes);
    request.cancellation = cancellation;
    return run(api, std::move(request));
  };
}

Result<Messages> metrics(const TempoApi& api, std::string_view bytes, const std::shared_ptr<const net::Cancellation>& cancellation, bool instant) {
  MetricsRequest request = metrics_request(api, bytes);
  request.options.cancelled = [cancellation] { return cancellation->cancelled(); };
  const auto result = instant ? run_query_instant(api, request) : run_query_range(api, request);
  if (!result) return std::unexpected(result.error());
  return instant ? Messages{query_instant_protobuf(*result)} : query_range_messages(*result, kMessageBytesMax);
}

net::GrpcStreamHandler handler_of(std::shared_ptr<const TempoApi> api, Answer answer) {
  return [api = std::move(api), answer = std::move(answer)](const net::SharedBytes& bytes, net::GrpcStreamCall& call) -> net::GrpcReply {
    Result<Messages> messages = fail(Errc::kInvalidArgument, "the request is not a valid message");
    try {
      messages = answer(*api, *bytes, call.cancellation());
    } catch (const protozero::exception&) {
      // What was not read to its end stays the error above.
    }
    if (!messages) return {.code = grpc_code(messages.error().code), .message = messages.error().message};
    for (std::string& message : *messages)
      if (!call.send(std::move(message))) return {.code = net::GrpcCode::kCancelled, .message = "context canceled"};
    return {};
  };
}

}  // namespace

net::GrpcStreamMethods streaming_querier_methods(const TempoApi& api) {
  const auto shared = std::make_shared<const TempoApi>(api);
  net::GrpcStreamMethods methods;
  const auto add = [&](const char* name, Answer answer) {
    methods["/tempopb.StreamingQuerier/" + std::string(name)] = handler_of(shared, std::move(answer));
  };
  const auto tags = [](std::string_view bytes) { return tags_request(bytes, false); };
  const auto values = [](std::string_view bytes) { return tags_request(bytes, true); };
  add("Search", over_http(search_request, search));
  add("SearchTags", over_http(tags, [](const TempoApi& a, const net::HttpRequest& r) { return one_message(a, r, find_tags_v1, tags_protobuf_v1); }));
  add("SearchTagsV2", over_http(tags, [](const TempoApi& a, const net::HttpRequest& r) { return one_message(a, r, find_tags_v2, tags_protobuf_v2); }));
  add("SearchTagValues",
      over_http(values, [](const TempoApi& a, const net::HttpRequest& r) { return one_message(a, r, find_tag_values_v1, tag_values_protobuf_v1); }));
  add("SearchTagValuesV2",
      over_http(values, [](const TempoApi& a, const net::HttpRequest& r) { return one_message(a, r, find_tag_values_v2, tag_values_protobuf_v2); }));
  add("MetricsQueryRange", [](const TempoApi& a, std::string_view bytes, const auto& c) { return metrics(a, bytes, c, false); });
  add("MetricsQueryInstant", [](const TempoApi& a, std::string_view bytes, const auto& c) { return metrics(a, bytes, c, true); });
  return methods;
}

}  // namespace sightline::api::tempo
