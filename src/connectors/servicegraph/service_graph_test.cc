#include "connectors/servicegraph/service_graph.h"

#include <gtest/gtest.h>

#include <map>

namespace sightline::connectors::servicegraph {
namespace {

using model::SpanKind;

// A batch of one span of a service; text must outlive the batch.
struct OneSpan {
  std::string_view service = "shop";
  SpanKind kind = SpanKind::kClient;
  uint8_t id = 1;
  uint8_t parent = 0;
  uint64_t milliseconds = 10;
  model::StatusCode status = model::StatusCode::kUnset;
  std::vector<model::AttributeView> attributes;

  model::SpanBatch batch() const {
    model::SpanBatch made;
    made.attributes.push_back({"service.name", model::ValueView::of_string(service)});
    made.attributes.insert(made.attributes.end(), attributes.begin(), attributes.end());
    made.resources.push_back({.attributes = {0, 1}});
    made.scopes.push_back({});
    model::SpanView span;
    span.trace_id.bytes[15] = 7;
    span.span_id.bytes[7] = id;
    span.parent_span_id.bytes[7] = parent;
    span.kind = kind;
    span.status = status;
    span.start = {1'000'000'000};
    span.end = {1'000'000'000 + milliseconds * 1'000'000};
    span.attributes = {1, static_cast<uint32_t>(attributes.size())};
    made.spans.push_back(span);
    return made;
  }
};

struct ServiceGraphTest : ::testing::Test {
  ServiceGraphOptions options{.buckets = {0.005, 0.05},
                              .peer_attributes = {"peer.service"},
                              .database_attributes = {"db.name"}};
  ManualClock clock{TimestampNs{1'795'485'383'000'000'000}};

  static const model::MetricFamily* family(const std::vector<model::MetricFamily>& all,
                                           std::string_view name) {
    for (const auto& each : all)
      if (each.name == name) return &each;
    return nullptr;
  }
};

TEST_F(ServiceGraphTest, ClientAndServerBecomeOneEdge) {
  ServiceGraph graph(clock, options);
  graph.consume(
      OneSpan{.service = "web", .kind = SpanKind::kClient, .id = 1, .milliseconds = 30}.batch());
  EXPECT_TRUE(graph.collect().empty());
  graph.consume(OneSpan{.service = "db",
                        .kind = SpanKind::kServer,
                        .id = 2,
                        .parent = 1,
                        .milliseconds = 4,
                        .status = model::StatusCode::kError}
                    .batch());
  const auto all = graph.collect();
  ASSERT_EQ(all.size(), 4u);
  const auto* requests = family(all, "traces_service_graph_request");
  ASSERT_NE(requests, nullptr);
  EXPECT_EQ(requests->points.at(0).labels,
            model::make_labels({{"client", "web"},
                                {"failed", "true"},
                                {"otel_scope_name", "traces_service_graph"},
                                {"server", "db"}}));
  EXPECT_EQ(family(all, "traces_service_graph_request_failed")->points.at(0).value, 1);
  const auto& server = family(all, "traces_service_graph_request_server_seconds")->points.at(0);
  EXPECT_EQ(server.buckets.at(0).count, 1u);
  EXPECT_DOUBLE_EQ(server.sum, 0.004);
  EXPECT_EQ(
      family(all, "traces_service_graph_request_client_seconds")->points.at(0).buckets.at(0).count,
      0u);
}

TEST_F(ServiceGraphTest, KindsOfConnections) {
  options.dimensions = {"region"};
  ServiceGraph graph(clock, options);
  const auto text = [](std::string_view t) { return model::ValueView::of_string(t); };
  graph.consume(OneSpan{.kind = SpanKind::kClient,
                        .id = 1,
                        .attributes = {{"db.name", text("orders")}, {"region", text("eu")}}}
                    .batch());
  graph.consume(OneSpan{.kind = SpanKind::kProducer, .id = 2}.batch());
  graph.consume(
      OneSpan{.service = "mail", .kind = SpanKind::kConsumer, .id = 3, .parent = 2}.batch());
  graph.consume(
      OneSpan{.kind = SpanKind::kClient, .id = 4, .attributes = {{"peer.service", text("bank")}}}
          .batch());
  graph.consume(
      OneSpan{.service = "web", .kind = SpanKind::kServer, .id = 5}.batch());  // nobody above it
  graph.consume(OneSpan{.service = "web", .kind = SpanKind::kServer, .id = 6, .parent = 99}
                    .batch());  // its client is not seen
  clock.advance(std::chrono::seconds(3));
  graph.expire();
  std::map<std::string, std::string> seen;
  const auto all = graph.collect();
  for (const auto& point : family(all, "traces_service_graph_request")->points) {
    seen[std::string(point.labels.get("client")) + ">" + std::string(point.labels.get("server"))] =
        point.labels.get("connection_type");
    EXPECT_EQ(point.labels.get("client_region"),
              point.labels.get("server") == "orders" ? "eu" : "");
  }
  EXPECT_EQ(seen, (std::map<std::string, std::string>{{"shop>bank", "virtual_node"},
                                                      {"shop>mail", "messaging_system"},
                                                      {"shop>orders", "database"},
                                                      {"user>web", "virtual_node"}}));
  EXPECT_EQ(graph.counts().expired_edges, 3u);
}

TEST_F(ServiceGraphTest, WhatWaitsIsBoundedAndSeriesEnd) {
  options.store_max_items = 2;
  options.buckets.clear();
  ServiceGraph graph(clock, options);
  for (uint8_t id = 1; id <= 5; ++id)
    graph.consume(OneSpan{.kind = SpanKind::kClient, .id = id}.batch());
  EXPECT_EQ(graph.counts().dropped_spans, 3u);
  graph.consume(OneSpan{.service = "db", .kind = SpanKind::kServer, .id = 9, .parent = 1}.batch());
  const auto all = graph.collect();
  const auto& point = family(all, "traces_service_graph_request_server_seconds")->points.at(0);
  ASSERT_TRUE(point.native);
  EXPECT_EQ(point.native->count, 1);
  EXPECT_EQ(point.buckets.size(), 1u);
  clock.advance(std::chrono::minutes(16));
  graph.expire();
  graph.expire();
  EXPECT_EQ(graph.counts().expired_edges, 1u);
}

}  // namespace
}  // namespace sightline::connectors::servicegraph
