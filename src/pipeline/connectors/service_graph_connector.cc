#include "pipeline/connectors/service_graph_connector.h"

#include "base/log.h"
#include "connectors/spanmetrics/label_names.h"

namespace sightline::pipeline {
namespace {

connectors::servicegraph::ServiceGraphOptions to_options(const config::ServiceGraphConfig& config,
                                                         bool is_strict) {
  connectors::servicegraph::ServiceGraphOptions options;
  for (const auto bucket : config.latency_histogram_buckets)
    options.buckets.push_back(static_cast<double>(bucket.count()) / 1e9);
  if (config.exponential_histogram_max_size > 0)
    options.exponential_max_size = static_cast<uint32_t>(config.exponential_histogram_max_size);
  options.dimensions = config.dimensions;
  options.store_max_items = config.store_max_items;
  options.store_ttl = config.store_ttl;
  options.peer_attributes = config.virtual_node_peer_attributes;
  options.virtual_node_label = config.virtual_node_extra_label;
  options.database_attributes = config.database_name_attributes;
  options.timestamp_offset = config.metrics_timestamp_offset;
  options.wraps_durations = is_strict;
  return options;
}

FamilyNames names_of(const config::ServiceGraphConfig& config) {
  FamilyNames names;
  names.metrics = {
      {"traces_service_graph_request", "traces_service_graph_request_total"},
      {"traces_service_graph_request_failed", "traces_service_graph_request_failed_total"},
      {"traces_service_graph_request_server_seconds", "traces_service_graph_request_server"},
      {"traces_service_graph_request_client_seconds", "traces_service_graph_request_client"}};
  for (const std::string& dimension : config.dimensions)
    for (const char* side : {"client_", "server_"})
      names.attributes[connectors::spanmetrics::label_name_of(side + dimension)] = side + dimension;
  return names;
}

void raise_to(Counter& counter, uint64_t total) {
  const uint64_t now = counter.value();
  if (total > now) counter.add(total - now);
}

}  // namespace

ServiceGraphConnector::ServiceGraphConnector(const config::ServiceGraphConfig& config,
                                             const std::string& id, const Clock& clock,
                                             Telemetry& t, bool is_strict)
    : graph_(clock, to_options(config, is_strict)),
      names_(names_of(config)),
      clock_(clock),
      edges_(t.counter("otelcol_connector_servicegraph_total_edges_total", "Edges begun.",
                       {{"connector", id}})),
      expired_(t.counter("otelcol_connector_servicegraph_expired_edges_total",
                         "Edges whose other side never came.", {{"connector", id}})),
      dropped_(t.counter("otelcol_connector_servicegraph_dropped_spans_total",
                         "Spans for which no edge could wait.", {{"connector", id}})) {}

void ServiceGraphConnector::write_to(tsdb::Appendable& store, Telemetry& telemetry) {
  stores_.push_back(std::make_unique<SourceWriter>(*this, store, clock_, telemetry));
}

void ServiceGraphConnector::maintain() {
  graph_.expire();
  const auto counts = graph_.counts();
  raise_to(edges_, counts.edges);
  raise_to(expired_, counts.expired_edges);
  raise_to(dropped_, counts.dropped_spans);
  for (auto& store : stores_)
    if (auto status = store->write_due(); !status)
      SL_LOG_WARN("service graph: {}", status.error().message);
}

}  // namespace sightline::pipeline
