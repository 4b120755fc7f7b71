#include "server/query_command.h"

#include <gtest/gtest.h>

#include "server/command_line.h"
#include "wire/otlp/decode_traces.h"
#include "wire/otlp/encode_traces.h"

namespace sightline::server {
namespace {

TEST(TextTable, AlignsByCells) {
  EXPECT_EQ(text_table({{"NAME"}, {"N", Align::kRight}, {"LAST"}},
                       {{"naïve", "5", "x"}, {"a\nb", "500", "y"}}, {}),
            "NAME     N  LAST\n"
            "naïve    5  x\n"
            "a b    500  y\n");
  EXPECT_EQ(text_table({{"NAME"}, {"N"}}, {{"名前", "5"}, {"e\u0301", "6"}}, {}),
            "NAME  N\n"
            "名前  5\n"
            "e\u0301     6\n");
  EXPECT_TRUE(text_table({{"A"}}, {}, {.colour = true}).starts_with("\x1b[1mA\x1b[0m"));
}

TEST(TextTable, FitsTheTerminal) {
  const std::vector<TextColumn> columns = {
      {"ID"}, {.title = "NAME", .cut = Cut::kEnd}, {"N", Align::kRight}};
  const std::vector<std::vector<std::string>> rows = {{"0123456789", "a name that is long", "5"},
                                                      {"1", "名前名前名前名前", "50"}};
  EXPECT_EQ(text_table(columns, rows, {.columns = 25, .is_terminal = true}),
            "ID          NAME        N\n"
            "0123456789  a name t…   5\n"
            "1           名前名前…  50\n");
  EXPECT_TRUE(text_table(columns, rows, {.columns = 25}).contains("a name that is long"));
  EXPECT_EQ(text_table({{.title = "SERIES", .cut = Cut::kMiddle}}, {{"{a=名前名前, p=0.5}"}},
                       {.columns = 12, .is_terminal = true}),
            "SERIES\n{a=名…p=0.5}\n");
  // An id is never cut.
  EXPECT_TRUE(
      text_table(columns, rows, {.columns = 10, .is_terminal = true}).contains("0123456789"));
}

TEST(Sparkline, RunsFromZeroToItsLargest) {
  EXPECT_EQ(sparkline(std::vector<double>{0, 1, 2, 4}), "▁▃▅█");
  EXPECT_EQ(sparkline(std::vector<double>{0, 0}), "▁▁");
  EXPECT_EQ(sparkline(std::vector<double>{1, NAN, 1}), "█ █");
  EXPECT_EQ(sparkline({}), "");
}

std::shared_ptr<const model::SpanBatch> shop_trace() {
  auto batch = std::make_shared<model::SpanBatch>();
  batch->attributes.push_back({"service.name", model::ValueView::of_string("shop")});
  batch->resources.push_back({.attributes = {0, 1}});
  batch->scopes.push_back({});
  const auto span = [&](uint8_t id, uint8_t parent, std::string_view name, uint64_t start_ms,
                        uint64_t end_ms) {
    model::SpanView s;
    s.trace_id.bytes[15] = 1;
    s.span_id.bytes[7] = id;
    s.parent_span_id.bytes[7] = parent;
    s.name = name;
    s.start = {start_ms * 1'000'000};
    s.end = {end_ms * 1'000'000};
    batch->spans.push_back(s);
  };
  span(1, 0, "GET /", 1000, 1100);
  span(2, 1, "query", 1010, 1060);
  span(3, 2, "read", 1020, 1030);
  span(4, 1, "render", 1060, 1100);
  span(5, 9, "late", 1090, 1100);
  batch->spans[1].status = model::StatusCode::kError;
  batch->spans[1].status_message = "no\x1b[2Jrows";
  return batch;
}

TEST(Waterfall, ShowsATreeWithBars) {
  const std::string text = waterfall(shop_trace(), {.columns = 60});
  EXPECT_EQ(text,
            "trace 00000000000000000000000000000001  100ms  5 spans  1 service  1 error  "
            "1970-01-01T00:00:01Z\n"
            "shop: GET /        100ms  ████████████████████████████████\n"
            "├ shop: query  !    50ms     ████████████████▏\n"
            "    no [2Jrows\n"
            "│ └ shop: read      10ms        ███▌\n"
            "└ shop: render      40ms                     █████████████\n"
            "? shop: late        10ms                              ████\n")
      << text;
  EXPECT_FALSE(text.contains('\x1b'));
  EXPECT_TRUE(waterfall(shop_trace(), {.colour = true, .columns = 60}).contains("\x1b[31m"));
}

TEST(QueryText, OfASearch) {
  const auto text = search_text(
      R"({"traces":[{"traceID":"ab","rootServiceName":"shop","rootTraceName":"GET /","startTimeUnixNano":"1000000000",)"
      R"("durationMs":250,"spanSets":[{"matched":2},{"matched":1}]}],"metrics":{}})",
      {});
  ASSERT_TRUE(text);
  EXPECT_EQ(*text,
            "TRACE  START                 DURATION  SPANS  SERVICE  NAME\n"
            "ab     1970-01-01T00:00:01Z     250ms      3  shop     GET /\n");
  EXPECT_EQ(
      *search_text(
          R"({"traces":[{"traceID":"ab","rootServiceName":"a-service-with-a-name","rootTraceName":"GET /","startTimeUnixNano":"1000000000"}]})",
          {.columns = 44, .is_terminal = true}),
      "TRACE  START     DURATION  SPANS  SERVICE   NAME\n"
      "ab     00:00:01      <1ms      0  a-servi…  GET /\n");
  EXPECT_EQ(*search_text(R"({"traces":[],"metrics":{}})", {}), "no trace matches\n");
  EXPECT_FALSE(search_text("not json", {}));
}

TEST(QueryText, OfMetrics) {
  const auto text = trace_metrics_text(
      R"({"series":[{"labels":[{"key":"name","value":{"stringValue":"GET /"}}],)"
      R"("samples":[{"timestampMs":"1000"},{"timestampMs":"2000","value":0.123456789}]}],"message":"left out"})",
      SeriesUnit::kPerSecond, {});
  ASSERT_TRUE(text);
  EXPECT_EQ(*text,
            "SERIES             LAST  MIN        MAX  OVER TIME\n"
            "{name=GET /}  0.12346/s  0/s  0.12346/s  ▁█\n");
  const std::string json =
      R"({"series":[{"labels":[],"samples":[{"timestampMs":"1000"},{"timestampMs":"2000","value":1.5}]}],"message":"some series are left out"})";
  EXPECT_EQ(*trace_metrics_text(json, SeriesUnit::kSeconds, {.columns = 80, .is_terminal = true}),
            "SERIES  LAST  MIN   MAX  OVER TIME\n"
            "{}      1.5s   0s  1.5s  ▁█\n"
            "some series are left out\n"
            "1970-01-01T00:00:01Z to 1970-01-01T00:00:02Z, every 1s\n");
  EXPECT_EQ(*trace_metrics_text(R"({"series":[]})", SeriesUnit::kNone, {}), "no span matches\n");
}

TEST(QueryText, OfPromql) {
  EXPECT_EQ(
      *promql_text(
          R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[1,"1"]}]}})",
          {}),
      "SERIES       VALUE\n"
      "up{job=\"a\"}      1\n");
  EXPECT_EQ(
      *promql_text(R"({"status":"success","data":{"resultType":"scalar","result":[1,"2"]}})", {}),
      "2\n");
  EXPECT_EQ(
      *promql_text(
          R"({"data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"],[2,"3"]]}]}})",
          {}),
      "SERIES  LAST  MIN  MAX  OVER TIME\n"
      "{}         3    1    3  ▃█\n");
}

