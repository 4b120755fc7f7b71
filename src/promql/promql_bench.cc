// Range queries over 20,000 series with five hours of samples 15 s apart, at steps of 30 s: what dashboards ask.
// PROMQL_BENCH_ONLY=name loads the series of one metric alone, for a profile of one query.
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "base/log.h"
#include "io/testing_directory.h"
#include "promql/engine.h"
#include "tsdb/tsdb.h"

namespace sightline::promql {
namespace {

constexpr int64_t kStart = 1'700'000'000'000 / tsdb::kDayMs * tsdb::kDayMs;
constexpr int64_t kScrapeMs = 15'000;
constexpr int64_t kLookbackMs = 600'000;  // so that the first steps see a full window
constexpr int64_t kRangeMs = 5 * tsdb::kHourMs;

// Made once, shared by all queries.
class BenchData {
 public:
  static BenchData& instance() {
    static BenchData data;
    return data;
  }

  Engine& engine() { return *engine_; }
  tsdb::Tsdb& db() { return *db_; }

 private:
  BenchData() {
    spdlog::set_level(spdlog::level::warn);
    options_.directory = directory_.path() + "/db";
    options_.future_max_ms = 0;
    db_ = std::move(*tsdb::Tsdb::open(*fs_, clock_, telemetry_, options_));
    engine_ = std::make_unique<Engine>(*db_, wall_, &pool_);
    make_series();
    for (int64_t t = kStart; t <= kStart + kLookbackMs + kRangeMs; t += kScrapeMs) scrape(t);
  }

  struct Source {
    model::Labels labels;
    tsdb::SeriesId id;
    uint32_t pace = 1;  // how fast a counter grows
    bool gauge = false;
    double value = 0;
  };

  void add(std::initializer_list<model::LabelView> labels, uint32_t pace, bool gauge = false) {
    if (only_ != nullptr && labels.begin()->value != only_) return;
    sources_.push_back({model::make_labels(labels), {}, pace, gauge, 0});
  }

