#pragma once
// One query at work: its deadline and cancellation, and the scan that polls them.
//   Threads   scan() may call back from several threads at once, when the engine has a pool; the rest is the caller's.
#include <functional>
#include <memory>

#include "base/cpu_share.h"
#include "traceql/engine.h"
#include "traceql/evaluation/field_evaluator.h"

namespace sightline::traceql {

class QueryRun {
 public:
  static Result<QueryRun> start(const tracestore::Queryable& store, const Clock& clock,
                                const EngineOptions& options, const QueryBounds& bounds);

  // Calls `visit` with each row group; false stops. Errors of `visit` end the scan, too.
  Status scan(tracestore::ScanRequest request,
              const std::function<Result<bool>(tracestore::RowGroup&)>& visit);
  // The keys in use, while nobody cancels.
  Result<std::vector<std::vector<std::string>>> keys(tracestore::KeysRequest request);
  const tracestore::Querier& querier() const { return *querier_; }
  RegexCache& regexes() { return *regexes_; }
  Status check() const;  // cancelled, or too late
  uint64_t inspected_traces() const { return inspected_traces_; }

 private:
  Status rest();  // check(), after its turn has come
  QueryRun(const Clock& clock, const QueryBounds& bounds) : clock_(&clock), bounds_(&bounds) {}
  const Clock* clock_;
  const QueryBounds* bounds_;
  WorkPool* pool_ = nullptr;
  CpuShare* share_ = nullptr;
  CpuShare::Work work_;  // with a share
  std::chrono::nanoseconds deadline_{0};
  std::unique_ptr<tracestore::Querier> querier_;
  std::unique_ptr<RegexCache> regexes_ = std::make_unique<RegexCache>();
  uint64_t inspected_traces_ = 0;
};

// Rows of the traces that overlap the bounds.
RowMask rows_in_time(tracestore::RowGroup& group, const QueryBounds& bounds);

// What a query names, as search answers show it: {key, attribute}, without the intrinsics
// every span of an answer carries anyway.
struct NamedAttribute {
  std::string key;
  Attribute attribute;
};
// Calls `visit` with every comparison of attributes, other than with nil, in the filters of a pipeline.
void for_each_comparison(const Pipeline& pipeline, const std::function<void(const Field&)>& visit);
std::vector<NamedAttribute> named_attributes(const Pipeline& pipeline, bool* names_name);

}  // namespace sightline::traceql
