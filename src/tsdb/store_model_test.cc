// The store against a plain in-memory model, under a random schedule of
// transactions, rollbacks, deletes, snapshots, block cuts, compaction, retention and restarts.
// A failure prints its seed; SIGHTLINE_SEED replays it.
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <map>
#include <variant>

#include "base/random.h"
#include "tsdb/testing_store.h"

namespace sightline::tsdb {
namespace {

using model::Labels;

struct ModelSample {
  uint64_t bits = 0;  // of a float
  double histogram_count = -1;
  int64_t created = 0;
  friend bool operator==(const ModelSample&, const ModelSample&) = default;
};
struct ModelSeries {
  std::map<int64_t, ModelSample> samples;
  std::map<int64_t, double> exemplars;
};

class Schedule {
 public:
  Schedule(uint64_t seed, TsdbOptions options) : random_(seed), store_(std::move(options)) {
    for (int i = 0; i < 12; ++i)
      series_.push_back(
          model::make_labels({{"__name__", i % 3 == 0 ? "h" : "c"}, {"i", std::to_string(i)}}));
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) {
      switch (random_.below(40)) {
        case 0: store_.reopen(); break;
        case 1: flush(); break;
        case 2: skip(); break;
        case 3: check(); break;
        case 4: check_snapshot(); break;
        case 5: remove(); break;
        case 6: clean(); break;
        case 7: check_copy(); break;
        default: transaction(); break;
      }
      store_.clock().set_wall(TimestampNs{static_cast<uint64_t>(now_) * 1'000'000});
      if (random_.below(4) == 0) store_.db().maintain();
    }
    check();
    store_.reopen();
    check();
    ASSERT_TRUE(store_.db().clean_tombstones());
    check();
  }

 private:
  void skip() { now_ += static_cast<int64_t>(random_.below(static_cast<uint64_t>(5 * kHourMs))); }
  void flush() {
    if (random_.below(5) != 0) return;
    ASSERT_TRUE(store_.db().flush());
  }

  // Some of the series, a range that ends now or earlier.
  void remove() {
    if (random_.below(2) == 0) return;
    const bool native = random_.below(2) == 0;
    const std::string pattern = std::to_string(random_.below(10)) + "|1.*";
    const Matcher matchers[] = {*Matcher::create(MatchOp::kEqual, "__name__", native ? "h" : "c"),
                                *Matcher::create(MatchOp::kRegex, "i", pattern)};
    TimeRange range;
    range.max = {now_ - static_cast<int64_t>(random_.below(static_cast<uint64_t>(kDayMs)))};
    if (random_.below(4) != 0)
      range.min = {range.max.value -
                   static_cast<int64_t>(random_.below(static_cast<uint64_t>(6 * kHourMs)))};
    ASSERT_TRUE(store_.db().delete_series(matchers, range));
    const auto take = [&](auto& by_time) {
      by_time.erase(by_time.lower_bound(range.min.value), by_time.upper_bound(range.max.value));
    };
    for (auto& [labels, known] : model_) {
      if (!matchers[0].matches(labels.metric_name()) || !matchers[1].matches(labels.get("i")))
        continue;
      take(known.samples);
      // Thinning may have left those that are deleted now as the only ones of their time.
      const int64_t near = 3 * kHourMs;
      known.exemplars.erase(
          known.exemplars.lower_bound(std::max(range.min.value, kTestStart) - near),
          known.exemplars.upper_bound(range.max.value + near));
    }
  }
  void clean() { ASSERT_TRUE(random_.below(3) != 0 || store_.db().clean_tombstones()); }
  // A snapshot holds what the store holds.
  void check_copy() {
    if (random_.below(3) != 0) return;
    const auto name = store_.db().write_snapshot(Tsdb::SnapshotHead::kWithHead);
    ASSERT_TRUE(name) << name.error().message;
    TsdbOptions options = store_.options();
    options.directory += "/snapshots/" + *name + "/metrics";
    options.on_exemplar = nullptr;
    {
      Telemetry telemetry;
      auto copy = Tsdb::open(store_.fs(), store_.clock(), telemetry, options);
      ASSERT_TRUE(copy) << copy.error().message;
      auto querier = (*copy)->querier();
      auto set = (*querier)->select({}, {});
      SampleColumns columns;
      std::map<Labels, size_t> seen;
      for (size_t i = 0; i < (*set)->size(); ++i) {
        ASSERT_TRUE((*set)->read(i, {}, columns));
        const Labels& labels = (*set)->labels(i);
        ASSERT_EQ(samples_of(columns), samples_of(store_.read(labels))) << labels.to_string();
        std::vector<model::Exemplar> exemplars;
        ASSERT_TRUE((*set)->read_exemplars(i, {}, exemplars));
        ASSERT_EQ(exemplars, store_.exemplars(labels)) << labels.to_string();
        seen[labels] = columns.times.size();
      }
      for (const auto& [labels, known] : model_)
        ASSERT_TRUE(seen.contains(labels) || store_.read(labels).times.empty());
    }
    ASSERT_TRUE(store_.fs().remove_all(store_.path("snapshots")));
  }

