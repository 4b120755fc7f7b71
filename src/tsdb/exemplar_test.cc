// Which exemplars are kept, and how they lie in a block.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>

#include "base/random.h"
#include "tsdb/block/exemplar_pages.h"
#include "tsdb/testing_store.h"

namespace sightline::tsdb {
namespace {

using model::make_labels;

StoredExemplar random_exemplar(Random& random, int64_t time, double value) {
  StoredExemplar e{.time = time, .value = value};
  const uint64_t ids[] = {random.next() | 1, random.next(), random.next() | 1};
  std::memcpy(e.trace_id.bytes.data(), ids, 16);
  std::memcpy(e.span_id.bytes.data(), ids + 2, 8);
  return e;
}

std::vector<StoredExemplar> some_exemplars(Random& random, size_t count) {
  std::vector<StoredExemplar> out;
  for (size_t i = 0; i < count; ++i) {
    StoredExemplar e = random_exemplar(random, static_cast<int64_t>(i * 100), random.unit());
    if (random.below(4) == 0)
      e.labels = std::make_shared<std::string>(
          make_labels({{"k", random.below(2) == 0 ? "v" : "w"}}).packed());
    if (random.below(9) == 0) e.trace_id = {};
    e.has_time = random.below(3) != 0;
    out.push_back(std::move(e));
  }
  return out;
}

// Pages as a block would store them, and what comes back.
class Pages {
 public:
  void add(std::vector<StoredExemplar> exemplars) {
    lists_.push_back(writer_.add(exemplars));
    count_ += exemplars.size();
    series_.push_back(std::move(exemplars));
    if (writer_.is_full()) pages_.push_back(writer_.take());
  }
  void finish() {
    if (!writer_.is_empty()) pages_.push_back(writer_.take());
  }
  void expect_same() const {
    ExemplarPageCache cache;
    const ExemplarPageSource page_of = [&](uint64_t page) {
      return ExemplarPage::decode(pages_[page]);
    };
    for (size_t s = 0; s < series_.size(); ++s) {
      std::vector<StoredExemplar> back;
      const auto status = read_exemplar_list(lists_[s], page_of, back);
      ASSERT_TRUE(status) << status.error().message;
      ASSERT_EQ(back.size(), series_[s].size());
      for (size_t i = 0; i < back.size(); ++i) {
        ASSERT_TRUE(same_exemplar(back[i], series_[s][i])) << s << " " << i;
        ASSERT_EQ(back[i].has_time, series_[s][i].has_time);
      }
    }
  }
  double bytes_each() const {
    size_t bytes = 0;
    for (const std::string& page : pages_) bytes += page.size() + 8;  // checksum and table
    return static_cast<double>(bytes) / static_cast<double>(count_);
  }
  const std::vector<std::string>& pages() const { return pages_; }

