#pragma once
// The collector's prometheus exporter: the metrics of its pipelines as an exposition on /metrics. What connectors count is
// read when it is asked for, so every answer shows the state of that moment; what is pushed is the last that came.
//   Order     create(), sources and pushed(), start(), stop().
//   Threads   routes run on many threads at once.
//   Source    opentelemetry-collector-contrib, prometheusexporter README.
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "config/otelcol/otelcol_config.h"
#include "pipeline/connectors/span_to_metrics.h"
#include "pipeline/exporters/exposition_cache.h"
#include "pipeline/metrics/point_families.h"
#include "pipeline/receivers/http_endpoint.h"

namespace sightline::pipeline {

class PrometheusExporter {
 public:
  // All references outlive the exporter.
  static Result<std::unique_ptr<PrometheusExporter>> create(
      const config::PrometheusExporterConfig& config, const config::OtelcolConfig& all,
      const std::string& id, const Clock& clock);

  void add_source(SpanToMetrics& source);
  MetricsConsumer& pushed();  // made when first asked for
  Status start(WorkPool& pool, Telemetry& telemetry, std::shared_ptr<net::IoThreads> threads);
  void stop(std::chrono::milliseconds deadline) { endpoint_->stop(deadline); }
  std::string local_address() const { return endpoint_->local_address(); }
  const net::HttpRouter& router() const { return endpoint_->router(); }
  const config::PrometheusExporterConfig& config() const { return config_; }
  // The exposition for a client that sent this Accept header.
  net::HttpResponse exposition(std::string_view accept) const;

 private:
  PrometheusExporter(const config::PrometheusExporterConfig& config, const Clock& clock,
                     bool is_strict);
  std::vector<model::MetricFamily> read_sources() const;
  bool changes_labels() const;
  void change_point(model::MetricPoint& point) const;
  void change_labels(std::vector<model::MetricFamily>& families) const;
  void change_name(model::MetricFamily& family) const;
  void change_names(std::vector<model::MetricFamily>& families) const;

  const config::PrometheusExporterConfig& config_;
  const Clock& clock_;
  const bool is_strict_;
  const std::string prefix_;  // "shop_"
  std::vector<SpanToMetrics*> sources_;
  std::unique_ptr<PointFamilies> pushed_;
  std::unique_ptr<ExpositionCache>
      cache_;  // of the one source; used while that is all that is shown
  std::unique_ptr<HttpEndpoint> endpoint_;
};

}  // namespace sightline::pipeline
