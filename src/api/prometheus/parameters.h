#pragma once
// Request parameters as Prometheus' endpoints read them.
//   Errors  kInvalidArgument, in Prometheus' words.
//   Source  spec: Prometheus HTTP API, Parameter syntax.
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/http.h"
#include "tsdb/matcher.h"
#include "tsdb/querier.h"

namespace sightline::api::prometheus {

using MatcherSets = std::vector<std::vector<tsdb::Matcher>>;

// Float unix seconds or RFC 3339, to milliseconds; beyond 64 bits: the bound.
Result<TimestampMs> parse_time(std::string_view text);
// A time parameter; `absent` when it is not given.
Result<TimestampMs> time_parameter(const net::Params& params, std::string_view name,
                                   TimestampMs absent);
// start and end; all time when absent.
Result<tsdb::TimeRange> time_range(const net::Params& params);
// Float seconds or a Prometheus duration.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);
// The same as a parameter; nullopt when not given.
Result<std::optional<std::chrono::nanoseconds>> duration_parameter(const net::Params& params,
                                                                   std::string_view name);
// Most elements of the result; SIZE_MAX when absent or 0.
Result<size_t> limit_parameter(const net::Params& params, std::string_view name = "limit");
// The older endpoints' limit: "limit must be a number", 0 is none at all; SIZE_MAX when absent or negative.
Result<size_t> number_limit_parameter(const net::Params& params, std::string_view name);
Result<bool> bool_parameter(std::string_view text);  // as Go's ParseBool
// Every match[]; none when there is no such parameter. Each must have a matcher that rejects the
// empty string, unless kAny.
enum class EmptySelectors : uint8_t { kRefused, kAny };
Result<MatcherSets> matcher_sets(const net::Params& params,
                                 EmptySelectors empty = EmptySelectors::kRefused);
// A label name in a path: U__a_2e_b means a.b.
Result<std::string> label_name(std::string_view path_text);

// What looks for series ends when the client goes away.
StillWanted while_client_waits(const net::HttpRequest& request);

// invalid parameter "name": <what>
std::unexpected<Error> invalid_parameter(std::string_view name, Error error);

}  // namespace sightline::api::prometheus
