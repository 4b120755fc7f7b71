#pragma once
// Tests of whole graphs: built from a configuration, fed by OTLP/JSON over a socket, in a folder of their own.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "config/yaml/environment.h"
#include "net/http_client.h"
#include "pipeline/graph/graph.h"

namespace sightline::pipeline {

struct GraphFixture : ::testing::Test {
  void SetUp() override {
    char pattern[] = "/tmp/sightline_graph_XXXXXX";
    folder = mkdtemp(pattern);
  }
  void TearDown() override {
    if (graph) graph->stop(std::chrono::seconds(5));
    graph.reset();
    std::filesystem::remove_all(folder);
  }
  // From a configuration to listening sockets.
  Status build(const std::string& yaml) {
    auto parsed = config::parse_otelcol(yaml, "c.yaml", config::FixedEnvironment());
    if (!parsed) return std::unexpected(parsed.error());
    config = std::move(*parsed);
    auto made = Graph::build(config, {.clock = clock,
                                      .telemetry = telemetry,
                                      .pool = pool,
                                      .io_threads = std::make_shared<net::IoThreads>(1)});
    if (!made) return std::unexpected(made.error());
    graph = std::move(*made);
    return graph->start();
  }
  std::string address(std::string_view name) const {
    for (const OpenListener& listener : graph->listeners())
      if (listener.name == name) return "http://" + listener.address;
    return "http://nowhere:1";
  }
  // The status of the answer; 0: there was none.
  int post(std::string_view path, std::string_view json) const {
    net::HttpClientRequest request{.method = "POST",
                                   .url = address("OTLP HTTP") + std::string(path),
                                   .body = std::string(json)};
    request.headers.set("Content-Type", "application/json");
    const auto answer = net::HttpClient().send(request);
    return answer ? answer->status : 0;
  }
  static std::string get(const std::string& url, const std::string& accept = "*/*") {
    net::HttpClientRequest request{.url = url};
    request.headers.set("Accept", accept);
    const auto answer = net::HttpClient().send(request);
    return answer ? answer->body : answer.error().message;
  }
  std::string exposition(const std::string& accept = "text/plain") const {
    return get(address("metrics for scraping") + "/metrics", accept);
  }
  std::string read(const std::string& name) const {
    std::ifstream in(folder + "/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string folder;
  SystemClock clock;
  Telemetry telemetry;
  WorkPool pool{{.thread_count = 2}};
  config::OtelcolConfig config;
  std::unique_ptr<Graph> graph;
};

}  // namespace sightline::pipeline
