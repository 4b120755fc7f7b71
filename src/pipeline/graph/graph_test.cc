// Whole graphs, built from configurations, fed by OTLP/JSON over sockets.
#include "pipeline/graph/graph.h"

#include <condition_variable>
#include <mutex>

#include "net/http_server.h"
#include "pipeline/graph/testing_graph.h"
#include "wire/otlp/decode_traces.h"

namespace sightline::pipeline {
namespace {

using GraphTest = GraphFixture;

constexpr std::string_view kTwoSpans =
    R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[
  {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"keep","kind":2,"events":[{"name":"e"}]},
  {"traceId":"0af7651916cd43dd8448eb211c80319d","spanId":"b7ad6b7169203332","name":"healthz","kind":2}]}]}]})";

TEST_F(GraphTest, ConnectorsJoinPipelinesAndProcessorsActInOrder) {
  const auto started = build(R"(
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
processors:
  filter: {traces: {span: ['name == "healthz"']}}
  attributes: {actions: [{key: env, value: test, action: insert}]}
connectors: {forward: , count: , spanmetrics: {dimensions: [{name: env}]}}
exporters:
  file/all: {path: )" + folder +
                             R"(/all.json, flush_interval: 0s}
  file/some: {path: )" + folder +
                             R"(/some.json, flush_interval: 0s}
  prometheus: {endpoint: "127.0.0.1:0"}
  debug: {verbosity: detailed}
extensions: {health_check: {endpoint: "127.0.0.1:0", path: /health}}
service:
  extensions: [health_check]
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: 0}}}}]}}
  pipelines:
    traces/in: {receivers: [otlp], exporters: [file/all, forward]}
    traces/out: {receivers: [forward], processors: [filter, attributes], exporters: [file/some, spanmetrics, count]}
    metrics: {receivers: [spanmetrics, count], exporters: [prometheus, debug]}
)");
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(post("/v1/traces", kTwoSpans), 200);
  EXPECT_NE(read("all.json").find("healthz"), std::string::npos);
  EXPECT_NE(read("some.json").find("\"key\":\"env\",\"value\":{\"stringValue\":\"test\"}"),
            std::string::npos)
      << read("some.json");
  EXPECT_EQ(read("some.json").find("healthz"), std::string::npos);
  const std::string metrics = exposition();
  EXPECT_NE(metrics.find("traces_span_metrics_calls_total{"), std::string::npos);
  EXPECT_NE(metrics.find("env=\"test\""), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("trace_span_count_total{"), std::string::npos);
  EXPECT_NE(metrics.find("trace_span_event_count_total{"), std::string::npos);
  EXPECT_EQ(metrics.find("healthz"), std::string::npos);
  EXPECT_NE(get(address("health check") + "/health").find("Server available"), std::string::npos);
  EXPECT_NE(
      get(address("own metrics") + "/metrics")
          .find("otelcol_receiver_accepted_spans_total{receiver=\"otlp\",transport=\"http\"} 2"),
      std::string::npos);
}