 private:
  ExemplarPagesWriter writer_;
  std::vector<ExemplarList> lists_;
  std::vector<std::vector<StoredExemplar>> series_;
  std::vector<std::string> pages_;
  size_t count_ = 0;
};

TEST(ExemplarPages, RoundTrip) {
  Random random(1);
  Pages pages;
  std::vector<StoredExemplar> earlier;
  for (int s = 0; s < 200; ++s) {
    auto exemplars = some_exemplars(random, random.below(60) + 1);
    // Some of the measurements of a series before, some of them with another value.
    for (StoredExemplar& e : exemplars)
      if (!earlier.empty() && random.below(2) == 0) {
        e = earlier[random.below(earlier.size())];
        if (random.below(4) == 0) e.value = 1;
      }
    std::stable_sort(exemplars.begin(), exemplars.end(),
                     [](const auto& a, const auto& b) { return a.time < b.time; });
    earlier.insert(earlier.end(), exemplars.begin(), exemplars.end());
    pages.add(std::move(exemplars));
  }
  // Times that are far apart.
  pages.add({random_exemplar(random, -kTimeAbsMax, 1), random_exemplar(random, 5, -0.0),
             random_exemplar(random, kTimeAbsMax, std::nan(""))});
  pages.finish();
  EXPECT_GT(pages.pages().size(), 4u);
  pages.expect_same();
  for (const std::string& page : pages.pages())
    for (size_t length = 0; length < std::min<size_t>(page.size(), 40); ++length)
      (void)ExemplarPage::decode(std::string_view(page).substr(0, length));
}

// Span metrics as the collector makes them: each second the newest span of the counter and of each bucket of the histogram
// beside it, durations in nanoseconds, every id random.
TEST(ExemplarPages, OfSpanMetricsTakeAtMost24BytesEach) {
  Random random(7);
  const std::array<double, 10> bounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5};
  std::vector<std::vector<StoredExemplar>> counters;
  std::vector<std::vector<StoredExemplar>> buckets;
  const ExemplarBudget budget;
  for (int series = 0; series < 50; ++series) {
    std::vector<StoredExemplar> counter;
    std::vector<std::vector<StoredExemplar>> own(bounds.size() + 1);
    const double typical = 0.003 * std::pow(1.1, series % 40);
    for (int second = 0; second < 1800; ++second) {
      std::vector<StoredExemplar> newest(own.size());
      std::optional<StoredExemplar> last;
      for (uint64_t n = random.below(4); n > 0; --n) {
        const double u = random.unit() + random.unit() + random.unit() - 1.5;
        const double seconds = std::round(typical * std::exp(u) * 1e9) / 1e9;
        const auto bucket = static_cast<size_t>(
            std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin());
        last = random_exemplar(
            random, kTestStart + second * 1000 + static_cast<int64_t>(random.below(1000)), seconds);
        newest[bucket] = *last;
      }
      if (last) counter.push_back(*last);
      for (size_t b = 0; b < own.size(); ++b)
        if (newest[b].trace_id.is_valid()) own[b].push_back(newest[b]);
    }
    counters.push_back(std::move(counter));
    for (auto& each : own) buckets.push_back(std::move(each));
  }
  Pages pages;
  for (auto* series : {&counters, &buckets})
    for (auto& exemplars : *series) {
      std::stable_sort(exemplars.begin(), exemplars.end(),
                       [](const auto& a, const auto& b) { return a.time < b.time; });
      thin_exemplars(exemplars, budget);
      if (!exemplars.empty()) pages.add(std::move(exemplars));
    }
  pages.finish();
  pages.expect_same();
  RecordProperty("bytes_each", std::to_string(pages.bytes_each()));
  std::printf("span metrics: %.2f bytes an exemplar\n", pages.bytes_each());
  EXPECT_LE(pages.bytes_each(), 24.0);
}

// Nothing shared: the ids alone take 24, the value about three and the time two.
TEST(ExemplarPages, OfUnrelatedSeriesTakeLittleMoreThanTheirIds) {
  Random random(3);
  Pages pages;
  for (int series = 0; series < 500; ++series) {
    std::vector<StoredExemplar> exemplars;
    for (int64_t i = 0; i < 20; ++i)
      exemplars.push_back(random_exemplar(
          random, kTestStart + i * 60'000 + static_cast<int64_t>(random.below(15'000)),
          std::round((0.01 + random.unit() * 0.015) * 1e9) / 1e9));
    pages.add(std::move(exemplars));
  }
  pages.finish();
  pages.expect_same();
  std::printf("unrelated: %.2f bytes an exemplar\n", pages.bytes_each());
  EXPECT_LE(pages.bytes_each(), 30.0);
}

