#pragma once
// Results of the TraceQL engine as Tempo's JSON answers: proto3 JSON, key order as Tempo writes it,
// 64-bit integers as strings, empty and zero fields left out.
#include <string>

#include "traceql/engine.h"

namespace sightline::api::tempo {

// {"traces":[...],"metrics":{...}}. `with_spansets` false: a search by tags only.
std::string search_json(const traceql::SearchResult& result, bool with_spansets);
// {"tagValues":[{"type":"string","value":"x"}],"metrics":{...}}
std::string tag_values_json_v2(const traceql::TagValues& values);
// {"tagValues":["x"],"metrics":{...}}
std::string tag_values_json_v1(const traceql::TagValues& values);
// {"scopes":[{"name":"span","tags":[...]}],"metrics":{}}; scopes without tags are left out.
struct NamedTags {
  std::string scope;
  std::vector<std::string> tags;
};
std::string tags_json_v2(const std::vector<NamedTags>& scopes);
// {"tagNames":[...],"metrics":{}}
std::string tags_json_v1(const std::vector<std::string>& names);

// The word for a value's type: string, int, float, bool, duration, keyword.
std::string_view type_word(const traceql::OwnedValue& value);
inline constexpr std::string_view kSeriesLeftOut =
    "the query has more series than the limit, some are left out";

// An AnyValue: durations, statuses and kinds are strings, as the peer shows them.
void append_any_value(std::string& out, const traceql::OwnedValue& value);
// {"key":"a","value":{...}}
void append_key_value(std::string& out, std::string_view key, const traceql::OwnedValue& value);
void append_quoted(std::string& out, std::string_view text);

}  // namespace sightline::api::tempo
