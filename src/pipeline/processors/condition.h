#pragma once
// A condition of the transformation language, made ready and asked of spans and of metrics.
//   Errors    what cannot be evaluated (a prefix of a number, an addition to nothing) is kInvalidArgument; comparing
//             values of different kinds is no error: they are not equal, and neither is less.
//   Threads   immutable once made; matches() from any thread.
//   Source    opentelemetry-collector-contrib, pkg/ottl, "Comparison rules" and functions.
#include <memory>
#include <unordered_map>
#include <vector>

#include "config/otelcol/otelcol_ottl.h"
#include "config/otelcol/otelcol_processors.h"
#include "model/metric_points.h"
#include "model/span_batch.h"

namespace re2 {
class RE2;
}

namespace sightline::pipeline {

// What a condition is asked about: spans, or metrics; what lies further in than its context is null.
struct ConditionSubject {
  const model::SpanBatch* batch = nullptr;
  const model::ResourceView* resource = nullptr;
  const model::ScopeView* scope = nullptr;
  const model::SpanView* span = nullptr;
  const model::EventView* event = nullptr;
  // Of metrics, in place of all above.
  const model::MetricResource* metric_resource = nullptr;
  const model::MetricScope* metric_scope = nullptr;
  const model::MetricView* metric = nullptr;
  const std::vector<model::DataPoint>* points = nullptr;  // of the metric, where they are asked for
  const model::DataPoint* point = nullptr;

  static ConditionSubject of_span(const model::SpanBatch& batch, const model::SpanView& span) {
    return {.batch = &batch,
            .resource = &batch.resource_of(span),
            .scope = &batch.scope_of(span),
            .span = &span};
  }
};

class Condition {
 public:
  explicit Condition(config::OttlCondition condition);
  ~Condition();
  Condition(Condition&&) noexcept;

  config::OttlContext context() const { return condition_->context; }
  const std::string& text() const { return condition_->text; }
  bool asks_for_points() const;  // of a metric
  Result<bool> matches(const ConditionSubject& subject) const;

 private:
  using Patterns = std::unordered_map<const config::OttlNode*, std::unique_ptr<re2::RE2>>;
  std::unique_ptr<const config::OttlCondition> condition_;  // its nodes' addresses are keys
  Patterns patterns_;
};

// Whether one of several conditions of a context matches; a fault is treated as the error mode says.
class Conditions {
 public:
  Conditions(const std::vector<config::OttlCondition>& conditions, config::OttlErrorMode mode);
  bool has(config::OttlContext context) const;
  // Whether one asks a metric for its points.
  bool asks_for_points() const;
  Result<bool> any(config::OttlContext context, const ConditionSubject& subject) const;

 private:
  std::vector<Condition> conditions_;
  const config::OttlErrorMode mode_;
};

}  // namespace sightline::pipeline