TEST(ExemplarPolicy, KeepsTheTellingOnes) {
  Random random(2);
  auto all = some_exemplars(random, 600);  // a minute's worth
  const ExemplarBudget budget{.window_ms = 60'000, .per_window_max = 16};
  auto kept = all;
  thin_exemplars(kept, budget);
  EXPECT_GE(kept.size(), 16u);
  EXPECT_LE(kept.size(), 17u);
  const auto by_value = [](const auto& a, const auto& b) { return a.value < b.value; };
  EXPECT_EQ(std::min_element(kept.begin(), kept.end(), by_value)->value,
            std::min_element(all.begin(), all.end(), by_value)->value);
  EXPECT_EQ(std::max_element(kept.begin(), kept.end(), by_value)->value,
            std::max_element(all.begin(), all.end(), by_value)->value);
  EXPECT_EQ(kept.back().time, all.back().time);
  auto again = kept;
  thin_exemplars(again, budget);
  EXPECT_EQ(again.size(), kept.size());
  // One at a time comes to the same.
  std::vector<StoredExemplar> grown;
  for (const auto& e : all) {
    grown.push_back(e);
    thin_exemplars(grown, budget);
  }
  ASSERT_EQ(grown.size(), kept.size());
  for (size_t i = 0; i < kept.size(); ++i) EXPECT_TRUE(same_exemplar(grown[i], kept[i])) << i;
}

TEST(ExemplarPolicy, KeepsOneOfEachBucketOfANativeHistogram) {
  const ExemplarBudget budget{
      .window_ms = 60'000, .per_window_max = 4, .per_window_native_max = 12};
  const auto kept_of = [&](const model::Histogram& buckets, std::span<const double> rare) {
    Random random(4);
    std::vector<StoredExemplar> all;
    for (int64_t i = 0; i < 500; ++i) all.push_back(random_exemplar(random, i * 100, 1.01));
    for (size_t i = 0; i < rare.size(); ++i) all[i * 50 + 7].value = rare[i];
    thin_exemplars(all, budget, 0, &buckets);
    return all;
  };
  const auto expect_all = [&](const std::vector<StoredExemplar>& kept,
                              std::span<const double> rare) {
    EXPECT_LE(kept.size(), 13u);
    for (const double value : rare)
      EXPECT_TRUE(std::any_of(kept.begin(), kept.end(), [&](const auto& e) {
        return e.value == value;
      })) << value;
  };
  const std::array<double, 7> rare = {-3, 0, 0.3, 1.5, 2.4, 9, 100};
  expect_all(kept_of({.schema = 2, .zero_threshold = 1e-9}, rare), rare);
  const std::array<double, 3> within = {5, 15, 25};
  expect_all(kept_of({.schema = model::kCustomBucketsSchema, .custom_values = {2, 10, 20}}, within),
             within);
  // More buckets than there is room for: one of each coarser one.
  std::vector<double> many;
  for (int i = 0; i < 9; ++i) many.push_back(std::pow(2.0, i) * 1.4);
  expect_all(kept_of({.schema = 8, .zero_threshold = 1e-9}, many), many);
}

TEST(ExemplarPolicy, AHotSeriesTakesNothingFromOthersAndNoWindowIsEmptied) {
  TsdbOptions options;
  options.future_max_ms = 0;
  options.retention_time_ms = 0;
  TestingStore store(options);
  Random random(5);
  const auto hot = make_labels({{"__name__", "hot"}});
  const auto quiet = make_labels({{"__name__", "quiet"}});
  for (int64_t minute = 0; minute < 5 * 60; ++minute) {
    auto appender = store.db().appender();
    const int64_t time = kTestStart + minute * kMinuteMs;
    for (int64_t i = 0; i < 100; ++i)
      ASSERT_TRUE(appender->append_exemplar(
          *appender->series(hot),
          random_exemplar(random, time + i * 500, random.unit()).to_exemplar()));
    ASSERT_TRUE(minute % 20 != 0 ||
                appender->append_exemplar(*appender->series(quiet),
                                          random_exemplar(random, time, 1).to_exemplar()));
    ASSERT_TRUE(appender->append(*appender->series(hot), {time}, 1));
    ASSERT_TRUE(appender->commit());
  }
  const auto check = [&] {
    EXPECT_EQ(store.exemplars(quiet).size(), 15u);
    std::set<int64_t> windows;
    for (const auto& e : store.exemplars(hot))
      windows.insert(window_start(e.time.value, 10 * kMinuteMs));
    EXPECT_EQ(windows.size(), 30u);
  };
  check();
  EXPECT_LE(store.exemplars(hot).size(), 300u * 17);
  ASSERT_TRUE(store.db().flush());
  for (int i = 0; i < 3; ++i) store.db().maintain();
  check();
  store.reopen();
  check();
}

}  // namespace
}  // namespace sightline::tsdb
