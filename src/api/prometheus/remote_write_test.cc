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
    add_prometheus_routes(
        router_,
        {.engine = engine_, .store = store_.db(), .clock = store_.clock(), .version = "test"});
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
  net::HttpResponse post(const std::string& body,
                         const std::string& type = "application/x-protobuf") {
    net::HttpRequest request{
        .method = "POST", .path = "/api/v1/write", .body = net::snappy_compress(body)};
    request.headers.set("Content-Type", type);
    request.headers.set("Content-Encoding", "snappy");
    return router_.dispatch(request);
  }
  net::HttpResponse get(const std::string& path,
                        std::vector<std::pair<std::string, std::string>> params) {
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
  EXPECT_EQ(
      get("/api/v1/query", {{"query", "up"}, {"time", at_}}).body,
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"j"},"value":[)" +
          at_ + R"(,"1"]}]}})");
  EXPECT_EQ(
      get("/api/v1/query_exemplars", {{"query", "up"}, {"start", at_}, {"end", at_}}).body,
      R"({"status":"success","data":[{"seriesLabels":{"__name__":"up","job":"j"},"exemplars":[{"labels":{"traceID":"0af7651916cd43dd8448eb211c80319c",)"
      R"("trace_id":"0af7651916cd43dd8448eb211c80319c"},"value":"0.5","timestamp":)" +
          at_ + "}]}]}");
  EXPECT_EQ(get("/api/v1/labels", {}).body, R"({"status":"success","data":["__name__","job"]})");
  EXPECT_EQ(get("/api/v1/label/job/values", {}).body, R"({"status":"success","data":["j"]})");
}

