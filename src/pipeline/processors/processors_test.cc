// The processors as a configuration names them, each fed with OTLP/JSON.
#include "pipeline/processors/processors.h"

#include <gtest/gtest.h>

#include "config/yaml/environment.h"
#include "model/value_text.h"
#include "pipeline/processors/memory_limiter.h"
#include "pipeline/processors/tail_sampling.h"
#include "wire/otlp/decode_traces.h"
#include "wire/otlp/encode_traces.h"

namespace sightline::pipeline {
namespace {

class Recorder final : public SpanConsumer {
 public:
  Status consume(const SharedBatch& batch) override {
    if (refuse) return fail(*refuse, "told to refuse");
    batches.push_back(batch);
    return {};
  }
  // Every span that came, as "service/name key=value ...".
  std::vector<std::string> spans() const {
    std::vector<std::string> all;
    for (const SharedBatch& batch : batches)
      for (const model::SpanView& span : batch->spans) {
        std::string text = std::string(batch->service_name(span)) + "/" + std::string(span.name);
        for (const auto& attribute : batch->of(span.attributes))
          text += " " + std::string(attribute.key) + "=" + model::value_text(attribute.value);
        all.push_back(text);
      }
    return all;
  }
  std::optional<Errc> refuse;
  std::vector<SharedBatch> batches;
};

// A span in OTLP/JSON; `more` holds further fields, each beginning with a comma.
std::string span_json(std::string_view name, int trace = 1, std::string_view more = "",
                      int id = 1) {
  char ids[80];
  std::snprintf(ids, sizeof ids, "\"traceId\":\"%032x\",\"spanId\":\"%016x\"", trace, id);
  return "{" + std::string(ids) + ",\"name\":\"" + std::string(name) + "\"" + std::string(more) +
         "}";
}

SharedBatch batch_of(const std::vector<std::string>& spans, std::string_view resource = "") {
  std::string list;
  for (const std::string& span : spans) list += (list.empty() ? "" : ",") + span;
  const std::string json =
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}})" +
      std::string(resource) +
      R"(]},"scopeSpans":[{"scope":{"name":"lib","version":"2"},"spans":[)" + list + "]}]}]}";
  auto decoded = wire::otlp::decode_traces_json(json);
  EXPECT_TRUE(decoded) << (decoded ? "" : decoded.error().message);
  return decoded ? decoded->batch : nullptr;
}

std::string attributes(std::string_view list) {
  return R"(,"attributes":[)" + std::string(list) + "]";
}
std::string text(std::string_view key, std::string_view value) {
  return R"({"key":")" + std::string(key) + R"(","value":{"stringValue":")" + std::string(value) +
         R"("}})";
}
std::string number(std::string_view key, int64_t value) {
  return R"({"key":")" + std::string(key) + R"(","value":{"intValue":")" + std::to_string(value) +
         R"("}})";
}

struct ProcessorsTest : ::testing::Test {
  // Makes the processor of `yaml`: "filter: {...}".
  void make(const std::string& yaml) {
    const std::string type = yaml.substr(0, yaml.find(':'));
    auto parsed = config::parse_otelcol(
        "receivers: {nop: }\nexporters: {nop: }\nprocessors:\n  " + yaml +
            "\nservice: {pipelines: {traces: {receivers: [nop], processors: [" + type +
            "], exporters: [nop]}}}\n",
        "c.yaml", config::FixedEnvironment());
    ASSERT_TRUE(parsed) << parsed.error().message;
    config = std::move(*parsed);
    processor = make_processor(config.processors.at(0), end, {clock, telemetry, fates});
    ASSERT_NE(processor, nullptr);
  }
  Status pass(const SharedBatch& batch) { return GraphInput(*processor).consume(batch); }
  std::string fault(const std::string& yaml) {
    const std::string type = yaml.substr(0, yaml.find(':'));
    auto parsed = config::parse_otelcol(
        "receivers: {nop: }\nexporters: {nop: }\nprocessors:\n  " + yaml +
            "\nservice: {pipelines: {traces: {receivers: [nop], processors: [" + type +
            "], exporters: [nop]}}}\n",
        "c.yaml", config::FixedEnvironment());
    return parsed ? "accepted" : parsed.error().message;
  }

