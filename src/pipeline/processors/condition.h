#pragma once
// A condition of the transformation language, made ready and asked of spans.
//   Errors    what cannot be evaluated (a prefix of a number, an addition to nothing) is kInvalidArgument; comparing
//             values of different kinds is no error: they are not equal, and neither is less.
//   Threads   immutable once made; matches() from any thread.
//   Source    opentelemetry-collector-contrib, pkg/ottl, "Comparison rules" and functions.
#include <memory>
#include <unordered_map>
#include <vector>

#include "config/otelcol/otelcol_ottl.h"
#include "config/otelcol/otelcol_processors.h"
#include "model/span_batch.h"

namespace re2 {
class RE2;
}

namespace sightline::pipeline {

// What a condition is asked about; `span` and `event` are null where the context is wider.
struct ConditionSubject {
  const model::SpanBatch* batch = nullptr;
  const model::ResourceView* resource = nullptr;
  const model::ScopeView* scope = nullptr;
  const model::SpanView* span = nullptr;
  const model::EventView* event = nullptr;

  static ConditionSubject of_span(const model::SpanBatch& batch, const model::SpanView& span) {
    return {&batch, &batch.resource_of(span), &batch.scope_of(span), &span, nullptr};
  }
};

class SpanCondition {
 public:
  explicit SpanCondition(config::OttlCondition condition);
  ~SpanCondition();
  SpanCondition(SpanCondition&&) noexcept;

  config::OttlContext context() const { return condition_->context; }
  const std::string& text() const { return condition_->text; }
  Result<bool> matches(const ConditionSubject& subject) const;

 private:
  using Patterns = std::unordered_map<const config::OttlNode*, std::unique_ptr<re2::RE2>>;
  std::unique_ptr<const config::OttlCondition> condition_;  // its nodes' addresses are keys
  Patterns patterns_;
};

// Whether one of several conditions of a context matches; a fault is treated as the error mode says.
class SpanConditions {
 public:
  SpanConditions(const std::vector<config::OttlCondition>& conditions, config::OttlErrorMode mode);
  bool has(config::OttlContext context) const;
  Result<bool> any(config::OttlContext context, const ConditionSubject& subject) const;

 private:
  std::vector<SpanCondition> conditions_;
  const config::OttlErrorMode mode_;
};

}  // namespace sightline::pipeline
