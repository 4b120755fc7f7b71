#pragma once
// What each connector besides spanmetrics can be told, with the collector's own defaults. Keys and
// meanings are those of the connectors' READMEs in opentelemetry-collector(-contrib), read against release 0.158.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/otelcol/otelcol_ottl.h"

namespace sightline::config {

// connectors: forward. Joins pipelines of one signal.
struct ForwardConfig {};

// connectors: servicegraph (service_graph)
struct ServiceGraphConfig {
  std::vector<std::chrono::nanoseconds> latency_histogram_buckets =
      default_buckets();  // empty: exponential
  int32_t exponential_histogram_max_size = 0;
  std::vector<std::string> dimensions;
  uint32_t store_max_items = 1000;
  std::chrono::nanoseconds store_ttl{std::chrono::seconds(2)};
  std::chrono::nanoseconds store_expiration_loop{std::chrono::seconds(2)};
  std::vector<std::string> virtual_node_peer_attributes = {"peer.service", "db.name", "db.system"};
  bool virtual_node_extra_label = false;
  std::vector<std::string> database_name_attributes = {"db.name"};
  // How often metrics are pushed to exporters that send them; the others show the state of the moment.
  std::chrono::nanoseconds metrics_flush_interval{std::chrono::seconds(60)};
  std::chrono::nanoseconds metrics_timestamp_offset{0};

  static std::vector<std::chrono::nanoseconds> default_buckets();
};

// connectors: count
struct CountConfig {
  using Default = std::variant<std::string, int64_t, double>;
  struct Attribute {
    std::string key;
    std::optional<Default> default_value;  // none: without the attribute an item is not counted
  };
  struct Metric {
    std::string name;
    std::string description;
    std::vector<OttlCondition> conditions;  // one of; none: everything
    std::vector<Attribute> attributes;
  };
  std::vector<Metric> spans = {{"trace.span.count", "The number of spans observed.", {}, {}}};
  std::vector<Metric> span_events = {
      {"trace.span.event.count", "The number of span events observed.", {}, {}}};
  std::vector<Metric> metrics = {
      {"metric.count", "The number of metrics observed.", {}, {}}};  // attributes: none
  std::vector<Metric> data_points = {
      {"metric.datapoint.count", "The number of data points observed.", {}, {}}};
};

}  // namespace sightline::config