TEST_F(GraphTest, OutputsAndFoldersAsTheyAreConfigured) {
  const auto started =
      build(R"(
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters:
  debug: {verbosity: detailed, use_internal_logger: false, output_paths: [)" +
            folder + "/one.txt, " + folder + R"(/two.txt]}
  file: {path: )" +
            folder +
            R"(/a/b/all.json, create_directory: true, directory_permissions: "0700"}
service: {pipelines: {traces: {receivers: [otlp], exporters: [debug, file]}}}
)");
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(post("/v1/traces", kTwoSpans), 200);
  graph->stop(std::chrono::seconds(5));
  graph.reset();
  EXPECT_NE(read("one.txt").find("Name           : healthz"), std::string::npos) << read("one.txt");
  EXPECT_EQ(read("one.txt"), read("two.txt"));
  EXPECT_NE(read("a/b/all.json").find("healthz"), std::string::npos);
  for (const char* made : {"/a", "/a/b"})
    EXPECT_EQ(std::filesystem::status(folder + made).permissions(),
              std::filesystem::perms::owner_all)
        << made;
  const auto unwritable = build(
      "receivers: {nop: }\nexporters: {debug: {use_internal_logger: false, output_paths: "
      "[/nonexistent/x]}}\nservice: {pipelines: {traces: {receivers: [nop], exporters: "
      "[debug]}}}\n");
  ASSERT_FALSE(unwritable);
  EXPECT_NE(unwritable.error().message.find("exporter debug: open /nonexistent/x"),
            std::string::npos);
}

// With a sampler on the only way to what keeps traces, no exemplar leads to a trace that is gone.
TEST_F(GraphTest, NoExemplarOfADroppedTrace) {
  const auto started = build(R"(
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
processors: {probabilistic_sampler: {sampling_percentage: 50}}
connectors: {spanmetrics: {exemplars: {enabled: true}}}
exporters:
  file: {path: )" + folder + R"(/kept.json, flush_interval: 0s}
  prometheus: {endpoint: "127.0.0.1:0", enable_open_metrics: true}
service:
  pipelines:
    traces/count: {receivers: [otlp], exporters: [spanmetrics]}
    traces/keep: {receivers: [otlp], processors: [probabilistic_sampler], exporters: [file]}
    metrics: {receivers: [spanmetrics], exporters: [prometheus]}
)");
  ASSERT_TRUE(started) << started.error().message;
  std::string spans;
  for (int i = 1; i <= 200; ++i) {
    char span[200];
    std::snprintf(span, sizeof span, R"(%s{"traceId":"%032x","spanId":"%016x","name":"n%d"})",
                  i > 1 ? "," : "", i * 7919, i, i);
    spans += span;
  }
  ASSERT_EQ(
      post(
          "/v1/traces",
          R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeSpans":[{"spans":[)" +
              spans + "]}]}]}"),
      200);
  const std::string metrics = exposition("application/openmetrics-text; version=1.0.0");
  const std::string kept = read("kept.json");
  size_t exemplars = 0;
  for (size_t at = 0; (at = metrics.find("trace_id=\"", at)) != std::string::npos; at += 10) {
    ++exemplars;
    EXPECT_NE(kept.find(metrics.substr(at + 10, 32)), std::string::npos);
  }
  EXPECT_GT(exemplars, 50u);
  EXPECT_LT(exemplars, 350u);
  size_t counted = 0;
  for (size_t at = 0; (at = metrics.find("calls_total{", at)) != std::string::npos; ++at) ++counted;
  EXPECT_EQ(counted, 200u);
}

TEST_F(GraphTest, SaysWhatCannotBeBuilt) {
  const auto of_metrics = build(R"(
receivers: {nop: }
processors: {groupbytrace: }
connectors: {count: }
exporters: {nop: }
service: {pipelines: {traces: {receivers: [nop], exporters: [count]}, metrics: {receivers: [count], processors: [groupbytrace], exporters: [nop]}}}
)");
  ASSERT_FALSE(of_metrics);
  EXPECT_NE(of_metrics.error().message.find("acts on spans only"), std::string::npos)
      << of_metrics.error().message;
  const auto unwritable = build(
      "receivers: {nop: }\nexporters: {file: {path: /nonexistent/x}}\nservice: {pipelines: "
      "{traces: {receivers: [nop], exporters: [file]}}}\n");
  ASSERT_FALSE(unwritable);
  EXPECT_NE(unwritable.error().message.find("/nonexistent/x"), std::string::npos);
  const auto no_such = build(
      "receivers: {otlp: {protocols: {http: {auth: {authenticator: basicauth}}}}}\nexporters: "
      "{nop: }\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n");
  ASSERT_FALSE(no_such);
  EXPECT_NE(no_such.error().message.find("no extension that service::extensions names"),
            std::string::npos)
      << no_such.error().message;
}

// Keeps the bodies that are posted to it.
struct Destination {
  Destination() {
    router.add("POST", "/v1/traces", [this](net::HttpRequest& request) {
      const std::lock_guard lock(mutex);
      bodies.push_back(std::move(request.body));
      changed.notify_all();
      return net::HttpResponse::text(200, "");
    });
    server = net::HttpServer::listen({}, router, pool, telemetry).value();
  }
  ~Destination() { server->stop(std::chrono::seconds(1)); }
  std::string first() {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(20), [&] { return !bodies.empty(); });
    return bodies.empty() ? "" : bodies.front();
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> bodies;  // guarded by mutex
  WorkPool pool{{.thread_count = 1}};
  Telemetry telemetry;
  net::HttpRouter router;
  std::unique_ptr<net::HttpServer> server;
};

// Between OTLP and OTLP nobody looks at spans: what a request holds that we know nothing of arrives, too.
TEST_F(GraphTest, RequestsThatNobodyReadsGoOnAsTheyCame) {
  Destination there;
  const auto started = build(R"(
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
processors: {batch: , memory_limiter: {check_interval: 1s, limit_percentage: 90}}
exporters: {otlphttp: {endpoint: "http://)" +
                             there.server->local_address() + R"(", compression: none}}
service: {pipelines: {traces: {receivers: [otlp], processors: [memory_limiter, batch], exporters: [otlphttp]}}}
)");
  ASSERT_TRUE(started) << started.error().message;
  const std::string request =
      wire::otlp::transcode_traces_json(kTwoSpans).value() + "\x9a\x06\x01x";
  net::HttpClientRequest post{
      .method = "POST", .url = address("OTLP HTTP") + "/v1/traces", .body = request};
  post.headers.set("Content-Type", "application/x-protobuf");
  EXPECT_EQ(net::HttpClient().send(post)->status, 200);
  EXPECT_EQ(there.first(), request);
  EXPECT_EQ(telemetry.counter_total("otelcol_receiver_accepted_spans_total"), 2u);
  EXPECT_EQ(telemetry.counter_total("otelcol_processor_accepted_spans_total"), 2u);
  EXPECT_EQ(graph->received().services.at(0).name, "shop");
  EXPECT_EQ(graph->received().services.at(0).spans_total, 2u);
  // A span that is no good is left out, and the sender hears of it.
  std::string bad(kTwoSpans);
  bad.replace(bad.find("b7ad6b7169203331"), 16, "0000000000000000");
  post.body = wire::otlp::transcode_traces_json(bad).value();
  const auto answer = net::HttpClient().send(post);
  EXPECT_EQ(answer->status, 200);
  EXPECT_NE(answer->body.find("span_id is not 8 bytes"), std::string::npos);
  EXPECT_EQ(telemetry.counter_total("otelcol_receiver_accepted_spans_total"), 3u);
  post.body = "no protobuf";
  EXPECT_EQ(net::HttpClient().send(post)->status, 400);
}

}  // namespace
}  // namespace sightline::pipeline
