// Appending, decoding, selecting and opening, on one core.
#include <benchmark/benchmark.h>

#include "base/log.h"
#include "io/testing_directory.h"
#include "tsdb/tsdb.h"

namespace sightline::tsdb {
namespace {

constexpr int64_t kStart = 1'700'000'000'000 / kDayMs * kDayMs;

struct BenchStore {
  explicit BenchStore(size_t series_count) {
    spdlog::set_level(spdlog::level::warn);
    options.directory = directory.path() + "/db";
    options.future_max_ms = 0;
    open();
    for (size_t i = 0; i < series_count; ++i)
      labels.push_back(model::make_labels({{"__name__", "http_request_duration_seconds_bucket"},
                                           {"pod", "checkout-" + std::to_string(i / 134)},
                                           {"route", "/api/v1/orders/" + std::to_string(i % 7)},
                                           {"method", i % 2 == 0 ? "GET" : "POST"},
                                           {"le", std::to_string(i % 134)}}));
  }
  void open() {
    db.reset();
    db = std::move(*Tsdb::open(*fs, clock, telemetry, options));
  }
  // One scrape of everything.
  void append(int64_t time) {
    auto appender = db->appender();
    if (ids.empty())
      for (const auto& l : labels) ids.push_back(*appender->series(l));
    for (size_t i = 0; i < ids.size(); ++i)
      (void)appender->append(
          ids[i], {time},
          static_cast<double>((time - kStart) / 1000 * static_cast<int64_t>(i % 5)));
    (void)appender->commit();
  }

  io::TestingDirectory directory;
  std::unique_ptr<io::FileSystem> fs = io::make_posix_file_system();
  ManualClock clock{TimestampNs{static_cast<uint64_t>(kStart) * 1'000'000}};
  Telemetry telemetry;
  TsdbOptions options;
  std::unique_ptr<Tsdb> db;
  std::vector<model::Labels> labels;
  std::vector<SeriesId> ids;
};

void BM_Append(benchmark::State& state) {
  BenchStore store(static_cast<size_t>(state.range(0)));
  int64_t time = kStart;
  store.append(time);
  for (auto _ : state) store.append(time += 15'000);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Append)->Arg(1'000)->Arg(20'000)->Unit(benchmark::kMillisecond);

void BM_ReadHead(benchmark::State& state) {
  BenchStore store(1'000);
  for (int i = 0; i < 480; ++i) store.append(kStart + i * 15'000);
  SampleColumns columns;
  for (auto _ : state) {
    auto querier = store.db->querier();
    auto set = (*querier)->select({}, {});
    for (size_t i = 0; i < (*set)->size(); ++i) (void)(*set)->read(i, {}, columns);
  }
  state.SetItemsProcessed(state.iterations() * 480'000);
}
BENCHMARK(BM_ReadHead)->Unit(benchmark::kMillisecond);

void BM_ReadBlock(benchmark::State& state) {
  BenchStore store(1'000);
  for (int i = 0; i < 480; ++i) store.append(kStart + i * 15'000);
  (void)store.db->flush();
  SampleColumns columns;
  for (auto _ : state) {
    auto querier = store.db->querier();
    auto set = (*querier)->select({}, {});
    for (size_t i = 0; i < (*set)->size(); ++i) (void)(*set)->read(i, {}, columns);
  }
  state.SetItemsProcessed(state.iterations() * 480'000);
  const BlockMeta meta = store.db->stats().blocks.front();
  state.counters["bytes_per_sample"] =
      static_cast<double>(meta.bytes) / static_cast<double>(meta.samples);
}
BENCHMARK(BM_ReadBlock)->Unit(benchmark::kMillisecond);

void BM_SelectOneOfMany(benchmark::State& state) {
  BenchStore store(20'000);
  store.append(kStart);
  const std::vector<Matcher> matchers = {*Matcher::create(MatchOp::kRegex, "pod", "checkout-1.*"),
                                         *Matcher::create(MatchOp::kEqual, "le", "5")};
  for (auto _ : state)
    benchmark::DoNotOptimize((*store.db->querier())->select(matchers, {}).value()->size());
}
BENCHMARK(BM_SelectOneOfMany)->Unit(benchmark::kMicrosecond);

void BM_OpenWithLog(benchmark::State& state) {
  BenchStore store(5'000);
  for (int i = 0; i < 200; ++i) store.append(kStart + i * 15'000);
  for (auto _ : state) store.open();
  state.SetItemsProcessed(state.iterations() * 1'000'000);
}
BENCHMARK(BM_OpenWithLog)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sightline::tsdb