  void transaction() {
    auto appender = store_.db().appender();
    std::map<Labels, ModelSeries> pending;
    const bool keep = random_.below(8) != 0;
    const uint64_t times = random_.below(30) + 1;
    for (uint64_t k = 0; k < times; ++k) {
      now_ += static_cast<int64_t>(random_.below(3) == 0 ? random_.below(200'000) : 15'000);
      for (const Labels& labels : series_)
        if (random_.below(3) != 0) one_sample(*appender, labels, pending);
    }
    if (!keep) return appender->rollback();
    ASSERT_TRUE(appender->commit());
    for (auto& [labels, fresh] : pending) {
      ModelSeries& known = model_[labels];
      for (const auto& each : fresh.samples)
        known.samples.insert(each);  // the first of one time stays
      for (const auto& each : fresh.exemplars) known.exemplars.insert(each);
    }
  }

  void one_sample(Appender& appender, const Labels& labels,
                  std::map<Labels, ModelSeries>& pending) {
    int64_t time = now_;
    if (random_.below(10) == 0)
      time -= static_cast<int64_t>(random_.below(static_cast<uint64_t>(90 * kMinuteMs)));
    const int64_t created = random_.below(3) == 0 ? kTestStart - 5 : 0;
    const std::optional<TimestampMs> start =
        created != 0 ? std::optional(TimestampMs{created}) : std::nullopt;
    const auto id = appender.series(labels);
    ASSERT_TRUE(id);
    ModelSample sample{.created = created};
    Status status;
    if (labels.metric_name() == "h") {
      model::Histogram h{.schema = 2, .count = static_cast<double>(random_.below(1000)), .sum = 1};
      h.positive_spans = {{0, 2}};
      h.positive_buckets = {h.count, 0};
      sample.histogram_count = h.count;
      status = appender.append_histogram(*id, {time}, h, start);
    } else {
      const double values[] = {static_cast<double>(random_.below(100)), random_.unit(),
                               model::stale_marker(), -0.0, 1e300};
      const double value = values[random_.below(20) == 0 ? random_.below(5) : random_.below(2)];
      sample.bits = std::bit_cast<uint64_t>(value);
      status = appender.append(*id, {time}, value, start);
    }
    if (status) pending[labels].samples.emplace(time, sample);
    if (random_.below(10) != 0) return;
    const model::Exemplar e =
        test_exemplar(time, random_.unit(), static_cast<uint8_t>(random_.below(255) + 1));
    if (appender.append_exemplar(*id, e)) pending[labels].exemplars.emplace(time, e.value);
  }

  static std::map<int64_t, ModelSample> samples_of(const SampleColumns& columns) {
    std::map<int64_t, ModelSample> out;
    for (size_t i = 0; i < columns.times.size(); ++i)
      out[columns.times[i]] = {.bits = std::bit_cast<uint64_t>(columns.values[i]),
                               .created = columns.created.empty() ? 0 : columns.created[i]};
    for (size_t i = 0; i < columns.histogram_times.size(); ++i)
      out[columns.histogram_times[i]] = {
          .histogram_count = columns.histograms[i]->count,
          .created = columns.histogram_created.empty() ? 0 : columns.histogram_created[i]};
    return out;
  }

  // Retention may have taken whole blocks that ended before this.
  int64_t kept_from() const {
    const int64_t retention = store_.options().retention_time_ms;
    return retention == 0 ? std::numeric_limits<int64_t>::min() : now_ - retention;
  }

  void check() {
    TimeRange range;
    if (random_.below(2) == 0) {
      range.min = {now_ - static_cast<int64_t>(random_.below(static_cast<uint64_t>(kDayMs)))};
      range.max = {range.min.value +
                   static_cast<int64_t>(random_.below(static_cast<uint64_t>(kDayMs)))};
    }
    for (const auto& [labels, known] : model_) {
      const SampleColumns columns = store_.read(labels, range);
      ASSERT_TRUE(std::is_sorted(columns.times.begin(), columns.times.end()));
      const auto found = samples_of(columns);
      for (const auto& [time, sample] : found) {
        ASSERT_TRUE(time >= range.min.value && time <= range.max.value);
        const auto expected = known.samples.find(time);
        ASSERT_NE(expected, known.samples.end())
            << labels.to_string() << " has an unknown sample at " << time;
        ASSERT_EQ(sample, expected->second) << labels.to_string() << " at " << time;
      }
      for (const auto& [time, sample] : known.samples)
        ASSERT_TRUE(!(time >= range.min.value && time <= range.max.value && time > kept_from()) ||
                    found.contains(time))
            << labels.to_string() << " lost its sample at " << time;
      check_exemplars(labels, known, range);
    }
  }

  void check_exemplars(const Labels& labels, const ModelSeries& known, TimeRange range) {
    const auto found = store_.exemplars(labels, range);
    std::set<int64_t> hours;
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_TRUE(i == 0 || found[i - 1].time <= found[i].time);
      ASSERT_TRUE(found[i].trace_id.is_valid());
      hours.insert(window_start(found[i].time.value, kHourMs));
    }
    if (range.min != TimestampMs::min()) return;
    for (const auto& [time, value] : known.exemplars)  // thinned perhaps, but never to none
      ASSERT_TRUE(time <= kept_from() || hours.contains(window_start(time, kHourMs)))
          << labels.to_string() << " " << time;
  }

