#pragma once
// Which of many exemplars stand for a series when not all can be shown.
//   Threads  pure functions.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "model/exemplar.h"

namespace sightline::api::prometheus {

// kSpread: even in time, so that no part of the chart is without. kExtreme: the largest values.
// kTypical: the values nearest to what the series shows, see ExemplarCandidate::shown.
enum class ExemplarStrategy : uint8_t { kSpread, kExtreme, kTypical };
std::optional<ExemplarStrategy> parse_strategy(std::string_view text);  // "spread", ...

struct ExemplarCandidate {
  model::Exemplar exemplar;
  // What the series shows at the step the exemplar fed, where that is a value of the same kind, as a
  // quantile is; nullopt: the candidates' median stands for it.
  std::optional<double> shown;
};

// Leaves at most `count` of the candidates, ascending by time. With the same candidates the choice is the same.
void choose_exemplars(std::vector<ExemplarCandidate>& candidates, size_t count,
                      ExemplarStrategy strategy);

// How many each of several series may show when all together may show `limit`: as even as can be, at
// most what each has; earlier series take what does not divide.
std::vector<size_t> share_limit(const std::vector<size_t>& available, size_t limit);

}  // namespace sightline::api::prometheus