  ManualClock clock{{1'795'485'383'000'000'000}};
  Telemetry telemetry;
  TraceFates known;
  TraceFates* fates = nullptr;
  Recorder next;
  RefusingEnd end{next};
  config::OtelcolConfig config;
  std::unique_ptr<SpanProcessor> processor;
};
using Texts = std::vector<std::string>;

TEST_F(ProcessorsTest, AttributesActInOrder) {
  make(
      R"(attributes: {actions: [{key: env, value: prod, action: insert}, {key: n, value: 5, action: update}, {key: copy, from_attribute: n, action: upsert},
    {key: secret, action: delete}, {pattern: "^tmp\\.", action: delete}, {key: url, pattern: "^(?P<host>[^/]+)/(?P<page>.*)$", action: extract},
    {key: n, action: convert, converted_type: string}, {key: user, action: hash}, {key: gone, from_attribute: none, default_value: x, action: insert}]})");
  const auto batch = batch_of(
      {span_json("a", 1,
                 attributes(number("n", 1) + "," + text("secret", "s") + "," + text("tmp.x", "1") +
                            "," + text("url", "h/p") + "," + text("user", "bob"))),
       span_json("b")});
  ASSERT_TRUE(pass(batch));
  EXPECT_EQ(next.spans(),
            (Texts{"shop/a n=5 url=h/p "
                   "user=81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd9ec58ce9 env=prod "
                   "copy=5 host=h page=p gone=x",
                   "shop/b env=prod gone=x"}));
  // What is stored or sent is the changed span.
  const auto again = wire::otlp::decode_traces(
      std::make_shared<const std::string>(wire::otlp::encode_traces(*next.batches[0])));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->batch->of(again->batch->spans[1].attributes)[0].key, "env");
}

TEST_F(ProcessorsTest, AttributesOfSomeSpansOnly) {
  make(
      R"(attributes: {include: {match_type: regexp, span_names: ["^a"]}, exclude: {match_type: strict, attributes: [{key: n, value: 1}]}, actions: [{key: x, value: true, action: upsert}]})");
  ASSERT_TRUE(pass(
      batch_of({span_json("a1"), span_json("a2", 1, attributes(number("n", 1))), span_json("b")})));
  EXPECT_EQ(next.spans(), (Texts{"shop/a1 x=true", "shop/a2 n=1", "shop/b"}));
}

TEST_F(ProcessorsTest, ResourceChangesTheResource) {
  make(
      "resource: {attributes: [{key: service.name, value: renamed, action: update}, {key: zone, "
      "value: 7, action: insert}]}");
  ASSERT_TRUE(pass(batch_of({span_json("a")})));
  EXPECT_EQ(next.spans(), Texts{"renamed/a"});
  EXPECT_EQ(next.batches[0]->find(next.batches[0]->resources[0].attributes, "zone")->int_value, 7);
  EXPECT_TRUE(next.batches[0]->encoded.empty());
}

TEST_F(ProcessorsTest, WhatNothingChangesPassesAsItCame) {
  make("attributes: {actions: [{key: none, action: delete}]}");
  const auto batch = batch_of({span_json("a")});
  ASSERT_TRUE(pass(batch));
  EXPECT_EQ(next.batches[0], batch);
}

TEST_F(ProcessorsTest, FilterDropsWhatMatches) {
  make(
      R"(filter: {error_mode: ignore, traces: {span: ['attributes["http.route"] == "/healthz"', 'IsMatch(name, "^internal") and not (kind == SPAN_KIND_SERVER)',
    'attributes["n"] >= 400 and attributes["n"] < 500.5', 'resource.attributes["none"] != nil', 'name == Concat(["x", "y"], "-")', 'end_time_unix_nano - start_time_unix_nano > 1000000000'],
    spanevent: ['attributes["noisy"] == true']}})");
  ASSERT_TRUE(pass(batch_of(
      {span_json(
           "keep", 1,
           R"(,"events":[{"name":"e","attributes":[{"key":"noisy","value":{"boolValue":true}}]},{"name":"f"}])"),
       span_json("health", 1, attributes(text("http.route", "/healthz"))),
       span_json("internal", 1, R"(,"kind":2)"), span_json("internal-x"),
       span_json("four", 1, attributes(number("n", 404))),
       span_json("five", 1, attributes(number("n", 501))),
       span_json("words", 1, attributes(text("n", "404"))), span_json("x-y"),
       span_json("long", 1, R"(,"startTimeUnixNano":"1000","endTimeUnixNano":"2000001000")")})));
  EXPECT_EQ(next.spans(),
            (Texts{"shop/keep", "shop/internal", "shop/five n=501", "shop/words n=404"}));
  EXPECT_EQ(next.batches[0]->events_of(next.batches[0]->spans[0]).size(), 1u);
  EXPECT_EQ(telemetry.counter_total("otelcol_processor_filter_spans_filtered_total"), 5u);
}

