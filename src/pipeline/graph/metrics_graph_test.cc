// Metrics through the graph: from receivers and connectors, through processors, to every exporter.
#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "net/compression.h"
#include "net/http_server.h"
#include "pipeline/graph/testing_graph.h"
#include "wire/prometheus/remote_write.h"

namespace sightline::pipeline {
namespace {

constexpr std::string_view kSpan =
    R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"service.instance.id","value":{"stringValue":"i1"}}]},"scopeSpans":[{"spans":[
  {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"buy","kind":2,"startTimeUnixNano":"1000000","endTimeUnixNano":"6000000","attributes":[{"key":"http.status_code","value":{"intValue":"200"}}]}]}]}]})";

constexpr std::string_view kMetrics =
    R"({"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"service.instance.id","value":{"stringValue":"i1"}},{"key":"host.name","value":{"stringValue":"h"}}]},"scopeMetrics":[{"scope":{"name":"lib"},"metrics":[
  {"name":"http.requests","unit":"1","description":"All of them","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"attributes":[{"key":"http.route","value":{"stringValue":"/"}}],"startTimeUnixNano":"1700000000000000000","timeUnixNano":"1800000000000000000","asInt":"5",
   "exemplars":[{"asDouble":1,"timeUnixNano":"1800000000000000000","traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}]}]}},
  {"name":"latency","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"1800000000000000000","count":"3","sum":2.5,"bucketCounts":["1","2"],"explicitBounds":[0.5]}]}},
  {"name":"size","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"1800000000000000000","count":"2","sum":3,"scale":0,"positive":{"offset":0,"bucketCounts":["2"]}}]}}]}]}]})";

// A receiver of remote write that keeps what comes.
class RemoteStore final : public wire::prometheus::WriteSink {
 public:
  RemoteStore() {
    router_.add("POST", "/write", [this](net::HttpRequest& request) { return take(request); },
                {.raw_body = true});
    server_ = net::HttpServer::listen({}, router_, pool_, telemetry_).value();
  }
  ~RemoteStore() override { server_->stop(std::chrono::seconds(1)); }
  std::string url() const { return "http://" + server_->local_address() + "/write"; }
  // Waits until a request was taken.
  std::string text() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return requests_ > 0; });
    return text_;
  }
  Status on_series(const wire::prometheus::WriteSeries& series) override {
    std::vector<model::LabelView> labels;
    EXPECT_TRUE(series.read_labels(labels));
    for (const auto& label : labels)
      ((text_ += label.name) += '=') += std::string(label.value) + " ";
    for (const auto& s : series.samples) text_ += std::to_string(s.value) + " ";
    for (const auto& h : series.histograms) text_ += "native " + std::to_string(h.histogram.count);
    for (const auto& e : series.exemplars)
      for (const auto& label : e.labels) (text_ += "# ") += label.value;
    if (series.has_metadata) text_ += " help " + series.metadata.help;
    text_ += "\n";
    return {};
  }
  Status on_metadata(std::string_view metric, const model::MetricMetadata& about) override {
    text_ += "metadata " + std::string(metric) + " " + about.help + "\n";
    return {};
  }
  int refuse = 0;  // so many requests first

 private:
  net::HttpResponse take(net::HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    if (refuse-- > 0) return net::HttpResponse::text(503, "later");
    const auto plain = net::snappy_decompress(request.body, 1 << 20);
    EXPECT_TRUE(plain);
    const bool second = request.headers.get("Content-Type").contains("v2");
    text_ += second ? "version 2\n" : "version 1\n";
    EXPECT_TRUE(second ? wire::prometheus::decode_write_request_2(*plain, *this)
                       : wire::prometheus::decode_write_request(*plain, *this));
    text_ += std::string(request.headers.get("X-Tenant")) + "\n";
    ++requests_;
    changed_.notify_all();
    return net::HttpResponse::text(204, "");
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  int requests_ = 0;
  WorkPool pool_{{.thread_count = 1}};
  Telemetry telemetry_;
  net::HttpRouter router_;
  std::unique_ptr<net::HttpServer> server_;
};

struct MetricsGraphTest : GraphFixture {
  void start(const std::string& yaml) {
    const auto started = build(yaml);
    ASSERT_TRUE(started) << started.error().message;
  }
};

TEST_F(MetricsGraphTest, ConnectorsAreFlushedToWhatSends) {
  start(R"(
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
connectors: {spanmetrics: {dimensions: [{name: http.status_code}], exemplars: {enabled: true}}}
exporters: {file: {path: )" +
        folder + R"(/metrics.json, flush_interval: 0s}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [spanmetrics]}, metrics: {receivers: [spanmetrics], exporters: [file]}}}
)");
  ASSERT_EQ(post("/v1/traces", kSpan), 200);
  graph->stop(std::chrono::seconds(5));  // flushes once more
  const std::string json = read("metrics.json");
  for (
      const char* part :
      {R"("name":"traces.span.metrics.calls","sum":{"aggregationTemporality":2,"isMonotonic":true)",
       R"("asInt":"1")", R"({"key":"http.status_code","value":{"intValue":"200"}})",
       R"("name":"traces.span.metrics.duration","unit":"ms")",
       R"("asDouble":5,"spanId":"b7ad6b7169203331","traceId":"0af7651916cd43dd8448eb211c80319c")",
       R"({"key":"service.instance.id","value":{"stringValue":"i1"}})",
       R"("scope":{"name":"spanmetricsconnector"})"})
    EXPECT_NE(json.find(part), std::string::npos) << part << "\n" << json;
}

TEST_F(MetricsGraphTest, MetricsAndTheirPointsAreCounted) {
  start(R"(
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
connectors:
  count:
    metrics: {long: {conditions: ['name == "latency"', 'unit == "1"']}}
    datapoints: {points: {attributes: [{key: http.route, default_value: none}, {key: host.name}]}}
  count/all:
exporters: {prometheus: {endpoint: "127.0.0.1:0"}}
service:
  pipelines:
    metrics: {receivers: [otlp], exporters: [count, count/all]}
    metrics/counts: {receivers: [count, count/all], exporters: [prometheus]}
)");
  for (int i = 0; i < 2; ++i) ASSERT_EQ(post("/v1/metrics", kMetrics), 200);
  const std::string text = exposition();
  for (const char* line :
       {R"(long_total{instance="i1",job="shop",)", R"(points_total{host_name="h",http_route="/",)",
        R"(points_total{host_name="h",http_route="none",)", "metric_count_total{"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  const auto value_of = [&](const std::string& series) {
    const size_t at = text.find(series);
    return at == std::string::npos ? "" : text.substr(text.find("} ", at) + 2, 2);
  };
  EXPECT_EQ(value_of("long_total{"), "4\n");
  EXPECT_EQ(value_of(R"(points_total{host_name="h",http_route="none")"), "4\n");
  EXPECT_EQ(value_of("metric_count_total{"), "6\n");
  EXPECT_EQ(value_of("metric_datapoint_count_total{"), "6\n");
}

// As the peer: the counts of each request at once, as deltas with the whole resource and the attributes' own types.
TEST_F(MetricsGraphTest, StrictCountsArePushedWithTheirRequest) {
  start(R"(
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
connectors:
  count:
    spans: {all: {attributes: [{key: http.status_code}, {key: retries, default_value: 0.5}]}}
    metrics: {every: {}}
    datapoints: {odd: {conditions: ['value_int + attributes["x"] == 1']}}
exporters: {file: {path: )" +
        folder + R"(/counts.json, flush_interval: 0s}}
service:
  compatibility: strict
  pipelines:
    traces: {receivers: [otlp], exporters: [count]}
    metrics: {receivers: [otlp], exporters: [count]}
    metrics/counts: {receivers: [count], exporters: [file]}
)");
  ASSERT_EQ(post("/v1/traces", kSpan), 200);
  EXPECT_NE(post("/v1/metrics", kMetrics), 200);  // a condition that cannot be evaluated
  graph->stop(std::chrono::seconds(5));
  const std::string json = read("counts.json");
  EXPECT_EQ(std::ranges::count(json, '\n'), 1) << json;
  for (
      const char* part :
      {R"({"key":"service.instance.id","value":{"stringValue":"i1"}})",
       R"("name":"all","sum":{"aggregationTemporality":1,"isMonotonic":true)",
       R"({"key":"http.status_code","value":{"intValue":"200"}},{"key":"retries","value":{"doubleValue":0.5}})",
       R"("startTimeUnixNano":"1000000","timeUnixNano":"6000000","asInt":"1")"})
    EXPECT_NE(json.find(part), std::string::npos) << part << "\n" << json;
}

// A point and its resource may have an attribute of one key: the resource's counts, as in the peer.
TEST_F(MetricsGraphTest, ResourceAttributesBecomeLabels) {
  for (const char* compatibility : {"strict", "own"}) {
    start(R"(
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters: {prometheus: {endpoint: "127.0.0.1:0", resource_to_telemetry_conversion: {enabled: true}}}
service: {compatibility: )" +
          std::string(compatibility) +
          R"(, pipelines: {metrics: {receivers: [otlp], exporters: [prometheus]}}}
)");
    std::string request(kMetrics);
    const std::string route = R"({"key":"http.route","value":{"stringValue":"/"}})";
    request.replace(request.find(route), route.size(),
                    R"({"key":"host.name","value":{"stringValue":"other"}})");
    ASSERT_EQ(post("/v1/metrics", request), 200);
    const std::string text = exposition();
    EXPECT_NE(text.find(R"(http_requests_total{host_name="h",)"), std::string::npos) << text;
    EXPECT_NE(text.find(R"(service_name="shop"} 5)"), std::string::npos) << text;
    graph->stop(std::chrono::seconds(5));
    graph.reset();
  }
}

TEST_F(MetricsGraphTest, FilesAreNamedAfterAnAttribute) {
  start(
      R"(
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters: {file: {path: )" +
      folder +
      R"(/out/*.json, flush_interval: 0s, group_by: {enabled: true, resource_attribute: service.name, max_open_files: 1}}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [file]}, metrics: {receivers: [otlp], exporters: [file]}}}
)");
  std::string other(kSpan);
  other.replace(other.find("shop"), 4, "../../cart");
  std::string nameless(kSpan);
  nameless.replace(nameless.find("service.name"), 12, "service.nami");
  for (const std::string& request : {std::string(kSpan), other, nameless, std::string(kSpan)})
    ASSERT_EQ(post("/v1/traces", request), 200);
  ASSERT_EQ(post("/v1/metrics", kMetrics), 200);
  graph->stop(std::chrono::seconds(5));
  const std::string shop = read("out/shop.json");
  EXPECT_EQ(std::ranges::count(shop, '\n'), 3) << shop;  // it was closed in between, and went on
  EXPECT_NE(shop.find("resourceMetrics"), std::string::npos);
  EXPECT_EQ(std::ranges::count(read("out/cart.json"), '\n'), 1);
  EXPECT_EQ(telemetry.counter_total("otelcol_exporter_sent_spans_total"), 3u);
}

TEST_F(MetricsGraphTest, ReceivedMetricsAreEditedAndShown) {
  start(R"(
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
processors:
  memory_limiter: {check_interval: 1s, limit_percentage: 90}
  attributes: {actions: [{key: env, value: test, action: insert}]}
  resource: {attributes: [{key: service.name, value: cart, action: update}]}
exporters:
  file: {path: )" +
        folder + R"(/metrics.json, flush_interval: 0s}
  prometheus: {endpoint: "127.0.0.1:0", enable_open_metrics: true, translation_strategy: NoUTF8EscapingWithSuffixes}
service: {pipelines: {metrics: {receivers: [otlp], processors: [memory_limiter, attributes, resource], exporters: [prometheus, file]}}}
)");
  ASSERT_EQ(post("/v1/metrics", kMetrics), 200);
  EXPECT_EQ(telemetry.counter_total("otelcol_receiver_accepted_metric_points_total"), 3u);
  EXPECT_NE(read("metrics.json").find(R"({"key":"env","value":{"stringValue":"test"}})"),
            std::string::npos);
  const std::string quoted =
      exposition("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8");
  EXPECT_NE(quoted.find(R"(# TYPE "http.requests" counter)"), std::string::npos) << quoted;
  EXPECT_NE(
      quoted.find(R"({"http.requests_total",env="test","http.route"="/",instance="i1",job="cart")"),
      std::string::npos)
      << quoted;
  EXPECT_NE(quoted.find("# {trace_id=\"0af7651916cd43dd8448eb211c80319c\""), std::string::npos);
  const std::string escaped = exposition("text/plain;version=0.0.4;escaping=values");
  EXPECT_NE(escaped.find("U__http_2e_requests_total{"), std::string::npos) << escaped;
  EXPECT_NE(escaped.find("U__http_2e_route=\"/\""), std::string::npos);
  EXPECT_NE(escaped.find("latency_seconds_bucket{env=\"test\""), std::string::npos);
}

// A delta histogram with more buckets than bounds allow is left out, and its stream goes on.
TEST_F(MetricsGraphTest, ADeltaThatCannotBeShownIsNotInTheSum) {
  start(R"(
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters: {prometheus: {endpoint: "127.0.0.1:0", without_scope_info: true}}
service: {pipelines: {metrics: {receivers: [otlp], exporters: [prometheus]}}}
)");
  const auto post_delta = [&](const std::string& second, const std::string& counts) {
    return post(
        "/v1/metrics",
        R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"h","histogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":"180000000)" +
            second + R"(000000000","count":"1","sum":1,"explicitBounds":[5],"bucketCounts":[)" +
            counts + "]}]}}]}]}]}");
  };
  ASSERT_EQ(post_delta("1", R"("1","0")"), 200);
  ASSERT_EQ(post_delta("2", R"("1","0","0")"), 200);
  ASSERT_EQ(post_delta("3", R"("1","0")"), 200);
  EXPECT_NE(exposition().find("h_count 2\n"), std::string::npos) << exposition();
}

// As in the peer: empty labels are there, a point whose keys collide is not, and target_info joins them.
TEST_F(MetricsGraphTest, StrictLabels) {
  start(R"(
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters: {prometheus: {endpoint: "127.0.0.1:0", without_scope_info: true}}
service: {compatibility: strict, pipelines: {metrics: {receivers: [otlp], exporters: [prometheus]}}}
)");
  const auto post_gauge = [&](std::string_view resource, std::string_view attributes) {
    const auto list = [](std::string_view pairs) {  // "a=1,b="
      std::string out;
      while (!pairs.empty()) {
        const std::string_view pair = pairs.substr(0, pairs.find(','));
        pairs.remove_prefix(std::min(pairs.size(), pair.size() + 1));
        out += (out.empty() ? R"({"key":")" : R"(,{"key":")") +
               std::string(pair.substr(0, pair.find('='))) + R"(","value":{"stringValue":")" +
               std::string(pair.substr(pair.find('=') + 1)) + R"("}})";
      }
      return out;
    };
    return post(
        "/v1/metrics",
        R"({"resourceMetrics":[{"resource":{"attributes":[)" + list(resource) +
            R"(]},"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[{"asInt":"1","timeUnixNano":"1800000000000000000","attributes":[)" +
            list(attributes) + R"(]}]}}]}]}]})");
  };
  ASSERT_EQ(post_gauge("service.name=shop,service.instance.id=i,a.b=1,a_b=2", "x=,y=1"), 200);
  ASSERT_EQ(post_gauge("service.name=", "z=1"), 200);
  ASSERT_EQ(post_gauge("service.name=hidden", "c.d=1,c_d=2"), 200);
  EXPECT_EQ(exposition(),
            "# HELP g \n# TYPE g gauge\ng{job=\"\",z=\"1\"} 1\n"
            "g{instance=\"i\",job=\"shop\",x=\"\",y=\"1\"} 1\n"
            "# HELP target_info Target metadata\n# TYPE target_info gauge\n"
            "target_info{a_b=\"1;2\",instance=\"i\",job=\"shop\"} 1\n");
}

TEST_F(MetricsGraphTest, RemoteWriteOfBothVersions) {
  for (const bool second : {false, true}) {
    RemoteStore store;
    store.refuse = 1;
    start(
        R"(
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters:
  prometheusremotewrite: {http: {endpoint: ")" +
        store.url() +
        R"(", headers: {X-Tenant: t1}}, external_labels: {region: eu}, send_metadata: true, protobuf_message: )" +
        (second ? "io.prometheus.write.v2.Request" : "prometheus.WriteRequest") +
        R"(, wal: {directory: )" + folder + R"(/wal}}
service: {pipelines: {metrics: {receivers: [otlp], exporters: [prometheusremotewrite]}}}
)");
    ASSERT_EQ(post("/v1/metrics", kMetrics), 200);
    const std::string text = store.text();
    for (const std::string& part :
         {std::string(second ? "version 2\n" : "version 1\n"), std::string("t1\n"),
          std::string("__name__=http_requests_total http_route=/ instance=i1 job=shop "
                      "otel_scope_name=lib region=eu 5.000000 # b7ad6b7169203331# "
                      "0af7651916cd43dd8448eb211c80319c"),
          std::string("__name__=latency_seconds_bucket instance=i1 job=shop le=0.5 "),
          std::string("__name__=target_info host_name=h instance=i1 job=shop region=eu 1.000000"),
          std::string("native 2.000000"),
          std::string(second ? " help All of them" : "metadata http_requests_total All of them")})
      EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    graph->stop(std::chrono::seconds(5));
    EXPECT_EQ(telemetry.counter_total("otelcol_exporter_sent_metric_points_total"),
              second ? 6u : 3u);
    EXPECT_TRUE(std::filesystem::is_empty(folder + "/wal"));
    graph.reset();
  }
}

TEST_F(MetricsGraphTest, AReceiverThatGivesNoMetricsIsRefused) {
  const auto parsed = config::parse_otelcol(
      "receivers: {zipkin: }\nexporters: {debug: }\nservice: {pipelines: {metrics: {receivers: "
      "[zipkin], exporters: [debug]}}}\n",
      "c.yaml", config::FixedEnvironment());
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().message.find("does not give metrics"), std::string::npos);
}

}  // namespace
}  // namespace sightline::pipeline
