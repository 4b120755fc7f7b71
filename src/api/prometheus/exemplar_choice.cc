#include "api/prometheus/exemplar_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sightline::api::prometheus {
namespace {

bool is_earlier(const ExemplarCandidate& a, const ExemplarCandidate& b) {
  return a.exemplar.time < b.exemplar.time;
}

double median_value(const std::vector<ExemplarCandidate>& candidates) {
  std::vector<double> values;
  for (const ExemplarCandidate& candidate : candidates)
    if (!std::isnan(candidate.exemplar.value)) values.push_back(candidate.exemplar.value);
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// The first `count` by `rank`, lowest first; equal ranks in order of time. NaN ranks last.
template <typename Rank>
void keep_lowest(std::vector<ExemplarCandidate>& candidates, size_t count, Rank rank) {
  const auto orderly = [&](const ExemplarCandidate& candidate) {
    const double r = rank(candidate);
    return std::isnan(r) ? std::numeric_limits<double>::infinity() : r;
  };
  std::ranges::stable_sort(candidates, {}, orderly);
  candidates.resize(count);
  std::ranges::stable_sort(candidates, is_earlier);
}

// Of `count` equal stretches of time one each, the largest value; stretches without give theirs to the largest left.
void keep_spread(std::vector<ExemplarCandidate>& candidates, size_t count) {
  const int64_t first = candidates.front().exemplar.time.value;
  const double length = static_cast<double>(candidates.back().exemplar.time.value - first) + 1;
  std::vector<size_t> best(count, SIZE_MAX);
  for (size_t i = 0; i < candidates.size(); ++i) {
    const double at = static_cast<double>(candidates[i].exemplar.time.value - first) / length *
                      static_cast<double>(count);
    size_t& slot = best[std::min(count - 1, static_cast<size_t>(at))];
    if (slot == SIZE_MAX || candidates[i].exemplar.value > candidates[slot].exemplar.value)
      slot = i;
  }
  std::vector<bool> chosen(candidates.size());
  size_t left = count;
  for (const size_t i : best)
    if (i != SIZE_MAX) chosen[i] = true, --left;
  std::vector<size_t> others;
  for (size_t i = 0; i < candidates.size(); ++i)
    if (!chosen[i]) others.push_back(i);
  std::ranges::stable_sort(others, std::greater(),
                           [&](size_t i) { return candidates[i].exemplar.value; });
  for (size_t i = 0; i < left; ++i) chosen[others[i]] = true;
  size_t kept = 0;
  for (size_t i = 0; i < candidates.size(); ++i)
    if (chosen[i]) {
      if (kept != i) candidates[kept] = std::move(candidates[i]);
      ++kept;
    }
  candidates.resize(kept);
}

}  // namespace

std::optional<ExemplarStrategy> parse_strategy(std::string_view text) {
  if (text == "spread") return ExemplarStrategy::kSpread;
  if (text == "extreme") return ExemplarStrategy::kExtreme;
  if (text == "typical") return ExemplarStrategy::kTypical;
  return std::nullopt;
}

void choose_exemplars(std::vector<ExemplarCandidate>& candidates, size_t count,
                      ExemplarStrategy strategy) {
  std::ranges::stable_sort(candidates, is_earlier);
  if (candidates.size() <= count) return;
  if (count == 0) return candidates.clear();
  switch (strategy) {
    case ExemplarStrategy::kSpread: return keep_spread(candidates, count);
    case ExemplarStrategy::kExtreme:
      return keep_lowest(candidates, count,
                         [](const ExemplarCandidate& c) { return -c.exemplar.value; });
    case ExemplarStrategy::kTypical: {
      const double median = median_value(candidates);
      return keep_lowest(candidates, count, [&](const ExemplarCandidate& c) {
        return std::fabs(c.exemplar.value - c.shown.value_or(median));
      });
    }
  }
}

std::vector<size_t> share_limit(const std::vector<size_t>& available, size_t limit) {
  std::vector<size_t> shares(available.size());
  size_t left = limit;
  // Everybody gets one more until the limit is used up; whole rounds at once.
  for (;;) {
    size_t hungry = 0, least = SIZE_MAX;
    for (size_t i = 0; i < available.size(); ++i)
      if (shares[i] < available[i]) ++hungry, least = std::min(least, available[i] - shares[i]);
    if (hungry == 0 || left == 0) return shares;
    const size_t rounds = std::min(least, left / hungry);
    for (size_t i = 0; i < available.size() && (rounds > 0 || left > 0); ++i) {
      if (shares[i] == available[i]) continue;
      shares[i] += std::max<size_t>(rounds, 1);
      left -= std::max<size_t>(rounds, 1);
    }
  }
}

}  // namespace sightline::api::prometheus
