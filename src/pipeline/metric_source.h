#pragma once
// Whatever in the graph holds metrics that an exposition can show: a connector
// at the start of a metrics pipeline.
#include <vector>

#include "model/metric_family.h"

namespace sightline::pipeline {

class MetricSource {
 public:
  virtual ~MetricSource() = default;
  // The current state of every live series. Any thread.
  virtual std::vector<model::MetricFamily> collect() const = 0;
};

}  // namespace sightline::pipeline
