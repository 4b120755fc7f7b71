#pragma once
// Runs PromQL over a metrics store: parse, resolve, evaluate column-wise
// (each series once over all steps), and hand back a finished result.
//   Threads   an Engine is safe from many threads; one query uses the calling
//             thread and, for many series, the WorkPool.
//   Lifetime  everything handed to the constructor must outlive the Engine.
//   Errors    kInvalidArgument: parse and type errors; kExecution: evaluation and
//             limits; kDeadlineExceeded; kCancelled; store errors as they come.
//             The messages are the peer's.
//   Source    spec: PromQL evaluation rules, query errors.
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/work_pool.h"
#include "promql/evaluation/sample_ledger.h"
#include "promql/syntax/parser.h"
#include "promql/value.h"
#include "tsdb/querier.h"

namespace sightline::promql {

struct EngineOptions {
  std::chrono::milliseconds lookback{std::chrono::minutes(5)};
  std::chrono::milliseconds timeout{std::chrono::minutes(2)};
  std::chrono::milliseconds subquery_step{std::chrono::minutes(1)};
  uint64_t samples_max = 50'000'000;  // held at once
  bool start_timestamps = true;       // rate() and friends use them where known
  ParseLimits parse;
};

struct QueryOptions {
  std::optional<std::chrono::milliseconds> lookback;  // else the engine's
  std::optional<std::chrono::milliseconds> timeout;   // capped by the engine's
  std::function<bool()> cancelled;                    // polled; may be empty
  bool provenance = false;  // fill Series::sources and QueryResult::inputs
  StepCounts statistics = StepCounts::kTotalOnly;
};

struct StepSamples {
  int64_t time_ms = 0;
  SampleCount samples;
};

struct QueryStats {
  double preparation_seconds = 0;  // parse and resolve
  double evaluation_seconds = 0;
  double sort_seconds = 0;
  uint64_t samples_queried = 0;    // of all steps, each by itself
  uint64_t samples_read = 0;       // the same, none twice
  uint64_t series_touched = 0;     // of all selectors
  std::vector<StepSamples> steps;  // when asked for
  uint64_t samples_peak = 0;       // held at once
  uint64_t bytes_peak = 0;         // of step values held at once, about
};

// A range vector as a result: raw samples at their own times.
struct RawSeries {
  model::Labels labels;
  std::vector<int64_t> times;
  std::vector<double> values;
  std::vector<int64_t> histogram_times;
  std::vector<HistogramPtr> histograms;
};

struct QueryResult {
  ValueType type = ValueType::kVector;
  StepGrid grid;  // of `series` and `scalars`; one step for an instant query
  std::vector<Series>
      series;  // kVector: evaluation order; a range query's kMatrix: sorted by labels
  std::vector<RawSeries> raw;   // an instant query's kMatrix: sorted by labels
  std::vector<double> scalars;  // kScalar: one
  std::string text;             // kString
  bool is_range = false;        // kMatrix lies in `series`, not in `raw`
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
  std::vector<QueryInput> inputs;  // what Series::sources name; empty without provenance
  QueryStats stats;
};

class Engine {
 public:
  // `pool` may be null: everything on the calling thread.
  Engine(const tsdb::Queryable& store, Clock& clock, WorkPool* pool, EngineOptions options = {});

  Result<QueryResult> instant(std::string_view query, TimestampMs time,
                              const QueryOptions& options = {}) const;
  // step > 0, start <= end. Scalar and string expressions: see the messages.
  Result<QueryResult> range(std::string_view query, TimestampMs start, TimestampMs end,
                            std::chrono::milliseconds step, const QueryOptions& options = {}) const;
  const EngineOptions& options() const { return options_; }

 private:
  // `end_ms` as asked: the last step may lie before it.
  Result<QueryResult> run(std::string_view query, const StepGrid& grid, int64_t end_ms,
                          bool is_range, const QueryOptions& options) const;

  const tsdb::Queryable& store_;
  Clock& clock_;
  WorkPool* pool_;
  const EngineOptions options_;
};

// Every vector selector in the expression, as query_exemplars needs them.
std::vector<std::vector<tsdb::Matcher>> selectors_of(const Expr& expr);

}  // namespace sightline::promql
