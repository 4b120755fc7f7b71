#include "api/prometheus/prometheus_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/prometheus/answer.h"
#include "api/prometheus/name_escaping.h"
#include "api/prometheus/query_json.h"
#include "base/number_text.h"
#include "net/compression.h"
#include "tsdb/testing_store.h"

namespace sightline::api::prometheus {
namespace {

using model::make_labels;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kGet = "GET";
constexpr std::string_view kPost = "POST";
using Fields = std::vector<std::pair<std::string, std::string>>;

class CountingJournal final : public QueryJournal {
 public:
  size_t begun(const QueryEvent& event) override {
    queries.emplace_back(event.query);
    return queries.size();
  }
  void ended(size_t ticket, const QueryEvent&, const promql::QueryStats* stats,
             const Error*) override {
    EXPECT_EQ(ticket, queries.size());
    succeeded += stats != nullptr;
  }
  std::vector<std::string> queries;
  int succeeded = 0;
};

class PrometheusRoutesTest : public testing::Test {
 protected:
  PrometheusApi api() {
    return {.engine = engine_,
            .store = store_.db(),
            .clock = store_.clock(),
            .version = "test",
            .external_labels = {{"site", "here"}},
            .journal = &journal_};
  }
  void serve(PrometheusApi api) { add_prometheus_routes(router_, std::move(api)); }
  net::HttpResponse ask(std::string_view method, const std::string& path, const Fields& params = {},
                        const Fields& headers = {}) {
    net::HttpRequest request{.method = std::string(method), .path = path};
    for (const auto& [name, value] : params) request.params.add(name, value);
    for (const auto& [name, value] : headers) request.headers.set(name, value);
    return router_.dispatch(request);
  }
  std::string body(const std::string& path, const Fields& params = {}) {
    return ask(kGet, path, params).take_whole_body();
  }
  void add(const model::Labels& labels, int64_t time, double value) {
    ASSERT_TRUE(store_.add(labels, time, value));
  }

