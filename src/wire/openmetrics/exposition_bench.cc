#include <benchmark/benchmark.h>

#include <limits>

#include "wire/openmetrics/exposition_writer.h"

namespace sightline::wire::openmetrics {
namespace {

// Span metrics as a busy collector exposes them: `series` histograms of eleven buckets, exemplars in each.
std::vector<model::MetricFamily> histograms(int64_t series) {
  model::MetricFamily family{.name = "traces_span_metrics_duration_milliseconds",
                             .metadata = {.type = model::MetricType::kHistogram}};
  model::Exemplar exemplar{.value = 12.34, .time = {1795485383488}};
  exemplar.trace_id = *parse_trace_id("b58db8c520140689210aa4890326f594");
  exemplar.span_id = *parse_span_id("7adab10d29cb4769");
  for (int64_t i = 0; i < series; ++i) {
    model::MetricPoint point{.labels = model::LabelsBuilder()
                                           .set("job", "shop")
                                           .set("instance", "e61221fb-c1da-412d-9fd5-8ff9c6fd1410")
                                           .set("span_name", "GET /route/" + std::to_string(i))
                                           .set("service_name", "shop")
                                           .build(),
                             .time = {1795485383488},
                             .sum = 2500.853489,
                             .count = 110};
    for (int b = 0; b < 10; ++b)
      point.buckets.push_back(
          {static_cast<double>(2 << b), static_cast<uint64_t>(b * 10), exemplar});
    point.buckets.push_back({std::numeric_limits<double>::infinity(), 110, std::nullopt});
    family.points.push_back(std::move(point));
  }
  return {family};
}

class Discard final : public ExpositionSink {
 public:
  Status on_metadata(const ExpositionMetadata&) override { return {}; }
  Status on_sample(const ExpositionSample& sample) override {
    benchmark::DoNotOptimize(sample.value);
    return {};
  }
};

void BM_WriteOpenMetrics(benchmark::State& state) {
  const auto families = histograms(state.range(0));
  size_t bytes = 0;
  for (auto _ : state) bytes += write_exposition(families, ExpositionFormat::kOpenMetrics).size();
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(BM_WriteOpenMetrics)->Arg(100)->Arg(1200);

void BM_ParseOpenMetrics(benchmark::State& state) {
  const std::string text =
      write_exposition(histograms(state.range(0)), ExpositionFormat::kOpenMetrics);
  Discard sink;
  for (auto _ : state)
    benchmark::DoNotOptimize(parse_exposition(text, ExpositionFormat::kOpenMetrics, sink));
  state.SetBytesProcessed(static_cast<int64_t>(text.size()) * state.iterations());
}
BENCHMARK(BM_ParseOpenMetrics)->Arg(100)->Arg(1200);

}  // namespace
}  // namespace sightline::wire::openmetrics
