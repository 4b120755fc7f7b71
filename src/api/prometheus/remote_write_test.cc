#include "api/prometheus/remote_write.h"

#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

#include "api/prometheus/prometheus_routes.h"
#include "net/compression.h"
#include "tsdb/testing_store.h"

namespace sightline::api::prometheus {
namespace {

class RemoteWriteTest : public testing::Test {
 protected:
  void SetUp() override {
    add_remote_write(router_, store_.db(), store_.telemetry());
    add_prometheus_routes(router_, {.engine = engine_, .store = store_.db(), .clock = store_.clock(), .version = "test"});
  }
  static void label(protozero::pbf_writer& out, std::string_view name, std::string_view value) {
    protozero::pbf_writer pair(out, 1);
    pair.add_bytes(1, name.data(), name.size());
    pair.add_bytes(2, value.data(), value.size());
  }
  // up{job="j"} with one sample and one exemplar.
  static std::string request(int64_t time, double value) {
    std::string out;
    {
      protozero::pbf_writer message(out);
      protozero::pbf_writer series(message, 1);
      label(series, "__name__", "up");
      label(series, "job", "j");
      {
        protozero::pbf_writer sample(series, 2);
        sample.add_double(1, value);
        sample.add_int64(2, time);
      }
      protozero::pbf_writer exemplar(series, 3);
      label(exemplar, "trace_id", "0af7651916cd43dd8448eb211c80319c");
      exemplar.add_double(2, 0.5);
      exemplar.add_int64(3, time);
    }
    return out;
  }
  net::HttpResponse post(const std::string& body, const std::string& type = "application/x-protobuf") {
    net::HttpRequest request{.method = "POST", .path = "/api/v1/write", .body = net::snappy_compress(body)};
    request.headers.set("Content-Type", type);
    request.headers.set("Content-Encoding", "snappy");
    return router_.dispatch(request);
  }
  net::HttpResponse get(const std::string& path, std::vector<std::pair<std::string, std::string>> params) {
    net::HttpRequest request{.method = "GET", .path = path};
    for (auto& [name, value] : params) request.params.add(name, value);
    return router_.dispatch(request);
  }

  tsdb::TestingStore store_{{.future_max_ms = 0}};
  promql::Engine engine_{store_.db(), store_.clock(), nullptr};
  net::HttpRouter router_;
  const std::string at_ = std::to_string(tsdb::kTestStart / 1000);
};

TEST_F(RemoteWriteTest, WhatIsWrittenCanBeAsked) {
  EXPECT_EQ(post(request(tsdb::kTestStart, 1)).status, 204);
  EXPECT_EQ(get("/api/v1/query", {{"query", "up"}, {"time", at_}}).body,
            R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"j"},"value":[)" + at_ + R"(,"1"]}]}})");
  EXPECT_EQ(get("/api/v1/query_exemplars", {{"query", "up"}, {"start", at_}, {"end", at_}}).body,
            R"({"status":"success","data":[{"seriesLabels":{"__name__":"up","job":"j"},"exemplars":[{"labels":{"traceID":"0af7651916cd43dd8448eb211c80319c",)"
            R"("trace_id":"0af7651916cd43dd8448eb211c80319c"},"value":"0.5","timestamp":)" + at_ + "}]}]}");
  EXPECT_EQ(get("/api/v1/labels", {}).body, R"({"status":"success","data":["__name__","job"]})");
  EXPECT_EQ(get("/api/v1/label/job/values", {}).body, R"({"status":"success","data":["j"]})");
}

TEST_F(RemoteWriteTest, BadDataIsNeverAskedForAgain) {
  EXPECT_EQ(post(request(tsdb::kTestStart, 1), "application/x-protobuf;proto=io.prometheus.write.v2.Request").status, 415);
  EXPECT_EQ(post("\xff\xff\xff").status, 400);
  EXPECT_EQ(post(request(tsdb::kTestStart, 1)).status, 204);
  EXPECT_EQ(post(request(tsdb::kTestStart, 1)).status, 204);           // the same again
  EXPECT_EQ(post(request(tsdb::kTestStart, 2)).status, 400);           // another value at that time
  EXPECT_EQ(post(request(tsdb::kTestStart - 60'000, 2)).status, 400);  // out of order
  net::HttpRequest torn{.method = "POST", .path = "/api/v1/write", .body = "not snappy"};
  torn.headers.set("Content-Type", "application/x-protobuf");
  EXPECT_EQ(router_.dispatch(torn).status, 400);
}

TEST_F(RemoteWriteTest, FaultsOfQueriesAreThePeers) {
  EXPECT_EQ(get("/api/v1/query", {{"query", "sum("}}).body,
            R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis"})");
  EXPECT_EQ(get("/api/v1/query_range", {{"query", "up"}, {"start", "0"}, {"end", "1000000"}, {"step", "1"}}).body,
            R"x({"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"})x");
  EXPECT_EQ(get("/api/v1/query_exemplars", {{"query", "test"}, {"start", "1795485328000"}, {"end", "1795485329000"}}).body, R"({"status":"success","data":[]})");
  EXPECT_EQ(get("/-/ready", {}).body, "Prometheus Server is Ready.\n");
}

}  // namespace
}  // namespace sightline::api::prometheus
