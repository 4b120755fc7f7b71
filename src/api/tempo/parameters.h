#pragma once
// Request parameters as Tempo's endpoints read them, and errors as they are answered.
//   Errors  kInvalidArgument; the text is the body of a 400.
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "net/http.h"

namespace sightline::api::tempo {

// The range a request names. Without it, everything.
struct TimeRange {
  TimestampNs start{0};
  TimestampNs end{UINT64_MAX};
  bool given = false;
};

// start and end in whole seconds; both or none.
Result<TimeRange> parse_time_range(const net::Params& params);
// 1 to 32 hex digits, zeros put in front.
Result<TraceId> parse_trace_id_parameter(std::string_view text);
// A whole number of at least `min`; nullopt when the parameter is absent or empty.
Result<std::optional<int64_t>> parse_integer(const net::Params& params, std::string_view name);
bool accepts_protobuf(const net::HttpRequest& request);
net::HttpResponse protobuf_response(std::string body);  // application/protobuf

// The error as Tempo answers it: its code's status and the message as plain text.
net::HttpResponse error_response(const Error& error);

}  // namespace sightline::api::tempo
