#pragma once
// compare(): how often each value of each attribute occurs among the selected spans and among the rest.
//   Limits   kValuesPerAttributeMax distinct values of one attribute are counted; beyond, the attribute's
//            series say __meta_error="__too_many_values__". add() fails once its counts pass kCompareBytesMax.
#include <map>
#include <string>
#include <vector>

#include "traceql/metrics/series_gathering.h"

namespace sightline::traceql {

inline constexpr size_t kValuesPerAttributeMax = 5'000;
inline constexpr size_t kCompareBytesMax = 64u << 20;

class CompareGathering {
 public:
  CompareGathering(const Metrics& metrics, const IntervalGrid& grid,
                   std::vector<Attribute> attributes)
      : metrics_(metrics),
        grid_(grid),
        attributes_(std::move(attributes)),
        counts_{Side(attributes_.size()), Side(attributes_.size())} {}

  // `rows` marks what is compared, `selected` those of it that meet the selection.
  Status add(RowColumns& columns, const RowMask& rows, const RowMask& selected);
  std::vector<MetricsSeries> finish() &&;

 private:
  struct Counted {
    OwnedValue value;
    std::vector<double> per_interval;
    double total = 0;
  };
  struct PerAttribute {
    std::map<std::pair<Type, std::string>, Counted> values;
    std::vector<double> totals;
    bool too_many = false;
  };
  using Side = std::vector<PerAttribute>;  // by attribute

  void count(PerAttribute& into, const Value& value, size_t interval);

  const Metrics& metrics_;
  const IntervalGrid grid_;
  const std::vector<Attribute> attributes_;
  Side counts_[2];    // baseline, selection
  size_t bytes_ = 0;  // of counts
};

}  // namespace sightline::traceql