  tsdb::TestingStore store_{{.future_max_ms = 0}};
  promql::Engine engine_{store_.db(), store_.clock(), nullptr};
  CountingJournal journal_;
  net::HttpRouter router_;
  const std::string at_ = std::to_string(tsdb::kTestStart / 1000);
};

TEST_F(PrometheusRoutesTest, ALargeMatrixIsTheSameInPieces) {
  WorkPool pool({.thread_count = 2});
  PrometheusApi with_pool = api();
  with_pool.pool = &pool;
  serve(with_pool);
  constexpr int kSeries = 400;
  for (int i = 0; i < kSeries; ++i)
    add(make_labels({{"__name__", "m"}, {"i", std::to_string(1000 + i)}}), tsdb::kTestStart,
        i / 3.0);
  const Fields params{{"query", "m"},
                      {"start", at_},
                      {"end", std::to_string(tsdb::kTestStart / 1000 + 240)},
                      {"step", "0.5"}};
  net::HttpResponse response = ask(kGet, "/api/v1/query_range", params);
  ASSERT_NE(response.rest, nullptr);  // more than kWholeAnswerBytesMax
  EXPECT_LT(response.body.size(), kWholeAnswerBytesMax * 4);
  const std::string whole = response.take_whole_body();
  std::string expected = R"({"status":"success","data":{"resultType":"matrix","result":[)";
  for (int i = 0; i < kSeries; ++i) {
    expected += (i > 0 ? "," : "") + std::string(R"({"metric":{"__name__":"m","i":")") +
                std::to_string(1000 + i) + R"("},"values":[)";
    for (int step = 0; step <= 480; ++step) {
      const std::string half = step % 2 == 1 ? ".500" : "";
      std::string value;
      append_text(value, format_float_json(i / 3.0));
      expected += (step > 0 ? ",[" : "[") + std::to_string(tsdb::kTestStart / 1000 + step / 2) +
                  half + "," + value + "]";
    }
    expected += "]}";
  }
  expected += "]}}";
  EXPECT_TRUE(whole == expected) << whole.size() << " and not " << expected.size() << " bytes";
}

TEST_F(PrometheusRoutesTest, NumbersAreThePeers) {
  serve(api());
  const double values[] = {1,       0.1,
                           -0.0,    1e21,
                           1e-7,    123456789012345678.0,
                           1e6,     std::numeric_limits<double>::infinity(),
                           1.0 / 3, 5e-324};
  int64_t time = tsdb::kTestStart;
  for (const double value : values) add(make_labels({{"__name__", "n"}}), time += 1000, value);
  EXPECT_THAT(body("/api/v1/query", {{"query", "n[1m]"}, {"time", std::to_string(time / 1000)}}),
              HasSubstr(R"(,"1"],)"));
  const std::string range =
      body("/api/v1/query_range", {{"query", "n"},
                                   {"start", std::to_string(tsdb::kTestStart / 1000 + 1)},
                                   {"end", std::to_string(time / 1000)},
                                   {"step", "1"}});
  for (const std::string_view text : {R"("1"])", R"("0.1"])", R"("-0"])", R"("1e+21"])",
                                      R"("1e-07"])", R"("123456789012345680"])", R"("1000000"])",
                                      R"("+Inf"])", R"("0.3333333333333333"])", R"("5e-324"])"})
    EXPECT_THAT(range, HasSubstr(text));
  EXPECT_THAT(body("/api/v1/query", {{"query", "1e30"}, {"time", "-5.5"}}),
              HasSubstr(R"([-5.5,"1000000000000000000000000000000"])"));
}

TEST_F(PrometheusRoutesTest, LimitsCutAndSaySo) {
  serve(api());
  for (const char* job : {"a", "b", "c"})
    add(make_labels({{"__name__", "up"}, {"job", job}}), tsdb::kTestStart, 1);
  EXPECT_THAT(body("/api/v1/query", {{"query", "up"}, {"time", at_}, {"limit", "2"}}),
              EndsWith(R"(},"warnings":["results truncated due to limit"]})"));
  EXPECT_EQ(
      body("/api/v1/labels", {{"limit", "1"}}),
      R"({"status":"success","data":["__name__"],"warnings":["results truncated due to limit"]})");
  EXPECT_EQ(
      body("/api/v1/series", {{"match[]", "up"}, {"limit", "1"}}),
      R"({"status":"success","data":[{"__name__":"up","job":"a"}],"warnings":["results truncated due to limit"]})");
  EXPECT_THAT(body("/api/v1/query", {{"query", "up"}, {"time", at_}, {"limit", "3"}}),
              Not(HasSubstr("truncated")));
}

TEST_F(PrometheusRoutesTest, FaultsAreThePeers) {
  serve(api());
  const auto error = [&](const std::string& path, const Fields& params) {
    const std::string text = body(path, params);
    const size_t begin = text.find(R"("error":")");
    return begin == std::string::npos ? text : text.substr(begin + 8);
  };
  EXPECT_EQ(error("/api/v1/query", {{"query", "1"}, {"limit", "x"}, {"time", "y"}}),
            R"("invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax"})");
  EXPECT_EQ(error("/api/v1/query", {{"query", "1"}, {"timeout", "-1"}}),
            R"("invalid parameter \"timeout\": timeout must be positive, got -1s"})");
  EXPECT_EQ(
      error("/api/v1/query", {{"query", "up offset"}}),
      R"x("invalid parameter \"query\": 1:10: parse error: unexpected end of input in offset, expected number, duration, step(), or range()"})x");
  EXPECT_EQ(
      error("/api/v1/series", {{"match[]", "{}"}}),
      R"("invalid parameter \"match[]\": match[] must contain at least one non-empty matcher"})");
  EXPECT_EQ(error("/api/v1/labels", {{"match[]", "{}"}}),
            R"("match[] must contain at least one non-empty matcher"})");
  EXPECT_EQ(error("/api/v1/query_exemplars", {{"query", "up"}, {"start", "2"}, {"end", "1"}}),
            R"("end timestamp must not be before start timestamp"})");
  EXPECT_EQ(error("/api/v1/label/U__/values", {}), R"("invalid label name: \"\""})");
  EXPECT_EQ(error("/api/v1/rules", {{"type", "x"}}),
            R"("invalid parameter \"type\": not supported value \"x\""})");
  EXPECT_EQ(error("/api/v1/metadata", {{"limit", "x"}}), R"("limit must be a number"})");
  EXPECT_EQ(ask(kGet, "/api/v1/query_exemplars", {{"query", "1"}}).status, 204);
  EXPECT_EQ(
      body("/api/v1/query", {{"query", R"("<a>&")"}, {"time", "1"}}),
      R"({"status":"success","data":{"resultType":"string","result":[1,"\u003ca\u003e\u0026"]}})");
}

