// What a query costs for each series and step, from a hundred series to a million: it must not grow with their number.
// The store makes samples up as they are read, so that the evaluator is what is measured.
#include <benchmark/benchmark.h>

#include "promql/engine.h"

namespace sightline::promql {
namespace {

constexpr int64_t kScrapeMs = 15'000;
constexpr int64_t kStepMs = 30'000;
constexpr int64_t kStart = 1'700'000'000'000 / kStepMs * kStepMs;

class MadeUpSeries final : public tsdb::SeriesSet {
 public:
  explicit MadeUpSeries(const std::vector<model::Labels>& labels) : labels_(labels) {}
  size_t size() const override { return labels_.size(); }
  const model::Labels& labels(size_t i) const override { return labels_[i]; }
  Status read(size_t i, tsdb::TimeRange range, tsdb::SampleColumns& out) const override {
    out.clear();
    const int64_t first = (range.min.value + kScrapeMs - 1) / kScrapeMs * kScrapeMs;
    for (int64_t t = first; t <= range.max.value; t += kScrapeMs) {
      out.times.push_back(t);
      out.values.push_back(static_cast<double>(t / kScrapeMs * static_cast<int64_t>(i % 17 + 1)));
    }
    return {};
  }
  Status read_exemplars(size_t, tsdb::TimeRange, std::vector<model::Exemplar>&) const override {
    return {};
  }

 private:
  const std::vector<model::Labels>& labels_;
};

// `a_total` and `b_total`, so many series of each.
class MadeUpStore final : public tsdb::Queryable, public tsdb::Querier {
 public:
  explicit MadeUpStore(size_t series) {
    for (size_t i = 0; i < series; ++i) {
      std::string number = std::to_string(i);
      number.insert(0, 7 - number.size(), '0');  // sorted
      for (auto* list : {&a_, &b_})
        list->push_back(model::make_labels({{"__name__", list == &a_ ? "a_total" : "b_total"},
                                            {"group", std::to_string(i % 10)},
                                            {"i", number}}));
    }
  }
  Result<std::unique_ptr<tsdb::Querier>> querier(StillWanted /*wanted*/) const override {
    return std::make_unique<Forward>(*this);
  }
  Result<std::unique_ptr<tsdb::SeriesSet>> select(std::span<const tsdb::Matcher> matchers,
                                                  tsdb::TimeRange) const override {
    return std::make_unique<MadeUpSeries>(matchers[0].value() == "a_total" ? a_ : b_);
  }
  Result<std::vector<std::string>> label_names(std::span<const tsdb::Matcher>,
                                               tsdb::TimeRange) const override {
    return std::vector<std::string>();
  }
  Result<std::vector<std::string>> label_values(std::string_view, std::span<const tsdb::Matcher>,
                                                tsdb::TimeRange) const override {
    return std::vector<std::string>();
  }
  std::map<std::string, model::MetricMetadata> metadata(std::string_view) const override {
    return {};
  }

 private:
  class Forward final : public tsdb::Querier {
   public:
    explicit Forward(const MadeUpStore& store) : store_(store) {}
    Result<std::unique_ptr<tsdb::SeriesSet>> select(std::span<const tsdb::Matcher> m,
                                                    tsdb::TimeRange r) const override {
      return store_.select(m, r);
    }
    Result<std::vector<std::string>> label_names(std::span<const tsdb::Matcher> m,
                                                 tsdb::TimeRange r) const override {
      return store_.label_names(m, r);
    }
    Result<std::vector<std::string>> label_values(std::string_view name,
                                                  std::span<const tsdb::Matcher> m,
                                                  tsdb::TimeRange r) const override {
      return store_.label_values(name, m, r);
    }
    std::map<std::string, model::MetricMetadata> metadata(std::string_view m) const override {
      return store_.metadata(m);
    }

   private:
    const MadeUpStore& store_;
  };

  std::vector<model::Labels> a_, b_;
};

void cost(benchmark::State& state, const char* query) {
  const auto series = static_cast<size_t>(state.range(0));
  const auto steps = state.range(1);
  const MadeUpStore store(series);
  SystemClock clock;
  WorkPool pool({.thread_count = 2});
  const Engine engine(store, clock, &pool);
  const TimestampMs end{kStart + (steps - 1) * kStepMs};
  for (auto _ : state) {
    const auto result = engine.range(query, {kStart}, end, std::chrono::milliseconds(kStepMs));
    if (!result) return state.SkipWithError(result.error().message.c_str());
    benchmark::DoNotOptimize(result->series.size());
  }
  state.counters["cpu_ns_per_point"] = benchmark::Counter(
      static_cast<double>(series) * static_cast<double>(steps) / 1e9,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void sizes(benchmark::internal::Benchmark* b) {
  for (const int64_t series : {100, 1'000, 10'000, 100'000, 1'000'000}) b->Args({series, 10});
  for (const int64_t steps : {1, 100, 1'000, 10'000}) b->Args({1'000, steps});
  b->ArgNames({"series", "steps"})->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
}

BENCHMARK_CAPTURE(cost, selector, "a_total")->Apply(sizes);
BENCHMARK_CAPTURE(cost, sum_by_group_of_rate, "sum by (group) (rate(a_total[5m]))")->Apply(sizes);
BENCHMARK_CAPTURE(cost, rate, "rate(a_total[5m])")->Apply(sizes);
BENCHMARK_CAPTURE(cost, topk, "topk(5, a_total)")->Apply(sizes);
BENCHMARK_CAPTURE(cost, join, "sum(a_total * on (i) b_total)")->Apply(sizes);
BENCHMARK_CAPTURE(cost, quantile, "quantile by (group) (0.9, a_total)")->Apply(sizes);

}  // namespace
}  // namespace sightline::promql
