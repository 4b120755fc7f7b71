#pragma once
// Range functions over a series of floats alone, for all steps in one pass: windows move along, nothing inside
// them is looked at twice where that can be avoided.
//   Results  the same as of range_functions.h, window by window.
#include "promql/range_functions.h"

namespace sightline::promql {

// What a pass over one series needs, kept from series to series.
struct ColumnScratch {
  std::vector<uint32_t> from;   // per step: first sample of its window
  std::vector<uint32_t> to;     // and the one behind its last
  std::vector<double> lost;     // per sample: what counter resets up to it took away
  std::vector<uint32_t> queue;  // candidates for the extreme of a window
};

// False: it takes the general way. `samples` has no histograms and no stale markers; `out` is empty and as long as
// the grid. Leaves the windows of all steps in `scratch`.
bool float_column(const RangeCallContext& call, const tsdb::SampleColumns& samples,
                  const StepGrid& grid, ColumnScratch& scratch, Series& out);

}  // namespace sightline::promql
