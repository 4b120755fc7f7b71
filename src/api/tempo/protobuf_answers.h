#pragma once
// Results of the TraceQL engine as Tempo's protobuf messages (package tempopb), for `Accept: application/protobuf`
// and for gRPC streams. What answers.h says in JSON.
//   Threads  pure functions.
//   Source   tempopb, field numbers of SearchResponse, SearchTags..., QueryRangeResponse.
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "api/tempo/answers.h"
#include "traceql/engine.h"

namespace sightline::api::tempo {

// How far an answer is: its parts so far, of how many. A client takes equal numbers for the end.
struct Jobs {
  uint32_t completed = 1;
  uint32_t total = 1;
};
// SearchResponse messages that together say everything; each holds whole traces and, unless one trace alone is
// larger, at most `bytes_max`. Only the last one tells of `jobs`, those before it of one less. Never empty.
std::vector<std::string> search_messages(const traceql::SearchResult& result, bool with_spansets,
                                         size_t bytes_max, const Jobs& jobs);
// QueryRangeResponse likewise, by whole series.
std::vector<std::string> query_range_messages(const traceql::MetricsResult& result,
                                              size_t bytes_max, const Jobs& jobs);
std::string query_instant_protobuf(const traceql::MetricsResult& result);

// SearchTagsResponse and the other three. `jobs`: of a stream.
std::string tags_protobuf_v1(const std::vector<std::string>& names,
                             const std::optional<Jobs>& jobs = {});
std::string tags_protobuf_v2(const std::vector<NamedTags>& scopes,
                             const std::optional<Jobs>& jobs = {});
std::string tag_values_protobuf_v1(const traceql::TagValues& values,
                                   const std::optional<Jobs>& jobs = {});
std::string tag_values_protobuf_v2(const traceql::TagValues& values,
                                   const std::optional<Jobs>& jobs = {});

}  // namespace sightline::api::tempo