TEST_F(ProcessorsTest, FilterSaysWhatItCannotEvaluate) {
  const auto batch = batch_of({span_json("a", 1, attributes(number("n", 1)))});
  make(R"(filter: {traces: {span: ['HasPrefix(attributes["n"], "x")']}})");
  EXPECT_TRUE(pass(batch));  // ignored, and the span stays
  make(R"(filter: {error_mode: propagate, traces: {span: ['HasPrefix(attributes["n"], "x")']}})");
  const auto status = pass(batch);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("HasPrefix takes a string"), std::string::npos)
      << status.error().message;
  EXPECT_EQ(status.error().code, Errc::kInvalidArgument);
}

TEST_F(ProcessorsTest, FilterWithTheOlderForm) {
  make(
      R"(filter: {spans: {include: {match_type: strict, services: [shop]}, exclude: {match_type: regexp, span_names: ["health.*"]}}})");
  ASSERT_TRUE(pass(batch_of({span_json("a"), span_json("healthz")})));
  EXPECT_EQ(next.spans(), Texts{"shop/a"});
}

TEST_F(ProcessorsTest, ConditionsNameTheirFaults) {
  const auto message = [&](const std::string& condition) {
    return fault("filter: {traces: {span: ['" + condition + "']}}");
  };
  EXPECT_NE(message("nam == 1")
                .find("column 1: the path nam is not available here; did you mean \"name\"?"),
            std::string::npos)
      << message("nam == 1");
  EXPECT_NE(message("name == \"x").find("column 9: the string is not closed"), std::string::npos)
      << message("name == \"x");
  EXPECT_NE(message("name name").find("column 6: expected the end of the condition, got \"name\""),
            std::string::npos)
      << message("name name");
  EXPECT_NE(message("IsMach(name, \"x\")")
                .find("the function IsMach is not available here; did you mean \"IsMatch\"?"),
            std::string::npos);
  EXPECT_NE(message("IsMatch(name, \"(\")").find("no regular expression"), std::string::npos);
  EXPECT_NE(message("Len()").find("takes 1 arguments, got 0"), std::string::npos);
  EXPECT_NE(message("name[\"x\"] == 1").find("takes no [key]"), std::string::npos);
  EXPECT_NE(message("name == #").find("not understood"), std::string::npos);
  EXPECT_NE(fault("attributes: {actions: [{key: a, action: extract, pattern: \"(x)\"}]}")
                .find("unnamed matcher group"),
            std::string::npos);
  EXPECT_NE(fault("attributes: {actions: [{key: a, action: upsert}]}")
                .find("needs value, from_attribute or default_value"),
            std::string::npos);
}

// The collector keeps the same traces: FNV-1a of seed and id, in 2^14 buckets.
TEST_F(ProcessorsTest, ProbabilisticSamplerKeepsItsPart) {
  make("probabilistic_sampler: {sampling_percentage: 25, hash_seed: 22}");
  Texts spans;
  for (int i = 1; i <= 4000; ++i) spans.push_back(span_json("t" + std::to_string(i), i * 7919));
  ASSERT_TRUE(pass(batch_of(spans)));
  const size_t kept = next.batches[0]->spans.size();
  EXPECT_GT(kept, 850u);
  EXPECT_LT(kept, 1150u);
  // Each kept span says that it stands for four.
  const std::string state(next.batches[0]->spans[0].trace_state);
  EXPECT_TRUE(state.starts_with("ot=rv:") && state.ends_with(";th:c")) << state;
  const auto first = next.spans();
  next.batches.clear();
  ASSERT_TRUE(pass(batch_of(spans)));
  EXPECT_EQ(next.spans(), first);
}

