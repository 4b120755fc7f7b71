#include "connectors/servicegraph/service_graph.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <list>
#include <map>
#include <mutex>
#include <optional>

#include "model/exponential_histogram.h"
#include "model/value_text.h"

namespace sightline::connectors::servicegraph {
namespace {

using model::SpanBatch;
using model::SpanKind;
using model::SpanView;

struct EdgeKey {
  TraceId trace;
  SpanId span;  // of the client; not valid: a server without a parent
  friend bool operator==(const EdgeKey&, const EdgeKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const EdgeKey& key) {
    return H::combine(std::move(h), TraceIdHash()(key.trace), SpanIdHash()(key.span));
  }
};

struct Edge {
  EdgeKey key;
  std::string connection;  // "", messaging_system, database, virtual_node
  std::string client, server;
  double client_seconds = 0, server_seconds = 0;
  bool failed = false;
  std::map<std::string, std::string> dimensions;  // client_x, server_x
  std::string peer;                               // what the client says of the other side
  std::string virtual_node;                       // client, server
  std::chrono::nanoseconds expires{0};
  bool is_complete() const { return !client.empty() && !server.empty(); }
};

struct Durations {
  std::vector<uint64_t> buckets;
  uint64_t count = 0;
  double sum = 0;
  std::unique_ptr<model::ExponentialHistogram> exponential;
};

struct GraphSeries {
  uint64_t requests = 0;
  uint64_t failed = 0;
  Durations client, server;
  std::chrono::nanoseconds last_seen{0};
};

std::string label_of(std::string_view name) {
  std::string out;
  for (const char c : name)
    out += std::isalnum(static_cast<unsigned char>(c)) || c == '_' ? c : '_';
  return out;
}

}  // namespace

struct ServiceGraph::State {
  State(const Clock& c, ServiceGraphOptions o)
      : clock(c), options(std::move(o)), started(c.now_ms()) {}

  std::optional<std::string> attribute(const SpanBatch& batch, const SpanView& span,
                                       std::string_view name, bool of_resource) const;
  void observe_client(const SpanBatch& batch, const SpanView& span, Edge& edge) const;
  void observe_server(const SpanBatch& batch, const SpanView& span, Edge& edge) const;
  void add_dimensions(const SpanBatch& batch, const SpanView& span, std::string_view side,
                      Edge& edge) const;
  double seconds(const SpanView& span) const {
    const uint64_t ns =
        options.wraps_durations ? span.end.value - span.start.value : span.duration_ns();
    return static_cast<double>(ns) / 1e9;
  }
  template <typename Observe>
  void upsert(const EdgeKey& key, Observe observe);
  void complete(const Edge& edge);
  void expire_edge(Edge& edge);
  void add(Durations& durations, double seconds) const;
  model::MetricPoint point(const model::Labels& labels, TimestampMs now) const;
  model::MetricPoint histogram(const model::Labels& labels, const Durations& durations,
                               TimestampMs now) const;

