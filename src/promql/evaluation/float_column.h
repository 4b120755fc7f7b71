#pragma once
// Range functions over a series of floats alone, for all steps in one pass: windows move along, nothing inside
// them is looked at twice where that can be avoided.
//   Results  the same as of range_functions.h, window by window.
#include "promql/evaluation/sample_ledger.h"
#include "promql/functions/range_functions.h"

namespace sightline::promql {

// The windows of one series at all steps. Series of one target have the same sample times, and then the same windows:
// they are kept from series to series.
struct ColumnWindows {
  std::vector<int64_t> times;  // of the samples they were found for
  std::vector<uint32_t> from;  // per step: first sample of its window
  std::vector<uint32_t> to;    // and the one behind its last
  SampleCount samples;         // in all of them
  bool each_has_two = false;   // or more

  // How each window's change is stretched to its edges; empty until asked for. Entries of windows with fewer than two
  // samples mean nothing. Times in seconds.
  std::vector<double> factor;
  std::vector<double> sampled;   // between first and last sample
  std::vector<double> to_start;  // how far beyond the first sample the change is stretched
  std::vector<double> to_end;
};

// What a pass over one series needs, kept from series to series of one call.
struct ColumnScratch {
  ColumnWindows windows;
  std::vector<double> lost;     // per sample: what counter resets up to it took away
  std::vector<uint32_t> queue;  // candidates for the extreme of a window
};

// False: it takes the general way. `samples` has no histograms and no stale markers; `out` is empty and as long as
// the grid. Leaves the windows of all steps in `scratch`.
bool float_column(const RangeCallContext& call, const tsdb::SampleColumns& samples,
                  const StepGrid& grid, ColumnScratch& scratch, Series& out);

}  // namespace sightline::promql
