#pragma once
// The order in which an exposition has the points of one family: as the Go client libraries do it, fewer labels first, then
// by the values in order of the names.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "model/metric_family.h"

namespace sightline::model {

// Bytes that compare as the labels do: how many there are, the values, then the names.
inline std::string exposition_key(const Labels& labels) {
  std::string values, names;
  size_t count = 0;
  for (const LabelView label : labels) {
    (values += label.value) += '\0';
    (names += label.name) += '\0';
    ++count;
  }
  std::string key;
  key.reserve(values.size() + names.size() + 3);
  key += static_cast<char>(count >> 8);
  key += static_cast<char>(count);
  return ((key += values) += '\0') += names;
}

// Each point's labels are read once, however often it is compared.
inline void sort_for_exposition(std::vector<MetricPoint>& points) {
  std::vector<std::pair<std::string, size_t>> order;
  order.reserve(points.size());
  for (size_t i = 0; i < points.size(); ++i)
    order.emplace_back(exposition_key(points[i].labels), i);
  std::sort(order.begin(), order.end());
  std::vector<MetricPoint> sorted;
  sorted.reserve(points.size());
  for (const auto& [key, index] : order) sorted.push_back(std::move(points[index]));
  points = std::move(sorted);
}

}  // namespace sightline::model