TEST_F(PrometheusRoutesTest, ExpressionsArePrintedAndTakenApart) {
  serve(api());
  EXPECT_EQ(body("/api/v1/format_query", {{"query", "sum(a)by(b)"}}),
            R"x({"status":"success","data":"sum by (b) (a)"})x");
  EXPECT_THAT(body("/api/v1/parse_query", {{"query", "a </ 1"}}), HasSubstr(R"("op":"\u003c/")"));
  EXPECT_THAT(body("/api/v1/features"), HasSubstr(R"("promql_operators":{"!=":true)"));
}

TEST_F(PrometheusRoutesTest, AQueryThatWaitedTooLongIsToldSo) {
  serve(api());
  net::HttpRequest request{
      .method = "GET", .path = "/api/v1/query", .queued = std::chrono::seconds(3)};
  request.params.add("query", "1");
  request.params.add("timeout", "2s");
  const net::HttpResponse response = router_.dispatch(request);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body,
            R"({"status":"error","errorType":"timeout","error":"query timed out in query queue"})");
}

TEST_F(PrometheusRoutesTest, TheJournalHearsOfEveryQuery) {
  serve(api());
  body("/api/v1/query", {{"query", "1"}});
  body("/api/v1/query_range", {{"query", "sum("}, {"start", "1"}, {"end", "2"}, {"step", "1"}});
  body("/api/v1/query", {{"query", "1"}, {"limit", "x"}});  // never ran
  EXPECT_EQ(journal_.queries, (std::vector<std::string>{"1", "sum("}));
  EXPECT_EQ(journal_.succeeded, 1);
}

TEST_F(PrometheusRoutesTest, StatisticsAreShownWhenAsked) {
  serve(api());
  EXPECT_THAT(body("/api/v1/query", {{"query", "1"}, {"stats", "all"}}),
              HasSubstr(R"("stats":{"timings":{"evalTotalTime":)"));
  EXPECT_THAT(body("/api/v1/query", {{"query", "1"}, {"stats", "yes"}}),
              HasSubstr("is deprecated"));
}

