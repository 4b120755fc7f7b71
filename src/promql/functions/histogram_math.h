#pragma once
// Arithmetic on native histograms: merging bucket layouts, scaling, counter
// resets. All functions are pure; results are compact (no empty buckets).
//   Source  spec: Native histograms; Histogram samples in operators.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/histogram.h"

namespace sightline::promql {

struct IndexedBucket {
  int32_t index = 0;
  double count = 0;
};
std::vector<IndexedBucket> indexed_buckets(const std::vector<model::BucketSpan>& spans,
                                           const std::vector<double>& counts);

// One bucket with its bounds, as iteration over a whole histogram meets it.
struct BoundedBucket {
  double lower = 0;
  double upper = 0;
  bool lower_inclusive = false;
  bool upper_inclusive = true;
  double count = 0;
  bool is_zero = false;
};
// Ascending: negative buckets, the zero bucket (if it counts anything), positive buckets.
std::vector<BoundedBucket> bounded_buckets(const model::Histogram& h);
double bucket_upper_bound(const model::Histogram& h, int32_t index);  // of the positive side

inline bool uses_custom_buckets(const model::Histogram& h) {
  return h.schema == model::kCustomBucketsSchema;
}

// What happened while two histograms were merged.
struct MergeNotes {
  bool bounds_reconciled = false;  // custom bounds differed
  bool reset_collision = false;    // one hint says reset, the other not
};

// kExecution when one has custom buckets and the other has not.
Result<model::Histogram> add(const model::Histogram& a, const model::Histogram& b,
                             MergeNotes& notes);
Result<model::Histogram> subtract(const model::Histogram& a, const model::Histogram& b,
                                  MergeNotes& notes);
// A sum of histograms and what rounding took from it, in one layout (Neumaier).
struct CompensatedHistogram {
  model::Histogram sum;
  model::Histogram lost;
};
CompensatedHistogram start_sum(const model::Histogram& h);
// sum += other; kExecution as for add(), nothing changed then.
Status add_compensated(CompensatedHistogram& to, const model::Histogram& other, MergeNotes& notes);
bool overflows(const model::Histogram& h);  // any count, or the sum, is infinite
model::Histogram multiply(const model::Histogram& h, double factor);
model::Histogram divide(const model::Histogram& h, double divisor);
model::Histogram compact(const model::Histogram& h);
model::Histogram reduce_resolution(const model::Histogram& h, int32_t schema);
// Same layout and counts after compaction; the reset hint does not matter.
bool same_histogram(const model::Histogram& a, const model::Histogram& b);
// Was there a counter reset between `previous` and `current`?
bool is_reset(const model::Histogram& current, const model::Histogram& previous);
// Keeps what lies below (or above) `bound`, splitting the bucket it falls in.
model::Histogram trim(const model::Histogram& h, double bound, bool keep_below);
// {count:3, sum:5, [-0.001,0.001]:1, (1,2]:2}
std::string to_string(const model::Histogram& h);

}  // namespace sightline::promql
