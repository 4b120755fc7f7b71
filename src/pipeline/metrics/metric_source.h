#pragma once
// Whatever in the graph holds metrics that an exposition can show: a connector
// at the start of a metrics pipeline, or several of them joined.
#include <vector>

#include "model/metric_family.h"

namespace sightline::pipeline {

class MetricSource {
 public:
  virtual ~MetricSource() = default;
  // The current state of every live series. Any thread.
  virtual std::vector<model::MetricFamily> collect() const = 0;
};

// Families of one name from several sources become one: an exposition has each name once.
void merge_families(std::vector<model::MetricFamily>& all, std::vector<model::MetricFamily> more);

}  // namespace sightline::pipeline
