#pragma once
// The order in which an exposition has the points of one family.
#include "model/metric_family.h"

namespace sightline::model {

// As the Go client libraries do it: fewer labels first, then by the values in order of the names.
inline bool exposition_before(const Labels& a, const Labels& b) {
  const size_t m = a.size();
  const size_t n = b.size();
  if (m != n) return m < n;
  auto y = b.begin();
  for (const LabelView x : a) {
    if (x.value != y->value) return x.value < y->value;
    ++y;
  }
  return a < b;
}

}  // namespace sightline::model
