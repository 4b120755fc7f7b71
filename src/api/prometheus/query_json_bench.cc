// How fast a large matrix becomes JSON: 10,800 series of 601 steps, as a dashboard's rate() over buckets returns them.
#include <benchmark/benchmark.h>

#include <random>

#include "api/prometheus/query_json.h"

namespace sightline::api::prometheus {
namespace {

constexpr size_t kSeries = 10'800;
constexpr size_t kSteps = 601;

enum Values : int64_t { kRandomRates, kRepeatingRates, kIntegers };

promql::QueryResult matrix(int64_t kind) {
  std::mt19937_64 random(1);
  promql::QueryResult result;
  result.type = promql::ValueType::kMatrix;
  result.is_range = true;
  result.grid = {1'795'485'328'000, 30'000, kSteps};
  for (size_t i = 0; i < kSeries; ++i) {
    promql::Series series(
        model::make_labels(
            {{"job", "shop"}, {"route", "/cart"}, {"instance", "host-" + std::to_string(i)}}),
        kSteps);
    double value = 0;
    for (size_t step = 0; step < kSteps; ++step) {
      if (kind == kRandomRates || step % 20 == 0)
        value = static_cast<double>(random() % 100'000) / 285.0;
      series.set_float(step, kind == kIntegers ? std::floor(value * 1000) : value);
    }
    result.series.push_back(std::move(series));
  }
  return result;
}

void BM_MatrixToJson(benchmark::State& state) {
  WorkPool pool({.thread_count = 2});
  size_t bytes = 0, largest = 0;
  for (auto _ : state) {
    state.PauseTiming();
    ResultShape shape;
    if (state.range(1) > 1) shape.pool = &pool;
    auto source = query_data(matrix(state.range(0)), shape);
    state.ResumeTiming();
    std::string piece;
    for (auto next = net::BodySource::Next::kMore; next == net::BodySource::Next::kMore;) {
      piece.clear();
      next = source->next(piece);
      bytes += piece.size();
      largest = std::max(largest, piece.size());
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
  state.counters["ns/point"] = benchmark::Counter(
      static_cast<double>(kSeries * kSteps) * static_cast<double>(state.iterations()) / 1e9,
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["largest_piece_bytes"] = static_cast<double>(largest);
}
BENCHMARK(BM_MatrixToJson)
    ->ArgsProduct({{kRandomRates, kRepeatingRates, kIntegers}, {1, 2}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MinTime(0.3);

}  // namespace
}  // namespace sightline::api::prometheus
