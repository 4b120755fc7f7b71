#include <benchmark/benchmark.h>

#include "connectors/spanmetrics/span_metrics.h"
#include "wire/otlp/decode_traces.h"
#include "wire/otlp/testing/sample_request.h"

namespace sightline::connectors::spanmetrics {
namespace {

SpanMetricsOptions demo_options() {
  SpanMetricsOptions options;
  options.dimensions = {{"http.method", {}}, {"http.status_code", {}}};
  options.collector_instance_id = "44af08bf-f0e2-4816-8666-00ab6838bbe7";
  return options;
}

void BM_consume(benchmark::State& state) {
  static const SystemClock clock;
  static const auto metrics = SpanMetrics::create(clock, demo_options());
  const auto request = std::make_shared<const std::string>(
      wire::otlp::testing::make_sample_request({.service = state.thread_index() == 0 ? "a" : "b"}));
  const auto batch = wire::otlp::decode_traces(request)->batch;
  for (auto _ : state) (*metrics)->consume(*batch);
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * batch->spans.size()));
}
BENCHMARK(BM_consume)->Threads(1)->Threads(2);

void BM_changes(benchmark::State& state) {
  const SystemClock clock;
  const auto metrics = SpanMetrics::create(clock, demo_options());
  const auto request = std::make_shared<const std::string>(
      wire::otlp::testing::make_sample_request({.routes = 1000}));
  (*metrics)->consume(*wire::otlp::decode_traces(request)->batch);
  for (auto _ : state) benchmark::DoNotOptimize((*metrics)->changes_since(0));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * (*metrics)->series_count()));
}
BENCHMARK(BM_changes);

// What an exposition of as many series costs before it is text.
void BM_collect(benchmark::State& state) {
  const SystemClock clock;
  const auto metrics = SpanMetrics::create(clock, demo_options());
  const auto request = std::make_shared<const std::string>(
      wire::otlp::testing::make_sample_request({.routes = 1000}));
  (*metrics)->consume(*wire::otlp::decode_traces(request)->batch);
  for (auto _ : state) benchmark::DoNotOptimize((*metrics)->collect());
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * (*metrics)->series_count()));
}
BENCHMARK(BM_collect);

}  // namespace
}  // namespace sightline::connectors::spanmetrics
