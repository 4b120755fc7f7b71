#pragma once
// Which of a span's events (or links) an answer shows: the first of those that meet the most of the query's
// comparisons, so that what is shown is what was asked for.
//   Lifetime  fields and pipeline outlive it.
//   Threads   one.
#include <optional>
#include <vector>

#include "traceql/evaluation/field_evaluator.h"

namespace sightline::traceql {

class NestedChoice {
 public:
  NestedChoice(FieldEvaluator& fields, const Pipeline& pipeline);
  // The value of an attribute of events or links on `row`; nil without any. `column` is the attribute's, in its domain.
  Value value(const Attribute& attribute, const Column& column, uint32_t row);

 private:
  const std::vector<uint8_t>& scores(
      Domain domain);  // of each entry: how many comparisons it meets

  FieldEvaluator& fields_;
  std::vector<const Field*> comparisons_[2];  // of events, of links
  std::optional<std::vector<uint8_t>> scores_[2];
};

}  // namespace sightline::traceql
