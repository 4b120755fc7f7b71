#include "api/jaeger/structured_filter.h"

#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

#include "api/jaeger/jaeger_grpc.h"
#include "net/testing_stream_call.h"
#include "traceql/testing/script_spans.h"
#include "traceql/testing/testing_store.h"

namespace sightline::api::jaeger {
namespace {

// Expressions as messages.
std::string message(protozero::pbf_tag_type field, const std::string& inner) {
  std::string out;
  protozero::pbf_writer(out).add_message(field, inner);
  return out;
}
std::string pair(const std::string& first, const std::string& second) {
  std::string out;
  protozero::pbf_writer writer(out);
  writer.add_string(1, first);
  if (!second.empty()) writer.add_string(2, second);
  return out;
}
std::string attr(const std::string& key, const std::string& level = "") {
  return message(1, pair(key, level));
}
std::string field(const std::string& level, const std::string& name) {
  return message(2, pair(name, level));
}
std::string nested(const std::string& level) { return message(3, pair(level, "")); }
std::string scalar(const std::string& value, const std::string& type = "") {
  return message(4, pair(value, type));
}
std::string list(const std::vector<std::string>& values, const std::string& type = "") {
  std::string out;
  protozero::pbf_writer writer(out);
  for (const std::string& value : values) writer.add_string(1, value);
  if (!type.empty()) writer.add_string(2, type);
  return message(5, out);
}
std::string filter(const std::string& op, const std::vector<std::string>& args) {
  std::string out;
  protozero::pbf_writer writer(out);
  writer.add_string(1, op);
  for (const std::string& arg : args) writer.add_message(2, arg);
  return out;
}
std::string call(const std::string& op, const std::vector<std::string>& args) {
  return message(6, filter(op, args));
}

std::string condition(const std::string& bytes) {
  const auto made = filter_condition(bytes);
  return made ? *made : made.error().message;
}

TEST(StructuredFilter, SaysItInTraceql) {
  EXPECT_EQ(condition(filter("eq", {attr("http.status_code"), scalar("500")})),
            R"((."http.status_code" = "500" || ."http.status_code" = 500))");
  EXPECT_EQ(condition(filter("eq", {attr("code", "span"), scalar("500", "int")})),
            R"(span."code" = 500)");
  EXPECT_EQ(condition(filter("ne", {attr("host", "resource"), scalar("h\"1", "string")})),
            R"((resource."host" != nil && !(resource."host" = "h\"1")))");
  EXPECT_EQ(condition(filter("gt", {field("span", "duration"), scalar("1.5s")})),
            "duration > 1500000000ns");
  EXPECT_EQ(condition(filter("gte", {scalar("2"), attr("n", "span")})), R"(span."n" <= 2)");
  EXPECT_EQ(condition(filter("regex", {field("span", "name"), scalar("GET|PUT")})),
            R"re(name =~ "(?s:.*)(?:GET|PUT)(?s:.*)")re");
  EXPECT_EQ(condition(filter("in", {field("span", "kind"), list({"server", "client"})})),
            "(kind = server || kind = client)");
  EXPECT_EQ(condition(filter("exists", {attr("x", "scope")})), R"(instrumentation."x" != nil)");
  EXPECT_EQ(condition(filter("eq", {attr("a", "span"), attr("b", "span")})),
            R"(span."a" = span."b")");
  EXPECT_EQ(condition(filter("not", {call("eq", {field("span", "status"), scalar("error")})})),
            "!(status = error)");
  EXPECT_EQ(condition(filter("and", {call("eq", {attr("a", "event"), scalar("x", "string")}),
                                     call("eq", {attr("b", "event"), scalar("y", "string")})})),
            R"(((event."a" = "x") && (!(!(event."b" = "y")))))");
}

TEST(StructuredFilter, RefusesWhatMakesNoSense) {
  const std::string equal = call("eq", {attr("a", "event"), scalar("x")});
  for (const auto& [bytes, fault] : std::vector<std::pair<std::string, std::string>>{
           {filter("like", {attr("a"), scalar("x")}), "filter: unknown operator: like"},
           {filter("and", {equal}), "filter: and takes two arguments or more"},
           {filter("eq", {scalar("1"), scalar("1")}),
            "filter: a comparison takes references and constants, one reference at least"},
           {filter("eq", {attr("a", "trace"), scalar("1")}), "filter: unknown level: trace"},
           {filter("eq", {attr(""), scalar("1")}), "filter: an attribute needs a key"},
           {filter("eq", {field("span", "size"), scalar("1")}), "filter: unknown field: span.size"},
           {filter("gt", {field("span", "startTime"), scalar("2026-01-01T00:00:00Z")}),
            "filter: the field span.startTime cannot be searched here"},
           {filter("gt", {field("span", "duration"), scalar("5")}), "filter: not a duration: 5"},
           {filter("gt", {field("span", "kind"), scalar("server")}), "filter: kind has no order"},
           {filter("eq", {field("span", "status"), scalar("bad")}),
            "filter: no kind or status of a span: bad"},
           {filter("eq", {attr("a"), scalar("x", "int")}), "filter: not a number: x"},
           {filter("eq", {attr("a"), scalar("x", "bool")}), "filter: not a bool: x"},
           {filter("eq", {attr("a"), scalar("x", "date")}), "filter: unknown type: date"},
           {filter("in", {attr("a"), list({})}),
            "filter: in takes a reference and a list that is not empty"},
           {filter("regex", {attr("a"), scalar("(")}),
            "filter: not a regular expression: missing ): ("},
           {filter("some", {nested("span"), equal}),
            "filter: 'some' asks of events or links, not of: span"},
           {filter("some", {nested("link"), equal}), "filter: 'some' of links asks only of those"},
           {filter("some", {nested("event"), call("not", {equal})}),
            "filter: 'not' within 'some' cannot be answered"},
           {std::string("\xff\xff"), "filter: not a valid message: varint runs past the end"},
       })
    EXPECT_TRUE(condition(bytes).starts_with(fault.substr(0, 40))) << condition(bytes);
  std::string deep = equal;
  for (int i = 0; i < kFilterDepthMax + 1; ++i) deep = call("not", {deep});
  EXPECT_EQ(condition(filter("not", {deep})), "filter: deeper than 64 levels");
}