  const Clock& clock;
  const ServiceGraphOptions options;
  const TimestampMs started;
  mutable std::mutex mutex;
  // Guarded by mutex.
  std::list<Edge> waiting;  // oldest first
  absl::flat_hash_map<EdgeKey, std::list<Edge>::iterator> by_key;
  std::map<model::Labels, GraphSeries> series;
  ServiceGraphCounts counts;
};

std::optional<std::string> ServiceGraph::State::attribute(const SpanBatch& batch,
                                                          const SpanView& span,
                                                          std::string_view name,
                                                          bool of_resource) const {
  const model::ValueView* value =
      of_resource ? batch.find(batch.resource_of(span).attributes, name) : nullptr;
  if (value == nullptr) value = batch.find(span.attributes, name);
  if (value == nullptr) return std::nullopt;
  return model::value_text(*value);
}

void ServiceGraph::State::add_dimensions(const SpanBatch& batch, const SpanView& span,
                                         std::string_view side, Edge& edge) const {
  for (const std::string& name : options.dimensions)
    if (auto value = attribute(batch, span, name, true))
      edge.dimensions[std::string(side) + "_" + name] = std::move(*value);
}

void ServiceGraph::State::observe_client(const SpanBatch& batch, const SpanView& span,
                                         Edge& edge) const {
  edge.connection = span.kind == SpanKind::kProducer ? "messaging_system" : "";
  edge.client = batch.service_name(span);
  edge.client_seconds = seconds(span);
  edge.failed = edge.failed || span.status == model::StatusCode::kError;
  add_dimensions(batch, span, "client", edge);
  for (const std::string& name : options.peer_attributes) {
    if (auto value = attribute(batch, span, name, false)) {
      edge.peer = std::move(*value);
      break;
    }
  }
  for (const std::string& name : options.database_attributes) {
    auto value = attribute(batch, span, name, true);
    if (!value) continue;
    edge.connection = "database";
    edge.server = std::move(*value);
    edge.server_seconds = seconds(span);
    break;
  }
}

void ServiceGraph::State::observe_server(const SpanBatch& batch, const SpanView& span,
                                         Edge& edge) const {
  edge.connection = span.kind == SpanKind::kConsumer ? "messaging_system" : "";
  edge.server = batch.service_name(span);
  edge.server_seconds = seconds(span);
  edge.failed = edge.failed || span.status == model::StatusCode::kError;
  add_dimensions(batch, span, "server", edge);
}

template <typename Observe>
void ServiceGraph::State::upsert(const EdgeKey& key, Observe observe) {
  if (const auto known = by_key.find(key); known != by_key.end()) {
    observe(*known->second);
    if (!known->second->is_complete()) return;
    complete(*known->second);
    waiting.erase(known->second);
    by_key.erase(known);
    return;
  }
  Edge edge{.key = key, .expires = clock.monotonic() + options.store_ttl};
  observe(edge);
  if (edge.is_complete()) {
    ++counts.edges;
    return complete(edge);
  }
  if (waiting.size() >= options.store_max_items) {
    ++counts.dropped_spans;
    return;
  }
  ++counts.edges;
  by_key.emplace(key, waiting.insert(waiting.end(), std::move(edge)));
}

void ServiceGraph::State::add(Durations& durations, double seconds) const {
  ++durations.count;
  durations.sum += seconds;
  if (options.buckets.empty()) {
    if (!durations.exponential)
      durations.exponential =
          std::make_unique<model::ExponentialHistogram>(options.exponential_max_size);
    durations.exponential->add(seconds);
    return;
  }
  durations.buckets.resize(options.buckets.size() + 1);
  const auto place = std::lower_bound(options.buckets.begin(), options.buckets.end(), seconds) -
                     options.buckets.begin();
  ++durations.buckets[static_cast<size_t>(place)];
}

void ServiceGraph::State::complete(const Edge& edge) {
  model::LabelsBuilder labels;
  labels.set("client", edge.client)
      .set("server", edge.server)
      .set("connection_type", edge.connection);
  labels.set("failed", edge.failed ? "true" : "false");
  for (const auto& [name, value] : edge.dimensions) labels.set(label_of(name), value);
  if (options.virtual_node_label) labels.set("virtual_node", edge.virtual_node);
  labels.set("otel_scope_name", "traces_service_graph");
  const model::Labels built = labels.build();
  auto found = series.find(built);
  if (found == series.end()) {
    if (series.size() >= options.series_max) {
      ++counts.dropped_spans;
      return;
    }
    found = series.emplace(built, GraphSeries{}).first;
  }
  GraphSeries& counted = found->second;
  ++counted.requests;
  if (edge.failed) ++counted.failed;
  add(counted.server, edge.server_seconds);
  add(counted.client, edge.client_seconds);
  counted.last_seen = clock.monotonic();
}

void ServiceGraph::State::expire_edge(Edge& edge) {
  ++counts.expired_edges;
  if (options.peer_attributes.empty()) return;
  edge.connection = "virtual_node";
  if (edge.client.empty() && !edge.key.span.is_valid()) {
    edge.client = "user";
    edge.virtual_node = "client";
    complete(edge);
  }
  if (edge.server.empty()) {
    edge.server = edge.peer.empty() ? "unknown" : edge.peer;
    edge.virtual_node = "server";
    complete(edge);
  }
}

ServiceGraph::ServiceGraph(const Clock& clock, ServiceGraphOptions options)
    : state_(std::make_unique<State>(clock, std::move(options))) {}
ServiceGraph::~ServiceGraph() = default;

void ServiceGraph::consume(const SpanBatch& batch) {
  State& s = *state_;
  const std::lock_guard lock(s.mutex);
  for (const SpanView& span : batch.spans) {
    if (batch.service_name(span).empty()) continue;
    if (span.kind == SpanKind::kClient || span.kind == SpanKind::kProducer)
      s.upsert({span.trace_id, span.span_id},
               [&](Edge& edge) { s.observe_client(batch, span, edge); });
    else if (span.kind == SpanKind::kServer || span.kind == SpanKind::kConsumer)
      s.upsert({span.trace_id, span.parent_span_id},
               [&](Edge& edge) { s.observe_server(batch, span, edge); });
  }
}

void ServiceGraph::expire() {
  State& s = *state_;
  const std::lock_guard lock(s.mutex);
  const auto now = s.clock.monotonic();
  while (!s.waiting.empty() && s.waiting.front().expires < now) {
    s.expire_edge(s.waiting.front());
    s.by_key.erase(s.waiting.front().key);
    s.waiting.pop_front();
  }
  std::erase_if(s.series, [&](const auto& entry) {
    return now - entry.second.last_seen > s.options.series_ttl;
  });
}

model::MetricPoint ServiceGraph::State::point(const model::Labels& labels, TimestampMs now) const {
  return {.labels = labels, .time = now, .created = started};
}

model::MetricPoint ServiceGraph::State::histogram(const model::Labels& labels,
                                                  const Durations& durations,
                                                  TimestampMs now) const {
  model::MetricPoint made = point(labels, now);
  uint64_t sum = 0;
  for (size_t i = 0; i < options.buckets.size(); ++i)
    made.buckets.push_back({.le = options.buckets[i],
                            .count = sum += durations.buckets.empty() ? 0 : durations.buckets[i]});
  made.buckets.push_back({.le = std::numeric_limits<double>::infinity(), .count = durations.count});
  made.count = durations.count;
  made.sum = durations.sum;
  if (durations.exponential)
    made.native = std::make_shared<const model::Histogram>(durations.exponential->to_native());
  return made;
}

std::vector<model::MetricFamily> ServiceGraph::collect() const {
  const State& s = *state_;
  const auto offset =
      std::chrono::duration_cast<std::chrono::milliseconds>(s.options.timestamp_offset).count();
  const TimestampMs now{s.clock.now_ms().value - offset};
  std::vector<std::string> empty = {"client", "connection_type", "otel_scope_schema_url",
                                    "otel_scope_version", "server"};
  if (s.options.virtual_node_label) empty.push_back("virtual_node");
  using model::MetricType;
  model::MetricFamily requests{.name = "traces_service_graph_request",
                               .metadata = {MetricType::kCounter, "", ""},
                               .empty_labels = empty};
  model::MetricFamily failed{.name = "traces_service_graph_request_failed",
                             .metadata = {MetricType::kCounter, "", ""},
                             .empty_labels = empty};
  model::MetricFamily server{.name = "traces_service_graph_request_server_seconds",
                             .metadata = {MetricType::kHistogram, "", ""},
                             .unit_suffix = "_seconds",
                             .empty_labels = empty};
  model::MetricFamily client{.name = "traces_service_graph_request_client_seconds",
                             .metadata = {MetricType::kHistogram, "", ""},
                             .unit_suffix = "_seconds",
                             .empty_labels = empty};
  {
    const std::lock_guard lock(s.mutex);
    for (const auto& [labels, counted] : s.series) {
      requests.points.push_back(s.point(labels, now));
      requests.points.back().value = static_cast<double>(counted.requests);
      if (counted.failed > 0) {
        failed.points.push_back(s.point(labels, now));
        failed.points.back().value = static_cast<double>(counted.failed);
      }
      server.points.push_back(s.histogram(labels, counted.server, now));
      client.points.push_back(s.histogram(labels, counted.client, now));
    }
  }
  std::vector<model::MetricFamily> families;
  for (model::MetricFamily* family : {&requests, &client, &failed, &server})
    if (!family->points.empty()) families.push_back(std::move(*family));
  std::sort(families.begin(), families.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return families;
}

ServiceGraphCounts ServiceGraph::counts() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts;
}

}  // namespace sightline::connectors::servicegraph