TEST_F(ProcessorsTest, ProbabilisticSamplerByTraceState) {
  fates = &known;
  make("probabilistic_sampler: {sampling_percentage: 50, mode: proportional}");
  ASSERT_TRUE(
      pass(batch_of({span_json("half", 1, R"(,"traceState":"ot=th:8;rv:f0000000000000,x=y")"),
                     span_json("out", 2, R"(,"traceState":"ot=rv:10000000000000")"),
                     span_json("must", 3,
                               R"(,"traceState":"ot=rv:10000000000000",)" +
                                   attributes(number("sampling.priority", 1)).substr(1)),
                     span_json("wrong", 4, R"(,"traceState":"ot=th:zz")")})));
  ASSERT_EQ(next.spans(), (Texts{"shop/half", "shop/must sampling.priority=1"}));
  EXPECT_EQ(next.batches[0]->spans[0].trace_state, "ot=rv:f0000000000000;th:c,x=y");
  EXPECT_EQ(next.batches[0]->spans[1].trace_state, "ot=rv:10000000000000;th:0");
  TraceId out;
  out.bytes[15] = 2;
  EXPECT_TRUE(known.is_dropped(out));
}

TEST_F(ProcessorsTest, GroupByTraceWaitsAndJoins) {
  make("groupbytrace: {wait_duration: 2s, num_traces: 2}");
  ASSERT_TRUE(pass(batch_of({span_json("a1", 1), span_json("b1", 2)})));
  ASSERT_TRUE(pass(batch_of({span_json("a2", 1, "", 2)})));
  processor->maintain();
  EXPECT_TRUE(next.batches.empty());
  clock.advance(std::chrono::seconds(2));
  next.refuse = Errc::kUnavailable;
  processor->maintain();  // refused: they wait on
  next.refuse.reset();
  clock.advance(std::chrono::seconds(2));
  processor->maintain();
  ASSERT_EQ(next.batches.size(), 2u);
  EXPECT_EQ(next.spans(), (Texts{"shop/a1", "shop/a2", "shop/b1"}));
  next.batches.clear();
  ASSERT_TRUE(pass(batch_of({span_json("c", 3), span_json("d", 4), span_json("e", 5)})));
  EXPECT_EQ(next.spans(), Texts{"shop/c"});  // no more than two wait
  processor->stop();
  EXPECT_EQ(next.spans().size(), 3u);
}

TEST_F(ProcessorsTest, TailSamplingAsksItsPolicies) {
  make(R"(tail_sampling: {decision_wait: 5s, policies: [
    {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}, {name: slow, type: latency, latency: {threshold_ms: 500}},
    {name: vip, type: and, and: {and_sub_policy: [{name: x, type: string_attribute, string_attribute: {key: tier, values: [gold]}},
      {name: y, type: numeric_attribute, numeric_attribute: {key: n, min_value: 5, max_value: 9}}]}},
    {name: many, type: span_count, span_count: {min_spans: 3}}, {name: yes, type: boolean_attribute, boolean_attribute: {key: keep, value: true}},
    {name: words, type: ottl_condition, ottl_condition: {span: ['name == "ottl"']}}, {name: state, type: trace_state, trace_state: {key: k, values: [v]}},
    {name: no-health, type: drop, drop: {drop_sub_policy: [{name: h, type: string_attribute, string_attribute: {key: route, values: ["/health.*"], enabled_regex_matching: true}}]}}]})");
  ASSERT_TRUE(pass(batch_of(
      {span_json("error", 1, R"(,"status":{"code":2})"), span_json("plain", 2),
       span_json("slow", 3, R"(,"startTimeUnixNano":"1000000","endTimeUnixNano":"700000000")"),
       span_json("gold", 4, attributes(text("tier", "gold") + "," + number("n", 7))),
       span_json("gold-only", 5, attributes(text("tier", "gold"))), span_json("m1", 6),
       span_json("m2", 6, "", 2),
       span_json("yes", 7, attributes(R"({"key":"keep","value":{"boolValue":true}})")),
       span_json("ottl", 8), span_json("state", 9, R"(,"traceState":"a=b, k=v")"),
       span_json("health", 10,
                 R"(,"status":{"code":2})" + attributes(text("route", "/healthz")))})));
  ASSERT_TRUE(pass(batch_of({span_json("m3", 6, "", 3)})));
  processor->maintain();
  EXPECT_TRUE(next.batches.empty());
  clock.advance(std::chrono::seconds(5));
  processor->maintain();
  EXPECT_EQ(next.spans(),
            (Texts{"shop/error", "shop/slow", "shop/gold tier=gold n=7", "shop/m1", "shop/m2",
                   "shop/m3", "shop/yes keep=true", "shop/ottl", "shop/state"}));
  // Late spans share the fate of their trace.
  next.batches.clear();
  ASSERT_TRUE(pass(batch_of({span_json("late", 1, "", 9), span_json("late-dropped", 2, "", 9)})));
  EXPECT_EQ(next.spans(), Texts{"shop/late"});
}

