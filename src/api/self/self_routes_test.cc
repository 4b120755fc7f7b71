#include "api/self/self_routes.h"

#include <gtest/gtest.h>

namespace sightline::api::self {
namespace {

TEST(SelfStatus, IsJson) {
  SelfStatus status{.version = "1",
                    .started_at = {1'000'000'000},
                    .now = {3'500'000'000},
                    .data_dir = "./d\"",
                    .roles = {"ui", "traces"}};
  status.listeners.push_back({"OTLP gRPC", "127.0.0.1:4317", "collector"});
  status.received.services.push_back({"cart", 7, {2'000'000'000}});
  EXPECT_EQ(
      to_json(status),
      R"({"version":"1","started_at":"1970-01-01T00:00:01Z","uptime_seconds":2.5,"data_dir":"./d\"","roles":["ui","traces"],)"
      R"("listeners":[{"name":"OTLP gRPC","address":"127.0.0.1:4317","role":"collector"}],)"
      R"("received":{"spans_total":0,"spans_per_second":0,"rejected_spans_total":0,"requests_total":0,"last_span_at":null,)"
      R"("services":[{"name":"cart","spans_total":7,"last_seen":"1970-01-01T00:00:02Z"}]},)"
      R"("stored":{"series":0,"samples_total":0,"exemplars":0,"live_traces":0,"trace_blocks":0,"spans":0,"bytes_on_disk":0}})");
}

TEST(SelfRoutes, AnswerMetricsAndStatus) {
  Telemetry telemetry;
  telemetry.counter("a_total", "A.").add(2);
  net::HttpRouter router;
  add_self_routes(router, telemetry, [] { return SelfStatus{.version = "x"}; });
  net::HttpRequest metrics{.method = "GET", .path = "/metrics"};
  EXPECT_EQ(router.dispatch(metrics).body,
            "# HELP a_total A.\n# TYPE a_total counter\na_total 2\n");
  net::HttpRequest self{.method = "GET", .path = "/api/self/status"};
  EXPECT_EQ(router.dispatch(self).headers.get("Content-Type"), "application/json");
}

}  // namespace
}  // namespace sightline::api::self
