#pragma once
// Runs TraceQL over a trace store: parse, push down, evaluate column-wise, one row group at a time.
//   Threads   safe from many threads; a query uses the calling one and, when it has a pool, threads of that.
//   Lifetime  store and clock outlive the engine.
//   Errors    kInvalidArgument "invalid TraceQL query: ..." for parse and type errors, kCancelled,
//             kDeadlineExceeded, kResourceExhausted for limits; store errors as they come.
//   Source    TraceQL; Tempo HTTP API, search and metrics.
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "traceql/evaluation/value.h"
#include "traceql/metrics/metrics_result.h"
#include "traceql/syntax/parser.h"
#include "tracestore/querier.h"

namespace sightline {
class CpuShare;
}

namespace sightline::traceql {

struct EngineOptions {
  std::chrono::nanoseconds timeout = std::chrono::minutes(2);
  ParseLimits parse;
  WorkPool* pool = nullptr;   // evaluates row groups side by side; outlives the engine
  CpuShare* share = nullptr;  // what queries may take of the processors; likewise. Null: all
};

// What bounds one query, whatever its kind.
struct QueryBounds {
  TimestampNs start{0};
  TimestampNs end{UINT64_MAX};
  std::function<bool()> cancelled;  // polled every few milliseconds, from any thread; may be empty
};

struct SearchOptions : QueryBounds {
  uint32_t limit = 20;  // traces
  uint32_t spans_per_spanset = 3;
  std::chrono::nanoseconds duration_min{0};  // of the whole trace
  std::optional<std::chrono::nanoseconds> duration_max;
};

struct FoundSpan {
  SpanId id;
  std::optional<std::string> name;  // when the query speaks of names
  TimestampNs start;
  uint64_t duration_ns = 0;
  std::vector<std::pair<std::string, OwnedValue>>
      attributes;  // the query speaks of, that the span has
};

struct FoundSpanset {
  std::vector<FoundSpan> spans;  // earliest first, at most spans_per_spanset
  uint32_t matched = 0;          // all of them
  std::vector<std::pair<std::string, OwnedValue>> attributes;  // "count()", "by(name)"
};

struct ServiceStats {
  uint32_t spans = 0;
  uint32_t errors = 0;
};

struct FoundTrace {
  TraceId id;
  std::string root_service;  // "<root span not yet received>" without a root
  std::string root_name;
  TimestampNs start;
  uint64_t duration_ns = 0;
  std::vector<FoundSpanset> spansets;
  std::map<std::string, ServiceStats> services;
};

struct SearchResult {
  std::vector<FoundTrace> traces;  // newest start first
  uint64_t inspected_traces = 0;
  uint64_t inspected_bytes = 0;
};

struct TagValuesOptions : QueryBounds {
  std::string_view filter;  // only spans that match; empty or broken: all
  uint32_t values_max = 10'000;
  // Told of each value, or each key, once and as soon as it is found; one at a time, from any thread. May be empty.
  std::function<void(const OwnedValue&)> value_found;
  std::function<void(tracestore::AttributeScope, const std::string& key)> key_found;
};
struct TagValues {
  std::vector<OwnedValue>
      values;  // distinct, by type, then in order; no stand-ins for what is missing
  uint64_t inspected_bytes = 0;
};

struct TagScope {
  tracestore::AttributeScope scope;
  std::vector<std::string> keys;  // sorted
};

struct MetricsOptions : QueryBounds {
  std::chrono::nanoseconds step{0};  // instant: unused
  uint32_t intervals_max = 11'000;
  uint32_t series_max = 1'000;
  uint32_t exemplars = 100;  // with(exemplars=...) overrides
  uint32_t exemplars_max = 1'000;
};

class Engine {
 public:
  Engine(const tracestore::Queryable& store, const Clock& clock, EngineOptions options = {})
      : store_(store), clock_(clock), options_(options) {}

  Result<SearchResult> search(std::string_view query, const SearchOptions& options) const;
  Result<SearchResult> search(const Query& query, const SearchOptions& options) const;

  // One sample per interval (t - step, t]; grid and default steps are the caller's.
  Result<MetricsResult> metrics_range(std::string_view query, const MetricsOptions& options) const;
  // One value over the whole range.
  Result<MetricsResult> metrics_instant(std::string_view query,
                                        const MetricsOptions& options) const;

  Result<TagValues> tag_values(const Attribute& attribute, const TagValuesOptions& options) const;
  // The keys in use, scope by scope; with a filter, on spans that match it.
  Result<std::vector<TagScope>> tag_names(const std::vector<tracestore::AttributeScope>& scopes,
                                          const TagValuesOptions& options) const;

  // For each row of `trace`, 1 when the query's final spansets hold it, else 0.
  Result<std::vector<uint8_t>> matching_rows(std::string_view query,
                                             tracestore::RowGroup& trace) const;

 private:
  Result<Query> parse_query(std::string_view query) const;
  Result<MetricsResult> metrics(std::string_view query, const MetricsOptions& options,
                                bool instant) const;

  const tracestore::Queryable& store_;
  const Clock& clock_;
  const EngineOptions options_;
};

}  // namespace sightline::traceql
