#pragma once
// The float points of one matrix series, [1435781451.781,"1"], written fast: the texts of a query's
// times are made once for all series, and a value that repeats is copied.
//   Threads  StepTimes is read by many; a writer call keeps no state.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "promql/value.h"

namespace sightline::api::prometheus {

// `,[<time>,"` for every step of a grid.
class StepTimes {
 public:
  explicit StepTimes(const promql::StepGrid& grid);
  std::string_view before(size_t step) const {
    return std::string_view(texts_).substr(begins_[step], begins_[step + 1] - begins_[step]);
  }
  size_t longest() const { return longest_; }

 private:
  std::string texts_;
  std::vector<size_t> begins_;  // one more than steps
  size_t longest_ = 0;
};

// Appends the points of `series` that are floats, separated by commas; false when there are none.
bool append_float_points(std::string& out, const StepTimes& times, const promql::Series& series);

}  // namespace sightline::api::prometheus
