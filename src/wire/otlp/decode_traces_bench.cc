#include <benchmark/benchmark.h>

#include "wire/otlp/decode_traces.h"
#include "wire/otlp/encode_traces.h"
#include "wire/otlp/scan_traces.h"
#include "wire/otlp/testing/sample_request.h"

namespace sightline::wire::otlp {
namespace {

void set_rates(benchmark::State& state, size_t bytes, size_t spans) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * spans));
  state.counters["bytes_per_span"] = static_cast<double>(bytes) / static_cast<double>(spans);
}

void BM_decode_traces(benchmark::State& state) {
  const auto request = std::make_shared<const std::string>(testing::make_sample_request());
  for (auto _ : state) benchmark::DoNotOptimize(decode_traces(request));
  set_rates(state, request->size(), 395);
}
BENCHMARK(BM_decode_traces);

void BM_scan_traces(benchmark::State& state) {
  const auto request = testing::make_sample_request();
  for (auto _ : state) benchmark::DoNotOptimize(scan_traces(request));
  set_rates(state, request.size(), 395);
}
BENCHMARK(BM_scan_traces);

// Every span written from its views.
void BM_encode_traces(benchmark::State& state) {
  const auto request = std::make_shared<const std::string>(testing::make_sample_request());
  model::SpanBatch batch = *decode_traces(request)->batch;
  batch.encoded = {};
  for (auto& span : batch.spans) span.encoded = {};
  for (auto _ : state) benchmark::DoNotOptimize(encode_traces(batch));
  set_rates(state, request->size(), 395);
}
BENCHMARK(BM_encode_traces);

}  // namespace
}  // namespace sightline::wire::otlp
