#pragma once
// Gathers the series of one metrics function from the spans of row groups.
//   Buckets  value v falls into the one that ends at 2^ceil(log2 v); integers below 2 are left out.
//   Units    durations are measured in seconds, their buckets are powers of two of nanoseconds.
//   Limits   series_max series, the rest is dropped and truncated() says so; exemplars_max exemplars,
//            one per trace, spread over the intervals.
#include <absl/container/flat_hash_map.h>

#include <array>
#include <map>
#include <set>
#include <vector>

#include "traceql/metrics_result.h"
#include "traceql/query_run.h"
#include "traceql/spanset_evaluator.h"

namespace sightline::traceql {

// Interval i is (first_end + (i-1)*step, first_end + i*step], in nanoseconds.
struct IntervalGrid {
  int64_t first_end_ns = 0;
  int64_t step_ns = 1;
  size_t count = 1;
  bool holds(uint64_t ns) const {
    const auto t = static_cast<int64_t>(ns);
    return t > first_end_ns - step_ns && t <= first_end_ns + static_cast<int64_t>(count - 1) * step_ns;
  }
  size_t index_of(uint64_t ns) const {
    return static_cast<size_t>((static_cast<int64_t>(ns) - (first_end_ns - step_ns) - 1) / step_ns);
  }
};

struct GatheringLimits {
  uint32_t series_max = 1'000;
  uint32_t exemplars_max = 100;
};

class SeriesGathering {
 public:
  SeriesGathering(const Metrics& metrics, const IntervalGrid& grid, GatheringLimits limits);

  // Counts the rows of `groups`; rows outside the grid are left out.
  void add(RowColumns& columns, const std::vector<SpanGroup>& groups);
  std::vector<MetricsSeries> finish() &&;
  bool truncated() const { return truncated_; }

 private:
  struct Cell {                              // one interval of one series
    double count = 0;
    double sum = 0;
    double low = 0;
    double high = 0;
  };
  struct Gathered {
    MetricsLabels labels;
    std::vector<Cell> cells;
    std::map<int, std::vector<double>> buckets;   // by exponent: count per interval
    std::vector<MetricsExemplar> exemplars;
  };
  static constexpr size_t kByMax = 5;
  using Codes = std::array<uint32_t, kByMax>;

  bool uses_buckets() const;
  Gathered* series_for(const std::vector<Column>& by, uint32_t row);
  void measure(Gathered& series, size_t interval, const Value& value);
  void offer_exemplar(Gathered& series, size_t interval, uint32_t row, const Value& value);
  double shown_number(double measured) const;
  double cell_value(const Cell& cell) const;
  void write_buckets(Gathered& series, std::vector<MetricsSeries>& out) const;
  double quantile(const Gathered& series, double q, size_t interval) const;
  void thin_exemplars();

  const Metrics& metrics_;
  const IntervalGrid grid_;
  const GatheringLimits limits_;
  bool durations_ = false;                   // what is measured are durations
  bool truncated_ = false;
  std::map<std::string, Gathered> series_;   // by the text of their labels
  std::vector<NamedAttribute> named_;
  std::vector<uint32_t> exemplars_in_;       // per interval
  std::set<TraceId> exemplar_traces_;

  // Of the row group at hand.
  RowColumns* columns_ = nullptr;
  std::vector<std::pair<std::string, Column>> shown_;
};

}  // namespace sightline::traceql