  void make_series() {
    const auto text = [](int i) { return std::to_string(i); };
    for (int route = 0; route < 30; ++route)
      for (int instance = 0; instance < 30; ++instance) {
        const std::string route_text = "/r" + text(route);
        const std::string instance_text = "i" + text(instance);
        for (const char* status : {"200", "404", "500"})
          add({{"__name__", "requests_total"},
               {"route", route_text},
               {"instance", instance_text},
               {"status", status}},
              7);
        for (int le = 0; le < 12; ++le)
          add({{"__name__", "duration_seconds_bucket"},
               {"route", route_text},
               {"instance", instance_text},
               {"le", le == 11 ? "+Inf" : text(1 << le)}},
              static_cast<uint32_t>(le + 1));
      }
    for (int i = 0; i < 1500; ++i)
      add({{"__name__", "x_total"}, {"n", text(i)}}, static_cast<uint32_t>(i % 40 + 1));
    for (int i = 0; i < 150; ++i) {
      add({{"__name__", "many"}, {"instance", "i" + text(i)}, {"kind", "a"}}, 3, true);
      add({{"__name__", "one"}, {"instance", "i" + text(i)}, {"version", "v" + text(i % 5)}}, 3,
          true);
    }
    for (int i = 0; i < 50; ++i) add({{"__name__", "temperature"}, {"room", text(i)}}, 3, true);
    while (only_ == nullptr && sources_.size() < 20'000)
      add({{"__name__", "filler"}, {"n", text(static_cast<int>(sources_.size()))}}, 3, true);
  }

  void scrape(int64_t time) {
    auto appender = db_->appender();
    for (Source& s : sources_) {
      if (s.id.value == 0) s.id = *appender->series(s.labels);
      random_ = random_ * 6364136223846793005u + 1442695040888963407u;
      const auto draw = static_cast<uint32_t>(random_ >> 40);
      if (s.gauge)
        s.value = static_cast<double>(draw % 1000) / 8;
      else
        s.value =
            draw % 4096 == 0
                ? 0
                : s.value + static_cast<double>(draw % (s.pace * 2));  // now and then a restart
      (void)appender->append(s.id, {time}, s.value);
    }
    (void)appender->commit();
  }

  const char* only_ = std::getenv("PROMQL_BENCH_ONLY");
  io::TestingDirectory directory_;
  std::unique_ptr<io::FileSystem> fs_ = io::make_posix_file_system();
  ManualClock clock_{TimestampNs{static_cast<uint64_t>(kStart) * 1'000'000}};
  SystemClock wall_;
  Telemetry telemetry_;
  tsdb::TsdbOptions options_;
  std::unique_ptr<tsdb::Tsdb> db_;
  std::vector<Source> sources_;
  uint64_t random_ = 42;
  WorkPool pool_{{.thread_count = 2}};
  std::unique_ptr<Engine> engine_;
};

void run_range(benchmark::State& state, const char* query, bool provenance) {
  BenchData& data = BenchData::instance();
  const TimestampMs from{kStart + kLookbackMs};
  size_t series = 0;
  for (auto _ : state) {
    const auto result = data.engine().range(query, from, {from.value + kRangeMs},
                                            std::chrono::seconds(30), {.provenance = provenance});
    if (!result) return state.SkipWithError(result.error().message.c_str());
    series = result->series.size();
  }
  state.counters["series"] = static_cast<double>(series);
}

void range_query(benchmark::State& state, const char* query) { run_range(state, query, false); }
void with_provenance(benchmark::State& state, const char* query) { run_range(state, query, true); }

void instant_query(benchmark::State& state, const char* query) {
  BenchData& data = BenchData::instance();
  for (auto _ : state) {
    const auto result = data.engine().instant(query, {kStart + kLookbackMs + kRangeMs});
    if (!result) return state.SkipWithError(result.error().message.c_str());
    benchmark::DoNotOptimize(result->series.size());
  }
}

// The floor: select and decode what the first query reads, and nothing else.
void read_samples(benchmark::State& state) {
  BenchData& data = BenchData::instance();
  const auto matcher = *tsdb::Matcher::create(tsdb::MatchOp::kEqual, "__name__", "requests_total");
  const tsdb::TimeRange range{{kStart}, {kStart + kLookbackMs + kRangeMs}};
  for (auto _ : state) {
    const auto querier = data.db().querier();
    const auto set = (*querier)->select({&matcher, 1}, range);
    tsdb::SampleColumns samples;
    for (size_t i = 0; i < (*set)->size(); ++i) (void)(*set)->read(i, range, samples);
  }
}

constexpr const char* kSumRate = "sum by (route)(rate(requests_total[5m]))";
constexpr const char* kQuantile =
    "histogram_quantile(0.99, sum by (le)(rate(duration_seconds_bucket[5m])))";

BENCHMARK(read_samples)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime();
#define RANGE_QUERY(name, query)              \
  BENCHMARK_CAPTURE(range_query, name, query) \
      ->Unit(benchmark::kMillisecond)         \
      ->MeasureProcessCPUTime()               \
      ->UseRealTime()
RANGE_QUERY(sum_by_route_of_rate, kSumRate);
RANGE_QUERY(rate_of_buckets, "rate(duration_seconds_bucket[5m])");
RANGE_QUERY(quantile_by_le, kQuantile);
RANGE_QUERY(quantile_by_le_route,
            "histogram_quantile(0.99, sum by (le, route)(rate(duration_seconds_bucket[5m])))");
RANGE_QUERY(ratio_of_sums,
            R"(sum(rate(requests_total{status=~"5.."}[5m])) / sum(rate(requests_total[5m])))");
RANGE_QUERY(topk_of_rate, "topk(5, rate(x_total[5m]))");
RANGE_QUERY(many_to_one, "many * on (instance) group_left (version) one");
RANGE_QUERY(max_over_hour, "max_over_time(temperature[1h])");
RANGE_QUERY(subquery, "max_over_time(sum(rate(x_total[1m]))[10m:30s])");
RANGE_QUERY(count_everything, R"(count({__name__=~".+"}))");
BENCHMARK_CAPTURE(instant_query, quantile, kQuantile)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(with_provenance, sum_by_route_of_rate, kSumRate)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(with_provenance, quantile_by_le, kQuantile)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

}  // namespace
}  // namespace sightline::promql