TEST_F(PrometheusRoutesTest, OtherOriginsMayReadWhenAllowed) {
  PrometheusApi own = api();
  own.cors_origin = "https?://(a|b)\\.example";
  serve(own);
  const auto allowed =
      ask(kGet, "/api/v1/query", {{"query", "1"}}, {{"Origin", "http://a.example"}});
  EXPECT_EQ(allowed.headers.get("Access-Control-Allow-Origin"), "http://a.example");
  const auto other =
      ask(kGet, "/api/v1/query", {{"query", "1"}}, {{"Origin", "http://a.example.org"}});
  EXPECT_EQ(other.headers.get("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(ask("OPTIONS", "/api/v1/query", {}, {{"Origin", "http://b.example"}}).status, 204);
  const auto wrong = ask("DELETE", "/api/v1/label/job/values");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.get("Allow"), "GET, OPTIONS");
}

TEST_F(PrometheusRoutesTest, AdminNeedsItsFlagAndAStoreThatCan) {
  std::vector<std::string> done;
  PrometheusApi own = api();
  own.admin.delete_series = [&](std::span<const tsdb::Matcher> matchers,
                                tsdb::TimeRange range) -> Status {
    done.push_back("delete " + matchers[0].value() + " to " + std::to_string(range.max.value));
    return {};
  };
  own.admin.snapshot = [&](bool skip_head) -> Result<std::string> {
    return skip_head ? "short" : "whole";
  };
  serve(own);
  EXPECT_EQ(ask(kPost, "/api/v1/admin/tsdb/snapshot").body,
            R"({"status":"error","errorType":"unavailable","error":"admin APIs disabled"})");
  own.admin_enabled = true;
  router_ = {};
  serve(own);
  EXPECT_EQ(ask(kPost, "/api/v1/admin/tsdb/snapshot", {{"skip_head", "true"}}).body,
            R"({"status":"success","data":{"name":"short"}})");
  EXPECT_EQ(ask(kPost, "/api/v1/admin/tsdb/snapshot", {{"skip_head", "maybe"}}).status, 400);
  EXPECT_EQ(
      ask("PUT", "/api/v1/admin/tsdb/delete_series", {{"match[]", "up"}, {"end", "5"}}).status,
      204);
  EXPECT_EQ(done, std::vector<std::string>{"delete up to 5000"});
  EXPECT_EQ(ask(kPost, "/api/v1/admin/tsdb/delete_series").status, 400);
  EXPECT_EQ(ask(kPost, "/api/v1/admin/tsdb/clean_tombstones").status, 500);  // this store has none
  EXPECT_EQ(ask(kGet, "/api/v1/admin/tsdb/snapshot").status, 405);
}

TEST_F(PrometheusRoutesTest, LifecycleNeedsItsFlag) {
  bool asked = false;
  PrometheusApi own = api();
  own.quit = [&] { asked = true; };
  serve(own);
  EXPECT_EQ(ask(kPost, "/-/quit").status, 403);
  EXPECT_EQ(ask(kGet, "/-/reload").body, "Only POST or PUT requests allowed");
  own.lifecycle_enabled = true;
  router_ = {};
  serve(own);
  EXPECT_FALSE(asked);
  EXPECT_EQ(ask(kPost, "/-/quit").status, 200);
  EXPECT_TRUE(asked);
  EXPECT_EQ(ask(kPost, "/-/reload").status, 500);
}

TEST_F(PrometheusRoutesTest, FederationShowsTheNewestSample) {
  serve(api());
  store_.clock().set_wall({static_cast<uint64_t>(tsdb::kTestStart + 60'000) * 1'000'000});
  add(make_labels({{"__name__", "a.b"}, {"x", "q\"\n"}}), tsdb::kTestStart, 2.5);
  add(make_labels({{"__name__", "up"}, {"instance", "i"}}), tsdb::kTestStart, 0);
  add(make_labels({{"__name__", "up"}, {"instance", "i"}}), tsdb::kTestStart + 1000, 1e7);
  add(make_labels({{"__name__", "gone"}}), tsdb::kTestStart, 1);
  add(make_labels({{"__name__", "gone"}}), tsdb::kTestStart + 1, model::stale_marker());
  const std::string first = std::to_string(tsdb::kTestStart);
  const std::string second = std::to_string(tsdb::kTestStart + 1000);
  EXPECT_EQ(body("/federate", {{"match[]", "{}"}}),
            "# TYPE a_b untyped\na_b{x=\"q\\\"\\n\",instance=\"\",site=\"here\"} 2.5 " + first +
                "\n# TYPE up untyped\nup{instance=\"i\",site=\"here\"} 1e+07 " + second + "\n");
  const auto utf8 = ask(kGet, "/federate", {{"match[]", "{\"a.b\"}"}},
                        {{"Accept", "text/plain;version=1.0.0;escaping=allow-utf-8"}});
  EXPECT_THAT(utf8.body, HasSubstr("{\"a.b\",x="));
  EXPECT_EQ(body("/federate"), "");
  EXPECT_EQ(ask(kGet, "/federate", {{"match[]", "up{"}}).status, 400);
}

// Two instances of a histogram with an exemplar a minute in one bucket each, and a series that no query below reads.
class ExpressionExemplarsTest : public PrometheusRoutesTest {
 protected:
  void SetUp() override {
    PrometheusApi own = api();
    own.exemplar_trace_id_alias = false;
    serve(own);
    for (int minute = 0; minute <= 10; ++minute) {
      const int64_t time = tsdb::kTestStart + minute * 60'000;
      for (const auto& [instance, hundredths] : {std::pair("a", 20), std::pair("b", 70)}) {
        for (const std::string le : {"0.5", "1.0", "+Inf"}) {
          const auto labels =
              make_labels({{"__name__", "d_bucket"}, {"instance", instance}, {"le", le}});
          const bool counts = le != "0.5" || hundredths < 50;
          add(labels, time, counts ? minute * 10 : 0);
          if (le == (hundredths < 50 ? "0.5" : "1.0") && minute > 0) {
            ASSERT_TRUE(
                store_.add_exemplar(labels, {.labels = make_labels({{"n", std::to_string(minute)}}),
                                             .value = (hundredths + minute) / 100.0,
                                             .time = {time - 1}}));
          }
        }
      }
      const auto other = make_labels({{"__name__", "other"}});
      add(other, time, 1);
      if (minute > 0) {
        ASSERT_TRUE(store_.add_exemplar(
            other, {.labels = make_labels({{"n", "other"}}), .value = 9, .time = {time - 1}}));
      }
    }
  }
  std::string exemplars(const std::string& query, Fields more = {}) {
    Fields params{{"query", query},
                  {"match", "expression"},
                  {"start", at_},
                  {"end", std::to_string(tsdb::kTestStart / 1000 + 600)},
                  {"step", "60"}};
    params.insert(params.end(), more.begin(), more.end());
    return body("/api/v1/query_exemplars", params);
  }
  static size_t count(const std::string& text) {
    size_t n = 0;
    for (size_t at = 0; (at = text.find(R"({"labels":)", at)) != std::string::npos; ++at) ++n;
    return n;
  }
};

TEST_F(ExpressionExemplarsTest, AreUnderTheLabelsOfWhatTheyFed) {
  const std::string by_instance = exemplars("sum by (instance) (rate(d_bucket[2m]))");
  EXPECT_THAT(
      by_instance,
      StartsWith(
          R"({"status":"success","data":[{"seriesLabels":{"instance":"a"},"exemplars":[{"labels":{"n":"1"},"value":"0.21","timestamp":)"));
  EXPECT_THAT(
      by_instance,
      HasSubstr(
          R"({"seriesLabels":{"instance":"b"},"exemplars":[{"labels":{"n":"1"},"value":"0.71","timestamp":)"));
  EXPECT_THAT(by_instance, EndsWith(R"(],"omitted":0})"));
  EXPECT_EQ(count(by_instance), 20u);
  // The comparison drops one side, and with it what fed it; the plain form would answer all three metrics.
  const std::string filtered =
      exemplars("sum(rate(d_bucket{instance=\"a\"}[2m])) and on () (sum(other) > 100)");
  EXPECT_EQ(filtered, R"({"status":"success","data":[],"omitted":0})");
  EXPECT_THAT(
      body("/api/v1/query_exemplars", {{"query", "sum(d_bucket) and on () (sum(other) > 100)"}}),
      HasSubstr(R"("n":"other")"));
}

TEST_F(ExpressionExemplarsTest, LimitsSayWhatTheyLeftOut) {
  const std::string four = exemplars("sum by (instance) (rate(d_bucket[2m]))",
                                     {{"limit", "4"}, {"strategy", "extreme"}});
  EXPECT_EQ(count(four), 4u);
  EXPECT_THAT(four, EndsWith(R"(],"omitted":16})"));
  for (const std::string_view value :
       {R"("value":"0.29")", R"("value":"0.3")", R"("value":"0.79")", R"("value":"0.8")"})
    EXPECT_THAT(four, HasSubstr(value));
  const std::string some =
      exemplars("sum(rate(d_bucket[2m]))", {{"min_value", "0.25"}, {"max_value", "0.3"}});
  EXPECT_EQ(count(some), 6u);
  EXPECT_THAT(some, EndsWith(R"(],"omitted":0})"));
}

TEST_F(ExpressionExemplarsTest, TheTypicalOfAQuantileIsNearestToIt) {
  // Both instances count alike, so that the 0.99 quantile lies at the end of (0.5, 1].
  const std::string high = exemplars("histogram_quantile(0.99, sum by (le) (rate(d_bucket[2m])))",
                                     {{"limit", "1"}, {"strategy", "typical"}});
  EXPECT_THAT(high, HasSubstr(R"("value":"0.8")"));
  const std::string low = exemplars("histogram_quantile(0.1, sum by (le) (rate(d_bucket[2m])))",
                                    {{"limit", "1"}, {"strategy", "typical"}});
  EXPECT_THAT(low, HasSubstr(R"("value":"0.21")"));
}

TEST_F(ExpressionExemplarsTest, AnOffsetShowsWhatFedIt) {
  const std::string shifted = exemplars("sum(rate(d_bucket{instance=\"a\"}[2m] offset 5m))");
  EXPECT_EQ(count(shifted), 5u);  // of the first five minutes, which the last five steps read
  const std::string at = exemplars("sum(rate(d_bucket{instance=\"a\"}[2m] @ " +
                                   std::to_string(tsdb::kTestStart / 1000 + 240) + "))");
  EXPECT_EQ(count(at), 2u);
}

TEST_F(ExpressionExemplarsTest, FaultsNameTheParameter) {
  EXPECT_THAT(exemplars("up", {{"strategy", "best"}}),
              HasSubstr(R"(invalid parameter \"strategy\": not supported value \"best\")"));
  EXPECT_THAT(exemplars("up", {{"min_value", "x"}}),
              HasSubstr(R"(invalid parameter \"min_value\")"));
  EXPECT_THAT(exemplars("sum(", {}), HasSubstr(R"(invalid parameter \"query\": 1:5: parse error)"));
  EXPECT_THAT(body("/api/v1/query_exemplars", {{"query", "up"}, {"match", "all"}}),
              HasSubstr(R"(invalid parameter \"match\")"));
  EXPECT_THAT(body("/api/v1/query_exemplars", {{"query", "up"}, {"match", "expression"}}),
              HasSubstr(R"(invalid parameter \"start\")"));
  EXPECT_EQ(exemplars("vector(1)"), R"({"status":"success","data":[],"omitted":0})");
}

TEST(NameEscapingTest, FollowsTheSchemes) {
  EXPECT_EQ(escape_name("mysystem.prod.west.cpu.load", NameEscaping::kUnderscores),
            "mysystem_prod_west_cpu_load");
  EXPECT_EQ(escape_name("mysystem.prod_west", NameEscaping::kDots), "mysystem_dot_prod__west");
  EXPECT_EQ(escape_name("http.status:sum_x", NameEscaping::kValues), "U__http_2e_status:sum__x");
  EXPECT_EQ(escape_name("ü", NameEscaping::kValues), "U___fc_");
  EXPECT_EQ(escape_name("1a", NameEscaping::kUnderscores), "_a");
  EXPECT_EQ(escape_name("plain_name", NameEscaping::kValues), "plain_name");
}

}  // namespace
}  // namespace sightline::api::prometheus
