#include "pipeline/metrics/metric_source.h"

#include <algorithm>
#include <iterator>

namespace sightline::pipeline {

void merge_families(std::vector<model::MetricFamily>& all, std::vector<model::MetricFamily> more) {
  for (model::MetricFamily& family : more) {
    const auto same = std::find_if(all.begin(), all.end(),
                                   [&](const auto& other) { return other.name == family.name; });
    if (same == all.end())
      all.push_back(std::move(family));
    else
      std::move(family.points.begin(), family.points.end(), std::back_inserter(same->points));
  }
}

}  // namespace sightline::pipeline
