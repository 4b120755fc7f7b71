#include "pipeline/prometheus_exporter.h"

#include "wire/openmetrics/exposition_writer.h"

namespace sightline::pipeline {
namespace {

using wire::openmetrics::ExpositionFormat;

}  // namespace

void PrometheusExporter::add_routes(net::HttpRouter& router) {
  router.add("GET", "/metrics", [this](net::HttpRequest& request) { return exposition(request.headers.get("Accept")); });
}

net::HttpResponse PrometheusExporter::exposition(std::string_view accept) const {
  std::vector<model::MetricFamily> families;
  for (const MetricSource* source : sources_) merge_families(families, source->collect());
  for (model::MetricFamily& family : families) {
    for (model::MetricPoint& point : family.points) {
      if (!config_.send_timestamps) point.has_time = false;
      if (config_.const_labels.empty()) continue;
      model::LabelsBuilder labels(point.labels);
      for (const auto& [name, value] : config_.const_labels) labels.set(name, value);
      point.labels = labels.build();
    }
  }
  auto negotiated = wire::openmetrics::negotiate_exposition(accept, config_.enable_open_metrics);
  net::HttpResponse response;
  response.headers.set("Content-Type", std::move(negotiated.content_type));
  response.body = write_exposition(families, negotiated.format);
  return response;
}

}  // namespace sightline::pipeline
