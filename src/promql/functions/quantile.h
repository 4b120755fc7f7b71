#pragma once
// The φ-quantile of plain numbers: linear between the two nearest ranks.
#include <vector>

namespace sightline::promql {

// Reorders `values`. phi < 0: -Inf, > 1: +Inf, NaN or no values: NaN.
double quantile(double phi, std::vector<double>& values);

}  // namespace sightline::promql
