#include "promql/functions/quantile.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sightline::promql {

double quantile(double phi, std::vector<double>& values) {
  if (values.empty() || std::isnan(phi)) return std::numeric_limits<double>::quiet_NaN();
  if (phi < 0) return -std::numeric_limits<double>::infinity();
  if (phi > 1) return std::numeric_limits<double>::infinity();
  // NaN sorts first.
  const auto less = [](double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; };
  std::ranges::sort(values, less);
  const auto n = static_cast<double>(values.size());
  const double rank = phi * (n - 1);
  const double lower = std::max(0.0, std::floor(rank));
  const double upper = std::min(n - 1, lower + 1);
  const double weight = rank - std::floor(rank);
  if (weight == 0)
    return values[static_cast<size_t>(lower)];  // an infinite neighbour has no part in it
  return values[static_cast<size_t>(lower)] * (1 - weight) +
         values[static_cast<size_t>(upper)] * weight;
}

}  // namespace sightline::promql