TEST_F(ProcessorsTest, TailSamplingRatesAndShares) {
  make(
      R"(tail_sampling: {decision_wait: 1s, policies: [{name: all, type: composite, composite: {max_total_spans_per_second: 10, policy_order: [errors, rest],
    composite_sub_policy: [{name: rest, type: always_sample}, {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}],
    rate_allocation: [{policy: errors, percent: 50}, {policy: rest, percent: 20}]}}]})");
  Texts spans;
  for (int i = 1; i <= 8; ++i) spans.push_back(span_json("error", i, R"(,"status":{"code":2})"));
  for (int i = 11; i <= 18; ++i) spans.push_back(span_json("plain", i));
  ASSERT_TRUE(pass(batch_of(spans)));
  clock.advance(std::chrono::seconds(2));
  processor->maintain();
  EXPECT_EQ(std::ranges::count(next.spans(), "shop/error"), 5);
  EXPECT_EQ(std::ranges::count(next.spans(), "shop/plain"), 2);

  next.batches.clear();
  make(
      "tail_sampling: {decision_wait: 1s, policies: [{name: r, type: rate_limiting, rate_limiting: "
      "{spans_per_second: 2}}, {name: none, type: probabilistic, probabilistic: "
      "{sampling_percentage: 0}}]}");
  ASSERT_TRUE(pass(batch_of(spans)));
  clock.advance(std::chrono::seconds(2));
  processor->maintain();
  EXPECT_EQ(next.spans().size(), 4u);  // the burst: twice the rate
}

TraceId numbered_trace(uint8_t n) {
  TraceId made;
  made.bytes[15] = n;
  return made;
}

TEST_F(ProcessorsTest, TailSamplingKeepsWhatIsAnExemplar) {
  fates = &known;
  make(
      "tail_sampling: {decision_wait: 1s, policies: [{name: none, type: probabilistic, "
      "probabilistic: {sampling_percentage: 0}}]}");
  ASSERT_TRUE(
      pass(batch_of({span_json("shown", 1), span_json("shown-too", 2), span_json("other", 3)})));
  known.note_exemplar(numbered_trace(1));
  known.note_exemplar(numbered_trace(2));
  clock.advance(std::chrono::seconds(2));
  processor->maintain();
  EXPECT_EQ(next.spans(), (Texts{"shop/shown", "shop/shown-too"}));
  EXPECT_FALSE(known.is_dropped(numbered_trace(1)));
  EXPECT_TRUE(known.is_dropped(numbered_trace(3)));
  EXPECT_FALSE(known.may_be_exemplar(numbered_trace(3)));
  EXPECT_EQ(telemetry.counter_total("sightline_tail_sampling_traces_kept_for_exemplars_total"), 2u);
}

