#include "traceql/evaluation/nested_choice.h"

#include "traceql/evaluation/query_run.h"

namespace sightline::traceql {
namespace {

size_t place_of(Domain domain) { return domain == Domain::kEvents ? 0 : 1; }

}  // namespace

NestedChoice::NestedChoice(FieldEvaluator& fields, const Pipeline& pipeline) : fields_(fields) {
  for_each_comparison(pipeline, [&](const Field& comparison) {
    Domain domain = Domain::kRows;
    for_each_attribute(comparison, [&](const Attribute& a) {
      if (domain == Domain::kRows) domain = RowColumns::domain_of(a);
    });
    if (domain != Domain::kRows) comparisons_[place_of(domain)].push_back(&comparison);
  });
}

const std::vector<uint8_t>& NestedChoice::scores(Domain domain) {
  auto& scores = scores_[place_of(domain)];
  if (scores) return *scores;
  scores.emplace(fields_.columns().size(domain), 0);
  for (const Field* comparison : comparisons_[place_of(domain)]) {
    const RowMask met = fields_.entries(*comparison, domain);
    for (size_t i = 0; i < met.size(); ++i)
      if ((*scores)[i] < UINT8_MAX) (*scores)[i] = static_cast<uint8_t>((*scores)[i] + met[i]);
  }
  return *scores;
}

Value NestedChoice::value(const Attribute& attribute, const Column& column, uint32_t row) {
  const Domain domain = RowColumns::domain_of(attribute);
  const auto offsets = fields_.columns().offsets(domain);
  const auto& met = scores(domain);
  Value best;
  int best_score = -1;
  for (uint32_t i = offsets[row]; i < offsets[row + 1]; ++i) {
    if (met[i] <= best_score || column.at(i).is_nil()) continue;
    best = column.at(i);
    best_score = met[i];
  }
  return best;
}

}  // namespace sightline::traceql
