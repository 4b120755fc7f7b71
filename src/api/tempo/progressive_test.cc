#include "api/tempo/progressive.h"

#include <gtest/gtest.h>

#include <map>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <set>

#include "api/tempo/progressive_tags.h"
#include "api/tempo/protobuf_answers.h"
#include "api/tempo/streaming_querier.h"
#include "api/tempo/time_windows.h"
#include "net/testing_stream_call.h"
#include "traceql/testing/script_spans.h"
#include "traceql/testing/testing_store.h"

namespace sightline::api::tempo {
namespace {

using std::chrono::milliseconds;

TEST(TimeWindows, AdjoinNewestFirstAndGrowByHowQuickTheyWere) {
  TimeWindows windows(100, 10'000, 100);
  std::vector<std::pair<uint64_t, uint64_t>> seen;
  for (const int took : {0, 100, 300, 1}) {
    const auto window = windows.next(milliseconds(took));
    ASSERT_TRUE(window);
    seen.emplace_back(window->start, window->end);
    EXPECT_EQ(window->is_last, window->start == 100);
  }
  EXPECT_EQ(seen, (std::vector<std::pair<uint64_t, uint64_t>>{
                      {9'900, 10'000}, {9'700, 9'900}, {9'300, 9'700}, {2'900, 9'300}}));
  EXPECT_TRUE(windows.next(milliseconds(1))->is_last);
  EXPECT_FALSE(windows.next(milliseconds(1)));
  EXPECT_TRUE(TimeWindows(0, UINT64_MAX, UINT64_MAX / 2 + 1).next({})->end == UINT64_MAX);
  EXPECT_TRUE(TimeWindows(7, 7, 1).next({})->is_last);
}

// An hour of traces, one every ten seconds, each of them twelve seconds long, so that they reach over windows.
constexpr int kTraces = 360;
constexpr uint64_t kSecond = 1'000'000'000;

std::shared_ptr<const model::SpanBatch> an_hour() {
  std::vector<traceql::ScriptLine> lines;
  std::vector<std::string> texts;
  texts.reserve(2 * kTraces);
  for (int i = 0; i < kTraces; ++i) {
    texts.push_back("trace " + std::to_string(i));
    texts.push_back("s" + std::to_string(i) + " \"" + (i % 3 == 0 ? "a" : "b") +
                    "\" start=" + std::to_string(10 * i) + "s duration=12s service=web" +
                    (i < 30 ? " .early=1" : "") + " .n=" + std::to_string(i));
  }
  for (size_t i = 0; i < texts.size(); ++i)
    lines.push_back({static_cast<uint32_t>(i) + 1, static_cast<uint32_t>(i % 2), texts[i]});
  return *traceql::load_spans(lines);
}

struct Progressive : ::testing::Test {
  static std::vector<std::string> fields(std::string_view message, protozero::pbf_tag_type field) {
    std::vector<std::string> out;
    for (protozero::pbf_reader r(message.data(), message.size()); r.next();) {
      if (r.tag() == field)
        out.emplace_back(r.get_view());
      else
        r.skip();
    }
    return out;
  }
  static std::pair<uint64_t, uint64_t> jobs(std::string_view message) {
    std::pair<uint64_t, uint64_t> out;
    for (const std::string& metrics : fields(message, 2))
      for (protozero::pbf_reader r(metrics); r.next();) {
        if (r.tag() == 4)
          out.first = r.get_uint32();
        else if (r.tag() == 5)
          out.second = r.get_uint32();
        else
          r.skip();
      }
    return out;
  }
  // Adds a message's samples; how many of them were there already.
  static size_t add_samples(std::string_view message,
                            std::map<std::string, std::map<int64_t, double>>& into) {
    size_t again = 0;
    for (const std::string& series : fields(message, 1)) {
      std::string labels;
      for (const std::string& label : fields(series, 1)) labels += label;
      auto& samples = into[labels];
      for (const std::string& sample : fields(series, 2)) {
        double value = 0;
        int64_t time = 0;
        for (protozero::pbf_reader r(sample); r.next();) {
          if (r.tag() == 1)
            value = r.get_double();
          else
            time = r.get_int64();
        }
        again += samples.emplace(time, value).second ? 0 : 1;
      }
    }
    return again;
  }
  // The ids of traces in each message.
  std::vector<std::vector<std::string>> search(const std::string& query) {
    net::HttpRequest request;
    EXPECT_TRUE(request.params.parse(query));
    std::vector<std::vector<std::string>> out;
    const Status done = stream_search(api, request, [&](std::string message) {
      auto& ids = out.emplace_back();
      for (const std::string& trace : fields(message, 1)) ids.push_back(fields(trace, 1).at(0));
      ended = jobs(message);
      return true;
    });
    EXPECT_TRUE(done) << done.error().message;
    return out;
  }
  std::vector<std::string> at_once(const std::string& query) {
    net::HttpRequest request;
    EXPECT_TRUE(request.params.parse(query));
    std::vector<std::string> ids;
    const auto answer = run_search(api, request);
    for (const auto& trace : answer->result.traces) ids.push_back(to_hex(trace.id));
    return ids;
  }

  traceql::testing::MemoryStore store{an_hour(), 8};
  ManualClock clock{TimestampNs{3'600 * kSecond}};
  TempoApi api{.traces = store, .clock = clock};
  std::pair<uint64_t, uint64_t> ended;
};

TEST_F(Progressive, SearchesSendTheNewestFirstAndEachTraceOnce) {
  for (const char* query :
       {"q={}&limit=1000", "q={}&limit=200", "q={}&limit=5", "q={name=%22a%22}&limit=100",
        "q={.early=1}&limit=20", "q={name=%22nothing%22}", "q={}&limit=50&start=600&end=2000",
        "q={}&limit=500&start=1000&end=3600"}) {
    std::vector<std::string> all;
    const auto messages = search(query);
    for (const auto& ids : messages) all.insert(all.end(), ids.begin(), ids.end());
    EXPECT_EQ(all, at_once(query)) << query;
    EXPECT_EQ(ended.first, ended.second) << query;
  }
  EXPECT_GT(search("q={}&limit=1000").size(), 1u);
  EXPECT_EQ(search("q={}&limit=5").size(), 1u);
  EXPECT_EQ(search("q={}&limit=1000").front().size(), 90u);  // fifteen minutes
}

TEST_F(Progressive, MetricsSendEverySampleOnce) {
  for (const char* query :
       {"{ } | rate()", "{ } | count_over_time() by(name)",
        "{ } | avg_over_time(duration) by(name)", "{ .early = 1 } | rate() by(name)",
        "{ } | quantile_over_time(duration, .5)", "{ name = \"nothing\" } | rate()",
        "{ } | rate() by(name) | topk(1)", "({ name = \"a\" } | rate()) / ({ } | rate())",
        "{ } | compare({ name = \"a\" })"}) {
    MetricsRequest request = default_metrics_request(api);
    request.query = query;
    request.options.start = {1};
    request.options.end = {3'600 * kSecond};
    request.options.step = std::chrono::seconds(30);
    const auto whole = run_query_range(api, request);
    ASSERT_TRUE(whole) << query;
    std::map<std::string, std::map<int64_t, double>> expected, sent;
    for (const std::string& message : query_range_messages(*whole, SIZE_MAX, {}))
      add_samples(message, expected);
    size_t messages = 0;
    const Status done = stream_query_range(api, request, [&](std::string message) {
      EXPECT_EQ(add_samples(message, sent), 0u) << query;
      ended = jobs(message);
      ++messages;
      return true;
    });
    ASSERT_TRUE(done) << query;
    EXPECT_EQ(sent, expected) << query;
    EXPECT_EQ(ended.first, ended.second) << query;
    const bool in_one = std::string_view(query).contains("topk") ||
                        std::string_view(query).contains("/") ||
                        std::string_view(query).contains("compare");
    EXPECT_EQ(messages > 1, !in_one) << query;
  }
}

// Ten milliseconds pass whenever somebody looks.
class HurryingClock final : public Clock {
 public:
  TimestampNs now() const override { return {3'600 * kSecond}; }
  std::chrono::nanoseconds monotonic() const override { return now_ += milliseconds(10); }

 private:
  mutable std::chrono::nanoseconds now_{0};
};

struct ProgressiveTags : Progressive {
  // The strings of each message's items.
  std::vector<std::vector<std::string>> ask(const std::string& method, const std::string& name,
                                            const std::string& q = "") {
    net::testing::StreamCall call;
    call.on_send = on_send;
    std::string request;
    protozero::pbf_writer writer(request);
    if (!name.empty()) writer.add_string(1, name);
    if (!q.empty()) writer.add_string(2, q);
    reply = streaming_querier_methods(hurrying).at("/tempopb.StreamingQuerier/" + method)(
        std::make_shared<const std::string>(request), call);
    std::vector<std::vector<std::string>> out;
    uint64_t told = 0;
    for (const std::string& message : call.messages) {
      out.push_back(fields(message, 1));
      uint64_t total = 0, completed = 0;
      for (const std::string& metrics : fields(message, 2))
        for (protozero::pbf_reader r(metrics); r.next();) {
          if (r.tag() == 2)
            total = r.get_uint32();
          else if (r.tag() == 3)
            completed = r.get_uint32();
          else
            r.skip();
        }
      EXPECT_EQ(completed, ++told);
      EXPECT_EQ(total, told + (out.size() < call.messages.size() ? 1 : 0));
    }
    return out;
  }
  HurryingClock hurry;
  TempoApi hurrying{.traces = store, .clock = hurry};
  net::GrpcReply reply;
  std::function<void()> on_send = [] {};
};

TEST_F(ProgressiveTags, ValuesAreSentOnceAndWhileTheyAreFound) {
  for (const auto& [method, tag] :
       {std::pair("SearchTagValues", "n"), std::pair("SearchTagValuesV2", "span.n")}) {
    const auto messages = ask(method, tag);
    EXPECT_GT(messages.size(), 5u) << method;
    std::set<std::string> values;
    size_t count = 0;
    for (const auto& message : messages) {
      values.insert(message.begin(), message.end());
      count += message.size();
    }
    EXPECT_EQ(values.size(), static_cast<size_t>(kTraces)) << method;
    EXPECT_EQ(count, values.size()) << method;
  }
  EXPECT_EQ(ask("SearchTagValuesV2", "status"),
            (std::vector<std::vector<std::string>>{{"\n\x7keyword\x12\x5"
                                                    "error",
                                                    "\n\x7keyword\x12\x5unset",
                                                    "\n\x7keyword\x12\x2ok"}}));
  EXPECT_EQ(ask("SearchTagValuesV2", "span.nothing"), (std::vector<std::vector<std::string>>{{}}));
}

TEST_F(ProgressiveTags, NamesAreSentOnce) {
  std::multiset<std::string> names;
  for (const auto& message : ask("SearchTags", "span"))
    names.insert(message.begin(), message.end());
  EXPECT_EQ(names, (std::multiset<std::string>{"early", "n"}));
  names.clear();
  for (const auto& message : ask("SearchTagsV2", "span", "{ name = \"a\" }"))
    for (const std::string& scope : message) {
      EXPECT_EQ(fields(scope, 1), std::vector<std::string>{"span"});
      for (std::string& name : fields(scope, 2)) names.insert(std::move(name));
    }
  EXPECT_EQ(names, (std::multiset<std::string>{"early", "n"}));
}

TEST_F(ProgressiveTags, ClientsThatGoAwayEndIt) {
  net::HttpRequest request;
  request.captures = {"span.n"};
  size_t sent = 0;
  const auto done = stream_tag_values_v2(hurrying, request, [&](std::string) {
    ++sent;
    return false;
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::kCancelled);
  EXPECT_EQ(sent, 1u);
}

TEST_F(Progressive, ClientsThatGoAwayEndTheQuery) {
  net::testing::StreamCall call;
  call.on_send = [&] { call.told->cancel(); };
  const auto methods = streaming_querier_methods(api);
  std::string request;
  protozero::pbf_writer writer(request);
  writer.add_string(8, "{ }");
  writer.add_uint32(4, 1000);
  const auto reply = methods.at("/tempopb.StreamingQuerier/Search")(
      std::make_shared<const std::string>(request), call);
  EXPECT_EQ(reply.code, net::GrpcCode::kCancelled);
  EXPECT_EQ(call.messages.size(), 1u);
}

TEST_F(Progressive, ErrorsComeBeforeAnyMessage) {
  net::HttpRequest request;
  ASSERT_TRUE(request.params.parse("q={foo"));
  const auto refused = stream_search(api, request, [](std::string) { return true; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kInvalidArgument);
}

}  // namespace
}  // namespace sightline::api::tempo
