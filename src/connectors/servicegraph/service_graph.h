#pragma once
// The service graph connector: a client's span and the server's span below it become one edge
// between two services. A pure state machine: it starts no thread and reads time from its clock alone.
//   Metrics    traces_service_graph_request_total, .._request_failed_total, .._request_server_seconds, .._request_client_seconds;
//              labels client, server, connection_type, failed, and client_x and server_x for each dimension x.
//   Edges      client and server, producer and consumer (messaging_system), client of a database (database, no
//              second span needed); one that waits longer than store_ttl becomes an edge to a virtual node.
//   Limits     store_max_items edges wait, further spans are counted as dropped; series_max series.
//   Threads    every function from any thread; one mutex.
//   Source     opentelemetry-collector-contrib, servicegraphconnector README.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/metric_family.h"
#include "model/span_batch.h"

namespace sightline::connectors::servicegraph {

struct ServiceGraphOptions {
  std::vector<double> buckets;  // seconds, ascending; empty: exponential histograms
  uint32_t exponential_max_size = 160;
  std::vector<std::string> dimensions;
  size_t store_max_items = 1000;
  std::chrono::nanoseconds store_ttl{std::chrono::seconds(2)};
  std::vector<std::string> peer_attributes;  // empty: no virtual nodes
  bool virtual_node_label = false;
  std::vector<std::string> database_attributes;
  std::chrono::nanoseconds timestamp_offset{0};  // points are dated that much earlier
  std::chrono::nanoseconds series_ttl{std::chrono::minutes(15)};
  size_t series_max = 100'000;
  // A span that ends before it starts lasts 584 years less the difference, as the peer's arithmetic has it.
  bool wraps_durations = false;
};

struct ServiceGraphCounts {
  uint64_t edges = 0;          // begun
  uint64_t expired_edges = 0;  // whose other side never came
  uint64_t dropped_spans = 0;  // no room to wait, or no room for a new series
};

class ServiceGraph {
 public:
  ServiceGraph(const Clock& clock, ServiceGraphOptions options);
  ~ServiceGraph();

  void consume(const model::SpanBatch& batch);
  // Ends what waited too long, and series that saw nothing for series_ttl.
  void expire();
  std::vector<model::MetricFamily> collect() const;
  ServiceGraphCounts counts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sightline::connectors::servicegraph