  // What a querier saw when it was made it sees later.
  void check_snapshot() {
    auto querier = store_.db().querier();
    std::map<Labels, ModelSeries> then = model_;
    for (int i = 0; i < 3; ++i) transaction();
    store_.db().maintain();
    auto set = (*querier)->select({}, {});
    ASSERT_TRUE(set);
    SampleColumns columns;
    for (size_t i = 0; i < (*set)->size(); ++i) {
      ASSERT_TRUE((*set)->read(i, {}, columns));
      for (const auto& [time, sample] : samples_of(columns))
        ASSERT_TRUE(then[(*set)->labels(i)].samples.contains(time))
            << "sees what came later: " << time;
      for (const auto& [time, sample] : then[(*set)->labels(i)].samples)
        ASSERT_TRUE(time <= kept_from() || samples_of(columns).contains(time))
            << "no longer sees " << time;
    }
  }

  Random random_;
  TestingStore store_;
  std::vector<Labels> series_;
  std::map<Labels, ModelSeries> model_;
  int64_t now_ = kTestStart;
};

uint64_t seed_of_run() {
  const char* given = std::getenv("SIGHTLINE_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : Random::entropy_seed();
}

TsdbOptions model_options() {
  TsdbOptions options;
  options.future_max_ms = 0;
  options.exemplars = {.window_ms = kMinuteMs, .per_window_max = 3};
  return options;
}

TEST(StoreModel, InOrder) {
  const uint64_t seed = seed_of_run();
  SCOPED_TRACE("SIGHTLINE_SEED=" + std::to_string(seed));
  TsdbOptions options = model_options();
  options.retention_time_ms = 0;
  Schedule(seed, options).run(150);
}

TEST(StoreModel, OutOfOrderWithRetention) {
  const uint64_t seed = seed_of_run();
  SCOPED_TRACE("SIGHTLINE_SEED=" + std::to_string(seed));
  TsdbOptions options = model_options();
  options.out_of_order_window_ms = kHourMs;
  options.retention_time_ms = 3 * kDayMs;
  options.block_duration_max_ms = 18 * kHourMs;
  options.head_chunk_samples = 7;
  options.block_chunk_samples_max = 50;
  options.wal_segment_bytes_max = 20'000;
  Schedule(seed, options).run(150);
}

}  // namespace
}  // namespace sightline::tsdb
