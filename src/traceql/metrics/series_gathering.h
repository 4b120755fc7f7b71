#pragma once
// Gathers the series of one metrics function from the spans of row groups.
//   Buckets  value v falls into the one that ends at 2^ceil(log2 v); integers below 2 are left out.
//   Units    durations are measured in seconds, their buckets are powers of two of nanoseconds.
//   Limits   series_max series, the rest is dropped and truncated() says so; exemplars_max exemplars,
//            one per trace, spread over the intervals; bytes_max of intervals times series (add() fails).
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "traceql/evaluation/query_run.h"
#include "traceql/evaluation/spanset_evaluator.h"
#include "traceql/metrics/metrics_result.h"

namespace sightline::traceql {

// Interval i is (first_end + (i-1)*step, first_end + i*step], in nanoseconds.
struct IntervalGrid {
  int64_t first_end_ns = 0;
  int64_t step_ns = 1;
  size_t count = 1;
  bool holds(uint64_t ns) const {
    const auto t = static_cast<int64_t>(ns);
    return t > first_end_ns - step_ns &&
           t <= first_end_ns + static_cast<int64_t>(count - 1) * step_ns;
  }
  size_t index_of(uint64_t ns) const {
    return static_cast<size_t>((static_cast<int64_t>(ns) - (first_end_ns - step_ns) - 1) / step_ns);
  }
};

struct GatheringLimits {
  uint32_t series_max = 1'000;
  uint32_t exemplars_max = 100;
  size_t bytes_max = 64u << 20;
};

class SeriesGathering {
 public:
  SeriesGathering(const Metrics& metrics, const IntervalGrid& grid, GatheringLimits limits);

  // Counts the marked rows; those outside the grid are left out.
  Status add(RowColumns& columns, const RowMask& rows);
  // What another one of the same function gathered, too.
  Status merge(SeriesGathering&& other);
  std::vector<MetricsSeries> finish() &&;
  bool truncated() const { return truncated_; }

 private:
  struct Cell {  // one interval of one series
    double count = 0;
    double sum = 0;
    double low = 0;
    double high = 0;
  };
  struct Gathered {
    MetricsLabels labels;
    std::vector<Cell> cells;
    std::vector<std::vector<double>>
        buckets;  // by exponent - kExponentMin: count per interval, empty without any
    std::vector<MetricsExemplar> exemplars;
  };
  static constexpr int kExponentMin = -64;  // smaller and larger ones go into the outermost buckets
  static constexpr int kExponentMax = 64;
  static constexpr size_t kTableMax = 1u << 16;

  bool uses_buckets() const;
  Status check_bytes() const;
  Gathered* series_for(const std::vector<Column>& by, uint32_t row);
  Gathered* made_for(const std::string& key, const auto& labels_of);
  void merge_series(Gathered& into, Gathered& from);
  template <typename SeriesOfRow>
  void add_rows(const RowMask& rows, std::optional<size_t> only, const Column& measured,
                const SeriesOfRow& series_of_row);
  std::optional<size_t> only_interval() const;
  void tally(const RowMask& rows, const std::vector<Column>& by, size_t combinations,
             size_t interval);
  bool wants_exemplar(size_t interval) const;
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
  bool durations_ = false;  // what is measured are durations
  bool truncated_ = false;
  size_t bytes_ = 0;                        // of cells and buckets
  std::map<std::string, Gathered> series_;  // by the text of their labels
  std::vector<NamedAttribute> named_;
  const size_t exemplars_share_;        // of one interval, at most
  std::vector<uint32_t> exemplars_in_;  // per interval
  std::set<TraceId> exemplar_traces_;

  // Of the row group at hand; `shown_` is loaded for its first exemplar.
  RowColumns* columns_ = nullptr;
  std::vector<std::pair<std::string, Column>> shown_;
};

}  // namespace sightline::traceql