TEST(QueryCommandLine, HasThreeForms) {
  const auto parse = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "sightline");
    return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
  };
  const auto traceql = std::get<QueryCommand>(
      std::get<Command>(parse({"query", "traceql", "{ }", "--limit", "5", "--since", "15m"})));
  EXPECT_EQ(traceql.language, QueryCommand::Language::kTraceql);
  EXPECT_EQ(traceql.expression, "{ }");
  EXPECT_EQ(traceql.limit, 5u);
  EXPECT_EQ(traceql.since, std::chrono::minutes(15));
  const auto trace = std::get<QueryCommand>(
      std::get<Command>(parse({"query", "trace", "abcd", "--url", "host:3200"})));
  EXPECT_EQ(trace.language, QueryCommand::Language::kTraceId);
  EXPECT_EQ(trace.url, "host:3200");
  EXPECT_EQ(std::get<QueryCommand>(std::get<Command>(parse({"query", "promql", "up"}))).language,
            QueryCommand::Language::kPromql);
  EXPECT_EQ(std::get<CommandLineExit>(parse({"query"})).status, 1);
  EXPECT_EQ(std::get<CommandLineExit>(parse({"query", "traceql", "{ }", "--since", "x"})).status,
            1);
}

TEST(QueryCommandRun, SaysWhoDoesNotAnswer) {
  QueryCommand command{.expression = "{ }", .url = "http://127.0.0.1:1/"};
  const auto text = run_query(command, SystemClock(), {});
  ASSERT_FALSE(text);
  EXPECT_TRUE(
      text.error().message.starts_with("http://127.0.0.1:1 does not answer: Failed to connect"))
      << text.error().message;
  EXPECT_TRUE(text.error().message.ends_with("(--url names another server)"));
}

TEST(QueryCommandRun, RefusesAMistakeBeforeItAsks) {
  QueryCommand command{.expression = "{foo"};
  const auto text = run_query(command, SystemClock(), {});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().message, "parse error at line 1, col 2: unknown identifier: foo");
}

}  // namespace
}  // namespace sightline::server