struct StructuredSearch : ::testing::Test {
  static std::shared_ptr<const model::SpanBatch> spans() {
    const std::vector<traceql::ScriptLine> lines = {
        {1, 0, "trace 1"},
        {2, 1, R"(a "GET /slow" start=100s duration=503ms kind=server service=web .code=500)"},
        {3, 2, R"(event exception at=1ms .type="io" .n=1)"},
        {4, 2, R"(event retry at=2ms .type="net" .n=2)"},
        {5, 0, "trace 2"},
        {6, 1, R"(c "GET /" start=200s duration=20ms kind=server service=web .code="200")"},
    };
    return *traceql::load_spans(lines);
  }
  // How many traces it finds.
  size_t found(const std::string& bytes, net::GrpcCode code = net::GrpcCode::kOk,
               const std::string& service = "") {
    std::string query;
    protozero::pbf_writer writer(query);
    if (!service.empty()) writer.add_string(1, service);
    writer.add_message(10, bytes);
    net::testing::StreamCall stream;
    const auto reply = jaeger_grpc_methods(api).at("/jaeger.api_v3.QueryService/FindTraces")(
        std::make_shared<const std::string>(message(1, query)), stream);
    EXPECT_EQ(reply.code, code) << reply.message;
    return stream.messages.size();
  }
  traceql::testing::MemoryStore store{spans()};
  ManualClock clock{TimestampNs{300'000'000'000}};
  JaegerApi api{.traces = store, .clock = clock};
};

TEST_F(StructuredSearch, FindsTraces) {
  EXPECT_EQ(found(filter("eq", {field("resource", "service"), scalar("web")})), 2u);
  EXPECT_EQ(found(filter("eq", {attr("code"), scalar("500")})), 1u);
  EXPECT_EQ(found(filter("eq", {attr("code"), scalar("200")})), 1u);
  EXPECT_EQ(found(filter("eq", {attr("code"), scalar("200", "int")})), 0u);
  EXPECT_EQ(found(filter("ne", {attr("code"), scalar("200")})), 1u);
  EXPECT_EQ(found(filter("ne", {attr("nothing"), scalar("200")})), 0u);
  EXPECT_EQ(found(filter("not", {call("eq", {attr("nothing"), scalar("200")})})), 2u);
  EXPECT_EQ(found(filter("not_in", {field("span", "name"), list({"GET /", "PUT /"})})), 1u);
  EXPECT_EQ(found(filter("regex", {field("span", "name"), scalar("slow")})), 1u);
  EXPECT_EQ(found(filter("gt", {field("event", "timeSinceStart"), scalar("1500us")})), 1u);
  EXPECT_EQ(found(filter("exists", {field("event", "name")})), 1u);
  EXPECT_EQ(found(filter("ne", {attr("type", "event"), scalar("io")})), 0u);
  EXPECT_EQ(found(filter("ne", {attr("type", "event"), scalar("disk")})), 1u);
}

TEST_F(StructuredSearch, TellsOneEventFromSeveral) {
  const std::string io = call("eq", {attr("type", "event"), scalar("io")});
  const std::string second = call("eq", {attr("n", "event"), scalar("2", "int")});
  EXPECT_EQ(found(filter("and", {io, second})), 1u);
  EXPECT_EQ(found(filter("some", {nested("event"), call("and", {io, second})})), 0u);
  const std::string other = call("ne", {attr("type", "event"), scalar("io")});
  EXPECT_EQ(found(filter("some", {nested("event"), call("and", {other, second})})), 1u);
  EXPECT_EQ(found(filter("and", {call("some", {nested("event"), io}),
                                 call("some", {nested("event"), second})})),
            1u);
}

TEST_F(StructuredSearch, StandsAlone) {
  const std::string web = filter("eq", {field("resource", "service"), scalar("web")});
  EXPECT_EQ(found(web, net::GrpcCode::kInvalidArgument, "web"), 0u);
  EXPECT_EQ(found("", net::GrpcCode::kInvalidArgument), 0u);
}

}  // namespace
}  // namespace sightline::api::jaeger
