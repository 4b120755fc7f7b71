#include "api/tempo/parameters.h"

#include "base/number_text.h"
#include "net/http_status.h"

namespace sightline::api::tempo {
namespace {

constexpr int64_t kSecondsMax = static_cast<int64_t>(UINT64_MAX / 1'000'000'000);

Result<uint64_t> parse_seconds(const net::Params& params, std::string_view name) {
  const auto value = parse_int(params.get(name));
  if (!value || *value < 0 || *value > kSecondsMax)
    return fail(Errc::kInvalidArgument, "invalid ", name, ": strconv.ParseInt: parsing \"",
                params.get(name), "\": ", value ? "value out of range" : "invalid syntax");
  return static_cast<uint64_t>(*value) * 1'000'000'000;
}

}  // namespace

Result<TimeRange> parse_time_range(const net::Params& params) {
  TimeRange range;
  const bool has_start = !params.get("start").empty();
  const bool has_end = !params.get("end").empty();
  if (!has_start && !has_end) return range;
  if (has_start != has_end)
    return fail(Errc::kInvalidArgument, "please provide both start and end times or neither");
  const auto start = parse_seconds(params, "start");
  if (!start) return std::unexpected(start.error());
  const auto end = parse_seconds(params, "end");
  if (!end) return std::unexpected(end.error());
  if (*start == 0 && *end == 0) return range;
  if (*end <= *start)
    return fail(Errc::kInvalidArgument,
                "http parameter start must be before end. received start=", *start / 1'000'000'000,
                " end=", *end / 1'000'000'000);
  return TimeRange{{*start}, {*end}, true};
}

Result<TraceId> parse_trace_id_parameter(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) continue;
    return fail(Errc::kInvalidArgument,
                "trace IDs can only contain hex characters: invalid character '", c,
                "' at position ", i + 1);
  }
  if (text.size() > 32)
    return fail(Errc::kInvalidArgument, "trace IDs can't be larger than 128 bits");
  if (text.empty()) return fail(Errc::kInvalidArgument, "please provide a traceID");
  return *parse_trace_id(std::string(32 - text.size(), '0').append(text));
}

Result<std::optional<int64_t>> parse_integer(const net::Params& params, std::string_view name) {
  const std::string_view text = params.get(name);
  if (text.empty()) return std::nullopt;
  const auto value = parse_int(text);
  if (!value)
    return fail(Errc::kInvalidArgument, "invalid ", name, ": strconv.Atoi: parsing \"", text,
                "\": invalid syntax");
  return *value;
}

bool accepts_protobuf(const net::HttpRequest& request) {
  return request.headers.get("Accept").contains("application/protobuf");
}

net::HttpResponse protobuf_response(std::string body) {
  net::HttpResponse response;
  response.headers.add("Content-Type", "application/protobuf");
  response.body = std::move(body);
  return response;
}

net::HttpResponse error_response(const Error& error) {
  return net::HttpResponse::text(net::http_status_of(error.code), error.message);
}

}  // namespace sightline::api::tempo
