#pragma once
// The metrics of a request, part after part, as what conditions are asked about: a resource, its scopes, their metrics, their
// points.
//   Points    a condition of a metric may ask for the metric's points: with kBeforeTheirMetric they are read first, and the
//             subject has them; else it has none, and nothing is held back.
//   Lifetime  a subject lives while the visitor looks at it.
//   Errors    the decoder's, and the visitor's, which ends the walk.
#include <string_view>

#include "base/result.h"
#include "pipeline/processors/condition.h"

namespace sightline::pipeline {

class MetricsVisitor {
 public:
  virtual Status on_resource(const ConditionSubject& subject) = 0;
  virtual Status on_scope(const ConditionSubject& subject) = 0;
  virtual Status on_metric(const ConditionSubject& subject) = 0;
  virtual Status on_point(const ConditionSubject& subject) = 0;

 protected:
  ~MetricsVisitor() = default;
};

enum class ReadPoints { kBeforeTheirMetric, kAfterTheirMetric };

// `protobuf` is an ExportMetricsServiceRequest.
Status walk_metrics(std::string_view protobuf, ReadPoints read_points, MetricsVisitor& visitor);

}  // namespace sightline::pipeline
