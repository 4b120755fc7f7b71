#pragma once
// The collector's prometheus exporter: the metrics of its pipelines as an
// exposition on /metrics. Every answer shows the state of that moment; nothing waits for a flush.
//   Threads   routes run on many threads at once; sources are added before start.
//   Source    opentelemetry-collector-contrib, prometheusexporter README.
#include <string>
#include <vector>

#include "config/otelcol_components.h"
#include "net/http.h"
#include "pipeline/metric_source.h"

namespace sightline::pipeline {

class PrometheusExporter {
 public:
  // All references outlive the exporter.
  explicit PrometheusExporter(const config::PrometheusExporterConfig& config);

  void add_source(const MetricSource& source) { sources_.push_back(&source); }
  void add_routes(net::HttpRouter& router);
  // The exposition for a client that sent this Accept header.
  net::HttpResponse exposition(std::string_view accept) const;

 private:
  bool changes_labels() const;
  void change_labels(std::vector<model::MetricFamily>& families) const;
  void change_names(std::vector<model::MetricFamily>& families) const;

  const config::PrometheusExporterConfig& config_;
  const std::string prefix_;  // "shop_"
  std::vector<const MetricSource*> sources_;
};

}  // namespace sightline::pipeline