TEST_F(RemoteWriteTest, BadDataIsNeverAskedForAgain) {
  EXPECT_EQ(post(request(tsdb::kTestStart, 1),
                 "application/x-protobuf;proto=io.prometheus.write.v3.Request")
                .status,
            415);
  EXPECT_EQ(post("\xff\xff\xff").status, 400);
  EXPECT_EQ(post(request(tsdb::kTestStart, 1)).status, 204);
  EXPECT_EQ(post(request(tsdb::kTestStart, 1)).status, 204);           // the same again
  EXPECT_EQ(post(request(tsdb::kTestStart, 2)).status, 400);           // another value at that time
  EXPECT_EQ(post(request(tsdb::kTestStart - 60'000, 2)).status, 400);  // out of order
  net::HttpRequest torn{.method = "POST", .path = "/api/v1/write", .body = "not snappy"};
  torn.headers.set("Content-Type", "application/x-protobuf");
  EXPECT_EQ(router_.dispatch(torn).status, 400);
}

// Remote write 2.0, its symbols gathered as series are added.
class Request2 {
 public:
  struct Sample {
    double value = 0;
    int64_t time = 0;
    int64_t start = 0;
  };
  uint32_t symbol(const std::string& text) {
    const auto at = std::find(symbols_.begin(), symbols_.end(), text);
    if (at != symbols_.end()) return static_cast<uint32_t>(at - symbols_.begin());
    symbols_.push_back(text);
    return static_cast<uint32_t>(symbols_.size() - 1);
  }
  std::vector<uint32_t> refs(const std::vector<std::string>& labels) {
    std::vector<uint32_t> out;
    for (const std::string& text : labels) out.push_back(symbol(text));
    return out;
  }
  protozero::pbf_writer series(std::string& body, const std::vector<std::string>& labels) {
    protozero::pbf_writer out(body);
    const auto numbers = refs(labels);
    out.add_packed_uint32(1, numbers.begin(), numbers.end());
    return out;
  }
  static void add_sample(protozero::pbf_writer& out, const Sample& s) {
    protozero::pbf_writer sample(out, 2);
    sample.add_double(1, s.value);
    sample.add_int64(2, s.time);
    if (s.start != 0) sample.add_int64(3, s.start);
  }
  void add(const std::string& body) { bodies_.push_back(body); }
  std::string bytes() const {
    std::string out;
    protozero::pbf_writer message(out);
    for (const std::string& symbol : symbols_) message.add_string(4, symbol);
    for (const std::string& body : bodies_) message.add_message(5, body);
    return out;
  }

 private:
  std::vector<std::string> symbols_{""};
  std::vector<std::string> bodies_;
};

constexpr auto kType2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

std::string written(const net::HttpResponse& response) {
  std::string out;
  for (const char* what : {"Samples", "Histograms", "Exemplars"})
    out += std::string(response.headers.get("X-Prometheus-Remote-Write-" + std::string(what) +
                                            "-Written")) +
           " ";
  return out;
}

TEST_F(RemoteWriteTest, Version2StoresWhatIsGoodAndSaysWhatIsBad) {
  Request2 request;
  std::string good;
  {
    auto series = request.series(good, {"__name__", "requests_total", "job", "j"});
    Request2::add_sample(series, {7, tsdb::kTestStart, tsdb::kTestStart - 1000});
    {
      protozero::pbf_writer exemplar(series, 4);
      const auto labels = request.refs({"trace_id", "0af7651916cd43dd8448eb211c80319c"});
      exemplar.add_packed_uint32(1, labels.begin(), labels.end());
      exemplar.add_double(2, 0.5);
      exemplar.add_int64(3, tsdb::kTestStart);
    }
    protozero::pbf_writer metadata(series, 5);
    metadata.add_enum(1, 1);
    metadata.add_uint32(3, request.symbol("Requests."));
  }
  request.add(good);
  std::string unsorted;
  {
    auto series = request.series(unsorted, {"job", "j", "__name__", "x"});
    Request2::add_sample(series, {1, tsdb::kTestStart});
  }
  request.add(unsorted);
  std::string empty;
  (void)request.series(empty, {"__name__", "empty"});
  request.add(empty);
  const auto response = post(request.bytes(), kType2);
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(written(response), "1 0 1 ");
  EXPECT_EQ(response.body,
            "invalid labels: __name__ is not in order\nTimeSeries must contain at least one sample "
            "or histogram for series empty\n");
  const auto requests = model::make_labels({{"__name__", "requests_total"}, {"job", "j"}});
  EXPECT_EQ(store_.read(requests).created, std::vector<int64_t>{tsdb::kTestStart - 1000});
  EXPECT_EQ(store_.exemplars(requests).size(), 1u);
  EXPECT_EQ((*store_.db().querier())->metadata({}).at("requests_total").help, "Requests.");
}

TEST_F(RemoteWriteTest, Version2NativeHistograms) {
  Request2 request;
  std::string body;
  {
    auto series = request.series(body, {"__name__", "h"});
    protozero::pbf_writer h(series, 3);
    h.add_uint64(1, 6);
    h.add_double(3, 1.5);
    h.add_sint32(4, 9);  // finer than any that is stored
    h.add_double(5, 0.001);
    h.add_uint64(6, 1);
    {
      protozero::pbf_writer span(h, 11);
      span.add_sint32(1, 1);
      span.add_uint32(2, 3);
    }
    const std::vector<int64_t> deltas = {2, -1, 1};  // 2, 1, 2
    h.add_packed_sint64(12, deltas.begin(), deltas.end());
    h.add_int64(15, tsdb::kTestStart);
  }
  request.add(body);
  const auto response = post(request.bytes(), kType2);
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(written(response), "0 1 0 ");
  const auto columns = store_.read(model::make_labels({{"__name__", "h"}}));
  ASSERT_EQ(columns.histograms.size(), 1u);
  const model::Histogram& h = *columns.histograms[0];
  EXPECT_EQ(h.schema, 8);
  EXPECT_EQ(h.positive_spans, (std::vector<model::BucketSpan>{{1, 2}}));
  EXPECT_EQ(h.positive_buckets, (std::vector<double>{3, 2}));
  EXPECT_EQ(h.zero_count, 1);
  EXPECT_EQ(h.count, 6);
}

TEST_F(RemoteWriteTest, Version2WithoutItsSymbolsIsRefused) {
  EXPECT_EQ(post("\x22\x01x", kType2).status, 400);
  const auto nothing = post("", kType2);
  EXPECT_EQ(nothing.status, 204);
  EXPECT_EQ(written(nothing), "0 0 0 ");
}

// Labels are read once and found by their bytes afterwards, also when the store forgot the series meanwhile.
TEST_F(RemoteWriteTest, SeriesThatLeftTheStoreAreFoundAgain) {
  ASSERT_EQ(post(request(tsdb::kTestStart, 1)).status, 204);
  ASSERT_EQ(post(request(tsdb::kTestStart + 15'000, 2)).status, 204);
  ASSERT_TRUE(store_.add(model::make_labels({{"__name__", "other"}}),
                         tsdb::kTestStart + 5 * tsdb::kHourMs, 1));
  ASSERT_TRUE(store_.db().flush());
  store_.db().maintain();
  ASSERT_EQ(post(request(tsdb::kTestStart + 5 * tsdb::kHourMs + 15'000, 3)).status, 204);
  EXPECT_EQ(store_.read(model::make_labels({{"__name__", "up"}, {"job", "j"}})).values,
            (std::vector<double>{1, 2, 3}));
}

TEST_F(RemoteWriteTest, FaultsOfQueriesAreThePeers) {
  EXPECT_EQ(
      get("/api/v1/query", {{"query", "sum("}}).body,
      R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis"})");
  EXPECT_EQ(
      get("/api/v1/query_range",
          {{"query", "up"}, {"start", "0"}, {"end", "1000000"}, {"step", "1"}})
          .body,
      R"x({"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"})x");
  EXPECT_EQ(get("/api/v1/query_exemplars",
                {{"query", "test"}, {"start", "1795485328000"}, {"end", "1795485329000"}})
                .body,
            R"({"status":"success","data":[]})");
  EXPECT_EQ(get("/-/ready", {}).body, "Prometheus Server is Ready.\n");
}

}  // namespace
}  // namespace sightline::api::prometheus