TEST_F(ProcessorsTest, TailSamplingCountsTheExemplarsThatItsDropPolicyTakesTheTraceOf) {
  fates = &known;
  known.count_dropped_exemplars(telemetry);
  make(R"(tail_sampling: {decision_wait: 1s, policies: [{name: all, type: always_sample},
    {name: unwanted, type: drop, drop: {drop_sub_policy: [{name: h, type: always_sample}]}}]})");
  ASSERT_TRUE(pass(batch_of({span_json("shown", 1), span_json("shown", 1, "", 2),
                             span_json("other", 2), span_json("shown-too", 3)})));
  known.note_exemplar(numbered_trace(1));
  known.note_exemplar(numbered_trace(3));
  clock.advance(std::chrono::seconds(2));
  processor->maintain();
  EXPECT_TRUE(next.batches.empty());
  EXPECT_TRUE(known.is_dropped(numbered_trace(1)));
  EXPECT_EQ(telemetry.counter_total("sightline_exemplars_of_dropped_traces_total"), 2u);
  known.note_dropped(numbered_trace(1));  // again: counted already
  EXPECT_EQ(telemetry.counter_total("sightline_exemplars_of_dropped_traces_total"), 2u);
}

// What becomes an exemplar is kept, so what would be too much must not become one.
TEST(TraceFates, OnlyWithinTheBudgetDoTracesBecomeExemplars) {
  ManualClock clock({1});
  Telemetry telemetry;
  TraceFates fates;
  fates.limit_exemplars({.traces_per_second = 5, .remembered_seconds = 60}, clock, telemetry);
  fates.limit_exemplars({.traces_per_second = 2, .remembered_seconds = 60}, clock, telemetry);
  for (uint8_t n = 1; n <= 4; ++n) {
    const bool within = n <= 2;
    EXPECT_EQ(fates.may_be_exemplar(numbered_trace(n)), within);
    if (within) fates.note_exemplar(numbered_trace(n));
  }
  EXPECT_TRUE(fates.may_be_exemplar(numbered_trace(1)));  // it is one already
  EXPECT_EQ(telemetry.counter_total("sightline_exemplars_over_budget_total"), 2u);
  clock.advance(std::chrono::seconds(1));
  fates.note_exemplar(numbered_trace(1));  // again: costs nothing
  EXPECT_TRUE(fates.may_be_exemplar(numbered_trace(3)));
  fates.note_exemplar(numbered_trace(3));
  fates.note_dropped(numbered_trace(4));
  EXPECT_FALSE(fates.may_be_exemplar(numbered_trace(4)));
  EXPECT_TRUE(fates.may_be_exemplar(numbered_trace(5)));
}

TEST_F(ProcessorsTest, TailSamplingIsBounded) {
  make(
      "tail_sampling: {decision_wait: 1h, num_traces: 20, maximum_trace_size_bytes: 120, policies: "
      "[{name: all, type: always_sample}]}");
  Texts spans;
  for (int i = 1; i <= 50; ++i) spans.push_back(span_json("t", i));
  spans.push_back(span_json("big", 99, attributes(text("x", std::string(200, 'x')))));
  ASSERT_TRUE(pass(batch_of(spans)));
  EXPECT_EQ(next.spans().size(), 30u);
  next.refuse = Errc::kUnavailable;
  processor->stop();
  EXPECT_EQ(telemetry.counter_total("sightline_processor_lost_spans_total"),
            20u);  // nobody took them
}

TEST_F(ProcessorsTest, MemoryLimiterRefusesWhileMemoryIsShort) {
  uint64_t resident = 90u << 20;
  const config::MemoryLimiterConfig limits{
      .check_interval = std::chrono::seconds(1), .limit_mib = 100, .spike_limit_mib = 20};
  MemoryLimiter limiter(limits, "memory_limiter", end, clock, telemetry,
                        {[&] { return resident; }, [] { return uint64_t{1} << 34; }});
  const auto batch = batch_of({span_json("a")});
  const auto refused = GraphInput(limiter).consume(batch);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kUnavailable);
  resident = 70u << 20;
  EXPECT_FALSE(GraphInput(limiter).consume(batch));  // not looked at yet
  clock.advance(std::chrono::seconds(1));
  EXPECT_TRUE(GraphInput(limiter).consume(batch));
  EXPECT_EQ(telemetry.counter_total("otelcol_processor_refused_spans_total"), 2u);
  EXPECT_EQ(telemetry.counter_total("otelcol_processor_accepted_spans_total"), 1u);
}

}  // namespace
}  // namespace sightline::pipeline
