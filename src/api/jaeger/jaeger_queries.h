#pragma once
// What Jaeger's clients ask of a trace store, whatever the protocol: services, operations, traces, dependencies.
//   Threads   safe from many threads; a question uses the calling one and polls its cancellation.
//   Limits    JaegerApi::options.
//   Errors    kInvalidArgument for questions that make no sense, kNotFound, and the engine's own.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/tenancy/tenancy.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "model/span_batch.h"
#include "net/http.h"
#include "tracestore/querier.h"

namespace sightline {
class CpuShare;
}

namespace sightline::api::jaeger {

struct JaegerApiOptions {
  uint32_t traces_default = 20;
  uint32_t traces_max = 1'500;
  uint32_t operations_max = 10'000;  // of one service
  std::chrono::nanoseconds timeout = std::chrono::minutes(2);
};

struct JaegerApi {
  const tracestore::Queryable& traces;  // with tenants, of those a request names
  const Clock& clock;
  std::string prefix = "/jaeger";
  JaegerApiOptions options;
  Tenancy tenancy;
  WorkPool* pool = nullptr;  // runs handlers, and row groups of one query side by side; may be null
  CpuShare* share = nullptr;  // of the processors, for queries; null: all

  JaegerApi of_tenants(const tracestore::TenantTraces& tenants) const {
    return {.traces = *tenants.traces,
            .clock = clock,
            .prefix = prefix,
            .options = options,
            .pool = pool,
            .share = share};
  }
};

using Cancelled = std::shared_ptr<const net::Cancellation>;  // may be null
using TracePtr = std::shared_ptr<const model::SpanBatch>;

// Everything a span of a found trace must be.
struct TraceQuestion {
  std::string service;
  std::string operation;
  std::vector<std::pair<std::string, std::string>> tags;
  std::string condition;  // of TraceQL; in place of the three above and the durations
  TimestampNs start{0};
  TimestampNs end{UINT64_MAX};
  std::chrono::nanoseconds duration_min{0};
  std::optional<std::chrono::nanoseconds> duration_max;
  uint32_t limit = 0;  // 0: the default
};
// As a filter: { resource.service.name = "a" && name = "b" && ... }.
std::string traceql_of(const TraceQuestion& question);

struct Operation {
  std::string name;
  std::string kind;  // "server", empty when unspecified
};
struct Dependency {
  std::string parent;  // services
  std::string child;
  uint64_t calls = 0;
};

Result<std::vector<std::string>> find_services(const JaegerApi& api, const Cancelled& cancelled);
Result<std::vector<Operation>> find_operations(const JaegerApi& api, const std::string& service,
                                               const std::string& kind, const Cancelled& cancelled);
// Newest first.
Result<std::vector<TracePtr>> find_traces(const JaegerApi& api, const TraceQuestion& question,
                                          const Cancelled& cancelled);
Result<TracePtr> find_trace(const JaegerApi& api, const TraceId& id);
// How often a span of one service had a child in another, among traces of that time.
Result<std::vector<Dependency>> find_dependencies(const JaegerApi& api, TimestampNs start,
                                                  TimestampNs end, const Cancelled& cancelled);
// 1 to 32 hex digits.
Result<TraceId> parse_id(std::string_view text);

}  // namespace sightline::api::jaeger
