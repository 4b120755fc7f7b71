#include "server/usage_tracker.h"

#include <gtest/gtest.h>

#include "wire/otlp/decode_traces.h"
#include "wire/otlp/testing/sample_request.h"

namespace sightline::server {
namespace {

// Two services, two spans each; `methods` of the spans.
model::SpanBatch shop() {
  model::SpanBatch batch;
  for (uint32_t i = 0; i < 2; ++i) {
    batch.attributes.push_back({"service.name", model::ValueView::of_string(i == 0 ? "a" : "b")});
    batch.resources.push_back({.attributes = {i, 1}, .encoded = "12345"});
    batch.scopes.push_back({.resource = i, .encoded = "123"});
  }
  batch.attributes.push_back({"method", model::ValueView::of_string("GET")});
  batch.attributes.push_back({"service.name", model::ValueView::of_string("c")});
  for (uint32_t i = 0; i < 4; ++i) {
    model::SpanView span{.scope = i / 2, .encoded = "1234567890"};
    if (i == 0) span.attributes = {2, 1};
    if (i == 3) span.attributes = {3, 1};
    batch.spans.push_back(span);
  }
  return batch;
}

std::string lines_of(const UsageTracker& tracker) {
  std::string out;
  const std::string text = tracker.text();
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    std::string line = text.substr(at, end - at);
    if (!line.starts_with('#')) out += line.substr(line.find('{')) + "\n";
    at = end + 1;
  }
  return out;
}

TEST(UsageTracker, CountsByResourceAndSpan) {
  UsageTracker by_resource(100, [](const std::string&) {
    return UsageDimensions{{"resource.service.name", "service"}};
  });
  by_resource.count("t", shop());
  by_resource.count("t", shop());
  EXPECT_EQ(lines_of(by_resource),
            "{service=\"a\",tenant=\"t\",tracker=\"cost-attribution\"} 56\n"
            "{service=\"b\",tenant=\"t\",tracker=\"cost-attribution\"} 56\n");
  UsageTracker by_any(100, [](const std::string&) {
    return UsageDimensions{{"service.name", ""}, {"span.method", "1 http"}};
  });
  by_any.count("t", shop());
  EXPECT_EQ(
      lines_of(by_any),
      "{service_name=\"a\",_1_http=\"GET\",tenant=\"t\",tracker=\"cost-attribution\"} 18\n"
      "{service_name=\"a\",_1_http=\"__missing__\",tenant=\"t\",tracker=\"cost-attribution\"} 10\n"
      "{service_name=\"b\",_1_http=\"__missing__\",tenant=\"t\",tracker=\"cost-attribution\"} 18\n"
      "{service_name=\"c\",_1_http=\"__missing__\",tenant=\"t\",tracker=\"cost-attribution\"} "
      "10\n");
}

TEST(UsageTracker, KeepsTenantsApartAndToItsLimit) {
  UsageTracker tracker(1, [](const std::string& tenant) {
    return tenant == "plain" ? UsageDimensions{} : UsageDimensions{{"service.name", "service"}};
  });
  tracker.count("plain", shop());
  tracker.count("t", shop());
  EXPECT_EQ(lines_of(tracker),
            "{service=\"__overflow__\",tenant=\"t\",tracker=\"cost-attribution\"} 28\n"
            "{service=\"a\",tenant=\"t\",tracker=\"cost-attribution\"} 28\n"
            "{tenant=\"plain\",tracker=\"cost-attribution\"} 56\n");
}

TEST(UsageTracker, CountsWhatIsOnTheWire) {
  const auto decoded = wire::otlp::decode_traces(std::make_shared<const std::string>(
      wire::otlp::testing::make_sample_request({.spans = 100, .seed = 1, .routes = 3})));
  ASSERT_TRUE(decoded);
  UsageTracker tracker(10, [](const std::string&) { return UsageDimensions{}; });
  tracker.count("t", *decoded->batch);
  const std::string line = lines_of(tracker);
  const auto counted = std::stoull(line.substr(line.find("} ") + 2));
  // The frames of spans and resources in the request are not theirs.
  EXPECT_GT(counted, decoded->batch->encoded.size() * 9 / 10);
  EXPECT_LE(counted, decoded->batch->encoded.size());
}

}  // namespace
}  // namespace sightline::server
