#pragma once
// Families of a connector that counts in Prometheus' names, as OTLP's points: what OTLP exporters send of it.
//   Resource  service.name, service.namespace and service.instance.id, from job and instance.
//   Threads   pure functions.
#include <map>
#include <string>
#include <vector>

#include "model/metric_family.h"
#include "model/metric_points.h"

namespace sightline::pipeline {

// What the names were before they were Prometheus'.
struct FamilyNames {
  std::map<std::string, std::string, std::less<>>
      metrics;  // by the family's name; others as they are
  std::map<std::string, std::string, std::less<>>
      attributes;  // by the label's name; others as they are
};

Status export_families(const std::vector<model::MetricFamily>& families, const FamilyNames& names,
                       uint64_t now_ns, model::MetricsSink& sink);

}  // namespace sightline::pipeline
