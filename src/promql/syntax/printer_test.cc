// Trees back to text, laid out, and as JSON.
#include "promql/syntax/printer.h"

#include <gtest/gtest.h>

#include "promql/syntax/parser.h"

namespace sightline::promql {
namespace {

std::string printed(std::string_view query) {
  const auto expr = parse(query);
  return expr ? to_text(**expr) : "error: " + expr.error().message;
}

TEST(Printer, WritesCanonicalText) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"foo{ b = 'x' , a=~\"y\" }[ 5m ] offset 1h @ 3",
       R"(foo{a=~"y",b="x"}[5m] @ 3.000 offset 1h)"},
      {R"({"http.requests", "status.code"="200"})",
       R"({"status.code"="200",__name__="http.requests"})"},
      {"sum without(a,b)(x)", "sum without (a, b) (x)"},
      {"sum by (\"a.b\")(x)", "sum by (\"a.b\") (x)"},
      {"topk(5,x)", "topk(5, x)"},
      {"a+on(x)group_left(y)b", "a + on (x) group_left (y) b"},
      {"a * ignoring() group_right b", "a * ignoring () group_right () b"},
      {"a+fill(0)b", "a + fill (0) b"},
      {"a > bool fill_left(1) fill_right(-2) b", "a > bool fill_left (1) fill_right (-2) b"},
      {"-a^2", "-a ^ 2"},
      {"1h30m", "1h30m"},
      {"foo[step()+1m:10s]", "foo[step() + 1m:10s]"},
      {"foo[(5m)]", "foo[(5m)]"},
      {"foo[max_of(step(), 1m)*4] offset -(1h)", "foo[max_of(step(), 1m) * 4] offset -(1h)"},
      {"x[5m] smoothed offset 1m @ end()", "x[5m] smoothed @ end() offset 1m"},
      {"x anchored @ start()", "x @ start() anchored"},
      {"\"a\\nb\"", "\"a\\nb\""},
      {"label_join(x, 'a', '-', 'b')", R"(label_join(x, "a", "-", "b"))"},
  };
  for (const auto& [query, expected] : cases) {
    EXPECT_EQ(printed(query), expected) << query;
    EXPECT_EQ(printed(printed(query)), expected) << query;
  }
}

TEST(Printer, BreaksWhatIsTooLong) {
  const auto expr = parse(
      R"(sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{namespace="production",image!=""}[5m])) / on (namespace) group_left () sum(kube_pod_container_resource_limits{resource="cpu"}))");
  ASSERT_TRUE(expr);
  EXPECT_EQ(format_expression(**expr), R"(  sum by (namespace, pod) (
    rate(container_cpu_usage_seconds_total{image!="",namespace="production"}[5m])
  )
/ on (namespace) group_left ()
  sum(kube_pod_container_resource_limits{resource="cpu"}))");
  EXPECT_EQ(format_expression(**parse("a  +  b")), "a + b");
}

TEST(Printer, LongAndDeepTextTakesLinearTime) {
  std::string query =
      std::string(900, '(') + "x{a=\"" + std::string(900'000, 'y') + "\"}" + std::string(900, ')');
  const auto expr = parse(query);
  ASSERT_TRUE(expr) << expr.error().message;
  EXPECT_GT(format_expression(**expr).size(), query.size());
}

TEST(AstJson, WritesEveryKey) {
  const auto json = [](std::string_view query) { return to_json(**parse(query)); };
  EXPECT_EQ(
      json("foo{a!=\"b\"} offset 1m"),
      R"({"anchored":false,"matchers":[{"name":"a","type":"!=","value":"b"},{"name":"__name__","type":"=","value":"foo"}],)"
      R"("name":"foo","offset":60000,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"})");
  EXPECT_EQ(
      json("1 + -2"),
      R"({"bool":false,"lhs":{"type":"numberLiteral","val":"1"},"matching":null,"op":"+","rhs":{"type":"numberLiteral","val":"-2"},"type":"binaryExpr"})");
  EXPECT_EQ(
      json("time()"),
      R"({"args":[],"func":{"argTypes":[],"name":"time","returnType":"scalar","variadic":0},"type":"call"})");
  EXPECT_TRUE(
      json("sum(a) by (b)")
          .ends_with(
              R"("grouping":["b"],"op":"sum","param":null,"type":"aggregation","without":false})"));
  EXPECT_NE(
      json("a[step()*2:1m] @ end()")
          .find(
              R"("rangeExpr":{"lhs":{"lhs":null,"op":"step","rhs":null,"type":"durationExpr","wrapped":false},"op":"*","rhs":{"duration":false,"type":"numberLiteral","val":"2"},"type":"durationExpr","wrapped":false},"startOrEnd":"end","step":60000,"stepExpr":null,"timestamp":null,"type":"subquery"})"),
      std::string::npos);
  EXPECT_NE(
      json("a and on (x) b")
          .find(
              R"("matching":{"card":"many-to-many","fillValues":{"lhs":null,"rhs":null},"include":[],"labels":["x"],"on":true})"),
      std::string::npos);
}

}  // namespace
}  // namespace sightline::promql
